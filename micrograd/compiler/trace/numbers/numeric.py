"""Functions of `math`, `statistics` and NumPy on traced numbers: numbers, without gradient."""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from micrograd.compiler.trace.numbers.maybe import chosen, either, length, product, required, total
from micrograd.compiler.trace.numbers.merging import Maybe, conjunction
from micrograd.compiler.trace.numbers.narrow import is_narrow
from micrograd.compiler.trace.numbers.reads import LARGEST, Read, again, as_one_of, unless_raised
from micrograd.compiler.trace.numbers.refusing import undecided
from micrograd.engine import Value, as_operand, record
from micrograd.functions import apply
from micrograd.ops import LARGER
from micrograd.tensors import near_zero
from micrograd.tensors.choice import where
from micrograd.tensors.tensor import Tensor


def where_of(*args: Any, **named: Any) -> Any:
    """`np.where`."""
    traced = len(args) == 3 and any(
        isinstance(x, Value | Tensor) or (isinstance(x, np.ndarray) and x.dtype == object)
        for x in args
    )
    return where(*args) if traced else np.where(*args, **named)


def of_two(row: str) -> Callable[..., Any]:
    """`np.maximum` or `np.minimum` of two numbers."""
    plain = getattr(np, row)

    def function(a: Any, b: Any) -> Any:
        if not (isinstance(a, Value) or isinstance(b, Value)):
            return plain(a, b)
        return as_one_of(apply(row, a, b), (a, b))

    return function


def largest(numbers: list[Any]) -> Any:
    """The largest of several numbers, Reads among them, as one node."""
    inputs = tuple(as_operand(x) for x in numbers)
    data = inputs[0]._data
    for x in inputs[1:]:
        data = LARGER.f(data, x._data)
    return as_one_of(record(LARGEST, data, inputs), numbers)


def smallest(numbers: list[Any]) -> Any:
    """The smallest of several numbers, Reads among them."""
    return -largest([-x for x in numbers])


def _method(name: str) -> Callable[..., Any]:
    return lambda x: getattr(x, name)()


def _log1p(x: Any) -> Any:
    small = abs(x) < near_zero.NEAR
    return chosen(small, near_zero.log1p_series(chosen(small, x, 0.0)), (x + 1.0).log())


def _sign_of(x: Any) -> Any:
    """Whether a number is negative; -0.0 is."""
    return either(x < 0, 1.0 / x < 0) if isinstance(x, Read) else math.copysign(1.0, x) < 0


def _close(a: Any, b: Any, rel_tol: float = 1e-9, abs_tol: float = 0.0) -> Any:
    most = of_two("maximum")(abs(a), abs(b))
    near = abs(a - b) <= of_two("maximum")(most * rel_tol, abs_tol)
    return either(a == b, conjunction([near, abs(a - b) < math.inf]))


# Stirling's series, Abramowitz & Stegun 6.1.41: B_2k / (2k (2k - 1)), of x ** (1 - 2k)
_STIRLING = (
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
    1 / 156,
    -3617 / 122400,
)


def _lgamma(x: Any) -> Any:
    """Of x > 0: from 8 on by Stirling's series, below by gamma(x + 1) = x gamma(x)."""
    required(x > 0, lambda: undecided("math.lgamma of a traced number is for positive ones"))
    small = x < 8
    factors = math.prod(x + i for i in range(8))
    z = of_two("maximum")(chosen(small, x + 8, x), 1.0)
    tail = sum(c * z ** (-1 - 2 * k) for k, c in enumerate(_STIRLING))
    large = (z - 0.5) * z.log() - z + 0.5 * math.log(2 * math.pi) + tail
    return chosen(small, large - chosen(small, factors, 1.0).log(), large)


def _norm(numbers: Iterable[Any]) -> Any:
    return total(x * x for x in numbers) ** 0.5


OF_MATH: dict[str, Callable[..., Any]] = {
    **{name: _method(name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "erf")},
    "fabs": abs,
    "pow": operator.pow,
    "tan": lambda x: x.sin() / x.cos(),
    "sinh": near_zero.sinh,
    "cosh": lambda x: (x.exp() + (-x).exp()) / 2.0,
    "exp2": lambda x: (x * math.log(2.0)).exp(),
    "expm1": near_zero.expm1,
    "log1p": _log1p,
    "log2": lambda x: x.log() / math.log(2.0),
    "log10": lambda x: x.log() / math.log(10.0),
    "erfc": lambda x: 1.0 - x.erf(),
    "lgamma": _lgamma,
    "cbrt": lambda x: chosen(x < 0, -(abs(x) ** (1 / 3)), abs(x) ** (1 / 3)),
    "hypot": lambda *xs: _norm(xs),
    "copysign": lambda x, y: chosen(_sign_of(y), -abs(x), abs(x)),
    "isclose": _close,
    "isnan": lambda x: x != x,
    "isfinite": lambda x: x - x == 0,
    "isinf": lambda x: abs(x) == math.inf,
    "degrees": lambda x: x * (180.0 / math.pi),
    "radians": lambda x: x * (math.pi / 180.0),
}
NO_ROWS = ("acos", "asin", "atan", "atan2", "acosh", "asinh", "atanh", "gamma", "fmod",
           "remainder", "modf", "frexp", "ldexp", "nextafter", "ulp")  # fmt: skip


def _of_python(x: Any) -> Any:
    return again(x, float) if isinstance(x, Read) and is_narrow(x.numpy_type) else x


def of_math(name: str) -> Callable[..., Any]:
    """The function of `math`, which takes traced numbers as well: a number, without gradient."""
    plain, on_reads = getattr(math, name), OF_MATH.get(name)

    def function(*args: Any, **named: Any) -> Any:
        if not any(isinstance(x, Value) for x in args):
            return plain(*args, **named)
        numbers = [_of_python(x.data if isinstance(x, Value) else x) for x in args]
        if not any(isinstance(x, Read) for x in numbers):
            return plain(*numbers, **named)
        if on_reads is None:
            undecided(f"math.{name} of a traced number is no row of the op table")
        if name == "log" and len(numbers) == 2:
            base = numbers[1].log() if isinstance(numbers[1], Read) else math.log(numbers[1])
            number = numbers[0].log() if isinstance(numbers[0], Read) else math.log(numbers[0])
            return number / base
        if named:
            return on_reads(*numbers, **named)
        return unless_raised(on_reads(*numbers), plain, numbers)

    return function


# ---- of several numbers ------------------------------------------------------------------------


def _distance(p: Iterable[Any], q: Iterable[Any]) -> Any:
    return _norm(a - b for a, b in zip(p, q, strict=True))


def _mean(xs: Any) -> Any:
    return total(xs) / length(xs)


def _spread(less: int, root: bool) -> Callable[..., Any]:
    def spread(xs: Any) -> Any:
        mean = _mean(xs)
        squares = total([_changed(x, lambda v: (v - mean) ** 2) for x in xs])
        variance = squares / (length(xs) - less)
        return variance**0.5 if root else variance

    return spread


def _changed(x: Any, by: Callable[[Any], Any]) -> Any:
    return Maybe(by(x.value), x.conditions, x.site) if type(x) is Maybe else by(x)


OF_SEVERAL: dict[Callable[..., Any], Callable[..., Any]] = {
    math.fsum: total,
    math.prod: product,
    math.dist: _distance,
    statistics.mean: _mean,
    statistics.fmean: _mean,
    statistics.variance: _spread(1, False),
    statistics.pvariance: _spread(0, False),
    statistics.stdev: _spread(1, True),
    statistics.pstdev: _spread(0, True),
}


def of_several(plain: Callable[..., Any]) -> Callable[..., Any]:
    """The function of lists of numbers, traced ones among them."""
    on_reads = OF_SEVERAL[plain]

    def function(*lists: Any, **named: Any) -> Any:
        lists = tuple(xs if isinstance(xs, list | tuple) else list(xs) for xs in lists)
        if any(isinstance(x, Read) or type(x) is Maybe for xs in lists for x in xs):
            return on_reads(*lists, **named)
        return plain(*lists, **named)

    return function


def median(in_order: Callable[[Any], list[Any]]) -> Callable[..., Any]:
    """`statistics.median`, by what sorts traced numbers."""

    def function(xs: Any) -> Any:
        xs = list(xs)
        if not any(isinstance(x, Read) or type(x) is Maybe for x in xs):
            return statistics.median(xs)
        ordered = in_order(xs)
        half = len(ordered) // 2
        return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2

    return function
