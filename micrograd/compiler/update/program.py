"""The update of an optimiser as a program: its graph, in groups, laid out, as nests.

The rule is the optimiser's `direction`, the one that eager steps run, applied once to all
parameters of a group: from parameters, gradients and state to new ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd.compiler.arrays.layout import ALIGN, Homes, lay_out, write_constants
from micrograd.compiler.arrays.loops import Loops, SampleAxis, loops_of
from micrograd.compiler.arrays.schedule import live, schedule
from micrograd.compiler.codes import NONE, Ids, among, distinct
from micrograd.compiler.graph.builder import Builder, Lanes, Symbols
from micrograd.compiler.graph.graph import INPUT
from micrograd.compiler.graph.normal_form import inlined
from micrograd.compiler.nest.ir import GRADIENTS, PARAMETERS, STATE, WORK, Program, Space
from micrograd.compiler.store import places_of
from micrograd.compiler.update.memory import Memory
from micrograd.compiler.update.touched import Touched
from micrograd.optim.state import State, scalars

HOMES = (PARAMETERS, GRADIENTS, STATE)  # of leaves and results of an update
UpdateResult = tuple[Space, Ids, Ids]  # where it goes, and the nodes


def _update(
    leaves: _PlacedLeaves, memory: Memory, used: Ids, chosen: Ids, reached: Ids
) -> list[UpdateResult]:
    """The update of the parameters at the places `used`, where their gradients are, too.

    Those in `chosen` were looked up by run-time integers. They are updated, as in an eager step,
    only if they were: if the number among the gradients at `reached[i]` is not 0.
    """
    results: list[UpdateResult] = []
    for k, options in enumerate(memory.optimizer.param_groups):
        own = places_of(scalars(options["params"]))
        for places, flags in (
            (distinct(own[among(own, used)]), None),
            (distinct(own[among(own, chosen)]), reached),
        ):
            if len(places):
                flag = None
                if flags is not None:
                    at = np.searchsorted(chosen, places)
                    flag = leaves.at(GRADIENTS, flags[at])
                results += _group_update(memory, leaves, k, options, places, flag)
    return results


def _group_update(
    memory: Memory, leaves: _PlacedLeaves, group: int, options: Any, places: Ids, flag: Lanes | None
) -> list[UpdateResult]:
    rule = memory.rules[group]
    symbols = Symbols(leaves.builder)
    p = leaves.at(PARAMETERS, places)
    g = leaves.at(GRADIENTS, places)
    rate = leaves.at(STATE, np.array([memory.rate_address(group)]))
    cohorts = memory.cohort[places]
    where = {
        name: memory.shared_address(name, cohorts)
        if name in memory.shared
        else memory.vector_address(name, places)
        for name in rule.names
    }
    if flag is None:
        single = {name for name in rule.names if len(distinct(where[name])) == 1}
        where |= {name: where[name][:1] for name in single}
    before = {name: leaves.at(STATE, at) for name, at in where.items()}
    state: State = dict(before)
    direction = memory.optimizer.direction(symbols, p, g, state, options)
    new: list[tuple[Space, Ids, Any, Lanes]] = [(PARAMETERS, places, p - rate * direction, p)]
    new += [(STATE, where[name], state[name], before[name]) for name in rule.names]
    if flag is not None and rule.names:
        stepped = memory.stepped_address(places)
        new.append((STATE, stepped, 1.0, leaves.at(STATE, stepped)))
    results = []
    for home, at, value, old in new:
        if flag is not None:
            value = symbols.select(flag, value, old)
        if not isinstance(value, Lanes):
            value = Lanes(leaves.builder, np.array([leaves.builder.constant(float(value))]))
        at, first = np.unique(at, return_index=True)
        ids = np.broadcast_to(value.ids, (max(len(value.ids), int(first.max()) + 1),))[first]
        # One more node each, so that nothing is copied from where results go.
        outputs = leaves.builder.block_of_sums(len(ids))
        leaves.builder.add_terms(outputs, ids, NONE, 1.0)
        results.append((home, at, outputs))
    return results


class _PlacedLeaves:
    """One leaf for each place that is read."""

    def __init__(self, shared: bool) -> None:
        self.builder = Builder(shared=shared)
        self.known: dict[Space, Ids] = {}  # by home, the leaf of each address

    def at(self, home: Space, addresses: Ids) -> Lanes:
        """The leaves for these addresses of a home."""
        known = self.known.get(home, np.zeros(0, np.int64))
        grown = np.full(max(int(addresses.max(initial=-1)) + 1 - len(known), 0), NONE)
        known = self.known[home] = np.concatenate([known, grown])
        new = distinct(addresses[known[addresses] == NONE])
        known[new] = self.builder.leaves(INPUT, np.zeros(len(new))).ids
        return Lanes(self.builder, known[addresses])


def update_program(memory: Memory, touched: Touched, size: int, flags_from: int) -> Program:
    """The update of what a program has touched, whose flags follow its gradients from there on.

    `size` is that of the store.
    """
    leaves = _PlacedLeaves(shared=len(touched.chosen) > 0)
    flags = flags_from + touched.flag
    results = _update(leaves, memory, touched.used, touched.chosen, flags)
    roots = np.concatenate([nodes for _, _, nodes in results])
    g = leaves.builder.graph()
    g, new = live(inlined(g, np.ones(len(g), bool), roots), roots)
    home, address = np.zeros(len(g), np.int64), np.zeros(len(g), np.int64)
    for k, space in enumerate(HOMES, 1):
        known = leaves.known.get(space, roots[:0])
        at = np.flatnonzero(known != NONE)
        at = at[new[known[at]] >= 0]
        home[new[known[at]]], address[new[known[at]]] = k, at
    nowhere, no_lanes = np.full(len(g), NONE), np.zeros(len(g), bool)
    groups, of = schedule(g, home, no_lanes, no_lanes)
    layout = lay_out(g, groups, Homes(home, address, HOMES, nowhere), ALIGN, 0)
    loops = Loops(layout.top, 0, SampleAxis.none())
    loops_of(g, groups, of, layout, loops)
    for where, at, nodes in results:
        ids = new[nodes]
        for part in distinct(of[ids]).tolist():
            own = of[ids] == part
            loops.copy((where, at[own]), (layout.space[part], layout.address[ids[own]]))
    work = np.zeros(loops.free[WORK])
    write_constants(work, g, groups, layout)
    sizes = {
        PARAMETERS: size,
        STATE: len(memory.numbers),
        GRADIENTS: flags_from + len(touched.flags),
    }
    return Program(tuple(loops.all), work, sizes, None)
