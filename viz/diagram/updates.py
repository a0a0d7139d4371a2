"""What the optimiser made of each parameter, by its own equations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from micrograd.optim.equation import NEW, Equation
from micrograd.reading.reading import Element, Reading
from micrograd.text.equations import Quantity, figure, holds, quantities
from micrograd.text.words import exact
from viz.diagram.rows import Live, Rows
from viz.drawing.cards import Band, ColouredText, Row, plain
from viz.drawing.palette import UPDATE, Role

WEIGHT, GRADIENT_OF_IT = "W", "g"
MOST_DIGITS = 17

Column = tuple[str, Role, tuple[str, ...]]


@dataclass(frozen=True)
class Updates:
    """Makes the bands and columns of updates; `trained` is False where there are none."""

    reading: Reading
    rows: Rows
    trained: bool

    def equations(self, position: int, name: str = WEIGHT) -> tuple[Equation, ...]:
        """How a parameter, called by `name`, was updated; nothing where it was not."""
        scalar = self.reading.scalars.get(position) if self.trained else None
        return () if scalar is None else equations_of(scalar, position, name)

    def bands(self, position: int, name: str = WEIGHT) -> tuple[Band, ...]:
        """A row for each equation, with its numbers."""
        rows = []
        for equation in self.equations(position, name):
            shown = self.rows.number(equation.value)
            detail = self.rows.small_print(equation.expression, shown, UPDATE)
            name = self.rows.say("new value") if equation.name == NEW else equation.text()
            live = Live(
                equation.result, None, equation.expression if detail else None, position=position
            )
            rows.append(Row(name, shown, detail=detail, live=live))
        return (Band(UPDATE, tuple(rows)),) if rows else ()

    def of(self, positions: Sequence[int]) -> list[tuple[Equation, ...]]:
        """The equations of several parameters; nothing unless all were updated."""
        found = [self.equations(i) for i in positions]
        return found if all(found) else []

    def columns(
        self, found: Sequence[tuple[Equation, ...]], digits: Mapping[str, int]
    ) -> Iterator[Column]:
        """The state before the step, and what each equation gives, a line for each parameter."""
        for values in self.quantities(found):
            name = values[0].name
            said = self.rows.say("new") if name == NEW else name
            yield said, UPDATE, tuple(self._text(q, digits) for q in values)

    def quantities(self, found: Sequence[tuple[Equation, ...]]) -> list[list[Quantity]]:
        """The numbers of those columns."""
        if not found:
            return []
        given = (WEIGHT, GRADIENT_OF_IT, *(e.name for e in found[0]))
        old = [q.name for e in found[0] for q in quantities(e.expression)
               if not q.exact and q.name not in given]  # fmt: skip
        before = [
            [_quantity(equations, name) for equations in found] for name in dict.fromkeys(old)
        ]
        return before + [[e.result for e in same] for same in zip(*found, strict=True)]

    def notes(
        self, found: Sequence[tuple[Equation, ...]], gradient: str
    ) -> list[tuple[ColouredText, ...]]:
        """Small print: the equations with names; a single one speaks of the gradient by name."""
        if not found:
            return []
        if len(found[0]) == 1:
            return [plain(UPDATE, found[0][0].text().replace(f" {GRADIENT_OF_IT}", f" {gradient}"))]
        return [plain(UPDATE, equation.text()) for equation in found[0]]

    def _text(self, q: Quantity, digits: Mapping[str, int]) -> str:
        return text(q, digits, self.rows.digits)


def equations_of(scalar: Element, position: int, name: str) -> tuple[Equation, ...]:
    """How one element of a parameter, called by `name`, was updated; nothing where it was not."""
    if scalar.record.gradient is None:
        return ()
    before, gradient = scalar.record.before[scalar.index], scalar.record.gradient[scalar.index]
    p = Quantity(name, float(before), source=("value", position))
    g = Quantity(GRADIENT_OF_IT, float(gradient), source=("gradient", position))
    return scalar.record.equations(scalar.index, p, g)


def text(q: Quantity, digits: Mapping[str, int], least: int) -> str:
    """A quantity with the digits that its name has."""
    return exact(q.value) if q.exact else figure(q.value, digits.get(q.name, least), least)


def _quantity(equations: Sequence[Equation], name: str) -> Quantity:
    return next(q for e in equations for q in quantities(e.expression) if q.name == name)


Assignment = tuple[object, Quantity]  # an expression, and what it gives


def digits_of(lines: Sequence[Sequence[Assignment]], least: int) -> dict[str, int]:
    """How many decimals each name needs, for all equations to hold as they are printed.

    `lines` are equations in the order in which they are computed, each for several parameters. What
    an equation gives is printed with the digits that later equations need of it.
    """
    digits: dict[str, int] = {}
    before: dict[str, int] | None = None
    while digits != before:  # a name that got more digits may unsettle an equation
        before = digits
        for same in reversed(lines):
            digits = _raised(same, digits, least)
    return digits


def _raised(lines: Sequence[Assignment], digits: dict[str, int], least: int) -> dict[str, int]:
    """The digits, and of the names in these equations so many that the equations hold."""
    names = {q.name for expression, _ in lines for q in quantities(expression) if not q.exact}
    ways = (
        (digits | {name: max(d, digits.get(name, least)) for name in names}, tie)
        for tie in (False, True)
        for d in range(least, MOST_DIGITS + 1)
    )
    return next((x for x, tie in ways if _hold(lines, x, least, tie)), digits)


def _hold(lines: Sequence[Assignment], digits: Mapping[str, int], least: int, tie: bool) -> bool:
    def shown(q: Quantity) -> str:
        return text(q, digits, least)

    return all(holds(expression, shown(result), shown, tie) for expression, result in lines)
