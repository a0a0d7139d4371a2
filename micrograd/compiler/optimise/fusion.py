"""Nests merged, so that numbers stay in registers from one statement to the next.

When a nest can join an earlier one is a matter of who touches each address last. That is noted
for every address of every space, so that the time it takes grows with what the program touches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.nest.axes import along, mapped, ordered, refined
from micrograd.compiler.nest.ir import (
    TERM,
    WORK,
    Affine,
    Nest,
    Program,
    Shape,
    Statement,
    elementwise,
)
from micrograd.compiler.nest.sequence import Part, read_by
from micrograd.compiler.nest.spans import Span, Touches, latest, reads, span, view, writes
from micrograd.ops import OPS

STATEMENTS = 32  # of a nest, at most: more would not fit in the registers


def fuse(program: Program) -> Program:
    """The same program with fewer nests, which leave out stores that nothing reads."""
    return replace(program, nests=_fused(program), sequence=tuple(_fused_parts(program)))


def _fused_parts(program: Program) -> Iterator[Part]:
    """The parts of a sequence, arrays that follow each other as nests of their own."""
    parts, every = program.sequence, None
    for is_array, run in groupby(parts, _is_array):
        several = tuple(run)
        if not is_array or len(several) == 1:
            yield from several
            continue
        every = _times_read(program, parts) if every is None else every
        read = (every > _times_read(program, several)).astype(np.int8)
        read[[0, -1]] = 0
        edges = np.flatnonzero(np.diff(read)).reshape(-1, 2)
        kept = *program.kept, *((first, end - first) for first, end in edges.tolist())
        yield from _fused(replace(program, nests=several, sequence=(), kept=kept))


def _times_read(program: Program, parts: Sequence[Part]) -> Ids:
    """How often each address of work is read, from the second entry on; none is the first."""
    read = [at.ravel() + 1 for part in parts for at in read_by(part)]
    return np.bincount(np.concatenate(read), minlength=len(program.work) + 2)


def _is_array(part: Part) -> bool:
    return isinstance(part, Nest) and not part.ordered


def _fused(program: Program) -> tuple[Nest, ...]:
    fusion = _Fusion(program)
    for nest in program.nests:
        fusion.add(nest)
    fusion.move_cheap_statements()
    return fusion.nests()


@dataclass(slots=True)
class _Group:
    """Element-wise statements in one nest, which may begin with a sum."""

    extents: Shape  # of the statements
    statements: list[Statement]
    reads: list[tuple[Affine, Span]]
    writes: list[tuple[Affine, Span]]
    origin: set[int]
    sum: Nest | None = None

    def takes(self, other: _Group) -> bool:
        """True if the other may come at the end: what both touch, they touch at the same index."""
        if len(self.statements) + len(other.statements) > STATEMENTS:
            return False
        ours = (self.writes, self.writes, self.reads)
        theirs = (other.reads, other.writes, other.writes)
        return not any(map(_differ, ours, theirs))

    def add(self, other: _Group) -> None:
        self.statements += other.statements
        self.reads += other.reads
        self.writes += other.writes
        self.origin |= other.origin


class _Fusion:
    def __init__(self, program: Program) -> None:
        self._done: list[_Group | Nest] = []
        self._by_extents: dict[Shape, int] = {}  # the last of `done` with these
        self._touches = Touches(program)
        self._needed = program.needed

    def nests(self) -> tuple[Nest, ...]:
        """The nests, in order."""
        nests: list[Nest] = []
        for place, entry in enumerate(self._done):
            if not isinstance(entry, _Group):
                nests.append(entry)
            elif entry.sum or entry.statements:
                nests.append(self._nest(place, entry))
        return tuple(nests)

    def add(self, nest: Nest) -> None:
        """Let a nest join an earlier one, or follow them all."""
        place = len(self._done)
        if not nest.is_plain or nest.reduce == "max":
            self._done.append(nest)
        elif nest.reduce:
            self._add_sum(ordered(nest))
        else:
            place = self._add_statements(ordered(nest))
        self._touches.note(nest, place)

    def _add_statements(self, nest: Nest) -> int:
        """Join the nest that this depends on, or one that it has nothing to do with."""
        place = len(self._done)
        latest = self._touches.last_before(nest)
        for candidate in (latest, self._by_extents.get(nest.extents, -1)):
            if candidate < max(latest, 0):
                continue
            earlier = self._done[candidate]
            if not isinstance(earlier, _Group) or (earlier.sum and candidate > latest):
                continue
            same = refined(nest, earlier.extents)
            if same and earlier.takes(group := _grouped(same)):
                earlier.add(group)
                return candidate
        self._done.append(_grouped(nest))
        self._by_extents[nest.extents] = place
        return place

    def _add_sum(self, nest: Nest) -> None:
        """A new nest; what only fills the place of its result is added after it instead."""
        term = nest.first
        extents, out = tuple(nest.extents[i] for i in nest.result), along(term.out, nest.result)
        filled = self._take_filling(out, extents) if term.accumulate else None
        if filled:
            nest = replace(nest, body=(replace(term, accumulate=False), *nest.body[1:]))
        written = (out, span(out, extents))
        read = [(x, span(x, nest.extents)) for x in term.inputs]
        if nest.first.accumulate:
            read.append(written)
        group = _Group(extents, [], read, [written], set(nest.origin), nest)
        if filled:
            statement, origin = filled
            added = elementwise(extents, replace(statement, accumulate=True))
            group.add(_grouped(replace(added, origin=origin)))
            self._touches.note(added, len(self._done))  # its operand is read here now
        self._done.append(group)

    def _take_filling(self, out: Affine, extents: Shape) -> tuple[Statement, frozenset[int]] | None:
        """Remove the statement that writes what this is added to, if nothing else reads that."""
        place = latest(self._touches.written, out, extents)
        entry = self._done[place] if place >= 0 else None
        if not isinstance(entry, _Group) or entry.sum:
            return None
        if latest(self._touches.read, out, extents) >= place or entry.extents != extents:
            return None
        found = [s for s in entry.statements if s.out == out]
        if len(found) != 1 or found[0].row != TERM or found[0].accumulate:
            return None
        inputs = [(a, span(a, extents)) for a in found[0].inputs]
        if any(latest(self._touches.written, a, extents) >= place for a, _ in inputs):
            return None
        entry.statements.remove(found[0])
        return found[0], frozenset(entry.origin)

    def move_cheap_statements(self) -> None:
        """Work out again, where it is read, what is read in one nest only and costs no load."""
        moved: set[Affine] = set()
        for place, entry in enumerate(self._done):
            if not isinstance(entry, _Group):
                continue
            for s in list(entry.statements):
                reader = self._only_reader(s, entry.extents, place)
                if reader and moved.isdisjoint(s.inputs) and _is_final(s, entry.statements):
                    entry.statements.remove(s)
                    reader.statements.insert(0, s)
                    reader.origin |= entry.origin
                    moved.add(s.out)

    def _only_reader(self, s: Statement, extents: Shape, place: int) -> _Group | None:
        """The one later group that reads a statement's result, if that can be moved there."""
        touches = self._touches
        if s.row == TERM or not OPS[s.row].is_cheap or not self._is_only_read(s.out, extents):
            return None
        last = latest(touches.read, s.out, extents)
        first = int(view(touches.first_read[s.out.space], s.out, extents).min())
        if first != last or last <= place:
            return None
        varying = {a for a in s.inputs if any(a.strides)}
        rewritten = any(latest(touches.written, a, extents) > place for a in s.inputs)
        if rewritten or len(varying) > 1 or latest(touches.written, s.out, extents) != place:
            return None
        reader = self._done[last]
        if not isinstance(reader, _Group) or reader.extents != extents:
            return None
        made = span(s.out, extents)
        if any(a != s.out and touched.meets(made) for a, touched in reader.reads):
            return None
        return reader if all(self._is_stored(a, extents, place) for a in s.inputs) else None

    def _is_only_read(self, x: Affine, extents: Shape) -> bool:
        """True if nothing but nests of this program reads what is there."""
        return x.space is WORK and not view(self._needed, x, extents).any()

    def _is_stored(self, x: Affine, extents: Shape, place: int) -> bool:
        """True if what is there at that place is in memory in any case."""
        if latest(self._touches.written, x, extents) < place:
            return True
        return self._is_needed(x, extents, place)

    def _nest(self, place: int, group: _Group) -> Nest:
        body = tuple(
            s if self._is_needed(s.out, group.extents, place) else replace(s, kept=False)
            for s in group.statements
        )
        nest = Nest(group.extents, body, origin=frozenset(group.origin))
        if group.sum is None:
            return nest
        axes, extents = group.sum.result, group.sum.extents
        after = mapped(nest, extents, lambda x: _spread(x, axes, len(extents)))
        kept = self._is_needed(group.writes[0][0], group.extents, place)
        first = replace(group.sum.first, kept=kept)
        return replace(after, body=(first, *after.body), reduce="add")

    def _is_needed(self, x: Affine, extents: Shape, place: int) -> bool:
        """True if a later nest, or what comes after a run, reads what is written there."""
        if x.space is not WORK or latest(self._touches.read, x, extents) > place:
            return True
        return bool(view(self._needed, x, extents).any())


def _differ(ours: list[tuple[Affine, Span]], theirs: list[tuple[Affine, Span]]) -> bool:
    """Whether an address is in two operands that are not the same."""
    for a, one in ours:
        space, low, high = one.space, one.low, one.high
        for b, two in theirs:
            near = two.space is space and two.low <= high and two.high >= low
            if near and a != b and one.meets(two):
                return True
    return False


def _is_final(s: Statement, statements: list[Statement]) -> bool:
    """True if neither the result nor an input is written by another statement, or later."""
    after = {later.out for later in statements[statements.index(s) + 1 :]}
    return after.isdisjoint(s.inputs) and [x.out for x in statements].count(s.out) == 1


def _grouped(nest: Nest) -> _Group:
    read = [(x, span(x, nest.extents)) for x in dict.fromkeys(reads(nest))]
    written = [(x, span(x, nest.extents)) for x in dict.fromkeys(writes(nest))]
    return _Group(nest.extents, list(nest.body), read, written, set(nest.origin))


def _spread(x: Affine, axes: list[int], count: int) -> Affine:
    """The operand over so many axes, with stride 0 along those that are not among its own."""
    strides = [0] * count
    for i, stride in zip(axes, x.strides, strict=True):
        strides[i] = stride
    return Affine(x.space, x.base, tuple(strides))
