"""Equations as they stand on paper: with names, or with numbers that a reader can recompute.

An `Expression` is a small tree of rows of the op table over named quantities. It is made by
ordinary arithmetic, by running a row's own derivative on it (`SYMBOLS` is its `m`), or from a
recorded graph. `symbolic` writes it with names, `spelled` with numbers that have as many digits as
the result needs, so that nobody who computes what is printed gets another last digit.

>>> w, x, b = Quantity("w", -9.28753), Quantity("x", -0.0031320344), Quantity("b", 2.0)
>>> z = w * x + b
>>> "".join(text for text, _ in symbolic(z))
'w × x + b'
>>> "".join(text for text, _ in spelled(w * x, "0.0291"))
'(-9.28753) × (-0.00313)'
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from micrograd.ops import ATOM, LOOSE, OPS, Arithmetic, Numbers, Op
from micrograd.text.words import DIGITS, MISSING, exact, number

MOST_TRIED = 18  # decimals

# A text, and the tag of the quantity that it is; None for what is between.
TaggedText = tuple[str, Any]


class Expression(Arithmetic):
    """A quantity, or an operation on expressions and plain numbers; `value` is what it comes to."""

    __slots__ = ("value",)

    value: float

    def __float__(self) -> float:
        return self.value

    def _applied(self, row: str, *inputs: Any) -> Any:
        return getattr(SYMBOLS, row)(*inputs)


class Quantity(Expression):
    """Something that has a name and a value; `tag` says what it is to the one who draws it.

    `exact` is for what a user chose (a learning rate): all its digits are printed. `source` says
    where the number is from, to who computes it again.
    """

    __slots__ = ("exact", "name", "source", "tag")

    def __init__(
        self, name: str, value: float, tag: Any = None, exact: bool = False, source: Any = None
    ) -> None:
        self.name = name
        self.value = value
        self.tag = tag
        self.exact = exact
        self.source = source

    def __repr__(self) -> str:
        return f"Quantity({self.name!r}, {self.value!r})"


class Applied(Expression):
    """A row of the op table on operands; `static` is its static parameter, if it has one."""

    __slots__ = ("op", "operands", "static")

    def __init__(self, op: Op, operands: tuple[Any, ...], static: float | None = None) -> None:
        self.op = op
        self.operands = operands
        self.static = static
        self.value = op.f(*map(float, operands), *self._static)

    @property
    def _static(self) -> tuple[float, ...]:
        return () if self.static is None else (self.static,)

    def __repr__(self) -> str:
        return f"Applied({self.op.name}, {self.operands!r})"


class _Symbols:
    """`m` for expressions: what is a plain number, or simpler, is not written out."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in OPS:
            raise AttributeError(f"the op table has no row {name!r}")
        op = OPS[name]

        def apply(*inputs: Any) -> Any:
            if not any(isinstance(x, Expression) for x in inputs[: op.arity]):
                return op.f(*inputs)
            short = op.simpler(*inputs)
            if short is not None:
                return short
            return Applied(op, inputs[: op.arity], *inputs[op.arity :])

        return apply


SYMBOLS: Numbers = _Symbols()


def parts_of(expression: Any) -> list[Any]:
    """All parts of an expression, each before its operands, from left to right."""
    parts, waiting = [], [expression]
    while waiting:
        part = waiting.pop()
        parts.append(part)
        if isinstance(part, Applied):
            waiting += reversed(part.operands)
    return parts


def quantities(expression: Any) -> list[Quantity]:
    """The quantities of an expression, each once, from left to right."""
    return list(dict.fromkeys(x for x in parts_of(expression) if isinstance(x, Quantity)))


# ---- as text -------------------------------------------------------------------------------------


def symbolic(expression: Any, digits: int = DIGITS) -> tuple[TaggedText, ...]:
    """The expression with names: `2 × (out − y)`; one without name and tag is its number."""
    figures = Figures(digits, digits)

    def shown(q: Quantity) -> tuple[str, int]:
        return (q.name, ATOM) if q.name or q.tag is not None else figures(q)

    return _merged(_written(expression, LOOSE, shown))


def spelled(expression: Any, result: str, digits: int = DIGITS) -> tuple[TaggedText, ...]:
    """The expression with numbers, of as many digits as give `result`, which is printed beside it.

    The numbers have at least `digits` decimals. There are no pieces if the expression does not
    come to the result, however many digits are taken: what does not hold is not printed.
    """
    for figures in _tried(expression, result, digits):
        return _merged(_written(expression, LOOSE, figures))
    return ()


def digits_needed(expression: Any, result: str, digits: int = DIGITS) -> int | None:
    """How many decimals of the quantities it takes to get the result; None if none do."""
    return next((figures.digits for figures in _tried(expression, result, digits)), None)


@dataclass(frozen=True)
class Figures:
    """Quantities as numbers with so many decimals."""

    digits: int
    least: int

    def __call__(self, q: Quantity) -> tuple[str, int]:
        """A quantity's number, and how tightly it holds together."""
        text = self.text(q)
        return text, _number_binds(text)

    def text(self, q: Quantity) -> str:
        """A whole or chosen number in full, another rounded."""
        return exact(q.value) if q.exact else figure(q.value, self.digits, self.least)


def figure(x: float, digits: int, least: int) -> str:
    """A number within an equation: in full where it has no more than the `least` decimals.

    >>> figure(2.0, 6, 4), figure(0.5, 6, 4), figure(1 / 3, 6, 4)
    ('2', '0.5', '0.333333')
    """
    full = exact(x)
    if math.isfinite(x) and "e" not in full and len(full.partition(".")[2]) <= least:
        return full
    fewer = (number(x, d) for d in range(least, digits) if float(number(x, d)) == x)
    return next(fewer, number(x, digits))


def _tried(expression: Any, result: str, digits: int) -> Iterator[Figures]:
    if result == MISSING:
        return
    for tie in (False, True):
        for d in range(digits, max(digits, MOST_TRIED) + 1):
            figures = Figures(d, digits)
            if holds(expression, result, figures.text, tie):
                yield figures
                return


def holds(
    expression: Any, result: str, shown: Callable[[Quantity], str], tie: bool = False
) -> bool:
    """Whether a reader who computes with the numbers that are `shown` gets the result.

    A number half-way between two results counts only with `tie`, for people round it up or down.

    >>> holds(Quantity("a", 0.26) * 2.0, "0.5", lambda q: "0.3")
    False
    """
    return _agrees(_computed(expression, shown), result, tie)


def _computed(expression: Any, shown: Callable[[Quantity], str]) -> float:
    *above, first = _down_left(expression)
    x = float(shown(first) if isinstance(first, Quantity) else first)
    for part in reversed(above):
        rest = [_computed(operand, shown) for operand in part.operands[1:]]
        x = part.op.f(x, *rest, *part._static)
    return x


def _down_left(expression: Any) -> list[Any]:
    """An expression, its first operand, the first of that, and so on: sums are deep there."""
    parts = [expression]
    while isinstance(parts[-1], Applied):
        parts.append(parts[-1].operands[0])
    return parts


def _agrees(x: float, result: str, tie: bool) -> bool:
    """Whether a number, rounded to the digits that a text has, is that text."""
    shown = float(result)
    if not (math.isfinite(x) and math.isfinite(shown)):
        return repr(x) == repr(shown)
    mantissa, _, power = result.partition("e")
    unit = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
    return abs(x - shown) <= unit * (0.5 + (1e-9 if tie else -1e-6))


_Shown = Callable[[Quantity], tuple[str, int]]


def _written(expression: Any, need: int, shown: _Shown) -> list[TaggedText]:
    """The pieces of an expression, in brackets unless it holds together as tightly as needed."""
    *above, first = _down_left(expression)
    if isinstance(first, Quantity):
        text, binds = shown(first)
        pieces: list[TaggedText] = [(text, first.tag)]
    else:
        text = exact(first)
        pieces, binds = [(text, None)], _number_binds(text)
    for part in reversed(above):
        pieces = _applied(part, _bracketed(pieces, binds, part.op.needs[0]), shown)
        binds = part.op.binds
    return _bracketed(pieces, binds, need)


def _bracketed(pieces: list[TaggedText], binds: int, need: int) -> list[TaggedText]:
    return pieces if binds >= need else [("(", None), *pieces, (")", None)]


def _applied(expression: Applied, first: list[TaggedText], shown: _Shown) -> list[TaggedText]:
    """The pieces of an operation, of whose first operand they are given."""
    op = expression.op
    holes = [f"\0{i}\0" for i in range(op.arity)]
    parts = re.split("\0(\\d)\0", op.text(*holes, *map(exact, expression._static)))
    pieces: list[TaggedText] = []
    for i, part in enumerate(parts):
        if i % 2:
            k = int(part)
            pieces += _written(expression.operands[k], op.needs[k], shown) if k else first
        elif part:
            pieces.append((part, None))
    return pieces


def _number_binds(text: str) -> int:
    return LOOSE if text.startswith("-") else ATOM


def _merged(pieces: Sequence[TaggedText]) -> tuple[TaggedText, ...]:
    """Neighbours with the same tag as one piece."""
    merged: list[TaggedText] = []
    for text, tag in pieces:
        if merged and merged[-1][1] is tag:
            merged[-1] = (merged[-1][0] + text, tag)
        else:
            merged.append((text, tag))
    return tuple(merged)
