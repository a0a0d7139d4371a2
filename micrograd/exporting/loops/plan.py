"""What the parts of a recording with loops hand to each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.trace.recording import CHOICES, CONSTANTS, PARAMETERS, Recording
from micrograd.exporting.loops.operands import FlatOperands
from micrograd.exporting.loops.turns import CARRIED, RecordedTurns

NOTHING = -1  # the code of what a state is at first that nobody reads


class NoLoops(Exception):  # noqa: N818  (a finding)
    """A recording that is not written as loops."""


@dataclass(slots=True, eq=False)
class Between:
    """The operations between loops, from `start` up to `end`.

    `exported` are those that later parts read.
    """

    start: int
    end: int
    exported: list[Ids] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class StateArray:
    """Operations of a turn that are handed on, as one array, for up to `lags` turns.

    `initial[q]` are codes of what it is q + 1 turns before the first.
    """

    made: Ids
    lags: int
    initial: tuple[Ids, ...]


@dataclass(slots=True, eq=False)
class LoopPart:
    """Turns, and what is read of them afterwards."""

    turns: RecordedTurns
    states: list[StateArray] = field(default_factory=list)
    kept: list[Ids] = field(default_factory=list)  # operations of a turn; of every turn
    final: set[int] = field(default_factory=set)
    every: set[int] = field(default_factory=set)

    @property
    def start(self) -> int:
        """The first operation."""
        return self.turns.start

    @property
    def end(self) -> int:
        """The operation after the last."""
        return self.turns.end

    def place(self, code: int) -> tuple[int, int]:
        """The turn of an operation, and which of the turn it is."""
        return divmod(code - self.start, self.turns.period)


class LoopPlan:
    """The parts of a recording, in order: between loops and loops in turn."""

    def __init__(
        self,
        r: Recording,
        flat: FlatOperands,
        found: Sequence[RecordedTurns],
        names: dict[int, str],
    ) -> None:
        self.r, self.flat, self.names = r, flat, names
        self.parts: list[Between | LoopPart] = []
        at = 0
        for turns in found:
            self.parts += [Between(at, turns.start), LoopPart(turns)]
            at = turns.end
        self.parts.append(Between(at, len(r)))
        exported: dict[int, set[int]] = {}
        for part in self.parts:
            for code in self._read(part):
                self._need(code, exported)
        for k, part in enumerate(self.parts):
            if isinstance(part, Between):
                part.exported = self.arrays_of(exported.get(k, ()))
            else:
                self._settle(part)

    # ---- what is read ----------------------------------------------------------------------------

    def _read(self, part: Between | LoopPart) -> Iterator[int]:
        """The operations before a part that it reads, or that it begins with."""
        if isinstance(part, Between):
            codes = self.reads(part.start, part.end)
            last = [int(self.r.outputs[0])] if part is self.parts[-1] else []
        else:
            turns = part.turns
            codes = turns.codes[:, turns.sort >= CARRIED].ravel()
            last = []
            codes = np.concatenate([codes, self._tables(codes)])
        yield from (c for c in {*codes.tolist(), *last} if 0 <= c < min(part.start, PARAMETERS))

    def reads(self, start: int, end: int) -> Ids:
        """What the operations of a range read; in place of a choice what it chooses from."""
        codes = self.flat.read_by(start, end)
        return np.concatenate([codes[codes < CHOICES], self._tables(codes)])

    def _tables(self, codes: Ids) -> Ids:
        tables = [self.r.choices[c - CHOICES][0] for c in np.unique(codes[codes >= CHOICES])]
        return np.concatenate([np.zeros(0, np.int64), *tables])

    def _need(self, code: int, exported: dict[int, set[int]]) -> None:
        k = next(k for k, part in enumerate(self.parts) if part.start <= code < part.end)
        part = self.parts[k]
        if isinstance(part, Between):
            exported.setdefault(k, set()).add(code)
            return
        turn, made = part.place(code)
        (part.final if turn == part.turns.count - 1 else part.every).add(made)

    # ---- arrays ----------------------------------------------------------------------------------

    def _settle(self, loop: LoopPart) -> None:
        """The states and what is kept of a loop."""
        turns = loop.turns
        initial = initial_codes(self.r, turns)
        lags = dict.fromkeys(loop.final - loop.every, 1)
        for made, q in initial:
            lags[made] = max(lags.get(made, 1), q)
        first = turns.start + turns.period * (turns.count - 1)
        for lag in sorted(set(lags.values())):
            own = [first + made for made in lags if lags[made] == lag]
            for codes in self.arrays_of(own):
                members = codes - first
                loop.states.append(StateArray(members, lag, tuple(
                    np.array([initial.get((m, q), NOTHING) for m in members.tolist()])
                    for q in range(1, lag + 1)
                )))  # fmt: skip
        loop.kept = [codes - first for codes in self.arrays_of(first + m for m in loop.every)]

    def arrays_of(self, codes: Iterable[int]) -> list[Ids]:
        """Operations as arrays: those of one variable, and those that are evenly spaced."""
        own = np.array(sorted(codes), np.int64)
        keys = [(int(self.r.row[c]), self.name(c)) for c in own.tolist()]
        found: list[Ids] = []
        for key in dict.fromkeys(keys):
            same = own[[k == key for k in keys]]
            found += [same] if key[1] else evenly(same)
        return sorted(found, key=lambda codes: int(codes[0]))

    def name(self, code: int) -> str:
        """The variable of an operation; of one in a loop, that of any turn."""
        for part in self.parts:
            if isinstance(part, LoopPart) and part.start <= code < part.end:
                made = part.place(code)[1]
                turns = range(part.start + made, part.end, part.turns.period)
                return next((self.names[c] for c in turns if c in self.names), "")
        return self.names.get(code, "")


def evenly(codes: Ids) -> list[Ids]:
    """Ascending numbers in runs of equal steps, the longest of which are found first."""
    if len(codes) < 2:
        return [codes] if len(codes) else []
    steps = np.diff(codes)
    cuts = np.flatnonzero(np.diff(steps)) + 1
    edges = [0, *cuts.tolist(), len(steps)]
    runs = list(pairwise(edges))
    a, b = max(runs, key=lambda run: run[1] - run[0])
    if b - a == 1 and len(codes) > 2:  # nothing is even
        return [codes[k : k + 1] for k in range(len(codes))]
    return [*evenly(codes[:a]), codes[a : b + 1], *evenly(codes[b + 1 :])]


def initial_codes(r: Recording, turns: RecordedTurns) -> dict[tuple[int, int], int]:
    """What was made q turns before the first turn, by the operation that makes it in a turn."""
    found: dict[tuple[int, int], int] = {}
    for m in np.flatnonzero(turns.sort == CARRIED).tolist():
        made, lag = int(turns.made[m]), int(turns.lag[m])
        for k in range(lag):
            code = int(turns.codes[k, m])
            if _value(r, found.setdefault((made, lag - k), code)) != _value(r, code):
                raise NoLoops
    return found


def _value(r: Recording, code: int) -> Any:
    if CONSTANTS <= code < CHOICES:
        return repr(float(r.constants[code - CONSTANTS]))
    return code
