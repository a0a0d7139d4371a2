"""Groups and places as nests: each class of terms one sum, each row one map.

Operands whose addresses are not affine together are gathered first; sums of unequal length become
ragged ones. Irregularity costs time, never correctness. Samples of a batch are one more axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from micrograd.compiler.arrays.layout import ALIGN, Axes, Layout, factor
from micrograd.compiler.arrays.schedule import Group, TermClass
from micrograd.compiler.codes import ROWS, Ids
from micrograd.compiler.graph.graph import LARGEST, ROW, Graph
from micrograd.compiler.nest.ir import (
    LANES,
    TERM,
    WORK,
    Affine,
    Counter,
    Listed,
    Nest,
    Reduction,
    Shape,
    Space,
    Statement,
    contraction,
    elementwise,
    gather,
    maximum,
    one_hot,
    ragged,
)
from micrograd.ops import LARGER, OPS

ROOM = 8  # numbers: of so many multiples is the room for one node's lanes


@dataclass(frozen=True, slots=True)
class SampleAxis:
    """With `batch=True`, what has a value for each sample has one more axis, the innermost.

    Such nodes are in LANES, `width` numbers each; what is in an argument is there sample after
    sample. Without samples there is no axis.
    """

    count: int  # 0: none
    strides: Mapping[Space, int]  # of the spaces of arguments, from one sample to the next

    @staticmethod
    def none() -> SampleAxis:
        """No axis."""
        return SampleAxis(0, {})

    @property
    def width(self) -> int:
        """Room for one node's lanes."""
        return -(-self.count // ROOM) * ROOM

    def has(self, space: Space) -> bool:
        """Whether an operand there differs from lane to lane."""
        return self.count > 0 and (space is LANES or space in self.strides)

    def with_axis(
        self, extents: tuple[int, ...], operands: Sequence[Affine]
    ) -> tuple[tuple[int, ...], list[Affine]]:
        """The extents and the operands, with the axis of the lanes if one of them has it."""
        if not any(self.has(x.space) for x in operands):
            return extents, list(operands)
        return (*extents, self.count), [self._spread(x) for x in operands]

    def _spread(self, x: Affine) -> Affine:
        if x.space is LANES:
            strides = tuple(s * self.width for s in x.strides)
            return Affine(LANES, x.base * self.width, (*strides, 1))
        return Affine(x.space, x.base, (*x.strides, self.strides.get(x.space, 0)))

    def listed(self, space: Space, index: Ids) -> Listed:
        """What is listed by node, for each of them lane after lane."""
        step = self.width if space is LANES else 1
        apart = 1 if space is LANES else self.strides.get(space, 0)
        return Listed(space, (index[:, None] * step + np.arange(self.count) * apart).ravel())


def placed(nest: Nest, base: int) -> Nest:
    """The nest, with lanes from that address of work on."""

    def change(x: Any) -> Any:
        if isinstance(x, Counter) or x.space is not LANES:
            return x
        if isinstance(x, Listed):
            return Listed(WORK, x.index + base)
        return Affine(WORK, x.base + base, x.strides)

    body = tuple(s.on(change(s.out), map(change, s.inputs)) for s in nest.body)
    return replace(nest, body=body)


Addresses = tuple[Space, Ids]  # a space and addresses there; of lanes, an address a node
Where = Callable[[Ids], Addresses]


class Loops:
    """Collects nests, and room for what they gather."""

    def __init__(self, top: int, lanes_top: int, batch: SampleAxis) -> None:
        self.all: list[Nest] = []
        self.free = {WORK: top, LANES: lanes_top}
        self.origins: list[Ids] = []
        self._origin = frozenset[int]()  # of the nests that follow
        self._batch = batch
        self._gathered: dict[tuple[Space, bytes], Addresses] = {}

    def go_on(self, top: int) -> None:
        """Go on with nests that run later, and with free work from there on."""
        self.free[WORK] = top
        self._gathered.clear()

    def _add(self, nest: Nest) -> None:
        self.all.append(replace(nest, origin=self._origin))

    def room(self, space: Space, count: int) -> int:
        """The address of so many free numbers, or lanes."""
        base = self.free[space]
        step = 1 if space is LANES else ALIGN
        self.free[space] = base + -(-count // step) * step
        return base

    def stand_for(self, origin: Ids) -> None:
        """The nests that follow compute what is these recorded operations; others were none."""
        self._origin = frozenset([len(self.origins)])
        self.origins.append(origin)

    # ---- nests ---------------------------------------------------------------------------------

    def sum(
        self, extents: Shape, out: Affine, inputs: Sequence[Affine], c: float = 1.0,
        accumulate: bool = False, over_lanes: bool = False,
    ) -> None:  # fmt: skip
        """`out (+)= c · Σ Πinputs`, over the axes on which `out` has stride 0, and the lanes."""
        if over_lanes and not any(self._batch.has(x.space) for x in (out, *inputs)):
            c *= self._batch.count
        extents, (out, *inputs) = self._batch.with_axis(extents, (out, *inputs))
        if inputs:
            nest = contraction(extents, out, *inputs, coefficient=c, accumulate=accumulate)
            self._add(nest)
            return
        kept = [i for i, stride in enumerate(out.strides) if stride]
        times = [n for n, stride in zip(extents, out.strides, strict=True) if not stride]
        out = Affine(out.space, out.base, tuple(out.strides[i] for i in kept))
        term = Statement(TERM, out, (), None, c * int(np.prod(times)), accumulate)
        self._add(elementwise(tuple(extents[i] for i in kept), term))

    def map(
        self, extents: Shape, row: str, static: float | None, out: Affine, inputs: Sequence[Affine]
    ) -> None:
        """`out = row(*inputs, static)`."""
        extents, (out, *inputs) = self._batch.with_axis(extents, (out, *inputs))
        self._add(elementwise(extents, Statement(row, out, tuple(inputs), static)))

    def largest(self, extents: Shape, out: Affine, u: Affine) -> None:
        """`out = max u` over the axes on which `out` has stride 0."""
        extents, (out, u) = self._batch.with_axis(extents, (out, u))
        self._add(maximum(extents, out, u))

    def one_hot(self, extents: Shape, axis: int, out: Affine, ids: Affine) -> None:
        """Choices of run-time integers."""
        extents, (out, ids) = self._batch.with_axis(extents, (out, ids))
        self._add(one_hot(extents, axis, out, ids))

    def gathered(self, place: Addresses, lanes: bool = False) -> Addresses:
        """The same numbers, one after the other; `lanes` if an argument's are one a lane."""
        space, index = place
        to = LANES if lanes or space is LANES else WORK
        key = space, index.tobytes()
        if to is WORK and key in self._gathered:
            return self._gathered[key]
        base = self.room(to, len(index))
        if to is WORK:
            self._add(gather(Affine(WORK, base, (1,)), Listed(space, index)))
            self._gathered[key] = to, base + np.arange(len(index))
        else:
            source, width = self._batch.listed(space, index).index, self._batch.width
            # Each node's lanes end in padding: then there is one gather a node.
            parts = [source] if width == self._batch.count else np.split(source, len(index))
            for i, part in enumerate(parts):
                out = Affine(LANES, (base + i) * width, (1,))
                self._add(gather(out, Listed(space, part)))
        return to, base + np.arange(len(index))

    def rows(
        self, out: Addresses, inputs: Sequence[Addresses], starts: Ids, reduce: Reduction,
        c: float, accumulate: bool, over_lanes: bool,
    ) -> None:  # fmt: skip
        """Sums or maxima of unequal length; with lanes, one after the other."""
        space, base = out[0], int(out[1][0])
        if not any(self._batch.has(space) for space, _ in (out, *inputs)):
            c *= self._batch.count if over_lanes else 1
            at, listed = Affine(space, base, (1,)), [Listed(*place) for place in inputs]
            nest = ragged(at, starts, *listed, reduce=reduce, coefficient=c, accumulate=accumulate)
            self._add(nest)
            return
        for i, (first, last) in enumerate(pairwise(starts.tolist())):
            target = Affine(space, base + i, ())
            for j in range(first, last):
                operands = [Affine(space, int(index[j]), ()) for space, index in inputs]
                if reduce == "max" and j > first:
                    self.map((), LARGER.name, None, target, [target, *operands])
                else:
                    added = reduce == "add" and (accumulate or j > first)
                    self.sum((), target, operands, c, added, over_lanes)

    # ---- operands ------------------------------------------------------------------------------

    def affine(self, out: Ids, operands: Sequence[Addresses]) -> tuple[Axes, list[Addresses]]:
        """The axes of `out` and the operands, some of these gathered first if need be."""

        def own(p: Addresses) -> Addresses:
            return p if factor([out, p[1]]) is not None else self.gathered(p)

        for change in (None, own, self.gathered):
            places = list(operands) if change is None else [change(p) for p in operands]
            axes = factor([out, *[index for _, index in places]])
            if axes is not None:
                return axes, places
        raise AssertionError("an output that is not affine")

    def over(
        self, out: Addresses, operands: Sequence[Addresses]
    ) -> tuple[Shape, Affine, list[Affine]]:
        """Extents, and `out` and the operands as affine ones."""
        axes, places = self.affine(out[1], operands)
        extents, (target, *inputs) = operands_of(axes, [out, *places])
        return extents, target, inputs

    def copy(self, target: Addresses, source: Addresses) -> None:
        """Copy numbers; the targets need not be affine."""
        for part in _affine_parts(target[1]):
            out, read = target[1][part], source[1][part]
            place = source[0], read
            if target[0] is LANES and factor([out, read]) is None:
                place = self.gathered(place, lanes=True)
            self.sum(*self.over((target[0], out), [place]))


def loops_of(g: Graph, groups: list[Group], of: Ids, layout: Layout, loops: Loops) -> None:
    """Add the nests that compute every group."""

    def place(ids: Ids) -> Addresses:
        return layout.space[of[ids.flat[0]]], layout.address[ids]

    for k, group in enumerate(groups):
        if group.constant is not None or not (group.terms or group.args):
            continue
        loops.stand_for(g.origin[group.nodes])
        order = np.searchsorted(group.nodes, layout.nodes[k])
        out = layout.space[k], layout.address[layout.nodes[k]]
        if group.kind == ROW:
            row = ROWS[group.row]
            static = group.static if OPS[row].has_static else None
            extents, target, inputs = loops.over(out, [place(x[order]) for x in group.args])
            loops.map(extents, row, static, target, inputs)
        for i, terms in enumerate(group.terms):
            if group.kind == LARGEST:
                _largest(group, terms, out, order, place, loops, first=i == 0)
            elif group.ragged:
                _ragged(group, terms, out, place, loops, accumulate=i > 0)
            else:
                factors = [x[order] for x in (terms.u, terms.v) if x is not None]
                nest = loops.over(*_spread(out, factors, place))
                loops.sum(*nest, terms.c, i > 0, group.reduced)


def _spread(out: Addresses, factors: list[Ids], place: Where) -> tuple[Addresses, list[Addresses]]:
    """A place for each term of each node, and the factors of these terms."""
    width = factors[0].shape[1] if factors else 1
    return (out[0], np.repeat(out[1], width)), [place(x.ravel()) for x in factors]


def _largest(
    group: Group, terms: TermClass, out: Addresses, order: Ids, place: Where, loops: Loops,
    first: bool,
) -> None:  # fmt: skip
    """The largest of a class, and then the larger of that and what was found before."""
    assert terms.u is not None
    target = out
    if not first:
        target = out[0], loops.room(out[0], len(order)) + np.arange(len(order))
    if group.ragged:
        _ragged(group, terms, target, place, loops, accumulate=False)
    else:
        extents, at, (u,) = loops.over(*_spread(target, [terms.u[order]], place))
        loops.largest(extents, at, u)
    if not first:
        extents, at, inputs = loops.over(out, [out, target])
        loops.map(extents, LARGER.name, None, at, inputs)


def operands_of(axes: Axes, places: Sequence[Addresses]) -> tuple[Shape, list[Affine]]:
    """Extents and affine operands of lists of addresses that have these axes."""
    extents = tuple(size for size, _ in axes)
    return extents, [
        Affine(space, int(index[0]), tuple(strides[j] for _, strides in axes))
        for j, (space, index) in enumerate(places)
    ]


def _ragged(
    group: Group, terms: TermClass, out: Addresses, place: Where, loops: Loops, accumulate: bool
) -> None:
    """Rows of unequal length, or numbers that are added to each node a number of times."""
    assert terms.node is not None
    row = np.searchsorted(group.nodes, terms.node)
    lengths = np.bincount(row, minlength=len(group.nodes))
    if terms.u is None:
        for at, n in zip(out[1].tolist(), lengths.tolist(), strict=True):
            loops.sum((), Affine(out[0], at, ()), (), terms.c * n, accumulate, group.reduced)
        return
    starts = np.concatenate([[0], np.cumsum(lengths)])
    inputs = [place(x) for x in (terms.u, terms.v) if x is not None]
    reduce: Reduction = "max" if group.kind == LARGEST else "add"
    loops.rows(out, inputs, starts, reduce, terms.c, accumulate, group.reduced)


def _affine_parts(addresses: Ids) -> list[slice]:
    """Pieces of a list of addresses that are affine, as few as a simple scan finds."""
    if factor([addresses]) is not None:
        return [slice(0, len(addresses))]
    breaks = np.nonzero(np.diff(np.diff(addresses)))[0]
    cuts = [0]
    for b in breaks.tolist():
        if b + 2 > cuts[-1] + 1:
            cuts.append(b + 2)
    cuts = sorted({*cuts, len(addresses)})
    return [slice(i, j) for i, j in pairwise(cuts) if j > i]
