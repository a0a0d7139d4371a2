"""A graph in which there are no arrays, as a sequence: its order, its loops, and its parts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from micrograd.compiler.arrays.layout import ALIGN, Layout
from micrograd.compiler.arrays.schedule import Group
from micrograd.compiler.codes import NONE, Ids
from micrograd.compiler.graph.graph import CONSTANT, Graph
from micrograd.compiler.nest.ir import Range
from micrograd.compiler.nest.sequence import TOTAL, Part, Scalars
from micrograd.compiler.sequential.bodies import nest_of
from micrograd.compiler.sequential.loops import Rolled, TurnOf, find_loops
from micrograd.compiler.sequential.needed import needed
from micrograd.compiler.sequential.order import program_order
from micrograd.compiler.sequential.places import lay_out_in_order
from micrograd.compiler.sequential.repeats import forms, sets
from micrograd.compiler.sequential.scalars import scalars_of
from micrograd.compiler.sequential.sums import LONG, add_up, is_added_up, long_sums


@dataclass(slots=True, eq=False)
class InSequence:
    """A graph and the order in which it is gone through; parts, once it has its places."""

    graph: Graph
    order: Ids
    pins: Ids  # where the adjoints of parameters must be
    roots: Ids  # nodes that are read when all has run
    layout: Layout = field(init=False)
    loops: list[Rolled] = field(default_factory=list)
    leaves: Range = (0, 0)  # in work
    parts: tuple[Part, ...] = ()

    def lay_out(self, top: int) -> tuple[list[Group], Layout]:
        """Places from `top` on, for leaves and what is computed; and the parts."""
        g = self.graph
        groups, self.layout = lay_out_in_order(g, self.order, top)
        address = self.layout.address
        first = int(address[self.order[0]]) if len(self.order) else self.layout.top
        self.leaves = top, first - top
        same = _equal_constants(g, address, self.layout.top)
        whole = scalars_of(g, self.order, address)
        self.loops = _loops(whole, first, same)
        turns, done, rest = add_up(whole, first, self.loops, self.layout.top)
        sums = sum(len(loop.sums) for loop in self.loops)
        roots = np.concatenate([self.roots, np.flatnonzero(self.pins >= 0)])
        roots = address[roots[g.kind[roots] > CONSTANT]] - first
        kept = needed(whole, first, self.loops, turns, same, done, roots)
        nests = [nest_of(whole, x, same, k) for x, k in zip(self.loops, kept, strict=True)]
        moved = self._pinned(rest, turns, first)
        zeros = self.layout.top + np.arange(sums)
        parts: list[Part] = [copies(zeros, np.full(sums, NONE), 0.0)] if sums else []
        at = 0
        for loop, nest in zip(self.loops, nests, strict=True):
            parts += [moved.part(at, loop.start)] if loop.start > at else []
            parts.append(nest)
            at = loop.end
        parts += [moved.part(at, len(moved))] if len(moved) > at else []
        pinned = np.flatnonzero(self.pins >= 0)
        left = pinned[address[pinned] != self.pins[pinned]]
        parts += [copies(self.pins[left], address[left])] if len(left) else []
        self.parts = tuple(parts)
        self.layout.top += -(-sums // ALIGN) * ALIGN
        return groups, self.layout

    def _pinned(self, rest: Scalars, turns: TurnOf, first: int) -> Scalars:
        """The statements, with what is pinned and in no loop where it must be."""
        address = self.layout.address
        pinned = np.flatnonzero(self.pins >= 0)
        at = address[pinned] - first
        pinned, at = pinned[at >= 0], at[at >= 0]
        free = turns.loop[at] < 0
        pinned, at = pinned[free], at[free]
        to = np.arange(self.layout.top)
        to[address[pinned]] = self.pins[pinned]
        address[pinned] = self.pins[pinned]

        def moved(x: Ids) -> Ids:
            return np.where((x >= 0) & (x < len(to)), to[np.minimum(x, len(to) - 1)], x)

        return Scalars(
            moved(rest.out), rest.row, rest.static, moved(rest.args), rest.first,
            moved(rest.u), moved(rest.v), rest.c,
        )  # fmt: skip


def _loops(part: Scalars, base: int, same: Ids) -> list[Rolled]:
    """The loops of a list of statements, in order.

    Long sums are in none at first: those of what loops make are added up there.
    """
    long = np.diff(part.first) > LONG
    free = ~long
    loops = find_loops(part, forms(part), free, same, ragged=False)
    free |= long
    turns = TurnOf.of(loops, len(part))
    free[[n for n in long_sums(part) if is_added_up(part, base, loops, turns, n)]] = False
    loops += find_loops(part, sets(part), free, same, ragged=True)
    return sorted(loops, key=lambda loop: loop.start)


def in_sequence(g: Graph, rank: Ids, pins: Ids, roots: Ids) -> InSequence:
    """The graph in the order of the program."""
    return InSequence(g, program_order(g, rank, g.kind <= CONSTANT), pins, roots)


def copies(to: Ids, source: Ids, c: float = 1.0) -> Scalars:
    """Statements that copy numbers, or set them to c where there is no source."""
    n = len(to)
    return Scalars(
        to, np.full(n, TOTAL, np.int16), np.full(n, np.nan), np.full((n, 3), NONE),
        np.arange(n + 1), source, np.full(n, NONE), np.full(n, c),
    )  # fmt: skip


def _equal_constants(g: Graph, address: Ids, top: int) -> Ids:
    """Of every address itself, but of constants that of the first one that is equal."""
    same = np.arange(top)
    constants = np.flatnonzero(g.kind == CONSTANT)
    if len(constants):
        _, first, inverse = np.unique(
            g.value[constants].view(np.int64), return_index=True, return_inverse=True
        )
        same[address[constants]] = address[constants[first[inverse.ravel()]]]
    return same
