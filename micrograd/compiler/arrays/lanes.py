"""Loops with the axis of the lanes, as kernels.

Without lanes this only chooses between element-wise kernels and contractions. With lanes, what has
a value for each sample gets one more axis, innermost; a sum over the lanes becomes a contraction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from micrograd.compiler.arrays.kernels import Choose, Loop, Map, Rows, Sum, Take
from micrograd.compiler.arrays.layout import LANES, WORK
from micrograd.compiler.codes import Ids
from micrograd.compiler.nest.program import (
    TERM,
    Access,
    Contraction,
    Elementwise,
    Gather,
    Kernel,
    Maximum,
    OneHot,
    Ragged,
    Statement,
)


@dataclass(frozen=True, slots=True)
class Lanes:
    """How many lanes there are, where they lie, and how far apart arguments' samples are."""

    count: int  # 0: none
    base: int  # in work
    strides: dict[str, int]  # of the spaces of arguments, from one sample to the next

    @property
    def width(self) -> int:
        """Room for one node's lanes."""
        return -(-self.count // 8) * 8

    def has(self, space: str) -> bool:
        """Whether an operand there differs from lane to lane."""
        return self.count > 0 and (space == LANES or space in self.strides)

    def access(self, x: Access, axis: bool) -> Access:
        """The operand's address, with the axis of the lanes if the loop has one."""
        last = (0,) if axis else ()
        if self.has(x.space):
            last = (1 if x.space == LANES else self.strides[x.space],)
        if x.space != LANES:
            return Access(x.space, x.base, x.strides + last)
        strides = tuple(s * self.width for s in x.strides)
        return Access(WORK, self.base + x.base * self.width, strides + last)

    def index(self, place: tuple[str, Ids], repeat: bool) -> tuple[str, Ids]:
        """The addresses of a list of operands, for each of them lane after lane if `repeat`."""
        space, index = place
        if not repeat:
            return space, index
        lane = np.arange(self.count)
        if space == LANES:
            index, space = self.base + index * self.width, WORK
            return space, (index[:, None] + lane).ravel()
        return space, (index[:, None] + lane * self.strides.get(space, 0)).ravel()


def kernel_of(loop: Loop, lanes: Lanes) -> list[Kernel]:
    """The kernels of one loop."""
    if isinstance(loop, Sum):
        return [_sum(loop, lanes)]
    if isinstance(loop, Map):
        operands = (loop.out, *loop.inputs)
        extents, (out, *inputs) = _with_lanes(loop.extents, operands, lanes)
        return [Elementwise(extents, (Statement(loop.row, out, tuple(inputs), loop.static),))]
    if isinstance(loop, Choose):
        extents, (out, u) = _with_lanes(loop.extents, (loop.out, loop.u), lanes)
        if not any(n > 1 and s == 0 for n, s in zip(extents, out.strides, strict=True)):
            return [Elementwise(extents, (Statement(TERM, out, (u,)),))]
        return [Maximum(extents, out, u)]
    if isinstance(loop, Take):
        return _take(loop, lanes)
    return _rows(loop, lanes)


def one_hot(extents: tuple[int, ...], axis: int, out: Access, ids: Access, lanes: Lanes) -> OneHot:
    """The kernel that makes choices of run-time integers."""
    extents, (out, ids) = _with_lanes(extents, (out, ids), lanes)
    return OneHot(extents, axis, out, ids)


def _with_lanes(
    extents: tuple[int, ...], operands: tuple[Access, ...], lanes: Lanes
) -> tuple[tuple[int, ...], list[Access]]:
    axis = any(lanes.has(x.space) for x in operands)
    if axis:
        extents = (*extents, lanes.count)
    return extents, [lanes.access(x, axis) for x in operands]


def _sum(loop: Sum, lanes: Lanes) -> Kernel:
    c = loop.c
    operands = (loop.out, *[x for x in (loop.u, loop.v) if x is not None])
    if loop.reduced and not any(lanes.has(x.space) for x in operands):
        c *= lanes.count
    extents, (out, *inputs) = _with_lanes(loop.extents, operands, lanes)
    summed = any(n > 1 and s == 0 for n, s in zip(extents, out.strides, strict=True))
    if not summed:
        term = Statement(TERM, out, tuple(inputs), None, c, loop.accumulate)
        return Elementwise(extents, (term,))
    if not inputs:
        times = int(np.prod([n for n, s in zip(extents, out.strides, strict=True) if s == 0]))
        kept = [i for i, s in enumerate(out.strides) if s != 0]
        out = Access(out.space, out.base, tuple(out.strides[i] for i in kept))
        term = Statement(TERM, out, (), None, c * times, loop.accumulate)
        return Elementwise(tuple(extents[i] for i in kept), (term,))
    u, v = (*inputs, None)[:2]
    assert u is not None
    return Contraction(extents, out, u, v, c, loop.accumulate)


def _take(loop: Take, lanes: Lanes) -> list[Kernel]:
    space, base = loop.out
    repeat = space == LANES
    if repeat:
        base = lanes.base + base * lanes.width
    source, index = lanes.index((loop.space, loop.index), repeat)
    if not repeat or lanes.width == lanes.count:
        return [Gather(base, source, index)]
    # Each node's lanes end in padding: one gather a node.
    rows = index.reshape(-1, lanes.count)
    return [Gather(base + i * lanes.width, source, row) for i, row in enumerate(rows)]


def _rows(loop: Rows, lanes: Lanes) -> list[Kernel]:
    """Without lanes one ragged kernel; with lanes a sum for each row."""
    kind: Literal["max", "sum"] = "max" if loop.largest else "sum"
    operands = [loop.u, *([loop.v] if loop.v is not None else [])]
    out_space, base = loop.out
    if out_space != LANES and not any(lanes.has(space) for space, _ in operands):
        c = loop.c * (lanes.count if loop.reduced else 1)
        v_space, index = loop.v if loop.v is not None else (WORK, None)
        return [Ragged(base, kind, loop.start, *loop.u, v_space, index, c, loop.accumulate)]
    kernels: list[Kernel] = []
    for i, (first, last) in enumerate(zip(loop.start[:-1], loop.start[1:], strict=True)):
        for j in range(int(first), int(last)):
            added = loop.accumulate or j > first
            inputs = [Access(space, int(index[j]), ()) for space, index in operands]
            out = Access(out_space, base + i, ())
            if loop.largest and j > first:
                found = Map((), "maximum", None, out, (out, inputs[0]))
                kernels += kernel_of(found, lanes)
            else:
                u, v = (*inputs, None)[:2]
                c = 1.0 if loop.largest else loop.c
                added = added and not loop.largest
                kernels.append(_sum(Sum((), out, u, v, c, added, loop.reduced), lanes))
    return kernels
