"""Elements in order, how often each is there, and the middle one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.tensors.dtypes import INTEGER
from micrograd.tensors.elements import filled
from micrograd.tensors.shapes import axis_of

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor

from micrograd.tensors.extremes import EXTREMES, Extreme, shared


def sort(x: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Extreme:
    """In order along an axis, and where each element was."""
    numbers, axis = x._known(), axis_of(x, dim)
    order = np.argsort(-numbers if descending else numbers, axis, kind="stable")
    if descending and np.isnan(numbers).any():  # which are the largest
        unordered = np.take_along_axis(~np.isnan(numbers), order, axis)
        order = np.take_along_axis(order, np.argsort(unordered, axis, kind="stable"), axis)
    return _taken(x, order, dim, "Sort")


def _taken(x: Tensor, order: Any, dim: int, op: str) -> Extreme:
    values = np.take_along_axis(x._values, order, axis_of(x, dim))
    return EXTREMES[op](x._moved(values, op), x._of_numbers(order, INTEGER))


def argsort(x: Tensor, dim: int = -1, descending: bool = False) -> Tensor:
    """The indices that put the elements in order."""
    return sort(x, dim, descending).indices


def topk(x: Tensor, k: int, dim: int = -1, largest: bool = True) -> Extreme:
    """The k largest (or smallest) along an axis, in order, and where they are."""
    axis = axis_of(x, dim)
    order = sort(x, dim, largest).indices._known().astype(int)
    return _taken(x, order.take(np.arange(k), axis), dim, "Topk")


def median(x: Tensor) -> Tensor:
    """The middle one of all elements, of two the lower one; nan if one is, or there are none.

    Equal ones share the gradient evenly.
    """
    row, numbers = x._values.ravel().tolist(), x._known().ravel()
    unknown = np.flatnonzero(np.isnan(numbers))
    if not row:
        return x._of_numbers(math.nan, x._kind)
    k = unknown[0] if len(unknown) else np.argsort(numbers, kind="stable")[(len(row) - 1) // 2]
    return x._result(filled((), [shared(row, row[k])]), (), "Median", x._kind)


def unique(x: Tensor, return_counts: bool = False) -> Any:
    """The different numbers that there are, in order."""
    numbers, counts = np.unique(x._known(), return_counts=True)
    found = x._of_numbers(numbers, x._kind)
    return (found, x._of_numbers(counts, INTEGER)) if return_counts else found


def bincount(x: Tensor, minlength: int = 0) -> Tensor:
    """How often each whole number from 0 is there."""
    return x._of_numbers(np.bincount(x._known().astype(int), minlength=minlength), INTEGER)
