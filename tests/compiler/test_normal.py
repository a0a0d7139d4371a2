"""Recordings as sums of products: the same values, few nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from checkers import evaluate as evaluate_recording
from hypothesis import given
from interpret import evaluate
from passes import graph_of, many, ran, recorded
from programs import programs, run

from micrograd import Value, nn
from micrograd.compiler.codes import NONE, ROW_INDEX
from micrograd.compiler.graph.builder import Builder
from micrograd.compiler.graph.graph import (
    CONSTANT,
    INPUT,
    LARGEST,
    PARAMETER,
    ROW,
    SUM,
    check,
)
from micrograd.compiler.graph.normal_form import inlined, normal_form
from micrograd.compiler.trace.traceable import Traceable
from micrograd.functions import apply
from micrograd.ops import OPS

A, B, C = Value(0.75), Value(-1.5), Value(2.0)


def kinds(g, used) -> list[int]:
    return g.kind[used].tolist()


def terms_of(g, node: int) -> list[tuple[int, int, float]]:
    own = g.node == node
    return list(zip(g.u[own].tolist(), g.v[own].tolist(), g.c[own].tolist(), strict=True))


def test_a_polynomial_is_one_node() -> None:
    g, leaves = graph_of(lambda x: 2.0 * (A * x - B) + (C - x) / 4.0 * 1.0 - (-A), 5.0)
    (loss,) = leaves.outputs
    assert evaluate(g)[loss] == 2.0 * (0.75 * 5 + 1.5) + (2 - 5) / 4 + 0.75
    inner = {u for _, n in zip(g.node, g.node, strict=True) for u in [int(n)]}
    assert loss in inner


def test_a_neuron_is_one_sum_and_one_row() -> None:
    neuron = nn.Neuron(3)
    g, leaves = graph_of(lambda x: neuron(x), [1.0, 2.0, 3.0])
    live = np.unique(g.node)
    rows = np.nonzero(g.kind == ROW)[0]
    assert len(rows) == 1
    pre = int(g.args[rows[0], 0])
    assert sorted(u for u, _, _ in terms_of(g, pre)) == sorted(leaves.parameters.tolist())
    assert set(live) == {pre, int(leaves.outputs[0])}


def test_a_mean_of_many_is_one_node() -> None:
    g, leaves = graph_of(lambda xs: sum(((A * x) ** 2 for x in xs), 0.0) / 5, [1.0] * 5)
    assert len(np.unique(g.node)) <= 7
    assert evaluate(g)[leaves.outputs] == pytest.approx(0.75**2)


def test_what_is_used_twice_stays() -> None:
    g, leaves = graph_of(lambda: (A * B + 1.0) * (A * B + 1.0))
    assert evaluate(g)[leaves.outputs] == (1 - 1.125) ** 2
    g, leaves = graph_of(lambda: (s := A * B) + s.exp() + s)
    assert evaluate(g)[leaves.outputs] == pytest.approx(math.exp(-1.125) - 2.25)


def test_leaves_are_what_they_were() -> None:
    g, leaves = graph_of(lambda x: A * x[0] + B * x[1] + 2.5, [5.0, 6.0], given=[C])
    assert kinds(g, leaves.parameters) == [PARAMETER] * 3
    assert g.value[leaves.parameters].tolist() == [2.0, 0.75, -1.5]
    assert kinds(g, leaves.inputs) == [INPUT] * 2
    assert g.value[leaves.inputs].tolist() == [5.0, 6.0]
    assert g.value[g.kind == CONSTANT].tolist() == [2.5]


def test_each_output_has_a_node_of_its_own() -> None:
    g, leaves = graph_of(lambda: [A, A, (s := A * B), s, Value(3.0)])
    assert len(set(leaves.outputs.tolist())) == 5
    assert (g.kind[leaves.outputs] == SUM).all()
    assert evaluate(g)[leaves.outputs].tolist() == [0.75, 0.75, -1.125, -1.125, 3.0]


@pytest.mark.parametrize("lanes", [1, 4])
def test_with_lanes_an_output_is_a_mean(lanes: int) -> None:
    g, leaves = graph_of(lambda x: A * x, 5.0, lanes=lanes)
    (loss,) = leaves.outputs
    assert g.reduced[loss]
    assert g.reduced.sum() == 1
    assert evaluate(g)[loss] * lanes == pytest.approx(3.75)


def test_powers_by_their_exponent() -> None:
    for k, row in ((2.0, False), (1.0, False), (3.0, True), (-1.0, True), (0.5, True)):
        g, leaves = graph_of(lambda k=k: C**k * A)
        assert (ROW_INDEX["pow_static"] in g.row) == row
        assert evaluate(g)[leaves.outputs] == pytest.approx(2.0**k * 0.75)


def test_a_quotient_is_a_row_but_for_powers_of_two() -> None:
    for divisor, row in ((C, True), (3.0, True), (4.0, False), (-0.5, False), (1e-308, True)):
        g, leaves = graph_of(lambda divisor=divisor: A / divisor + B / divisor)
        assert np.count_nonzero(g.row == ROW_INDEX["div"]) == 2 * row
        assert evaluate(g)[leaves.outputs] == (A / divisor + B / divisor).data


def test_an_exponent_that_is_nan() -> None:
    g, leaves = graph_of(lambda: A**math.nan + B)
    assert np.isnan(evaluate(g)[leaves.outputs]).all()


def test_rows_of_constants_are_constants() -> None:
    g, leaves = graph_of(lambda: A * Value(4.0).sqrt() + Value(0.3).leaky_relu(0.5))
    assert not (g.kind == ROW).any()
    assert evaluate(g)[leaves.outputs] == pytest.approx(1.8)


def test_zeros_that_sums_start_with_go() -> None:
    g, leaves = graph_of(lambda: sum([A * A, B]))
    (loss,) = leaves.outputs
    assert not np.isin(g.u, np.nonzero(g.kind == CONSTANT)[0]).any()
    assert len(terms_of(g, int(loss))) == 2


def test_a_sum_of_zeros_keeps_one() -> None:
    g, leaves = graph_of(lambda: Value(0.0) + 0.0)
    assert evaluate(g)[leaves.outputs] == 0.0
    assert (g.node == leaves.outputs[0]).any()
    assert ran(lambda: sum([Value(0.0), 0.0]), [A]).loss == 0.0


def test_zeros_in_products_stay() -> None:
    """0 times infinity is not 0."""
    g, leaves = graph_of(lambda x: Value(0.0) * x + A, math.inf)
    with np.errstate(invalid="ignore"):
        assert np.isnan(evaluate(g)[leaves.outputs]).all()


def test_numbers_stop_derivatives() -> None:
    g, leaves = graph_of(lambda: A * (B * C).data + max(A.data, B.data, 0.5))
    assert evaluate(g)[leaves.outputs] == 0.75 * -3 + 0.75
    assert (g.kind == LARGEST).sum() == 1
    stopped = np.nonzero(g.stop)[0]
    assert np.isin(np.nonzero(g.kind == LARGEST)[0], stopped).all()
    own = [n for n in stopped if g.kind[n] == SUM and (g.node == n).any()]
    assert own, "a number that is read would be differentiated"


def test_choices_are_sums_over_tables() -> None:
    def program(ids):
        table = [A, B, C]
        return sum(table[i] * (k + 1.0) for k, i in enumerate(ids))

    found = Traceable(program, [A, B, C]).trace(([0, 1],))
    values = np.array(found.stand_ins.values)
    g, leaves = normal_form(found.recording, values)
    check(g)
    for ids in ([0, 0], [2, 1], [1, 2]):
        now = g.value.copy()
        now[leaves.hot] = np.arange(3) == np.array(ids)[:, None]
        now[leaves.inputs] = ids
        expected = evaluate_recording(found.recording, ids, ids)[1]
        np.testing.assert_allclose(evaluate(g, now)[leaves.outputs], expected)


def test_inlining_multiplies_coefficients() -> None:
    builder = Builder()
    x = builder.leaves(PARAMETER, [1.0])
    y = ((x * 2.0 + 1.0) * -3.0 + x * x) * 0.5
    g = inlined(builder.graph(), np.ones(builder.size, bool), y.ids)
    check(g)
    assert set(g.node.tolist()) == set(y.ids.tolist())
    assert evaluate(g)[y.ids] == ((2 + 1) * -3 + 1) * 0.5
    assert sorted(g.c.tolist()) == [-3.0, -1.5, 0.5]


def test_outputs_are_not_inlined() -> None:
    builder = Builder()
    x = builder.leaves(PARAMETER, [2.0])
    inner = x * 3.0
    outer = inner * 2.0 + 1.0
    for kept in (inner, outer):
        g = inlined(builder.graph(), np.ones(builder.size, bool), np.append(kept.ids, outer.ids))
        assert evaluate(g)[np.append(kept.ids, outer.ids)].tolist() == [
            6.0 if kept is inner else 13.0, 13.0,
        ]  # fmt: skip


def test_inlining_leaves_others_alone() -> None:
    builder = Builder()
    x = builder.leaves(PARAMETER, [2.0])
    inner, other = x * 3.0, x + 5.0
    product = inner * other  # in a product: both stay
    reduced = builder.block_of_sums(1, reduced=True)
    builder.add_terms(reduced, x.ids, NONE, 1.0)
    whole = builder.block_of_sums(1)
    builder.add_terms(whole, reduced, NONE, 1.0)
    builder.add_terms(whole, product.ids, NONE, 1.0)
    g = inlined(builder.graph(), np.ones(builder.size, bool), whole)
    assert {int(inner.ids[0]), int(other.ids[0]), int(reduced[0]), int(whole[0])} == set(
        g.node.tolist()
    )
    assert evaluate(g)[whole] == 2.0 + 6.0 * 7.0
    kept = inlined(builder.graph(), np.zeros(builder.size, bool), whole)
    assert set(kept.node.tolist()) == set(builder.graph().node.tolist())


@pytest.mark.parametrize("name", list(OPS))
def test_every_row_keeps_its_value(name: str) -> None:
    row = OPS[name]
    rng = np.random.default_rng(3)
    for static in row.static_samples or (None,):
        leaves = [Value(rng.uniform(low, high)) for low, high in row.domain]
        own = () if static is None else (static,)
        r, _ = recorded(lambda leaves=leaves, own=own: apply(name, *leaves, *own) + 0.0)
        g, found = normal_form(r, np.zeros(0))
        expected = row.f(*[v.data for v in leaves], *own)
        np.testing.assert_allclose(evaluate(g)[found.outputs], expected, rtol=1e-15)


def test_random_programs_keep_all_values() -> None:
    @many(80)
    @given(programs(most=30))
    def once(program) -> None:
        leaves = [Value(x) for x in program.leaves]

        def slots(xs):
            numbers = iter(xs)
            return run(program, leaves, apply, lambda _: next(numbers))

        r, made = recorded(slots, list(program.constants) or [0.0], given=leaves)
        g, found = normal_form(r, np.array(made.values))
        check(g)
        mine, theirs = evaluate(g)[found.outputs], evaluate_recording(r, made.values)[1]
        scale = np.maximum(1.0, np.abs(theirs).max())
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12 * scale)

    once()
