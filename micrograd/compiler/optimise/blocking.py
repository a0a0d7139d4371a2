"""Kernels over the same long axis, as that of samples, run on one block of it after the other.

What such kernels hand to each other fits in the fastest memory if only a block of it is there at a
time. What nothing else reads lies in the same rows of scratch for every block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from micrograd.compiler.nest.axes import Looped, in_block, map_accesses
from micrograd.compiler.nest.program import (
    TERM,
    Access,
    Elementwise,
    Integers,
    Kernel,
    Program,
    Repeat,
    Statement,
)
from micrograd.compiler.nest.spans import affine_reads, affine_writes, block_written, listed_reads
from micrograd.compiler.nest.touches import Touches, view
from micrograd.compiler.optimise.runs import Member, Run
from micrograd.compiler.optimise.scratch import Slots, in_slots, slots_of

FAST_BYTES = 40 * 1024  # of the fastest memory, for what a block touches
LARGE_BYTES = 128 * 1024  # that kernels must touch for blocks to pay
UNEVEN_BYTES = 2 * LARGE_BYTES  # the same, if the last block needs code of its own
LINE_BYTES = 64  # of whose multiples a row of a block consists
LEAST_LINES = 4  # of a row in a block
ALIGNED = 16  # numbers

OUTSIDE = -1


def blocked(program: Program, number_bytes: int) -> Program:
    """The same program, with kernels before the update in blocks where that pays."""
    if (len(program.work) + sum(program.sizes.values())) * number_bytes < LARGE_BYTES:
        return program
    line = LINE_BYTES // number_bytes
    rest = list(program.kernels[: program.update_from])
    refused = {n for k in rest for n in _extents(k) if n < 2 * LEAST_LINES * line}
    order: list[Kernel | Run] = []
    while (extent := _shared_extent(rest, refused)) is not None:
        before, run, after = _split(program, rest, extent)
        if _pays(run, number_bytes):
            order += [*before, run]
            rest = after
        else:
            refused.add(extent)
    if not order:
        return program
    return _assembled(program, [*order, *rest], number_bytes)


def _extents(kernel: Kernel) -> tuple[int, ...]:
    return kernel.extents if isinstance(kernel, Looped) else ()


def _shared_extent(kernels: list[Kernel], refused: set[int]) -> int | None:
    """The extent that most kernels have, of those that are long enough."""
    counts: dict[int, int] = {}
    for kernel in kernels:
        for n in set(_extents(kernel)) - refused:
            counts[n] = counts.get(n, 0) + 1
    return max(counts, key=lambda n: (counts[n], n), default=None)


def _pays(run: Run, number_bytes: int) -> bool:
    """True if blocks are worth their code."""
    if len(run.members) < 2:
        return False
    bytes_each = run.touched.numbers * number_bytes
    size = _block_size(run.extent, bytes_each, LINE_BYTES // number_bytes)
    least = UNEVEN_BYTES if run.extent % size else LARGE_BYTES
    return bytes_each * run.extent >= least


def _block_size(extent: int, bytes_each: int, line: int) -> int:
    """How much of the axis is in a block: if possible, one that all blocks can have."""
    most = max(LEAST_LINES, FAST_BYTES // bytes_each // line)
    near = [*range(most, (most - 1) // 2, -1), *range(most + 1, most + most // 4 + 1)]
    even = (k for k in near if extent % (k * line) == 0)
    return min(extent, line * next(even, most))


def _split(
    program: Program, kernels: list[Kernel], extent: int
) -> tuple[list[Kernel], Run, list[Kernel]]:
    """The kernels that may come before a run, the run, and those that have to come after it."""
    run = Run(extent)
    before: list[Kernel] = []
    after: list[Kernel] = []
    inside, later = Touches(program), Touches(program)
    for kernel in kernels:
        waits = bool(after) and later.last_before(kernel) >= 0
        member = None if waits else run.join(kernel)
        if member:
            inside.note(member.kernel, 0)
            follows: Kernel | None = member.after
        else:
            waits = waits or (bool(run.members) and inside.last_before(kernel) >= 0)
            follows = kernel if waits else None
            if not waits:
                before.append(kernel)
        if follows:
            later.note(follows, 0)
            after.append(follows)
    return before, run, after


def _assembled(program: Program, order: list[Kernel | Run], number_bytes: int) -> Program:
    """The program of these kernels and runs; scratch is added to the end of its work."""
    owners = _owners(program, order)
    kernels: list[Kernel] = []
    repeats: list[Repeat] = []
    scratch = top = -(-len(program.work) // ALIGNED) * ALIGNED
    for number, item in enumerate(order):
        if not isinstance(item, Run):
            kernels.append(item)
            continue
        slots, slot_count = slots_of(item, owners == number)
        touched = slot_count + item.touched.numbers - len(slots)
        size = _block_size(item.extent, touched * number_bytes, LINE_BYTES // number_bytes)
        top = max(top, scratch + slot_count * size)
        kernels += _fills(item)
        blocks = _Blocks(size, slots, scratch)
        first = len(kernels)
        kernels += [blocks.first(member) for member in item.members]
        count, left = divmod(item.extent, size)
        repeats.append(Repeat(first, len(kernels), count))
        if left:
            kernels += [blocks.last(member, count, left) for member in item.members]
    return replace(
        program,
        kernels=(*kernels, *program.kernels[program.update_from :]),
        update_from=len(kernels),
        repeats=tuple(repeats),
        work=np.concatenate([program.work, np.zeros(top - len(program.work))]),
    )


def _owners(program: Program, order: list[Kernel | Run]) -> Integers:
    """For each address of work, which of `order` touches it if it is a run, and alone."""
    nobody = len(order)
    owners = np.full(len(program.work), nobody)

    def note(part: Integers, number: int) -> Integers:
        return np.where((part == nobody) | (part == number), number, OUTSIDE)

    def touch(kernel: Kernel, number: int) -> None:
        extents: tuple[int, ...] = getattr(kernel, "extents", ())
        for access in affine_reads(kernel) + affine_writes(kernel):
            if access.space == "work":
                part = view(owners, access, extents)
                part[...] = note(part, number)
        for space, listed in listed_reads(kernel):
            if space == "work":
                owners[listed] = OUTSIDE
        if written := block_written(kernel):
            owners[written.low : written.high + 1] = OUTSIDE

    for number, item in enumerate(order):
        if isinstance(item, Run):
            for member in item.members:
                touch(member.kernel, number)
        else:
            touch(item, OUTSIDE)
    for kernel in program.kernels[program.update_from :]:
        touch(kernel, OUTSIDE)
    for base, length in [(program.loss, 1), *program.checked, *program.kept]:
        owners[base : base + length] = OUTSIDE
    return owners


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Blocks of that size, with slots from `scratch` on."""

    size: int
    slots: Slots
    scratch: int

    def first(self, member: Member) -> Looped:
        """The kernel on the first block; along one more axis, the blocks."""
        kernel, axis = member.kernel, member.axis

        def change(a: Access) -> Access:
            if a.space == "work" and a.base in self.slots and a.strides[axis]:
                there = in_slots(a, member, self.slots, self.size)
                base, strides = self.scratch + there.base, (0, *there.strides)
                return Access("work", base, strides)
            return replace(a, strides=(a.strides[axis] * self.size, *a.strides))

        extents = list(kernel.extents)
        extents[axis] = self.size
        return map_accesses(kernel, (1, *extents), change)

    def last(self, member: Member, number: int, size: int) -> Looped:
        """The kernel on the last block, of another size."""
        kernel = in_block(self.first(member), number)
        extents = list(kernel.extents)
        extents[member.axis] = size
        return replace(kernel, extents=tuple(extents))


def _fills(run: Run) -> list[Elementwise]:
    """What sets sums that begin at 0."""
    filled = sorted(a for a, begins in run.touched.sums.items() if begins)
    breaks = [k for k, (a, b) in enumerate(pairwise(filled), 1) if b != a + 1]
    edges = [0, *breaks, len(filled)] if filled else []
    return [
        Elementwise(
            (high - low,),
            (Statement(TERM, Access("work", filled[low], (1,)), (), coefficient=0.0),),
        )
        for low, high in pairwise(edges)
    ]
