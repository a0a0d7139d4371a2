"""Where the nodes of a sequential program lie: leaves first, then each node as it comes."""

from __future__ import annotations

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments, read_arguments
from micrograd.compiler.arrays.layout import ALIGN, Layout
from micrograd.compiler.arrays.loops import Loops
from micrograd.compiler.arrays.schedule import Group
from micrograd.compiler.codes import NONE, Ids
from micrograd.compiler.graph.graph import CONSTANT, INPUT, PARAMETER, Graph
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.compiler.nest.ir import PARAMETERS, WORK, Space


def lay_out_in_order(g: Graph, order: Ids, top: int) -> tuple[list[Group], Layout]:
    """The leaves by kind, and a place for every node, in order: so turns of loops are even."""
    groups = [
        Group(kind, nodes)
        for kind in (PARAMETER, INPUT, CONSTANT)
        if len(nodes := np.flatnonzero(g.kind == kind))
    ]
    address = np.full(len(g), NONE)
    for group in groups:
        address[group.nodes] = top + np.arange(len(group.nodes))
        top += -(-len(group.nodes) // ALIGN) * ALIGN
    address[order] = top + np.arange(len(order))
    space: list[Space] = [WORK] * len(groups)
    by_address = [group.nodes for group in groups]
    top += -(-len(order) // ALIGN) * ALIGN
    return groups, Layout(address, space, by_address, top, 0, np.zeros(0, np.int64))


def read_leaves(
    groups: list[Group], layout: Layout, leaves: Leaves, places: Ids, arguments: Arguments,
    loops: Loops,
) -> None:  # fmt: skip
    """Copies of parameters and of arguments, one-hot rows of run-time integers."""
    loops.stand_for(None, None)
    read = leaves.parameters >= 0
    if read.any():
        at = layout.address[leaves.parameters[read]]
        order = np.argsort(at)
        loops.copy((WORK, at[order]), (PARAMETERS, places[read][order]))
    read_arguments(groups, layout, leaves, arguments, loops)
