"""Operations on each element: operators, comparisons, functions; methods of arrays and functions.

Each is a row of the op table on each element, or a formula of such rows.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd import functions
from micrograd.engine import Value, make_leaves
from micrograd.errors import ArgumentTypeError, ShapeError
from micrograd.functions import VALUES
from micrograd.observers import followed
from micrograd.ops import OPS
from micrograd.tensors import near_zero
from micrograd.tensors.dtypes import FLOAT, INTEGER, TRUTH, joined
from micrograd.tensors.elements import Objects, filled

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor

Combine = Callable[["Tensor", Any], "Tensor"]


def _combined(x: Tensor, f: Any, a: Objects, b: Objects, other: Any, op: str, kind: str) -> Tensor:
    try:
        values = f(a, b)
    except ValueError as error:
        if a.shape == b.shape or "broadcast" not in str(error):
            raise
        raise ShapeError(f"shapes {a.shape} and {b.shape}: {error}") from None
    return x._result(values, (other,), op, kind)


def binary(f: Callable[[Any, Any], Any], op: str, floats: bool = False) -> tuple[Combine, Combine]:
    """The operator methods for a function of objects, plain and reflected."""

    def method(x: Tensor, other: Any) -> Tensor:
        kind = FLOAT if floats else joined(x._kind, x._kind_of(other))
        return _combined(x, f, x._values, x._operand(other), other, op, kind)

    def reflected(x: Tensor, other: Any) -> Tensor:
        kind = FLOAT if floats else joined(x._kind, x._kind_of(other))
        return _combined(x, f, x._operand(other), x._values, other, op, kind)

    method.__name__ = reflected.__name__ = op.lower()
    method.__doc__ = reflected.__doc__ = f"`{op.lower()}` of each pair of elements, with gradients."
    return method, reflected


add, radd = binary(np.add, "Add")
sub, rsub = binary(np.subtract, "Sub")
mul, rmul = binary(np.multiply, "Mul")
div, rdiv = binary(np.true_divide, "Div", floats=True)
_pow_each, rpow = binary(np.power, "Pow")


def scaled_sum(x: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """X + alpha other."""
    return add(x, other if alpha == 1 else x._as_tensor(other) * alpha)


def scaled_difference(x: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """X - alpha other."""
    return sub(x, other if alpha == 1 else x._as_tensor(other) * alpha)


def divided(x: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """X / other; rounded down with "floor", towards zero with "trunc"."""
    if rounding_mode is None:
        return div(x, other)
    return floor_divide(x, other) if rounding_mode == "floor" else trunc(div(x, other))


def pow(x: Tensor, exponent: Any) -> Tensor:  # noqa: A001  (torch's name)
    """To the power; a number is a static parameter, as with a Value."""
    if isinstance(exponent, Value | np.ndarray) or x._is_array(exponent):
        return _pow_each(x, exponent)
    kind = joined(x._kind, x._kind_of(exponent))
    return x._each(lambda v: v**exponent, "Pow", kind)


def neg(x: Tensor) -> Tensor:
    """-x."""
    return x._each(operator.neg, "Neg", x._kind)


def absolute(x: Tensor) -> Tensor:
    """|x|; the derivative at 0 is 0."""
    return x._each(abs, "Abs", x._kind)


# ---- constant on both sides of a jump ----------------------------------------------------------


def _compares(rows: Callable[[Any, Any], Any], numbers: Any, name: str) -> Combine:
    each = np.frompyfunc(rows, 2, 1)

    def method(x: Tensor, other: Any) -> Tensor:
        if other is None or isinstance(other, str):
            return NotImplemented  # type: ignore[no-any-return]
        a, b = x._values, x._operand(other)
        if followed():
            return _combined(x, each, a, b, (), name, TRUTH)
        kinds = (x._kind, x._kind_of(other))
        return x._of_numbers(_broadcast(numbers, x._floats(a), x._floats(b), kinds), TRUTH)

    method.__name__ = name
    method.__doc__ = f"Whether each pair of elements is `{name}`: truth values, without gradients."
    return method


def _broadcast(numbers: Any, a: Any, b: Any, kinds: tuple[str, str]) -> Any:
    try:
        return numbers(a, b)
    except ValueError as error:
        raise ShapeError(f"shapes {a.shape} and {b.shape}: {error}") from None


lt = _compares(lambda a, b: VALUES.less(a, b), np.less, "lt")
le = _compares(lambda a, b: VALUES.less_equal(a, b), np.less_equal, "le")
gt = _compares(lambda a, b: VALUES.less(b, a), np.greater, "gt")
ge = _compares(lambda a, b: VALUES.less_equal(b, a), np.greater_equal, "ge")
eq = _compares(lambda a, b: VALUES.equal(a, b), np.equal, "eq")
ne = _compares(lambda a, b: 1.0 - VALUES.equal(a, b), np.not_equal, "ne")
_and = _compares(lambda a, b: _truth(a) * _truth(b), np.logical_and, "and")
_or = _compares(lambda a, b: VALUES.maximum(_truth(a), _truth(b)), np.logical_or, "or")
_xor = _compares(lambda a, b: 1.0 - VALUES.equal(_truth(a), _truth(b)), np.logical_xor, "xor")


def _truth(v: Any) -> Any:
    return 1.0 - VALUES.equal(v, 0.0)


def _bits(logical: Combine, whole: Any) -> Combine:
    """An operator on bits: of truth values, or of whole numbers."""

    def method(x: Tensor, other: Any) -> Tensor:
        kinds = {x._kind, x._kind_of(other)}
        if kinds == {TRUTH}:
            return logical(x, other)
        if FLOAT in kinds:
            raise ArgumentTypeError(
                "& | ^ take truth values or whole numbers, got floats: compare them first, "
                "in brackets, as in (x > 0) & (x < 1)"
            )
        a, b = (x._floats(v).astype(np.int64) for v in (x._values, x._operand(other)))
        return x._of_numbers(whole(a, b), INTEGER)

    method.__doc__ = logical.__doc__
    return method


bit_and, bit_or = _bits(_and, np.bitwise_and), _bits(_or, np.bitwise_or)
bit_xor = _bits(_xor, np.bitwise_xor)
logical_and, logical_or, logical_xor = _and, _or, _xor


def logical_not(x: Tensor) -> Tensor:
    """Whether each element is 0."""
    return eq(x, 0)


def invert(x: Tensor) -> Tensor:
    """`~x`: not, of truth values; of whole numbers, all bits."""
    if x._kind == FLOAT:
        raise ArgumentTypeError("~ takes truth values or whole numbers, got floats: use x == 0")
    return logical_not(x) if x._kind == TRUTH else -1 - x


def _step(f: Any, op: str) -> Callable[[Tensor], Tensor]:
    """A function that is constant between jumps: its derivative is 0."""

    def method(x: Tensor) -> Tensor:
        return x._result(filled(x._values.shape, make_leaves(f(x._known()).ravel().tolist())),
                         (), op, x._kind)  # fmt: skip

    method.__name__ = op.lower()
    method.__doc__ = f"`{op.lower()}` of each element; the derivative is 0."
    return method


floor, ceil = _step(np.floor, "Floor"), _step(np.ceil, "Ceil")
trunc, _round = _step(np.trunc, "Trunc"), _step(np.round, "Round")


def round(x: Tensor, *, decimals: int = 0) -> Tensor:  # noqa: A001  (torch's name)
    """The nearest whole number, of two the even one; with `decimals`, of so many places."""
    return _round(x) if not decimals else _round(x * 10.0**decimals) / 10.0**decimals


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1; the derivative is 0."""
    return x._each(lambda v: VALUES.less(0.0, v) - VALUES.less(v, 0.0), "Sign", x._kind)


def floor_divide(x: Tensor, other: Any) -> Tensor:
    """X / other, rounded down."""
    kind = joined(x._kind, x._kind_of(other))
    quotient = floor(div(x, other))
    return x._of_numbers(quotient._floats(quotient._values), kind)


def rfloor_divide(x: Tensor, other: Any) -> Tensor:
    """Other / x, rounded down."""
    return floor_divide(x._as_tensor(other), x)


def remainder(x: Tensor, other: Any) -> Tensor:
    """X - other ⌊x / other⌋: of the sign of `other`."""
    kind = joined(x._kind, x._kind_of(other))
    if kind == FLOAT:
        return _rest(x, other, floor_divide(x, other))
    a, b = x._floats(x._values), x._floats(x._operand(other))
    return x._of_numbers(np.mod(a, b), kind)


def fmod(x: Tensor, other: Any) -> Tensor:
    """X - other trunc(x / other): of the sign of x."""
    kind = joined(x._kind, x._kind_of(other))
    if kind == FLOAT:
        return _rest(x, other, trunc(div(x, other)))
    a, b = x._floats(x._values), x._floats(x._operand(other))
    return x._of_numbers(np.fmod(a, b), kind)


def _rest(x: Tensor, other: Any, times: Tensor) -> Tensor:
    """What is left of x; all of it where an infinity is in it no time."""
    return x - where(times == 0.0, 0.0, times * other)


def rremainder(x: Tensor, other: Any) -> Tensor:
    """Other - x ⌊other / x⌋."""
    return remainder(x._as_tensor(other), x)


def isnan(x: Tensor) -> Tensor:
    """Whether each element is no number."""
    return ne(x, x)


def isinf(x: Tensor) -> Tensor:
    """Whether each element is infinite."""
    return eq(absolute(x), math.inf)


def isfinite(x: Tensor) -> Tensor:
    """Whether each element is a finite number."""
    return lt(absolute(x), math.inf)


# ---- choices -------------------------------------------------------------------------------------


def clamp(x: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Not below `min`, not above `max`; outside, the derivative is 0."""
    if min is None and max is None:
        raise ArgumentTypeError("clamp needs min, max or both, got neither")
    if min is not None:
        below = _chosen(lambda v, low: VALUES.select(VALUES.less(v, low), low, v))
        x = _combined(x, below, x._values, x._operand(min), min, "Clamp",
                      joined(x._kind, x._kind_of(min)))  # fmt: skip
    if max is not None:
        above = _chosen(lambda v, high: VALUES.select(VALUES.less(high, v), high, v))
        x = _combined(x, above, x._values, x._operand(max), max, "Clamp",
                      joined(x._kind, x._kind_of(max)))  # fmt: skip
    return x


def _chosen(f: Callable[..., Any]) -> Any:
    return np.frompyfunc(f, f.__code__.co_argcount, 1)


maximum = binary(_chosen(lambda a, b: VALUES.maximum(a, b)), "Maximum")[0]
minimum = binary(_chosen(lambda a, b: VALUES.minimum(a, b)), "Minimum")[0]
CHOSEN = np.frompyfunc(functions.where, 3, 1)


def where(condition: Tensor, a: Any, b: Any) -> Tensor:
    """`a` where the condition holds, `b` elsewhere; the gradient goes where the element is from."""
    kind = joined(condition._kind_of(a), condition._kind_of(b))
    first, second = condition._operand(a), condition._operand(b)
    try:
        values = CHOSEN(condition._values, first, second)
    except ValueError as error:
        shapes = ", ".join(str(s.shape) for s in (condition._values, first, second))
        raise ShapeError(f"shapes {shapes}: {error}") from None
    return condition._result(values, (a, b), "Where", kind)


def masked_fill(x: Tensor, mask: Any, value: Any) -> Tensor:
    """x, with `value` where the mask holds."""
    result = where(x._as_tensor(mask), x._as_tensor(value, like=x), x)
    result._op = result._op and "MaskedFill"
    return result


# ---- rows, and formulas of rows ------------------------------------------------------------------


def of_row(name: str, op: str = "") -> Callable[..., Tensor]:
    """The function that is a row of the op table on each element."""
    row, called = OPS[name], op or name.title().replace("_", "")

    def method(x: Tensor, *static: float) -> Tensor:
        return x._each(operator.methodcaller(name, *static), called, FLOAT)

    method.__name__ = name
    method.__doc__ = row.text("x", *[row.static] * row.has_static) + " of each element."
    return method


def formula(op: str, text: str) -> Callable[[Callable[[Any], Any]], Callable[[Tensor], Tensor]]:
    """Make a function of Values one of arrays."""

    def wrap(f: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
        def method(x: Tensor) -> Tensor:
            return x._each(f, op, FLOAT)

        method.__name__ = f.__name__
        method.__doc__ = f"{text} of each element."
        return method

    return wrap


def square(x: Tensor) -> Tensor:
    """x² of each element."""
    return x**2


rsqrt = formula("Rsqrt", "1 / √x")(lambda v: v**-0.5)
reciprocal = formula("Reciprocal", "1 / x")(lambda v: 1.0 / v)
log2 = formula("Log2", "log₂ x")(lambda v: v.log() / math.log(2.0))
log10 = formula("Log10", "log₁₀ x")(lambda v: v.log() / math.log(10.0))
expm1 = formula("Expm1", "exp(x) - 1")(near_zero.expm1)
tan = formula("Tan", "sin x / cos x")(lambda v: v.sin() / v.cos())
sinh = formula("Sinh", "(exp(x) - exp(-x)) / 2")(near_zero.sinh)
cosh = formula("Cosh", "(exp(x) + exp(-x)) / 2")(lambda v: (v.exp() + (-v).exp()) / 2.0)


@formula("Log1P", "log(1 + x)")
def log1p(v: Value) -> Any:
    """Of a single number."""
    number = number_of(v)
    if number is not None:
        small = abs(number) < near_zero.NEAR
        return near_zero.log1p_series(v) if small else (1.0 + v).log()
    is_small = VALUES.less(abs(v), near_zero.NEAR)
    series = near_zero.log1p_series(VALUES.select(is_small, v, 0.0))
    return VALUES.select(is_small, series, (1.0 + v).log())


def number_of(v: Any) -> float | None:
    """The number of a Value, None while it is known at run time only."""
    number = v.data
    return None if isinstance(number, Value) else float(number)
