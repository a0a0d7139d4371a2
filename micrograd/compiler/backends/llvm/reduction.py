"""Contractions and maxima: register tiles of accumulators, vectors along one axis.

The vectors lie along an axis of the result ("columns"), or along a reduced one ("rows": the lanes
are added up in the end). A tile is a block of results that are worked out together, so that what is
loaded serves several of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from micrograd.compiler.backends.llvm import elementwise
from micrograd.compiler.backends.llvm.functions import Instructions
from micrograd.compiler.backends.llvm.ir import Body, Pointers, Segment, segments
from micrograd.compiler.backends.llvm.tiling import Axis, Panel, TilePlan, panel_of, plan
from micrograd.compiler.nest.ir import Affine, Nest

LARGE = 1 << 22  # products, from which what is multiplied is in no fast memory
STRIP_BYTES = 128 * 1024  # of a matrix, that are multiplied with all of the other

TileIndex = tuple[int, ...]  # of a result in its tile
Loop = tuple[Axis, int, int]  # its step and its trips
Inner = Callable[[Pointers, list[str]], list[str]]


def emit(body: Body, nest: Nest, place: Pointers) -> None:
    """Write a reduction whose spaces are numbers of pointers."""
    vector = plan(nest, body.lanes, body.registers, body.alike).vector
    lanes = body.lanes if vector is None else elementwise.width(vector.extent, body.lanes)
    with body.in_lanes(lanes):
        _emit(body, nest, place)


def _emit(body: Body, nest: Nest, place: Pointers) -> None:
    chosen = plan(nest, body.lanes, body.registers, body.alike)
    fixed: dict[Affine, str] = {}
    if chosen.vector and chosen.vector.out:
        fixed = elementwise.fixed_inputs(body, nest.body[1:], place)
    panel = panel_of(nest, chosen, body.precision.bytes)
    if panel is None and not _pays_in_strips(nest, chosen):
        _tiles(body, nest, chosen, fixed, _Tile.emit, place)
        return
    if panel is None:
        for axis, start, trips, size in _strips(nest, chosen, body.precision.bytes):
            at = place.moved(body, axis.number, str(start), 1)
            strip = partial(_tiles, body, nest, _strip_of(chosen, size), fixed, _Tile.emit)
            at.each(body, axis.number, trips, size, strip)
        return
    for start, piece, own in panel.in_depth(nest):
        at = place.moved(body, panel.reduced.number, str(start), 1)
        _by_panels(body, own, at, piece, fixed)


def _pays_in_strips(nest: Nest, chosen: TilePlan) -> bool:
    return len(chosen.tile) == 2 and math.prod(nest.extents) >= LARGE


def _strips(
    nest: Nest, chosen: TilePlan, number_bytes: int
) -> Iterator[tuple[Axis, int, int, int]]:
    """The last axis of the tiles in strips, of which the numbers stay in the second-level cache."""
    axis, size = chosen.tile[-1]
    row = math.prod(n for k, n in enumerate(nest.extents) if k not in nest.result)
    yield from _blocks(axis, max(size, STRIP_BYTES // (row * number_bytes) // size * size))


def _strip_of(chosen: TilePlan, extent: int) -> TilePlan:
    """The plan with so much of the last axis of the tiles."""
    *others, (axis, size) = chosen.tile
    return replace(chosen, tile=(*others, (replace(axis, extent=extent), size)))


def _by_panels(
    body: Body, nest: Nest, place: Pointers, panel: Panel, fixed: dict[Affine, str]
) -> None:
    """All tiles of some rows, panel by panel; then those of the next rows."""
    for axis, start, trips, rows in _blocks(panel.rows, panel.rows_of_block):
        at = place.moved(body, axis.number, str(start), 1)
        rows_at = partial(_panels, body, nest, panel, panel.plan_of(rows), fixed)
        at.each(body, axis.number, trips, rows, rows_at)


def _panels(
    body: Body, nest: Nest, panel: Panel, chosen: TilePlan, fixed: dict[Affine, str],
    place: Pointers,
) -> None:  # fmt: skip
    """The tiles of some rows, panel by panel."""

    def packed(part: Segment, at: Pointers) -> None:
        own = panel.nest(nest, at, part)
        columns = partial(_Tile.columns, part=part)
        _tiles(body, own, chosen, fixed, columns, panel.pointers(body, at, part))

    for part in segments(panel.vector.extent, body.lanes, panel.plan.unroll):
        size = len(part.active) * body.lanes
        place.each(body, panel.vector.number, part.trips, size, partial(packed, part))


def _tiles(
    body: Body, nest: Nest, chosen: TilePlan, fixed: dict[Affine, str],
    write: Callable[[_Tile, Pointers], None], place: Pointers,
) -> None:  # fmt: skip
    """Write each tile, at all of its places."""
    for blocks in itertools.product(*(_blocks(axis, size) for axis, size in chosen.tile)):
        at = place
        loops = [(axis, 1, axis.extent) for axis in chosen.outer]
        for axis, start, trips, size in blocks:
            at = at.moved(body, axis.number, str(start), 1)
            loops.append((axis, size, trips))
        axes = [axis for axis, *_ in blocks]
        sizes = [size for *_, size in blocks]
        reduced = [(axis, 1, axis.extent) for axis in chosen.reduced]
        tile = _Tile(body, nest, axes, sizes, chosen.vector, chosen.unroll, reduced, fixed)

        def once(at: Pointers, carried: list[str], tile: _Tile = tile) -> list[str]:
            write(tile, at)
            return carried

        _nest(body, loops, at, [], 1, once)


def _blocks(axis: Axis, size: int) -> Iterator[tuple[Axis, int, int, int]]:
    """An axis in blocks: where they start, how many there are, their size."""
    trips, rest = divmod(axis.extent, size)
    if trips:
        yield axis, 0, trips, size
    if rest:
        yield axis, trips * size, 1, rest


def _nest(
    body: Body, loops: Sequence[Loop], at: Pointers, carried: list[str], lanes: int, inner: Inner
) -> list[str]:
    """Loops around `inner`, and what it carries."""
    if not loops:
        return inner(at, carried)
    axis, step, trips = loops[0]

    def once(index: str, values: list[str]) -> list[str]:
        moved = at.moved(body, axis.number, index, step)
        return _nest(body, loops[1:], moved, values, lanes, inner)

    return body.repeat(trips, lanes, carried, once, always=body.alike)


class _Tile:
    """The results of one tile, for each of its places."""

    def __init__(
        self,
        body: Body,
        nest: Nest,
        axes: list[Axis],
        sizes: list[int],
        vector: Axis | None,
        unroll: int,
        reduced: list[Loop],
        fixed: dict[Affine, str],
    ) -> None:
        self._body = body
        self._nest = nest
        self._largest = nest.reduce == "max"
        self._axes = axes
        self._vector = vector
        self._unroll = unroll
        self._reduced = reduced
        self._fixed = fixed
        self._results = list(itertools.product(*map(range, sizes)))
        self._lanes = 1 if vector is None else body.lanes
        self._m = Instructions(body, self._lanes)
        self._neutral = -math.inf if self._largest else 0.0

    def emit(self, at: Pointers) -> None:
        """Write the results at one place."""
        vector = self._vector
        if vector is None:
            self.columns(at, Segment(0, 1, (1,)))
        elif not vector.out:
            self._rows(at, vector)
        else:
            for part in segments(vector.extent, self._lanes, self._unroll):
                size = len(part.active) * self._lanes
                columns = partial(self.columns, part=part)
                at.each(self._body, vector.number, part.trips, size, columns)

    def columns(self, at: Pointers, part: Segment) -> None:
        """Results whose lanes are neighbours in the result."""
        count = len(part.active)
        sums = _nest(
            self._body,
            self._reduced,
            at,
            self._start(count),
            self._lanes,
            lambda inside, values: self._add(inside, part, values, count),
        )
        for n, result in enumerate(self._results):
            for k, active in enumerate(part.active):
                first = part.start + k * self._lanes
                self._finish(sums[n * count + k], self._m, at, result, first, active)

    def _rows(self, at: Pointers, vector: Axis) -> None:
        """Results whose lanes are summed in the end."""
        body, lanes = self._body, self._lanes
        parts = segments(vector.extent, lanes, self._unroll)
        count = max(len(part.active) for part in parts)

        def along(inside: Pointers, values: list[str]) -> list[str]:
            for part in parts:
                size = len(part.active) * lanes

                def step(
                    index: str, carried: list[str], part: Segment = part, size: int = size
                ) -> list[str]:
                    moved = inside.moved(body, vector.number, index, size)
                    return self._add(moved, part, carried, count)

                values = body.repeat(part.trips, lanes, values, step)
            return values

        sums = _nest(body, self._reduced, at, self._start(count), lanes, along)
        one = Instructions(body, 1)
        for n, result in enumerate(self._results):
            total = sums[n * count]
            for x in sums[n * count + 1 : (n + 1) * count]:
                total = self._combine(total, x)
            reduced = self._m.largest(total) if self._largest else self._m.sum(total)
            self._finish(reduced, one, at, result, 0, 1)

    def _start(self, count: int) -> list[str]:
        return [self._m.text(self._neutral)] * (len(self._results) * count)

    def _add(self, at: Pointers, part: Segment, values: list[str], count: int) -> list[str]:
        """One step of the reduction, for all results of the tile and all vectors of the part."""
        loaded: dict[tuple[Affine, int], str] = {}

        def get(access: Affine, result: TileIndex, k: int) -> str:
            pointer, offset, stride = self._where(at, access, result, part.start + k * self._lanes)
            key = (access, offset)
            if key not in loaded:
                loaded[key] = self._body.load(
                    pointer, offset, stride, self._lanes, part.active[k], self._neutral
                )
            return loaded[key]

        values = list(values)
        for n, result in enumerate(self._results):
            for k in range(len(part.active)):
                x, *others = (get(operand, result, k) for operand in self._nest.first.inputs)
                total = values[n * count + k]
                if others:
                    values[n * count + k] = self._m.fma(x, others[0], total)
                else:
                    values[n * count + k] = self._combine(total, x)
        return values

    def _combine(self, a: str, b: str) -> str:
        return self._m.maximum(a, b) if self._largest else self._m.fadd(a, b)

    def _where(
        self, at: Pointers, access: Affine, result: TileIndex, along: int
    ) -> tuple[str, int, int]:
        """The pointer, the offset and the stride of a vector."""
        offset = access.base
        for i, axis in zip(result, self._axes, strict=True):
            offset += i * access.strides[axis.number]
        stride = 0 if self._vector is None else access.strides[self._vector.number]
        return at.pointer(access), offset + along * stride, stride

    def _finish(
        self, x: str, m: Instructions, at: Pointers, result: TileIndex, along: int, active: int
    ) -> None:
        """Scale a result, add it to what is there, run what comes after it, and store it."""
        body, (term, *after) = self._body, self._nest.body

        def where(x: Affine) -> tuple[str, int, int]:
            return self._where(at, x, result, along)

        before = body.load(*where(term.out), m.lanes, active) if term.accumulate else None
        x = m.term(term.coefficient, [x], before)
        if term.kept and all(s.out != term.out for s in after):
            body.store(x, *where(term.out), m.lanes, active)
        elementwise.run(body, after, self._fixed | {term.out: x}, m.lanes, active, where)
