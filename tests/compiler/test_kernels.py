"""Loops and kernels compute what the graph says, however its operands lie."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from interpret import evaluate
from passes import (
    ALONE,
    anywhere,
    compiled,
    grouped,
    laid_out,
    largest_nodes,
    looped,
    ran,
    random_graph,
    written,
)

from micrograd import Value, grad
from micrograd.compiler.arrays.loops import Loops, loops_of
from micrograd.compiler.codes import NONE
from micrograd.compiler.graph.builder import Builder, Lanes, Symbols
from micrograd.compiler.graph.graph import CONSTANT, INPUT, PARAMETER, ROW, SUM, Graph
from micrograd.compiler.nest.ir import PARAMETERS, TERM, WORK, Affine, Nest, argument
from micrograd.compiler.nest.ir import Counter as Index
from micrograd.compiler.nest.spans import listed


def kind(nest: Nest) -> str:
    if listed(nest):
        return "gather" if nest.starts is None else "rows"
    if nest.reduce == "max":
        return "largest"
    return "sum" if nest.first.row == TERM else "map"


def kinds(loops: Loops) -> Counter[str]:
    return Counter(kind(nest) for nest in loops.all)


def assert_computed(g: Graph, scale: float = 1.0) -> Loops:
    """Every node has its value after the kernels have run."""
    loops, layout = looped(g)
    work = written(g, layout, loops)
    expected = evaluate(g)
    np.testing.assert_allclose(work[layout.address], expected, rtol=1e-11, atol=1e-12)
    return loops


@pytest.mark.some(20)
@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_are_computed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert_computed(random_graph(rng, int(rng.integers(12, 60))))


@pytest.mark.parametrize("seed", range(30))
def test_nodes_may_lie_in_any_order(seed: int) -> None:
    """Sums that are pinned backwards, and parameters at home in steps of -3."""
    rng = np.random.default_rng(seed)
    g = random_graph(rng, int(rng.integers(12, 60)))
    pins, top = np.full(len(g), -1), 8
    for group in grouped(g)[0]:
        if group.kind in (SUM, ROW) and not group.ragged:
            pins[group.nodes] = top + np.arange(len(group.nodes))[::-1]
            top += len(group.nodes)
    parameters = g.kind == PARAMETER
    home, address = np.where(parameters, 1, 0), np.zeros(len(g), int)
    address[parameters] = 3 * np.arange(parameters.sum())[::-1]
    places = anywhere(g, home=home, address=address, spaces=(PARAMETERS,), pins=pins)
    groups, of, layout = laid_out(g, places, top=-(-top // 8) * 8)
    loops = Loops(layout.top, 0, ALONE)
    loops_of(g, groups, of, layout, loops)
    at_home = np.zeros(3 * parameters.sum())
    at_home[address[parameters]] = g.value[parameters]
    work = np.zeros(loops.free[WORK])
    own = np.isin(g.kind, (INPUT, CONSTANT))
    work[layout.address[own]] = g.value[own]
    work = written(g, layout, loops, {PARAMETERS: at_home, WORK: work}, groups=groups)
    np.testing.assert_allclose(
        work[layout.address][~parameters], evaluate(g)[~parameters], rtol=1e-11, atol=1e-12
    )


def test_random_graphs_have_loops_of_all_kinds() -> None:
    found: Counter[str] = Counter()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        loops, _ = looped(random_graph(rng, int(rng.integers(12, 60))))
        found += kinds(loops)
    assert all(found[name] >= 10 for name in ("sum", "map", "gather", "rows"))


def leaves(builder: Builder, *shape: int) -> np.ndarray:
    count = int(np.prod(shape))
    return builder.leaves(INPUT, 0.5 + np.arange(count) % 7).ids.reshape(shape)


def test_a_matrix_times_a_vector_is_one_sum() -> None:
    builder = Builder()
    w, x = leaves(builder, 4, 3), leaves(builder, 3)
    out = builder.block_of_sums(4)
    builder.add_terms(np.repeat(out, 3), w.ravel(), np.tile(x, 4), 2.0)
    (loop,) = assert_computed(builder.graph()).all
    assert (loop.reduce, loop.extents, loop.first.coefficient) == ("add", (4, 3), 2.0)
    assert loop.first.out.strides == (1, 0)
    assert sorted(x.strides for x in loop.first.inputs) == [(0, 1), (3, 1)]


def test_several_classes_accumulate() -> None:
    builder = Builder()
    x, y = Lanes(builder, leaves(builder, 4)), Lanes(builder, leaves(builder, 4))
    builder.sum_of([(x, y, 1.0), (x, None, 3.0), (None, None, 0.25)])
    loops = assert_computed(builder.graph())
    assert [nest.first.accumulate for nest in loops.all] == [False, True, True]


def test_operands_that_are_not_affine_are_gathered() -> None:
    builder = Builder()
    x = leaves(builder, 9)
    picked = Lanes(builder, x[[0, 1, 3, 4, 8, 2, 2]])
    _ = Symbols(builder).tanh(Lanes(builder, x)), Symbols(builder).sin(picked)
    loops = assert_computed(builder.graph())
    assert kinds(loops) == {"map": 2, "gather": 1}


def test_sums_of_unequal_length_are_ragged() -> None:
    builder = Builder()
    x, y = leaves(builder, 6), leaves(builder, 6)
    out = builder.block_of_sums(3)
    builder.add_terms(np.repeat(out, [1, 2, 3]), x, y[::-1], 0.5)
    builder.add_terms(np.repeat(out, [3, 2, 1]), x, NONE, 2.0)
    builder.add_terms(np.repeat(out, [1, 3, 2]), NONE, NONE, 0.125)
    loops = assert_computed(builder.graph())
    rows = [nest for nest in loops.all if nest.starts is not None]
    assert [nest.first.accumulate for nest in rows] == [False, True]
    assert rows[0].starts.tolist() == [0, 1, 3, 6]
    assert kinds(loops)["sum"] == 3


@pytest.mark.parametrize("counts", [[3, 3], [1, 4], [1, 1], [2, 3]])
def test_the_largest_of_a_group(counts: list[int]) -> None:
    builder = Builder()
    x = leaves(builder, sum(counts))
    out = largest_nodes(builder, 2)
    builder.add_terms(np.repeat(out, counts), x[::-1].copy(), NONE, 1.0)
    loops = assert_computed(builder.graph())
    which = {(1, 1): "sum", (3, 3): "largest"}.get(tuple(counts), "rows")
    assert kinds(loops)[which] == 1


MIXED = [
    lambda a, b: (a - max(a.data, b.exp().data)).exp() * b,
    lambda a, b: (a - max((a * 2).data, b.exp().data, 0.7)).exp() * b,
    lambda a, b: (a - max(3.0, a.data)).exp() * b,
    lambda a, b: (a - min(b.data, (a * b).data, -5.0)).tanh(),
    lambda a, b: sum(
        (a - max([(a * k).data for k in range(n)] + [b.exp().data] * n)).exp() for n in (1, 2, 3)
    ),
]


@pytest.mark.parametrize("which", range(5))
def test_the_largest_of_several_groups(which: int) -> None:
    a, b = Value(0.5), Value(-1.5)
    result = ran(lambda: MIXED[which](a, b), [a, b])
    loss = MIXED[which](a, b)
    assert result.loss == pytest.approx(loss.data)
    np.testing.assert_allclose(result.gradient, [v.data for v in grad(loss, [a, b])])


def test_numbers_alone() -> None:
    builder = Builder()
    c = builder.leaves(CONSTANT, [2.0, 3.0, 2.0])
    x = Lanes(builder, leaves(builder, 3))
    _ = c * 2.0 + 1.0, c * x, x * 0.0 + 5.0
    twice = builder.sum_of([(x, None, 2.0), *[(None, None, 0.5)] * 3])
    assert evaluate(builder.graph())[twice][0] == 2.0 * 0.5 + 1.5
    assert_computed(builder.graph())


def test_what_is_known_needs_no_loop() -> None:
    builder = Builder()
    c = builder.leaves(CONSTANT, [2.0, 2.0])
    _ = c * 3.0 + 1.0
    assert not assert_computed(builder.graph()).all


def test_parameters_are_read_at_home() -> None:
    builder = Builder()
    p = builder.leaves(PARAMETER, [1.0, 2.0, 3.0])
    _ = p * 2.0
    g = builder.graph()
    home, address = np.array([1, 1, 1, 0, 0, 0]), np.array([7, 5, 3, 0, 0, 0])
    places = anywhere(g, home=home, address=address, spaces=(PARAMETERS,))
    (loop,) = looped(g, places)[0].all
    assert loop.first.inputs == (Affine(PARAMETERS, 7, (-2,)),)


@pytest.mark.parametrize("seed", range(20))
def test_copies_go_anywhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    target, source = rng.permutation(20)[:n], rng.integers(0, 20, n)
    loops = Loops(24, 0, ALONE)
    loops.copy((WORK, np.sort(target)), (argument(0), source))
    numbers = rng.normal(size=20)
    work = written(None, None, loops, {argument(0): numbers})
    np.testing.assert_array_equal(work[np.sort(target)], numbers[source])


def test_copies_to_an_affine_place_are_one_loop() -> None:
    loops = Loops(32, 0, ALONE)
    loops.copy((WORK, np.arange(8)), (argument(0), np.arange(8)[::-1].copy()))
    assert kinds(loops) == {"sum": 1}


def test_copies_keep_their_order() -> None:
    """Not sorted, and not affine: in as few pieces as there are."""
    target, source = np.array([5, 6, 7, 1, 2, 3, 9]), np.arange(7)
    loops = Loops(16, 0, ALONE)
    loops.copy((WORK, target), (argument(0), source))
    work = written(None, None, loops, {argument(0): np.arange(7.0) + 1})
    assert work[target].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert len(loops.all) == 3


def test_sums_are_sums() -> None:
    builder = Builder()
    x = leaves(builder, 2)
    total = builder.block_of_sums(1)
    builder.add_terms(np.repeat(total, 2), x, NONE, 1.0)
    assert evaluate(builder.graph())[total] == 2.0


def test_rows_of_choices_are_made_where_they_are_read() -> None:
    """Each is 1 at its index: one nest writes all of them, and nothing copies them."""
    rows = [[Value(float(4 * i + j)) for j in range(4)] for i in range(6)]

    def squares(ids: list[int]) -> Value:
        return sum((e * e for i in ids for e in rows[i]), Value(0.0))

    built, _ = compiled(squares, [v for row in rows for v in row], [3, 0, 2])
    hot = [nest for nest in built.program.nests
           if any(isinstance(x, Index) for x in nest.first.inputs)]  # fmt: skip
    assert [nest.extents for nest in hot] == [(3, 6)]
