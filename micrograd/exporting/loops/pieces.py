"""A recording in pieces: what is between loops, and a turn of each, as recordings of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.codes import Ids
from micrograd.compiler.nest.ir import argument, integers
from micrograd.compiler.trace.recording import CHOICES, INPUTS, PARAMETERS, Recording
from micrograd.exporting.arguments import ArgumentPart


class ReadArrays:
    """Arrays that pieces read besides the arguments: each like an argument of its own."""

    def __init__(self, arguments: Arguments, parts: Sequence[ArgumentPart], count: int) -> None:
        """`count` is how many arguments there are."""
        self._given = arguments
        self.parts = list(parts)
        self._first = count
        self._spaces: list[int] = []
        self._at: list[int] = []
        self._slots: list[int] = []
        self.shapes: dict[int, tuple[int, ...]] = {}  # of parts

    def new(
        self, shape: tuple[int, ...], slots: bool = False, whole: bool = False
    ) -> tuple[int, int]:
        """A part of that shape, and the code of its first number, or its first slot."""
        part, number = len(self.parts), self._first + len(self.shapes)
        size = int(np.prod(shape))
        places = np.arange(size).reshape(shape)
        self.parts.append(ArgumentPart(f"array{part}", number, (), places, whole))
        self.shapes[part] = shape
        if slots:
            slot = len(self._given.ids_space) + len(self._slots)
            self._slots += [number] * size
            return part, slot
        code = INPUTS + len(self._given.space) + len(self._spaces)
        self._spaces += [number] * size
        self._at += range(size)
        return part, code

    def reshape(self, part: int, shape: tuple[int, ...]) -> None:
        """Give a part another shape."""
        places = self.parts[part].places.reshape(shape)
        self.parts[part] = replace(self.parts[part], places=places)
        self.shapes[part] = shape

    def space(self, part: int) -> str:
        """What views call a part."""
        return f"input{self.parts[part].argument}"

    @property
    def kinds(self) -> Ids:
        """Of all inputs the array that they are in; 0 for those of arguments."""
        given = np.zeros(len(self._given.space), np.int64)
        return np.concatenate([given, 1 + np.array(self._spaces, np.int64)])

    @property
    def arguments(self) -> Arguments:
        """All of them, after those that were given."""
        given = self._given
        space = [argument(k) for k in self._spaces]
        ids = [integers(k) for k in self._slots]
        first = {k: self._slots.index(k) for k in set(self._slots)}
        ids_at = np.array([i - first[k] for i, k in enumerate(self._slots)], np.int64)
        sizes = {argument(k): self._spaces.count(k) for k in set(self._spaces)}
        sizes |= {integers(k): self._slots.count(k) for k in set(self._slots)}
        return Arguments(
            np.concatenate([given.values, np.zeros(len(space))]), [*given.space, *space],
            np.concatenate([given.at, np.array(self._at, np.int64)]),
            [*given.ids_space, *ids], np.concatenate([given.ids_at, ids_at]),
            {**given.sizes, **sizes}, given.lanes,
        )  # fmt: skip


@dataclass(slots=True, eq=False)
class Renumbered:
    """What a piece reads, by the codes of the whole recording, as codes of the piece."""

    first: int
    end: int
    read: dict[int, int]

    def code(self, code: int) -> int:
        """Of one operand."""
        if self.first <= code < self.end:
            return code - self.first
        return self.read[code] if 0 <= code < PARAMETERS else code


def piece(
    r: Recording, first: int, end: int, new: Sequence[Ids], outputs: Ids,
    choices: Sequence[tuple[Ids, int]],
) -> Recording:  # fmt: skip
    """The operations of a range as a recording; `new` is what each of them reads."""
    size = end - first
    a, b, c = (np.full(size, -1) for _ in range(3))
    many: dict[int, Ids] = {}
    for n, codes in enumerate(new):
        if first + n in r.many:
            many[n] = codes
        else:
            for x, code in zip((a, b, c), codes.tolist(), strict=False):
                x[n] = code
    own = (r.sides >= first) & (r.sides < end)
    return replace(
        r, row=r.row[first:end], a=a, b=b, c=c, static=r.static[first:end],
        stop=r.stop[first:end], many=many, outputs=outputs, choices=list(choices),
        sides=r.sides[own] - first,
    )  # fmt: skip


def straight(
    r: Recording, reads: Sequence[Ids], first: int, end: int, read: dict[int, int],
    outputs: Sequence[int],
) -> Recording:  # fmt: skip
    """The operations from `first` up to `end`; `read` are codes for what was made before."""
    of = Renumbered(first, end, read)
    choices: list[tuple[Ids, int]] = []
    known: dict[int, int] = {}

    def code(x: int) -> int:
        if x < CHOICES:
            return of.code(x)
        if x not in known:
            table, slot = r.choices[x - CHOICES]
            known[x] = CHOICES + len(choices)
            choices.append((np.array([of.code(y) for y in table.tolist()], np.int64), slot))
        return known[x]

    new = [np.array([code(x) for x in codes.tolist()], np.int64) for codes in reads]
    out = np.array([of.code(x) for x in outputs], np.int64)
    return piece(r, first, end, new, out, choices)
