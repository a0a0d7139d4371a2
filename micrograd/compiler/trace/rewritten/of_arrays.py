"""NumPy's functions and methods that compare numbers, on traced ones: with nan as in NumPy.

On an array of objects NumPy compares them in its own way, in which a nan may be passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from micrograd.compiler.trace.numbers.maybe import MISSING, chosen, extreme
from micrograd.compiler.trace.numbers.narrow import BOOL
from micrograd.compiler.trace.numbers.numeric import largest, of_math, of_two, smallest
from micrograd.compiler.trace.numbers.reads import Read, typed
from micrograd.compiler.trace.rewritten.conversions import array_by, astype
from micrograd.engine import Value
from micrograd.tensors.elements import filled


def has_traced(x: Any) -> bool:
    """Whether it is a traced number, or an array or list that holds one."""
    if isinstance(x, np.ndarray):
        return x.dtype == object and any(isinstance(v, Value) for v in x.flat)
    return isinstance(x, Value) or (isinstance(x, list | tuple) and any(map(has_traced, x)))


def _by_elements(name: str, of_numbers: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A function of NumPy's that computes each element by itself."""
    plain, elements = getattr(np, name), np.frompyfunc(of_numbers, count, 1)

    def function(*args: Any, **named: Any) -> Any:
        if len(args) != count or named or not any(map(has_traced, args)):
            return plain(*args, **named)
        return elements(*args)

    return function


def _truth(name: str) -> Callable[..., Any]:
    of_number = of_math(name)
    return _by_elements(name, lambda x: typed(of_number(x), BOOL), 1)


MAXIMUM, MINIMUM = (_by_elements(row, of_two(row), 2) for row in ("maximum", "minimum"))
_nan_to_num = np.nan_to_num  # in a trace NumPy has the one below


def without_nan(x: Any, copy: bool = True, nan: Any = 0.0, **named: Any) -> Any:
    """`np.nan_to_num`."""
    if named or not has_traced(x):
        return _nan_to_num(x, copy, nan, **named)
    most = float(np.finfo(np.float64).max)

    def finite(v: Any) -> Any:
        return chosen(v == v, MAXIMUM(MINIMUM(chosen(v == v, v, 0.0), most), -most), nan)

    return np.frompyfunc(finite, 1, 1)(x)


def clipped(x: Any, least: Any = None, most: Any = None, **named: Any) -> Any:
    """`np.clip`, and the method of an array."""
    least, most = named.pop("min", least), named.pop("max", most)
    least, most = named.pop("a_min", least), named.pop("a_max", most)
    if named or not any(map(has_traced, (x, least, most))):
        return np.clip(x, least, most, **named)
    x = x if least is None else MAXIMUM(x, least)
    return x if most is None else MINIMUM(x, most)


def along_axis(
    plain: Callable[..., Any], of_numbers: Callable[[list[Any]], Any]
) -> Callable[..., Any]:
    """A function of all numbers of an array, or of those along an axis."""

    def function(xs: Any, axis: Any = None, **named: Any) -> Any:
        if named or not has_traced(xs) or not (axis is None or isinstance(axis, int)):
            return plain(xs, axis=axis, **named)
        array = np.asarray(xs, object)
        if axis is None:
            return of_numbers(list(array.flat))
        rows = np.moveaxis(array, axis, -1)
        found = [of_numbers(list(row)) for row in rows.reshape(-1, rows.shape[-1])]
        return filled(rows.shape[:-1], found) if rows.ndim > 1 else found[0]

    return function


def _place(largest: bool, numbers: list[Any]) -> Any:
    """The place of the first nan, or else of the largest or smallest."""
    left = iter(numbers)
    place = extreme(largest, range(len(numbers)), lambda _: next(left), MISSING)
    for k in range(len(numbers) - 1, -1, -1):
        x = numbers[k]
        if isinstance(x, Read):
            place = chosen(x == x, place, k)
    return place


FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.maximum: MAXIMUM,
    np.minimum: MINIMUM,
    np.clip: clipped,
    **{plain: array_by(plain) for plain in (np.array, np.asarray)},
    **{getattr(np, name): _truth(name) for name in ("isnan", "isinf", "isfinite")},
    np.max: along_axis(np.max, largest),
    np.amax: along_axis(np.amax, largest),
    np.min: along_axis(np.min, smallest),
    np.amin: along_axis(np.amin, smallest),
    np.argmax: along_axis(np.argmax, partial(_place, True)),
    np.argmin: along_axis(np.argmin, partial(_place, False)),
}

METHODS = {f.__name__: FUNCTIONS[f] for f in (np.max, np.min, np.argmax, np.argmin, np.clip)}
METHODS["astype"] = astype
