"""Where the rows of a run lie while a block of it runs: in slots, used again when they are free."""

from __future__ import annotations

import numpy as np

from micrograd.compiler.nest.ir import WORK, Affine
from micrograd.compiler.nest.spans import reads, writes
from micrograd.compiler.optimise.runs import Member, NestRun, addresses

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
