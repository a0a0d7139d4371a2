"""The largest and the smallest of several elements, and where they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from micrograd.engine import Value, make_leaf
from micrograd.errors import ShapeError
from micrograd.functions import VALUES
from micrograd.tensors.dtypes import INTEGER
from micrograd.tensors.elements import filled
from micrograd.tensors.pointwise import number_of

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor

from micrograd.errors import ArgumentIndexError
from micrograd.tensors.reductions import (
    Elements,
    axes_of,
    kept,
    none_left,
    reduced,
    rows_of,
    total_of,
)


class Extreme(NamedTuple):
    """The largest or smallest elements along an axis, and where they are."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        name = type(self).__name__.lower()
        return f"torch.return_types.{name}(\nvalues={self.values},\nindices={self.indices})"


# By operation, each with its name.
EXTREMES: dict[str, type[Extreme]] = {
    name: type(name, (Extreme,), {}) for name in ("Max", "Min", "Sort", "Topk")
}


def picked(row: Elements, larger: bool) -> tuple[Value, Value | int]:
    """The largest (or smallest) of several and its index; of equal ones the first.

    A number that is nan is taken. While a program is traced, where nothing is known of the
    numbers, it is a chain of selects.
    """
    numbers = [number_of(v) for v in row]
    if None not in numbers:
        array = np.array(numbers)
        k = int(np.argmax(array) if larger else np.argmin(array))
        return row[k], k
    best: Value = row[0]
    index: Value | int = 0
    for k, v in enumerate(row[1:], 1):
        stays = VALUES.less_equal(v, best) if larger else VALUES.less_equal(best, v)
        best, index = VALUES.select(stays, best, v), VALUES.select(stays, index, float(k))
    return best, index


def _extreme(x: Tensor, dim: int, keepdim: bool, larger: bool, op: str) -> Extreme:
    axes = axes_of(x, dim)
    rows, shape = rows_of(x, axes)
    if not rows or not rows[0]:
        raise ArgumentIndexError(f"{op.lower()}() of no elements: the shape is {tuple(x.shape)}")
    pairs = [picked(row, larger) for row in rows]
    indices = [k if isinstance(k, Value) else make_leaf(float(k)) for _, k in pairs]
    values = x._result(kept(x, filled(shape, [v for v, _ in pairs]), axes, keepdim),
                       (), op, x._kind)  # fmt: skip
    return EXTREMES[op](values, x._plain(kept(x, filled(shape, indices), axes, keepdim), INTEGER))


def extreme_of_all(row: Elements, larger: bool) -> Value:
    """The largest (or smallest) of all; equal ones share the gradient evenly, as in torch."""
    numbers = [number_of(v) for v in row]
    if None in numbers:
        return reduce(VALUES.maximum if larger else VALUES.minimum, row)
    value, _ = picked(row, larger)
    return shared(row, value)


def shared(row: Elements, value: Value) -> Value:
    """One of several; those that are equal to it share the gradient evenly, as in torch."""
    same = [v for v in row if v.data == value.data]
    if len(same) < 2 or not math.isfinite(value.data):
        return value
    n = value.data  # v - n is 0: the number is exact, and each has its share of the gradient
    return total_of([(v - n) / len(same) for v in same]) + n


def _both(larger: bool, op: str) -> Callable[..., Any]:
    pairwise = np.frompyfunc(VALUES.maximum if larger else VALUES.minimum, 2, 1)

    def method(x: Tensor, dim: Any = None, keepdim: bool = False, **named: Any) -> Any:
        dim = named.pop("axis", dim)
        none_left(op.lower(), named)
        if x._is_array(dim):
            return x._result(pairwise(x._values, dim._values), (dim,), op + "imum", x._kind)
        if dim is not None:
            return _extreme(x, dim, keepdim, larger, op)
        if not x.numel():
            raise ShapeError(f"{op.lower()}() of no elements: the shape is {tuple(x.shape)}")
        value = extreme_of_all(x._values.ravel().tolist(), larger)
        return x._result(filled((), [value]), (), op, x._kind)

    method.__name__ = op.lower()
    method.__doc__ = (
        f"The {'largest' if larger else 'smallest'} element; with `dim`, values and indices along "
        "an axis; with an array, of each pair."
    )
    return method


max, min = _both(True, "Max"), _both(False, "Min")  # noqa: A001


def amax(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The largest over axes; equal ones share the gradient."""
    return reduced(x, dim, keepdim, lambda row: extreme_of_all(row, True), "Amax", x._kind)


def amin(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The smallest over axes; equal ones share the gradient."""
    return reduced(x, dim, keepdim, lambda row: extreme_of_all(row, False), "Amin", x._kind)


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False, **named: Any) -> Tensor:
    """The index of the largest element, of equal ones the first."""
    return _where_extreme(x, named.pop("axis", dim), keepdim, True)


def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False, **named: Any) -> Tensor:
    """The index of the smallest element, of equal ones the first."""
    return _where_extreme(x, named.pop("axis", dim), keepdim, False)


def _where_extreme(x: Tensor, dim: int | None, keepdim: bool, larger: bool) -> Tensor:
    flat = x.reshape(-1) if dim is None else x
    return _extreme(flat, 0 if dim is None else dim, keepdim, larger, "Max").indices
