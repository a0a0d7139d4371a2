"""Long sums of what the turns of a loop make, added up in the loop; of turns, after all have run.

These are reductions over arrays. A term belongs to the place in a turn of each of its factors:
terms alike, one a turn, are a piece. Pieces of a sum whose factors lie evenly are one of two axes;
those of sums that lie evenly are the rows of one nest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask, among, hashed, occurrences
from micrograd.compiler.graph.graph import spans
from micrograd.compiler.nest.ir import TERM, WORK, Affine, Nest, Statement, contraction
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


class Total(NamedTuple):
    """A nest that follows a statement, whose results are terms of sums."""

    after: int
    nest: Nest
    sums: Ids  # to which its results are added, in order


class _Pieces(NamedTuple):
    """Terms of sums that move evenly, a row each: `c · Σ u · v` over one axis, or two."""

    n: Ids  # the sum
    after: Ids  # the region that is last
    at: Ids  # (pieces, 2): the first factors
    shape: Ids  # (pieces, 6): coefficient's bits, extents and steps; equal for those alike
    terms: list[Ids]


def totals(
    part: Scalars, base: int, regions: list[Rolled], long: Ids, free: int
) -> tuple[list[Total], Mask]:
    """Nests for long sums, with results from address `free` on, and which terms are done."""
    found: list[Total] = []
    done = np.zeros(len(part.u), bool)
    if not regions or not len(long):
        return found, done
    pieces = _merged(_of_turns(part, base, regions, long))
    for rows in _even(pieces, same_sum=False):
        nest = _nest(pieces, rows, free)
        found.append(Total(regions[int(pieces.after[rows[0]])].end, nest, pieces.n[rows]))
        free += len(rows)
        for row in rows.tolist():
            done[pieces.terms[row]] = True
    return found, done


def _of_turns(part: Scalars, base: int, regions: list[Rolled], long: Ids) -> _Pieces:
    """Terms alike, one a turn, for at least LEAST turns in a row."""
    terms = np.concatenate([np.arange(part.first[n], part.first[n + 1]) for n in long.tolist()])
    n = np.repeat(long, part.first[long + 1] - part.first[long])
    factors = np.stack([part.u[terms], part.v[terms]], 1)
    region, within = np.full(factors.shape, NONE), factors.copy()
    for k, turns in enumerate(regions):
        first = base + turns.start
        inside = (factors >= first) & (factors < base + turns.end)
        region[inside] = k
        within[inside] = (factors[inside] - first) % turns.period
    whole = ((factors < base) | (region >= 0)).all(1) & (region >= 0).any(1)
    terms, n, factors, region, within = (x[whole] for x in (terms, n, factors, region, within))
    c = part.c[terms].view(np.int64)
    moving = np.where(region[:, 0] >= 0, factors[:, 0], factors[:, 1])
    leaf = (region < 0) & (factors >= 0)
    order, starts = _sorted(moving, [c, *np.where(leaf, -2, within).T, *region.T, n])
    twice = np.r_[False, np.diff(moving[order]) == 0][: len(order)]
    twice[starts] = False
    group = np.cumsum(np.bincount(starts, minlength=len(order))) - 1
    apart = among(group, group[twice])  # one a turn with each of several leaves
    within[order[~apart]] = np.where(leaf, -2, within)[order[~apart]]
    order, starts = _sorted(moving, [c, *within.T, *region.T, n])
    kept: list[tuple[int, int, Ids, list[int], Ids]] = []
    for first, end in zip(starts.tolist(), np.append(starts, len(order))[1:].tolist(), strict=True):
        if end - first < LEAST:
            continue
        own = order[first:end]
        steps = factors[own[1:]] - factors[own[:-1]]
        if (steps == steps[:1]).all():
            i = own[0]
            shape = [int(c[i]), len(own), *steps[0].tolist(), 1, 0, 0]
            kept.append((int(n[i]), int(region[i].max()), factors[i], shape, terms[own]))
    return _Pieces(
        np.array([x[0] for x in kept], np.int64), np.array([x[1] for x in kept], np.int64),
        np.array([x[2] for x in kept], np.int64).reshape(-1, 2),
        np.array([x[3] for x in kept], np.int64).reshape(-1, 7), [x[4] for x in kept],
    )  # fmt: skip


def _sorted(last: Ids, keys: list[Ids]) -> tuple[Ids, Ids]:
    """An order by the keys, and within equal ones by the last; where equal ones begin."""
    order = np.lexsort((last, *keys))
    keyed = np.stack([key[order] for key in keys])
    new = np.r_[True, (keyed[:, 1:] != keyed[:, :-1]).any(0)][: len(order)]
    return order, np.flatnonzero(new)


def _merged(pieces: _Pieces) -> _Pieces:
    """Pieces of the same sum that lie evenly as one."""
    at, shape, terms, first = pieces.at, pieces.shape.copy(), list(pieces.terms), []
    for rows in _even(pieces, same_sum=True):
        k = int(rows[0])
        first.append(k)
        if len(rows) > 1:
            shape[k, 4:] = len(rows), *(at[rows[1]] - at[k]).tolist()
            terms[k] = np.concatenate([terms[i] for i in rows.tolist()])
    kept = np.array(first, np.int64)
    return _Pieces(pieces.n[kept], pieces.after[kept], at[kept], shape[kept],
                   [terms[k] for k in first])  # fmt: skip


def _even(pieces: _Pieces, same_sum: bool) -> list[Ids]:
    """Pieces of one shape whose first factors lie evenly: of one sum, or each of another.

    Of a matrix it is the rows, or the columns, whichever are fewer.
    """
    if not len(pieces.n):
        return []
    u, v = pieces.at.T
    return min((list(_runs(pieces, same_sum, by)) for by in ((v, u), (u, v))), key=len)


def _runs(pieces: _Pieces, same_sum: bool, by: tuple[Ids, Ids]) -> Iterator[Ids]:
    keys = [*pieces.shape.T, pieces.after, *([pieces.n] if same_sum else [])]
    order = np.lexsort((*by, *keys))
    keyed = np.stack([key[order] for key in keys])
    apart = np.r_[True, (keyed[:, 1:] != keyed[:, :-1]).any(0)]
    apart = np.append(apart[: len(order)], True)
    at, n = pieces.at[order], pieces.n[order].tolist()
    steps = list(map(tuple, (at[1:] - at[:-1]).tolist()))
    first = 0
    for k, is_apart in enumerate(apart.tolist()[1:], 1):
        if not is_apart:
            new = same_sum or n[k] not in n[first:k]
            if new and (k == first + 1 or steps[k - 1] == steps[first]):
                continue
        yield order[first:k]
        first = k


def _nest(pieces: _Pieces, rows: Ids, free: int) -> Nest:
    """The nest of pieces that lie evenly, each a row."""
    k = int(rows[0])
    c, count, *steps, across, far_u, far_v = pieces.shape[k].tolist()
    between = pieces.at[rows[1]] - pieces.at[k] if len(rows) > 1 else np.zeros(2, np.int64)
    axes = [(len(rows), *between.tolist()), (across, far_u, far_v), (count, *steps)]
    inputs = [
        Affine(WORK, int(base), tuple(axis[1 + j] for axis in axes))
        for j, base in enumerate(pieces.at[k].tolist()) if base >= 0
    ]  # fmt: skip
    number = float(np.array(c, np.int64).view(np.float64))
    out = Affine(WORK, free, (1, 0, 0))
    return contraction(tuple(axis[0] for axis in axes), out, *inputs, coefficient=number)
