"""Products that are added up many at a time: apart from what else a statement is the sum of."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from micrograd.compiler.codes import NONE, Floats, Ids, Mask, marked
from micrograd.compiler.graph.graph import spans
from micrograd.compiler.nest.ir import TOGETHER
from micrograd.compiler.nest.sequence import TOTAL, Scalars

LISTED = 4  # products of a sum that has them in a list
RUN = 2 * TOGETHER  # products that follow each other in memory, to be added up by vectors
NEAR = 16  # statements: a vector that has a number of one so near has to wait for it
MOST_LATE = 2  # products of a sum that are so added one by one, after all others


class ProductLists(NamedTuple):
    """Sums of many products with one coefficient, apart from what else these are sums of."""

    statement: Ids
    c: Floats
    room: Ids  # for products, a multiple of TOGETHER
    factors: Ids  # u, v, u, v, … of all


class ProductRuns(NamedTuple):
    """Products in a row whose factors follow each other in memory."""

    statement: Ids
    length: Ids
    u: Ids  # the first
    v: Ids
    c: Floats
    late: Ids  # (runs, MOST_LATE, 2): factors of what is added after the last of a sum, or NONE


def runs_of(part: Scalars, least: int = RUN) -> tuple[Scalars, ProductRuns]:
    """The statements without runs of at least so many products, and these."""
    owner = part.owner
    product = (part.u >= 0) & (part.v >= 0) & (part.row[owner] == TOTAL)
    follows = (np.diff(part.u) == 1) & (np.diff(part.v) == 1) & (np.diff(owner) == 0)
    follows &= part.c[1:] == part.c[:-1]
    place = _late(part, product) if follows.any() else np.full(len(owner), NONE)
    product &= place < 0
    along = np.zeros(len(owner), bool)  # whether a term goes on with what the one before began
    along[1:] = follows & product[1:] & product[:-1]
    first = np.flatnonzero(~along)
    count = np.diff(np.append(first, len(owner)))
    first, count = first[count >= least], count[count >= least]
    taken = marked(len(owner), spans(first, count))
    n = owner[first]
    last = np.full(len(part), NONE)  # the last run of each statement
    last[n] = np.arange(len(n))
    late = np.full((len(n), MOST_LATE, 2), NONE)
    own = np.flatnonzero((place >= 0) & (last[owner] >= 0))
    own = own[part.c[own] == part.c[first[last[owner[own]]]]]
    late[last[owner[own]], place[own]] = np.stack([part.u, part.v], 1)[own]
    taken[own] = True
    one = late[:, 0, 0] < 0
    late[one] = late[one, ::-1]
    runs = ProductRuns(n, count, part.u[first], part.v[first], part.c[first], late)
    return _without(part, taken), runs


def _late(part: Scalars, product: Mask) -> Ids:
    """Of each product that reads what a statement just before made its place among these."""
    top = max(int(x.max(initial=-1)) for x in (part.out, part.u, part.v)) + 1
    made = np.full(top, -NEAR - 1)
    made[part.out] = np.arange(len(part))
    owner, place = part.owner, np.full(len(part.u), NONE)
    when = np.where(product, np.maximum(made[part.u], made[part.v]), NONE)
    near = np.flatnonzero(product & (when >= owner - NEAR) & (when < owner))
    near = near[np.lexsort((-when[near], owner[near]))]
    begin = np.concatenate([[True], np.diff(owner[near]) != 0])[: len(near)]
    number = np.arange(len(near)) - np.flatnonzero(begin)[np.cumsum(begin) - 1]
    few = number < MOST_LATE
    place[near[few]] = number[few]
    return place


def _without(part: Scalars, taken: Mask) -> Scalars:
    """The statements without some of their terms."""
    if not taken.any():
        return part
    left = np.bincount(part.owner[~taken], minlength=len(part))
    first = np.concatenate([[0], np.cumsum(left)])
    return replace(part, first=first, u=part.u[~taken], v=part.v[~taken], c=part.c[~taken])


def lists_of(part: Scalars) -> tuple[Scalars, ProductLists]:
    """The statements without the products that come in lists, and these."""
    owner = part.owner
    products = (part.u >= 0) & (part.v >= 0) & (part.row[owner] == TOTAL)
    last = np.ones(len(part))
    some = part.first[1:] > part.first[:-1]
    last[some] = part.c[part.first[1:][some] - 1]
    products &= part.c == last[owner]
    count = np.bincount(owner[products], minlength=len(part))
    n = np.flatnonzero(count >= LISTED)
    taken = products & (count >= LISTED)[owner]
    room = -(-count[n] // TOGETHER) * TOGETHER
    factors = np.zeros((int(room.sum()), 2), np.int64)
    factors[spans(np.cumsum(room) - room, count[n])] = np.stack([part.u, part.v], 1)[taken]
    return _without(part, taken), ProductLists(n, last[n], room, factors.ravel())
