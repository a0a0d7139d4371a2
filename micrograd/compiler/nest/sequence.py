"""Programs that are no arrays: scalar statements one after the other, and loops among them.

A sequence is run part by part. A part is `Scalars`, many statements in the form of arrays, or an
ordered nest: a loop whose indices run one after the other, so that it may read what earlier ones
wrote. All its numbers are in work. With lanes, of a batch, what these call a number is a row of
one number for each lane; nests of arrays have an axis for them, and are of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.codes import NONE, ROWS, Floats, Ids
from micrograd.compiler.nest.ir import TERM, TOGETHER, Affine, Listed, Nest, Statement
from micrograd.ops import LARGER, OPS

TOTAL, LARGEST = -1, -2  # in place of a row: the sum of the terms `c · u · v`, or the largest


@dataclass(frozen=True, eq=False)
class Scalars:
    """Statements in order, an entry each; operands are addresses in work, or NONE.

    `first` has where the terms of each begin, and at last where they end. A term without `v` is
    `c · u`, one without both is `c`; those of the largest are plain `u`.
    """

    out: Ids
    row: NDArray[np.int16]  # a place in the op table, TOTAL or LARGEST
    static: Floats
    args: Ids  # of rows: (statements, 3)
    first: Ids
    u: Ids
    v: Ids
    c: Floats

    def __len__(self) -> int:
        return len(self.out)

    @cached_property
    def owner(self) -> Ids:
        """The statement that each term belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    def part(self, start: int, end: int) -> Scalars:
        """The statements from start to end."""
        i, j = self.first[start], self.first[end]
        return Scalars(
            self.out[start:end], self.row[start:end], self.static[start:end],
            self.args[start:end], self.first[start : end + 1] - i,
            self.u[i:j], self.v[i:j], self.c[i:j],
        )  # fmt: skip

    def at(self, places: Ids) -> Scalars:
        """The same with other places for the addresses; those beyond stay where they are."""

        def moved(x: Ids) -> Ids:
            known = (x >= 0) & (x < len(places))
            return np.where(known, places[np.where(known, x, 0)], x)

        return Scalars(
            moved(self.out), self.row, self.static, moved(self.args), self.first,
            moved(self.u), moved(self.v), self.c,
        )  # fmt: skip

    @staticmethod
    def joined(parts: Sequence[Scalars]) -> Scalars:
        """The statements of all parts."""
        counts = np.concatenate([np.diff(part.first) for part in parts])
        fields = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("out", "row", "static", "args", "u", "v", "c")
        )
        out, row, static, args, u, v, c = fields
        first = np.concatenate([[0], np.cumsum(counts)])
        return Scalars(out, row, static, args, first, u, v, c)

    def __str__(self) -> str:
        return f"{len(self):,} scalar statements"


def copies(to: Ids, source: Ids, c: float = 1.0) -> Scalars:
    """Statements that copy numbers, or set them to c where there is no source."""
    n = len(to)
    return Scalars(
        to, np.full(n, TOTAL, np.int16), np.full(n, np.nan), np.full((n, 3), NONE),
        np.arange(n + 1), source, np.full(n, NONE), np.full(n, c),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class TurnLoop:
    """Nests that run `count` times, one turn after the other.

    They are for turn 0; their first axis, of extent 1, is that of the turns: in turn k each
    operand begins k times its stride further on, and what is listed k times the step of its space.
    Each has one more axis; those that are not ordered are arrays, with lanes of one more axis.
    """

    count: int
    nests: tuple[Nest, ...]

    @property
    def over_turns(self) -> list[Nest]:
        """The nests over all turns, whose axis is then as long."""
        return [replace(nest, extents=(self.count, *nest.extents[1:])) for nest in self.nests]

    def __str__(self) -> str:
        lines = "\n".join(map(str, self.nests)).splitlines()
        return "\n".join([f"for {self.count} turns:", *(f"    {line}" for line in lines)])


Part = Scalars | Nest | TurnLoop


def written(part: Part, lanes: int = 1) -> Iterator[Ids]:
    """The addresses that a part writes."""
    if isinstance(part, Scalars):
        yield in_rows(part.out, lanes)
        return
    for nest in part.over_turns if isinstance(part, TurnLoop) else (part,):
        for s in nest.body:
            at = addresses(s.out, nest.extents)
            yield in_rows(at, lanes) if nest.ordered else at


def read_by(part: Part) -> Iterator[Ids]:
    """The addresses that a part reads."""
    if isinstance(part, Scalars):
        yield from (part.u, part.v, part.args.ravel())
        return
    for nest in part.over_turns if isinstance(part, TurnLoop) else (part,):
        for s in nest.body:
            for x in s.inputs:
                plain = s.starts is None
                yield addresses(x, nest.extents).ravel() if plain else np.asarray(x.index)


def in_rows(at: Ids, lanes: int) -> Ids:
    """The addresses of all lanes, which are a last axis if there are several."""
    return at if lanes == 1 else np.asarray(at[..., None] * lanes + np.arange(lanes))


def addresses(x: Affine | Listed, extents: tuple[int, ...]) -> Ids:
    """What an operand is at each index; what is listed, of the last axis."""
    if isinstance(x, Listed):
        turns = x.space.step * np.arange(extents[0] if len(extents) > 1 else 1)
        return np.asarray((turns[:, None] + x.index[None, :]).reshape(extents))
    found = np.asarray(x.base)
    for n, stride in zip(extents, x.strides, strict=True):
        found = found[..., None] + stride * np.arange(n)
    return found


# ---- what is promised ----------------------------------------------------------------------------


def faults(parts: tuple[Part, ...], known: NDArray[np.bool_], lanes: int = 1) -> Iterator[str]:
    """What is wrong with a sequence: addresses that are none, or read before they are written.

    `known` says which numbers of work are there before it runs; it is changed. With lanes there
    are whole rows.
    """
    if len(known) % lanes:
        yield f"{len(known)} numbers are no rows of {lanes}"
        return
    for place, part in enumerate(parts):
        if isinstance(part, TurnLoop):
            found = [*_turn_faults(part, len(known), known, lanes)]
        elif isinstance(part, Nest) and not part.ordered:
            found = [*_array_faults(part, len(known), known)]
        else:
            every = known.reshape(-1, lanes)
            rows = every.all(1)
            of_part = _scalar_faults if isinstance(part, Scalars) else _loop_faults
            found = [*of_part(part, len(rows), rows)]  # type: ignore[arg-type]
            every[rows] = True
        yield from (f"part {place}: {fault}" for fault in found)


def _turn_faults(loop: TurnLoop, size: int, known: NDArray[np.bool_], lanes: int) -> Iterator[str]:
    axes = {len(nest.extents) - (lanes > 1 and not nest.ordered) for nest in loop.nests}
    if {nest.extents[:1] for nest in loop.nests} != {(1,)} or axes != {2} or loop.count < 1:
        yield f"no turns: {loop}"
        return
    longest = max(nest.extents[1] for nest in loop.nests)
    most = max(len(nest.body) for nest in loop.nests)
    end = loop.count * len(loop.nests) * longest * most
    time = np.where(known, -1, end)
    stamped = []
    for j, nest in enumerate(loop.nests):
        extents = loop.count, *nest.extents[1:]
        turn, index = np.indices(extents)[:2]
        when = ((turn * len(loop.nests) + j) * longest + index) * most
        many = lanes if nest.ordered else 1
        if many > 1:
            when = np.repeat(when[..., None], many, 2)
        stamped.append((nest, extents, when, many))
        for k, s in enumerate(nest.body):
            at = in_rows(addresses(s.out, extents), many)
            if at.min() < 0 or at.max() >= size:
                yield f"writes beyond work: {s}"
                return
            np.minimum.at(time, at.ravel(), (when + k).ravel())
    for nest, extents, when, many in stamped:
        for k, s in enumerate(nest.body):
            for x in s.inputs:
                at = in_rows(addresses(x, extents), many)
                if at.min() < 0 or at.max() >= size:
                    yield f"reads beyond work: {s}"
                elif (time[at] >= when + k).any():
                    yield f"reads what is not there yet: {s}"
    known |= time < end


def _array_faults(nest: Nest, size: int, known: NDArray[np.bool_]) -> Iterator[str]:
    made: set[Affine] = set()
    for s in nest.body:
        for x in (*s.inputs, *([s.out] if s.accumulate else [])):
            at = addresses(x, nest.extents)
            if at.min() < 0 or at.max() >= size:
                yield f"reads beyond work: {s}"
            elif x not in made and not known[at].all():
                yield f"reads what is not there yet: {s}"
        made.add(s.out)
    for s in nest.body:
        at = addresses(s.out, nest.extents)
        if at.min() < 0 or at.max() >= size:
            yield f"writes beyond work: {s}"
            return
        known[at] = True


def _scalar_faults(part: Scalars, size: int, known: NDArray[np.bool_]) -> Iterator[str]:
    n = len(part)
    if not (len(part.row) == len(part.static) == len(part.args) == len(part.first) - 1 == n):
        yield "arrays of unequal length"
        return
    every = np.concatenate([part.out, part.u, part.v, part.args.ravel()])
    if len(every) and (every.max() >= size or every.min() < NONE or part.out.min(initial=0) < 0):
        yield "an address that is none"
        return
    time = np.where(known, -1, n)
    time[part.out] = np.arange(n)
    for user, used in _uses(part):
        if (time[used] >= user).any():
            yield "reads what is not there yet"
    arity = np.array([OPS[name].arity for name in ROWS])
    rows = part.row >= 0
    if ((part.args[rows] >= 0).sum(1) != arity[part.row[rows]]).any():
        yield "wrong number of arguments"
    if (np.diff(part.first)[rows] > 0).any() or (np.diff(part.first)[~rows] < 1).any():
        yield "terms of a row, or a sum of none"
    if (part.row[part.owner] == LARGEST).any() and (
        part.v[part.row[part.owner] == LARGEST] >= 0
    ).any():
        yield "the largest of products"
    known[part.out] = True


def _uses(part: Scalars) -> Iterator[tuple[Ids, Ids]]:
    for x in (part.u, part.v):
        yield part.owner[x >= 0], x[x >= 0]
    users, places = np.nonzero(part.args >= 0)
    yield users, part.args[users, places]


def _loop_faults(nest: Nest, size: int, known: NDArray[np.bool_]) -> Iterator[str]:
    if not nest.ordered or len(nest.extents) != 1 or nest.extents[0] < 1:
        yield f"no loop: {nest.extents}"
        return
    count, body = nest.extents[0], len(nest.body)
    index = np.arange(count)
    time = np.where(known, -1, count * body)
    for k, s in enumerate(nest.body):
        at = addresses(s.out, nest.extents)
        if at.min() < 0 or at.max() >= size:
            yield f"writes beyond work: {s}"
            return
        time[at] = np.minimum(time[at], index * body + k)
    for k, s in enumerate(nest.body):
        yield from _statement_faults(s, nest)
        reads = [(addresses(x, nest.extents), index) for x in s.inputs if s.starts is None]
        if s.starts is not None:
            reads = [(x.index, np.repeat(index, np.diff(s.starts))) for x in s.inputs]
        if s.accumulate:
            reads.append((addresses(s.out, nest.extents), index))
        for at, when in reads:
            if len(at) and (at.min() < 0 or at.max() >= size):
                yield f"reads beyond work: {s}"
            elif (time[at] >= when * body + k).any() and not _continues(nest, k):
                yield f"reads what is not there yet: {s}"
    known |= time < count * body


def _continues(nest: Nest, k: int) -> bool:
    """Whether an accumulating statement adds to what an earlier one of the body wrote."""
    s = nest.body[k]
    return s.accumulate and any(other.out == s.out for other in nest.body[:k])


def _statement_faults(s: Statement, nest: Nest) -> Iterator[str]:
    if not s.is_term:
        op = OPS[s.row]
        if len(s.inputs) != op.arity or (s.static is not None) != op.has_static or s.accumulate:
            yield f"not a row: {s}"
    elif len(s.inputs) > 2:
        yield f"a product of {len(s.inputs)}"
    if s.starts is not None and (len(s.starts) != nest.extents[0] + 1 or not s.inputs):
        yield f"sums of {len(s.starts) - 1} for {nest.extents[0]}"
    elif s.starts is not None and ((n := np.diff(s.starts)).min() < 1 or (n % TOGETHER).any()):
        yield "sums of nothing, or of what is not padded"


def largest_of(out: Affine, inputs: list[Affine | Listed]) -> list[Statement]:
    """Statements for the largest of several, two at a time."""
    first = Statement(TERM, out, (inputs[0],))
    return [first, *(Statement(LARGER.name, out, (out, x)) for x in inputs[1:])]
