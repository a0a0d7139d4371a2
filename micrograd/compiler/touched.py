"""Which parameters a step updates: those that an eager backward pass would reach.

A parameter of the optimiser counts as a whole: an array is reached if any of its numbers is. Where
run-time integers choose among single Values, it depends on them which are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from micrograd.compiler.builder import Builder
from micrograd.compiler.graph import NONE, Graph, Ids, Mask
from micrograd.compiler.memory import Memory
from micrograd.compiler.normal import Leaves
from micrograd.compiler.recording import PARAMETERS, Recording
from micrograd.compiler.store import place_of
from micrograd.optim.state import scalars


@dataclass(slots=True, eq=False)
class Touched:
    """Places that are always updated, places that depend on run-time integers, and on which."""

    used: Ids
    chosen: Ids
    flag: Ids  # for each chosen place, the number of its set
    sets: list[Ids]  # nodes of which one is 1 if the parameter was looked up

    @staticmethod
    def none() -> Touched:
        """Nothing is updated."""
        empty = np.zeros(0, np.int64)
        return Touched(empty, empty, empty, [])


def touched_by_step(
    memory: Memory, r: Recording, g: Graph, leaves: Leaves, on_the_way: Mask, places: Ids
) -> Touched:
    """What an eager step would update: a parameter of which a backward pass reaches some part."""
    by_hot = (g.v >= 0) & on_the_way[g.node]
    products = set((g.u[by_hot] * len(g) + g.v[by_hot]).tolist())
    tables = []
    for codes, slot in r.choices:
        hot = leaves.hot[slot, : len(codes)]
        if codes[0] >= PARAMETERS:
            first = int(leaves.parameters[codes[0] - PARAMETERS])
            if first * len(g) + int(hot[0]) in products:
                tables.append((codes, hot))
    always = np.zeros(max(int(places.max(initial=0)) + 1, memory.places), bool)
    always[places] = _touched_without(r, leaves, on_the_way)
    number = {int(place): k for k, place in enumerate(places.tolist())}
    hot_of: dict[int, list[int]] = {}
    for codes, hot in tables:
        for code, node in zip(codes.tolist(), hot.tolist(), strict=True):
            hot_of.setdefault(int(places[code - PARAMETERS]), []).append(node)
    used, chosen, flag = [], [], []
    sets: dict[tuple[int, ...], int] = {}
    for p in (p for group in memory.optimizer.param_groups for p in group["params"]):
        members = [place_of(v) for v in scalars([p])]
        own = {places_number for places_number in members if places_number in number}
        if always[members].any() or _always_chosen(tables, own, places):
            used += members
            continue
        nodes = sorted({int(n) for place in members for n in hot_of.get(place, ())})
        if nodes:
            k = sets.setdefault(tuple(nodes), len(sets))
            chosen += members
            flag += [k] * len(members)
    order = np.argsort(np.array(chosen, np.int64), kind="stable")
    return Touched(
        np.array(sorted(used), np.int64), np.array(chosen, np.int64)[order],
        np.array(flag, np.int64)[order], [np.array(nodes, np.int64) for nodes in sets],
    )  # fmt: skip


def _touched_without(r: Recording, leaves: Leaves, on_the_way: Mask) -> Mask:
    """The parameters that the loss depends on other than through choices."""
    direct = np.zeros(len(r.parameters), bool)
    in_tables = np.zeros(len(r.parameters), bool)
    for codes, _ in r.choices:
        codes = codes[(codes >= PARAMETERS) & (codes < 2 * PARAMETERS)]
        in_tables[codes - PARAMETERS] = True
    direct[on_the_way[leaves.parameters]] = True
    if not in_tables.any():
        return direct
    used = np.zeros(len(r.parameters), bool)
    for operand in (r.a, r.b, r.c, r.outputs, *r.many.values()):
        codes = operand[(operand >= PARAMETERS) & (operand < 2 * PARAMETERS)]
        used[codes - PARAMETERS] = True
    return direct & (used | ~in_tables)


def _always_chosen(tables: list[tuple[Ids, Ids]], members: set[int], places: Ids) -> bool:
    """Whether some lookup is in this parameter, whatever the integer is."""
    return any(set(places[codes - PARAMETERS].tolist()) <= members for codes, _ in tables)


def with_flags(g: Graph, touched: Touched, lanes: bool) -> tuple[Graph, Ids]:
    """The graph with a node for each set: not 0 if a parameter that depends on it was chosen."""
    if not touched.sets:
        return g, np.zeros(0, np.int64)
    builder = Builder(g)
    flags = builder.block_of_sums(len(touched.sets), reduced=lanes, stop=True)
    for flag, nodes in zip(flags, touched.sets, strict=True):
        builder.add_terms(np.full(len(nodes), flag), nodes, NONE, 1.0)
    return builder.graph(), flags
