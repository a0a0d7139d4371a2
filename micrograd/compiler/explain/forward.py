"""The forward computation alone, as groups, and which recorded operations each group stands for.

The program that runs mixes it with gradients and updates; here it is scheduled by itself, so that
what is shown is the same whether a function was called, differentiated or stepped.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.arrays.schedule import Group, lane_mask, live, schedule
from micrograd.compiler.codes import NONE, ROWS, Ids
from micrograd.compiler.graph.graph import Graph
from micrograd.compiler.graph.normal_form import Leaves, normal_form
from micrograd.compiler.trace.recording import CHOICES, DETACHED, SORT, Recording


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """Groups in the order in which they can be computed; `of` is the group of each node."""

    graph: Graph
    leaves: Leaves
    groups: list[Group]
    of: Ids
    counts: list[Counter[str]]  # of each group: the recorded operations, by name

    @property
    def origin(self) -> Ids:
        """Of each node, the recorded operation that it is; -1 if it is none of them."""
        return self.graph.origin


def forward(r: Recording, values: np.ndarray, lanes: int, apart: Ids | None = None) -> Forward:
    """The forward computation of a recording whose inputs were `values` when it was traced.

    `apart` has a number for each recorded operation: those with one from 1 stay as they were
    recorded, and none shares a group with an operation of another number.
    """
    apart = np.zeros(len(r), np.int64) if apart is None else apart
    whole, leaves = normal_form(r, values, lanes, apart > 0)
    g, new = live(whole, leaves.outputs)
    kept = Leaves(*[_renumbered(getattr(leaves, f), new) for f in Leaves.__dataclass_fields__])
    seeds = np.concatenate([kept.inputs, kept.hot.ravel()])
    in_lanes = lane_mask(g, seeds[seeds >= 0] if lanes else seeds[:0])
    tags = np.zeros(len(g), np.int64)
    tags[g.origin >= 0] = apart[g.origin[g.origin >= 0]]
    groups, of = schedule(g, np.zeros(len(g), np.int64), in_lanes, tags)
    return Forward(g, kept, groups, of, _counts(r, leaves, new, of, len(groups)))


def _first(r: Recording, leaves: Leaves) -> int:
    """The node of the first recorded operation: leaves come before it."""
    return len(r.parameters) + len(leaves.inputs) + leaves.hot.size + len(r.constants)


def _renumbered(ids: Ids, new: Ids) -> Ids:
    return np.where(ids >= 0, new[ids], NONE)


def _counts(r: Recording, leaves: Leaves, new: Ids, of: Ids, groups: int) -> list[Counter[str]]:
    """What was recorded, by group: an operation that is no node any more is part of its user."""
    n = len(r)
    first = _first(r, leaves)
    chosen = first + n
    user = np.arange(len(new))

    def used(codes: Ids, by: Ids) -> None:
        sort, number = codes >> SORT, codes & ((1 << SORT) - 1)
        for which, base in ((0, first), (CHOICES >> SORT, chosen)):
            own = (codes >= 0) & (sort == which)
            user[base + number[own]] = by[own]

    nodes = first + np.arange(n)
    for codes in (r.c, r.b, r.a):
        used(codes, nodes)
    for node, codes in r.many.items():
        used(codes, np.full(len(codes), first + node))
    for k, (codes, _) in enumerate(r.choices):
        used(codes, np.full(len(codes), chosen + k))
    used(r.outputs, leaves.outputs)
    owner = np.where(new >= 0, np.arange(len(new)), user)
    while True:
        further = owner[owner]
        if (further == owner).all():
            break
        owner = further
    names = [*ROWS, "detach", "max"]
    assert len(names) == DETACHED + 2, "a sort of node that has no name"
    owners = new[owner[nodes]]
    alive = owners >= 0
    pairs = of[owners[alive]] * len(names) + r.row[alive]
    counts: list[Counter[str]] = [Counter() for _ in range(groups)]
    for pair, times in zip(*np.unique(pairs, return_counts=True), strict=True):
        counts[int(pair) // len(names)][names[int(pair) % len(names)]] += int(times)
    return counts
