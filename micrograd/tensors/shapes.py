"""Operations that move elements and compute nothing: shapes, axes, parts, joints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.errors import ArgumentTypeError, ArgumentValueError, ShapeError
from micrograd.tensors.dtypes import joined
from micrograd.tensors.elements import Objects

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor


def sizes_of(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape that is given as numbers or as one sequence of them."""
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    return tuple(int(n) for n in sizes)


def axis_of(x: Tensor, dim: int) -> int:
    """A dimension, counted from 0; a number counts as a row of one, as in torch."""
    axes = max(x.ndim, 1)
    if not isinstance(dim, int | np.integer) or isinstance(dim, bool):
        raise ArgumentTypeError(f"dim must be a whole number, got {dim!r:.80}")
    if not -axes <= dim < axes:
        raise DimensionError(
            f"dim must be from {-axes} to {axes - 1} for the shape {tuple(x.shape)}, got {dim}"
        )
    return int(dim) % axes


class DimensionError(ArgumentValueError, IndexError):
    """An axis that an array does not have."""


def reshape(x: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; -1 for the length that follows from the others."""
    return _reshaped(x, sizes_of(shape), "View" if x._contiguous() else "UnsafeView")


def view(x: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape; -1 for the length that follows from the others."""
    if len(shape) == 1 and not isinstance(shape[0], int | np.integer | Sequence):
        return x.to(shape[0])  # a dtype
    return _reshaped(x, sizes_of(shape), "View")


def _reshaped(x: Tensor, shape: tuple[int, ...], op: str) -> Tensor:
    def moved(values: Objects) -> Objects:
        try:
            return values.reshape(shape)
        except ValueError as error:
            raise ShapeError(f"shape: {error}") from None

    return x._viewed(moved, op)


def view_as(x: Tensor, other: Tensor) -> Tensor:
    """The same elements in the shape of another array."""
    return view(x, tuple(other.shape))


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from `start_dim` to `end_dim` as one."""
    first, last = axis_of(x, start_dim), axis_of(x, end_dim)
    shape = tuple(x.shape) or (1,)
    return view(x, (*shape[:first], -1 if x.numel() else 0, *shape[last + 1 :]))


def unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several."""
    k = axis_of(x, dim)
    return view(x, (*x.shape[:k], *sizes, *x.shape[k + 1 :]))


def squeeze(x: Tensor, dim: int | None = None) -> Tensor:
    """Without the axes of length 1 (or without that one, if its length is 1)."""
    if dim is None:
        return x._viewed(lambda values: values.squeeze(), "Squeeze")
    k = axis_of(x, dim)
    shape = tuple(x.shape)
    kept = shape if not shape or shape[k] != 1 else shape[:k] + shape[k + 1 :]
    return x._viewed(lambda values: values.reshape(kept), "Squeeze")


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """With a new axis of length 1."""
    if not -x.ndim - 1 <= dim <= x.ndim:
        raise DimensionError(f"dim must be from {-x.ndim - 1} to {x.ndim}, got {dim}")
    return x._viewed(lambda values: np.expand_dims(values, dim), "Unsqueeze")


def permute(x: Tensor, *dims: Any) -> Tensor:
    """The axes in another order."""
    order = sizes_of(dims)
    if sorted(k % max(x.ndim, 1) for k in order) != list(range(x.ndim)):
        raise ShapeError(f"dims must name each of the {x.ndim} axes once, got {order}")
    return x._viewed(lambda values: values.transpose(order), "Permute")


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    a, b = axis_of(x, dim0), axis_of(x, dim1)
    return x._viewed(lambda v: v.swapaxes(a, b) if v.ndim else v, "Transpose")


def t(x: Tensor) -> Tensor:
    """The transpose of a matrix; a row stays as it is."""
    if x.ndim > 2:
        raise ShapeError(f"t() takes arrays of at most 2 axes, got the shape {tuple(x.shape)}")
    return x._viewed(lambda values: values.T, "T")


def flip(x: Tensor, *dims: Any) -> Tensor:
    """In reverse along the axes."""
    return x._moved(np.flip(x._values, sizes_of(dims)), "Flip")


def roll(x: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Moved along the axes, and what leaves on one side comes in on the other."""
    return x._moved(np.roll(x._values, shifts, dims), "Roll")


def expand(x: Tensor, *sizes: Any) -> Tensor:
    """Axes of length 1 repeated; -1 for a length that stays."""
    wanted = sizes_of(sizes)
    own = (1,) * (len(wanted) - x.ndim) + tuple(x.shape)
    shape = tuple(have if n == -1 else n for n, have in zip(wanted, own, strict=True))
    return x._moved(_broadcast_to(x._values, shape), "Expand")


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """Expanded to the shape of another array."""
    return expand(x, tuple(other.shape))


def _broadcast_to(values: Objects, shape: tuple[int, ...]) -> Objects:
    try:
        return np.broadcast_to(values, shape).copy()
    except ValueError as error:
        raise ShapeError(f"shape {values.shape}: {error}") from None


def repeat(x: Tensor, *sizes: Any) -> Tensor:
    """So many copies along each axis."""
    return x._moved(np.tile(x._values, sizes_of(sizes)), "Repeat")


def repeat_interleave(x: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each element so many times, one after the other."""
    times = repeats if isinstance(repeats, int) else np.asarray(repeats).astype(int)
    return x._moved(np.repeat(x._values, times, dim), "RepeatInterleave")


def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    """The part on and below a diagonal; 0 above."""
    return _part(x, np.tril(np.ones(x.shape[-2:], bool), diagonal), "Tril")


def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    """The part on and above a diagonal; 0 below."""
    return _part(x, np.triu(np.ones(x.shape[-2:], bool), diagonal), "Triu")


def _part(x: Tensor, mask: Any, op: str) -> Tensor:
    zeros = x._of_numbers(np.zeros(x.shape), x._kind)
    values = np.where(np.broadcast_to(mask, x.shape), x._values, zeros._values)
    return x._moved(values, op)


def diag(x: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with that diagonal."""
    if x.ndim != 1:
        return x._moved(np.diagonal(x._values, diagonal).copy(), "Diagonal")
    n = len(x) + abs(diagonal)
    values = x._of_numbers(np.zeros((n, n)), x._kind)._values
    k = np.arange(len(x))
    values[k + max(-diagonal, 0), k + max(diagonal, 0)] = x._values
    return x._moved(values, "DiagEmbed")


# ---- several arrays --------------------------------------------------------------------------


def _all(arrays: Sequence[Any], name: str) -> list[Tensor]:
    given = list(arrays)
    if not given or any(not hasattr(x, "_viewed") for x in given):
        raise ArgumentTypeError(f"{name} takes a sequence of arrays, got {arrays!r:.80}")
    return given


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Arrays one after the other along an axis that there is."""
    given = _all(tensors, "cat")
    first = next((x for x in given if x.ndim != 1 or x.numel()), given[0])
    parts = [x for x in given if x.ndim == first.ndim]
    if len(parts) < sum(1 for x in given if x.numel() or x.ndim != 1) or not first.ndim:
        raise ShapeError(
            "cat takes arrays with the same number of axes, at least one, got the shapes "
            + ", ".join(str(tuple(x.shape)) for x in given)
        )
    try:
        values = np.concatenate([x._values for x in parts], axis_of(first, dim))
    except ValueError as error:
        raise ShapeError(f"cat: {error}") from None
    result = first._moved(values, "Cat", given)
    result._kind = joined(*[x._kind for x in given])
    return result


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Arrays of one shape one after the other along a new axis."""
    given = _all(tensors, "stack")
    shapes = {tuple(x.shape) for x in given}
    if len(shapes) > 1:
        raise ShapeError(f"stack takes arrays of one shape, got {sorted(shapes)}")
    result = given[0]._moved(np.stack([x._values for x in given], dim), "Stack", given)
    result._kind = joined(*[x._kind for x in given])
    return result


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Arrays side by side."""
    given = [x if x.ndim else x.reshape(1) for x in _all(tensors, "hstack")]
    return cat(given, 0 if given[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Arrays one above the other; a row is a matrix of one row."""
    return cat([x if x.ndim > 1 else x.reshape(1, -1) for x in _all(tensors, "vstack")])


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Arrays side by side; a row is a column."""
    return cat([x if x.ndim > 1 else x.reshape(-1, 1) for x in _all(tensors, "column_stack")], 1)


def split(x: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of so many along an axis (the last may be smaller), or of the lengths given."""
    k = axis_of(x, dim)
    n = x.shape[k]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 1:
            raise ArgumentValueError(f"split_size must be a whole number from 1, got {size!r}")
        lengths = [size] * (n // size) + [n % size] * (n % size > 0)
    else:
        lengths = list(split_size_or_sections)
        if sum(lengths) != n:
            raise ShapeError(f"the sections must sum to {n}, the length of axis {k}: {lengths}")
    ends = np.cumsum(lengths).tolist()
    before = (slice(None),) * k
    return tuple(x[(*before, slice(b - n, b))] for b, n in zip(ends, lengths, strict=True))


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many parts of one length along an axis; the last may be smaller."""
    n = x.shape[axis_of(x, dim)]
    return split(x, max(1, -(-n // chunks)), dim)


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The parts along an axis, without it."""
    k = axis_of(x, dim)
    return tuple(x[(*(slice(None),) * k, i)] for i in range(x.shape[k]))


def broadcast_to(x: Tensor, size: Any) -> Tensor:
    """Expanded to a shape."""
    return expand(x, size)


def movedim(x: Tensor, source: int, destination: int) -> Tensor:
    """An axis in another place."""
    return x._viewed(lambda v: np.moveaxis(v, source, destination), "Permute")
