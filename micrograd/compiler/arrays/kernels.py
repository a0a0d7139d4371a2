"""Groups and places as loops: each class of terms one sum, each row one map.

Operands whose addresses are not affine together are gathered first; sums of unequal length become
ragged ones. Irregularity costs time, never correctness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from micrograd.compiler.arrays.layout import ALIGN, LANES, WORK, Axes, Layout, factor
from micrograd.compiler.arrays.schedule import Group, Terms
from micrograd.compiler.codes import ROWS, Ids
from micrograd.compiler.graph.graph import LARGEST, ROW, Graph
from micrograd.compiler.nest.program import Access
from micrograd.ops import OPS


@dataclass(frozen=True, slots=True)
class Sum:
    """`out (+)= c · Σ u · v`, over the axes on which `out` has stride 0, if there are any."""

    extents: tuple[int, ...]
    out: Access
    u: Access | None
    v: Access | None
    c: float = 1.0
    accumulate: bool = False
    reduced: bool = False  # and over the lanes


@dataclass(frozen=True, slots=True)
class Map:
    """`out = row(*inputs, static)`."""

    extents: tuple[int, ...]
    row: str
    static: float | None
    out: Access
    inputs: tuple[Access, ...]


@dataclass(frozen=True, slots=True)
class Choose:
    """`out = max u` over the axes on which `out` has stride 0."""

    extents: tuple[int, ...]
    out: Access
    u: Access


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """`out[i] = space[index[i]]`; `out` is one piece."""

    out: tuple[str, int]
    space: str
    index: Ids


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Sums or maxima of unequal length, from start[i] to start[i + 1]; `out` is one piece."""

    out: tuple[str, int]
    largest: bool
    start: Ids
    u: tuple[str, Ids]
    v: tuple[str, Ids] | None
    c: float
    accumulate: bool
    reduced: bool


Loop = Sum | Map | Choose | Take | Rows
Place = tuple[str, Ids]  # a space and addresses there
Where = Callable[[Ids], Place]


class Loops:
    """Collects loops, and room for what they gather."""

    def __init__(self, top: int, lanes_top: int) -> None:
        self.all: list[Loop] = []
        self.free = {WORK: top, LANES: lanes_top}

    def room(self, space: str, count: int) -> int:
        """The address of so many free numbers, or lanes."""
        base = self.free[space]
        step = 1 if space == LANES else ALIGN
        self.free[space] = base + -(-count // step) * step
        return base

    def gathered(self, place: Place, lanes: bool = False) -> Place:
        """The same numbers, one after the other; `lanes` if an argument's are one a lane."""
        space, index = place
        to = LANES if lanes or space == LANES else WORK
        base = self.room(to, len(index))
        self.all.append(Take((to, base), space, index))
        return to, base + np.arange(len(index))

    def affine(self, out: Ids, operands: Sequence[Place]) -> tuple[Axes, list[Place]]:
        """The axes of `out` and the operands, some of these gathered first if need be."""
        places = list(operands)
        axes = factor([out, *[index for _, index in places]])
        if axes is not None:
            return axes, places
        places = [p if factor([out, p[1]]) is not None else self.gathered(p) for p in places]
        axes = factor([out, *[index for _, index in places]])
        if axes is not None:
            return axes, places
        places = [self.gathered(p) for p in operands]
        axes = factor([out, *[index for _, index in places]])
        assert axes is not None, "an output that is not affine"
        return axes, places

    def copy(self, target: Place, source: Place) -> None:
        """Copy numbers; the targets need not be affine."""
        for part in _affine_parts(target[1]):
            out, read = target[1][part], source[1][part]
            place = source[0], read
            if target[0] == LANES and factor([out, read]) is None:
                place = self.gathered(place, lanes=True)
            axes, places = self.affine(out, [place])
            extents, accesses = _accesses(axes, [(target[0], out), *places])
            self.all.append(Sum(extents, accesses[0], accesses[1], None))


def loops_of(g: Graph, groups: list[Group], of: Ids, layout: Layout, loops: Loops) -> None:
    """Add the loops that compute every group."""

    def place(ids: Ids) -> Place:
        return layout.space[of[ids.flat[0]]], layout.address[ids]

    for k, group in enumerate(groups):
        if group.kind == LARGEST and len(group.terms) > 1:
            _largest_of_classes(group, k, layout, loops, place)
            continue
        if group.constant is not None or not (group.terms or group.args):
            continue
        nodes = layout.nodes[k]
        order = np.searchsorted(group.nodes, nodes)
        out = layout.space[k], layout.address[nodes]
        if group.kind == ROW:
            axes, places = loops.affine(out[1], [place(x[order]) for x in group.args])
            extents, (target, *inputs) = _accesses(axes, [out, *places])
            static = group.static if OPS[ROWS[group.row]].has_static else None
            loops.all.append(Map(extents, ROWS[group.row], static, target, tuple(inputs)))
        for i, terms in enumerate(group.terms):
            if group.ragged and terms.u is None:
                loops.all += _counted(group, terms, out, accumulate=i > 0)
                continue
            if group.ragged:
                loops.all.append(_ragged(group, terms, out, place, accumulate=i > 0))
                continue
            factors = [x[order] for x in (terms.u, terms.v) if x is not None]
            width = factors[0].shape[1] if factors else 1
            spread = np.repeat(out[1], width)
            axes, places = loops.affine(spread, [place(x.ravel()) for x in factors])
            extents, (target, *inputs) = _accesses(axes, [(out[0], spread), *places])
            u, v = (*inputs, None, None)[:2]
            if group.kind == LARGEST:
                assert u is not None
                loops.all.append(Choose(extents, target, u))
            else:
                loops.all.append(Sum(extents, target, u, v, terms.c, i > 0, group.reduced))


def _largest_of_classes(group: Group, k: int, layout: Layout, loops: Loops, place: Where) -> None:
    """The largest of each class, and then one after the other the larger of two."""
    out = layout.space[k], layout.address[layout.nodes[k]]
    order = np.searchsorted(group.nodes, layout.nodes[k])
    for i, terms in enumerate(group.terms):
        assert terms.u is not None
        target = out
        if i:
            target = out[0], loops.room(out[0], len(order)) + np.arange(len(order))
        if group.ragged:
            loops.all.append(_ragged(group, terms, target, place, accumulate=False))
        else:
            read = terms.u[order]
            spread = np.repeat(target[1], read.shape[1])
            axes, places = loops.affine(spread, [place(read.ravel())])
            extents, accesses = _accesses(axes, [(target[0], spread), *places])
            loops.all.append(Choose(extents, *accesses))
        if i:
            axes, places = loops.affine(out[1], [out, target])
            extents, (to, *inputs) = _accesses(axes, [out, *places])
            loops.all.append(Map(extents, "maximum", None, to, tuple(inputs)))


def _accesses(axes: Axes, places: Sequence[Place]) -> tuple[tuple[int, ...], list[Access]]:
    extents = tuple(size for size, _ in axes)
    return extents, [
        Access(space, int(index[0]), tuple(strides[j] for _, strides in axes))
        for j, (space, index) in enumerate(places)
    ]


def _ragged(group: Group, terms: Terms, out: Place, place: Where, accumulate: bool) -> Rows:
    assert terms.u is not None
    assert terms.node is not None
    row = np.searchsorted(group.nodes, terms.node)
    start = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(group.nodes)))])
    v = None if terms.v is None else place(terms.v)
    return Rows(
        (out[0], int(out[1][0])), group.kind == LARGEST, start, place(terms.u), v, terms.c,
        accumulate, group.reduced,
    )  # fmt: skip


def _counted(group: Group, terms: Terms, out: Place, accumulate: bool) -> list[Loop]:
    """Numbers that are added to each node a number of times."""
    assert terms.node is not None
    times = np.bincount(np.searchsorted(group.nodes, terms.node), minlength=len(group.nodes))
    return [
        Sum(
            (), Access(out[0], int(at), ()), None, None, terms.c * int(n), accumulate, group.reduced
        )
        for at, n in zip(out[1], times, strict=True)
    ]


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
