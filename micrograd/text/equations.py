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
>>> "".join(text for text, _ in symbolic(derivative(z, w)))
'x'
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


def derivative(of: Any, by: Quantity, result: Quantity | None = None) -> Any:
    """The derivative of an expression by one of its quantities, at their values.

    It is what the rows' own derivatives come to. `result` is a name for the whole expression, so
    that the derivative of tanh can be written with it: 1 − h × h.

    >>> z, h = Quantity("z", 0.5), Quantity("h", 0.46211715726)
    >>> "".join(text for text, _ in symbolic(derivative(SYMBOLS.tanh(z), z, h)))
    '1 − h × h'
    """
    return _gained(of, 1.0, by, result)


def _gained(of: Any, upstream: Any, by: Quantity, result: Quantity | None) -> Any:
    if of is by:
        return upstream
    if not isinstance(of, Applied) or not depends(of, by):
        return 0.0
    y = of if result is None else result
    shares = of.op.on_paper(SYMBOLS, upstream, y, *of.operands, *of._static)
    total: Any = 0.0
    for operand, share in zip(of.operands, shares, strict=True):
        if depends(operand, by):
            total = SYMBOLS.add(total, _gained(operand, share, by, None))
    return total


def depends(expression: Any, by: Quantity) -> bool:
    """Whether a quantity occurs in an expression."""
    return any(q is by for q in quantities(expression))


def quantities(expression: Any) -> list[Quantity]:
    """The quantities of an expression, each once, from left to right."""
    if isinstance(expression, Quantity):
        return [expression]
    if not isinstance(expression, Applied):
        return []
    found = [q for operand in expression.operands for q in quantities(operand)]
    return list(dict.fromkeys(found))


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
    if isinstance(expression, Quantity):
        return float(shown(expression))
    if isinstance(expression, Applied):
        operands = [_computed(x, shown) for x in expression.operands]
        return expression.op.f(*operands, *expression._static)
    return float(expression)


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
    if isinstance(expression, Quantity):
        text, binds = shown(expression)
        pieces: list[TaggedText] = [(text, expression.tag)]
    elif isinstance(expression, Applied):
        pieces, binds = _applied(expression, shown), expression.op.binds
    else:
        text = exact(expression)
        pieces, binds = [(text, None)], _number_binds(text)
    return pieces if binds >= need else [("(", None), *pieces, (")", None)]


def _applied(expression: Applied, shown: _Shown) -> list[TaggedText]:
    op = expression.op
    holes = [f"\0{i}\0" for i in range(op.arity)]
    parts = re.split("\0(\\d)\0", op.text(*holes, *map(exact, expression._static)))
    pieces: list[TaggedText] = []
    for i, part in enumerate(parts):
        if i % 2:
            pieces += _written(expression.operands[int(part)], op.needs[int(part)], shown)
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
