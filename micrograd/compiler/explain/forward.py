"""The forward computation alone, as groups, and which recorded operations each group stands for.

A program that runs may mix it with gradients and updates; the same passes find it alone, so that
what is shown is the same whether a function was called, differentiated or stepped.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.arrays.schedule import Group
from micrograd.compiler.codes import NONE, ROWS, Ids
from micrograd.compiler.compilation import VALUE, Compilation, Kinds
from micrograd.compiler.graph.graph import Graph
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.compiler.passes import TO_GROUPS
from micrograd.compiler.trace.recording import DETACHED, SORT, Recording


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


def forward(
    r: Recording, arguments: Arguments, apart: Ids | None = None, kinds: Kinds | None = None
) -> Forward:
    """The forward computation of a recording, as the passes find it; see `Compilation.apart`."""
    places = np.arange(len(r.parameters))
    apart = np.zeros(len(r), np.int64) if apart is None else apart  # groups, whatever they are
    unit = Compilation(r, arguments, places, len(places), VALUE, apart=apart,
                       kinds=kinds or Kinds())  # fmt: skip
    for step in TO_GROUPS:
        step.run(unit)
    g, of = unit.graph, unit.of
    return Forward(g, unit.leaves, unit.groups, of, _counts(r, g, of, len(unit.groups)))


def _counts(r: Recording, g: Graph, of: Ids, groups: int) -> list[Counter[str]]:
    """What was recorded, by group: an operation that is no node any more is part of its user."""
    each = np.arange(len(r))
    node = np.full(len(r), NONE)
    known = np.nonzero(g.origin >= 0)[0][::-1]  # an operation, rather than the output that it is
    node[g.origin[known]] = known
    owner = each.copy()
    many = [(codes, np.full(len(codes), place)) for place, codes in r.many.items()]
    for codes, by in ((r.c, each), (r.b, each), (r.a, each), *many):
        made = (codes >= 0) & (codes >> SORT == 0)
        owner[codes[made]] = by[made]
    owner = np.where(node >= 0, each, owner)
    while (owner[owner] != owner).any():
        owner = owner[owner]
    names = [*ROWS, "detach", "max"]
    assert len(names) == DETACHED + 2, "a sort of node that has no name"
    alive = node[owner] >= 0
    pairs = of[node[owner[alive]]] * len(names) + r.row[alive]
    counts: list[Counter[str]] = [Counter() for _ in range(groups)]
    for pair, times in zip(*np.unique(pairs, return_counts=True), strict=True):
        counts[int(pair) // len(names)][names[int(pair) % len(names)]] += int(times)
    return counts
