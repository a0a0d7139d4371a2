"""A graph in which there are no arrays, as a sequence: its order, its loops, and its parts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from micrograd.compiler.arrays.layout import ALIGN, Layout
from micrograd.compiler.arrays.loops import Loops, loops_of
from micrograd.compiler.arrays.schedule import Group
from micrograd.compiler.arrays.schedule import operands as read_by_group
from micrograd.compiler.codes import NONE, Ids, Mask, marked, occurrences
from micrograd.compiler.graph.graph import CONSTANT, Graph
from micrograd.compiler.nest.ir import WORK, Nest, Range
from micrograd.compiler.nest.sequence import Part, Scalars, copies, read_by
from micrograd.compiler.sequential.apart import Apart, apart
from micrograd.compiler.sequential.bodies import nest_of
from micrograd.compiler.sequential.leaves import LeafRows
from micrograd.compiler.sequential.loops import LEAST_UNEQUAL, Rolled, TurnOf, find_loops, needed
from micrograd.compiler.sequential.places import lay_out_in_order, place_arrays, scalars_of
from micrograd.compiler.sequential.repeats import LEAST, Signatures, forms, sets
from micrograd.compiler.sequential.rows import InRows, in_rows, lie_in_rows, reading_rows
from micrograd.compiler.sequential.sums import LONG, add_up, added_up, long_sums, totals, with_sums
from micrograd.compiler.sequential.turns import TurnRun, find_turns, left_over, loop_of, with_loops

LEAST_STATEMENTS = 32  # of a loop in no turns: others take longer to compile than they save


@dataclass(slots=True, eq=False)
class InSequence:
    """A graph and the order in which it is gone through; parts, once it has its places."""

    graph: Graph
    order: Ids
    pins: Ids  # where the adjoints of parameters must be
    roots: Ids  # nodes that are read when all has run
    wide_ends: bool  # whether what is wide before and after all others is arrays
    groups: list[Group] = field(init=False)  # leaves by kind
    layout: Layout = field(init=False)
    loops: list[Rolled] = field(default_factory=list)
    turns: list[TurnRun] = field(default_factory=list)
    leaves: Range = (0, 0)  # in work
    kept: list[Range] = field(default_factory=list)  # what the parts read, in work
    parts: tuple[Part, ...] = ()
    _whole: Scalars = field(init=False)
    _forms: Signatures = field(init=False)  # of its statements
    _same: Ids = field(init=False)  # of each address the first equal constant
    _first: int = 0  # the address of the first statement
    _moved: Mask = field(init=False)  # statements whose results lie in rows
    _regions: list[Rolled] = field(default_factory=list)  # whose results lie in rows
    _arrays: Apart = field(
        default_factory=lambda: Apart([], [])
    )  # before all others, and after them

    def place(self, top: int) -> None:
        """Give places from `top` on to leaves and to what is computed; find turns."""
        self._lay_out(top)
        self._find_turns()

    def _set_apart(self) -> None:
        """Take what is better in arrays, before all others or after them, out of the order."""
        g, whole = self.graph, self._whole
        self.loops = _loops(whole, self._forms, self._first, self._same, self._moved)
        if not self.wide_ends:
            return
        forms_of, alone = np.zeros(len(g), np.int64), np.zeros(len(g), bool)
        forms_of[self.order] = self._forms.view(np.int64)
        turns = TurnOf.of(self.loops, len(whole))
        alone[self.order] = (turns.loop < 0) & (np.diff(whole.first) <= LONG)
        self._arrays = apart(g, forms_of, alone)
        among = marked(len(g), *(group.nodes for groups in self._arrays for group in groups))
        if among.any():
            self.order = self.order[~among[self.order]]
            self._lay_out(self.leaves[0])
            self._moved = np.zeros(len(self._whole), bool)
            self.loops = _loops(self._whole, self._forms, self._first, self._same, self._moved)

    def _lay_out(self, top: int) -> None:
        g = self.graph
        self.groups, self.layout, self.leaves = lay_out_in_order(
            g, self.order, top, self._arrays.before, self.pins
        )
        address = self.layout.address
        self._first = int(address[self.order[0]]) if len(self.order) else self.layout.top
        self._same = _equal_constants(g, address, self.layout.top)
        self._whole = scalars_of(g, self.order, address)
        self._forms = forms(self._whole)

    @property
    def count(self) -> int:
        """How many loops there are."""
        return len(self.loops) + len(self.turns)

    @property
    def in_wide_ends(self) -> int:
        """How many nodes are in arrays before all others, or after them."""
        return sum(len(group.nodes) for groups in self._arrays for group in groups)

    def build(self) -> None:
        """The parts; what they need besides has places after all others."""
        if not self.turns:
            self._set_apart()
        g, address, first, whole = self.graph, self.layout.address, self._first, self._whole
        long = long_sums(whole, LEAST)
        long = long[~self._moved[long]]
        added, done = totals(whole, first, self._regions, long, self.layout.top)
        cells = np.concatenate([x.sums for x in added]).tolist() if added else []
        whole = with_sums(whole, done, [(n, self.layout.top + k) for k, n in enumerate(cells)])
        self.layout.top += -(-len(cells) // ALIGN) * ALIGN
        leaves = LeafRows(self.layout.top)
        in_turns: list[tuple[int, int, Part]] = [
            (x.start, x.end, loop_of(x, leaves)) for x in self.turns
        ]
        in_turns += [(0, 0, nest) for nest in leaves.copies]
        self.layout.top = -(-leaves.top // ALIGN) * ALIGN
        same = np.append(self._same, np.arange(len(self._same), self.layout.top))
        if self.turns:
            self.loops = _loops(whole, forms(whole), first, same, self._moved)
        turns, rest = add_up(whole, first, self.loops, self._moved, self.layout.top)
        sums = sum(len(loop.sums) for loop in self.loops)
        roots = np.concatenate([self.roots, np.flatnonzero(self.pins >= 0)])
        after = [x.ravel() for group in self._arrays.after for x in read_by_group(group)]
        roots = np.concatenate([roots, *after])
        roots = address[roots[g.kind[roots] > CONSTANT]] - first
        roots = roots[(roots >= 0) & (roots < len(whole))]
        kept = needed(rest, first, self.loops, turns, same, roots)
        nests: list[tuple[int, int, Part]] = [
            (x.start, x.end, nest_of(whole, x, same, k))
            for x, k in zip(self.loops, kept, strict=True)
        ]
        nests += in_turns
        nests += left_over(whole, self._moved, self.turns)
        nests += [(x.after, x.after, x.nest) for x in added]
        moved = self._pinned(rest, turns)
        zeros = self.layout.top + np.arange(sums)
        self.layout.top += -(-sums // ALIGN) * ALIGN
        free = (turns.loop < 0) & (moved.out >= first)
        loops = [nest for *_, nest in nests if isinstance(nest, Nest)]
        rows = None if self.turns else in_rows(moved, free, loops, self.layout.top)
        if rows:
            self.layout.top = rows.top
            address[address >= 0] = rows.places[address[address >= 0]]
            nests = [(start, end, reading_rows(x, rows.places)) for start, end, x in nests]
        parts: list[Part] = [copies(zeros, np.full(sums, NONE), 0.0)] if sums else []
        parts += _in_order(nests, rows.part if rows else moved, rows)
        self.parts = tuple(parts)

    def add_arrays(self, loops: Loops) -> None:
        """Add the nests of arrays, those that come after all others as parts."""
        g, layout, of = self.graph, self.layout, np.zeros(len(self.graph), np.int64)
        loops_of(g, self.groups, of, layout, loops)
        layout.top, start, count = loops.free[WORK], len(loops.all), len(self.groups)
        place_arrays(g, self._arrays.after, layout, self.pins)
        self.groups += self._arrays.after
        loops.go_on(layout.top)
        rest = replace(layout, nodes=layout.nodes[count:], space=layout.space[count:])
        loops_of(g, self.groups[count:], of, rest, loops)
        parts: list[Part] = [*loops.all[start:]]
        del loops.all[start:]
        pinned = np.flatnonzero(self.pins >= 0)
        left = pinned[layout.address[pinned] != self.pins[pinned]]
        parts += [copies(self.pins[left], layout.address[left])] if len(left) else []
        self.parts += tuple(parts)
        self.kept = [self.leaves]
        if not self._arrays.before:
            return
        every = (at for part in self.parts for at in read_by(part))
        read = marked(loops.free[WORK], *(at[at >= 0] for at in every))
        for group in self._arrays.before:
            at = np.sort(layout.address[group.nodes])
            if read[at].any():
                self.kept.append((int(at[0]), int(at[-1] - at[0]) + 1))

    def _find_turns(self) -> None:
        """Find turns, and let what they make lie in rows."""
        whole, first = self._whole, self._first
        self._moved = np.zeros(len(whole), bool)
        found = find_turns(whole, self._forms, first, self._same)
        while found:
            places = lie_in_rows(found, first, self.layout.top)
            moved = whole.at(places)
            self.turns = with_loops(found, moved, first, self._same)
            if len(self.turns) == len(found):
                address = self.layout.address
                address[address >= 0] = places[address[address >= 0]]
                self._whole, self._regions = moved, [turns.region for turns in found]
                for region in self._regions:
                    self._moved[region.start : region.end] = True
                return
            starts = [turns.start for turns in self.turns]
            regions = [turns.region for turns in found]
            found = [turns for turns, x in zip(found, regions, strict=True)
                     if any(x.start <= at < x.end for at in starts)]  # fmt: skip
        self.turns = []

    def _pinned(self, rest: Scalars, turns: TurnOf) -> Scalars:
        """The statements, with what is pinned and in no loop where it must be."""
        address = self.layout.address
        pinned = np.flatnonzero(self.pins >= 0)
        at = address[pinned] - self._first
        inside = (at >= 0) & (at < len(rest))
        pinned, at = pinned[inside], at[inside]
        free = (turns.loop[at] < 0) & ~self._moved[at]
        pinned = pinned[free]
        to = np.arange(self.layout.top)
        to[address[pinned]] = self.pins[pinned]
        address[pinned] = self.pins[pinned]
        return rest.at(to)


def _in_order(nests: list[tuple[int, int, Part]], part: Scalars, rows: InRows | None) -> list[Part]:
    """Nests, which stand for statements from one to another, and what is between them."""
    parts: list[Part] = []
    at = 0
    for start, end, nest in [*sorted(nests, key=lambda x: x[:2]), (len(part), 0, None)]:
        if start > at:
            alone = part.part(at, start)
            parts.append(rows.with_copies(alone) if rows else alone)
        if nest is not None:
            parts.append(nest)
        at = end
    return parts


def _loops(part: Scalars, signs: Signatures, base: int, same: Ids, moved: Mask) -> list[Rolled]:
    """The loops of a list of statements, in order, none of what has moved.

    Long sums are in none at first: those of what loops make are added up there.
    """
    long = (np.diff(part.first) > LONG) & ~moved
    free = ~long & ~moved
    loops = find_loops(part, signs, free, same, ragged=False, least=LEAST_STATEMENTS)
    free |= long
    turns = TurnOf.of(loops, len(part))
    if loops:
        sums = long_sums(part)
        free[added_up(part, base, loops, turns, sums[~moved[sums]])] = False
    if free.sum() > LEAST_UNEQUAL:
        loops += find_loops(part, sets(part), free, same, ragged=True)
    return sorted(loops, key=lambda loop: loop.start)


def _equal_constants(g: Graph, address: Ids, top: int) -> Ids:
    """Of every address itself, but of constants that of the first one that is equal."""
    same = np.arange(top)
    constants = np.flatnonzero(g.kind == CONSTANT)
    if len(constants):
        number, before = occurrences(g.value[constants])
        same[address[constants]] = address[constants[before < 0][number]]
    return same
