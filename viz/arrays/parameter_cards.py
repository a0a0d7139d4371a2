"""The card of a parameter: value, gradient, what the optimiser made of it, and the new value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from micrograd.optim.equation import NEW, Equation
from micrograd.steps.step import Floats, ParameterRecord
from micrograd.text.equations import Quantity, quantities
from micrograd.text.words import exact, word
from viz.arrays.parameter_arrays import ParameterArray
from viz.arrays.tape_recording import AnnotatedTape
from viz.diagram.updates import GRADIENT_OF_IT, digits_of
from viz.drawing.cards import Band, Card, Columns, Matrices, Row
from viz.drawing.matrix import MOST_CELLS
from viz.drawing.palette import DATA_FRAME, FORWARD, GRADIENT, UPDATE, WEIGHT_FRAME, Role

MOST_IN_A_COLUMN = 3  # matrices; more are in two columns


def parameter_card(
    array: ParameterArray, source: AnnotatedTape, key: str, samples: int, language: str, digits: int
) -> Card:
    """The card of an array of leaves.

    A gradient is a sum over the samples of a batch, and the card says so. An optimiser with more
    to its rule than a step against the gradient has a matrix for each of its equations.
    """
    rule = _Rule(array, source)
    by = f"∂{source.root}/∂{array.name}"
    said = f"{GRADIENT_OF_IT} = {by}" if rule.several else by
    if samples > 1 and array.trained:
        said += " = " + word("Σ over {n} samples", language, n=samples)
    needed = rule.digits(digits)
    columns = [
        (array.name, (word("value", language), FORWARD, source.values(array.positions))),
        (rule.gradient, (said, GRADIENT, source.gradients(array.positions))),
        *(rule.columns(language) if array.trained else ()),
    ]
    fine = tuple(needed.get(name, digits) for name, _ in columns)
    shown = tuple(column for _, column in columns)
    parts: list[Matrices | Columns | Band] = [Matrices(shown, digits=fine)]
    if len(columns) > MOST_IN_A_COLUMN:
        rows = tuple((name, role, _as_row(values)) for name, role, values in shown)
        half = (len(rows) + 1) // 2
        left = Matrices(rows[:half], digits=fine[:half], stacked=True)
        right = Matrices(rows[half:], digits=fine[half:], first=half, stacked=True)
        parts = [Columns((left,), (right,))]
    chosen = rule.chosen()
    if chosen:
        said = ", ".join(f"{name} = {exact(x)}" for name, x in chosen.items())
        parts.append(Band(UPDATE, (Row(said, ""),)))
    shape = "×".join(map(str, array.positions.shape))
    kind = word("parameter" if array.trained else "leaf", language)
    path = array.path if array.path != array.name else ""
    subtitle = "  ".join(part for part in (path or kind, shape) if part)
    frame = WEIGHT_FRAME if array.trained else DATA_FRAME
    return Card(key, array.name, subtitle, tuple(parts), frame)


class _Rule:
    """What the optimiser made of an array of parameters, if that is the same for all elements."""

    def __init__(self, array: ParameterArray, source: AnnotatedTape) -> None:
        self.name, self.shape = array.name, array.positions.shape
        self.equations: list[Sequence[Equation]] = []
        self.gradient = f"∂{source.root}/∂{array.name}"
        if not array.trained:
            return
        where = {int(i): (p, k) for p in source.parameters for k, i in enumerate(p.positions.flat)}
        elements = [where[int(i)] for i in array.positions.flat]
        self.new = np.reshape([p.after.flat[k] for p, k in elements], self.shape)
        if len(elements) > MOST_CELLS:
            return
        if len(_equations(*elements[0], self.name, self.gradient)) > 1:
            self.gradient = GRADIENT_OF_IT
        found = [_equations(p, k, self.name, self.gradient) for p, k in elements]
        if len({tuple(e.text() for e in equations) for equations in found}) == 1:
            self.equations = [equations for equations in found if equations]

    @property
    def several(self) -> bool:
        """Whether there is more to the rule than a step against the gradient."""
        return self.gradient == GRADIENT_OF_IT

    def digits(self, least: int) -> dict[str, int]:
        """How many decimals each name needs for the equations to hold."""
        lines = [[(e.expression, e.result) for e in same]
                 for same in zip(*self.equations, strict=True)]  # fmt: skip
        return digits_of(lines, least)

    def chosen(self) -> dict[str, float]:
        """The numbers that the rule was given, by name."""
        return {q.name: q.value for q in self._used(0) if q.exact} if self.several else {}

    def columns(self, language: str) -> Iterator[tuple[str, tuple[str, Role, Floats]]]:
        """The state before the step and what each equation gave, each with its name."""
        if not self.equations:
            yield NEW, (word("new", language), UPDATE, self.new)
            return
        names = {self.name, self.gradient, *(e.name for e in self.equations[0])}
        used = [self._used(k) for k in range(len(self.equations))]
        for i, q in enumerate(used[0]):
            if not q.exact and q.name not in names:
                names.add(q.name)
                yield q.name, (q.name, UPDATE, self._array([own[i].value for own in used]))
        for i, equation in enumerate(self.equations[0][:-1]):
            values = self._array([e[i].value for e in self.equations])
            yield equation.name, (equation.text(), UPDATE, values)
        yield NEW, (self.equations[0][-1].text(), UPDATE, self.new)

    def _used(self, k: int) -> list[Quantity]:
        return [q for e in self.equations[k] for q in quantities(e.expression)]

    def _array(self, values: Sequence[float]) -> Floats:
        return np.reshape(values, self.shape)


def rule_names(records: Sequence[ParameterRecord]) -> set[str]:
    """What the optimiser's equations call their quantities: v, m, g, …; no array is called so."""
    names: set[str] = set()
    for p in records:
        for equation in _equations(p, 0, "", ""):
            names |= {equation.name, *(q.name for q in quantities(equation.expression))}
    return names - {""}


def _as_row(values: Floats) -> Floats:
    return values.reshape(1, -1) if values.ndim < 2 else values


def _equations(p: ParameterRecord, k: int, name: str, gradient: str) -> Sequence[Equation]:
    if p.gradient is None or k >= p.gradient.size:
        return ()
    index = tuple(int(i) for i in np.unravel_index(k, p.before.shape))
    weight = Quantity(name, float(p.before[index]))
    return p.equations(index, weight, Quantity(gradient, float(p.gradient[index])))
