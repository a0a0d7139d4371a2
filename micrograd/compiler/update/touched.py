"""Which parameters a step updates: those that an eager backward pass would reach.

A parameter of the optimiser counts as a whole: an array is reached if any of its numbers is. Where
run-time integers choose among single Values, it depends on them which are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask
from micrograd.compiler.graph.builder import Builder
from micrograd.compiler.graph.graph import Graph, replace, used_by
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.compiler.store import place_of
from micrograd.compiler.trace.recording import PARAMETERS, Recording
from micrograd.compiler.update.memory import Memory
from micrograd.errors import CompileError
from micrograd.ops import FLOATS
from micrograd.optim.state import State, scalars

DEPTH = 4  # operations below the entries of a table in which what they share is sought
MOST_NODES = 400  # below one entry


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
    """What an eager step would update: a parameter of which a backward pass reaches some part.

    `on_the_way` are the nodes that the loss is computed from, whatever the integers are. Raises a
    CompileError where integers decide in a way that is more than a lookup of parameters.
    """
    always = _without_choices(g, leaves)
    tables = _tables(r, g, leaves, always)
    number = {int(place): k for k, place in enumerate(places.tolist())}
    direct, reachable = (mask[leaves.parameters] for mask in (always, on_the_way))
    hot_of: dict[int, list[int]] = {}
    for codes, hot in tables:
        for code, node in zip(codes.tolist(), hot.tolist(), strict=True):
            hot_of.setdefault(int(places[code - PARAMETERS]), []).append(node)
    used, chosen, flag = [], [], []
    sets: dict[tuple[int, ...], int] = {}
    for k, group in enumerate(memory.optimizer.param_groups):
        for p in group["params"]:
            members = [place_of(v) for v in scalars([p])]
            own = [number[place] for place in members if place in number]
            if direct[own].any() or _always_chosen(tables, set(members), places):
                used += members
                continue
            unclear = [i for i in own if reachable[i] and int(places[i]) not in hot_of]
            if unclear and not _is_neutral(memory, k):
                raise CompileError(
                    "cannot be compiled: a run-time integer chooses among results that are "
                    "computed from different parameters, and the optimiser updates only those "
                    "that were reached, in a way that depends on more than their gradients"
                )
            nodes = sorted({int(n) for place in members for n in hot_of.get(place, ())})
            if unclear:
                used += members
            elif nodes:
                chosen += members
                flag += [sets.setdefault(tuple(nodes), len(sets))] * len(members)
    order = np.argsort(np.array(chosen, np.int64), kind="stable")
    return Touched(
        np.array(sorted(used), np.int64), np.array(chosen, np.int64)[order],
        np.array(flag, np.int64)[order], [np.array(nodes, np.int64) for nodes in sets],
    )  # fmt: skip


def _without_choices(g: Graph, leaves: Leaves) -> Mask:
    """The nodes that the loss is computed from whatever is chosen.

    What all entries of a table are computed from is needed for any of them. It is looked for a few
    operations deep; what is missed counts as depending on the choice.
    """
    slots, width = leaves.hot.shape
    is_hot = np.zeros(len(g), bool)
    is_hot[leaves.hot.ravel()] = True
    by_choice = (g.v >= 0) & is_hot[g.v]
    keep = ~by_choice
    plain = replace(g, node=g.node[keep], u=g.u[keep], v=g.v[keep], c=g.c[keep])
    slot_of = np.zeros(len(g), np.int64)
    slot_of[leaves.hot.ravel()] = np.repeat(np.arange(slots), width)
    choices: dict[tuple[int, int], dict[int, set[int]]] = {}
    for n, u, v in zip(*(x[by_choice].tolist() for x in (g.node, g.u, g.v)), strict=True):
        choices.setdefault((n, int(slot_of[v])), {}).setdefault(v, set()).add(u)
    seed = np.zeros(len(g), bool)
    seed[leaves.outputs[0]] = True
    found = used_by(plain, seed, ~g.stop)
    start = np.searchsorted(plain.node, np.arange(len(g) + 1))
    while ready := [key for key in choices if found[key[0]]]:
        common = [n for key in ready for n in _common(plain, start, choices.pop(key).values())]
        seed = np.zeros(len(g), bool)
        seed[[n for n in common if not g.stop[n]]] = True
        found |= used_by(plain, seed, ~g.stop)
    return found


def _common(g: Graph, start: Ids, entries: Collection[set[int]]) -> set[int]:
    """The nodes that every entry is, or is computed from in a few operations."""
    reach = [set(entry) for entry in entries]
    front = [set(entry) for entry in entries]
    for _ in range(DEPTH):
        for i, nodes in enumerate(front):
            found: set[int] = set()
            for n in nodes if len(reach[i]) < MOST_NODES else ():
                terms = slice(int(start[n]), int(start[n + 1]))
                found.update(g.u[terms].tolist(), g.v[terms].tolist(), g.args[n].tolist())
            found.discard(NONE)
            front[i] = found - reach[i]
            reach[i] |= found
    return set.intersection(*reach)


def _tables(r: Recording, g: Graph, leaves: Leaves, always: Mask) -> list[tuple[Ids, Ids]]:
    """The tables of parameters from which every step chooses, with the nodes that choose."""
    products = set((g.u * len(g) + g.v)[(g.v >= 0) & always[g.node]].tolist())
    tables = []
    for codes, slot in r.choices:
        hot = leaves.hot[slot, : len(codes)]
        if codes[0] >= PARAMETERS:
            first = int(leaves.parameters[codes[0] - PARAMETERS])
            if first * len(g) + int(hot[0]) in products:
                tables.append((codes, hot))
    return tables


def _is_neutral(memory: Memory, group: int) -> bool:
    """Whether a step with the gradient 0 changes nothing."""
    options = memory.optimizer.param_groups[group]
    still: State = {}
    return (
        not memory.rules[group].names
        and memory.optimizer.direction(FLOATS, 0.7, 0.0, still, options) == 0
    )


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
