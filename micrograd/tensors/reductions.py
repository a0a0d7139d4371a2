"""Operations that make one number of many: sums, means, extremes, norms, soft maxima."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from micrograd.engine import Value, make_leaf, make_leaves
from micrograd.errors import ArgumentTypeError, ArgumentValueError, ShapeError
from micrograd.functions import VALUES
from micrograd.tensors.dtypes import FLOAT, INTEGER, TITLES, TRUTH
from micrograd.tensors.elements import Objects, filled
from micrograd.tensors.pointwise import absolute, number_of
from micrograd.tensors.shapes import axis_of

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor

Elements = list[Value]


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


def _axes(x: Tensor, dim: Any) -> tuple[int, ...]:
    """The axes that are reduced; all of them for None."""
    if dim is None or dim == ():
        return tuple(range(x.ndim))
    dims = dim if isinstance(dim, Sequence) else (dim,)
    axes = tuple(axis_of(x, k) for k in dims)
    return axes if x.ndim else ()


def _rows(x: Tensor, axes: tuple[int, ...]) -> tuple[list[Elements], tuple[int, ...]]:
    """The elements that are reduced to each element of the result, and the result's shape."""
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    shape = tuple(x.shape[k] for k in kept)
    n = math.prod(x.shape[k] for k in axes)
    rows = x._values.transpose(*kept, *axes).reshape(math.prod(shape), n)
    return rows.tolist(), shape


def _reduced(
    x: Tensor, dim: Any, keepdim: bool, f: Callable[[Elements], Any], op: str, kind: str
) -> Tensor:
    axes = _axes(x, dim)
    rows, shape = _rows(x, axes)
    values = filled(shape, [f(row) for row in rows])
    return x._result(_kept(x, values, axes, keepdim), (), op, kind)


def _kept(x: Tensor, values: Objects, axes: tuple[int, ...], keepdim: bool) -> Objects:
    if not keepdim:
        return values
    return values.reshape([1 if k in axes else n for k, n in enumerate(x.shape)])


def _total(row: Elements) -> Value:
    return reduce(operator.add, row) if row else make_leaf(0.0)


def sum(  # noqa: A001
    x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **named: Any
) -> Tensor:
    """The sum over axes, or of all elements, left to right."""
    dim, keepdim = named.pop("axis", dim), named.pop("keepdims", keepdim)
    _none_left("sum", named)
    kind = FLOAT if x._kind == FLOAT else INTEGER
    result = _reduced(x, dim, keepdim, _total, "Sum", kind)
    return result if dtype is None else result.to(dtype)


def mean(
    x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **named: Any
) -> Tensor:
    """The mean over axes, or of all elements; nan if there are none."""
    dim, keepdim = named.pop("axis", dim), named.pop("keepdims", keepdim)
    _none_left("mean", named)
    x = x if dtype is None else x.to(dtype)
    _check_floats(x, "mean")
    n = math.prod(x.shape[k] for k in _axes(x, dim))
    return _reduced(x, dim, keepdim, lambda row: _mean(row, n), "Mean", FLOAT)


def _mean(row: Elements, n: int) -> Value:
    total = _total(row)
    return total if n == 1 else total / n


def _none_left(name: str, named: dict[str, Any]) -> None:
    if named:
        raise ArgumentTypeError(f"{name} has no argument {next(iter(named))!r}")


def _check_floats(x: Tensor, name: str) -> None:
    if x._kind != FLOAT:
        raise ArgumentRuntimeError(
            f"{name}(): the array must hold floats, got {TITLES[x._kind]}: write x.float().{name}()"
        )


class ArgumentRuntimeError(ArgumentTypeError, RuntimeError):
    """Numbers of the wrong kind; torch raises a RuntimeError for them."""


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
    return _spread(x, dim, unbiased, keepdim, correction, lambda v: v.sqrt(), "Std")


def _spread(
    x: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: int | None,
    last: Callable[[Value], Value], op: str,
) -> Tensor:  # fmt: skip
    _check_floats(x, op.lower())
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    n = math.prod(x.shape[k] for k in _axes(x, dim))
    less = int(unbiased) if correction is None else correction

    def variance(row: Elements) -> Value:
        middle = _mean(row, n)
        squares = [(v - middle) ** 2 for v in row]
        return last(_total(squares) / float(builtins.max(n - less, 0)))

    return _reduced(x, dim, keepdim, variance, op, FLOAT)


def var_mean(x: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> Any:
    """The variance and the mean."""
    return var(x, dim, unbiased, keepdim), mean(x, dim, keepdim)


def prod(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The product over one axis, or of all elements, left to right."""
    kind = FLOAT if x._kind == FLOAT else INTEGER
    return _reduced(x, dim, keepdim, lambda row: reduce(operator.mul, row, 1.0) if not row
                    else reduce(operator.mul, row), "Prod", kind)  # fmt: skip


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
    return None if dim is None else _axes(x, dim)


# ---- extremes --------------------------------------------------------------------------------


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
    axes = _axes(x, dim)
    rows, shape = _rows(x, axes)
    if not rows or not rows[0]:
        raise ArgumentIndexError(f"{op.lower()}() of no elements: the shape is {tuple(x.shape)}")
    pairs = [picked(row, larger) for row in rows]
    indices = [k if isinstance(k, Value) else make_leaf(float(k)) for _, k in pairs]
    values = x._result(_kept(x, filled(shape, [v for v, _ in pairs]), axes, keepdim),
                       (), op, x._kind)  # fmt: skip
    return EXTREMES[op](values, x._plain(_kept(x, filled(shape, indices), axes, keepdim), INTEGER))


class ArgumentIndexError(ArgumentValueError, IndexError):
    """An element that there is not."""


def extreme_of_all(row: Elements, larger: bool) -> Value:
    """The largest (or smallest) of all; equal ones share the gradient evenly, as in torch."""
    numbers = [number_of(v) for v in row]
    if None in numbers:
        return reduce(VALUES.maximum if larger else VALUES.minimum, row)
    value, _ = picked(row, larger)
    same = [v for v, number in zip(row, numbers, strict=True) if number == value.data]
    if len(same) < 2 or not math.isfinite(value.data):
        return value
    most = value.data  # v - most is 0: the number is exact, and each has its share of the gradient
    return _total([(v - most) / len(same) for v in same]) + most


def _both(larger: bool, op: str) -> Callable[..., Any]:
    pairwise = np.frompyfunc(VALUES.maximum if larger else VALUES.minimum, 2, 1)

    def method(x: Tensor, dim: Any = None, keepdim: bool = False, **named: Any) -> Any:
        dim = named.pop("axis", dim)
        _none_left(op.lower(), named)
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
    return _reduced(x, dim, keepdim, lambda row: extreme_of_all(row, True), "Amax", x._kind)


def amin(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The smallest over axes; equal ones share the gradient."""
    return _reduced(x, dim, keepdim, lambda row: extreme_of_all(row, False), "Amin", x._kind)


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False, **named: Any) -> Tensor:
    """The index of the largest element, of equal ones the first."""
    return _where_extreme(x, named.pop("axis", dim), keepdim, True)


def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False, **named: Any) -> Tensor:
    """The index of the smallest element, of equal ones the first."""
    return _where_extreme(x, named.pop("axis", dim), keepdim, False)


def _where_extreme(x: Tensor, dim: int | None, keepdim: bool, larger: bool) -> Tensor:
    flat = x.reshape(-1) if dim is None else x
    return _extreme(flat, 0 if dim is None else dim, keepdim, larger, "Max").indices


# ---- order -------------------------------------------------------------------------------------


def sort(x: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Extreme:
    """In order along an axis, and where each element was."""
    numbers = x._known()
    order = np.argsort(-numbers if descending else numbers, axis_of(x, dim), kind="stable")
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
    """The middle one of all elements, of two the lower one."""
    flat = x.reshape(-1)
    k = np.argsort(flat._known(), kind="stable")[(flat.numel() - 1) // 2]
    return x._moved(filled((), [flat._values[k]]), "Median")


def unique(x: Tensor, return_counts: bool = False) -> Any:
    """The different numbers that there are, in order."""
    numbers, counts = np.unique(x._known(), return_counts=True)
    found = x._of_numbers(numbers, x._kind)
    return (found, x._of_numbers(counts, INTEGER)) if return_counts else found


def bincount(x: Tensor, minlength: int = 0) -> Tensor:
    """How often each whole number from 0 is there."""
    return x._of_numbers(np.bincount(x._known().astype(int), minlength=minlength), INTEGER)


# ---- norms and soft maxima ---------------------------------------------------------------------


def norm(x: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over axes; the derivative where it is 0 is 0, as in torch."""
    power = 2.0 if p in ("fro", None) else float(p)
    if power == math.inf:
        return amax(absolute(x), dim, keepdim)
    if power == 1.0:
        return sum(absolute(x), dim, keepdim)
    return _reduced(x, dim, keepdim, lambda row: _length(row, power), "LinalgVectorNorm", FLOAT)


def _length(row: Elements, p: float) -> Value:
    if p == 2.0:
        total = _total([v**2 for v in row])
        root: Callable[[Any], Any] = lambda v: v.sqrt()  # noqa: E731
    else:
        total = _total([abs(v) ** p for v in row])
        root = lambda v: v ** (1 / p)  # noqa: E731
    number = number_of(total)
    if number is not None:
        return root(total) if number else make_leaf(0.0)
    flat = VALUES.equal(total, 0.0)
    return VALUES.select(flat, 0.0, root(VALUES.select(flat, 1.0, total)))  # type: ignore[no-any-return]


def shifted(row: Elements) -> Elements:
    """The row minus its largest number, so that `exp` cannot overflow.

    The largest is detached: softmax does not depend on a shift, and so neither do its derivatives.
    """
    largest = _builtin_max(v.data for v in row)
    return [v - largest for v in row]


def log_total(row: Elements) -> tuple[Elements, Value]:
    """The shifted row, and log Σ exp of it."""
    near = shifted(row)
    return near, reduce(operator.add, [v.exp() for v in near]).log()


def along(x: Tensor, dim: int, f: Callable[[Elements], Elements], op: str) -> Tensor:
    """What `f` makes of each row along an axis; a number counts as a row of one."""
    k = axis_of(x, dim)
    if not x.numel():
        return x._result(x._values, (), op, FLOAT)
    rows = np.moveaxis(x._values.reshape(x.shape or (1,)), k, -1)
    made = [v for row in rows.reshape(-1, rows.shape[-1]).tolist() for v in f(row)]
    values = np.moveaxis(filled(rows.shape, made), -1, k).reshape(x.shape)
    return x._result(values, (), op, FLOAT)


def softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x), the sum along an axis."""
    return along(x, dim, _soft, "Softmax")


def _soft(row: Elements) -> Elements:
    exponentials = [v.exp() for v in shifted(row)]
    total = reduce(operator.add, exponentials)
    return [e / total for e in exponentials]


def log_softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """X - log Σ exp(x), the sum along an axis."""

    def each(row: Elements) -> Elements:
        near, total = log_total(row)
        return [v - total for v in near]

    return along(x, dim, each, "LogSoftmax")


def logsumexp(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """Log Σ exp(x) over axes."""

    def each(row: Elements) -> Value:
        largest = _builtin_max(v.data for v in row)
        known = largest if not isinstance(largest, Value) else 0.0
        largest = largest if math.isfinite(known) else 0.0
        return reduce(operator.add, [(v - largest).exp() for v in row]).log() + largest

    return _reduced(x, dim, keepdim, each, "Logsumexp", FLOAT)


def _builtin_max(numbers: Any) -> Any:
    return builtins.max(numbers)  # the compiler watches the name there


def numbers_as_leaves(numbers: Any) -> Objects:
    """Leaves in the shape of an array of numbers."""
    array = np.asarray(numbers, np.float64)
    return filled(array.shape, make_leaves(array.ravel().tolist()))
