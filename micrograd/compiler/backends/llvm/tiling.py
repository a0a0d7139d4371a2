"""How a reduction is worked out: which axis is in vectors, which results form a tile.

Columns of a large matrix whose rows are far apart share few places in the fastest memory, and each
tile of results needs them again. So those of one tile, a panel, are copied, one after the other,
and read from there by all tiles of rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from micrograd.compiler.backends.llvm.ir import Body, Pointers, Segment
from micrograd.compiler.nest.ir import Affine, Nest, Space, SpaceRole

SIZES = (1, 2, 4)  # of tiles of kernels that are to be alike
SMALL = 1024  # products that are not worth a tile: its code takes longer to make than it saves
LATENCY = 8  # sums that must be under way for the machine's adders to be busy


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a reduction: its number, its extent and the strides of the operands."""

    number: int
    extent: int
    out: int  # 0 if the axis is reduced
    u: int
    v: int = 0

    @property
    def even(self) -> bool:
        """True if vectors of the operands can be loaded along the axis at once."""
        return {self.u, self.v} in ({0, 1}, {1})


@dataclass(frozen=True, slots=True)
class TilePlan:
    """How to work out a reduction."""

    outer: tuple[Axis, ...]
    tile: tuple[tuple[Axis, int], ...]  # axes of the result, and the size of the tile along them
    vector: Axis | None
    unroll: int  # vectors at a time
    reduced: tuple[Axis, ...]  # but for the vectors' axis


def axes_of(nest: Nest) -> list[Axis]:
    """The axes of a reduction."""
    term = nest.first
    columns = zip(nest.extents, term.out.strides, *(x.strides for x in term.inputs), strict=True)
    return [Axis(number, *column) for number, column in enumerate(columns)]


def plan(nest: Nest, lanes: int, registers: int, alike: bool = False) -> TilePlan:
    """How to work out a reduction with so many registers of so many lanes; see `Machine`."""
    axes = axes_of(nest)
    vector = _vector_axis(axes, lanes)
    outer = [axis for axis in axes if axis.out and axis is not vector]
    if len(nest.first.inputs) == 2:
        tile, unroll = _tile(outer, vector, lanes, registers, alike)
    else:
        tile, unroll = (), 1 if vector is None else min(4, -(-vector.extent // lanes))
    if not alike and math.prod(nest.extents) <= SMALL:
        tile = ()
    in_tile = [axis for axis, _ in tile]
    reduced = [axis for axis in axes if not axis.out and axis is not vector]
    return TilePlan(
        tuple(axis for axis in outer if axis not in in_tile),
        tile,
        vector,
        unroll,
        tuple(sorted(reduced, key=lambda axis: axis.extent)),
    )


def _vector_axis(axes: list[Axis], lanes: int) -> Axis | None:
    columns = [a for a in axes if a.out == 1 and {a.u, a.v} <= {0, 1}]
    rows = [a for a in axes if not a.out and a.even]
    column = max(columns, key=lambda a: a.extent, default=None)
    row = max(rows, key=lambda a: a.extent, default=None)
    if column and row and column.extent < lanes and row.extent >= 4 * column.extent:
        return row
    return column or row


def _tile(
    axes: list[Axis], vector: Axis | None, lanes: int, registers: int, alike: bool
) -> tuple[tuple[tuple[Axis, int], ...], int]:
    """The tile that loads least for each product, within the registers."""
    vectors = 1 if vector is None else -(-vector.extent // lanes)
    without_u = max((a for a in axes if not a.u), key=_extent, default=None)
    without_v = max((a for a in axes if not a.v and a is not without_u), key=_extent, default=None)
    best, chosen, unroll = math.inf, (1, 1), 1
    along_u, along_v = bool(vector and vector.u), bool(vector and vector.v)
    for p in _sizes(without_u, alike):
        for q in _sizes(without_v, alike):
            for k in range(1, min(4, vectors) + 1):
                u, v = q * (k if along_u else 1), p * (k if along_v else 1)
                products = p * q * k
                if products + min(u, v) + 1 > registers:
                    continue
                cost = max(products, u + v, LATENCY) / products
                if not alike:
                    cost *= _waste(without_u, p) * _waste(without_v, q)
                cost *= 1 + 0.001 * products
                if cost < best:
                    best, chosen, unroll = cost, (p, q), k
    tile = []
    for axis, size in zip((without_u, without_v), chosen, strict=True):
        if axis is not None and size > 1:
            tile.append((axis, size))
    return tuple(tile), unroll


def _extent(axis: Axis) -> int:
    return axis.extent


def _sizes(axis: Axis | None, alike: bool) -> Sequence[int]:
    most = min(8, axis.extent if axis else 1)
    return [k for k in SIZES if k <= most] if alike else range(1, 1 + most)


def _waste(axis: Axis | None, size: int) -> float:
    """How much more the blocks of an axis cost than if all were full."""
    return 1.0 if axis is None else -(-axis.extent // size) * size / axis.extent


FAR_BYTES = 128 * 1024  # of a matrix, from which its panels are packed
BLOCK_BYTES = 256 * 1024  # of the rows that are multiplied with all panels
DEPTH = 64  # of a sum that is worked out at once, about
ROWS = (6, 5, 4)  # of a tile


@dataclass(frozen=True, slots=True)
class Panel:
    """The operand that is packed, along which axes, and the plan that reads it."""

    operand: Affine
    vector: Axis
    reduced: Axis
    rows: Axis  # of which a tile has some
    rows_of_block: int  # which stay in the second-level cache for all panels
    plan: TilePlan

    def in_depth(self, nest: Nest) -> Iterator[tuple[int, Panel, Nest]]:
        """Parts of the sum, each with its start and a nest: what comes after it is in the last."""
        extent = self.reduced.extent
        count = max(1, round(extent / DEPTH))
        edges = [extent * k // count for k in range(count + 1)]
        for k, (start, end) in enumerate(pairwise(edges)):
            reduced = replace(self.reduced, extent=end - start)
            first = replace(nest.first, accumulate=nest.first.accumulate or k > 0)
            body = (first, *nest.body[1:]) if k == count - 1 else (replace(first, kept=True),)
            plan = replace(self.plan, reduced=(reduced,))
            yield start, replace(self, reduced=reduced, plan=plan), replace(nest, body=body)

    def plan_of(self, rows: int) -> TilePlan:
        """The plan for so many rows."""
        ((_, size),) = self.plan.tile
        return replace(self.plan, tile=((replace(self.rows, extent=rows), size),))

    def pointers(self, body: Body, at: Pointers, part: Segment) -> Pointers:
        """Pack the panel at one place of the vectors' axis; with a pointer to it, the last."""
        size, reduced = len(part.active) * body.lanes, self.reduced
        packed = body.room(reduced.extent * size)

        def row(index: str) -> None:
            inside = at.moved(body, reduced.number, index, 1)
            to = body.moved(packed, index, size)
            for k, active in enumerate(part.active):
                x = body.load(
                    inside.pointer(self.operand),
                    self.operand.base + part.start + k * body.lanes, 1, body.lanes, active,
                )  # fmt: skip
                body.store(x, to, k * body.lanes, 1, body.lanes, body.lanes)

        body.each(reduced.extent, row)
        strides = [0] * len(at.strides[0])
        strides[reduced.number] = size
        return Pointers((*at.pointers, packed), (*at.strides, tuple(strides)))

    def nest(self, nest: Nest, at: Pointers, part: Segment) -> Nest:
        """The nest that reads what is packed, in place of the operand."""
        strides = [0] * len(nest.extents)
        strides[self.vector.number] = 1
        packed = Affine(Space.of(SpaceRole.LOCAL, len(at.pointers)), -part.start, tuple(strides))
        first = nest.first
        inputs = tuple(packed if x == self.operand else x for x in first.inputs)
        return replace(nest, body=(replace(first, inputs=inputs), *nest.body[1:]))


def panel_of(nest: Nest, chosen: TilePlan, number_bytes: int) -> Panel | None:
    """What is to be packed, if that pays."""
    vector, reduced = chosen.vector, chosen.reduced
    if vector is None or not vector.out or len(reduced) != 1 or len(nest.first.inputs) != 2:
        return None
    (axis,) = reduced
    rows = [*chosen.outer, *(a for a, _ in chosen.tile)]
    for operand in nest.first.inputs:
        strides = operand.strides
        if strides[vector.number] != 1 or any(strides[a.number] for a in rows):
            continue
        far = abs(strides[axis.number]) * axis.extent * number_bytes >= FAR_BYTES
        unroll = 2
        tall = max(rows, key=lambda a: a.extent, default=None)
        if far and tall is not None and tall.extent >= 4 * ROWS[0]:
            size = min(ROWS, key=lambda n: -(-tall.extent // n) * (n + unroll) / n)
            others = tuple(a for a in rows if a is not tall)
            plan = TilePlan(others, ((tall, size),), vector, unroll, reduced)
            depth = min(axis.extent, 2 * DEPTH)
            most = max(size, BLOCK_BYTES // (depth * number_bytes) // size * size)
            return Panel(operand, vector, axis, tall, most, plan)
    return None
