"""Reverse mode on the graph: adjoints are more nodes.

The adjoint of a SUM's operand is a transposed list of terms. The adjoint of a row's input comes
from the row's own derivative, applied once to all nodes of that row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from micrograd.compiler.codes import NONE, ROWS, Ids, Mask, distinct, marked
from micrograd.compiler.graph.builder import Builder, Lanes, Symbols
from micrograd.compiler.graph.graph import PARAMETER, ROW, SUM, Graph, adjoint_of, used_by, users_of
from micrograd.compiler.graph.normal_form import inlined
from micrograd.ops import OPS, Op


def reached(g: Graph, loss: int) -> Mask:
    """The nodes that the loss is computed from, as far as derivatives flow."""
    return used_by(g, marked(len(g), loss), ~g.stop)


def differentiated(g: Graph, loss: int, known: Mask | None = None) -> Mask:
    """The nodes that get an adjoint: those between parameters and the loss.

    `known` is what `reached` has found before nodes were added.
    """
    found = users_of(g, g.kind == PARAMETER, ~g.stop)
    on_the_way = reached(g, loss) if known is None else known
    found[: len(on_the_way)] &= on_the_way
    found[len(on_the_way) :] = False
    return found


def gradient(
    g: Graph, loss: int, wanted: Ids, lanes: Mask, outputs: Ids, active: Mask | None = None
) -> tuple[Graph, Ids]:
    """The graph with adjoints, and the adjoint of each of `wanted` (-1: there is none).

    Those of the differentiated nodes, which may be given, come first, in the order of the nodes.

    `lanes` marks the nodes that have a value for each lane: what they give to the adjoint of a
    node that has one value is summed over the lanes. `outputs` must keep their meaning.
    """
    active = differentiated(g, loss) if active is None else active
    nodes = np.nonzero(active)[0]
    adjoint = np.full(len(g), NONE)
    adjoint[nodes] = len(g) + np.arange(len(nodes))
    builder = Builder(g)
    builder.block_of_sums(len(nodes))
    first_new = builder.size
    shares = _Shares(builder, adjoint, lanes, g.reduced)
    if active[loss]:
        builder.add_terms(adjoint[[loss]], NONE, NONE, 1.0)
    _through_sums(g, active, shares)
    _through_rows(g, active, shares)
    shares.hand_over(adjoint[nodes])
    whole = _with_origin(builder.unsorted(), adjoint[nodes], g.origin[nodes])
    candidates = np.arange(len(whole)) >= first_new
    kept = np.concatenate([outputs, adjoint[wanted][adjoint[wanted] >= 0]])
    return inlined(whole, candidates, kept), adjoint[wanted]


def _with_origin(g: Graph, adjoints: Ids, origin: Ids) -> Graph:
    """The graph in which adjoints, and what they are made of, know of what they are adjoints."""
    found = g.origin.copy()
    found[adjoints] = adjoint_of(origin)
    users, used = g.edges
    new = users >= adjoints[0] if len(adjoints) else np.zeros(0, bool)
    users, used = users[new], used[new]
    while True:
        unknown = found[users] == NONE
        users, used = users[unknown], used[unknown]
        known = found[used]
        ready = known < NONE  # of adjoints, the earliest comes first
        if not ready.any():
            ready = known >= 0
        if not ready.any():
            return replace(g, origin=found)
        of, to = found[used[ready]], users[ready]
        found[to] = np.iinfo(np.int64).min
        np.maximum.at(found, to, np.where(of >= 0, adjoint_of(of), of))


class _Shares:
    """What users give to the adjoints of what they use, until it is known how it is summed."""

    def __init__(self, builder: Builder, adjoint: Ids, lanes: Mask, reduced: Mask) -> None:
        self.builder = builder
        self.adjoint = adjoint
        self.lanes = lanes
        self.in_lanes = lanes | reduced  # users whose terms count once for each lane
        self._parts: list[tuple[Ids, Ids, Ids, Ids, np.ndarray]] = []

    def add(self, to: Ids, user: Ids, u: Ids, v: Ids, c: np.ndarray) -> None:
        """The user gives `c · u · v` to the adjoint of `to`."""
        self._parts.append((to, user, u, v, c))

    def hand_over(self, adjoints: Ids) -> None:
        """Write all shares down as terms; an adjoint that was given nothing is 0."""
        if not self._parts:
            self.builder.add_terms(adjoints, NONE, NONE, 0.0)
            return
        to, user, u, v, c = (np.concatenate(x) for x in zip(*self._parts, strict=True))
        target = self.adjoint[to]
        given = marked(self.builder.size, target)
        self.builder.add_terms(adjoints[~given[adjoints]], NONE, NONE, 0.0)
        over_lanes = self.in_lanes[user] & ~self.lanes[to]
        if over_lanes.any():
            # Its own node for what is summed over the lanes, which the adjoint then adds up.
            nodes, place = np.unique(to[over_lanes], return_inverse=True)
            sums = self.builder.block_of_sums(len(nodes), reduced=True)
            target[over_lanes] = sums[place]
            self.builder.add_terms(self.adjoint[nodes], sums, NONE, 1.0)
        self.builder.add_terms(target, u, v, c)


def _through_sums(g: Graph, active: Mask, shares: _Shares) -> None:
    open_sum = active & (g.kind == SUM) & ~g.stop
    for own, other in ((g.u, g.v), (g.v, g.u)):
        given = open_sum[g.node] & (own >= 0)
        given[given] = active[own[given]]
        square = g.u == g.v
        if own is g.v:
            given &= ~square
        n = g.node[given]
        c = g.c[given] * np.where(square[given], 2.0, 1.0)
        shares.add(own[given], n, shares.adjoint[n], other[given], c)


class KnownRow(NamedTuple):
    """A row whose derivative is wanted, and its result."""

    op: Op
    inputs: list[Lanes]
    static: float
    y: Lanes


class _Derivatives(Symbols):
    """`m` for the derivatives of rows on nodes of a graph.

    What divides adjoints is inverted once, and they are products: a division takes as long as ten.
    What is `known`, a row on inputs, is not computed again, nor what may be had from it.
    """

    def __init__(self, builder: Builder, size: int) -> None:
        super().__init__(builder)
        self._inverse = np.full(size, NONE)  # of each node of the graph
        self.known: KnownRow | None = None

    def __getattr__(self, name: str) -> Any:
        apply, op = super().__getattr__(name), OPS[name]

        def method(*args: Any) -> Any:
            found = self._from_known(op, args)
            if found is None and op.divides:
                found = self._divided(op, *args)
            return apply(*args) if found is None else found

        return method

    def _from_known(self, op: Op, args: tuple[Any, ...]) -> Any:
        """What a row is on these arguments, where it is known of the same inputs; else None."""
        if self.known is None or self.known.op is not op:
            return None
        known = self.known
        if any(a is not x for a, x in zip(args, known.inputs, strict=False)):
            return None
        if not op.has_static or args[-1] == known.static:
            return known.y
        return op.from_own(self, args[-1], known.y, *known.inputs, known.static)

    def _divided(self, op: Op, a: Any, b: Any) -> Lanes | None:
        """A product with the inverse of a node of the graph; None of anything else."""
        size = len(self._inverse)
        if not isinstance(b, Lanes) or not isinstance(a, Lanes) or b.ids.max(initial=0) >= size:
            return None
        new = distinct(b.ids[self._inverse[b.ids] == NONE])
        if len(new):
            self._inverse[new] = self._builder.apply(op.name, 1.0, Lanes(self._builder, new)).ids
        quotient: Lanes = a * Lanes(self._builder, self._inverse[b.ids])
        return quotient


def _through_rows(g: Graph, active: Mask, shares: _Shares) -> None:
    builder = shares.builder
    symbols = _Derivatives(builder, len(g))
    rows = active & (g.kind == ROW)
    for row in distinct(g.row[rows]).tolist():
        op = OPS[ROWS[row]]
        of_row = rows & (g.row == row)
        for static in distinct(g.static[of_row]).tolist():
            same = np.isnan(g.static) if static != static else g.static == static
            n = np.nonzero(of_row & same)[0]
            inputs = [Lanes(builder, g.args[n, i]) for i in range(op.arity)]
            y = Lanes(builder, n)
            symbols.known = KnownRow(op, inputs, static, y)
            given = op.vjp(
                symbols, Lanes(builder, shares.adjoint[n]), y, *inputs,
                *([static] if op.has_static else []),
            )  # fmt: skip
            for x, share in zip(inputs, given, strict=True):
                if isinstance(share, Lanes):
                    to = active[x.ids]
                    u = np.broadcast_to(share.ids, n.shape)[to]
                    none, one = np.full(len(u), NONE), np.ones(len(u))
                    shares.add(x.ids[to], n[to], u, none, one)
