"""The graph between the passes: plain arrays, a node an index.

A node is a leaf (parameter, input or constant), a SUM of terms `c · u · v`, the LARGEST of its
terms, or a ROW of the op table applied to up to three nodes. Terms are in coordinate form, one
list for all nodes. A term with `v = -1` is `c · u`, one with `u = -1` is the number c.

>>> from micrograd.compiler.graph import Builder
>>> builder = Builder()
>>> x = builder.leaves(PARAMETER, [3.0])
>>> y = x * x + 1.0
>>> evaluate(builder.graph())[y.ids]
array([10.])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.errors import CompileError
from micrograd.ops import FLOATS, OPS

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PARAMETER, INPUT, CONSTANT, SUM, LARGEST, ROW = range(6)

ROWS = list(OPS)
ROW_INDEX = {name: i for i, name in enumerate(ROWS)}
NONE = -1
MOST_LEVELS = 20_000  # of a graph: more means that there are no arrays in it


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
    node: Ids  # the node that a term belongs to, ascending
    u: Ids
    v: Ids
    c: Floats

    def __len__(self) -> int:
        return len(self.kind)


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
    for array in (g.row, g.args, g.static, g.value, g.stop, g.reduced):
        assert len(array) == n, f"{len(array)} entries for {n} nodes"
    assert len(g.node) == len(g.u) == len(g.v) == len(g.c), "terms of unequal length"
    assert (np.diff(g.node) >= 0).all(), "terms are not sorted by node"
    for operands in (g.u, g.v, g.args.ravel()):
        assert not len(operands) or (operands.min() >= NONE and operands.max() < n), "no such node"
    assert not ((g.u < 0) & (g.v >= 0)).any(), "a term with v but no u"
    has_terms = np.isin(g.kind, (SUM, LARGEST))
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


def levels(g: Graph) -> NDArray[np.int32]:
    """The longest path from a leaf to each node."""
    users, used = edges(g)
    order = np.argsort(used, kind="stable")
    users = users[order]
    count = np.bincount(used, minlength=len(g))
    start = np.cumsum(count) - count
    waiting = np.bincount(users, minlength=len(g))
    level = np.zeros(len(g), np.int32)
    ready = np.nonzero(waiting == 0)[0]
    depth = 0
    while len(ready):
        level[ready] = depth
        depth += 1
        _check_depth(depth)
        reached = users[spans(start[ready], count[ready])]
        nodes, times = np.unique(reached, return_counts=True)
        waiting[nodes] -= times
        ready = nodes[waiting[nodes] == 0]
    if waiting.any():
        raise CompileError(
            "cannot be compiled: a list that a run-time integer indexes holds results that are "
            "computed from what was chosen"
        )
    return level


def _check_depth(depth: int) -> None:
    if depth > MOST_LEVELS:
        raise CompileError(
            f"cannot be compiled: more than {MOST_LEVELS:,} operations that each wait for the one "
            "before; there are no arrays in a chain. Run it eagerly"
        )


def spans(start: Ids, count: Ids) -> Ids:
    """start, start + 1, … of each span, one span after the other."""
    offset = np.cumsum(count) - count
    return np.repeat(start - offset, count) + np.arange(count.sum())


def users_of(g: Graph, seed: Mask, through: Mask) -> Mask:
    """The seeds, and the nodes that are computed from them along nodes in `through`."""
    users, used = edges(g)
    order = np.argsort(used, kind="stable")
    users = users[order]
    count = np.bincount(used, minlength=len(g))
    start = np.cumsum(count) - count
    found = seed.copy()
    front = np.nonzero(seed)[0]
    rounds = 0
    while len(front):
        rounds += 1
        _check_depth(rounds)
        front = _new(users[spans(start[front], count[front])], found, through)
    return found


def used_by(g: Graph, seed: Mask, through: Mask) -> Mask:
    """The seeds, and the nodes that they are computed from along nodes in `through`."""
    count = np.bincount(g.node, minlength=len(g))
    start = np.cumsum(count) - count
    found = seed.copy()
    front = np.nonzero(seed)[0]
    rounds = 0
    while len(front):
        rounds += 1
        _check_depth(rounds)
        terms = spans(start[front], count[front])
        used = np.concatenate([g.u[terms], g.v[terms], g.args[front].ravel()])
        front = _new(used[used >= 0], found, through)
    return found


def _new(nodes: Ids, found: Mask, through: Mask) -> Ids:
    """Those of the nodes that are not found yet, once each; marks them."""
    nodes = np.unique(nodes[~found[nodes] & through[nodes]])
    found[nodes] = True
    return nodes


class Builder:
    """Adds nodes to a graph, many at a time, by arithmetic on `Lanes`."""

    def __init__(self, start: Graph | None = None, shared: bool = False) -> None:
        self.size = 0
        self.shared = shared  # whether lanes with equal operands share a node
        self._parts: list[Graph] = []
        self._constants: dict[float, int] = {}
        if start is not None:
            self._append(start)

    def _append(self, part: Graph) -> None:
        self._parts.append(part)
        self.size += len(part)

    def leaves(self, kind: int, values: Sequence[float] | Floats) -> Lanes:
        """New leaves."""
        first = self.size
        self._append(_nodes(kind, len(values), value=np.asarray(values, np.float64)))
        return Lanes(self, np.arange(first, self.size))

    def constant(self, x: float) -> int:
        """The leaf for a number that is the same for all lanes."""
        if x not in self._constants or x != x:
            self._constants[x] = int(self.leaves(CONSTANT, [x]).ids[0])
        return self._constants[x]

    def constant_nodes(self, x: float) -> Ids:
        """The leaf for a number, as the ids of one lane."""
        return np.array([self.constant(float(x))])

    def block(
        self, kind: Any, row: Any, args: Sequence[Ids], static: Floats, stop: Mask, sums: int
    ) -> None:
        """Many nodes at once, whose terms follow, and then so many SUM nodes."""
        is_row = kind == ROW
        columns = np.stack(args, 1)
        columns[~is_row] = NONE
        self._append(
            _nodes(
                kind,
                len(kind),
                row=np.where(is_row, row, NONE).astype(np.int16),
                args=columns,
                static=np.where(is_row, static, np.nan),
                stop=stop,
            )
        )
        self.block_of_sums(sums)

    def block_of_sums(self, count: int, reduced: bool = False, stop: bool = False) -> Ids:
        """SUM nodes whose terms follow."""
        flags = {"reduced": np.full(count, reduced), "stop": np.full(count, stop)}
        self._append(_nodes(SUM, count, **flags))
        return np.arange(self.size - count, self.size)

    def sum_of(self, terms: Sequence[Term], reduced: bool = False) -> Ids:
        """New SUM nodes, as many as the terms have lanes."""
        factors = [x for term in terms for x in term[:2] if x is not None]
        count = max((len(x.ids) for x in factors), default=1)
        if self.shared and count > 1:
            columns = [np.broadcast_to(x.ids, (count,)) for x in factors]
            distinct, place = np.unique(np.stack(columns), axis=1, return_inverse=True)
            rows = iter(distinct)
            lanes = [
                (*(None if x is None else Lanes(self, next(rows)) for x in term[:2]), term[2])
                for term in terms
            ]
            ids = self.block_of_sums(distinct.shape[1], reduced)
            self.define(ids, lanes)  # type: ignore[arg-type]
            return ids[place.ravel()]
        ids = self.block_of_sums(count, reduced)
        self.define(ids, terms)
        return ids

    def define(self, ids: Ids, terms: Sequence[Term]) -> None:
        """Give existing SUM nodes their terms."""
        for u, v, c in terms:
            self.add_terms(ids, NONE if u is None else u.ids, NONE if v is None else v.ids, c)

    def add_terms(self, node: Ids, u: Any, v: Any, c: Any) -> None:
        """One more term `c · u · v` for each node."""
        u, v, c = (np.broadcast_to(x, node.shape) for x in (u, v, c))
        self._append(_nodes(SUM, 0, node=node, u=u, v=v, c=c.astype(np.float64)))

    def apply(self, name: str, *args: Lanes | float) -> Lanes:
        """New nodes of a row: its inputs, and then its static parameter if it has one."""
        row = OPS[name]
        inputs, static = args[: row.arity], args[row.arity :]
        count = max((len(x.ids) for x in inputs if isinstance(x, Lanes)), default=1)
        columns = np.full((count, 3), NONE)
        for i, x in enumerate(inputs):
            columns[:, i] = x.ids if isinstance(x, Lanes) else self.constant(float(x))
        place = np.arange(count)
        if self.shared:
            columns, place = np.unique(columns, axis=0, return_inverse=True)
            count, place = len(columns), place.ravel()
        first = self.size
        part = _nodes(
            ROW, count, args=columns, row=np.full(count, ROW_INDEX[name], np.int16),
            static=np.full(count, float(static[0]) if static else np.nan),  # type: ignore[arg-type]
        )  # fmt: skip
        self._append(part)
        return Lanes(self, first + place)

    def graph(self) -> Graph:
        """All nodes so far."""
        return sorted_terms(self.unsorted())

    def unsorted(self) -> Graph:
        """All nodes so far, terms in the order in which they were added: for passes that sort."""
        fields = (
            [getattr(part, name) for part in self._parts]
            for name in Graph.__dataclass_fields__  # the order of the constructor
        )
        return Graph(*[np.concatenate(arrays) for arrays in fields])


def sorted_terms(g: Graph) -> Graph:
    """The same graph with its terms sorted by node, their order within a node kept."""
    order = np.argsort(g.node, kind="stable")
    return replace(g, node=g.node[order], u=g.u[order], v=g.v[order], c=g.c[order])


def replace(g: Graph, **changes: Any) -> Graph:
    """The graph with other arrays for some fields."""
    kept = {name: getattr(g, name) for name in Graph.__dataclass_fields__}
    return Graph(**{**kept, **changes})


def _nodes(kind: Any, count: int, **given: Any) -> Graph:
    empty = np.zeros(0, np.int64)
    fields: dict[str, Any] = {
        "kind": np.full(count, kind, np.int8),
        "row": np.full(count, NONE, np.int16),
        "args": np.full((count, 3), NONE),
        "static": np.full(count, np.nan),
        "value": np.zeros(count),
        "stop": np.zeros(count, bool),
        "reduced": np.zeros(count, bool),
        "node": empty,
        "u": empty,
        "v": empty,
        "c": np.zeros(0),
    }
    return Graph(**{**fields, **given})


Term = tuple["Lanes | None", "Lanes | None", float]  # u, v and c


class Lanes:
    """A number for each of several nodes: what a derivative or an update rule computes with.

    Arithmetic adds nodes to the builder. One node among many counts for all of them.
    """

    __slots__ = ("builder", "ids")
    __array_ufunc__ = None

    def __init__(self, builder: Builder, ids: Ids) -> None:
        self.builder = builder
        self.ids = ids

    def _sum(self, *terms: Term) -> Lanes:
        return Lanes(self.builder, self.builder.sum_of(terms))

    def __add__(self, other: Lanes | float) -> Lanes:
        if isinstance(other, Lanes):
            return self._sum((self, None, 1.0), (other, None, 1.0))
        return self._sum((self, None, 1.0), (None, None, float(other)))

    __radd__ = __add__

    def __sub__(self, other: Lanes | float) -> Lanes:
        if isinstance(other, Lanes):
            return self._sum((self, None, 1.0), (other, None, -1.0))
        return self._sum((self, None, 1.0), (None, None, -float(other)))

    def __rsub__(self, other: float) -> Lanes:
        return self._sum((None, None, float(other)), (self, None, -1.0))

    def __mul__(self, other: Lanes | float) -> Lanes:
        if isinstance(other, Lanes):
            return self._sum((self, other, 1.0))
        return self._sum((self, None, float(other)))

    __rmul__ = __mul__

    def __neg__(self) -> Lanes:
        return self._sum((self, None, -1.0))


class Symbols:
    """`m` for Lanes, as derivatives and update rules take it; numbers alone are computed."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def __getattr__(self, name: str) -> Any:
        if name not in OPS:
            raise AttributeError(f"the op table has no row {name!r}")

        def method(*args: Any) -> Any:
            if not any(isinstance(x, Lanes) for x in args):
                return getattr(FLOATS, name)(*args)
            terms = self.terms(name, *args)
            if terms is None:
                return self._builder.apply(name, *args)
            return Lanes(self._builder, self._builder.sum_of(terms))

        return method

    def terms(self, name: str, *args: Any) -> list[Term] | None:
        """A row's sum of products on these arguments, or None if it has none."""
        products = OPS[name].terms(*args)
        if products is None:
            return None
        terms: list[Term] = []
        for c, *factors in products:
            lanes: list[Lanes] = []
            for x in factors:
                x = self._nested(*x) if isinstance(x, tuple) else x
                if isinstance(x, Lanes):
                    lanes.append(x)
                else:
                    c *= float(x)
            u, v = (*lanes, None, None)[:2]
            terms.append((u, v, c))
        return terms

    def _nested(self, name: str, *args: Any) -> Any:
        """A factor that is a row itself: once for each distinct input."""
        x, *static = args
        if not isinstance(x, Lanes):
            return getattr(self, name)(*args)
        ids, place = np.unique(x.ids, return_inverse=True)
        result = getattr(self, name)(Lanes(self._builder, ids), *static)
        return Lanes(self._builder, result.ids[place])
