"""Stretches of a tape that repeat: the turns of a loop, of which a picture shows one card."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from micrograd.tape.tape import Tape

LEAST_TIMES = 4
MOST_PERIODS = 30  # that are tried
_WINDOW = 4  # nodes that look alike where a period may begin


@dataclass(frozen=True)
class Turns:
    """The nodes from `start` to `stop`: `times` turns, each like the one before."""

    start: int
    stop: int
    times: int


def runs(tape: Tape) -> list[Turns]:
    """Stretches that repeat at least four times, apart from each other, in order.

    >>> from micrograd import Value
    >>> from micrograd.tape.tape import take
    >>> v = Value(1.0)
    >>> for _ in range(100):
    ...     v = v * 2.0 + 1.0
    >>> [run.times for run in runs(take(v)[0])]
    [100]
    """
    codes: dict[object, int] = {}
    looks = np.array(
        [
            codes.setdefault((node.op, tuple(i - j for j in node.inputs)), len(codes))
            for i, node in enumerate(tape.nodes)
        ],
        dtype=np.int64,
    )
    loose = np.array(
        [codes.setdefault((node.op, len(node.inputs)), len(codes)) for node in tape.nodes]
    )
    found: list[Turns] = []
    for period in _periods(loose):
        found += _of_period(tape, looks, loose, period)
    chosen: list[Turns] = []
    for run in sorted(found, key=lambda run: (run.start - run.stop, -run.times)):
        if all(run.stop <= other.start or run.start >= other.stop for other in chosen):
            chosen.append(run)
    return sorted(chosen, key=lambda run: run.start)


def _periods(loose: NDArray[np.int64]) -> list[int]:
    """The most common distances between places that look alike, short ones first."""
    n = len(loose) - _WINDOW + 1
    if n <= 0:
        return []
    windows = np.stack([loose[k : k + n] for k in range(_WINDOW)], axis=1)
    _, kinds = np.unique(windows, axis=0, return_inverse=True)
    order = np.argsort(kinds, kind="stable")
    gaps = np.diff(order)[np.diff(kinds.ravel()[order]) == 0]
    common = Counter(gaps.tolist()).most_common(MOST_PERIODS)
    return sorted(gap for gap, times in common if times >= LEAST_TIMES)


def _of_period(
    tape: Tape, looks: NDArray[np.int64], loose: NDArray[np.int64], period: int
) -> list[Turns]:
    """Where nodes look like those one period before, inputs and all.

    An input may lie as far back as in the turn before, or be the same node in every turn.
    """
    same = looks[period:] == looks[:-period]
    for i in np.flatnonzero(~same & (loose[period:] == loose[:-period])):
        now, before = tape.nodes[i + period].inputs, tape.nodes[i].inputs
        same[i] = all(a == b or a - b == period for a, b in zip(now, before, strict=True))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
    found = []
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        times = (end - begin) // period + 1
        if times >= LEAST_TIMES:
            found.append(Turns(begin, begin + times * period, times))
    return found
