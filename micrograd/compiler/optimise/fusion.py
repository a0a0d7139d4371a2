"""Kernels merged, so that numbers stay in registers from one statement to the next.

When a kernel can join an earlier one is a matter of who touches each address last. That is noted
for every address of every space, so that the time it takes grows with what the program touches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from micrograd.compiler.nest.axes import as_statement, map_accesses, ordered, reduces, refined
from micrograd.compiler.nest.program import (
    TERM,
    Access,
    Contraction,
    Elementwise,
    Kernel,
    Program,
    Statement,
)
from micrograd.compiler.nest.spans import (
    Span,
    affine_reads,
    affine_writes,
    span,
)
from micrograd.compiler.nest.touches import Touches, latest, view
from micrograd.ops import OPS

STATEMENTS = 32  # of a kernel, at most: more would not fit in the registers

FEW = 16  # numbers of a kernel that is done as early as it can be: others wait for it


def fuse(program: Program) -> Program:
    """The same program with fewer kernels, which leave out stores that nothing reads."""
    fusion = _Fusion(program)
    for kernel in _small_ones_early(program, program.kernels[: program.update_from]):
        fusion.add(kernel)
    fusion.end_phase()
    for kernel in _small_ones_early(program, program.kernels[program.update_from :]):
        fusion.add(kernel)
    fusion.move_cheap_statements()
    before, after = fusion.kernels()
    return replace(program, kernels=before + after, update_from=len(before))


def _small_ones_early(program: Program, kernels: tuple[Kernel, ...]) -> list[Kernel]:
    """The kernels, those of a few numbers right after what they depend on."""
    touches = Touches(program)
    places = []
    for place, kernel in enumerate(kernels):
        if isinstance(kernel, Elementwise) and math.prod(kernel.extents) <= FEW:
            place = touches.last_before(kernel)
        touches.note(kernel, place)
        places.append(place)
    return [kernels[i] for i in np.argsort(places, kind="stable")]


@dataclass(slots=True)
class _Group:
    """Element-wise statements in one kernel, which may begin with a contraction."""

    extents: tuple[int, ...]  # of the statements
    statements: list[Statement]
    reads: list[tuple[Access, Span]]
    writes: list[tuple[Access, Span]]
    contraction: Contraction | None = None
    axes: tuple[int, ...] = ()  # of the contraction, those of the result

    def takes(self, other: _Group) -> bool:
        """True if the other may come at the end: what both touch, they touch at the same index."""
        if len(self.statements) + len(other.statements) > STATEMENTS:
            return False
        ours = (self.writes, self.writes, self.reads)
        theirs = (other.reads, other.writes, other.writes)
        return not any(
            a != b and one.meets(two)
            for first, second in zip(ours, theirs, strict=True)
            for a, one in first
            for b, two in second
        )

    def add(self, other: _Group) -> None:
        self.statements += other.statements
        self.reads += other.reads
        self.writes += other.writes


class _Fusion:
    def __init__(self, program: Program) -> None:
        self._done: list[_Group | Kernel] = []
        self._phase = 0  # the first of `done` that may still grow
        self._by_extents: dict[tuple[int, ...], int] = {}  # the last of `done` with these
        self._touches = Touches(program)
        self._needed = np.zeros(len(program.work), bool)
        for base, length in [(program.loss, 1), *program.checked, *program.kept]:
            self._needed[base : base + length] = True

    def end_phase(self) -> None:
        """Let nothing that follows join what there is."""
        self._by_extents.clear()
        self._phase = len(self._done)

    def kernels(self) -> tuple[tuple[Kernel, ...], tuple[Kernel, ...]]:
        """The kernels of the two phases, in order."""
        phases: tuple[list[Kernel], list[Kernel]] = ([], [])
        for place, entry in enumerate(self._done):
            if not isinstance(entry, _Group):
                phases[place >= self._phase].append(entry)
            elif entry.contraction or entry.statements:
                phases[place >= self._phase].append(self._kernel(place, entry))
        return tuple(phases[0]), tuple(phases[1])

    def add(self, kernel: Kernel) -> None:
        """Let a kernel join an earlier one, or follow them all."""
        if isinstance(kernel, Contraction) and not reduces(kernel):
            kernel = as_statement(kernel)
        place = len(self._done)
        if isinstance(kernel, Elementwise):
            place = self._add_statements(ordered(kernel))
        elif isinstance(kernel, Contraction):
            self._add_contraction(ordered(kernel))
        else:
            self._done.append(kernel)
        self._touches.note(kernel, place)

    def _add_statements(self, kernel: Elementwise) -> int:
        """Join the kernel that this depends on, or one that it has nothing to do with."""
        place = len(self._done)
        latest = self._touches.last_before(kernel)
        for candidate in (latest, self._by_extents.get(kernel.extents, -1)):
            if candidate < max(latest, self._phase):
                continue
            earlier = self._done[candidate]
            alone = isinstance(earlier, _Group) and earlier.contraction and candidate > latest
            if not isinstance(earlier, _Group) or alone:
                continue
            same = refined(kernel, earlier.extents)
            if same and earlier.takes(group := _grouped(same)):
                earlier.add(group)
                return candidate
        self._done.append(_grouped(kernel))
        self._by_extents[kernel.extents] = place
        return place

    def _add_contraction(self, kernel: Contraction) -> None:
        """A new kernel; what only fills the place of its result is added after it instead."""
        axes = tuple(i for i, stride in enumerate(kernel.out.strides) if stride)
        extents = tuple(kernel.extents[i] for i in axes)
        out = _along(kernel.out, axes)
        filled = self._take_filling(kernel, out, extents) if kernel.accumulate else None
        if filled:
            kernel = replace(kernel, accumulate=False)
        group = _Group(extents, [], [], [(out, span(out, extents))], kernel, axes)
        group.reads += [(a, span(a, kernel.extents)) for a in affine_reads(kernel)]
        if kernel.accumulate:
            group.reads[-1] = group.writes[0]
        if filled:
            group.add(_grouped(Elementwise(extents, (replace(filled, accumulate=True),))))
        self._done.append(group)

    def _take_filling(
        self, kernel: Contraction, out: Access, extents: tuple[int, ...]
    ) -> Statement | None:
        """Remove the statement that writes what this is added to, if nothing else reads that."""
        place = latest(self._touches.written, out, extents)
        entry = self._done[place] if place >= self._phase else None
        if not isinstance(entry, _Group) or entry.contraction:
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
        return found[0]

    def move_cheap_statements(self) -> None:
        """Work out again, where it is read, what is read in one kernel only and costs no load."""
        moved: set[Access] = set()
        for place, entry in enumerate(self._done):
            if not isinstance(entry, _Group):
                continue
            for s in list(entry.statements):
                reader = self._only_reader(s, entry.extents, place)
                if reader and moved.isdisjoint(s.inputs) and _is_final(s, entry.statements):
                    entry.statements.remove(s)
                    reader.statements.insert(0, s)
                    moved.add(s.out)

    def _only_reader(self, s: Statement, extents: tuple[int, ...], place: int) -> _Group | None:
        """The one later group that reads a statement's result, if that can be moved there."""
        touches = self._touches
        if s.row == TERM or not OPS[s.row].exact or not self._is_only_read(s.out, extents):
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

    def _is_only_read(self, access: Access, extents: tuple[int, ...]) -> bool:
        """True if nothing but kernels of this program reads what is there."""
        return access.space == "work" and not view(self._needed, access, extents).any()

    def _is_stored(self, access: Access, extents: tuple[int, ...], place: int) -> bool:
        """True if what is there at that place is in memory in any case."""
        if latest(self._touches.written, access, extents) < place:
            return True
        return self._is_needed(access, extents, place)

    def _kernel(self, place: int, group: _Group) -> Kernel:
        statements = tuple(
            s if self._is_needed(s.out, group.extents, place) else replace(s, kept=False)
            for s in group.statements
        )
        kernel = group.contraction
        if kernel is None:
            return Elementwise(group.extents, statements)
        spread = map_accesses(
            Elementwise(group.extents, statements),
            kernel.extents,
            lambda a: _spread(a, group.axes, len(kernel.extents)),
        )
        kept = self._is_needed(group.writes[0][0], group.extents, place)
        return replace(kernel, after=spread.statements, kept=kept)

    def _is_needed(self, access: Access, extents: tuple[int, ...], place: int) -> bool:
        """True if a later kernel, or what comes after a run, reads what is written there."""
        if access.space != "work" or latest(self._touches.read, access, extents) > place:
            return True
        return bool(view(self._needed, access, extents).any())


def _is_final(s: Statement, statements: list[Statement]) -> bool:
    """True if neither the result nor an input is written by another statement, or later."""
    after = {later.out for later in statements[statements.index(s) + 1 :]}
    return after.isdisjoint(s.inputs) and [x.out for x in statements].count(s.out) == 1


def _grouped(kernel: Elementwise) -> _Group:
    reads = [(a, span(a, kernel.extents)) for a in dict.fromkeys(affine_reads(kernel))]
    writes = [(a, span(a, kernel.extents)) for a in dict.fromkeys(affine_writes(kernel))]
    return _Group(kernel.extents, list(kernel.statements), reads, writes)


def _along(access: Access, axes: tuple[int, ...]) -> Access:
    return Access(access.space, access.base, tuple(access.strides[i] for i in axes))


def _spread(access: Access, axes: tuple[int, ...], count: int) -> Access:
    """The inverse of `_along`, with stride 0 along the other axes."""
    strides = [0] * count
    for i, stride in zip(axes, access.strides, strict=True):
        strides[i] = stride
    return Access(access.space, access.base, tuple(strides))
