"""Which nests may run together on one block of a shared axis after the other.

A row is what an operand reaches along the axis, a number for each index. The numbers of work that
the nests of a run touch lie in rows, which do not overlap, or are the same at all indices: those
are only read, or they are sums over the axis, which nothing in the run reads. A run may be in
shares, which are worked out at the same time: each has sums of its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from micrograd.compiler.nest.axes import along, mapped
from micrograd.compiler.nest.ir import (
    TERM,
    WORK,
    Affine,
    Nest,
    Shape,
    Space,
    Statement,
    elementwise,
    filled,
)
from micrograd.compiler.nest.spans import span

MOST = 4096  # numbers of an operand at one index


@dataclass(frozen=True, slots=True)
class Member:
    """A nest of a run, its axis, and the statements that wait for the end of the run."""

    nest: Nest
    axis: int
    after: Nest | None


class NestRun:
    """Nests with an axis of this extent, and what they touch."""

    def __init__(self, extent: int) -> None:
        self.extent = extent
        self.members: list[Member] = []
        self.touched = _Touched(extent, {}, {}, {}, {}, set())

    def join(self, nest: Nest) -> Member | None:
        """The nest as a member, if it can be one."""
        if not nest.is_plain:
            return None
        for axis, n in enumerate(nest.extents):
            if n != self.extent:
                continue
            touched = self.touched.copy()
            if all(touched.take(*use) for use in _uses(nest, axis)):
                self.touched = touched
                self.members.append(_member(nest, axis))
                return self.members[-1]
        return None


@dataclass(slots=True)
class _Touched:
    """What a run touches: at most one row begins within each multiple of the extent."""

    extent: int
    rows: dict[int, int]  # of work, by the multiple of the extent in which they begin
    fresh: dict[int, bool]  # by where rows begin: whether they are written before they are read
    fixed: dict[int, set[int]]  # addresses, by the multiple of the extent in which they are
    sums: dict[int, bool]  # by address: whether the sum begins at 0
    given: set[tuple[Space, int]]  # rows of other spaces

    def copy(self) -> _Touched:
        """The same, to be changed."""
        fixed = {k: set(v) for k, v in self.fixed.items()}
        rows, fresh, sums = dict(self.rows), dict(self.fresh), dict(self.sums)
        return _Touched(self.extent, rows, fresh, fixed, sums, set(self.given))

    @property
    def numbers(self) -> int:
        """How many numbers are touched at each index."""
        return len(self.fresh) + len(self.given)

    def take(self, kind: str, x: Affine, extents: Shape, axis: int) -> bool:
        """Note a use of an operand; False if it cannot be in the run."""
        stride = x.strides[axis]
        starts = addresses(x, extents, axis)
        if starts is None:
            return False
        if x.space is not WORK:
            if stride:
                self.given.update((x.space, a) for a in starts)
            return kind == "read"
        if stride == 1:
            return all(self._take_row(a, kind != "write") for a in starts)
        if stride == 0 and kind == "read":
            return all(self._take_fixed(a) for a in starts)
        if stride == 0 and kind in ("sum", "add"):
            return all(self._take_sum(a, kind == "add") for a in starts)
        return False

    def _take_row(self, start: int, read: bool) -> bool:
        if start in self.fresh:
            return True
        n, place = self.extent, start // self.extent
        for near in (place - 1, place, place + 1):
            if near in self.rows and abs(self.rows[near] - start) < n:
                return False
            if any(start <= a < start + n for a in self.fixed.get(near, ())):
                return False
        self.rows[place] = start
        self.fresh[start] = not read
        return True

    def _take_fixed(self, address: int) -> bool:
        if address in self.sums or self._is_in_row(address):
            return False
        self.fixed.setdefault(address // self.extent, set()).add(address)
        return True

    def _take_sum(self, address: int, added: bool) -> bool:
        if address in self.sums:
            return added
        if address in self.fixed.get(address // self.extent, ()) or self._is_in_row(address):
            return False
        self.sums[address] = not added
        self.fixed.setdefault(address // self.extent, set()).add(address)
        return True

    def _is_in_row(self, address: int) -> bool:
        place = address // self.extent
        rows = (self.rows.get(near) for near in (place - 1, place))
        return any(start is not None and start <= address < start + self.extent for start in rows)


def addresses(x: Affine, extents: Shape, axis: int) -> list[int] | None:
    """The addresses at index 0 of the axis, each once for the others' indices; None if many."""
    steps = [
        range(0, n * stride, stride) if stride else (0,)
        for i, (n, stride) in enumerate(zip(extents, x.strides, strict=True))
        if i != axis
    ]
    count = 1
    for step in steps:
        count *= len(step)
    if count > MOST:
        return None
    return [x.base + sum(offsets) for offsets in itertools.product(*steps)]


def _uses(nest: Nest, axis: int) -> Iterator[tuple[str, Affine, Shape, int]]:
    """How the nest uses its operands, in order: it reads, writes, sums up or adds up there.

    What stays in registers is left out, and so is what waits for the end of a sum over the axis.
    """
    uses: list[tuple[str, Affine]] = []
    made: set[Affine] = set()
    for s in nest.body:
        uses += [("read", x) for x in s.inputs if x not in made]
        if nest.reduce == "add" and not s.out.strides[axis]:
            uses.append(("add" if s.accumulate else "sum", s.out))
            break
        if s.accumulate and s.out not in made:
            uses.append(("read", s.out))
        if s.kept:
            uses.append(("write", s.out))
        else:
            made.add(s.out)
    for kind, x in uses:
        yield kind, x, nest.extents, axis


def _member(nest: Nest, axis: int) -> Member:
    if nest.reduce != "add" or nest.first.out.strides[axis]:
        return Member(nest, axis, None)
    kept = nest.result
    own = replace(nest, body=(replace(nest.first, kept=True, accumulate=True),))
    after = Nest(nest.extents, nest.body[1:], origin=nest.origin)
    extents = tuple(nest.extents[i] for i in kept)
    after = mapped(after, extents, lambda x: along(x, kept))
    return Member(own, axis, after if after.body else None)


FAST_BYTES = 40 * 1024  # of the fastest memory, for what a block touches
LINE_BYTES = 64  # of whose multiples a row of a block consists
LEAST_LINES = 4  # of a row in a block
WORTH = 4_000_000  # statements that are run in all, from which several threads pay
LEAST_SHARE = 500_000  # statements of a share, if a thread has several
SHARES = 4  # of a thread
ADDED = 64  # statements, at least, for each sum of a share
ALIGNED = 16  # numbers


def aligned(address: int) -> int:
    """The next address that is a multiple of so many numbers."""
    return -(-address // ALIGNED) * ALIGNED


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
        room = sum(aligned(b - a) for a, b in sums)
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
            at += aligned(b - a)
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
