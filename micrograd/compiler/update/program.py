"""The update of an optimiser as a program: its graph, in groups, laid out, as nests."""

from __future__ import annotations

import numpy as np

from micrograd.compiler.arrays.batch import SampleAxis
from micrograd.compiler.arrays.layout import ALIGN, Homes, lay_out, write_constants
from micrograd.compiler.arrays.loops import Loops, loops_of
from micrograd.compiler.arrays.schedule import live, schedule
from micrograd.compiler.codes import NONE, distinct
from micrograd.compiler.graph import graph as G  # noqa: N812
from micrograd.compiler.graph.normal_form import inlined
from micrograd.compiler.nest.ir import (
    GRADIENTS,
    PARAMETERS,
    STATE,
    WORK,
    Program,
)
from micrograd.compiler.update.memory import Memory
from micrograd.compiler.update.touched import Touched
from micrograd.compiler.update.update import update_graph

HOMES = (PARAMETERS, GRADIENTS, STATE)  # of leaves and results of an update


def update_program(memory: Memory, touched: Touched, size: int, flags_from: int) -> Program:
    """The update of what a program has touched, whose flags follow its gradients from there on.

    `size` is that of the store.
    """
    found = update_graph(memory, touched.used, touched.chosen, flags_from + touched.flag)
    roots = np.concatenate([nodes for _, _, nodes in found.results])
    g = G.sorted_terms(found.graph)
    g = inlined(g, np.ones(len(g), bool), roots)
    g, new = live(g, roots)
    home, address = np.zeros(len(g), np.int64), np.zeros(len(g), np.int64)
    kept = new >= 0
    home[new[kept]], address[new[kept]] = found.home[kept], found.address[kept]
    nowhere, no_lanes = np.full(len(g), NONE), np.zeros(len(g), bool)
    groups, of = schedule(g, home, no_lanes, no_lanes)
    layout = lay_out(g, groups, Homes(home, address, HOMES, nowhere), ALIGN, 0)
    loops = Loops(layout.top, 0, SampleAxis.none())
    loops_of(g, groups, of, layout, loops)
    for where, at, nodes in found.results:
        ids = new[nodes]
        for part in distinct(of[ids]).tolist():
            own = of[ids] == part
            loops.copy((HOMES[where - 1], at[own]), (layout.space[part], layout.address[ids[own]]))
    work = np.zeros(loops.free[WORK])
    write_constants(work, g, groups, layout)
    sizes = {
        PARAMETERS: size,
        STATE: len(memory.numbers),
        GRADIENTS: flags_from + len(touched.flags),
    }
    return Program(tuple(loops.all), work, sizes, None)
