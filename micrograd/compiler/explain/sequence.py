"""A program that is no array, in words: what it repeats, in the names of the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from micrograd.compiler.codes import ROWS, Ids
from micrograd.compiler.compilation import Compilation
from micrograd.compiler.explain.naming import Given, variables
from micrograd.compiler.explain.report import Report
from micrograd.compiler.sequential.loops import Rolled
from micrograd.compiler.sequential.sequence import InSequence
from micrograd.compiler.sequential.turns import TurnRun
from micrograd.compiler.trace.recording import CONSTANTS, DETACHED, INPUTS, PARAMETERS, Recording
from micrograd.compiler.trace.traced import Traced
from micrograd.ops import ATOM, OPS

MOST_LOOPS = 12  # of an explanation
MOST_STATEMENTS = 16  # of a loop


@dataclass(frozen=True)
class Passage:
    """A loop of a sequence, or several in a row that say the same."""

    turns: tuple[int, ...]  # of each
    lines: tuple[str, ...] = ()  # statements; on the way back, what derivatives are carried
    inner: tuple[Passage, ...] = ()  # loops in it
    back: bool = False
    sums: int = 0  # that are added up
    left: int = 0  # statements that are not said
    unequal: bool = False  # whether its sums are of unequal length

    @property
    def count(self) -> str:
        """How many turns there are."""
        least, most = min(self.turns), max(self.turns)
        return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def in_words(
    report: Report, unit: Compilation, traced: Traced, fn: Callable[..., Any], given: Given
) -> str:
    """What runs, in the order in which it does."""
    sequence = unit.sequence
    assert sequence is not None
    turns = sum(run.period * run.count for run in sequence.turns)
    inside = turns + sum(loop.period * loop.turns for loop in sequence.loops)
    alone = len(sequence.order) - inside
    arrays = sum(run.in_arrays for run in sequence.turns)
    ends = sequence.in_wide_ends
    kinds = "" if arrays or ends else ": there are no arrays in them"
    among = f", {arrays:,} of which are in arrays" if arrays else ""
    batch = f" a sample, a batch of {unit.lanes:,}" if unit.lanes else ""
    lanes = unit.program.lanes
    together = f", {lanes:,} samples at a time" if lanes > 1 else ""
    lines = [
        f"{report.nodes:,} scalar operations{batch}, one after the other{kinds}",
        *[f"-> {ends:,} operations and derivatives in arrays, before all others or after them"]
        * (ends > 0),
        f"-> {sequence.count:,} loops, of {inside:,} operations and derivatives{among}, and "
        f"{alone:,} that are in no loop{together} ({report.backend})",
        "",
    ]
    found = passages(unit, traced, fn, given)
    for passage in found[:MOST_LOOPS]:
        lines += [f"  {line}" for line in _said(passage, unit.lanes)]
    if len(found) > MOST_LOOPS:
        more = sum(len(passage.turns) for passage in found[MOST_LOOPS:])
        lines.append(f"  … and {more:,} more loops")
    return "\n".join([*lines, "", report.times])


def passages(
    unit: Compilation, traced: Traced, fn: Callable[..., Any], given: Given
) -> list[Passage]:
    """The loops of a sequence, in order; those that say the same one after the other are one."""
    sequence = unit.sequence
    assert sequence is not None
    text = _Text(traced.recording, unit, given, variables(fn, traced))
    found = [(loop.start, text.loop(sequence, loop)) for loop in sequence.loops]
    found += [(run.start, text.turns(sequence, run)) for run in sequence.turns]
    said = [passage for _, passage in sorted(found, key=lambda x: x[0])]
    runs = [list(run) for _, run in groupby(said, lambda x: replace(x, turns=()))]
    return [replace(run[0], turns=tuple(x.turns[0] for x in run)) for run in runs]


def _said(passage: Passage, lanes: int = 0) -> list[str]:
    """A passage in words; of a batch, with its lanes."""
    head = f"for {passage.count} steps" + (f", {lanes:,} lanes" if lanes else "")
    if len(passage.turns) > 1:
        head += f", {len(passage.turns)} times"
    if passage.back:
        of = f": {', '.join(passage.lines)}" if passage.lines else ""
        sums = f"; {passage.sums} sums are added up" if passage.sums else ""
        return [f"back, {head}{of}{sums}"]
    inner = [line for part in passage.inner for line in _said(part)]
    left = [f"… and {passage.left:,} more"] if passage.left else []
    grows = ["(sums of unequal length)"] if passage.unequal else []
    return [f"{head}:", *(f"    {line}" for line in (*passage.lines, *inner, *left, *grows))]


class _Text:
    """Recorded operations as text."""

    def __init__(
        self, r: Recording, unit: Compilation, given: Given, names: dict[int, str]
    ) -> None:
        self._r, self._given, self._names = r, given, names
        self._argument = [space.number for space in unit.arguments.space]
        self._at = unit.arguments.at
        self._alone = np.bincount(self._argument, minlength=1) == 1
        self._last = _last_uses(r)
        self._uses = np.bincount(_operands(r)[_operands(r) >= 0], minlength=len(r))
        self._first = self._end = self._period = 0  # operations of the turn that is written

    def turns(self, sequence: InSequence, run: TurnRun) -> Passage:
        """Turns as loops within a loop."""
        origin = sequence.graph.origin[sequence.order[run.start : run.start + run.period]]
        if (origin < 0).any():
            return Passage((run.count,), self._derivatives(origin), back=True)
        inside = [Rolled(run.start + x.start, x.period, x.turns) for x in run.inner]
        left = run.period - sum(loop.period * loop.turns for loop in inside)
        inner = tuple(self.loop(sequence, loop) for loop in inside)
        return Passage((run.count,), inner=inner, left=left)

    def loop(self, sequence: InSequence, loop: Rolled) -> Passage:
        """A loop as a program would have it; on the way back, what it adds up."""
        nodes = sequence.order[loop.start : loop.end].reshape(loop.turns, loop.period)
        origin, turns = sequence.graph.origin[nodes], (loop.turns,)
        if (origin[1] < 0).any():
            return Passage(turns, self._derivatives(origin[1]), back=True, sums=len(loop.sums))
        ends = origin.max(1)
        self._first, self._end = int(ends[0]) + 1, int(ends[1]) + 1
        self._period = self._end - self._first
        body = [n for n in range(self._first, self._end) if self._is_statement(n)]
        lines = tuple(f"{self._name(n)} = {self._formula(n)[0]}" for n in body[:MOST_STATEMENTS])
        return Passage(turns, lines, left=len(body) - len(lines), unequal=loop.ragged)

    def _derivatives(self, origin: Ids) -> tuple[str, ...]:
        return tuple(f"∂{name}" for name in self._carried(-2 - origin[origin < -1]))

    def _carried(self, operations: Ids) -> list[str]:
        """The variables that these operations were assigned to."""
        found = dict.fromkeys(self._names[n] for n in operations.tolist() if n in self._names)
        return list(found)[:MOST_STATEMENTS]

    def _is_statement(self, n: int) -> bool:
        """Whether an operation of the turn has a line of its own."""
        if self._last[n] < 0:
            return False
        return n in self._names or self._last[n] >= self._end or self._uses[n] > 1

    def _name(self, n: int) -> str:
        """The variable of an operation, or of the one at its place in the next turn."""
        for same in (n, n + self._period, n + 2 * self._period):
            if same in self._names:
                return self._names[same]
        if n < self._first - self._period:
            return "…"
        return f"v{n - self._first + (self._period if n < self._first else 0)}"

    def _formula(self, n: int) -> tuple[str, int]:
        """The right side, and how tightly it holds together."""
        row, r = int(self._r.row[n]), self._r
        if row >= DETACHED:
            codes = r.many.get(n, r.a[n : n + 1]).tolist()
            inner = ", ".join(self._operand(c, n)[0] for c in codes)
            return (f"max({inner})" if n in r.many else inner), ATOM
        op = OPS[ROWS[row]]
        codes = [int(x[n]) for x in (r.a, r.b, r.c)[: op.arity]]
        texts = []
        for code, need in zip(codes, op.needs, strict=True):
            text, binds = self._operand(code, n)
            texts.append(text if binds >= need else f"({text})")
        static = [f"{r.static[n]:g}"] if op.has_static else []
        return op.text(*texts, *static), op.binds

    def _operand(self, code: int, user: int) -> tuple[str, int]:
        if 0 <= code < PARAMETERS:
            inner = self._first <= code < self._end and not self._is_statement(code)
            return self._formula(code) if inner else (self._name(code), ATOM)
        if code < INPUTS:
            return self._given.parameters[code - PARAMETERS] or f"p{code - PARAMETERS}", ATOM
        if code < CONSTANTS:
            k = code - INPUTS
            name = self._given.argument(self._argument[k])
            moves = "t" if self._moves(code, user) else str(self._at[k])
            return (name if self._alone[self._argument[k]] else f"{name}[{moves}]"), ATOM
        number = float(self._r.constants[code - CONSTANTS])
        same = not self._moves(code, user)
        return (f"{number:g}" if same else "c[t]"), ATOM if number >= 0 else 0

    def _moves(self, code: int, user: int) -> bool:
        """Whether the next turn reads something else there."""
        after = user + self._period
        if after >= len(self._r):
            return False
        others = [int(x[after]) for x in (self._r.a, self._r.b, self._r.c)]
        if code < CONSTANTS:
            return code not in others
        numbers = [self._r.constants[x - CONSTANTS] for x in others if x >= CONSTANTS]
        return self._r.constants[code - CONSTANTS] not in numbers


def _operands(r: Recording) -> Ids:
    """Of all operations what they use of what was recorded, in order; -1 for leaves."""
    codes = np.concatenate([r.a, r.b, r.c, *r.many.values()])
    return np.where(codes < PARAMETERS, codes, -1)


def _last_uses(r: Recording) -> Ids:
    """Of each operation the last that uses it; -1 if nothing does."""
    n = np.arange(len(r))
    users = np.concatenate([n, n, n, *(np.full(len(x), k) for k, x in r.many.items())])
    used = _operands(r)
    last = np.full(len(r), -1)
    np.maximum.at(last, used[used >= 0], users[used >= 0])
    outputs = r.outputs[(r.outputs >= 0) & (r.outputs < PARAMETERS)]
    last[outputs] = len(r)
    return last
