"""Places in an array, given one by one, as slices where they are, else as an array of indices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.exporting.expressions import (
    Expr,
    PartOfAxis,
    fixed,
    reshape,
    sliced,
    take,
    transpose,
)

MakeIndex = Callable[[Ids], Expr]
WHOLE: PartOfAxis = (0, None, 1)


def picked(x: Expr, at: Ids, lead: int, index: MakeIndex) -> Expr:
    """The numbers at these addresses of `x`, in the shape of `at`.

    Addresses are in C order of the axes after the first `lead`, which stay. `index` makes an
    expression of an array of indices.
    """
    front, own = x.shape[:lead], x.shape[lead:]
    size = fixed(own)
    if at.size == size and np.array_equal(at.ravel(), np.arange(size)):
        return reshape(x, (*front, *at.shape))
    coordinates = np.unravel_index(at, own) if own else ()  # type: ignore[arg-type]
    moving = [_axes_of(c) for c in coordinates]
    if sorted(chain.from_iterable(moving)) != [a for a in range(at.ndim) if at.shape[a] > 1]:
        flat = reshape(x, (*front, size))
        return take(flat, index(at), lead)
    return _separate(x, at, lead, list(zip(coordinates, moving, strict=True)), index)


def _axes_of(c: np.ndarray) -> list[int]:
    """The axes along which coordinates change."""
    return [a for a in range(c.ndim) if c.shape[a] > 1 and (c != c.take([0], a)).any()]


def _separate(
    x: Expr, at: Ids, lead: int, axes: list[tuple[Any, list[int]]], index: MakeIndex
) -> Expr:
    """Each axis of the array by itself: a place, a range, or an array of indices."""
    parts: list[PartOfAxis | int] = [WHOLE] * lead
    lists: list[tuple[int, Ids]] = []  # which axis of what is sliced, and the indices
    order: list[int] = []  # the axes of `at` as they come out
    shape = list(x.shape[:lead])
    for (c, moving), n in zip(axes, x.shape[lead:], strict=True):
        if not moving:
            parts.append(int(c.flat[0]))
            continue
        corner = tuple(slice(None) if a in moving else 0 for a in range(c.ndim))
        values = c[corner]
        part = _range(values, int(n)) if values.ndim == 1 else None  # type: ignore[arg-type]
        if part is None:
            lists.append((len(shape), values))
            parts.append(WHOLE)
            shape.append(n)
        else:
            parts.append(part)
            shape.append(values.size)
        order += moving
    out = sliced(x, parts, tuple(shape))
    for axis, values in reversed(lists):
        out = take(out, index(values), axis)
    whole = list(range(lead))
    out = transpose(out, [*whole, *(lead + order.index(a) for a in sorted(order))])
    return reshape(out, (*x.shape[:lead], *at.shape))


def _range(values: Ids, size: int) -> PartOfAxis | None:
    """The slice that these places are, if they are one."""
    steps = np.diff(values)
    step = int(steps[0]) if len(steps) else 1
    if step == 0 or (steps != step).any():
        return None
    start, end = int(values[0]), int(values[-1]) + (1 if step > 0 else -1)
    if step > 0:
        return (start, None if end >= size else end, step)
    return (None if start == size - 1 else start, None if end < 0 else end, step)
