"""A recording in normal form: sums of products, and rows of the op table that are none.

What a row of the table calls its `terms` becomes terms of a SUM, and a sum that is used once, by
another sum, becomes part of it: a neuron is one node, a loss over 800 samples is one node.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from micrograd.compiler.codes import NONE, ROWS, Ids, Mask, distinct, marked
from micrograd.compiler.graph.builder import Builder, Lanes, Symbols
from micrograd.compiler.graph.graph import (
    CONSTANT,
    INPUT,
    LARGEST,
    PARAMETER,
    ROW,
    SUM,
    Graph,
    part_of,
    sorted_terms,
    used_by,
)
from micrograd.compiler.trace.recording import CONSTANTS, DETACHED, LARGEST_OF, SORT, Recording
from micrograd.ops import OPS


@dataclass(frozen=True, slots=True, eq=False)
class Leaves:
    """Which nodes are what."""

    parameters: Ids
    inputs: Ids
    hot: Ids  # (slot, choice): 1 where the run-time integer of the slot is that choice
    outputs: Ids  # a node of its own for each output, the loss first
    sides: Ids  # selects of which a backward pass reaches the side that is taken
    choices: Ids  # what is chosen by run-time integers

    def renumbered(self, new: Ids) -> Leaves:
        """The same nodes under new numbers."""
        return Leaves(*[new[getattr(self, name)] for name in self.__dataclass_fields__])


def normal_form(
    r: Recording, values: np.ndarray, lanes: int = 0, kept: Mask | None = None
) -> tuple[Graph, Leaves]:
    """The graph of a recording; `values` are what the inputs were when it was traced.

    With lanes, its outputs are means over so many of them. Recorded operations that are `kept` do
    not become part of others.
    """
    slots = 1 + max((slot for _, slot in r.choices), default=-1)
    width = max((len(table) for table, _ in r.choices), default=0)
    builder = Builder()
    parameters = builder.leaves(PARAMETER, [v._data for v in r.parameters])
    given = builder.leaves(INPUT, values)
    hot = builder.leaves(INPUT, np.zeros(slots * width)).ids.reshape(slots, width)
    builder.leaves(CONSTANT, r.constants)
    first = builder.size
    chosen = first + len(r)
    by_sort = [first, 0, len(r.parameters), first - len(r.constants), chosen]
    offsets = np.array(by_sort)

    def ids(codes: Ids) -> Ids:
        known = np.maximum(codes, 0)
        return np.where(codes < 0, NONE, offsets[known >> SORT] + (known & ((1 << SORT) - 1)))

    operands = [ids(x) for x in (r.a, r.b, r.c)]
    builder.block(_kinds(r), r.row, operands, r.static, r.stop, len(r.choices))
    _define_polynomials(builder, r, first, operands)
    if r.many:
        lengths = [len(codes) for codes in r.many.values()]
        nodes = np.repeat(first + np.array(list(r.many)), lengths)
        builder.add_terms(nodes, ids(np.concatenate(list(r.many.values()))), NONE, 1.0)
    for k, (codes, slot) in enumerate(r.choices):
        table = ids(codes)
        builder.add_terms(np.full(len(table), chosen + k), table, hot[slot, : len(table)], 1.0)
    outputs = builder.block_of_sums(len(r.outputs), reduced=lanes > 0)
    builder.add_terms(outputs, ids(r.outputs), NONE, 1.0 / lanes if lanes else 1.0)
    g = _with_origin(builder.unsorted(), r, first, outputs)
    g = _folded(_without_dead(g, outputs, first, kept))
    candidates = np.ones(len(g), bool)
    if kept is not None:
        candidates[first + np.nonzero(kept)[0]] = False
    g = inlined(_without_zeros(g), candidates, outputs)
    choices = chosen + np.arange(len(r.choices))
    leaves = Leaves(parameters.ids, given.ids, hot, outputs, first + r.sides, choices)
    return _without_inlined(g, leaves, first, kept)


def _without_inlined(
    g: Graph, leaves: Leaves, first: int, recorded: Mask | None
) -> tuple[Graph, Leaves]:
    """The graph without nodes that have become part of others; leaves stay, and what has a name."""
    named = (leaves.outputs, leaves.sides, leaves.choices)
    keep = marked(len(g) + 1, slice(first), *_operands(g), *named)[:-1]
    if recorded is not None:
        keep[first : first + len(recorded)] |= recorded
    g, new = part_of(g, keep)
    return g, leaves.renumbered(new)


def _with_origin(g: Graph, r: Recording, first: int, outputs: Ids) -> Graph:
    """The graph, told which recorded operation each node is; an output is what it was made of."""
    origin = g.origin.copy()
    origin[first : first + len(r)] = np.arange(len(r))
    made = (r.outputs >= 0) & (r.outputs >> SORT == 0)
    origin[outputs[made]] = r.outputs[made]
    return replace(g, origin=origin)


def _kinds(r: Recording) -> np.ndarray:
    kinds = np.full(len(r.row), SUM, np.int8)
    for row, static in _classes(r):
        if row < DETACHED:
            op = OPS[ROWS[row]]
            if op.terms(*["x"] * op.arity, *([static] if op.has_static else [])) is None:
                kinds[_members(r, row, static)] = ROW
    for places, _ in _scaled(r):
        kinds[places] = SUM
    kinds[r.row == LARGEST_OF] = LARGEST
    return kinds


def _scaled(r: Recording) -> Iterator[tuple[Ids, np.ndarray]]:
    """Rows that are sums because their second operand is a constant, and the first one's factor."""
    for row in distinct(r.row[r.row < DETACHED]).tolist():
        op = OPS[ROWS[row]]
        if op.arity != 2 or op.terms("x", "y") is not None:
            continue
        places = np.nonzero((r.row == row) & (r.b >> SORT == CONSTANTS >> SORT))[0]
        numbers = r.constants[r.b[places] - CONSTANTS]
        terms = {x: op.terms("x", x) for x in distinct(numbers).tolist()}
        factor = {x: found[0][0] if found else np.nan for x, found in terms.items()}
        c = np.array([factor[x] for x in numbers.tolist()])
        yield places[~np.isnan(c)], c[~np.isnan(c)]


def _classes(r: Recording) -> list[tuple[int, float]]:
    """The distinct (row, static parameter); nan where the row has none."""
    classes: list[tuple[int, float]] = []
    for row in distinct(r.row).tolist():
        classes += [(row, s) for s in distinct(r.static[r.row == row]).tolist()]
    return classes


def _members(r: Recording, row: int, static: float) -> Ids:
    same = np.isnan(r.static) if static != static else r.static == static
    return np.nonzero((r.row == row) & same)[0]


def _define_polynomials(builder: Builder, r: Recording, first: int, operands: list[Ids]) -> None:
    symbols = Symbols(builder)
    for row, static in _classes(r):
        places = _members(r, row, static)
        args = [Lanes(builder, x[places]) for x in operands]
        if row == DETACHED:
            builder.define(first + places, [(args[0], None, 1.0)])
        if row >= DETACHED:
            continue
        op = OPS[ROWS[row]]
        terms = symbols.terms(op.name, *args[: op.arity], *([static] if op.has_static else []))
        if terms is not None:
            builder.define(first + places, terms)
    for places, c in _scaled(r):
        builder.add_terms(first + places, operands[0][places], NONE, c)


def _operands(g: Graph) -> tuple[Ids, Ids, Ids]:
    """All that is used, -1 where there is nothing."""
    return g.u, g.v, g.args[g.kind == ROW]


def _without_dead(g: Graph, outputs: Ids, first: int, kept: Mask | None) -> Graph:
    """What nothing is computed from uses nothing: what has one user besides is then inlined."""
    if marked(len(g) + 1, *_operands(g), outputs)[first:-1].all():
        return g
    seed = marked(len(g), outputs)
    if kept is not None:
        seed[first : first + len(kept)] |= kept
    dead = ~used_by(g, seed, np.ones(len(g), bool))
    dead[:first] = False
    terms = ~dead[g.node]
    return replace(
        g, kind=np.where(dead, CONSTANT, g.kind).astype(np.int8),
        row=np.where(dead, NONE, g.row).astype(np.int16),
        args=np.where(dead[:, None], NONE, g.args), stop=g.stop & ~dead,
        reduced=g.reduced & ~dead, node=g.node[terms], u=g.u[terms], v=g.v[terms], c=g.c[terms],
    )  # fmt: skip


def _folded(g: Graph) -> Graph:
    """Rows of constants are constants."""
    known = np.where(g.args >= 0, g.kind[g.args] == CONSTANT, True).all(1) & (g.kind == ROW)
    places = np.nonzero(known)[0]
    if not len(places):
        return g
    kind, row, args, value = g.kind.copy(), g.row.copy(), g.args.copy(), g.value.copy()
    for n in places.tolist():
        op = OPS[ROWS[row[n]]]
        static = (float(g.static[n]),) if op.has_static else ()
        value[n] = op.f(*[float(g.value[i]) for i in args[n][: op.arity]], *static)
    kind[places], row[places], args[places] = CONSTANT, NONE, NONE
    return replace(g, kind=kind, row=row, args=args, value=value)


def _without_zeros(g: Graph) -> Graph:
    """Sums without terms that are the number 0, as `sum()` starts with; one term at least stays."""
    number = np.append((g.kind == CONSTANT) & (g.value == 0), False)  # of -1, too
    zero = number[g.u] & (g.v < 0)
    zero[zero] = g.kind[g.node[zero]] == SUM
    if not zero.any():
        return g
    others = np.bincount(g.node[~zero], minlength=len(g))
    keep = ~zero | (others[g.node] == 0)
    return replace(g, node=g.node[keep], u=g.u[keep], v=g.v[keep], c=g.c[keep])


def inlined(g: Graph, candidates: Mask, outputs: Ids) -> Graph:
    """Sums that are used once, by a sum and not in a product, become part of it."""
    n = len(g)
    uses = np.zeros(n, np.int64)
    for operands in _operands(g):
        uses += np.bincount(operands.ravel() + 1, minlength=n + 1)[1:]
    uses[outputs] += 2
    own = candidates & (g.kind == SUM) & ~g.stop & ~g.reduced & (uses == 1)
    link = (g.v < 0) & np.append(own, False)[g.u] & (g.kind[g.node] == SUM)
    target, factor = np.arange(n), np.ones(n)
    places = np.flatnonzero(link)
    moved = g.u[places]
    target[moved], factor[moved] = g.node[places], g.c[places]
    while len(moved):
        nearer = target[moved]
        further = target[nearer]
        moved, nearer, further = (x[further != nearer] for x in (moved, nearer, further))
        factor[moved] *= factor[nearer]
        target[moved] = further
    keep = np.flatnonzero(~link)
    node = g.node[keep]
    return sorted_terms(
        replace(g, node=target[node], u=g.u[keep], v=g.v[keep], c=g.c[keep] * factor[node])
    )
