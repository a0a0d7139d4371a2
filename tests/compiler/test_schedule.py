"""Which nodes become one array."""

from __future__ import annotations

import numpy as np
import pytest
from checkers import check_groups
from interpret import evaluate
from passes import anywhere, graph_of, grouped, random_graph

from micrograd import Value, nn
from micrograd.compiler.arrays.schedule import Group, lane_mask, live, operands, schedule
from micrograd.compiler.codes import NONE
from micrograd.compiler.graph.builder import Builder, Symbols
from micrograd.compiler.graph.gradient import gradient
from micrograd.compiler.graph.graph import CONSTANT, INPUT, PARAMETER, ROW, SUM
from micrograd.compiler.nest.ir import PARAMETERS, STATE


def computed(groups: list[Group]) -> list[Group]:
    return [group for group in groups if group.terms or group.args]


def trimmed(fn, *arguments, given=()):
    g, leaves = graph_of(fn, *arguments, given=given)
    return live(g, leaves.outputs)[0]


def test_isomorphic_neurons_are_one_group() -> None:
    layer = nn.Layer(3, 5)
    g = trimmed(lambda x: layer(x), [1.0, 2.0, 3.0])
    groups, _ = grouped(g)
    sizes = [(group.kind, len(group.nodes)) for group in computed(groups)]
    assert sizes == [(SUM, 5), (ROW, 5), (SUM, 5)]
    weighted = [t for t in computed(groups)[0].terms if t.v is not None]
    assert [t.u.shape for t in weighted] == [(5, 3)]


def test_the_samples_of_a_batch_are_one_group() -> None:
    neuron = nn.Neuron(2)

    def loss(xs):
        return sum((neuron(x) - 1.0) ** 2 for x in xs)

    g = trimmed(loss, [[0.1 * i, 0.2] for i in range(9)])
    groups, _ = grouped(g)
    assert sorted(len(group.nodes) for group in computed(groups)) == [1, 9, 9, 9]


def attention(n: int):
    queries = [Value(0.1 * k) for k in range(n)]
    keys = [Value(0.2 * k - 0.3) for k in range(n)]

    def loss():
        total = 0.0
        for i in range(n):
            exps = [(queries[i] * keys[j]).exp() for j in range(i + 1)]
            whole = sum(exps)
            total = total + sum((e / whole).tanh() for e in exps)
        return total

    return loss


def test_ragged_attention_is_one_group() -> None:
    g = trimmed(attention(6))
    groups, _ = grouped(g)
    ragged = [group for group in groups if group.ragged]
    assert len(ragged) == 1
    assert len(ragged[0].nodes) == 6
    (terms,) = ragged[0].terms
    assert np.bincount(np.searchsorted(ragged[0].nodes, terms.node)).tolist() == [1, 2, 3, 4, 5, 6]
    assert len(computed(groups)) <= 7


def pair(kind: int = INPUT):
    builder = Builder()
    x = builder.leaves(kind, [1.0, 2.0, 3.0, 4.0])
    y = x * 2.0
    return builder, x, y


def test_leaves_of_different_homes_are_apart() -> None:
    builder, x, y = pair(PARAMETER)
    g = builder.graph()
    home = np.zeros(len(g), np.int64)
    home[x.ids] = [1, 1, 2, 2]
    _groups, of = grouped(g, anywhere(g, home=home, spaces=(PARAMETERS, STATE)))
    assert of[x.ids].tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    assert len(np.unique(of[y.ids])) == 2


def test_lanes_reduced_and_pinned_are_apart() -> None:
    builder, x, y = pair()
    reduced = builder.block_of_sums(1, reduced=True)
    plain = builder.block_of_sums(2)
    builder.add_terms(np.append(reduced, plain), x.ids[:3], NONE, 2.0)
    g = builder.graph()
    lanes = np.zeros(len(g), bool)
    lanes[[x.ids[0], y.ids[0]]] = True
    pins = np.full(len(g), -1)
    pins[y.ids[1]] = 8
    _groups, of = grouped(g, anywhere(g, pins=pins), lanes)
    assert len({*of[y.ids[:3]].tolist(), *of[reduced].tolist()}) == 4
    assert of[y.ids[2]] == of[y.ids[3]] == of[plain[1]]


@pytest.mark.parametrize(
    "other",
    [
        lambda m, x: m.leaky_relu(x, 0.3),
        lambda m, x: m.relu(x),
        lambda m, x: m.leaky_relu(x * x, 0.2),
    ],
)
def test_other_rows_statics_and_operands_are_apart(other) -> None:
    builder, x, _y = pair()
    m = Symbols(builder)
    one, two = m.leaky_relu(x, 0.2), other(m, x)
    _, of = grouped(builder.graph())
    assert not set(of[one.ids].tolist()) & set(of[two.ids].tolist())


def test_other_coefficients_are_apart() -> None:
    builder, x, y = pair()
    other = x * 3.0
    more = x * 2.0 + x * x
    _, of = grouped(builder.graph())
    assert len({int(of[z.ids[0]]) for z in (y, other, more)}) == 3


def test_the_order_of_factors_does_not_matter() -> None:
    builder = Builder()
    p, x = builder.leaves(PARAMETER, [1.0, 2.0]), builder.leaves(INPUT, [3.0, 4.0])
    one, two = p * x, x * p
    groups, of = grouped(builder.graph())
    assert len(np.unique(of[np.append(one.ids, two.ids)])) == 1
    (group,) = computed(groups)
    (terms,) = group.terms
    assert len({int(of[n]) for n in terms.u.ravel()}) == 1


@pytest.mark.parametrize(
    ("numbers", "folded"), [([0.5, 0.5, 0.5], True), ([0.5, 0.25, 0.5], False)]
)
def test_constants_that_are_the_same_become_coefficients(
    numbers: list[float], folded: bool
) -> None:
    builder = Builder()
    x = builder.leaves(INPUT, [1.0, 2.0, 3.0])
    c = builder.leaves(CONSTANT, numbers)
    product, shifted, alone = x * c, x + c, c * 3.0
    groups, of = grouped(builder.graph())
    (terms,) = groups[of[product.ids[0]]].terms
    assert (terms.c, terms.v is None) == ((0.5, True) if folded else (1.0, False))
    assert (groups[of[shifted.ids[0]]].terms[1].u is None) == folded
    assert groups[of[alone.ids[0]]].constant == (1.5 if folded else None)


def test_constants_of_constants_are_known() -> None:
    builder = Builder()
    c = builder.leaves(CONSTANT, [2.0, 2.0])
    x = builder.leaves(INPUT, [1.0, 3.0])
    double = c * 2.0 + 1.0
    result = x * double
    repeated = builder.block_of_sums(1)
    builder.add_terms(np.repeat(repeated, 3), c.ids[[0, 1, 0]], NONE, 1.0)
    groups, of = grouped(builder.graph())
    assert groups[of[double.ids[0]]].constant == 5.0
    assert groups[of[result.ids[0]]].terms[0].c == 5.0
    assert groups[of[repeated[0]]].constant == 6.0


def test_leaves_are_split_by_who_uses_them_first() -> None:
    builder = Builder()
    x = builder.leaves(INPUT, [1.0, 2.0, 3.0, 4.0])
    left = Symbols(builder).tanh(x * 1.0)
    from micrograd.compiler.graph.builder import Lanes

    first = Symbols(builder).sin(Lanes(builder, x.ids[:2]))
    second = Symbols(builder).cos(Lanes(builder, x.ids[1:]))
    g, new = live(builder.graph(), np.append(first.ids, second.ids))
    assert (new[left.ids] == -1).all()
    groups, _of = grouped(g)
    parts = sorted(g.value[q.nodes].tolist() for q in groups if q.kind == INPUT)
    assert parts == [[1.0, 2.0], [3.0, 4.0]]


def test_live_keeps_what_the_roots_need() -> None:
    builder, x, y = pair()
    unused = Symbols(builder).exp(y)
    root = Symbols(builder).maximum(x, y)
    g = builder.graph()
    kept, new = live(g, root.ids[:2])
    assert (new[unused.ids] == -1).all()
    assert len(kept) == 6
    old, now = evaluate(g), evaluate(kept)
    assert (now[new[new >= 0]] == old[new >= 0]).all()


def test_lanes_end_at_what_is_summed_over_them() -> None:
    builder, x, y = pair()
    total = builder.block_of_sums(1, reduced=True)
    builder.add_terms(np.repeat(total, 4), y.ids, NONE, 1.0)
    after = builder.block_of_sums(1)
    builder.add_terms(after, total, NONE, 2.0)
    mask = lane_mask(builder.graph(), x.ids[:2])
    assert mask[x.ids].tolist() == mask[y.ids].tolist() == [True, True, False, False]
    assert not mask[total].any()
    assert not mask[after].any()


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_are_covered(seed: int) -> None:
    rng = np.random.default_rng(seed)
    g = random_graph(rng, int(rng.integers(12, 60)))
    grouped(g)
    home = np.where(g.kind == PARAMETER, 1 + (np.arange(len(g)) % 2), 0)
    lanes = lane_mask(g, np.nonzero(g.kind == INPUT)[0][:2])
    pins = np.where((g.kind == SUM) & (rng.random(len(g)) < 0.2), np.arange(len(g)), -1)
    pins[lanes] = -1
    grouped(g, anywhere(g, home=home, spaces=("a", "b"), pins=pins), lanes)


def test_a_network_with_its_gradient_is_covered() -> None:
    model = nn.MLP(3, [4, 4, 1])
    rows = [[0.1, -0.2, 0.3], [0.5, 0.4, -0.3]]
    g, leaves = graph_of(
        lambda xs: sum((model(x) - 1.0) ** 2 for x in xs), rows, given=model.parameters()
    )
    none = np.zeros(len(g), bool)
    whole, wanted = gradient(g, int(leaves.outputs[0]), leaves.parameters, none, leaves.outputs)
    g, _ = live(whole, np.append(wanted, leaves.outputs))
    groups, _of = grouped(g)
    assert len(computed(groups)) < 40


# ---- the checker finds what is wrong -------------------------------------------------------------


def _swap(groups, of, g):
    a, b = groups[-1], groups[-2]
    groups[-1], groups[-2] = b, a
    of[a.nodes], of[b.nodes] = len(groups) - 2, len(groups) - 1


def _missing_node(groups, of, g):
    groups[-1].nodes = groups[-1].nodes[1:]
    groups[-1].args = [x[1:] for x in groups[-1].args]


def _other_coefficient(groups, of, g):
    next(q for q in groups if q.terms).terms[0].c *= 1.5


def _other_argument(groups, of, g):
    groups[-1].args[0] = groups[-1].args[0][::-1]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_swap, "computed later"),
        (_missing_node, "is in 0 groups"),
        (_other_coefficient, "in its group, .* in the graph"),
        (_other_argument, "argument 0"),
        (lambda groups, of, g: setattr(groups[-1], "row", 1), "row of group"),
        (lambda groups, of, g: setattr(groups[-1], "static", 3.0), "static parameter"),
        (lambda groups, of, g: setattr(groups[0], "home", 1), "home of group"),
        (lambda groups, of, g: setattr(groups[-1], "lanes", True), "lanes of group"),
        (lambda groups, of, g: setattr(groups[0], "nodes", groups[0].nodes[::-1]), "not ascend"),
        (lambda groups, of, g: of.__setitem__(0, 1), "said to be of another"),
        (lambda groups, of, g: setattr(groups[1].terms[0], "u", groups[1].terms[0].u[::-1]),
         "in its group, .* in the graph"),
    ],
)  # fmt: skip
def test_the_checker_names_the_fault(spoil, fault: str) -> None:
    builder, _x, y = pair()
    Symbols(builder).sin(y)
    g = builder.graph()
    none = np.zeros(len(g), bool)
    home = np.zeros(len(g), np.int64)
    groups, of = schedule(g, home, none, none)
    check_groups(g, groups, of, home, none, none)
    spoil(groups, of, g)
    with pytest.raises(AssertionError, match=fault):
        check_groups(g, groups, of, home, none, none)


def test_operands_are_all_there() -> None:
    builder, x, y = pair()
    Symbols(builder).maximum(x, y)
    groups, _ = grouped(builder.graph())
    assert [len(operands(group)) for group in groups] == [0, 1, 2]
