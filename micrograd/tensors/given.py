"""What an array is made from: its elements, of which kind they are, whether they are Values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.engine import (
    Value,
)
from micrograd.tensors.dtypes import FLOAT, INTEGER, TRUTH
from micrograd.tensors.elements import Objects, numbers_as_leaves, values_of

_KINDS = {bool: TRUTH, int: INTEGER, float: FLOAT}


class ArrayOfValues:
    """What modules know a Tensor by that cannot import it."""

    __slots__ = ()
    if TYPE_CHECKING:
        _values: Objects
        _kind: str
        requires_grad: bool


def elements_of(data: Any) -> Objects:
    """The elements of an array, or of what one can be made from."""
    if isinstance(data, ArrayOfValues):
        return data._values
    if isinstance(data, list | tuple) and any(isinstance(x, ArrayOfValues) for x in data):
        return np.stack([elements_of(x) for x in data])
    return values_of(data)


def number_kind(data: Any) -> str:
    """Of which kind the numbers are that `data` holds."""
    if isinstance(data, ArrayOfValues):
        return data._kind
    if type(data) in _KINDS:
        return _KINDS[type(data)]
    if isinstance(data, Value):
        return getattr(type(data), "number_kind", FLOAT)  # that of a traced number
    objects = isinstance(data, np.ndarray) and data.dtype == object
    if objects or isinstance(data, list | tuple):
        kinds = {number_kind(x) for x in (data.flat if objects else data)}
        return next((k for k in (FLOAT, INTEGER, TRUTH) if k in kinds), FLOAT)
    kind = getattr(getattr(data, "dtype", None), "kind", "f")
    return {"i": INTEGER, "u": INTEGER, "b": TRUTH}.get(kind, FLOAT)


def holds_values(data: Any) -> bool:
    """Whether there are Values, or arrays that require gradients, among the data."""
    if isinstance(data, ArrayOfValues):
        return data.requires_grad
    if isinstance(data, list | tuple):
        return any(map(holds_values, data))
    if isinstance(data, np.ndarray):
        return data.dtype == object and any(map(holds_values, data.flat))
    return isinstance(data, Value) and not hasattr(type(data), "number_kind")


def zeros(shape: Any) -> Objects:
    """Leaves that are 0."""
    return numbers_as_leaves(np.zeros(tuple(shape)))
