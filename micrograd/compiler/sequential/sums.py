"""Long sums of what the turns of a loop make, added up in the loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask, hashed, occurrences
from micrograd.compiler.graph.graph import spans
from micrograd.compiler.nest.ir import TERM, WORK, Affine, Statement
from micrograd.compiler.nest.sequence import TOTAL, Scalars
from micrograd.compiler.sequential.loops import Rolled, TurnOf, operands
from micrograd.compiler.sequential.repeats import LEAST

LONG = 32  # terms of a sum that it pays to look at
MOST_TRIMMED = 4  # turns that a loop gives up for its sums


def add_up(
    part: Scalars, base: int, loops: list[Rolled], moved: Mask, free: int
) -> tuple[TurnOf, Scalars]:
    """Let loops add up sums at addresses from `free` on, none that has `moved`.

    Returns the turns, and the statements with what is left of their terms.
    Loops are cut to the turns that their sums span.
    """
    turns = TurnOf.of(loops, len(part))
    if not loops:
        return turns, part
    long = long_sums(part)
    long = long[(turns.loop[long] < 0) & ~moved[long]]
    classes = list(_classes(part, base, turns, long))
    if _trim(part, base, loops, turns, classes):
        turns = TurnOf.of(loops, len(part))
        classes = list(_classes(part, base, turns, long))
    done = np.zeros(len(part.u), bool)
    added: list[tuple[int, int]] = []
    for n, k, terms in classes:
        loop = loops[k]
        if len(terms) == loop.turns:
            factors = [x for x in _factors(part, terms) if x[0] >= 0]
            inputs = tuple(operands(np.stack(factors, 1)))
            out, c = Affine(WORK, free, (0,)), float(part.c[terms[0]])
            loop.sums.append(Statement(TERM, out, inputs, None, c, accumulate=True))
            done[terms] = True
            added.append((n, free))
            free += 1
    return turns, with_sums(part, done, added)


def long_sums(part: Scalars, least: int = LONG) -> Ids:
    """The statements that are sums of many terms."""
    return np.flatnonzero((np.diff(part.first) > least) & (part.row == TOTAL))


def far_sums(part: Scalars, base: int) -> Mask:
    """Long sums of what many turns have made: of what is further apart than a turn is long."""
    far = np.zeros(len(part), bool)
    long = np.flatnonzero(np.diff(part.first) > LEAST)
    if len(long):
        start, end = part.first[long], part.first[long + 1] - 1
        at = np.stack([start, end], 1).ravel()
        at = np.append(at, len(part.u) - 1)
        made = part.u >= base
        low = np.minimum.reduceat(np.where(made, part.u, np.iinfo(np.int64).max), at)[:-1:2]
        high = np.maximum.reduceat(np.where(made, part.u, NONE), at)[:-1:2]
        far[long] = high - low > len(part) // LEAST
    return far


def added_up(part: Scalars, base: int, loops: list[Rolled], turns: TurnOf, long: Ids) -> Ids:
    """The long sums of which most can be added up in loops."""
    found = np.zeros(len(part), np.int64)
    for n, k, terms in _classes(part, base, turns, long):
        found[n] += len(terms) if len(terms) >= loops[k].turns - MOST_TRIMMED else 0
    return long[2 * found[long] > np.diff(part.first)[long]]


def _factors(part: Scalars, terms: Ids) -> tuple[Ids, Ids]:
    """The factors that were made last, and the others; addresses rise in time."""
    u, v = part.u[terms], part.v[terms]
    return np.maximum(u, v), np.minimum(u, v)


_Class = tuple[int, int, Ids]  # a sum, the number of a loop, and terms in the order of turns


def _trim(
    part: Scalars, base: int, loops: list[Rolled], turns: TurnOf, classes: list[_Class]
) -> bool:
    """Whether loops were cut."""
    common: dict[int, tuple[int, int]] = {}
    for _, k, terms in classes:
        own = _factors(part, terms)[0] - base
        first, last = common.get(k, (0, loops[k].turns - 1))
        if len(terms) >= loops[k].turns - MOST_TRIMMED:
            when = turns.turn[own]
            common[k] = max(first, int(when[0])), min(last, int(when[-1]))
    cut = False
    for k, (first, last) in common.items():
        loop, count = loops[k], last - first + 1
        if max(loop.turns - MOST_TRIMMED, 1) <= count < loop.turns:
            loop.start += first * loop.period
            loop.turns, cut = count, True
    return cut


def _classes(part: Scalars, base: int, turns: TurnOf, long: Ids) -> Iterator[_Class]:
    """Terms that are alike, one for each turn in a row."""
    count = part.first[long + 1] - part.first[long]
    t, n = spans(part.first[long], count), np.repeat(long, count)
    last, other = _factors(part, t)
    own = last - base
    inside = np.flatnonzero((own >= 0) & (own < len(part)))
    inside = inside[turns.loop[own[inside]] >= 0]
    if not len(inside):
        return
    t, n, own, other = t[inside], n[inside], own[inside], other[inside]
    known = np.where(other >= base, other - base, 0)
    sort = np.where(other < 0, -2, np.where(other < base, -1, turns.slot[known]))
    of = np.where(other >= base, turns.loop[known], NONE)
    keys = [of, sort, part.c[t].view(np.int64), turns.slot[own], turns.loop[own], n]
    number, before = occurrences(hashed(*keys))
    by_key = np.lexsort([key[before < 0] for key in keys])
    rank = np.empty(len(by_key), np.int64)
    rank[by_key] = np.arange(len(by_key))
    rank, turn = rank[number], turns.turn[own]
    order = np.lexsort((other, turn, rank))
    new = np.diff(rank[order], prepend=-1) != 0
    group, start = np.cumsum(new) - 1, np.flatnonzero(new)
    size, whole = np.diff(start, append=len(t)), np.ones(len(start), bool)
    whole[group[1:][~new[1:] & (np.diff(turn[order]) != 1)]] = False
    for k in np.flatnonzero(whole & (size > 1)).tolist():
        terms = order[start[k] : start[k] + size[k]]
        yield int(n[terms[0]]), int(turns.loop[own[terms[0]]]), t[terms]


def with_sums(part: Scalars, done: Mask, added: list[tuple[int, int]]) -> Scalars:
    """The statements with sums that were added up in place of the terms that are done."""
    if not added:
        return part
    to, at = (np.array(x) for x in zip(*added, strict=True))
    owner = np.concatenate([to, part.owner[~done]])
    order = np.argsort(owner, kind="stable")
    none, one = np.full(len(to), NONE), np.ones(len(to))
    u, v, c = (
        np.concatenate([new, old[~done]])[order]
        for new, old in ((at, part.u), (none, part.v), (one, part.c))
    )
    first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(part)))])
    return replace(part, first=first, u=u, v=v, c=c)
