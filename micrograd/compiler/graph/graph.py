"""The graph between the passes: plain arrays, a node an index.

A node is a leaf (parameter, input or constant), a SUM of terms `c · u · v`, the LARGEST of its
terms, or a ROW of the op table applied to up to three nodes. Terms are in coordinate form, one
list for all nodes. A term with `v = -1` is `c · u`, one with `u = -1` is the number c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.codes import NONE, ROWS, Floats, Ids, Mask
from micrograd.errors import CompileError
from micrograd.ops import OPS

PARAMETER, INPUT, CONSTANT, SUM, LARGEST, ROW = range(6)

IN_A_CIRCLE = (
    "cannot be compiled: a list that a run-time integer indexes holds results that are computed "
    "from what was chosen"
)
OF_NODES = ("kind", "row", "static", "value", "stop", "reduced", "origin")  # numbers, no operands
FEW, MANY, PATIENCE = 48, 192, 24  # nodes of a narrow front, of a wide one; rounds to wait


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Nodes and terms; see the module. `check` says what holds."""

    kind: NDArray[np.int8]
    row: NDArray[np.int16]  # of a ROW: its place in the op table
    args: Ids  # of a ROW: (nodes, 3), -1 where there is none
    static: Floats  # of a ROW: its static parameter
    value: Floats  # of a leaf: what it was when it was traced
    stop: Mask  # no derivative flows through this node
    reduced: Mask  # a SUM that also runs over the lanes
    origin: Ids  # the recorded operation that it is, `adjoint_of` that for a derivative, or NONE
    node: Ids  # the node that a term belongs to, ascending
    u: Ids
    v: Ids
    c: Floats

    def __len__(self) -> int:
        return len(self.kind)


def adjoint_of(origin: Any) -> Any:
    """The origin of what a derivative is made of, from that of the node; its own inverse."""
    return -2 - origin


def edges(g: Graph) -> tuple[Ids, Ids]:
    """(user, used) for every use, with repeats."""
    by_u, by_v = g.u >= 0, g.v >= 0
    rows, places = np.nonzero(g.args >= 0)
    users = np.concatenate([g.node[by_u], g.node[by_v], rows])
    used = np.concatenate([g.u[by_u], g.v[by_v], g.args[rows, places]])
    return users, used


def check(g: Graph) -> None:
    """Assert that the arrays fit together and every operand is a node."""
    n = len(g)
    for array in (g.row, g.args, g.static, g.value, g.stop, g.reduced, g.origin):
        assert len(array) == n, f"{len(array)} entries for {n} nodes"
    assert len(g.node) == len(g.u) == len(g.v) == len(g.c), "terms of unequal length"
    assert (np.diff(g.node) >= 0).all(), "terms are not sorted by node"
    for operands in (g.u, g.v, g.args.ravel()):
        assert not len(operands) or (operands.min() >= NONE and operands.max() < n), "no such node"
    assert not ((g.u < 0) & (g.v >= 0)).any(), "a term with v but no u"
    has_terms = (g.kind == SUM) | (g.kind == LARGEST)
    assert has_terms[g.node].all(), "terms of a node that is no sum"
    assert ((g.row >= 0) == (g.kind == ROW)).all(), "a row without ROW or the other way"
    arity = np.array([OPS[name].arity for name in ROWS])
    of_rows = g.kind == ROW
    given = (g.args >= 0).sum(1)
    assert (given[of_rows] == arity[g.row[of_rows]]).all(), "wrong number of arguments"
    assert not given[~of_rows].any(), "arguments of a node that is no row"


def evaluate(g: Graph, values: Floats | None = None) -> Floats:
    """Every node's value, one after the other; leaves are as traced unless given."""
    done = (g.value if values is None else values).astype(np.float64)
    first = np.searchsorted(g.node, np.arange(len(g) + 1))
    for n in np.argsort(levels(g), kind="stable"):
        terms = [
            g.c[t] * (1.0 if g.u[t] < 0 else done[g.u[t]]) * (1.0 if g.v[t] < 0 else done[g.v[t]])
            for t in range(first[n], first[n + 1])
        ]
        if g.kind[n] == SUM:
            done[n] = sum(terms)
        elif g.kind[n] == LARGEST:
            done[n] = np.max(terms)
        elif g.kind[n] == ROW:
            row = OPS[ROWS[g.row[n]]]
            static = (float(g.static[n]),) if row.has_static else ()
            done[n] = row.f(*[float(done[i]) for i in g.args[n][: row.arity]], *static)
    return done


def levels(g: Graph, where_narrow: Callable[[], None] | None = None) -> NDArray[np.int32]:
    """The longest path from a leaf to each node; `where_narrow` is called before many rounds."""
    return longest_paths(*edges(g), len(g), where_narrow)


def longest_paths(
    users: Ids, used: Ids, size: int, where_narrow: Callable[[], None] | None = None
) -> NDArray[np.int32]:
    """The longest path along these edges to each of so many nodes."""
    near = _Neighbours(used, users, size)
    waiting = near.leading_to
    level = np.zeros(size, np.int32)
    ready = np.flatnonzero(waiting == 0)
    depth = narrow = 0
    while len(ready):
        narrow = narrow + 1 if len(ready) < FEW else 0
        if narrow > PATIENCE:
            if where_narrow is not None:
                where_narrow()
            where_narrow = None
            count = waiting.tolist()
            found, starts = _narrow_levels(near.lists(), count, ready.tolist())
            waiting = np.array(count)
            times = np.diff(starts)
            level[found[: starts[-1]]] = depth + np.repeat(np.arange(len(times)), times)
            depth, ready, narrow = depth + len(times), np.array(found[starts[-1] :], np.int64), 0
            continue
        level[ready] = depth
        depth += 1
        nodes, times = counted(near.of(ready), size)
        waiting[nodes] -= times
        ready = nodes[waiting[nodes] == 0]
    if waiting.any():
        raise CompileError(IN_A_CIRCLE)
    return level


def _narrow_levels(
    near: tuple[list[int], list[int]], waiting: list[int], ready: list[int]
) -> tuple[list[int], list[int]]:
    """Nodes level by level while there are few in each, and where the levels start.

    The last to start is the one to go on with.
    """
    start, to = near
    found, starts, first = ready, [0], 0
    while first < len(found) < first + MANY:
        last = len(found)
        for n in found[first:last]:
            for m in to[start[n] : start[n + 1]]:
                waiting[m] -= 1
                if not waiting[m]:
                    found.append(m)
        first = last
        starts.append(first)
    return found, starts


def spans(start: Ids, count: Ids) -> Ids:
    """start, start + 1, … of each span, one span after the other."""
    offset = np.cumsum(count) - count
    return np.repeat(start - offset, count) + np.arange(count.sum())


class _Neighbours:
    """The nodes that edges lead to, by the node that they lead from."""

    def __init__(self, source: Ids, to: Ids, size: int) -> None:
        self._source, self._given = source, to
        self._size = size
        self._lists: tuple[list[int], list[int]] | None = None

    @cached_property
    def to(self) -> Ids:
        """What edges lead to, in the order of what they lead from."""
        return self._given[np.argsort(self._source, kind="stable")]

    @cached_property
    def count(self) -> Ids:
        """How many edges lead from each node."""
        return np.bincount(self._source, minlength=self._size)

    @cached_property
    def start(self) -> Ids:
        """Where those of each node start."""
        return np.cumsum(self.count) - self.count

    @property
    def leading_to(self) -> Ids:
        """How many edges lead to each node, counted anew."""
        return np.bincount(self._given, minlength=self._size)

    def of(self, front: Ids) -> Ids:
        """The neighbours of these nodes, with repeats."""
        return self.to[spans(self.start[front], self.count[front])]

    def lists(self) -> tuple[list[int], list[int]]:
        """Where each node's neighbours start, and at last end, and all neighbours: plain Python."""
        if self._lists is None:
            self._lists = [*self.start.tolist(), len(self.to)], self.to.tolist()
        return self._lists


def users_of(g: Graph, seed: Mask, through: Mask) -> Mask:
    """The seeds, and the nodes that are computed from them along nodes in `through`."""
    users, used = edges(g)
    return _found(_Neighbours(used, users, len(g)), seed, through)


def used_by(g: Graph, seed: Mask, through: Mask) -> Mask:
    """The seeds, and the nodes that they are computed from along nodes in `through`."""
    users, used = edges(g)
    return _found(_Neighbours(users, used, len(g)), seed, through)


def _found(near: _Neighbours, seed: Mask, through: Mask) -> Mask:
    """The seeds, and what is in `through` and edges lead to from what is found.

    Nodes that no edge leads to, and that are no seeds, are lost, and so is what only they lead
    to: these are few as a rule, and what is left is found. Narrow rounds are left to plain Python:
    one of NumPy costs as much as dozens of nodes there.
    """
    stays = seed | ~through  # whatever leads to it
    waiting = near.leading_to
    lost = ~seed & (~through | (waiting == 0))
    front = np.flatnonzero(lost)
    narrow = 0
    while len(front):
        narrow = narrow + 1 if len(front) < FEW else 0
        if narrow > PATIENCE:
            count = waiting.tolist()
            _lose(near.lists(), count, stays.tobytes(), front.tolist())
            return seed | (through & (np.array(count) > 0))
        nodes, times = counted(near.of(front), len(lost))
        waiting[nodes] -= times
        front = nodes[(waiting[nodes] == 0) & ~stays[nodes]]
        lost[front] = True
    known: Mask = ~lost
    return known


def _lose(
    near: tuple[list[int], list[int]], waiting: list[int], stays: bytes, lost: list[int]
) -> None:
    """Count down what waits for what is lost, and lose what waits for nothing, unless it stays."""
    start, to = near
    for n in lost:
        for m in to[start[n] : start[n + 1]]:
            waiting[m] -= 1
            if not waiting[m] and not stays[m]:
                lost.append(m)


def counted(nodes: Ids, size: int) -> tuple[Ids, Ids]:
    """The distinct nodes of a graph of that size, ascending, and how often each is there."""
    if len(nodes) < size // 16:
        distinct, times = np.unique(nodes, return_counts=True)
        return distinct, times
    every = np.bincount(nodes, minlength=size)
    distinct = np.flatnonzero(every)
    return distinct, every[distinct]


def sorted_terms(g: Graph) -> Graph:
    """The same graph with its terms sorted by node, their order within a node kept."""
    order = np.argsort(g.node, kind="stable")
    return replace(g, node=g.node[order], u=g.u[order], v=g.v[order], c=g.c[order])


def part_of(g: Graph, keep: Mask) -> tuple[Graph, Ids]:
    """The graph of these nodes alone, and the new number of each node (-1: gone)."""
    new = np.where(keep, np.cumsum(keep) - 1, NONE)
    to = np.append(new, NONE)  # of -1, too
    terms = keep[g.node]
    kept = {name: getattr(g, name)[keep] for name in OF_NODES}
    return (
        replace(
            g, **kept, args=to[g.args[keep]],
            node=new[g.node[terms]], u=to[g.u[terms]], v=to[g.v[terms]], c=g.c[terms],
        ),
        new,
    )  # fmt: skip


def replace(g: Graph, **changes: Any) -> Graph:
    """The graph with other arrays for some fields."""
    kept = {name: getattr(g, name) for name in Graph.__dataclass_fields__}
    return Graph(**{**kept, **changes})
