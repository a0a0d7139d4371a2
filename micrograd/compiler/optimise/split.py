"""A run in shares, which may be worked out at the same time: each has sums of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from micrograd.compiler.nest.axes import mapped
from micrograd.compiler.nest.ir import TERM, WORK, Affine, Nest, Statement, elementwise, filled
from micrograd.compiler.nest.spans import span
from micrograd.compiler.optimise.runs import Member, NestRun

FAST_BYTES = 40 * 1024  # of the fastest memory, for what a block touches
LINE_BYTES = 64  # of whose multiples a row of a block consists
LEAST_LINES = 4  # of a row in a block
WORTH = 4_000_000  # statements that are run in all, from which several threads pay
LEAST_SHARE = 500_000  # statements of a share, if a thread has several
SHARES = 4  # of a thread
ADDED = 64  # statements, at least, for each sum of a share
ALIGNED = 16  # numbers


def block_size(extent: int, bytes_each: int, line: int) -> int:
    """How much of the axis is in a block: if possible, one that all blocks can have."""
    most = max(LEAST_LINES, FAST_BYTES // bytes_each // line)
    near = [*range(most, (most - 1) // 2, -1), *range(most + 1, most + most // 4 + 1)]
    even = (k for k in near if extent % (k * line) == 0)
    return min(extent, line * next(even, most))


@dataclass(frozen=True, slots=True)
class Split:
    """How many shares there are, and where the sums of each but the first are kept.

    `sums` are ranges of work that the run adds to: from, up to. The sums of a share lie one after
    the other, `room` numbers, those of the second share from `start` on.
    """

    extent: int
    count: int
    sums: tuple[tuple[int, int], ...]
    start: int
    room: int

    @staticmethod
    def of(run: NestRun, threads: int, start: int) -> Split:
        """Shares for that many threads, if there is enough to do for them."""
        work = sum(math.prod(m.nest.extents) * len(m.nest.body) for m in run.members)
        if threads == 1 or work < WORTH:
            return Split(run.extent, 1, (), start, 0)
        ranges: list[tuple[int, int]] = []
        for m in run.members:
            if is_sum(m):
                covered = span(m.nest.first.out, m.nest.extents)
                ranges.append((covered.low, covered.high + 1))
        sums = _joined(ranges)
        room = sum(-(-(b - a) // ALIGNED) * ALIGNED for a, b in sums)
        # More shares than threads, as long as sums cost little: not all processors are as quick.
        most = min(SHARES, work // (threads * LEAST_SHARE), work // (threads * ADDED * (room + 1)))
        return Split(run.extent, threads * max(most, 1), sums, start, room)

    @property
    def end(self) -> int:
        """Where the sums of all shares end."""
        return self.start + (self.count - 1) * self.room

    def block_size(self, bytes_each: int, line: int) -> int:
        """The size of a block, such that all shares have about as many."""
        size = block_size(self.extent, bytes_each, line)
        if self.count == 1:
            return size
        each = -(-self.extent // (self.count * size))  # blocks of a share
        return max(line, -(-self.extent // (self.count * each * line)) * line)

    def blocks(self, size: int) -> Iterator[tuple[int, int, int]]:
        """Of each share its first block, how many it has, and what is left after them."""
        whole, left = divmod(self.extent, size)
        for share in range(self.count):
            first, after = whole * share // self.count, whole * (share + 1) // self.count
            yield first, after - first, left if share == self.count - 1 else 0

    def moved(self, nest: Nest, member: Member, share: int, start: int) -> Nest:
        """The nest of a repeat, for a share whose first block is that one."""
        shifted = mapped(
            nest, nest.extents, lambda x: x._replace(base=x.base + start * x.strides[0])
        )
        return self.own_sums(shifted, member, share)

    def own_sums(self, nest: Nest, member: Member, share: int) -> Nest:
        """The nest, which adds to the sums of the share in place of those of the run."""
        if not share or not is_sum(member):
            return nest
        out = nest.first.out
        for (a, b), there in zip(self.sums, self._places(share), strict=True):
            if a <= out.base < b:
                own = out._replace(base=out.base + there - a)
                return replace(nest, body=(replace(nest.first, out=own),))
        raise AssertionError(f"a sum that no share has: {nest}")

    def _places(self, share: int) -> list[int]:
        """Where the sums of a share are."""
        places, at = [], self.start + (share - 1) * self.room
        for a, b in self.sums:
            places.append(at)
            at += -(-(b - a) // ALIGNED) * ALIGNED
        return places

    def fills(self) -> list[Nest]:
        """What sets the sums of all shares but the first to 0."""
        size = self.end - self.start
        return [filled(self.start, size)] if size else []

    def added_up(self) -> list[Nest]:
        """What adds the sums of all shares to those of the first, in order."""
        found = []
        for k, (a, b) in enumerate(self.sums):
            out = Affine(WORK, a, (1,))
            parts = [Affine(WORK, self._places(share)[k], (1,)) for share in range(1, self.count)]
            adds = [Statement(TERM, out, (x,), accumulate=True) for x in parts]
            found.append(elementwise((b - a,), *adds))
        return found


def is_sum(member: Member) -> bool:
    """Whether the nest adds up along the axis of the run."""
    nest = member.nest
    return nest.reduce == "add" and not nest.first.out.strides[member.axis]


def _joined(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The ranges, with those that meet made one."""
    joined: list[tuple[int, int]] = []
    for a, b in sorted(ranges):
        if joined and a < joined[-1][1]:
            joined[-1] = joined[-1][0], max(b, joined[-1][1])
        else:
            joined.append((a, b))
    return tuple(joined)
