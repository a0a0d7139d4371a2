"""Turns of many statements that repeat themselves, as those of time in a simulation.

Within a turn there are loops again: cells of a row, particles. These are ordered nests with one
more axis, that of the turns, or arrays, if no index needs what another one makes: then what each
statement makes lies in a row. What is left is worked out number by number.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from micrograd.compiler.codes import Ids, Mask, mixed
from micrograd.compiler.nest.axes import mapped
from micrograd.compiler.nest.ir import WORK, Affine, Listed, Nest, Space, SpaceRole
from micrograd.compiler.nest.sequence import Scalars, TurnLoop
from micrograd.compiler.sequential.bodies import even_body
from micrograd.compiler.sequential.leaves import LeafRows, as_array
from micrograd.compiler.sequential.loops import (
    LoopOperand,
    Rolled,
    columns,
    even_edges,
    even_runs,
    find_loops,
    operands,
    plain_columns,
)
from micrograd.compiler.sequential.repeats import (
    LEAST,
    LEAST_INNER,
    MOST_PERIOD,
    Repetition,
    Signatures,
    forms,
    long_repeats,
    per_turn,
    reading,
    repeats,
)
from micrograd.compiler.sequential.sums import far_sums

MOST_PHASES = 8  # that are tried
MOST_ALONE = 1024  # terms of a turn that are in no loop: LLVM takes long for them


@dataclass(eq=False)
class TurnRun:
    """Statements from `start` on that are `period` to a turn, and the loops of the first turn.

    `step` says by how much the operands of the first turn move from turn to turn.
    """

    start: int
    period: int
    count: int
    base: int  # leaves are below this address
    body: Scalars  # the first turn
    step: Scalars
    inner: list[Rolled] = field(default_factory=list)  # of the body
    alike: Rolled | None = None  # these turns, and those around that do the same to something else
    nests: dict[tuple[int, int, int], Nest] = field(default_factory=dict)  # see `_inner`

    @property
    def end(self) -> int:
        """The first statement after it."""
        return self.start + self.period * self.count

    @property
    def region(self) -> Rolled:
        """All turns that do the same; what they make lies in the same way."""
        return self.alike or Rolled(self.start, self.period, self.count)

    @property
    def reads(self) -> list[tuple[Ids, Ids]]:
        """Operands of the first turn, and by how much they move."""
        return [(getattr(self.body, x), getattr(self.step, x)) for x in ("u", "v", "args")]

    @property
    def in_arrays(self) -> int:
        """How many of its statements are in arrays."""
        return self.count * sum(x.period * x.turns for x in self.arrays)

    @property
    def arrays(self) -> list[Rolled]:
        """The inner loops that are arrays."""
        return [x for x in self.inner if _is_array(self, x)]

    @cached_property
    def signs(self) -> Signatures:
        """Of each statement what it does, and how what it reads moves from turn to turn."""
        return mixed(forms(self.body) + per_turn(self.step))

    @cached_property
    def exact(self) -> Signatures:
        """The same, and what the statements do that it reads."""
        return reading(self.body, self.step, self.signs, self.period)

    @property
    def repetitions(self) -> list[Repetition]:
        """Where a turn repeats itself."""
        return repeats(self.signs, np.diff(self.body.first) <= MOST_ALONE, self.exact, LEAST_INNER)


def find_turns(part: Scalars, signs: Signatures, base: int, same: Ids) -> list[TurnRun]:
    """Turns, as yet without loops, of statements of these forms; addresses start at `base`."""
    found = []
    exact = mixed(signs + per_turn(_back(part, base)))
    for repetition in long_repeats(signs, exact, ~far_sums(part, base)):
        whole = Rolled(*repetition)
        runs = _even_runs(part, whole, same) if _may_have_loops(whole, signs) else []
        for run in runs:
            turns, alike = _turns(part, run, same), whole if len(runs) == 1 else run
            cut = _begins_within(turns) if run.turns > LEAST else 0
            if cut:
                run, alike = (Rolled(x.start + cut, x.period, x.turns - 1) for x in (run, alike))
                turns = _turns(part, run, same)
            if _needs_the_last(turns) and not _reads_a_fixed_turn(turns, base):
                turns.alike = alike
                found.append(turns)
    return sorted(found, key=lambda turns: turns.start)


def _may_have_loops(run: Rolled, signs: Signatures) -> bool:
    """Whether short turns repeat themselves: others are bodies of loops."""
    twice = signs[run.start : run.start + 2 * run.period]
    free = np.ones(len(twice), bool)
    return run.period > MOST_PERIOD or bool(repeats(twice, free, least=LEAST_INNER))


def _back(part: Scalars, base: int) -> Scalars:
    """How far back statements read what was made a turn ago or less."""
    own, most = base + np.arange(len(part)), len(part) // LEAST

    def back(x: Ids, user: Ids) -> Ids:
        return np.where((x >= base) & (user - x < most), user - x, 0)

    user = own[part.owner]
    args = back(part.args, own[:, None])
    return replace(part, u=back(part.u, user), v=back(part.v, user), args=args)


def with_loops(found: list[TurnRun], part: Scalars, base: int, same: Ids) -> list[TurnRun]:
    """Those that still move by the same steps where the statements lie now, and pay."""
    kept = []
    for old in found:
        runs = _even_runs(part, old.region, same)
        for run in sorted(runs, key=lambda run: -run.turns)[:1]:
            turns = _with_loops(part, run, same)
            alone = np.ones(turns.period, bool)
            for loop in turns.inner:
                alone[loop.start : loop.end] = False
            terms = np.diff(turns.body.first) + (turns.body.row >= 0)
            pays = terms[alone].sum() <= MOST_ALONE
            if turns.period <= MOST_PERIOD:  # it is the body of a loop otherwise
                pays &= 2 * turns.in_arrays > turns.period * turns.count
            if pays and not _reads_a_fixed_turn(turns, base):
                kept.append(turns)
    return kept


def _even_runs(part: Scalars, run: Rolled, same: Ids) -> list[Rolled]:
    """The pieces in which all operands move by the same steps from turn to turn."""
    return even_runs(run, even_edges(np.diff(columns(part, run, same), axis=0)), LEAST)


def _with_loops(part: Scalars, run: Rolled, same: Ids) -> TurnRun:
    turns = _turns(part, run, same)
    turns.inner = _inner_loops(turns, len(same))
    return turns


def _begins_within(turns: TurnRun) -> int:
    """Where the loop ends in which a turn begins and the one before it ends; 0: in none."""
    twice = np.tile(turns.exact, 2)
    found = repeats(twice, np.ones(len(twice), bool))
    n = turns.period
    return next((at + p * count - n for at, p, count in found if at < n < at + p * count), 0)


def _inner_loops(turns: TurnRun, addresses: int) -> list[Rolled]:
    free = np.diff(turns.body.first) <= MOST_ALONE
    same = np.arange(addresses)
    found = find_loops(turns.body, turns.signs, free, same, False, 0, turns.exact, LEAST_INNER)
    even = [loop for loop in found if _makes_evenly(turns, loop)]
    return [_in_phase(turns, loop) for loop in sorted(even, key=lambda loop: loop.start)]


def _makes_evenly(turns: TurnRun, loop: Rolled) -> bool:
    out = turns.body.out[loop.start : loop.end].reshape(loop.turns, -1)
    return bool((np.diff(out, axis=0) == out[1] - out[0]).all())


def _in_phase(turns: TurnRun, loop: Rolled) -> Rolled:
    """The loop from that statement of its body on from which it is one of arrays, if any."""
    for phase in range(min(loop.period, MOST_PHASES) if loop.turns > LEAST_INNER else 0):
        moved = Rolled(loop.start + phase, loop.period, loop.turns - (phase > 0))
        if _is_array(turns, moved):
            return moved
    return loop


def _is_array(turns: TurnRun, loop: Rolled) -> bool:
    return not _inner(turns, loop).ordered


def _inner(turns: TurnRun, loop: Rolled) -> Nest:
    key = loop.start, loop.period, loop.turns
    if key not in turns.nests:
        read = operands(plain_columns(turns.body, loop))
        turns.nests[key] = as_array(_moving(turns, loop, read), turns.base)
    return turns.nests[key]


def _turns(part: Scalars, run: Rolled, same: Ids) -> TurnRun:
    found = columns(part, run, same)
    body = part.part(run.start, run.start + run.period)
    at, step = (_with_operands(body, x) for x in (found[0], found[1] - found[0]))
    return TurnRun(run.start, run.period, run.turns, int(part.out.min()), at, step)


def _with_operands(body: Scalars, row: Ids) -> Scalars:
    width = len(body.u)
    args = row[2 * width :].reshape(-1, 3)
    return replace(body, u=row[:width], v=row[width : 2 * width], args=args)


def _needs_the_last(turns: TurnRun) -> bool:
    """Whether a turn needs what the one before it made: others are better done together."""
    first = int(turns.body.out[0])
    return any(((x < first) & (moves == turns.period)).any() for x, moves in turns.reads)


def _reads_a_fixed_turn(turns: TurnRun, base: int) -> bool:
    """Whether something is read of the turns that does not move along with them."""
    first, end = base + turns.start, base + turns.end
    for at, step in turns.reads:
        last = at + (turns.count - 1) * step
        inside = (at >= 0) & (step != turns.period)
        if (inside & (np.maximum(at, last) >= first) & (np.minimum(at, last) < end)).any():
            return True
    return False


def left_over(part: Scalars, moved: Mask, found: list[TurnRun]) -> list[tuple[int, int, Nest]]:
    """Loops of what has moved, but is in no turns: where they start and end, and the nests."""
    nests, rest = [], moved.copy()
    for turns in found:
        rest[turns.start : turns.end] = False
    edges = np.flatnonzero(np.diff(np.r_[False, rest, False].astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        body = part.part(start, end)
        args, u, v = (np.zeros_like(x) for x in (body.args, body.u, body.v))
        step = replace(body, args=args, u=u, v=v)
        alone = TurnRun(start, end - start, 1, int(part.out.min()), body, step)
        for loop in _inner_loops(alone, int(part.out.max()) + 1):
            nest = _of_last_axis(_inner(alone, loop))
            nests.append((start + loop.start, start + loop.end, nest))
    return nests


def _of_last_axis(nest: Nest) -> Nest:
    def along(x: Affine | Listed) -> Affine | Listed:
        return x if isinstance(x, Listed) else x._replace(strides=x.strides[1:])

    return mapped(nest, nest.extents[1:], along)


# ---- nests ---------------------------------------------------------------------------------------


def loop_of(turns: TurnRun, rows: LeafRows) -> TurnLoop:
    """The turns as a part of a sequence."""
    nests, done = [], 0
    for loop in turns.inner:
        if loop.start > done:
            nests.append(_alone(turns, done, loop.start))
        nests.append(rows.read_by(_inner(turns, loop)))
        done = loop.end
    if turns.period > done:
        nests.append(_alone(turns, done, turns.period))
    return TurnLoop(turns.count, tuple(nests))


def _alone(turns: TurnRun, start: int, end: int) -> Nest:
    """Statements that are in no loop, as one of a single index."""
    loop = Rolled(start, end - start, 1)
    read: list[LoopOperand] = [
        None if base < 0 else Affine(WORK, base, (loop.period,))
        for base in plain_columns(turns.body, loop)[0].tolist()
    ]
    return _moving(turns, loop, read)


def _moving(turns: TurnRun, loop: Rolled, read: list[LoopOperand]) -> Nest:
    """A nest with an axis of turns before that of the loop."""
    moved: list[LoopOperand] = []
    for x, s in zip(read, first_row(turns.step, loop).tolist(), strict=True):
        if isinstance(x, Listed):
            x = Listed(Space.of(SpaceRole.WORK, 0, s), x.index)
        elif x is not None:
            x = Affine(x.space, x.base, (s, *x.strides))
        moved.append(x)
    out = turns.body.out[loop.start : loop.end].reshape(loop.turns, -1)
    along = (out[1] - out[0]).tolist() if loop.turns > 1 else [loop.period] * loop.period
    outs = [
        Affine(WORK, base, (turns.period, s))
        for base, s in zip(out[0].tolist(), along, strict=True)
    ]
    body = even_body(turns.body, loop, moved, outs, np.ones(loop.period, bool))
    return Nest((1, loop.turns), tuple(body), ordered=True)


def first_row(step: Scalars, loop: Rolled) -> Ids:
    """By how much the operands of a loop move from turn to turn, in the order of `columns`."""
    i, j = step.first[loop.start], step.first[loop.start + loop.period]
    args = step.args[loop.start : loop.start + loop.period]
    return np.concatenate([step.u[i:j], step.v[i:j], args.ravel()])
