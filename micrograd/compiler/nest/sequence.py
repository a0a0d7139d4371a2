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

from micrograd.compiler.codes import NONE, Floats, Ids
from micrograd.compiler.nest.ir import TERM, Affine, Listed, Nest, Statement
from micrograd.ops import LARGER

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

        return replace(
            self, out=moved(self.out), args=moved(self.args), u=moved(self.u), v=moved(self.v)
        )

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


def largest_of(out: Affine, inputs: list[Affine | Listed]) -> list[Statement]:
    """Statements for the largest of several, two at a time."""
    first = Statement(TERM, out, (inputs[0],))
    return [first, *(Statement(LARGER.name, out, (out, x)) for x in inputs[1:])]
