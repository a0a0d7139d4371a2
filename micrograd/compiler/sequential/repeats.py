"""Where a list of statements repeats itself: runs of equal forms, a period apart.

>>> repeats(np.array([7, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 9]), np.ones(18, bool))
[(1, 2, 8)]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.codes import Floats, Hashes, Ids, Mask, hashed, mixed, occurrences
from micrograd.compiler.nest.sequence import TOTAL, Scalars

LEAST = 8  # turns of a loop: fewer do not pay for making it
LEAST_INNER = 4  # of a loop in turns
MOST_PERIOD = 128  # statements of a body: more are no faster, and take LLVM longer
LEAST_PERIOD = 8  # statements of a turn that may have loops in it
GRAM = 4  # statements in a row whose repetition says what periods there may be
CANDIDATES = 40
LONG_CANDIDATES = 6

Signatures = Hashes
Repetition = tuple[int, int, int]  # the first statement, the period, how many turns


def forms(part: Scalars) -> Signatures:
    """Of each statement what it does, whatever it does it to: equal numbers are equal forms."""
    number = np.arange(len(part.u)) - part.first[part.owner]
    return _with_rows(part, hashed(*_of_terms(part), number))


def sets(part: Scalars) -> Signatures:
    """The same for sums of unequal length: how many products of a sort there are is left open."""
    classes, owner = hashed(*_of_terms(part)), part.owner
    order = np.lexsort((classes, owner))
    owner, sorted_ = owner[order], classes[order]
    again = np.zeros(len(order), bool)
    again[1:] = (owner[1:] == owner[:-1]) & (sorted_[1:] == sorted_[:-1])
    counted = (part.u[order] < 0) | (part.row[owner] != TOTAL)
    classes[order[again & ~counted]] = 0
    return _with_rows(part, classes)


def per_turn(step: Scalars) -> Signatures:
    """Of each statement of a turn by how much its operands move from turn to turn."""
    number = np.arange(len(step.u)) - step.first[step.owner]
    return hashed(_summed(step, hashed(step.u, step.v, number)), *step.args.T)


def reading(body: Scalars, step: Scalars, signs: Signatures, period: int) -> Signatures:
    """Of each statement of a turn what it does, and those of this turn and the last that it reads.

    Those are read that move by the period from turn to turn.
    """
    first = int(body.out.min())
    of = np.zeros(period, np.uint64)
    of[body.out - first] = signs

    def read(x: Ids, moves: Ids) -> Signatures:
        return np.where((x >= 0) & (moves == period), of[(x - first) % period], np.uint64(0))

    number = np.arange(len(body.u)) - body.first[body.owner]
    factors = read(body.u, step.u) + np.uint64(3) * read(body.v, step.v)
    places = np.array([1, 3, 5], np.uint64)
    of_args = (read(body.args, step.args) * places).sum(1)
    return mixed(signs + _summed(body, mixed(factors + mixed(number))) + mixed(of_args))


def repeats(
    given: NDArray[Any], free: Mask, exact: Signatures | None = None, least: int = LEAST
) -> list[Repetition]:
    """Runs of free statements that repeat, those that cover most first chosen; in order.

    Where a run may begin earlier or later, most that is `exact` repeats.
    """
    signs = _different(given, free)
    distances, times = _distances(signs)
    possible = distances <= MOST_PERIOD
    distances, times = distances[possible], times[possible]
    often = np.argsort(-times, kind="stable")[:CANDIDATES]
    return _runs(signs, sorted(distances[often].tolist()), free, exact, least)


def long_repeats(signs: Signatures, exact: Signatures, free: Mask) -> list[Repetition]:
    """The same for periods of turns, longer ones: those of which single statements tell.

    What is `exact` says where turns are in what is alike all along.
    """
    signs, exact = _different(signs, free), _different(exact, free)
    periods: set[int] = set()
    for distances, times in (_distances(signs), _distances(exact)):
        possible = (distances >= LEAST_PERIOD) & (times >= LEAST - 1)
        distances, times = distances[possible], times[possible]
        most = np.argsort(-times * distances, kind="stable")[:LONG_CANDIDATES]
        periods.update(distances[most].tolist())
    return _runs(signs, sorted(periods), free)


def _different(given: NDArray[Any], free: Mask) -> Signatures:
    """The signatures; what is not free is like nothing else."""
    different = mixed(np.arange(len(given)) + (1 << 50))
    signs: Signatures = np.where(free, given.astype(np.uint64), different)
    return signs


def _runs(
    signs: Signatures, periods: list[int], free: Mask, exact: Signatures | None = None,
    least: int = LEAST,
) -> list[Repetition]:  # fmt: skip
    found: list[Repetition] = []
    for period in periods:
        same, shortest = signs[period:] == signs[:-period], (least - 1) * period
        half = (shortest + 1) // 2  # a run has a whole block of half its length
        if not same[: len(same) // half * half].reshape(-1, half).all(1).any():
            continue
        ends = np.flatnonzero(~same)
        ends = np.concatenate([[-1], ends, [len(signs) - period]])
        for k in np.flatnonzero(np.diff(ends) > shortest).tolist():
            start, end = int(ends[k]) + 1, int(ends[k + 1])
            turns, slack = (end - start) // period + 1, (end - start) % period
            if exact is not None and slack:
                until = np.cumsum(exact[start + period : end + period] == exact[start:end])
                length = (turns - 1) * period
                whole = until[length - 1 : length + slack] - np.r_[0, until[:slack]]
                start += int(whole.argmax())
            found.append((start, period, turns))
    chosen, free = [], free.copy()
    for start, period, turns in sorted(found, key=lambda run: (-run[1] * run[2], run[1])):
        if free[start : start + period * turns].all():
            chosen.append((start, period, turns))
            free[start : start + period * turns] = False
    return sorted(chosen)


def _distances(signs: Signatures) -> tuple[Ids, Ids]:
    """Distances of equal statements in a row, and how often there are these."""
    if len(signs) <= GRAM:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    grams = signs[: len(signs) - GRAM + 1].copy()
    for k in range(1, GRAM):
        grams = mixed(grams + signs[k : len(grams) + k] * np.uint64(2 * k + 1))
    before = occurrences(grams)[1]
    again = np.flatnonzero(before >= 0)
    times = np.bincount(again - before[again])
    distances = np.flatnonzero(times)
    return distances, times[distances]


def _with_rows(part: Scalars, of_terms: Signatures) -> Signatures:
    """Of each statement what it does, from what its terms do."""
    return hashed(part.row, part.static, _summed(part, of_terms))


def _of_terms(part: Scalars) -> tuple[Floats, Ids]:
    return part.c, (part.u >= 0) + 2 * (part.v >= 0)


def _summed(part: Scalars, of_terms: Signatures) -> Signatures:
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(of_terms)])
    sums: Signatures = total[part.first[1:]] - total[part.first[:-1]]
    return sums
