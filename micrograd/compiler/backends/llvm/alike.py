"""Nests cut so that those of other extents have kernels of the same text.

Programs of one function for lists of several lengths have the same nests over axes of other
extents. A kernel takes as an argument how often a loop runs, not what is left over behind it: that
is a nest of its own here.
"""

from __future__ import annotations

from micrograd.compiler.backends.llvm.elementwise import unrolled, vector_axis
from micrograd.compiler.backends.llvm.tiling import plan
from micrograd.compiler.nest.axes import mapped
from micrograd.compiler.nest.ir import Affine, Nest


def parted(nest: Nest, lanes: int, registers: int) -> list[Nest]:
    """The parts of a merged nest, one after the other."""
    at = _place(nest, lanes, registers)
    if at is None:
        return [nest]
    return [part for half in _cut(nest, *at) for part in parted(half, lanes, registers)]


def _place(nest: Nest, lanes: int, registers: int) -> tuple[int, int] | None:
    """The axis, and where on it what is left over begins."""
    if nest.reduce is not None:
        for axis, size in plan(nest, lanes, registers, alike=True).tile:
            rest = axis.extent % size
            if rest:
                return axis.number, axis.extent - rest
        return None
    number = vector_axis(nest, lanes)
    if number is None:
        return None
    step = unrolled(nest, number) * lanes
    rest = nest.extents[number] % step
    return (number, nest.extents[number] - rest) if 0 < rest < nest.extents[number] else None


def _cut(nest: Nest, axis: int, at: int) -> tuple[Nest, Nest]:
    """What is before a place of an axis, and what is from there on."""

    def part(start: int, end: int) -> Nest:
        extents = (*nest.extents[:axis], end - start, *nest.extents[axis + 1 :])
        return mapped(
            nest, extents, lambda x: Affine(x.space, x.base + start * x.strides[axis], x.strides)
        )

    return part(0, at), part(at, nest.extents[axis])
