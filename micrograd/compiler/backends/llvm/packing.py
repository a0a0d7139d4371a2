"""Matrix products with a large matrix: a panel of it at a time, packed so that it lies together.

Columns of a matrix whose rows are far apart share few places in the fastest memory, and each tile
of results needs them again. So those of one tile are copied, one after the other, and read from
there by all tiles of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from micrograd.compiler.backends.llvm.ir import Body, Pointers, Segment
from micrograd.compiler.backends.llvm.tiling import Axis, TilePlan
from micrograd.compiler.nest.ir import Affine, Nest, Space, SpaceRole

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

        def row(index: str, _: list[str]) -> list[str]:
            inside = at.moved(body, reduced.number, index, 1)
            to = body.moved(packed, index, size)
            for k, active in enumerate(part.active):
                x = body.load(
                    inside.pointer(self.operand),
                    self.operand.base + part.start + k * body.lanes, 1, body.lanes, active,
                )  # fmt: skip
                body.store(x, to, k * body.lanes, 1, body.lanes, body.lanes)
            return []

        body.repeat(reduced.extent, 1, [], row)
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
