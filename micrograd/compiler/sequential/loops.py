"""Loops in place of statements that repeat themselves: ordered nests.

In a loop an operand moves by the same step from turn to turn, or it is looked up in a list. The
first and the last turn, which often read something else, may stay outside. A long sum of what the
turns make is added up in the loop. What is read where it is in no register is left in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask
from micrograd.compiler.nest.ir import WORK, Affine, Listed, Statement
from micrograd.compiler.nest.sequence import Scalars, addresses
from micrograd.compiler.sequential.repeats import LEAST, Repetition, Signatures, repeats

LoopOperand = Affine | Listed | None  # None: there is none

LEAST_UNEQUAL = 64  # turns of a loop whose sums are of unequal length: others are lists anyway
LISTS = 0.34  # of the operands of a loop, the part that may be looked up


@dataclass(slots=True, eq=False)
class Rolled:
    """TurnOf of a body: `period` statements from `start` on, `turns` times."""

    start: int
    period: int
    turns: int
    ragged: bool = False  # its sums are of unequal length
    sums: list[Statement] = field(default_factory=list)  # what is added up along it

    @property
    def end(self) -> int:
        """The first statement after it."""
        return self.start + self.period * self.turns


def find_loops(
    part: Scalars, signs: Signatures, free: Mask, same: Ids, ragged: bool, least: int = 0,
    exact: Signatures | None = None, turns: int = LEAST,
) -> list[Rolled]:  # fmt: skip
    """Loops among the free statements, which are then not free.

    `same` has an address for equal constants. Ragged ones have sums of unequal length, which
    `signs` leave open. None is of less than `least` statements, or `turns`; `exact` is that of
    `repeats`.
    """
    loops = []
    for run in repeats(signs, free, exact, turns) if free.sum() > turns else ():
        for loop in _pieces(part, run, ragged, same, turns, least):
            loops.append(loop)
            free[loop.start : loop.end] = False
    return loops


def _pieces(
    part: Scalars, run: Repetition, ragged: bool, same: Ids, least: int, statements: int
) -> Iterator[Rolled]:
    """A run as one loop, or as several in which operands move evenly."""
    start, period, turns = run
    least = max(least, -(-statements // period))
    if turns < least:
        return
    if ragged:
        if turns >= LEAST_UNEQUAL:
            yield Rolled(start, period, turns, ragged=True)
        return
    whole = Rolled(*run)
    moved = np.diff(columns(part, whole, same), axis=0)
    edges = even_edges(moved)
    if np.diff(edges).max() + 1 < turns - 4:
        inside = moved[1 : turns - 2]
        even = (inside == inside[:1]).all(0)
        used = (columns(part, Rolled(start, period, 1), same) >= 0).any(0)
        if turns - 2 >= least and (~even & used).sum() <= LISTS * used.sum():
            ends = (moved[[0, -1]] == inside[0])[:, even].all(1).tolist()  # they may be even, too
            first, left_out = 1 - ends[0], 2 - sum(ends)
            yield Rolled(start + first * period, period, turns - left_out)
            return
    yield from even_runs(whole, edges, least)


def even_edges(moved: Ids) -> list[int]:
    """Where operands begin to move by other steps than before, from the first turn to the last."""
    breaks = np.flatnonzero((moved[1:] != moved[:-1]).any(1)) + 1
    return [0, *breaks.tolist(), len(moved)]


def even_runs(run: Rolled, edges: list[int], least: int) -> list[Rolled]:
    """The pieces, of at least so many turns, in which all operands move by the same steps."""
    found: list[Rolled] = []
    done = 0
    for first, end in pairwise(edges):
        first = max(first, done)
        if end - first + 1 >= least:
            found.append(Rolled(run.start + first * run.period, run.period, end - first + 1))
            done = end + 1
    return found


def columns(part: Scalars, loop: Rolled, same: Ids) -> Ids:
    """The operands, a row a turn: factors u of all terms, factors v, arguments of rows.

    Of equal constants in all turns it is the first one.
    """
    found = plain_columns(part, loop)
    first = same[found[0]]
    may = np.flatnonzero((found[0] >= 0) & (first == same[found[-1]]))
    may = may[(same[found[:, may]] == first[may]).all(0)]
    found[:, may] = first[may]
    return found


def plain_columns(part: Scalars, loop: Rolled) -> Ids:
    """The same, of constants as they are."""
    a, turns = loop.start, loop.turns
    i, width = part.first[a], part.first[a + loop.period] - part.first[a]
    of_terms = [x[i : i + width * turns].reshape(turns, width) for x in (part.u, part.v)]
    args = part.args[a : a + loop.period * turns].reshape(turns, 3 * loop.period)
    return np.concatenate([*of_terms, args], axis=1)


def operands(found: Ids) -> list[LoopOperand]:
    """What a loop reads, for each column: at even steps, or as listed; None if it is nothing."""
    steps = np.diff(found[:2], axis=0)[0] if len(found) > 1 else np.zeros(found.shape[1], np.int64)
    even = (np.diff(found, axis=0) == steps).all(0).tolist()
    read: list[LoopOperand] = []
    for k, (base, step) in enumerate(zip(found[0].tolist(), steps.tolist(), strict=True)):
        if base < 0:
            read.append(None)
        else:
            moves = Affine(WORK, base, (step,)) if even[k] else Listed(WORK, found[:, k].copy())
            read.append(moves)
    return read


@dataclass(slots=True, eq=False)
class TurnOf:
    """Of each statement the loop that it is in (or NONE), the turn, and its place in the body."""

    loop: Ids
    turn: Ids
    slot: Ids

    @staticmethod
    def of(loops: list[Rolled], size: int) -> TurnOf:
        """Those of a list of statements of that size."""
        turns = TurnOf(*(np.full(size, NONE) for _ in range(3)))
        for k, loop in enumerate(loops):
            count = np.arange(loop.period * loop.turns)
            turns.loop[loop.start : loop.end] = k
            turns.turn[loop.start : loop.end] = count // loop.period
            turns.slot[loop.start : loop.end] = count % loop.period
        return turns


def needed(part: Scalars, base: int, loops: list[Rolled], turns: TurnOf, same: Ids,
           roots: Ids) -> list[Mask]:  # fmt: skip
    """For each loop which statements of its body are stored in every turn.

    Those are read by others than the same turn and the next, and not only as the last turn left
    them; `roots` are read at last.
    """
    direct = _direct(part, loops, same)
    store = np.zeros(len(part), bool)
    last = np.array([loop.turns - 1 for loop in loops])
    for user, used, registers in direct:
        at = used - base
        inner = (at >= 0) & (at < len(part))
        user, at, registers = user[inner], at[inner], registers[inner]
        inner = turns.loop[at] >= 0
        user, at, registers = user[inner], at[inner], registers[inner]
        apart = turns.turn[user] - turns.turn[at]
        together = (turns.loop[user] == turns.loop[at]) & registers & ((apart == 0) | (apart == 1))
        left = (turns.loop[user] != turns.loop[at]) & (turns.turn[at] == last[turns.loop[at]])
        store[at[~together & ~left]] = True
    at = roots[turns.loop[roots] >= 0]
    store[at[turns.turn[at] != last[turns.loop[at]]]] = True
    for loop in loops:
        for s in loop.sums:
            for x in s.inputs:
                _note(x, loop, part, base, turns, store)
    stored = (store[loop.start : loop.end].reshape(loop.turns, -1) for loop in loops)
    return [np.asarray(x.any(0)) for x in stored]


def _note(
    x: Affine | Listed, loop: Rolled, part: Scalars, base: int, turns: TurnOf, store: Mask
) -> None:
    """Store what is read by what is added up, but for what the same turn made."""
    at = addresses(x, (loop.turns,)) - base
    count = np.arange(loop.turns)
    inner = (at >= 0) & (at < len(part))
    at, count = at[inner], count[inner]
    own = (at >= loop.start) & (at < loop.end) & (turns.turn[at] == count)
    own &= isinstance(x, Affine)
    store[at[~own]] = True


def _direct(part: Scalars, loops: list[Rolled], same: Ids) -> list[tuple[Ids, Ids, Mask]]:
    """(user, used, whether it is found in a register if it is of this turn or the one before)."""
    of_u, of_v = np.zeros(len(part.u), bool), np.zeros(len(part.u), bool)
    of_args = np.zeros(part.args.shape, bool)
    for loop in loops:
        if loop.ragged:
            continue
        found = columns(part, loop, same)
        even = (np.diff(found, axis=0) == loop.period).all(0)
        i, width = part.first[loop.start], (found.shape[1] - 3 * loop.period) // 2
        j = i + width * loop.turns
        of_u[i:j] = np.tile(even[:width], loop.turns)
        of_v[i:j] = np.tile(even[width : 2 * width], loop.turns)
        of_args[loop.start : loop.end] = np.tile(
            even[2 * width :].reshape(loop.period, 3), (loop.turns, 1)
        )
    users, places = np.nonzero(part.args >= 0)
    owner = part.owner
    return [
        (owner, part.u, of_u), (owner, part.v, of_v),
        (users, part.args[users, places], of_args[users, places]),
    ]  # fmt: skip
