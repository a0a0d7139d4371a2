"""Where a list of statements repeats itself: runs of equal forms, a period apart.

>>> repeats(np.array([7, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 9]), np.ones(18, bool))
[(1, 2, 8)]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.arrays.schedule import mixed
from micrograd.compiler.codes import Floats, Ids, Mask
from micrograd.compiler.nest.sequence import TOTAL, Scalars

LEAST = 8  # turns of a loop: fewer do not pay for making it
MOST_PERIOD = 128  # statements of a body: more are no faster, and take LLVM longer
GRAM = 4  # statements in a row whose repetition says what periods there may be
CANDIDATES = 40
LONG_CANDIDATES = 6

Signatures = NDArray[np.uint64]
Repetition = tuple[int, int, int]  # the first statement, the period, how many turns


def forms(part: Scalars) -> Signatures:
    """Of each statement what it does, whatever it does it to: equal numbers are equal forms."""
    number = np.arange(len(part.u)) - part.first[part.owner]
    return mixed(_of_rows(part) + _summed(part, mixed(_of_terms(part) + mixed(number))))


def sets(part: Scalars) -> Signatures:
    """The same for sums of unequal length: how many products of a sort there are is left open."""
    classes = _of_terms(part)
    order = np.lexsort((classes, part.owner))
    owner, sorted_ = part.owner[order], classes[order]
    again = np.zeros(len(order), bool)
    again[1:] = (owner[1:] == owner[:-1]) & (sorted_[1:] == sorted_[:-1])
    classes = classes.copy()
    counted = (part.u[order] < 0) | (part.row[owner] != TOTAL)
    classes[order[again & ~counted]] = 0
    return mixed(_of_rows(part) + _summed(part, classes))


def per_turn(step: Scalars) -> Signatures:
    """Of each statement of a turn by how much its operands move from turn to turn."""
    number = np.arange(len(step.u)) - step.first[step.owner]
    moves = mixed(mixed(step.u) + mixed(step.v) * np.uint64(3) + mixed(number))
    args = mixed(step.args)
    of_args = args[:, 0] + np.uint64(3) * args[:, 1] + np.uint64(5) * args[:, 2]
    return mixed(_summed(step, moves) + of_args)


def repeats(given: NDArray[Any], free: Mask) -> list[Repetition]:
    """Runs of free statements that repeat, those that cover most first chosen; in order."""
    signs = _different(given, free)
    distances, times = _distances(signs)
    possible = distances <= MOST_PERIOD
    distances, times = distances[possible], times[possible]
    often = np.argsort(-times, kind="stable")[:CANDIDATES]
    return _runs(signs, sorted(distances[often].tolist()), free)


def long_repeats(given: NDArray[Any], free: Mask) -> list[Repetition]:
    """The same for periods that are longer: those of which single statements tell."""
    signs = _different(given, free)
    distances, times = _distances(signs)
    possible = (distances > MOST_PERIOD) & (times >= LEAST - 1)
    distances, times = distances[possible], times[possible]
    most = np.argsort(-times * distances, kind="stable")[:LONG_CANDIDATES]
    return _runs(signs, sorted(distances[most].tolist()), free)


def _different(given: NDArray[Any], free: Mask) -> Signatures:
    """The signatures; what is not free is like nothing else."""
    different = mixed(np.arange(len(given)) + (1 << 50))
    signs: Signatures = np.where(free, given.astype(np.uint64), different)
    return signs


def _runs(signs: Signatures, periods: list[int], free: Mask) -> list[Repetition]:
    found: list[Repetition] = []
    for period in periods:
        ends = np.flatnonzero(signs[period:] != signs[:-period])
        ends = np.concatenate([[-1], ends, [len(signs) - period]])
        for k in np.flatnonzero(np.diff(ends) > (LEAST - 1) * period).tolist():
            start, end = int(ends[k]) + 1, int(ends[k + 1])
            found.append((start, period, (end - start) // period + 1))
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
    order = np.argsort(grams, kind="stable")
    same = grams[order][1:] == grams[order][:-1]
    distances, times = np.unique(np.diff(order)[same], return_counts=True)
    return distances, times


def _of_rows(part: Scalars) -> Signatures:
    return mixed(part.row) + mixed(_bits(part.static)) * np.uint64(5)


def _of_terms(part: Scalars) -> Signatures:
    return mixed(mixed(_bits(part.c)) + mixed((part.u >= 0) + 2 * (part.v >= 0)))


def _summed(part: Scalars, of_terms: Signatures) -> Signatures:
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(of_terms)])
    sums: Signatures = total[part.first[1:]] - total[part.first[:-1]]
    return sums


def _bits(x: Floats) -> Ids:
    return np.nan_to_num(np.ascontiguousarray(x, np.float64), nan=-7.5e77).view(np.int64)
