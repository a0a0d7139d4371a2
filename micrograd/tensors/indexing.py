"""Elements by index, read and written; operations in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.engine import make_leaves, numbers_of
from micrograd.errors import (
    ArgumentIndexError,
    ArgumentRuntimeError,
    ArgumentTypeError,
    GraphError,
    ShapeError,
)
from micrograd.observers import followed, recording
from micrograd.tensors.chosen import chosen, known
from micrograd.tensors.dtypes import FLOAT, INTEGER, ORDER, TITLES
from micrograd.tensors.elements import Objects, copied, filled
from micrograd.tensors.shapes import axis_of

WHOLE = "index must hold whole numbers: write index.long()"

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor


def numpy_index(x: Tensor, index: Any) -> tuple[Any, bool]:
    """An index as NumPy takes it, and whether it gives a view of the same elements."""
    parts = index if isinstance(index, tuple) else (index,)
    made = tuple(_part(x, part) for part in parts)
    basic = all(
        part is None or part is Ellipsis or isinstance(part, int | np.integer | slice)
        for part in made
    )
    return (made if isinstance(index, tuple) else made[0]), basic


def _part(x: Tensor, part: Any) -> Any:
    if x._is_array(part):
        if part._kind == FLOAT:
            raise ArgumentIndexError(
                "an array that is an index must hold whole numbers or truth values, got floats: "
                "write index.long()"
            )
        array = known(part)
        return int(array) if not array.ndim and part._kind == INTEGER else array
    if followed() and isinstance(part, np.ndarray | list):
        return known(part)
    if isinstance(part, slice):
        return slice(*(_bound(x, n) for n in (part.start, part.stop, part.step)))
    if isinstance(part, list) and part and any(x._is_array(p) for p in part):
        return [int(p) for p in part]
    return part


def _bound(x: Tensor, n: Any) -> Any:
    return int(n) if x._is_array(n) else n


def getitem(x: Tensor, index: Any) -> Tensor:
    """The elements at an index: a number, a slice, None, an array of indices or of truth values."""
    try:
        found = _at_run_time(x, index)
        if found is not None:
            return x._moved(found, "Index")
        made, basic = numpy_index(x, index)
        if basic:
            op = "Slice" if isinstance(index, slice) else "Select"
            return x._viewed(lambda values: values[made], op)
        return x._moved(x._values[made], "Index")
    except IndexError as error:
        raise ArgumentIndexError(f"index for the shape {tuple(x.shape)}: {error}") from None


def _at_run_time(x: Tensor, index: Any) -> Objects | None:
    """The elements that a compiled program chooses; None for an index of known numbers."""
    if type(index) is int or isinstance(index, slice) or not followed():
        return None
    return chosen(x._values, index, x._kind != FLOAT)


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """Write elements; see `write`."""
    made, _ = numpy_index(x, index)
    try:
        x._values[made]
    except IndexError as error:
        raise ArgumentIndexError(f"index for the shape {tuple(x.shape)}: {error}") from None
    write(x, made, value)


def write(x: Tensor, index: Any, value: Any) -> Tensor:
    """Put new elements into x: in a leaf that requires gradients their numbers, else themselves.

    Raises a GraphError for a leaf that requires gradients while operations are recorded, a
    ShapeError for elements that do not fit.
    """
    given = x._as_tensor(value)
    if x._is_parameter():
        if recording() and x._guarded():
            raise GraphError(
                "a leaf that requires gradients cannot be changed in place while operations are "
                "recorded: do it inside `with micrograd.no_grad():`, or change `p.data`"
            )
        target = x._home()[index]
        x._put(np.asarray(target, object) if not isinstance(target, np.ndarray) else target,
               _fitting(x, target, given))  # fmt: skip
        return x
    new = _fitting(x, x._values[index], given)
    if not (given.requires_grad and recording()) and not followed():
        new = copied(new)
    if x._kind != FLOAT and given._kind != x._kind:
        numbers = x._floats(new)
        made = numbers != 0 if x._kind not in (FLOAT, INTEGER) else np.trunc(numbers)
        new = filled(new.shape, make_leaves(np.asarray(made, np.float64).ravel().tolist()))
    x._values[index] = new if new.ndim else new[()]
    if given.requires_grad and recording():
        x.requires_grad = True
        x._op = x._op or "CopySlices"
    return x


def _fitting(x: Tensor, target: Any, given: Tensor) -> Objects:
    shape = np.shape(target) if isinstance(target, np.ndarray) else ()
    try:
        return np.broadcast_to(given._values, shape)
    except ValueError:
        raise ShapeError(
            f"elements of the shape {tuple(given.shape)} do not fit where {shape} is"
        ) from None


def put_numbers(values: Objects, new: Objects, attribute: str) -> None:
    """Set the numbers (or gradients) of leaves to those of others."""
    given = new.ravel().tolist()
    numbers = [x.data for x in given] if followed() else numbers_of(given)
    for v, number in zip(values.ravel().tolist(), numbers, strict=True):
        setattr(v, attribute, number)


# ---- in place ------------------------------------------------------------------------------------


def in_place(function: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """The operation that puts its result into the array itself: `add_` of `add`."""

    def method(x: Tensor, *args: Any, **named: Any) -> Tensor:
        return replaced(x, function(x, *args, **named))

    method.__name__ = name
    method.__doc__ = f"`{name[:-1]}`, in place; see `copy_` for errors."
    return method


def replaced(x: Tensor, new: Tensor) -> Tensor:
    """X with all elements replaced; the shape and the kind of number stay."""
    if ORDER.index(new._kind) > ORDER.index(x._kind):
        raise ArgumentRuntimeError(
            f"result type {TITLES[new._kind]} can't be cast to the desired output type "
            f"{TITLES[x._kind]}: write x = x + y, or make x of floats"
        )
    if tuple(new.shape) != tuple(x.shape):
        raise ShapeError(
            f"an array of the shape {tuple(x.shape)} cannot take a result of the shape "
            f"{tuple(new.shape)} in place"
        )
    write(x, ..., new)
    if not x._is_parameter() and new._op:
        x._op = new._op
    return x


def copy_(x: Tensor, src: Any) -> Tensor:
    """Put the elements of another array into this one, in place; they broadcast."""
    return write(x, ..., src)


def fill_(x: Tensor, value: Any) -> Tensor:
    """Make all elements one number, in place."""
    return write(x, ..., value)


def zero_(x: Tensor) -> Tensor:
    """Make all elements 0, in place."""
    return write(x, ..., 0.0)


def masked_fill_(x: Tensor, mask: Any, value: Any) -> Tensor:
    """Put a number where the mask holds, in place."""
    setitem(x, x._as_tensor(mask).expand(tuple(x.shape)), value)
    return x


# ---- by arrays of indices ------------------------------------------------------------------------


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """The parts along an axis that the indices name."""
    return getitem(x, (*(slice(None),) * axis_of(x, dim), index.reshape(-1)))


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Elements along an axis, for each place the one that the index there names."""
    k = axis_of(x, dim)
    places = list(np.indices(index.shape))
    if index._kind != INTEGER:
        raise ArgumentTypeError(WHOLE)
    places[k] = index
    try:
        found = _at_run_time(x, tuple(places))
        places[k] = _whole(index) if found is None else index
        return x._moved(x._values[tuple(places)] if found is None else found, "Gather")
    except IndexError as error:
        raise ArgumentIndexError(f"gather from the shape {tuple(x.shape)}: {error}") from None


def scatter_(x: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None) -> Tensor:
    """Put elements along an axis, each where the index names, in place; of `src` the first ones."""
    places = list(np.indices(index.shape))
    places[axis_of(x, dim)] = _whole(index)
    put = value if src is None else src
    if x._is_array(put) and put.ndim:
        put = getitem(put, tuple(slice(n) for n in index.shape))
    return write(x, tuple(places), put)


def scatter(x: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None) -> Tensor:
    """A copy in which elements along an axis are put, each where the index names."""
    return scatter_(x.clone(), dim, index, src, value=value)


def take_along_dim(x: Tensor, indices: Tensor, dim: int) -> Tensor:
    """`gather`."""
    return gather(x, dim, indices)


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, in a row."""
    return getitem(x, mask)


def nonzero(x: Tensor, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not 0."""
    found = np.nonzero(x._known())
    if as_tuple:
        return tuple(x._of_numbers(places, INTEGER) for places in found)
    return x._of_numbers(np.stack(found, 1), INTEGER)


def _whole(index: Any) -> Any:
    if index._kind != INTEGER:
        raise ArgumentTypeError(WHOLE)
    return known(index)
