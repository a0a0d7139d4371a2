"""Nests over the same long axis, as that of samples, run on one block of it after the other.

What such nests hand to each other fits in the fastest memory if only a block of it is there at a
time. What nothing else reads lies in the same rows of scratch for every block, in slots that are
used again when they are free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from micrograd.compiler.nest.axes import in_block, mapped
from micrograd.compiler.nest.ir import WORK, Affine, Integers, Nest, Program, Repeat, Shares, filled
from micrograd.compiler.nest.spans import Touches, listed, reads, view, writes
from micrograd.compiler.optimise.runs import (
    LEAST_LINES,
    LINE_BYTES,
    Member,
    NestRun,
    Split,
    addresses,
    aligned,
    block_size,
)

Slots = dict[int, int]  # by where a row of work begins

RowUse = tuple[int, Member, Affine, list[int]]  # by which member of a run, and of which rows


def slots_of(run: NestRun, own: np.ndarray) -> tuple[Slots, int]:
    """The slots of the rows that nothing else touches, and how many slots there are.

    `own` tells of each address of work whether only this run touches it.
    """
    rows = {r for r, fresh in run.touched.fresh.items() if fresh and own[r : r + run.extent].all()}
    uses = _uses(run)
    while True:
        slots, count = _allotted(uses, rows)
        torn = {row for use in uses for row in _torn(use, slots)}
        if not torn:
            return slots, count
        rows -= torn


def _uses(run: NestRun) -> list[RowUse]:
    uses: list[RowUse] = []
    for place, member in enumerate(run.members):
        for x in dict.fromkeys(reads(member.nest) + writes(member.nest)):
            if x.space is WORK and x.strides[member.axis]:
                starts = addresses(x, member.nest.extents, member.axis)
                if starts is not None:
                    uses.append((place, member, x, starts))
    return uses


def _allotted(uses: list[RowUse], rows: set[int]) -> tuple[Slots, int]:
    """Neighbouring slots for rows of one operand, the lowest that are free from first to last."""
    group_of: dict[int, list[int]] = {}
    times: dict[int, list[int]] = {row: [] for row in rows}
    for place, _, _, starts in uses:
        joined: list[int] = []
        for row in rows.intersection(starts):
            times[row].append(place)
            if row not in joined:
                joined += group_of.get(row, [row])
        for row in joined:
            group_of[row] = joined
    groups = {id(group): sorted(group) for group in group_of.values()}
    lives = [
        (min(t for row in group for t in times[row]), max(t for row in group for t in times[row]))
        for group in groups.values()
    ]
    slots: Slots = {}
    taken: list[tuple[int, int, int]] = []  # first slot, the one after the last, until when
    for (first, last), group in sorted(zip(lives, groups.values(), strict=True)):
        slot = 0
        for low, high, until in sorted(taken):
            if until >= first and low < slot + len(group) and slot < high:
                slot = high
        taken.append((slot, slot + len(group), last))
        slots.update((row, slot + k) for k, row in enumerate(group))
    return slots, max((high for _, high, _ in taken), default=0)


def _torn(use: RowUse, slots: Slots) -> set[int]:
    """The rows of an operand that have slots, if not all have, or these are at uneven distances."""
    _, member, x, starts = use
    own = slots.keys() & set(starts)
    if len(own) == len(set(starts)):
        there = addresses(in_slots(x, member, slots, 1), member.nest.extents, member.axis)
        if there == [slots[row] for row in starts]:
            return set()
    return own


def in_slots(x: Affine, member: Member, slots: Slots, length: int) -> Affine:
    """The operand in slots of that length; how far these are from each other tells the strides."""
    first = slots[x.base]
    axes = enumerate(zip(member.nest.extents, x.strides, strict=True))
    strides = tuple(
        (slots[x.base + s] - first) * length if i != member.axis and s and n > 1 else s
        for i, (n, s) in axes
    )
    return x._replace(base=first * length, strides=strides)


LARGE_BYTES = 128 * 1024  # that nests must touch for blocks to pay
UNEVEN_BYTES = 2 * LARGE_BYTES  # the same, if the last block needs code of its own

OUTSIDE = -1


def blocked(program: Program, number_bytes: int, threads: int = 1) -> Program:
    """The same program, with nests in blocks where that pays.

    With several threads each has a share of the blocks where there is enough to do: sums of its
    own, which are added up in order, so that the result depends on nothing but their number.
    """
    if (len(program.work) + sum(program.sizes.values())) * number_bytes < LARGE_BYTES:
        return program
    line = LINE_BYTES // number_bytes
    rest = list(program.nests)
    refused = {n for k in rest for n in k.extents if n < 2 * LEAST_LINES * line}
    order: list[Nest | NestRun] = []
    while (extent := _shared_extent(rest, refused)) is not None:
        if not _may_pay(rest, extent, number_bytes):
            refused.add(extent)
            continue
        before, run, after = _split(program, rest, extent)
        if _pays(run, number_bytes):
            order += [*before, run]
            rest = after
        else:
            refused.add(extent)
    if not order:
        return program
    return _assembled(program, [*order, *rest], number_bytes, threads)


def _shared_extent(nests: list[Nest], refused: set[int]) -> int | None:
    """The extent that most nests have, of those that are long enough."""
    counts: dict[int, int] = {}
    for nest in nests:
        for n in set(nest.extents if nest.is_plain else ()) - refused:
            counts[n] = counts.get(n, 0) + 1
    return max(counts, key=lambda n: (counts[n], n), default=None)


def _may_pay(nests: list[Nest], extent: int, number_bytes: int) -> bool:
    """False if all nests with an axis of this extent together touch too little for blocks."""
    own = [nest for nest in nests if nest.is_plain and extent in nest.extents]
    numbers = sum(
        math.prod(n for n, s in zip(nest.extents, x.strides, strict=True) if s)
        for nest in own
        for x in {*reads(nest), *writes(nest)}
    )
    return len(own) > 1 and numbers * number_bytes >= LARGE_BYTES


def _pays(run: NestRun, number_bytes: int) -> bool:
    """True if blocks are worth their code."""
    if len(run.members) < 2:
        return False
    bytes_each = run.touched.numbers * number_bytes
    size = block_size(run.extent, bytes_each, LINE_BYTES // number_bytes)
    least = UNEVEN_BYTES if run.extent % size else LARGE_BYTES
    return bytes_each * run.extent >= least


def _split(
    program: Program, nests: list[Nest], extent: int
) -> tuple[list[Nest], NestRun, list[Nest]]:
    """The nests that may come before a run, the run, and those that have to come after it."""
    run = NestRun(extent)
    before: list[Nest] = []
    after: list[Nest] = []
    inside, later = Touches(program), Touches(program)
    for nest in nests:
        waits = bool(after) and later.last_before(nest) >= 0
        member = None if waits else run.join(nest)
        if member:
            inside.note(member.nest, 0)
            follows: Nest | None = member.after
        else:
            waits = waits or (bool(run.members) and inside.last_before(nest) >= 0)
            follows = nest if waits else None
            if not waits:
                before.append(nest)
        if follows:
            later.note(follows, 0)
            after.append(follows)
    return before, run, after


def _assembled(
    program: Program, order: list[Nest | NestRun], number_bytes: int, threads: int
) -> Program:
    """The program of these nests and runs; scratch is added to the end of its work."""
    owners = _owners(program, order)
    nests: list[Nest] = []
    repeats: list[Repeat] = []
    shares: list[Shares] = []
    scratch = top = aligned(len(program.work))
    for number, item in enumerate(order):
        if not isinstance(item, NestRun):
            nests.append(item)
            continue
        slots, slot_count = slots_of(item, owners == number)
        touched = slot_count + item.touched.numbers - len(slots)
        split = Split.of(item, threads, scratch)
        size = split.block_size(touched * number_bytes, LINE_BYTES // number_bytes)
        rows = aligned(slot_count * size)
        top = max(top, split.end + rows * split.count)
        nests += [*_fills(item), *split.fills()]
        ranges = []
        for share, (start, count, left) in enumerate(split.blocks(size)):
            blocks = _Blocks(size, slots, split.end + share * rows)
            begin = len(nests)
            if count:
                nests += [split.moved(blocks.first(m), m, share, start) for m in item.members]
                repeats.append(Repeat(begin, len(nests), count))
            if left:
                nests += [
                    split.own_sums(blocks.last(m, start + count, left), m, share)
                    for m in item.members
                ]
            ranges.append((begin, len(nests)))
        if split.count > 1:
            shares.append(Shares(tuple(ranges)))
            nests += split.added_up()
    return replace(
        program,
        nests=tuple(nests),
        repeats=tuple(repeats),
        shares=tuple(shares),
        work=np.concatenate([program.work, np.zeros(top - len(program.work))]),
    )


def _owners(program: Program, order: list[Nest | NestRun]) -> Integers:
    """For each address of work, which of `order` touches it if it is a run, and alone."""
    nobody = len(order)
    owners = np.full(len(program.work), nobody)

    def note(part: Integers, number: int) -> Integers:
        return np.where((part == nobody) | (part == number), number, OUTSIDE)

    def touch(nest: Nest, number: int) -> None:
        for x in reads(nest) + writes(nest):
            if x.space is WORK:
                part = view(owners, x, nest.extents)
                part[...] = note(part, number)
        for operand in listed(nest):
            if operand.space is WORK:
                owners[operand.index] = OUTSIDE

    for number, item in enumerate(order):
        if isinstance(item, NestRun):
            for member in item.members:
                touch(member.nest, number)
        else:
            touch(item, OUTSIDE)
    for base, length in program.read_after:
        owners[base : base + length] = OUTSIDE
    return owners


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Blocks of that size, with slots from `scratch` on."""

    size: int
    slots: Slots
    scratch: int

    def first(self, member: Member) -> Nest:
        """The nest on the first block; along one more axis, the blocks."""
        nest, axis = member.nest, member.axis

        def change(x: Affine) -> Affine:
            if x.space is WORK and x.base in self.slots and x.strides[axis]:
                there = in_slots(x, member, self.slots, self.size)
                return Affine(WORK, self.scratch + there.base, (0, *there.strides))
            return x._replace(strides=(x.strides[axis] * self.size, *x.strides))

        extents = list(nest.extents)
        extents[axis] = self.size
        return mapped(nest, (1, *extents), change)

    def last(self, member: Member, number: int, size: int) -> Nest:
        """The nest on the last block, of another size."""
        nest = in_block(self.first(member), number)
        extents = list(nest.extents)
        extents[member.axis] = size
        return replace(nest, extents=tuple(extents))


def _fills(run: NestRun) -> list[Nest]:
    """What sets sums that begin at 0."""
    sums = sorted(a for a, begins in run.touched.sums.items() if begins)
    breaks = [k for k, (a, b) in enumerate(pairwise(sums), 1) if b != a + 1]
    edges = [0, *breaks, len(sums)] if sums else []
    return [filled(sums[low], high - low) for low, high in pairwise(edges)]
