"""Operations that make one number of many: sums, means, products, whether all or any are true."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.engine import Value, make_leaf
from micrograd.errors import ArgumentRuntimeError, ArgumentTypeError
from micrograd.functions import VALUES
from micrograd.tensors.dtypes import FLOAT, INTEGER, TITLES, TRUTH
from micrograd.tensors.elements import Objects, filled
from micrograd.tensors.pointwise import number_of
from micrograd.tensors.shapes import axis_of

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor

Elements = list[Value]


def axes_of(x: Tensor, dim: Any) -> tuple[int, ...]:
    """The axes that are reduced; all of them for None."""
    if dim is None or dim == ():
        return tuple(range(x.ndim))
    dims = dim if isinstance(dim, Sequence) else (dim,)
    axes = tuple(axis_of(x, k) for k in dims)
    return axes if x.ndim else ()


def rows_of(x: Tensor, axes: tuple[int, ...]) -> tuple[list[Elements], tuple[int, ...]]:
    """The elements that are reduced to each element of the result, and the result's shape."""
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    shape = tuple(x.shape[k] for k in kept)
    n = math.prod(x.shape[k] for k in axes)
    rows = x._values.transpose(*kept, *axes).reshape(math.prod(shape), n)
    return rows.tolist(), shape


def reduced(
    x: Tensor, dim: Any, keepdim: bool, f: Callable[[Elements], Any], op: str, kind: str
) -> Tensor:
    """The array of what `f` makes of the elements that are reduced to each of its own."""
    axes = axes_of(x, dim)
    rows, shape = rows_of(x, axes)
    values = filled(shape, [f(row) for row in rows])
    return x._result(kept(x, values, axes, keepdim), (), op, kind)


def kept(x: Tensor, values: Objects, axes: tuple[int, ...], keepdim: bool) -> Objects:
    """The values in their shape, with axes of length 1 in place of those reduced if `keepdim`."""
    if not keepdim:
        return values
    return values.reshape([1 if k in axes else n for k, n in enumerate(x.shape)])


def total_of(row: Elements) -> Value:
    """The sum of elements, left to right; 0 of none."""
    return reduce(operator.add, row) if row else make_leaf(0.0)


def sum(  # noqa: A001
    x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **named: Any
) -> Tensor:
    """The sum over axes, or of all elements, left to right."""
    dim, keepdim = named.pop("axis", dim), named.pop("keepdims", keepdim)
    none_left("sum", named)
    kind = FLOAT if x._kind == FLOAT else INTEGER
    result = reduced(x, dim, keepdim, total_of, "Sum", kind)
    return result if dtype is None else result.to(dtype)


def mean(
    x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **named: Any
) -> Tensor:
    """The mean over axes, or of all elements; nan if there are none."""
    dim, keepdim = named.pop("axis", dim), named.pop("keepdims", keepdim)
    none_left("mean", named)
    x = x if dtype is None else x.to(dtype)
    _check_floats(x, "mean")
    n = math.prod(x.shape[k] for k in axes_of(x, dim))
    return reduced(x, dim, keepdim, lambda row: _mean(row, n), "Mean", FLOAT)


def _mean(row: Elements, n: int) -> Value:
    total = total_of(row)
    return total if n == 1 else total / n


def none_left(name: str, named: dict[str, Any]) -> None:
    """Raise an ArgumentTypeError for an argument that there is not."""
    if named:
        raise ArgumentTypeError(f"{name} has no argument {next(iter(named))!r}")


def _check_floats(x: Tensor, name: str) -> None:
    if x._kind != FLOAT:
        raise ArgumentRuntimeError(
            f"{name}(): the array must hold floats, got {TITLES[x._kind]}: write x.float().{name}()"
        )


def var(
    x: Tensor, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *,
    correction: int | None = None,
) -> Tensor:  # fmt: skip
    """The variance: the sum of (x - mean)², divided by n - 1, or n if not `unbiased`."""
    return _spread(x, dim, unbiased, keepdim, correction, lambda v: v, "Var")


def std(
    x: Tensor, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *,
    correction: int | None = None,
) -> Tensor:  # fmt: skip
    """The standard deviation: the root of the variance."""
    return _spread(x, dim, unbiased, keepdim, correction, root_of_sum, "Std")


def _spread(
    x: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: int | None,
    last: Callable[[Value], Value], op: str,
) -> Tensor:  # fmt: skip
    _check_floats(x, op.lower())
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    n = math.prod(x.shape[k] for k in axes_of(x, dim))
    less = int(unbiased) if correction is None else correction

    def variance(row: Elements) -> Value:
        middle = _mean(row, n)
        squares = [(v - middle) ** 2 for v in row]
        return last(total_of(squares) / float(builtins.max(n - less, 0)))

    return reduced(x, dim, keepdim, variance, op, FLOAT)


def root_of_sum(total: Any, root: Callable[[Any], Any] = VALUES.sqrt) -> Any:
    """The root of a sum; where that is 0 the derivative is 0, as in torch."""
    number = number_of(total)
    if number is not None:
        return root(total) if number else total * 0.0
    flat = VALUES.equal(total, 0.0)
    return VALUES.select(flat, 0.0, root(VALUES.select(flat, 1.0, total)))


def var_mean(x: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> Any:
    """The variance and the mean."""
    return var(x, dim, unbiased, keepdim), mean(x, dim, keepdim)


def prod(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The product over one axis, or of all elements, left to right."""
    kind = FLOAT if x._kind == FLOAT else INTEGER
    return reduced(x, dim, keepdim, product_of, "Prod", kind)


def product_of(row: Elements) -> Value:
    """The product of elements, left to right; 1 of none."""
    return reduce(operator.mul, row) if row else make_leaf(1.0)


def cumsum(x: Tensor, dim: int = 0) -> Tensor:
    """The sums of the elements so far, along an axis."""
    return _running(x, dim, operator.add, "Cumsum")


def cumprod(x: Tensor, dim: int = 0) -> Tensor:
    """The products of the elements so far, along an axis."""
    return _running(x, dim, operator.mul, "Cumprod")


def _running(x: Tensor, dim: int, f: Any, op: str) -> Tensor:
    k = axis_of(x, dim)
    if not x.numel() or not x.ndim:
        return x._result(x._values, (), op, x._kind)
    parts = list(np.moveaxis(x._values, k, 0))
    for i in range(1, len(parts)):
        parts[i] = np.asarray(f(parts[i - 1], parts[i]), object)
    values = np.stack([np.asarray(p, object) for p in parts], k)
    return x._result(values, (), op, FLOAT if x._kind == FLOAT else INTEGER)


# ---- truth -----------------------------------------------------------------------------------


def all(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:  # noqa: A001
    """Whether no element is 0."""
    return x._of_numbers(np.all(x._known() != 0, _numpy_axes(x, dim), keepdims=keepdim), TRUTH)


def any(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:  # noqa: A001
    """Whether some element is not 0."""
    return x._of_numbers(np.any(x._known() != 0, _numpy_axes(x, dim), keepdims=keepdim), TRUTH)


def count_nonzero(x: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not 0."""
    return x._of_numbers(np.count_nonzero(x._known(), _numpy_axes(x, dim)), INTEGER)


def _numpy_axes(x: Tensor, dim: Any) -> Any:
    return None if dim is None else axes_of(x, dim)
