"""Which kernels may run together on one block of a shared axis after the other.

A row is what an access reaches along the axis, a number for each index. The numbers of work that
the kernels of a run touch lie in rows, which do not overlap, or are the same at all indices: those
are only read, or they are sums over the axis, which nothing in the run reads.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from micrograd.compiler.nest.axes import Looped
from micrograd.compiler.nest.program import (
    Access,
    Contraction,
    Elementwise,
    Kernel,
    Maximum,
    Statement,
)

MOST = 4096  # numbers of an access at one index


@dataclass(frozen=True, slots=True)
class Member:
    """A kernel of a run, its axis, and the statements that wait for the end of the run."""

    kernel: Looped
    axis: int
    after: Elementwise | None


class Run:
    """Kernels with an axis of this extent, and what they touch."""

    def __init__(self, extent: int) -> None:
        self.extent = extent
        self.members: list[Member] = []
        self.touched = _Touched(extent, {}, {}, {}, {}, set())

    def join(self, kernel: Kernel) -> Member | None:
        """The kernel as a member, if it can be one."""
        if not isinstance(kernel, Looped):
            return None
        for axis, n in enumerate(kernel.extents):
            if n != self.extent:
                continue
            touched = self.touched.copy()
            if all(touched.take(*use) for use in _uses(kernel, axis)):
                self.touched = touched
                self.members.append(_member(kernel, axis))
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
    given: set[tuple[str, int]]  # rows of other spaces

    def copy(self) -> _Touched:
        """The same, to be changed."""
        fixed = {k: set(v) for k, v in self.fixed.items()}
        rows, fresh, sums = dict(self.rows), dict(self.fresh), dict(self.sums)
        return _Touched(self.extent, rows, fresh, fixed, sums, set(self.given))

    @property
    def numbers(self) -> int:
        """How many numbers are touched at each index."""
        return len(self.fresh) + len(self.given)

    def take(self, kind: str, access: Access, extents: tuple[int, ...], axis: int) -> bool:
        """Note a use of an access; False if it cannot be in the run."""
        stride = access.strides[axis]
        starts = addresses(access, extents, axis)
        if starts is None:
            return False
        if access.space != "work":
            if stride:
                self.given.update((access.space, a) for a in starts)
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


def addresses(access: Access, extents: tuple[int, ...], axis: int) -> list[int] | None:
    """The addresses at index 0 of the axis, each once for the others' indices; None if many."""
    steps = [
        range(0, n * stride, stride) if stride else (0,)
        for i, (n, stride) in enumerate(zip(extents, access.strides, strict=True))
        if i != axis
    ]
    count = 1
    for step in steps:
        count *= len(step)
    if count > MOST:
        return None
    return [access.base + sum(offsets) for offsets in itertools.product(*steps)]


def _uses(kernel: Looped, axis: int) -> Iterator[tuple[str, Access, tuple[int, ...], int]]:
    """How the kernel uses its accesses, in order: it reads, writes, sums up or adds up there.

    What stays in registers is left out.
    """
    uses: list[tuple[str, Access]] = []
    made: set[Access] = set()
    statements: tuple[Statement, ...] = ()
    if isinstance(kernel, Elementwise):
        statements = kernel.statements
    elif isinstance(kernel, Maximum):
        uses += [("read", kernel.u), ("write", kernel.out)]
    else:
        uses += [("read", a) for a in (kernel.u, kernel.v) if a is not None]
        if not kernel.out.strides[axis]:
            uses.append(("add" if kernel.accumulate else "sum", kernel.out))
        else:
            term = Statement("", kernel.out, (), accumulate=kernel.accumulate, kept=kernel.kept)
            statements = (term, *kernel.after)
    for s in statements:
        read = (*s.inputs, s.out) if s.accumulate else s.inputs
        uses += [("read", a) for a in read if a not in made]
        if s.kept:
            uses.append(("write", s.out))
        else:
            made.add(s.out)
    for kind, access in uses:
        yield kind, access, kernel.extents, axis


def _member(kernel: Looped, axis: int) -> Member:
    if not isinstance(kernel, Contraction) or kernel.out.strides[axis]:
        return Member(kernel, axis, None)
    kept = [i for i, stride in enumerate(kernel.out.strides) if stride]

    def along(a: Access) -> Access:
        return Access(a.space, a.base, tuple(a.strides[i] for i in kept))

    after = tuple(
        replace(s, out=along(s.out), inputs=tuple(map(along, s.inputs))) for s in kernel.after
    )
    extents = tuple(kernel.extents[i] for i in kept)
    own = replace(kernel, after=(), kept=True, accumulate=True)
    return Member(own, axis, Elementwise(extents, after) if after else None)
