"""Object arrays of Values, made from whatever an array can be made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.engine import Value, as_operand, make_leaves, numbers_of
from micrograd.errors import ArgumentTypeError, ArgumentValueError

Objects = NDArray[Any]


def filled(shape: tuple[int, ...], values: Sequence[Value]) -> Objects:
    """An array of that shape; the last axis runs fastest."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def copied(values: Objects) -> Objects:
    """New leaves with the same numbers."""
    return filled(values.shape, make_leaves(numbers_of(values.ravel().tolist())))


def detached(values: Objects) -> Objects:
    """Leaves with the same numbers, which whoever follows this thread sees to be the same."""
    return filled(values.shape, [v.detach() for v in values.ravel().tolist()])


def as_objects(values: Any) -> Objects:
    """An object array; NumPy gives a bare Value where there are no axes."""
    return values if isinstance(values, np.ndarray) else filled((), [values])


def values_of(data: Any) -> Objects:
    """Values from numbers, Values, nested lists of them or arrays; numbers become new leaves."""
    if isinstance(data, Value):
        return as_objects(data)
    try:
        given = np.asarray(data)
    except ValueError as error:
        raise ArgumentValueError(f"data must be a rectangular array: {error}") from None
    if given.dtype.kind == "O":
        return filled(given.shape, [_value_of(x) for x in given.flat])
    if given.dtype.kind in "fiub":
        numbers = given.astype(np.float64).ravel().tolist()
        return filled(given.shape, make_leaves(numbers))
    raise ArgumentTypeError(f"data must hold numbers or Values, got {given.dtype}: {data!r:.80}")


def _value_of(x: Any) -> Value:
    v = as_operand(x)
    if v is NotImplemented:
        raise ArgumentTypeError(
            f"data must hold numbers or Values, got {type(x).__name__}: {x!r:.80}"
        )
    return v  # type: ignore[no-any-return]


def numbers_as_leaves(numbers: Any) -> Objects:
    """Leaves in the shape of an array of numbers."""
    array = np.asarray(numbers, np.float64)
    return filled(array.shape, make_leaves(array.ravel().tolist()))
