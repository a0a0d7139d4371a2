"""Whether what one pass hands to the next keeps its promises, and what a recording computes.

`graph.check` and `verify.check` say the same of graphs and programs, `interpret.evaluate` and
`interpret.run` what these compute. All raise an AssertionError that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from micrograd.compiler.arrays.layout import Homes, Layout, factor
from micrograd.compiler.arrays.schedule import Group, operands
from micrograd.compiler.codes import ROWS, Floats, Ids, Mask
from micrograd.compiler.graph.graph import CONSTANT, LARGEST, Graph
from micrograd.compiler.nest.ir import (
    LANES,
    PARAMETERS,
    WORK,
)
from micrograd.compiler.trace.recording import DETACHED, LARGEST_OF, SORT, Recording
from micrograd.ops import OPS

NUMBER = (1 << SORT) - 1  # the bits of a code that are a number
SORTS = ("nodes", PARAMETERS, "inputs", "constants", "choices")

# ---- recordings ----------------------------------------------------------------------------------


def check_recording(r: Recording, inputs: int) -> None:
    """The arrays fit together, each node uses earlier ones, and statics are where they belong."""
    n = len(r)
    for array in (r.a, r.b, r.c, r.static, r.stop):
        assert len(array) == n, f"{len(array)} entries for {n} nodes"
    sizes = (n, len(r.parameters), inputs, len(r.constants), len(r.choices))
    for k, (table, slot) in enumerate(r.choices):
        assert len(table), f"choice {k} is from an empty table"
        assert slot >= 0, f"choice {k} is of slot {slot}"
        assert int(table.max()) >> SORT < 4, f"choice {k} is between choices"
        _check_codes(r, table, sizes, n, f"choice {k}")
    for node in range(n):
        where, row = f"node {node}", int(r.row[node])
        assert 0 <= row <= LARGEST_OF, f"{where} is of row {row}"
        given = [int(x[node]) for x in (r.a, r.b, r.c)]
        wanted = OPS[ROWS[row]].arity if row < DETACHED else int(row == DETACHED)
        has = [code >= 0 for code in given]
        assert has == [i < wanted for i in range(3)], f"{where} has operands {given}, not {wanted}"
        assert (node in r.many) == (row == LARGEST_OF), f"{where} is of row {row}, in many or not"
        codes = [*given[:wanted], *r.many.get(node, ())]
        assert codes, f"{where} has no operand"
        _check_codes(r, np.array(codes, np.int64), sizes, node, where)
        static = row < DETACHED and OPS[ROWS[row]].has_static
        assert static or np.isnan(r.static[node]), f"{where} has a static parameter"
        assert row < DETACHED or r.stop[node], f"{where} is a number, but derivatives flow through"
    assert set(r.many) <= set(range(n)), "many names a node that there is not"
    assert len(r.outputs), "there is no output"
    _check_codes(r, r.outputs, sizes, n, "the outputs")


def _check_codes(r: Recording, codes: Ids, sizes: Sequence[int], end: int, where: str) -> None:
    for code in codes.tolist():
        assert 0 <= code >> SORT < len(SORTS), f"{where}: {code} is no code"
        sort, number = code >> SORT, code & NUMBER
        assert number < sizes[sort], f"{where}: {number} of {sizes[sort]} {SORTS[sort]}"
        assert sort or number < end, f"{where}: node {number} comes later"
        if sort == 4 and end < len(r):
            table = r.choices[number][0]
            assert (table < end)[table >> SORT == 0].all(), f"{where}: a choice comes later"


def evaluate(
    r: Recording, inputs: Sequence[float], ids: Sequence[int] = ()
) -> tuple[Floats, Floats]:
    """The value of every node, and of every output; `ids` are the run-time integers."""
    done: list[float] = []
    leaves: tuple[Any, ...] = (done, (), inputs, r.constants)

    def of(code: int) -> float:
        sort, number = code >> SORT, code & NUMBER
        if sort == 4:
            table, slot = r.choices[number]
            return of(int(table[ids[slot]]))
        if sort == 1:
            return r.parameters[number]._data
        return float(leaves[sort][number])

    for node, row in enumerate(r.row.tolist()):
        if row == LARGEST_OF:
            value, *others = [of(code) for code in r.many[node].tolist()]
            for x in others:
                value = OPS["maximum"].f(value, x)
        elif row == DETACHED:
            value = of(int(r.a[node]))
        else:
            op = OPS[ROWS[row]]
            args = [of(int(x[node])) for x in (r.a, r.b, r.c)[: op.arity]]
            value = op.f(*args, *([float(r.static[node])] if op.has_static else []))
        done.append(value)
    return np.array(done), np.array([of(code) for code in r.outputs.tolist()])


# ---- groups --------------------------------------------------------------------------------------


def check_groups(
    g: Graph, groups: Sequence[Group], of: Ids, home: Ids, lanes: Mask, pinned: Mask
) -> None:
    """Every node is in one group, of nodes like it, after what it uses; the terms are the graph's.

    Terms may have constants multiplied into their coefficient.
    """
    count = np.zeros(len(g), np.int64)
    for k, group in enumerate(groups):
        nodes = group.nodes
        assert len(nodes), f"group {k} is empty"
        assert (np.diff(nodes) > 0).all(), f"the nodes of group {k} do not ascend"
        assert (of[nodes] == k).all(), f"a node of group {k} is said to be of another"
        count[nodes] += 1
        facts: dict[str, Any] = {
            "kind": g.kind, "row": g.row, "home": home, "lanes": lanes, "reduced": g.reduced,
            "pinned": pinned,
        }  # fmt: skip
        for name, fact in facts.items():
            known = getattr(group, name)
            assert (fact[nodes] == known).all(), f"{name} of group {k} is not {known} throughout"
        same = np.array_equal(g.static[nodes], np.full(len(nodes), group.static), equal_nan=True)
        assert same, f"the static parameter of group {k} is not {group.static} throughout"
        for ids in operands(group):
            used = of[ids].ravel()
            inner = np.array([bool(groups[q].terms or groups[q].args) for q in used.tolist()])
            assert (used[inner] < k).all(), f"group {k} uses a group that is computed later"
    assert (count == 1).all(), f"node {int(np.argmax(count != 1))} is in {count.min()} groups"
    _check_terms(g, groups)


def _check_terms(g: Graph, groups: Sequence[Group]) -> None:
    known = np.where(g.kind == CONSTANT, g.value, np.nan)
    for group in groups:
        if group.constant is not None:
            known[group.nodes] = group.constant
    mine: dict[tuple[int, ...], float] = {}
    theirs: dict[tuple[int, ...], float] = {}
    for node, u, v, c in zip(g.node, g.u, g.v, g.c, strict=True):
        _add_term(theirs, known, g.kind[node] == LARGEST, int(node), (int(u), int(v)), float(c))
    for k, group in enumerate(groups):
        largest = group.kind == LARGEST
        for node, u, v, c in _terms_of(group):
            _add_term(mine, known, largest, node, (u, v), c)
        for i, args in enumerate(group.args):
            meant = g.args[group.nodes, i]
            same = (args == meant) | (known[args] == known[meant])
            assert same.all(), f"argument {i} of group {k} is not the graph's"
    for key in mine.keys() | theirs.keys():
        a, b = mine.get(key, 0.0), theirs.get(key, 0.0)
        close = a == b or abs(a - b) <= 1e-12 * max(abs(a), abs(b)) or (a != a and b != b)
        assert close, f"node {key[0]} has {a} times {key[1:]} in its group, {b} in the graph"


def _terms_of(group: Group) -> Iterator[tuple[int, int, int, float]]:
    for terms in group.terms:
        factors = [x for x in (terms.u, terms.v) if x is not None]
        width = factors[0].shape[1] if factors and not group.ragged else 1
        nodes = np.repeat(group.nodes, width) if terms.node is None else terms.node
        u, v = (np.full(len(nodes), -1) if x is None else x.ravel() for x in (terms.u, terms.v))
        assert len(u) == len(v) == len(nodes), "terms of unequal length"
        for node, x, y in zip(nodes.tolist(), u.tolist(), v.tolist(), strict=True):
            yield node, x, y, terms.c


def _add_term(
    found: dict[tuple[int, ...], float], known: Floats, largest: bool, node: int,
    factors: tuple[int, int], c: float,
) -> None:  # fmt: skip
    left = []
    for x in factors:
        if x >= 0 and not largest and known[x] == known[x]:
            c *= float(known[x])
        elif x >= 0:
            left.append(x)
    key = (node, *sorted(left))
    found[key] = found.get(key, 0.0) + c


# ---- places --------------------------------------------------------------------------------------


def check_layout(
    groups: Sequence[Group], layout: Layout, places: Homes, top: int, lanes_top: int
) -> None:
    """Each group is in one piece of its space that nobody else has; `top`s are where it was free.

    Nodes with a home are there, and pinned ones at their pins or listed as unpinned.
    """
    taken: dict[str, list[Ids]] = {WORK: [], LANES: []}
    first, end = {WORK: top, LANES: lanes_top}, {WORK: layout.top, LANES: layout.lanes_top}
    unpinned = set(layout.unpinned.tolist())
    for k, group in enumerate(groups):
        nodes, space = layout.nodes[k], layout.space[k]
        address = layout.address[nodes]
        assert np.array_equal(np.sort(nodes), group.nodes), f"group {k} is laid out with others"
        if group.home:
            name = places.spaces[group.home - 1]
            assert space == name, f"group {k} is in {space}, not at home in {name}"
            assert (address == places.address[nodes]).all(), f"group {k} is not at home"
            continue
        in_order = not group.ragged or np.array_equal(nodes, group.nodes)
        assert in_order, f"group {k} is ragged, and in another order"
        wanted = LANES if group.lanes and not group.pinned else WORK
        assert space == wanted, f"group {k} is in {space}, not in {wanted}"
        assert (np.diff(address) > 0).all(), f"the addresses of group {k} do not ascend"
        assert factor([address]) is not None, f"group {k} is not affine"
        pinned = group.pinned and int(nodes[0]) not in unpinned
        if pinned:
            assert (address == places.pins[nodes]).all(), f"group {k} is not at its pins"
        else:
            inside = address[0] >= first[space] and address[-1] < end[space]
            assert inside, f"group {k} is at {address[0]} to {address[-1]} of {space}"
        taken[space].append(address)
    pinned_nodes = {int(n) for group in groups if group.pinned for n in group.nodes}
    assert unpinned <= pinned_nodes, "a node is unpinned that was not to be pinned"
    for space, parts in taken.items():
        addresses, times = np.unique(np.concatenate([*parts, []]), return_counts=True)
        twice = addresses[times > 1].tolist()
        assert not twice, f"{twice} of {space} have two nodes each"
