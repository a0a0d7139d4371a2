"""NumPy's own numbers: of which type results are, and which of them a program computes as NumPy.

A program computes in floats of 64 bits. NumPy computes with integers of 8 bits in 8 bits, so that
they begin anew at 256, and with float32 in 32. Integers are exact as long as they are in the range
of their type; other calls are for the function as it is (`bounds`). Floats of other precisions are
refused where something is computed of them alone: with Values they are floats as others are.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

FLOAT64, INT64, BOOL = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_)
MOST_INTEGER = 2**53  # up to which every integer is a float
# By precision, the largest integer of which it is known that it is no rounded one.
EXACT = {FLOAT64: MOST_INTEGER - 1, np.dtype(np.float32): 2**24 - 1}


def numpy_type(x: Any) -> np.dtype[Any] | None:
    """The type of a number of NumPy, traced or not; None of one of Python."""
    sort = type(x)
    if sort is float or sort is int:
        return None
    return x.dtype if isinstance(x, np.generic) else getattr(sort, "numpy_type", None)


def is_narrow(dtype: np.dtype[Any] | None) -> bool:
    """Whether NumPy computes otherwise with such numbers than in floats of 64 bits.

    >>> is_narrow(np.dtype(np.uint8)), is_narrow(np.dtype(np.float64)), is_narrow(None)
    (True, False, False)
    """
    return dtype is not None and dtype != FLOAT64 and dtype != INT64


def is_lossy(dtype: np.dtype[Any] | None) -> bool:
    """Whether it is a type of floats of another precision than 64 bits."""
    return dtype is not None and dtype.kind == "f" and dtype != FLOAT64


def type_of_result(
    types: Iterable[np.dtype[Any]], others: Iterable[type], floats: Any = None
) -> np.dtype[Any]:
    """The type of what is computed from numbers of NumPy's types and of Python's.

    Of integers it is one of theirs, or that of floats at least as precise as `floats`.

    >>> type_of_result([np.dtype(np.uint8)], [int]), type_of_result([np.dtype(np.uint8)], [float])
    (dtype('uint8'), dtype('float64'))
    """
    found = frozenset(types)
    return FLOAT64 if found == {FLOAT64} else _promoted(found, frozenset(others), floats)


@lru_cache
def _promoted(
    types: frozenset[np.dtype[Any]], others: frozenset[type], floats: Any
) -> np.dtype[Any]:
    found = np.result_type(*types, *(sort() for sort in others))
    return np.result_type(found, floats) if floats is not None and found.kind in "iub" else found


def interval(dtype: np.dtype[Any] | None, precision: np.dtype[Any] = FLOAT64) -> tuple[int, int]:
    """The least and the largest integer of a type that a program holds; None is Python's.

    >>> interval(np.dtype(np.uint8)), interval(None, np.dtype(np.float32))
    ((0, 255), (-16777215, 16777215))
    """
    exact = EXACT[precision]
    if dtype is None or dtype.kind not in "iub":
        return -exact, exact
    if dtype == BOOL:
        return 0, 1
    ends = np.iinfo(dtype)
    return max(int(ends.min), -exact), min(int(ends.max), exact)
