"""Where the nodes of a sequential program lie: leaves first, then each node as it comes."""

from __future__ import annotations

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments, read_arguments
from micrograd.compiler.arrays.layout import ALIGN, Layout, factor
from micrograd.compiler.arrays.loops import Loops
from micrograd.compiler.arrays.schedule import Group
from micrograd.compiler.codes import NONE, Ids
from micrograd.compiler.graph.graph import CONSTANT, INPUT, PARAMETER, Graph
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.compiler.nest.ir import PARAMETERS, WORK, Range, Space
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
