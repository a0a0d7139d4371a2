"""Where a recording repeats itself, turn by turn, so that a turn needs what the ones before made.

A turn is as long as it takes until the same numbers are read again: the weights of a recurrent
layer, the constants of a filter. Each operand of its operations then is made in the same turn, or
made some turns before (it is carried), or the same in every turn, or another in each.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from micrograd.compiler.codes import ROWS, Hashes, Ids, Mask
from micrograd.compiler.trace.recording import (
    CHOICES,
    CONSTANTS,
    DETACHED,
    PARAMETERS,
    Recording,
)
from micrograd.exporting.loops.operands import FlatOperands, signatures
from micrograd.ops import OPS

LEAST = 3  # turns of a loop
MOST_LAG = 12  # turns that something is carried on for
MOST_USES = 512  # of one number in a turn, that periods are found by
MOST_PERIODS = 512  # that are tried
MOST_PHASES = 64
MOST_TRIED = 400_000  # operations, in all phases of a run
LEAST_PART = 0.1  # of a recording that a loop covers
MOST_OPERATIONS = 400_000  # of a recording: to look for turns in longer ones takes long
SAME_TURN, CARRIED, FIXED, MOVING = range(4)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedTurns:
    """Operations from `start` on, `period` to a turn.

    `codes` is what each turn reads: (count, operands). Of each operand `sort` says what it is;
    `made` which operation of a turn makes it, and `lag` how many turns before.
    """

    start: int
    period: int
    count: int
    codes: Ids
    sort: Ids
    made: Ids
    lag: Ids

    @property
    def end(self) -> int:
        """The first operation after it."""
        return self.start + self.period * self.count

    @property
    def carried(self) -> set[tuple[int, int]]:
        """What is carried: an operation of a turn, and for how many turns."""
        own = self.sort == CARRIED
        return set(zip(self.made[own].tolist(), self.lag[own].tolist(), strict=True))


def find_turns(r: Recording, start: int = 0, end: int | None = None) -> list[RecordedTurns]:
    """Loops in a range of a recording, in order, those first found that cover most of it."""
    end = len(r) if end is None else end
    flat = FlatOperands.of(r)
    signs = signatures(r, flat)
    found: list[RecordedTurns] = []
    ranges = [(start, end)] if len(r) <= MOST_OPERATIONS else []
    while ranges:
        first, last = ranges.pop()
        best = _longest(r, flat, signs, first, last)
        if best is not None and best.period * best.count >= LEAST_PART * (end - start):
            found.append(best)
            ranges += [(first, best.start), (best.end, last)]
    return sorted(found, key=lambda turns: turns.start)


def _longest(
    r: Recording, flat: FlatOperands, signs: Hashes, first: int, last: int
) -> RecordedTurns | None:
    """The recurrence that covers most of a range; of equal ones that of the shortest turn."""
    best: RecordedTurns | None = None
    sums: list[tuple[int, int]] = []  # of runs that only add up: the length and the period
    for start, length, period in _runs(flat, signs, first, last):
        covered = best.period * best.count if best else 0
        if length // period * period <= covered or any(
            period % p == 0 and n >= 0.9 * length for n, p in sums
        ):
            continue
        phases = min(length % period + 1, MOST_PHASES, 1 + MOST_TRIED // length)
        for phase in range(phases):
            turns = turns_at(r, flat, start + phase, period, length // period)
            if turns is None:
                continue
            if not _is_recurrence(r, flat, turns):
                sums.append((length, period))
                break
            if best is None or best.period != period or len(turns.carried) < len(best.carried):
                best = turns
    return best


def _runs(flat: FlatOperands, signs: Hashes, first: int, last: int) -> list[tuple[int, int, int]]:
    """Where operations are like those a period before: the start, the length and the period."""
    found = []
    own = signs[first:last]
    for period in _periods(flat, first, last):
        same = np.concatenate([[False], own[period:] == own[:-period], [False]])
        cuts = np.flatnonzero(np.diff(same.view(np.int8)))
        for a, b in zip(cuts[::2].tolist(), cuts[1::2].tolist(), strict=True):
            if b - a >= (LEAST - 1) * period:
                start = _after_fixed(flat, first + a, b - a + period, period)
                if start is not None and first + b - start >= (LEAST - 1) * period:
                    found.append((start, first + b - start + period, period))
    return sorted(found, key=lambda run: run[2])


def _after_fixed(flat: FlatOperands, start: int, length: int, period: int) -> int | None:
    """Where a run may begin: after what of it is read in every turn, as it is made before them.

    None if something is read neither so nor at the same distance, but at the ends of the run.
    """
    end = start + length // period * period
    before = flat.read_by(start + period, end - period)
    after = flat.read_by(start + 2 * period, end)
    own = (np.minimum(before, after) >= start) & (np.maximum(before, after) < PARAMETERS)
    moved = after[own] - before[own]
    if not ((moved == period) | (moved == 0)).all():
        return None
    return int(after[own][moved == 0].max(initial=start - 1)) + 1


def _periods(flat: FlatOperands, first: int, last: int) -> list[int]:
    """Distances at which leaves are read again."""
    codes = flat.read_by(first, last)
    user = np.repeat(np.arange(first, last), np.diff(flat.first[first : last + 1]))
    leaf = codes >= PARAMETERS
    codes, user = codes[leaf], user[leaf]
    order = np.lexsort((user, codes))
    codes, user = codes[order], user[order]
    times = np.zeros((last - first) // LEAST + 1, np.int64)
    for k in range(1, min(MOST_USES, len(codes) - 1) + 1):
        same = codes[k:] == codes[:-k]
        distances = (user[k:] - user[:-k])[same]
        times += np.bincount(distances[distances < len(times)], minlength=len(times))
    times[:2] = 0
    return np.flatnonzero(times >= LEAST - 1)[:MOST_PERIODS].tolist()  # type: ignore[no-any-return]


def turns_at(
    r: Recording, flat: FlatOperands, start: int, period: int, count: int
) -> RecordedTurns | None:
    """The turns that begin there, if each reads as the others do."""
    codes = flat.read_by(start, start + period * count).reshape(count, -1)
    begin = start + period * np.arange(count)[:, None]
    last, place = codes[-1], codes[-1] - begin[-1, 0]
    made = last < PARAMETERS
    same = made & (place >= 0)
    carried = made & (place < 0) & (last >= start)
    lag = np.where(carried, -(place // period), 0)
    even = codes - begin == place
    late = np.arange(count)[:, None] >= lag
    if not even[late & (same | carried)].all() or (lag > MOST_LAG).any():
        return None
    before = (codes < start) | (codes >= PARAMETERS)
    if not before[~late].all() or not before[:, ~(same | carried)].all():
        return None
    fixed = _is_fixed(r, codes)
    sort = np.select([same, carried, fixed], [SAME_TURN, CARRIED, FIXED], MOVING)
    if not _moves_well(codes, sort):
        return None
    return RecordedTurns(start, period, count, codes, sort, np.where(made, place % period, -1), lag)


def _is_fixed(r: Recording, codes: Ids) -> Mask:
    """Whether every turn reads the same; constants are the same if they are equal."""
    fixed: Mask = (codes == codes[0]).all(0)
    constant = (codes >= CONSTANTS) & (codes < CHOICES)
    own = constant.all(0) & ~fixed
    bits = r.constants[codes[:, own] - CONSTANTS].view(np.int64)
    fixed[own] = (bits == bits[0]).all(0)
    return fixed


def _moves_well(codes: Ids, sort: Ids) -> bool:
    """Whether what moves is of one kind in all turns, and parameters are mostly the same ones."""
    kind = codes >> 40
    moving = sort == MOVING
    if (kind[:, moving] != kind[0, moving]).any():
        return False
    parameters = kind[0] == PARAMETERS >> 40
    return bool((parameters & moving).sum() <= (parameters & (sort == FIXED)).sum())


def _is_recurrence(r: Recording, flat: FlatOperands, turns: RecordedTurns) -> bool:
    """Whether turns do more with what they are given than add to it.

    What counts is what goes round: is made of what was carried, and carried to where it is needed
    for that.
    """
    first = turns.start + turns.period * (turns.count - 1)
    starts = flat.first[first : first + turns.period + 1] - flat.first[first]
    reads = [
        [(turns.sort[m], int(turns.made[m])) for m in range(a, b) if turns.sort[m] <= CARRIED]
        for a, b in pairwise(starts.tolist())
    ]
    round_ = {made for made, _ in turns.carried}
    before = -1
    while before != len(round_):
        before = len(round_)
        made_of = _reached(reads, round_)
        round_ &= made_of
        needed = _needed(reads, round_)
        round_ = {made for made in round_ if made in needed[1]}
    inside = made_of & needed[0]
    uses = Counter(made for n in inside for _, made in reads[n])
    for n in inside:
        mine = [made in (round_ if sort == CARRIED else inside) for sort, made in reads[n]]
        if sum(mine) > 1 or not _adds(r, first + n, flat, turns, inside, round_):
            return True
        if any(uses[made] > 1 for (_, made), own in zip(reads[n], mine, strict=True) if own):
            return True
    return False


Reads = list[list[tuple[int, int]]]


def _reached(reads: Reads, carried: set[int]) -> set[int]:
    """The operations of a turn that are computed from these of the turns before."""
    found: set[int] = set()
    for n, own in enumerate(reads):
        if any(made in (carried if sort == CARRIED else found) for sort, made in own):
            found.add(n)
    return found


def _needed(reads: Reads, carried: set[int]) -> tuple[set[int], set[int]]:
    """The operations of a turn that these need, and what they need of the turns before."""
    found, before = set(carried), set()
    for n in range(len(reads) - 1, -1, -1):
        if n in found:
            found |= {made for sort, made in reads[n] if sort == SAME_TURN}
            before |= {made for sort, made in reads[n] if sort == CARRIED}
    return found, before


def _adds(
    r: Recording,
    n: int,
    flat: FlatOperands,
    turns: RecordedTurns,
    inside: set[int],
    carried: set[int],
) -> bool:
    """Whether an operation adds something to what goes round."""
    row = int(r.row[n])
    if row >= DETACHED or OPS[ROWS[row]].arity != 2:
        return False
    first = int(flat.first[turns.end - turns.period])
    at = [int(flat.first[n]) - first + k for k in range(2)]
    goes = [
        int(turns.made[m]) in (carried if turns.sort[m] == CARRIED else inside)
        and turns.sort[m] <= CARRIED
        for m in at
    ]
    terms = OPS[ROWS[row]].terms("a", "b") or ()
    return (1.0, "ab"[goes.index(True)]) in terms and all(len(term) == 2 for term in terms)
