"""Local derivatives: of an expression by what it reads, by the rows' own rules, made short."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from micrograd.ops import OPS
from micrograd.text.equations import SYMBOLS, Applied, Quantity, parts_of
from micrograd.text.words import word


def derivative(of: Any, by: Quantity, result: Quantity | None = None) -> Any:
    """The derivative of an expression by one of its quantities, at their values.

    It is what the rows' own derivatives come to. `result` is a name for the whole expression, so
    that the derivative of tanh can be written with it: 1 − h × h.

    >>> from micrograd.text.equations import symbolic
    >>> z, h = Quantity("z", 0.5), Quantity("h", 0.46211715726)
    >>> "".join(text for text, _ in symbolic(derivative(SYMBOLS.tanh(z), z, h)))
    '1 − h × h'
    """
    return simplified(_gained(of, 1.0, by, result, _on_the_way(of, by)))


def local_name(top: str, below: str, direct: bool = False, language: str = "en") -> str:
    """What a local derivative is called; `direct` is for one that is not along all paths.

    Where a result reads x itself and by way of others, too, its derivative by x and that of the
    equation alone are two numbers, and have two names.

    >>> local_name("h", "x"), local_name("L", "x", direct=True)
    ('∂h/∂x', '∂L/∂x|direct')
    """
    mark = f"|{word('direct', language)}" if direct else ""
    return f"∂{top}/∂{below}{mark}"


def _gained(of: Any, upstream: Any, by: Quantity, result: Quantity | None, on: set[int]) -> Any:
    """What `by` gains of an adjoint; `on` are the ids of the parts in which it occurs."""
    if id(of) not in on:
        return 0.0
    others: list[list[Any]] = []  # what it gains beside the first operand, from the top down
    while of is not by:
        y = of if result is None else result
        shares = of.op.on_paper(SYMBOLS, upstream, y, *of.operands, *of._static)
        rest = zip(of.operands[1:], shares[1:], strict=True)
        others.append([_gained(x, share, by, None, on) for x, share in rest if id(x) in on])
        of, upstream, result = of.operands[0], shares[0], None
        if id(of) not in on:
            break
    total: Any = upstream if of is by else 0.0
    for shares in reversed(others):
        for share in shares:
            total = SYMBOLS.add(total, share)
    return total


def _on_the_way(expression: Any, by: Quantity) -> set[int]:
    """The ids of the parts of an expression in which a quantity occurs."""
    on: set[int] = set()
    for part in reversed(parts_of(expression)):
        if part is by or (isinstance(part, Applied) and any(id(x) in on for x in part.operands)):
            on.add(id(part))
    return on


# ---- made short ----------------------------------------------------------------------------------


def simplified(expression: Any) -> Any:
    """The same with fractions of fractions and signs of signs worked out.

    Where the numbers do not come to the same, as 0 / 0 does not, it stays as it is.

    >>> from micrograd.text.equations import symbolic
    >>> a, b = Quantity("a", 0.5), Quantity("b", 2.0)
    >>> "".join(text for text, _ in symbolic(simplified(SYMBOLS.div(-(-a), SYMBOLS.div(a, b)))))
    'b'
    """
    if not isinstance(expression, Applied):
        return expression
    short = _short(expression)
    a, b = float(short), float(expression)
    same = a == b or math.isclose(a, b, rel_tol=1e-9) or (a != a and b != b)
    return short if same else expression


def _short(expression: Any) -> Any:
    if not isinstance(expression, Applied):
        return expression
    if expression.op.is_fraction:
        fraction = _Fraction()
        fraction.times(expression, above=True)
        if fraction.worked_out:
            return fraction.written()
    operands = tuple(map(_short, expression.operands))
    last = operands[-1]
    if expression.op.adds and isinstance(last, Applied) and last.op.negates:
        return SYMBOLS.sub(operands[0], last.operands[0])
    return Applied(expression.op, operands, expression.static)


@dataclass
class _Fraction:
    """Factors above and below the line, and a sign."""

    above: list[Any] = field(default_factory=list)
    below: list[Any] = field(default_factory=list)
    negative: bool = False
    worked_out: bool = False  # whether there was a sign or a line

    def times(self, x: Any, above: bool) -> None:
        """Take in a factor; what it is a product or a fraction of, one by one."""
        if isinstance(x, Applied) and x.op.is_fraction:
            self.worked_out |= not x.op.multiplies
            self.negative ^= x.op.negates
            self.times(x.operands[0], above)
            for other in x.operands[1:]:
                self.times(other, above == x.op.multiplies)
            return
        if isinstance(x, int | float) and x < 0:
            self.negative ^= True
            x = -x
        if not isinstance(x, int | float) or x != 1:
            (self.above if above else self.below).append(_short(x))

    def written(self) -> Any:
        """The fraction, without the factors that are on both sides of the line."""
        both = Counter(map(_key, self.above)) & Counter(map(_key, self.below))
        over, under = (_product(_without(side, both)) for side in (self.above, self.below))
        whole = over if under == 1.0 else Applied(OPS["div"], (over, under))
        if not self.negative:
            return whole
        return Applied(OPS["neg"], (whole,)) if isinstance(whole, Applied | Quantity) else -whole


def _without(factors: list[Any], gone: Counter[Any]) -> list[Any]:
    left, kept = Counter(gone), []
    for x in factors:
        if left[_key(x)]:
            left[_key(x)] -= 1
        else:
            kept.append(x)
    return kept


def _product(factors: list[Any]) -> Any:
    total: Any = factors[0] if factors else 1.0
    for x in factors[1:]:
        total = Applied(OPS["mul"], (total, x))
    return total


def _key(x: Any) -> Any:
    """The same for expressions that are written alike."""
    if isinstance(x, Applied):
        return (x.op.name, x.static, *map(_key, x.operands))
    return id(x) if isinstance(x, Quantity) else float(x)
