"""The graph between the passes: building, checking, evaluating, walking."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interpret import evaluate
from passes import largest_nodes, many, random_graph

from micrograd import CompileError
from micrograd.compiler.codes import NONE
from micrograd.compiler.graph import graph as G  # noqa: N812
from micrograd.compiler.graph.builder import Builder, Lanes, Symbols
from micrograd.compiler.graph.graph import (
    CONSTANT,
    INPUT,
    PARAMETER,
    SUM,
    check,
    levels,
    sorted_terms,
    spans,
    used_by,
    users_of,
)
from micrograd.ops import FLOATS, OPS


def two() -> tuple[Builder, Lanes, Lanes]:
    builder = Builder()
    x = builder.leaves(PARAMETER, [0.5, -2.0, 3.0])
    y = builder.leaves(INPUT, [4.0])
    return builder, x, y


def test_arithmetic_is_that_of_numbers() -> None:
    builder, x, y = two()
    a, b = np.array([0.5, -2.0, 3.0]), 4.0
    results = {
        x + y: a + b, x + 2.0: a + 2, 2.0 + x: a + 2, x - y: a - b, x - 2.0: a - 2,
        2.0 - x: 2 - a, x * y: a * b, y * x: a * b, x * 2.0: a * 2, 2.0 * x: a * 2, -x: -a,
        x * x: a * a, x * y + y * 3.0 - x: a * b + 3 * b - a,
    }  # fmt: skip
    g = builder.graph()
    check(g)
    done = evaluate(g)
    for lanes, expected in results.items():
        np.testing.assert_array_equal(done[lanes.ids], expected)


@pytest.mark.parametrize("name", list(OPS))
def test_every_row_is_that_of_floats(name: str) -> None:
    row = OPS[name]
    rng = np.random.default_rng(7)
    numbers = [rng.uniform(low, high, 3) for low, high in row.domain]
    for static in [(k,) for k in row.static_samples] or [()]:
        builder = Builder()
        symbols = Symbols(builder)
        inputs = [builder.leaves(INPUT, x) for x in numbers]
        lanes = getattr(symbols, name)(*inputs, *static)
        g = builder.graph()
        check(g)
        expected = [row.f(*x, *static) for x in zip(*numbers, strict=True)]
        np.testing.assert_allclose(evaluate(g)[lanes.ids], expected, rtol=1e-15)
        assert getattr(symbols, name)(*[x[0] for x in numbers], *static) == expected[0]


def test_numbers_among_lanes_are_constants_and_shared() -> None:
    builder, x, _ = two()
    symbols = Symbols(builder)
    a, b = symbols.maximum(x, 0.25), symbols.maximum(0.25, x)
    g = builder.graph()
    assert (g.kind == CONSTANT).sum() == 1
    done = evaluate(g)
    assert done[a.ids].tolist() == done[b.ids].tolist() == [0.5, 0.25, 3.0]


def test_shared_lanes_are_one_node() -> None:
    builder = Builder(shared=True)
    x = builder.leaves(PARAMETER, [0.5, 2.0])
    repeated = Lanes(builder, x.ids[[0, 1, 1, 0]])
    total = repeated * repeated + 1.0
    wave = Symbols(builder).sin(repeated)
    g = builder.graph()
    check(g)
    assert len(np.unique(total.ids)) == len(np.unique(wave.ids)) == 2
    np.testing.assert_array_equal(evaluate(g)[total.ids], [1.25, 5.0, 5.0, 1.25])
    np.testing.assert_array_equal(evaluate(g)[wave.ids], np.sin([0.5, 2.0, 2.0, 0.5]))


def test_the_largest_of_terms() -> None:
    builder, x, y = two()
    node = largest_nodes(builder, 1)
    builder.add_terms(np.repeat(node, 4), np.append(x.ids, y.ids), NONE, 1.0)
    g = builder.graph()
    check(g)
    assert evaluate(g)[node] == 4.0
    assert g.stop[node].all()


def test_other_leaves_may_be_given() -> None:
    builder, x, y = two()
    total = x * y
    values = np.zeros(builder.size)
    values[:4] = [1.0, 2.0, 3.0, 10.0]
    assert evaluate(builder.graph(), values)[total.ids].tolist() == [10.0, 20.0, 30.0]


def test_unknown_rows_have_no_symbol() -> None:
    with pytest.raises(AttributeError, match="frobnicate"):
        _ = Symbols(Builder()).frobnicate


def sample() -> G.Graph:
    builder, x, y = two()
    Symbols(builder).maximum(x * y, y)
    return builder.graph()


def changed(array: np.ndarray, place: int, value: float) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda g: {"static": g.static[1:]}, "entries for"),
        (lambda g: {"c": g.c[1:]}, "unequal length"),
        (lambda g: {"node": g.node[::-1]}, "not sorted"),
        (lambda g: {"u": changed(g.u, 0, len(g))}, "no such node"),
        (lambda g: {"args": changed(g.args, -1, -2)}, "no such node"),
        (lambda g: {"u": changed(g.u, 0, NONE)}, "v but no u"),
        (lambda g: {"node": changed(g.node, 0, 0)}, "no sum"),
        (lambda g: {"row": changed(g.row, 0, 3)}, "row without ROW"),
        (lambda g: {"kind": changed(g.kind, -1, SUM)}, "row without ROW"),
        (lambda g: {"args": changed(g.args, -1, NONE)}, "number of arguments"),
        (lambda g: {"args": changed(g.args, 0, 1)}, "no row"),
    ],
)
def test_the_checker_names_the_fault(change, fault: str) -> None:
    g = sample()
    check(g)
    with pytest.raises(AssertionError, match=fault):
        check(replace(g, **change(g)))


def test_a_cycle_is_found() -> None:
    builder = Builder()
    nodes = builder.block_of_sums(2)
    builder.add_terms(nodes, nodes[::-1], NONE, 1.0)
    with pytest.raises(CompileError):
        levels(builder.graph())


def test_spans() -> None:
    assert spans(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
    assert spans(np.array([], int), np.array([], int)).tolist() == []


def test_terms_keep_their_order_within_a_node() -> None:
    builder = Builder()
    x = builder.leaves(INPUT, [1.0, 2.0, 3.0]).ids
    a, b = builder.block_of_sums(2)
    builder.add_terms(np.array([b, a, b, a]), x[[0, 1, 2, 0]], NONE, np.arange(4.0))
    g = sorted_terms(builder.graph())
    assert g.node.tolist() == [a, a, b, b]
    assert g.c.tolist() == [1.0, 3.0, 0.0, 2.0]


@pytest.mark.parametrize("seed", range(15))
def test_levels_users_and_used_are_those_of_the_edges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    g = random_graph(rng, 40)
    check(g)
    users, used = g.edges
    below: dict[int, set[int]] = {n: set() for n in range(len(g))}
    for user, node in zip(users.tolist(), used.tolist(), strict=True):
        below[user].add(node)
    level = levels(g)
    for n in range(len(g)):
        assert level[n] == 1 + max((level[m] for m in below[n]), default=-1)
    through = rng.random(len(g)) < 0.8
    seeds = rng.random(len(g)) < 0.1
    for forward in (True, False):
        expected = seeds.copy()
        for n in sorted(range(len(g)), key=lambda n: level[n] if forward else -level[n]):
            if forward:
                expected[n] |= through[n] and any(expected[m] for m in below[n])
            elif expected[n]:
                for m in below[n]:
                    expected[m] |= through[m]
        found = (users_of if forward else used_by)(g, seeds, through)
        np.testing.assert_array_equal(found, expected)


def test_floats_are_the_same_rows() -> None:
    builder, x, _ = two()
    for name in ("less", "equal", "relu"):
        lanes = getattr(Symbols(builder), name)(*[x, 0.5][: OPS[name].arity])
        assert evaluate(builder.graph())[lanes.ids][0] == getattr(FLOATS, name)(
            *[0.5, 0.5][: OPS[name].arity]
        )


@many(40)
@given(st.integers(0, 2**32), st.sampled_from(["wide", "chain", "both"]))
def test_what_is_found_from_seeds_is_what_edges_lead_to(seed: int, shape: str) -> None:
    rng = np.random.default_rng(seed)
    size = {"wide": 60, "chain": 130, "both": 400}[shape]
    users = np.repeat(np.arange(1, size), 1 if shape == "chain" else 2)
    reach = {"wide": size, "chain": 1, "both": 3}[shape]
    used = users - 1 - rng.integers(0, np.minimum(users, reach))
    seeds, through = rng.random(size) < 0.05, rng.random(size) < 0.95
    for source, to in ((users, used), (used, users)):
        found = G.reachable(source, to, seeds, through)
        expected, before = seeds, None
        while before is None or (expected != before).any():
            before = expected.copy()
            expected = before.copy()
            np.logical_or.at(expected, to, before[source] & through[to])
        assert (found == expected).all()
