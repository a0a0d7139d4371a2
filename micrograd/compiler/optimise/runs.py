"""Which nests may run together on one block of a shared axis after the other.

A row is what an operand reaches along the axis, a number for each index. The numbers of work that
the nests of a run touch lie in rows, which do not overlap, or are the same at all indices: those
are only read, or they are sums over the axis, which nothing in the run reads.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from micrograd.compiler.nest.axes import along, mapped
from micrograd.compiler.nest.ir import WORK, Affine, Nest, Shape, Space

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
