"""Arrays of traced numbers as a type of NumPy: `np.array(xs, dtype=float)`, `xs.astype(int)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd.compiler.trace.numbers.maybe import certain
from micrograd.compiler.trace.numbers.narrow import BOOL, FLOAT64, INT64, numpy_type
from micrograd.compiler.trace.numbers.reads import Read, again, type_of, typed
from micrograd.engine import Value


def array_by(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`np.array` or `np.asarray`, which take traced numbers with a type as well."""

    def function(x: Any, dtype: Any = None, *more: Any, **named: Any) -> Any:
        if dtype is None or more or named:
            return plain(x, dtype, *more, **named)
        if isinstance(x, list | tuple):
            certain(x, f"np.{plain.__name__}()")
        given = plain(x)
        made = _converted(given, dtype)
        if made is None:
            return plain(x, dtype)
        same = given is x and all(a is b for a, b in zip(given.flat, made.flat, strict=True))
        return given if same else made

    return function


def astype(x: Any, dtype: Any, *more: Any, **named: Any) -> Any:
    """`x.astype(dtype)` of an array of objects."""
    made = None if more or named else _converted(x, dtype)
    return x.astype(dtype, *more, **named) if made is None else made


def _converted(x: Any, dtype: Any) -> Any:
    """A new array of such numbers; None for what is not traced, or has no such numbers."""
    if x.dtype != object or not any(isinstance(v, Value) for v in x.flat):
        return None
    by = {FLOAT64: _as_float, INT64: _as_whole, BOOL: _as_truth}.get(np.dtype(dtype))
    if by is None:
        return None
    made = np.empty_like(x)
    made.flat[:] = [by(v.data if isinstance(v, Value) else v) for v in x.flat]
    return made


def _as_float(x: Any) -> Any:
    if not isinstance(x, Read):
        return np.float64(x)
    return x if numpy_type(x) is FLOAT64 else typed(again(x, float), FLOAT64)


def _as_whole(x: Any) -> Any:
    if not isinstance(x, Read) or type_of(x) is float:
        return np.int64(x)  # a traced one refuses it, with its line
    return x if numpy_type(x) is INT64 else typed(again(x, int), INT64)


def _as_truth(x: Any) -> Any:
    if not isinstance(x, Read):
        return np.bool_(x)
    return x if type_of(x) is bool else typed(x != 0, BOOL)
