"""A graph in its order as scalar statements on addresses."""

from __future__ import annotations

import numpy as np

from micrograd.compiler.codes import NONE, Ids
from micrograd.compiler.graph.graph import LARGEST as LARGEST_OF
from micrograd.compiler.graph.graph import ROW, Graph, spans
from micrograd.compiler.nest.sequence import LARGEST, TOTAL, Scalars


def scalars_of(g: Graph, order: Ids, address: Ids) -> Scalars:
    """A statement for each node; of the terms of a sum, products come last.

    What is added before a product is not waited for: the product is added as it is made.
    """
    key, terms_of = 2 * g.node + (g.v >= 0), np.bincount(g.node, minlength=len(g))
    by_node = np.argsort(key, kind="stable")
    count = terms_of[order]
    terms = by_node[spans((np.cumsum(terms_of) - terms_of)[order], count)]
    kind = g.kind[order]
    row = np.where(kind == ROW, g.row[order], np.where(kind == LARGEST_OF, LARGEST, TOTAL))

    def at(nodes: Ids) -> Ids:
        return np.where(nodes >= 0, address[nodes], NONE)

    u, v = at(g.u[terms]), at(g.v[terms])
    swap = (v >= 0) & (v < u)
    return Scalars(
        address[order], row.astype(np.int16), g.static[order], at(g.args[order]),
        np.concatenate([[0], np.cumsum(count)]),
        np.where(swap, v, u), np.where(swap, u, v), g.c[terms],
    )  # fmt: skip
