"""Adjoints as more nodes, against the eager engine and central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from interpret import evaluate
from passes import compiled, graph_of, interpreted, many
from programs import kinks, path_products, programs, run

from micrograd import Value, grad
from micrograd.compiler.codes import NONE
from micrograd.compiler.graph.builder import Builder
from micrograd.compiler.graph.gradient import gradient, reached
from micrograd.compiler.graph.graph import Graph, adjoint_of, check
from micrograd.functions import apply
from micrograd.ops import OPS

A, B, C = Value(0.75), Value(-1.5), Value(2.0)


def adjoints(
    fn: Callable[..., Any], parameters: Sequence[Value], *arguments: Any
) -> tuple[Graph, int, np.ndarray]:
    """The graph with adjoints, the loss and the adjoint of each parameter."""
    g, leaves = graph_of(fn, *arguments, given=parameters)
    loss = int(leaves.outputs[0])
    whole, wanted = gradient(g, loss, leaves.parameters, np.zeros(len(g), bool), leaves.outputs)
    check(whole)
    return whole, loss, wanted[: len(parameters)]


def slopes(fn: Callable[..., Any], parameters: Sequence[Value], *arguments: Any) -> np.ndarray:
    """The gradient; 0 where there is no adjoint."""
    whole, _, wanted = adjoints(fn, parameters, *arguments)
    with np.errstate(all="ignore"):
        done = evaluate(whole)
    return np.array([done[n] if n >= 0 else 0.0 for n in wanted])


def eager(fn: Callable[..., Any], parameters: Sequence[Value], *arguments: Any) -> np.ndarray:
    return np.array([v.data for v in grad(fn(*arguments), list(parameters))])


PROGRAMS: dict[str, Callable[[], Any]] = {
    "a leaf": lambda: A * 1.0,
    "a square": lambda: A * A,
    "a product twice": lambda: (A * B) * (A * B),
    "powers": lambda: A**3 + C**-1 + A**2 + B**1,
    "a quotient": lambda: (A + B) / (C * A),
    "a shared sum": lambda: (s := A + B * C) * s.tanh() + s,
    "a constant factor": lambda: 3.0 * A - B * 0.5 + 2.0,
    "a number that is read": lambda: A * A.data + (B * C).data * B,
    "a softmax": lambda: (A - max(A.data, B.data)).exp() / ((B - A.data).exp() + C),
    "one of three": lambda: apply("select", A.data > B.data, A * B, C),
    "a long way": lambda: (((A.sin() * B).cos() + C).sqrt() * A).sigmoid().log(),
    "a tie": lambda: apply("maximum", A, A * 1.0),
    "nothing": lambda: Value(3.0) * 2.0,
    "a sum of its own": lambda: sum(A * float(k) for k in range(5)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_are_eagers(name: str) -> None:
    fn = PROGRAMS[name]
    parameters = [A, B, C]
    np.testing.assert_allclose(
        slopes(fn, parameters), eager(fn, parameters), rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize("name", list(OPS))
def test_every_row_by_differences_and_by_eager(name: str) -> None:
    row = OPS[name]
    rng = np.random.default_rng(11)
    for static in [(k,) for k in row.static_samples] or [()]:
        leaves = [Value(rng.uniform(low, high)) for low, high in row.domain]

        def program(leaves=leaves, static=static) -> Value:
            return apply(name, *leaves, *static).sin() * 3.0

        whole, loss, wanted = adjoints(program, leaves)
        done = evaluate(whole)
        mine = np.array([done[n] if n >= 0 else 0.0 for n in wanted])
        np.testing.assert_allclose(mine, eager(program, leaves), rtol=1e-13, atol=1e-15)
        h = 1e-6
        for k, x in enumerate(leaves):
            values = []
            for shift in (-h, h):
                moved = whole.value.copy()
                moved[k] = x.data + shift
                values.append(evaluate(whole, moved)[loss])
            assert mine[k] == pytest.approx((values[1] - values[0]) / (2 * h), abs=1e-7)


def near_a_kink(program: Any, slots: Sequence[float]) -> bool:
    return any(abs(at) <= 1e-9 * size for at, size in kinks(program, slots))


def test_random_programs() -> None:
    compared = []

    @many(120)
    @given(programs(most=30))
    def once(program) -> None:
        leaves = [Value(x) for x in program.leaves]

        def last() -> Value:
            return run(program, leaves, apply)[-1]

        slots = run(program, program.leaves, lambda name, *x: OPS[name].f(*x))
        expected = eager(last, leaves)
        if near_a_kink(program, slots) or not np.isfinite(expected).all():
            return
        compared.append(program)
        scale = max([1.0, *map(abs, slots)]) * np.array(path_products(program, slots))
        error = np.abs(slopes(last, leaves) - expected)
        assert (error <= 1e-12 * scale[: len(leaves)] + 1e-300).all(), str(program)

    once()
    assert len(compared) > 40


def test_gradients_of_gradients() -> None:
    def second() -> Value:
        (slope,) = grad((A * B).tanh() * A**3 + (A * C).exp(), [A], create_graph=True)
        return slope * slope + slope

    parameters = [A, B, C]
    np.testing.assert_allclose(slopes(second, parameters), eager(second, parameters), rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in OPS if name not in ("pow",)])
def test_second_derivatives_of_every_row(name: str) -> None:
    row = OPS[name]
    rng = np.random.default_rng(13)
    for static in [(k,) for k in row.static_samples] or [()]:
        leaves = [Value(rng.uniform(low, high)) for low, high in row.domain]

        def program(leaves=leaves, static=static) -> Value:
            first = grad(apply(name, *leaves, *static).sin(), leaves, create_graph=True)
            return sum(g * g * (k + 1.0) for k, g in enumerate(first)) + leaves[0]

        np.testing.assert_allclose(
            slopes(program, leaves), eager(program, leaves), rtol=1e-11, atol=1e-13
        )


def test_what_has_no_derivative_has_no_adjoint() -> None:
    _, _, wanted = adjoints(lambda: A * B.data, [A, B, C])
    assert wanted[0] >= 0
    assert (wanted[1:] == -1).all()


def test_reached_stops_where_derivatives_do() -> None:
    g, leaves = graph_of(lambda: A * (B * C).data, given=[A, B, C])
    seen = reached(g, int(leaves.outputs[0]))
    assert seen[leaves.parameters].tolist() == [True, False, False]


def test_values_are_untouched() -> None:
    g, leaves = graph_of(lambda: [(s := A * B).exp() * s, s, A], given=[A, B])
    before = evaluate(g)[leaves.outputs]
    whole, _ = gradient(
        g, int(leaves.outputs[0]), leaves.parameters, np.zeros(len(g), bool), leaves.outputs
    )
    assert evaluate(whole)[leaves.outputs].tolist() == before.tolist()


def test_over_lanes_shares_are_summed() -> None:
    """A parameter's adjoint gains from every lane; that of what has lanes, from its own only."""
    g, leaves = graph_of(lambda x: (A * x + B).tanh() + B * C, 5.0, given=[A, B, C], lanes=4)
    lanes = np.zeros(len(g), bool)
    lanes[leaves.inputs] = True
    from micrograd.compiler.arrays.schedule import lane_mask

    lanes = lane_mask(g, leaves.inputs)
    whole, wanted = gradient(g, int(leaves.outputs[0]), leaves.parameters, lanes, leaves.outputs)
    check(whole)
    new = np.arange(len(whole)) >= len(g)
    summed = np.nonzero(whole.reduced & new)[0]
    assert len(summed), "nothing is summed over the lanes"
    in_lanes = lane_mask(whole, leaves.inputs)
    assert not in_lanes[wanted].any()
    assert not in_lanes[leaves.outputs].any()
    adjoint_users = np.isin(whole.u, np.nonzero(in_lanes)[0])
    assert (whole.reduced | in_lanes)[whole.node[adjoint_users]].all()


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_passes_agree(name: str) -> None:
    """Normal form, gradient and program, interpreted: the same numbers."""
    fn, parameters = PROGRAMS[name], [A, B, C]
    built, r = compiled(fn, parameters)
    result = interpreted(built, r)
    whole, loss, _ = adjoints(fn, parameters)
    assert result.loss == pytest.approx(float(evaluate(whole)[loss]), rel=1e-13)
    np.testing.assert_allclose(result.gradient[:3], slopes(fn, parameters), rtol=1e-12, atol=1e-15)


def test_squares_count_twice_and_products_once_each() -> None:
    builder = Builder()
    x, y = builder.leaves(0, [3.0]), builder.leaves(0, [5.0])
    loss = x * x * 2.0 + x * y + y
    g = builder.graph()
    none = np.zeros(len(g), bool)
    whole, wanted = gradient(g, int(loss.ids[0]), np.array([0, 1]), none, loss.ids)
    assert evaluate(whole)[wanted].tolist() == [4 * 3.0 + 5.0, 3.0 + 1.0]


@pytest.mark.parametrize("name", list(OPS))
def test_what_derivatives_are_made_of_says_of_which_operation(name: str) -> None:
    """Also of the first operation of a program, whose number is 0."""
    row = OPS[name]
    leaves, static = [A, C, B][: row.arity], row.static_samples[:1]
    whole, _, _ = adjoints(lambda: apply(name, *leaves, *static) * B, [A, B, C])
    users, used = whole.edges
    assert (whole.origin[users[whole.origin[used] != NONE]] != NONE).all()
    assert set(whole.origin) <= {0, 1, adjoint_of(0), adjoint_of(1), NONE}
