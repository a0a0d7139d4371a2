"""Where the nodes of a sequential program lie: leaves first, then each node as it comes.

And the nodes themselves, as scalar statements on these addresses.
"""

from __future__ import annotations

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments, read_arguments
from micrograd.compiler.arrays.layout import ALIGN, Layout, factor
from micrograd.compiler.arrays.loops import Loops
from micrograd.compiler.arrays.schedule import Group
from micrograd.compiler.codes import NONE, Ids
from micrograd.compiler.graph.graph import CONSTANT, INPUT, PARAMETER, ROW, Graph, spans
from micrograd.compiler.graph.graph import LARGEST as LARGEST_OF
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.compiler.nest.ir import PARAMETERS, WORK, Range, Space
from micrograd.compiler.nest.sequence import LARGEST, TOTAL, Scalars
from micrograd.compiler.sequential.apart import in_time


def lay_out_in_order(
    g: Graph, order: Ids, top: int, before: list[Group], pins: Ids
) -> tuple[list[Group], Layout, Range]:
    """The leaves by kind, arrays, and a place for every node, in order: so turns are even.

    Last is where the leaves are.
    """
    groups = [
        Group(kind, nodes)
        for kind in (PARAMETER, INPUT, CONSTANT)
        if len(nodes := np.flatnonzero(g.kind == kind))
    ]
    address, start = np.full(len(g), NONE), top
    for group in groups:
        top = _place(group.nodes, address, top)
    leaves = start, top - start
    space: list[Space] = [WORK] * len(groups)
    by_address = [group.nodes for group in groups]
    layout = Layout(address, space, by_address, top, 0, np.zeros(0, np.int64))
    place_arrays(g, before, layout, pins)
    layout.top = _place(order, address, layout.top)
    return [*groups, *before], layout, leaves


def place_arrays(g: Graph, groups: list[Group], layout: Layout, pins: Ids) -> None:
    """Add places of groups: where they are pinned, or in the order in which all was recorded."""
    address, recorded = layout.address, in_time(g)
    for group in groups:
        at = pins[group.nodes]
        nodes = group.nodes[np.argsort(at, kind="stable")]
        if at.min() >= 0 and factor([pins[nodes]]) is not None:
            address[nodes] = pins[nodes]
        else:
            nodes = group.nodes[np.argsort(recorded[group.nodes], kind="stable")]
            layout.top = _place(nodes, address, layout.top)
        layout.nodes.append(nodes)
        layout.space.append(WORK)


def _place(nodes: Ids, address: Ids, top: int) -> int:
    """Where work is free after these."""
    address[nodes] = top + np.arange(len(nodes))
    return top + -(-len(nodes) // ALIGN) * ALIGN


def read_leaves(
    groups: list[Group], layout: Layout, leaves: Leaves, places: Ids, arguments: Arguments,
    loops: Loops,
) -> None:  # fmt: skip
    """Copies of parameters and of arguments, one-hot rows of run-time integers."""
    read = leaves.parameters >= 0
    if read.any():
        at = layout.address[leaves.parameters[read]]
        order = np.argsort(at)
        loops.copy((WORK, at[order]), (PARAMETERS, places[read][order]))
    read_arguments(groups, layout, leaves, arguments, loops)


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
