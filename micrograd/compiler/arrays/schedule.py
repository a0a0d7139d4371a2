"""Groups of isomorphic nodes: what will be one array.

Nodes are together if they have the same level, kind, row and static parameter, and the same *set*
of (coefficient, group of u, group of v) among their terms. A set, so that sums of unequal length,
as in causal attention, stay one group; such a group is ragged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.arrays.widths import NoArrays, Widths, has_narrow_levels
from micrograd.compiler.codes import (
    NONE,
    Floats,
    Hashes,
    Ids,
    Mask,
    distinct,
    hashed,
    marked,
    mixed,
    occurrences,
)
from micrograd.compiler.graph.graph import (
    CONSTANT,
    INPUT,
    PARAMETER,
    ROW,
    SUM,
    Graph,
    levels,
    part_of,
    spans,
    used_by,
    users_of,
)

if TYPE_CHECKING:
    from micrograd.compiler.sequential.order import InOrder


@dataclass(slots=True, eq=False)
class TermClass:
    """The terms of one class in a group: `c · u · v`, with the coefficient that all share.

    `u` and `v` have the shape (nodes, terms a node), or are flat in a ragged group, where `node`
    says whose each term is. None stands for no factor.
    """

    u: Ids | None
    v: Ids | None
    c: float
    node: Ids | None = None


@dataclass(slots=True, eq=False)
class Group:
    """Nodes that are computed together; `terms` of sums, `args` of rows, neither for leaves."""

    kind: int
    nodes: Ids
    level: int = 0
    row: int = NONE
    static: float = np.nan
    terms: list[TermClass] = field(default_factory=list)
    args: list[Ids] = field(default_factory=list)
    ragged: bool = False
    constant: float | None = None  # what all nodes are, if that is known
    home: int = 0  # leaves with a place of their own: which
    lanes: bool = False
    reduced: bool = False
    pinned: bool = False


def live(g: Graph, roots: Ids) -> tuple[Graph, Ids]:
    """The graph without what the roots do not need, and the new number of each node (-1: gone)."""
    keep = used_by(g, marked(len(g), roots), np.ones(len(g), bool))
    return part_of(g, keep)


def lane_mask(g: Graph, seeds: Ids) -> Mask:
    """The nodes that have a value for each lane, if the seeds do."""
    seed = marked(len(g), seeds)
    return users_of(g, seed, ~g.reduced) if len(seeds) else seed


def schedule(
    g: Graph, home: Ids, lanes: Mask, pinned: Mask | Ids, otherwise: InOrder | None = None
) -> tuple[list[Group], Ids]:
    """Groups in the order in which they can be computed, and the group of each node.

    `home` is 0 for a leaf that has no place yet, and else tells where it is: leaves of different
    homes are in different groups. `pinned` nodes are kept apart from others, those of different
    numbers also from each other. NoArrays is raised as soon as there seem to be none, if the graph
    may be computed otherwise.
    """
    level = levels(g)
    if otherwise and has_narrow_levels(level) and otherwise.is_narrow():
        raise NoArrays
    uses = len(g.node) + int((g.args >= 0).sum())
    found = Widths(level, g.kind, uses, otherwise) if otherwise else None
    groups = Groups(g, level, lanes)
    for kind in (PARAMETER, INPUT, CONSTANT):
        for where in distinct(home[g.kind == kind]).tolist():
            for lane in (False, True):
                nodes = np.nonzero((g.kind == kind) & (home == where) & (lanes == lane))[0]
                if len(nodes):
                    groups.add(Group(kind, nodes, home=where, lanes=lane))
    flags = mixed(lanes + 2 * g.reduced + 4 * pinned)
    rows = _by_level(np.nonzero(g.kind == ROW)[0], level)
    term_levels = level[g.node]
    order = np.argsort(term_levels, kind="stable")  # of terms, which are sorted by node
    depths = int(level.max(initial=0)) + 1
    cuts = np.searchsorted(term_levels[order], np.arange(depths + 1)).tolist()
    node, u, v, c = g.node[order], g.u[order], g.v[order], g.c[order]
    for depth in range(depths):
        own = slice(cuts[depth], cuts[depth + 1])
        if depth in rows:
            groups.add_rows(rows[depth], flags)
        if cuts[depth] < cuts[depth + 1]:
            groups.add_sums((node[own], u[own], v[own], c[own]), flags)
        if found:
            found.check(depth, len(groups.all))
    groups.finish()
    for group in groups.all:
        first = group.nodes[0]
        group.pinned, group.reduced = bool(pinned[first]), bool(g.reduced[first])
    _split_leaves(groups, g)
    return groups.all, groups.of


def _by_level(nodes: Ids, level: NDArray[np.int32]) -> dict[int, Ids]:
    if not len(nodes):
        return {}
    order = nodes[np.argsort(level[nodes], kind="stable")]
    depths, starts = np.unique(level[order], return_index=True)
    return dict(zip(depths.tolist(), np.split(order, starts[1:]), strict=True))


class Groups:
    """Groups as they are found; what their nodes read is written down when all are known."""

    def __init__(self, g: Graph, level: NDArray[np.int32], lanes: Mask) -> None:
        self.g = g
        self.level = level
        self.lanes = lanes
        self.all: list[Group] = []
        self._of = np.full(len(g) + 1, NONE)  # of NONE, too
        self.of = self._of[:-1]
        self.known = np.where(g.kind == CONSTANT, g.value, np.nan)  # a node's value, if constant
        self._unfinished: list[Callable[[], None]] = []

    def add(self, group: Group) -> None:
        """Note a group, which is then that of its nodes."""
        self.of[group.nodes] = len(self.all)
        group.lanes = bool(self.lanes[group.nodes[0]])
        group.level = int(self.level[group.nodes[0]])
        self.all.append(group)

    def finish(self) -> None:
        """Give groups their terms and arguments, those of lower levels first."""
        for finish in self._unfinished:
            finish()

    def add_rows(self, nodes: Ids, flags: Hashes) -> None:
        """Groups of the rows of one level."""
        g, first = self.g, len(self.all)
        of = self._of[g.args[nodes]]
        key = hashed(g.row[nodes], g.static[nodes], flags[nodes], *of.T)
        for places in _in_order_of_first(key)[0]:
            members = nodes[places]
            n = members[0]
            self.add(Group(ROW, members, row=int(g.row[n]), static=float(g.static[n])))
        self._unfinished.append(partial(self._finish_rows, first, len(self.all)))

    def _finish_rows(self, first: int, end: int) -> None:
        args = self.g.args
        for group in self.all[first:end]:
            members = group.nodes
            own = [args[members, i] for i in range(3) if args[members[0], i] >= 0]
            group.args = [np.full_like(x, x[0]) if self._uniform(x) else x for x in own]

    def add_sums(self, terms: tuple[Ids, Ids, Ids, Floats], flags: Hashes) -> None:
        """Groups of the sums of one level, from all their terms: their node, u, v and c."""
        g, first = self.g, len(self.all)
        node, u, v, c = terms
        group_u, group_v = self._of[u], self._of[v]
        swap = (group_v < group_u) & (v >= 0)
        if swap.any():
            u, v = np.where(swap, v, u), np.where(swap, u, v)
            group_u, group_v = (
                np.where(swap, group_v, group_u), np.where(swap, group_u, group_v)
            )  # fmt: skip
        # Terms of a node that are alike mostly follow each other: runs stand for them.
        changes = np.ones(len(node), bool)
        changes[1:] = node[1:] != node[:-1]
        fresh = changes.copy()
        for x in (group_u, group_v, c.view(np.int64)):
            changes[1:] |= x[1:] != x[:-1]
        start = changes.nonzero()[0]
        length = np.append(start[1:], len(node)) - start
        key = hashed(group_u[start], group_v[start], c[start], g.kind[node[start]])
        of_class = occurrences(key)[0]
        nodes, of_node = node[fresh], fresh[start].cumsum() - 1
        of_pair, before = occurrences(of_node * len(key) + of_class)
        count = np.bincount(of_pair, length).astype(np.int64)
        new = before < 0
        pair_node, pair_class = of_node[new], key[new]
        which, exactly = flags[nodes], np.zeros(len(nodes), np.uint64)
        np.add.at(which, pair_node, mixed(pair_class))
        np.add.at(exactly, pair_node, hashed(pair_class, count))
        parts, of = _in_order_of_first(which)
        firsts = np.array([places[0] for places in parts])
        ragged = np.bincount(of, exactly != exactly[firsts[of]], len(parts)) > 0
        for k, places in enumerate(parts):
            members = nodes[places]
            self.add(Group(int(g.kind[members[0]]), members, ragged=bool(ragged[k])))
        runs = start, length, of_class, of[of_node]
        self._unfinished.append(partial(self._finish_sums, first, runs, node, u, v, c))

    def _finish_sums(
        self, first: int, runs: tuple[Ids, ...], node: Ids, u: Ids, v: Ids, c: Floats
    ) -> None:
        """The terms of groups, from runs: where these start, their lengths, classes and groups."""
        start, length, of_class, of = runs
        order = np.argsort(of, kind="stable")
        for k, own in enumerate(_split(order, np.bincount(of))):
            group = self.all[first + k]
            for same in _in_order_of_first(of_class[own])[0]:
                t = spans(start[own[same]], length[own[same]])
                factors = [x[t] if x[t[0]] >= 0 else None for x in (u, v)]
                group.terms.append(self._terms(group, node[t], factors, float(c[t[0]])))
            self._find_constant(group)

    def _terms(self, group: Group, node: Ids, factors: list[Ids | None], c: float) -> TermClass:
        if not group.ragged:
            shape = (len(group.nodes), -1)
            factors = [x if x is None else x.reshape(shape) for x in factors]
        u, v = factors
        if v is not None:  # constants that are the same everywhere become coefficients
            if self._uniform(v):
                c, v = c * float(self.known[v.flat[0]]), None
            elif u is not None and self._uniform(u):
                c, u, v = c * float(self.known[u.flat[0]]), v, None
        sums = group.kind == SUM and not group.ragged
        if sums and v is None and u is not None and self._uniform(u):
            c, u = c * float(self.known[u.flat[0]]) * u.shape[1], None
        elif sums and u is None:
            c *= len(node) // len(group.nodes)
        return TermClass(u, v, c, node if group.ragged else None)

    def _uniform(self, ids: Ids) -> bool:
        values = self.known[ids]
        return bool((values == values.flat[0]).all())

    def _find_constant(self, group: Group) -> None:
        if group.kind != SUM or group.ragged or self.g.reduced[group.nodes[0]]:
            return
        if all(terms.u is None for terms in group.terms):
            group.constant = sum(terms.c for terms in group.terms)
            self.known[group.nodes] = group.constant


def _split_leaves(groups: Groups, g: Graph) -> None:
    """Leaves without a place are laid out by whoever uses them first: a group for each of these."""
    splits = [q for q in groups.all if q.kind in (INPUT, CONSTANT) and q.home == 0]
    free = marked(len(g), *(group.nodes for group in splits))
    owner = np.full(len(g), NONE)
    tag = 0
    for group in groups.all:
        for operand in operands(group):
            ids = operand.ravel()
            ids = ids[free[ids]]
            ids = ids[owner[ids] < 0]
            if len(ids):
                owner[ids] = tag
                tag += 1
    for group in splits:
        parts = [group.nodes[owner[group.nodes] == t] for t in distinct(owner[group.nodes])]
        group.nodes = parts[0]
        for nodes in parts[1:]:
            groups.add(Group(group.kind, nodes, home=0))


def operands(group: Group) -> list[Ids]:
    """Every array of operands of a group."""
    of_terms = [x for t in group.terms for x in (t.u, t.v) if x is not None]
    return of_terms + group.args


def _in_order_of_first(key: NDArray[np.generic]) -> tuple[list[Ids], Ids]:
    """The places of equal keys, classes in the order of their first one; and the class of each."""
    if (key == key[0]).all():
        return [np.arange(len(key))], np.zeros(len(key), np.int64)
    of = occurrences(key)[0]
    return _split(np.argsort(of, kind="stable"), np.bincount(of)), of


def _split(x: Ids, counts: Ids) -> list[Ids]:
    """An array in parts, of which each is so long; `np.split` takes longer than all the rest."""
    ends = counts.cumsum().tolist()
    return [x[start:end] for start, end in zip([0, *ends], ends, strict=False)]
