"""Lines of a card, from equations: a name and a number, and below it how the number is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from micrograd.ops import OPS
from micrograd.reading.units import LONGEST_FORMULA
from micrograd.text.equations import Applied, Quantity, digits_needed, quantities, spelled, symbolic
from micrograd.text.words import number, short, word
from viz.drawing.cards import ColouredText, Row
from viz.drawing.palette import GRADIENT, LOCAL, OPERATOR_TEXT, Role

Factors = tuple[Quantity, Quantity]  # upstream and local


@dataclass(frozen=True)
class Live:
    """How a page computes a row again: the number, what its name says and what its small print.

    `position` is the parameter that an optimiser's equation is about. Small print that is no
    formula for the number itself is a share of it, after the words `before`, or a number within
    a sentence, between `before` and `after`.
    """

    result: Quantity
    formula: Any = None
    detail: Any = None
    whole: bool = False
    position: int = -1
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class LiveGrid:
    """How a page computes a grid again: a quantity for each entry.

    The equations in `lines` decide on the digits; `positions` are the parameters of the lines.
    """

    columns: Sequence[Sequence[Quantity | None]]
    lines: Sequence[Sequence[tuple[Any, Quantity]]]
    positions: Sequence[int]


@dataclass(frozen=True)
class Rows:
    """Makes rows with so many decimals, in a language."""

    digits: int
    language: str

    def number(self, x: float | None) -> str:
        """A number as bands show it."""
        return number(x, self.digits)

    def short(self, x: float | None) -> str:
        """A number, a whole one without decimals."""
        return self.number(x) if x is None else short(x, self.digits)

    def say(self, english: str, **fields: object) -> str:
        """A word or phrase in the language."""
        return word(english, self.language, **fields)

    @property
    def note(self) -> str:
        """What a picture with such rows says of its digits, once."""
        rounded = "rounded to {n} decimals; small print: the digits it needs"
        return self.say(rounded, n=self.digits)

    def equation(
        self, name: str, formula: Any, value: float | None, role: Role,
        *, west: str = "", east: str = "", whole: bool = False, beside: bool = False,
        source: Any = None,
    ) -> Row:  # fmt: skip
        """`name = formula` with names, its value, and below the formula with numbers.

        The names are left out where there are none or too many; the numbers if they stand `beside`
        it with all the digits that it needs. `whole` shows a whole number without decimals.
        """
        shown = self.short(value) if whole else self.number(value)
        said = "".join(text for text, _ in symbolic(formula, self.digits))
        named = bool(quantities(formula)) and len(said) <= LONGEST_FORMULA
        title = f"{name} = {said}" if named else name
        enough = beside and named and digits_needed(formula, shown, self.digits) == self.digits
        detail = () if enough else self.small_print(formula, shown, role)
        result = Quantity(name, math.nan if value is None else value, source=source)
        live = Live(result, formula if named else None, formula if detail else None, whole)
        return Row(title, shown, west, east, detail, live=live)

    def small_print(self, formula: Any, shown: str, role: Role) -> tuple[ColouredText, ...]:
        """The formula with numbers that come to what is shown; nothing if it is one number."""
        if not isinstance(formula, Applied):
            return ()
        pieces = spelled(formula, shown, self.digits)
        return (("= ", role.text), *coloured(pieces, role)) if pieces else ()

    def products(
        self, factors: Sequence[Factors], shown: str
    ) -> tuple[ColouredText, ...]:  # fmt: skip
        """Small print: the sum of upstream times local, each in its colour."""
        pieces = spelled(sum_of_products(factors), shown, self.digits)
        return (("= ", GRADIENT.text), *coloured(pieces, GRADIENT)) if pieces else ()


def sum_of_products(factors: Sequence[Factors]) -> Any:
    """Upstream times local, added up, as an expression whose quantities tell which they are."""
    total: Any = None
    for upstream, local in factors:
        pair = (
            Quantity("", upstream.value, GRADIENT, source=upstream.source),
            Quantity("", local.value, LOCAL, source=local.source),
        )
        term = Applied(OPS["mul"], pair)
        total = term if total is None else Applied(OPS["add"], (total, term))
    return total


def coloured(pieces: Sequence[tuple[str, Any]], role: Role) -> tuple[ColouredText, ...]:
    """Pieces in the colour of what they are; others in that of their band."""
    shown = []
    for text, tag in pieces:
        own = tag.text if isinstance(tag, Role) else None
        between = OPERATOR_TEXT if any(isinstance(t, Role) for _, t in pieces) else role.text
        shown.append((text, own or between))
    return tuple(shown)
