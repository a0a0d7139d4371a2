"""What is read one after the other lies so: loops of turns are of arrays, long sums are of vectors.

Of what turns make, cells at walls, which have statements of their own, are in the rows of those
that they enclose. Statements in no loop may lie anywhere. What follows each other in a sum of
products, or in what it is multiplied with, does so in memory. Of what stands in two orders, as the
entries of a matrix do in those of its rows and of its columns, there are copies.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask, marked
from micrograd.compiler.graph.graph import spans
from micrograd.compiler.nest.ir import WORK, Affine, Listed, Nest
from micrograd.compiler.nest.sequence import TOTAL, Part, Scalars, copies
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


FEW = 4  # products of a sum: fewer are in no order worth keeping
WORTH = 0.25  # of all terms, the part that are products of longer sums
MEAN = 6  # products of those sums: fewer gain less than the copies cost
REREAD = 4  # times that a copy has to be read in a row
ORDERS = 2


class InRows(NamedTuple):
    """Where everything lies now: `part` reads there; `copies` has the second place of some."""

    part: Scalars
    places: Ids
    copies: Ids
    top: int

    def with_copies(self, piece: Scalars) -> Scalars:
        """Some of the statements, each followed by its copy."""
        own = np.flatnonzero(self.copies[piece.out] >= 0)
        if not len(own):
            return piece
        added = copies(self.copies[piece.out[own]], piece.out[own])
        both = Scalars.joined([piece, added])
        order = np.argsort(np.concatenate([np.arange(len(piece)), own]), kind="stable")
        count = np.diff(both.first)[order]
        t = spans(both.first[order], count)
        return Scalars(
            both.out[order], both.row[order], both.static[order], both.args[order],
            np.concatenate([[0], np.cumsum(count)]), both.u[t], both.v[t], both.c[t],
        )  # fmt: skip


def in_rows(part: Scalars, free: Mask, nests: list[Nest], top: int) -> InRows | None:
    """What `free` statements make moved to rows from `top` on, if that pays.

    What nests read is only moved as a whole.
    """
    product = (part.u >= 0) & (part.v >= 0) & (part.row[part.owner] == TOTAL)
    count = np.bincount(part.owner[product], minlength=len(part))
    long = product & (count >= FEW)[part.owner]
    if long.sum() < max(WORTH * len(part.u), MEAN * (count >= FEW).sum(), 1):
        return None
    order = np.lexsort((np.where(product, part.u, 0), product, part.owner))
    part = replace(part, u=part.u[order], v=part.v[order], c=part.c[order])
    may = marked(top, part.out[free])
    for x in (x for nest in nests for x in _read(nest)):
        if not may[x].all():
            may[x] = False
    terms = np.flatnonzero(long[order])
    factors = np.stack([part.u[terms], part.v[terms]], 1)
    known = may[factors[1:]] & may[factors[:-1]] & (factors[1:] != factors[:-1])
    known &= (part.owner[terms[1:]] == part.owner[terms[:-1]])[:, None]
    layer = np.full(known.shape, NONE)  # of each two that follow each other
    size, where = top, [np.arange(top)]
    for k in range(ORDERS):
        left = known & (layer < 0)
        after, before = _first_to_follow(factors[:-1][left], factors[1:][left], size)
        held = left & (after[factors[:-1]] == factors[1:])
        members = np.flatnonzero((after >= 0) | (before >= 0))
        if held.sum() < (REREAD * len(members) if k else 1):
            break
        layer[held] = k
        place = where[0].copy() if not k else np.full(size, NONE)
        place[_in_chains(members, after, before)] = top + np.arange(len(members))
        where.append(place)
        top += len(members)
    if len(where) == 1:
        return None
    reads = np.vstack([[NONE, NONE], layer]), np.vstack([layer, [NONE, NONE]])
    chosen = np.maximum(np.where(reads[0] >= 0, reads[0], reads[1]), 0)
    places, second = where[1], where[2] if len(where) > 2 else np.full(size, NONE)
    now = np.where(chosen > 0, second[factors], places[factors])
    part = part.at(places)
    u, v = part.u.copy(), part.v.copy()
    u[terms], v[terms] = now.T
    moved = np.full(top, NONE)
    moved[places[second >= 0]] = second[second >= 0]
    return InRows(replace(part, u=u, v=v), places, moved, top)


def reading_rows(nest: Part, places: Ids) -> Part:
    """The nest reading what has moved where it is now."""
    assert isinstance(nest, Nest)
    extents = nest.extents

    def moved(x: Affine | Listed) -> Affine | Listed:
        if isinstance(x, Listed):
            return Listed(x.space, places[x.index])
        at = x.base + x.strides[0] * np.arange(extents[0])
        now = places[at]
        if (now == at).all():
            return x
        steps = np.diff(now)
        if (steps == steps[:1]).all():
            return Affine(WORK, int(now[0]), (int(steps[0]) if len(steps) else 0,))
        return Listed(WORK, now)

    body = (s.on(s.out, map(moved, s.inputs)) for s in nest.body)
    return replace(nest, body=tuple(body))


def _read(nest: Nest) -> list[Ids]:
    return [
        x.index if isinstance(x, Listed) else x.base + x.strides[0] * np.arange(nest.extents[0])
        for s in nest.body for x in s.inputs
    ]  # fmt: skip


def _first_to_follow(a: Ids, b: Ids, top: int) -> tuple[Ids, Ids]:
    """Of each address the one that follows it, and that it follows: the earliest of several."""
    for k in range(2):
        kept = np.sort(np.unique((a, b)[k], return_index=True)[1])
        a, b = a[kept], b[kept]
    after, before = np.full(top, NONE), np.full(top, NONE)
    after[a], before[b] = b, a
    return after, before


def _in_chains(members: Ids, after: Ids, before: Ids) -> Ids:
    number = np.full(len(after), NONE)
    number[members] = np.arange(len(members))
    links = (np.where(x >= 0, number[x], NONE)[members].tolist() for x in (after, before))
    return members[np.array([n for chain in chains(*links) for n in chain], np.int64)]
