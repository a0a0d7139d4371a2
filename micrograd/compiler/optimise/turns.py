"""What turns make and only they and the next need lies in one place, which each turn overwrites.

So it stays in the first-level cache, and what is only needed at once is not stored at all. What
comes before and after the turns finds it where it was: it is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, pairwise
from typing import NamedTuple

import numpy as np

from micrograd.compiler.codes import NONE, Ids, among, distinct, marked
from micrograd.compiler.nest.ir import TERM, WORK, Affine, Listed, Nest, Program, Shape, Statement
from micrograd.compiler.nest.sequence import Part, TurnLoop, addresses, read_by
from micrograd.compiler.nest.spans import span

ALIGN = 8  # rows begin at multiples of it


def overwriting(program: Program) -> Program:
    """The program with what turns need no longer overwritten by the next."""
    parts, top = list(program.sequence), len(program.work)
    found: list[Part] = []
    if not any(isinstance(part, TurnLoop) for part in parts):
        return program
    reads = [[*read_by(part)] for part in parts]
    for k, part in enumerate(parts):
        turn = None
        if isinstance(part, TurnLoop):
            others = chain.from_iterable(reads[:k] + reads[k + 1 :])
            after = (base + np.arange(length) for base, length in program.read_after)
            turn = _Turn.of(part, np.concatenate([*others, *after]))
        if turn is None:
            found.append(part)
            continue
        turn.place(top)
        top = turn.top
        found += turn.parts()
    if top == len(program.work):
        return program
    work = np.concatenate([program.work, np.zeros(top - len(program.work))])
    return replace(program, work=work, sequence=tuple(found))


class _OfTurn(NamedTuple):
    """An operand of a nest in turns: the offsets in a turn that it is at, and of which turn."""

    offsets: Ids
    turn: int  # 0, or -1: that before


@dataclass(slots=True, eq=False)
class _Turn:
    """Turns, whose results are at `first + period · turn + offset`.

    Offsets that are in a row belong to the same array, which has its place as a whole.
    """

    loop: TurnLoop
    first: int
    period: int
    array: Ids  # of each offset, the least of its array; NONE where each turn has its own place
    left: Ids  # offsets of which others read what the last turn made
    at: Ids  # the place of each offset that is overwritten
    before: Ids  # and where what the turn before made is then
    top: int = 0
    readers: Ids = field(init=False)  # how many operands read each offset
    rows: dict[tuple[Affine, Shape], _OfTurn | None] = field(default_factory=dict)  # see `_row`

    @staticmethod
    def of(loop: TurnLoop, outside: Ids) -> _Turn | None:
        """Turns in which something can be overwritten; others read what is at `outside`."""
        outs = [(s.out, nest) for nest in loop.nests for s in nest.body if s.out.strides[0]]
        period, *more = {out.strides[0] for out, _ in outs}
        spans = [span(out, nest.extents) for out, nest in outs]
        first = min(x.low for x in spans)
        if more or loop.count < 2 or max(x.high for x in spans) >= first + period:
            return None
        none = np.full(period, NONE)
        nests = [_own_first(nest, period) for nest in loop.nests]
        loop = replace(loop, nests=tuple(nests))
        turn = _Turn(loop, first, period, none, none[:0], none.copy(), none.copy())
        at = outside - first
        at = at[(at >= 0) & (at < period * loop.count)]
        last = at >= period * (loop.count - 1)
        turn._find_arrays(at[~last] % period)
        turn.left = distinct(at[last] % period)
        turn.left = turn.left[turn.array[turn.left] >= 0]
        return turn if (turn.array >= 0).any() else None

    def _find_arrays(self, lasting: Ids) -> None:
        stays = marked(self.period, lasting)
        array = np.arange(self.period)
        for nest in self.loop.nests:
            for x in _operands(nest):
                row = self._row(x, nest)
                if row is None:
                    at = addresses(x, (self.loop.count, *nest.extents[1:])).ravel() - self.first
                    stays[at[(at >= 0) & (at < self.period * self.loop.count)] % self.period] = True
                elif len(row.offsets):
                    known = distinct(array[row.offsets])
                    array[among(array, known)] = known[0]
        array[among(array, array[stays])] = NONE
        self.array = array

    def _row(self, x: Affine | Listed, nest: Nest) -> _OfTurn | None:
        """An operand as a row; empty if it is of no turn, None if it is of others, too."""
        if not isinstance(x, Affine):
            return None
        key = x, nest.extents
        if key not in self.rows:
            self.rows[key] = self._row_of(*key)
        return self.rows[key]

    def _row_of(self, x: Affine, extents: Shape) -> _OfTurn | None:
        (low, high), end = _ends(x, extents), self.period * self.loop.count
        if x.strides[0] != self.period:
            moved = (self.loop.count - 1) * x.strides[0]
            away = high + max(moved, 0) < self.first or low + min(moved, 0) >= self.first + end
            return _OfTurn(np.zeros(0, np.int64), 0) if away else None
        turn = (low - self.first) // self.period
        if turn != (high - self.first) // self.period or turn not in (-1, 0):
            return None
        at = x.base + x.strides[1] * np.arange(extents[1])
        return _OfTurn((at - self.first) % self.period, turn)

    # ---- places --------------------------------------------------------------------------------

    def place(self, top: int) -> None:
        """Give places from `top` on."""
        late = self._read_late()
        for of_turn, arrays in ((self.at, distinct(self.array[self.array >= 0])),
                                (self.before, np.array(sorted(late), np.int64))):  # fmt: skip
            for array in arrays.tolist():
                own = np.flatnonzero(self.array == array)
                top = -(-top // ALIGN) * ALIGN
                of_turn[own] = top + own - own[0]
                top += int(own[-1] - own[0]) + 1
        self.top = -(-top // ALIGN) * ALIGN

    def _read_late(self) -> set[int]:
        """The arrays of which something is read when this turn may have overwritten it."""
        late: set[int] = set()
        written = np.zeros(self.period, bool)
        for nest in self.loop.nests:
            outs = [self._row(s.out, nest) for s in nest.body]
            for k, s in enumerate(nest.body):
                for row in (self._row(x, nest) for x in s.inputs):
                    if row is None or not row.turn or not len(row.offsets):
                        continue
                    if written[row.offsets].any() or any(
                        _meet(row, out) and (j < k or not _is_same(row, out))
                        for j, out in enumerate(outs) if out
                    ):  # fmt: skip
                        late.add(int(self.array[row.offsets[0]]))
            for out in outs:
                if out is not None:
                    written[out.offsets] = True
        return late - {NONE}

    # ---- parts ---------------------------------------------------------------------------------

    def parts(self) -> Iterator[Part]:
        """The turns, what they need of the turn before the first, and what they leave."""
        carried = self._carried()
        begin = self.first - self.period + carried
        yield from _copies(self.at[carried], begin)
        handed = carried[self.before[carried] >= 0]
        nests = [replace(_in_turns(x), extents=(1, *x.extents))
                 for x in _copies(self.before[handed], self.at[handed])]  # fmt: skip
        self.readers = self._count_readers()
        nests += [self._changed(nest) for nest in self.loop.nests]
        yield TurnLoop(self.loop.count, tuple(nests))
        end = self.first + self.period * (self.loop.count - 1) + self.left
        yield from _copies(end, self.at[self.left])

    def _carried(self) -> Ids:
        """The offsets that are read of the turn before."""
        read = np.zeros(self.period, bool)
        for nest in self.loop.nests:
            for row in (self._row(x, nest) for s in nest.body for x in s.inputs):
                if row is not None and row.turn:
                    read[row.offsets] = True
        return np.flatnonzero(read & (self.array >= 0))

    def _count_readers(self) -> Ids:
        """How many nests' operands read each offset, or what others read of the last turn."""
        readers = np.zeros(self.period, np.int64)
        readers[self.left] = 1
        for nest in self.loop.nests:
            for x in _inputs(nest):
                row = self._row(x, nest)
                if row is not None:
                    readers[row.offsets] += 1
        return readers

    def _changed(self, nest: Nest) -> Nest:
        def moved(x: Affine | Listed) -> Affine | Listed:
            row = self._row(x, nest)
            if row is None or not len(row.offsets) or self.array[row.offsets[0]] < 0:
                return x
            assert isinstance(x, Affine)
            before = row.turn and self.before[row.offsets[0]] >= 0
            at = (self.before if before else self.at)[row.offsets[0]]
            return Affine(x.space, int(at), (0, x.strides[1]))

        body = []
        for s in nest.body:
            out = moved(s.out)
            assert isinstance(out, Affine)
            kept = s.kept and (nest.ordered or self._is_kept(nest, s.out))
            moved_to = s.on(out, map(moved, s.inputs))
            body.append(moved_to if kept == s.kept else replace(moved_to, kept=kept))
        return replace(nest, body=tuple(body))

    def _is_kept(self, nest: Nest, out: Affine) -> bool:
        """Whether more than the statements of the nest, at the same index, reads it."""
        own = self._row(out, nest)
        assert own is not None
        if not len(own.offsets) or self.array[own.offsets[0]] < 0:
            return True
        return bool((self.readers[own.offsets] - (out in _inputs(nest))).any())


def _own_first(nest: Nest, period: int) -> Nest:
    """The nest with sums that begin with what the turn before made there, if they have that."""
    body: list[Statement] = []
    for out, group in groupby(nest.body, lambda s: s.out):
        terms = list(group)
        own = out._replace(base=out.base - period)
        if all(s.is_term for s in terms) and not terms[0].accumulate:
            terms.sort(key=lambda s: own not in s.inputs)
            terms = [replace(s, accumulate=k > 0) for k, s in enumerate(terms)]
        body += terms
    return replace(nest, body=tuple(body))


def _inputs(nest: Nest) -> set[Affine | Listed]:
    """The operands that a nest reads, each once."""
    return {x for s in nest.body for x in s.inputs}


def _operands(nest: Nest) -> Iterator[Affine | Listed]:
    for s in nest.body:
        yield s.out
        yield from s.inputs


def _ends(x: Affine, extents: tuple[int, ...]) -> tuple[int, int]:
    """The lowest and the highest address in turn 0."""
    found = span(x, (1, *extents[1:]))
    return found.low, found.high


def _meet(a: _OfTurn, b: _OfTurn) -> bool:
    return not set(a.offsets.tolist()).isdisjoint(b.offsets.tolist())


def _is_same(a: _OfTurn, b: _OfTurn) -> bool:
    return len(a.offsets) == len(b.offsets) and bool((a.offsets == b.offsets).all())


def _copies(to: Ids, source: Ids) -> Iterator[Nest]:
    """Nests that copy numbers: one for each run of places that follow each other."""
    breaks = (np.diff(to) != 1) | (np.diff(source) != 1)
    edges = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(to)] if len(to) else []
    for first, end in pairwise(edges):
        out, x = (Affine(WORK, int(at[first]), (1,)) for at in (to, source))
        yield Nest((end - first,), (Statement(TERM, out, (x,)),))


def _in_turns(nest: Nest) -> Nest:
    def along(x: Affine) -> Affine:
        return x._replace(strides=(0, *x.strides))

    body = [s.on(along(s.out), map(along, s.inputs)) for s in nest.body]
    return replace(nest, body=tuple(body))
