"""Where nodes lie: addresses as axes, groups in pieces that nobody shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from checkers import check_layout
from hypothesis import given
from hypothesis import strategies as st
from passes import anywhere, graph_of, laid_out, many, random_graph

from micrograd import Value
from micrograd.compiler.arrays.layout import ALIGN, MOST_AXES, factor, lay_out
from micrograd.compiler.arrays.schedule import lane_mask, live
from micrograd.compiler.codes import NONE
from micrograd.compiler.graph.builder import Builder, Lanes, Symbols
from micrograd.compiler.graph.graph import CONSTANT, INPUT, PARAMETER, SUM
from micrograd.compiler.nest.ir import LANES, PARAMETERS, WORK


def unrolled(axes, first: tuple[int, ...]) -> list[np.ndarray]:
    """The lists that axes stand for."""
    sizes = tuple(size for size, _ in axes)
    index = np.indices(sizes).reshape(len(sizes), int(np.prod(sizes)))
    return [
        start + sum((index[k] * axes[k][1][j] for k in range(len(sizes))), np.zeros((), int))
        * np.ones(index.shape[1], int)
        for j, start in enumerate(first)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lists", "axes"),
    [
        ([[7]], []),
        ([[0, 1, 2]], [(3, (1,))]),
        ([[2, 1, 0]], [(3, (-1,))]),
        ([[5, 5, 5]], [(3, (0,))]),
        ([[0, 1, 2, 10, 11, 12]], [(2, (10,)), (3, (1,))]),
        ([[0, 0, 1, 1]], [(2, (1,)), (2, (0,))]),
        ([[0, 1, 0, 1, 0, 1]], [(3, (0,)), (2, (1,))]),
        ([[0, 1, 2, 3], [0, 0, 4, 4]], [(2, (2, 4)), (2, (1, 0))]),
        ([[0, 1, 4, 5, 16, 17, 20, 21]], [(2, (16,)), (2, (4,)), (2, (1,))]),
        ([[0, 1, 3]], None),
        ([[0, 1, 2, 3, 10, 11]], None),
        ([[0, 1, 2, 10, 11, 13]], None),
        ([[0, 1, 2, 3], [0, 1, 4, 9]], None),
        ([[0, 1, 5, 6, 7]], None),
    ],
)
def test_factor(lists: list[list[int]], axes) -> None:
    assert factor([np.array(x) for x in lists]) == axes


def test_there_are_not_too_many_axes() -> None:
    def cube(n: int) -> np.ndarray:
        return sum(np.indices((2,) * n).reshape(n, -1)[k] * 10**k for k in range(n))

    axes = factor([cube(MOST_AXES)])
    assert axes is not None
    assert len(axes) == MOST_AXES
    assert factor([cube(MOST_AXES + 1)]) is None


axes_drawn = st.lists(
    st.tuples(st.integers(2, 4), st.tuples(st.integers(-9, 60), st.integers(-2, 20))),
    max_size=4,
)


@many(150)
@given(axes_drawn, st.tuples(st.integers(0, 100), st.integers(0, 100)))
def test_what_is_affine_is_factored(axes, first: tuple[int, int]) -> None:
    """Not always the same axes, but the same lists."""
    lists = unrolled(axes, first)
    found = factor(lists)
    assert found is not None
    for mine, theirs in zip(unrolled(found, first), lists, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert all(size > 1 for size, _ in found)
    assert len(found) <= len(axes)


@many(150)
@given(st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=1, max_size=2))
def test_what_is_factored_is_the_lists(lists: list[list[int]]) -> None:
    arrays = [np.array(x) for x in lists]
    found = factor(arrays)
    if found is not None:
        for mine, theirs in zip(unrolled(found, tuple(x[0] for x in lists)), arrays, strict=True):
            np.testing.assert_array_equal(mine, theirs)


# ---- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_have_places(seed: int) -> None:
    rng = np.random.default_rng(seed)
    g = random_graph(rng, int(rng.integers(12, 60)))
    laid_out(g, top=16)
    lanes = lane_mask(g, np.nonzero(g.kind == INPUT)[0][:2])
    parameters = g.kind == PARAMETER
    home = np.where(parameters, 1, 0)
    address = np.where(parameters, np.cumsum(parameters) * 3, 0)
    pins = np.full(len(g), -1)
    pinned = (g.kind == SUM) & (rng.random(len(g)) < 0.3) & ~lanes
    pins[pinned] = 8 + rng.permutation(int(pinned.sum()))
    top = 8 + int(pinned.sum())
    places = anywhere(g, home=home, address=address, spaces=(PARAMETERS,), pins=pins)
    _, _, layout = laid_out(g, places, lanes, top=-(-top // ALIGN) * ALIGN)
    assert layout.top % ALIGN == 0


def test_groups_start_at_whole_lines() -> None:
    builder = Builder()
    x = builder.leaves(INPUT, [1.0, 2.0, 3.0])
    _ = x * 2.0 + Symbols(builder).tanh(x)
    groups, _, layout = laid_out(builder.graph(), top=24)
    assert sorted(int(layout.address[q.nodes].min()) for q in groups) == [24, 32, 40, 48]
    assert (layout.top, layout.lanes_top) == (56, 0)


def test_lanes_lie_side_by_side() -> None:
    builder = Builder()
    x = builder.leaves(INPUT, [1.0, 2.0, 3.0])
    y = x * 2.0
    g = builder.graph()
    _, of, layout = laid_out(g, lanes=lane_mask(g, x.ids))
    assert layout.space == [LANES, LANES]
    assert (layout.top, layout.lanes_top) == (0, 6)
    assert of[y.ids].tolist() == [1, 1, 1]


def test_leaves_at_home_and_pins() -> None:
    builder = Builder()
    p = builder.leaves(PARAMETER, [1.0, 2.0, 3.0])
    y = p * 2.0
    g = builder.graph()
    home, address = np.array([1, 1, 1, 0, 0, 0]), np.array([20, 10, 30, 0, 0, 0])
    pins = np.array([-1, -1, -1, 10, 9, 8])
    places = anywhere(g, home=home, address=address, spaces=(PARAMETERS,), pins=pins)
    _, _, layout = laid_out(g, places, top=16)
    assert layout.space == [PARAMETERS, WORK]
    assert layout.address.tolist() == [20, 10, 30, 10, 9, 8]
    assert layout.nodes[1].tolist() == y.ids[::-1].tolist()
    assert (layout.top, len(layout.unpinned)) == (16, 0)


def test_pins_that_are_not_affine_are_given_up() -> None:
    builder = Builder()
    p = builder.leaves(PARAMETER, [1.0, 2.0, 3.0])
    y = p * 2.0
    g = builder.graph()
    pins = np.array([-1, -1, -1, 8, 9, 12])
    _, _, layout = laid_out(g, anywhere(g, pins=pins), top=16)
    assert layout.unpinned.tolist() == y.ids.tolist()
    assert layout.address[y.ids].min() >= 16


def test_ragged_groups_are_not_pinned() -> None:
    """Their rows are computed in order."""
    builder = Builder()
    x = builder.leaves(INPUT, [1.0, 2.0, 3.0])
    out = builder.block_of_sums(2)
    builder.add_terms(out[[0, 1, 1]], x.ids, NONE, 1.0)
    g = builder.graph()
    pins = np.full(len(g), -1)
    pins[out] = [9, 8]
    groups, _of, layout = laid_out(g, anywhere(g, pins=pins), top=16)
    assert layout.unpinned.tolist() == out.tolist()
    backwards = [n[::-1] if q.ragged else n for q, n in zip(groups, layout.nodes, strict=True)]
    with pytest.raises(AssertionError, match="is ragged, and in another order"):
        check_layout(groups, replace(layout, nodes=backwards), anywhere(g, pins=pins), 16, 0)


def test_the_longest_axis_of_inputs_is_innermost() -> None:
    """The samples, where several neurons read all inputs of each."""
    builder = Builder()
    x = builder.leaves(INPUT, np.arange(120.0)).ids.reshape(40, 3)
    w = builder.leaves(PARAMETER, np.arange(12.0)).ids.reshape(4, 3)
    out = builder.block_of_sums(160).reshape(40, 4)
    sample, neuron, place = (i.ravel() for i in np.indices((40, 4, 3)))
    builder.add_terms(out[sample, neuron], w[neuron, place], x[sample, place], 1.0)
    g = builder.graph()
    home, address = np.where(g.kind == PARAMETER, 1, 0), np.zeros(len(g), int)
    address[w] = np.arange(12).reshape(4, 3)
    places = anywhere(g, home=home, address=address, spaces=(PARAMETERS,))
    _, _of, layout = laid_out(g, places)
    assert np.diff(layout.address[x], axis=0).min() == 1 == np.diff(layout.address[x], axis=0).max()


def test_inputs_lie_as_they_are_read() -> None:
    """Rows of a matrix that is read by columns: so that the reader is affine."""
    builder = Builder()
    x = builder.leaves(INPUT, np.arange(12.0))
    columns = Lanes(builder, x.ids.reshape(3, 4).T.ravel())
    y = Symbols(builder).tanh(columns)
    _, _, layout = laid_out(builder.graph())
    assert factor([layout.address[y.ids], layout.address[columns.ids]]) is not None


@pytest.mark.parametrize(("samples", "neurons"), [(40, 3), (3, 40), (8, 8), (1, 5)])
def test_the_longest_axis_is_innermost(samples: int, neurons: int) -> None:
    weights = [Value(0.1 * k) for k in range(neurons)]

    def program(xs):
        return [(w * x).tanh() for x in xs for w in weights]

    g, leaves = graph_of(program, [0.1 * i for i in range(samples)], given=weights)
    g, new = live(g, leaves.outputs)
    home, address = np.zeros(len(g), int), np.zeros(len(g), int)
    home[new[leaves.parameters]] = 1
    address[new[leaves.parameters]] = np.arange(neurons)
    groups, _, layout = laid_out(g, anywhere(g, home=home, address=address, spaces=(PARAMETERS,)))
    products = next(k for k, q in enumerate(groups) if q.kind == SUM and q.level == 1)
    order = np.searchsorted(groups[products].nodes, layout.nodes[products])
    step = order[1] - order[0]
    assert step == (neurons if samples >= 2 * neurons else 1)


# ---- the checker finds what is wrong -------------------------------------------------------------


def sample():
    builder = Builder()
    p, x = builder.leaves(PARAMETER, [1.0, 2.0]), builder.leaves(INPUT, [3.0, 4.0])
    y = p * x
    z = Symbols(builder).tanh(y)
    builder.leaves(CONSTANT, [1.0])
    g = builder.graph()
    pins = np.full(len(g), NONE)
    pins[z.ids] = [8, 9]
    home, address = np.zeros(len(g), int), np.zeros(len(g), int)
    home[p.ids], address[p.ids] = 1, [4, 6]
    places = anywhere(g, home=home, address=address, spaces=(PARAMETERS,), pins=pins)
    return (*laid_out(g, places, top=16), places)


def moved(layout, node: int, to: int):
    address = layout.address.copy()
    address[node] = to
    return replace(layout, address=address)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda x: moved(x, 0, 5), "not at home"),
        (lambda x: moved(x, 6, 10), "addresses of group|at its pins"),
        (lambda x: replace(moved(x, 6, 7), nodes=[*x.nodes]), "at its pins"),
        (lambda x: moved(x, 5, x.address[4]), "do not ascend"),
        (lambda x: moved(moved(x, 2, 32), 3, 33), "two nodes each"),
        (lambda x: moved(moved(x, 2, 0), 3, 1), "is at 0 to 1 of work"),
        (lambda x: replace(x, top=x.top - 8), "of work"),
        (lambda x: replace(x, unpinned=np.array([0])), "not to be pinned"),
        (lambda x: replace(x, space=[WORK] * len(x.space)), "not at home"),
        (lambda x: replace(x, space=[x.space[0], *[LANES] * 9]), "is in lanes"),
        (lambda x: replace(x, nodes=[n[:1] for n in x.nodes]), "laid out with others"),
    ],
)
def test_the_checker_names_the_fault(change, fault: str) -> None:
    groups, _, layout, places = sample()
    with pytest.raises(AssertionError, match=fault):
        check_layout(groups, change(layout), places, 16, 0)


def test_a_layout_does_not_depend_on_where_it_starts() -> None:
    g = random_graph(np.random.default_rng(5), 40)
    groups, _, layout = laid_out(g)
    other = lay_out(g, groups, anywhere(g), 64, 0)
    assert (other.address - layout.address == 64).all()
