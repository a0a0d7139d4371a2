"""Operands copied so that vectors of them can be loaded."""

from __future__ import annotations

import math
from dataclasses import replace

from micrograd.compiler.nest.program import TERM, Access, Contraction, Elementwise, Statement

REUSED = 3  # times that a number is read, from which on a copy pays
LONG_ROW = 8  # vectors in a row that need no copy


def packed(
    kernel: Contraction, lanes: int, scratch: int
) -> tuple[list[Elementwise], Contraction, int]:
    """Copies into work from `scratch` on, the kernel that reads them, and the size of the copies.

    There are none where vectors can be loaded as it is.
    """
    copies: list[Elementwise] = []
    size = 0
    while kernel.v is not None:
        axis = _axis_to_pack(kernel, lanes)
        if axis is None:
            break
        uneven = [name for name in ("u", "v") if _operand(kernel, name).strides[axis] not in (0, 1)]
        copy, access = _copy(kernel.extents, _operand(kernel, uneven[0]), axis, scratch + size)
        size += -(-math.prod(copy.extents) // 16) * 16
        copies.append(copy)
        kernel = replace(kernel, u=access) if uneven[0] == "u" else replace(kernel, v=access)
    return copies, kernel, size


def _operand(kernel: Contraction, name: str) -> Access:
    access: Access = getattr(kernel, name)
    return access


def _axis_to_pack(kernel: Contraction, lanes: int) -> int | None:
    """The axis of the result along which operands should be even, if none is as it is."""
    assert kernel.v is not None
    candidates = []
    for axis, n in enumerate(kernel.extents):
        strides = (kernel.u.strides[axis], kernel.v.strides[axis])
        out = kernel.out.strides[axis]
        even = set(strides) <= {0, 1} and any(strides)
        if even and (out == 1 or (not out and n >= LONG_ROW * lanes)):
            return None
        if out == 1 and 2 * n >= lanes and not even and any(strides):
            candidates.append((n, axis))
    for _, axis in sorted(candidates, reverse=True):
        uneven = [a for a in (kernel.u, kernel.v) if a.strides[axis] not in (0, 1)]
        if all(_reuse(kernel.extents, a) >= REUSED for a in uneven):
            return axis
    return None


def _reuse(extents: tuple[int, ...], access: Access) -> int:
    return math.prod(n for n, s in zip(extents, access.strides, strict=True) if not s)


def _copy(
    extents: tuple[int, ...], access: Access, axis: int, base: int
) -> tuple[Elementwise, Access]:
    """A copy of an operand in which that axis comes last, and the access to it."""
    own = [i for i, s in enumerate(access.strides) if s and i != axis] + [axis]
    strides = [0] * len(extents)
    size = 1
    for i in reversed(own):
        strides[i] = size
        size *= extents[i]
    source = Access(access.space, access.base, tuple(access.strides[i] for i in own))
    target = Access("work", base, tuple(strides[i] for i in own))
    copy = Elementwise(tuple(extents[i] for i in own), (Statement(TERM, target, (source,)),))
    return copy, Access("work", base, tuple(strides))
