"""Products that are added up many at a time: apart from what else a statement is the sum of."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from micrograd.compiler.codes import Floats, Ids, Mask
from micrograd.compiler.graph.graph import spans
from micrograd.compiler.nest.ir import TOGETHER
from micrograd.compiler.nest.sequence import TOTAL, Scalars

LISTED = 4  # products of a sum that has them in a list
RUN = 2 * TOGETHER  # products that follow each other in memory, to be added up by vectors


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


def runs_of(part: Scalars) -> tuple[Scalars, ProductRuns]:
    """The statements without runs of products, and these."""
    owner = part.owner
    product = (part.u >= 0) & (part.v >= 0) & (part.row[owner] == TOTAL)
    along = np.ones(len(owner), bool)  # whether a term goes on with what the one before began
    along[:1] = False
    along[1:] = (np.diff(owner) == 0) & product[1:] & product[:-1] & (part.c[1:] == part.c[:-1])
    along[1:] &= (np.diff(part.u) == 1) & (np.diff(part.v) == 1)
    first = np.flatnonzero(~along)
    count = np.diff(np.append(first, len(owner)))
    first, count = first[count >= RUN], count[count >= RUN]
    taken = np.zeros(len(owner), bool)
    taken[spans(first, count)] = True
    return _without(part, taken), ProductRuns(owner[first], count, part.u[first], part.v[first],
                                        part.c[first])  # fmt: skip


def _without(part: Scalars, taken: Mask) -> Scalars:
    """The statements without some of their terms."""
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
