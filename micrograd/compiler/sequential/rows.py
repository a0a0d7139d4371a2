"""Where what turns make lies: what is read one after the other does, and loops are of arrays.

Cells at walls, which have statements of their own, are in the rows of those that they enclose.
"""

from __future__ import annotations

import numpy as np

from micrograd.compiler.codes import NONE, Ids
from micrograd.compiler.sequential.loops import Rolled, plain_columns
from micrograd.compiler.sequential.turns import TurnRun, first_row


def lie_in_rows(found: list[TurnRun], base: int, top: int) -> Ids:
    """Where each address below `top` is best: in turns, what is read one after the other is."""
    places = np.arange(top)
    for turns in found:
        first = base + turns.start
        order = np.array(_in_rows(turns, first), np.int64)
        within = np.empty(turns.period, np.int64)
        within[order] = np.arange(turns.period)
        region = turns.region
        starts = base + region.start + region.period * np.arange(region.turns)
        places[base + region.start : base + region.end] = (starts[:, None] + within).ravel()
    return places


def _in_rows(turns: TurnRun, first: int) -> list[int]:
    """The statements of a turn, in rows: each followed by what is made, or read, after it."""
    after, before = np.full(turns.period, NONE), np.full(turns.period, NONE)
    turned = 0
    for start, period, count in turns.repetitions:
        loop = Rolled(start, period, count)
        made = start + np.arange(period * count).reshape(count, period)
        read, step = plain_columns(turns.body, loop), first_row(turns.step, loop)
        own = (step == turns.period) & (read[0] >= 0)
        near = ((read - first >= -turns.period) & (read - first < turns.period)).all(0)
        for column in (*made.T, *((read - first) % turns.period).T[own & near]):
            a, b = column[:-1], column[1:]
            new = (after[a] < 0) & (before[b] < 0) & (a != b)
            after[a[new]], before[b[new]] = b[new], a[new]
        moves = (read[1] - read[0])[~own & (read[0] >= 0)]
        turned += int((moves == -1).sum() - (moves == 1).sum()) * count
    rows = chains(after.tolist(), before.tolist())
    return [n for row in rows for n in (row[::-1] if turned > 0 else row)]


def chains(after: list[int], before: list[int]) -> list[list[int]]:
    """All numbers, each in one chain; a ring begins anywhere."""
    chains, done = [], [False] * len(after)
    heads = [n for n, k in enumerate(before) if k < 0]
    for n in [*heads, *range(len(after))]:
        if not done[n]:
            chain = [n]
            done[n] = True
            while (n := after[n]) >= 0 and not done[n]:
                done[n] = True
                chain.append(n)
            chains.append(chain)
    return sorted(chains, key=min)
