"""The graph between the passes: plain arrays, a node an index.

A node is a leaf (parameter, input or constant), a SUM of terms `c · u · v`, the LARGEST of its
terms, or a ROW of the op table applied to up to three nodes. Terms are in coordinate form, one
list for all nodes. A term with `v = -1` is `c · u`, one with `u = -1` is the number c.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd import engine
from micrograd.compiler.codes import NONE, ROWS, Floats, Ids, Mask
from micrograd.errors import CompileError
from micrograd.ops import OPS

PARAMETER, INPUT, CONSTANT, SUM, LARGEST, ROW = range(6)

IN_A_CIRCLE = (
    "cannot be compiled: a list that a run-time integer indexes holds results that are computed "
    "from what was chosen"
)
OF_NODES = ("kind", "row", "static", "value", "stop", "reduced", "origin")  # numbers, no operands


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes and terms; see the module. `check` says what holds. It is not changed."""

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

    @cached_property
    def edges(self) -> tuple[Ids, Ids]:
        """(user, used) for every use, with repeats."""
        rows = np.flatnonzero(self.kind == ROW)
        uses = [(self.node, self.u), (self.node, self.v), *((rows, x) for x in self.args[rows].T)]
        given = [(users, used, np.flatnonzero(used >= 0)) for users, used in uses]
        users, used = ([x[k][x[2]] for x in given] for k in (0, 1))
        return np.concatenate(users), np.concatenate(used)


def adjoint_of(origin: Any) -> Any:
    """The origin of what a derivative is made of, from that of the node; its own inverse."""
    return -2 - origin


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


def levels(g: Graph) -> NDArray[np.int32]:
    """The longest path from a leaf to each node."""
    return longest_paths(*g.edges, len(g))


def longest_paths(users: Ids, used: Ids, size: int) -> NDArray[np.int32]:
    """The longest path along these edges to each of so many nodes."""
    whole = np.ascontiguousarray(users, np.int64), np.ascontiguousarray(used, np.int64)
    found = engine.longest_paths(*whole, size)
    if found is None:
        raise CompileError(IN_A_CIRCLE)
    return np.frombuffer(found, np.int32)


def spans(start: Ids, count: Ids) -> Ids:
    """start, start + 1, … of each span, one span after the other."""
    offset = np.cumsum(count) - count
    return np.repeat(start - offset, count) + np.arange(count.sum())


def users_of(g: Graph, seed: Mask, through: Mask) -> Mask:
    """The seeds, and the nodes that are computed from them along nodes in `through`."""
    users, used = g.edges
    return reachable(used, users, seed, through)


def used_by(g: Graph, seed: Mask, through: Mask) -> Mask:
    """The seeds, and the nodes that they are computed from along nodes in `through`."""
    users, used = g.edges
    return reachable(users, used, seed, through)


def reachable(source: Ids, to: Ids, seed: Mask, through: Mask) -> Mask:
    """The seeds, and what edges lead to from them along nodes in `through`."""
    found = engine.reachable(source, to, seed.tobytes(), through.tobytes())
    return np.frombuffer(bytearray(found), bool)


def sorted_terms(g: Graph) -> Graph:
    """The same graph with its terms sorted by node, their order within a node kept."""
    if (g.node[1:] >= g.node[:-1]).all():
        return g
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
