"""One sample's program on many samples at once: the mean of the programs of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from passes import (
    anywhere,
    compiled,
    interpreted,
    laid_out,
    largest_nodes,
    many,
    ran,
    random_graph,
    written,
)
from programs import programs, run

import micrograd
from micrograd import Value, grad, nn
from micrograd.compiler.arrays.loops import Loops, SampleAxis, loops_of, placed
from micrograd.compiler.arrays.schedule import lane_mask
from micrograd.compiler.codes import NONE, ROWS
from micrograd.compiler.graph.builder import Builder
from micrograd.compiler.graph.graph import INPUT, LARGEST, ROW, SUM, Graph, levels
from micrograd.compiler.nest.ir import LANES, TERM, WORK, Affine, Nest, Statement, argument
from micrograd.functions import apply
from micrograd.ops import OPS

A, B, C = Value(0.75), Value(-1.5), Value(0.5)
TABLE = [[Value(0.1 * i - 0.2 * j + 0.05) for j in range(3)] for i in range(5)]
ROWS_OF_TABLE = [v for row in TABLE for v in row]
MLP = nn.MLP(3, [4, 2, 1])


def squares(parameters: list[Value]) -> Any:
    return 0.1 * sum(p * p for p in parameters)


def attention(xs: Any) -> Any:
    total = 0.0
    for i in range(3):
        scores = [A * xs[i] * xs[j] + B for j in range(i + 1)]
        top = max(s.data for s in scores)
        exps = [(s - top).exp() for s in scores]
        whole = sum(exps)
        total = total + sum(e / whole * x for e, x in zip(exps, xs, strict=False)) * C
    return total


PROGRAMS: dict[str, tuple[Callable[..., Any], list[Value], list[str]]] = {
    "a line": (lambda x, y: (A * x + B - y) ** 2, [A, B], ["x", "x"]),
    "a parameter alone": (lambda x: A.tanh(), [A], ["x"]),
    "no parameter of ours": (lambda x: x * x, [A], ["x"]),
    "input-free": (lambda x: A * B + squares([A, C]), [A, B, C], ["x"]),
    "an L2 term": (lambda x: (A * x).tanh() + squares([A, B]), [A, B], ["x"]),
    "inside and outside": (lambda x: (A * x).exp() * B + A * B.sin(), [A, B], ["x"]),
    "a product with what has no lanes": (
        lambda x: (s := A.exp() * B) * (A * x).sin() + s * s * x, [A, B], ["x"],
    ),
    "a shared sum": (lambda x: (s := A + B * C) * (s * x).tanh() + s, [A, B, C], ["x"]),
    "a network": (
        lambda x, y: (MLP(x) - y) ** 2 + squares(MLP.parameters()), MLP.parameters(),
        ["row", "x"],
    ),
    "a number that is read": (lambda x: A * (x * B).data + B * A.data, [A, B], ["x"]),
    "the larger": (lambda x: apply("maximum", A * x, B) * C, [A, B, C], ["x"]),
    "the largest": (
        lambda x: sum(apply("exp", a - max([*x])) * A for a in x), [A], ["row"],
    ),
    "attention": (attention, [A, B, C], ["row"]),
    "some of a row": (
        lambda x: sum((p * x[i]).exp() for p, i in ((A, 0), (B, 1), (C, 3))), [A, B, C], ["wide"],
    ),
    "a row in another order": (
        lambda x: sum((p * x[i]).exp() for p, i in ((A, 3), (B, 0), (C, 4))), [A, B, C], ["wide"],
    ),
    "a lookup": (
        lambda i, x: sum(v * x for v in TABLE[i]).tanh() + A, [*ROWS_OF_TABLE, A], ["id", "x"],
    ),
    "lookups twice": (
        lambda ids: sum(sum(TABLE[i]) * (k + 1.0) for k, i in enumerate(ids)) ** 2 * B,
        [*ROWS_OF_TABLE, B], ["ids"],
    ),
}  # fmt: skip


def samples(sorts: list[str], count: int, seed: int = 1) -> list[Any]:
    rng = np.random.default_rng(seed)
    make = {
        "x": lambda: rng.normal(size=count),
        "row": lambda: rng.normal(size=(count, 3)),
        "wide": lambda: rng.normal(size=(count, 5)),
        "id": lambda: rng.integers(0, 5, count),
        "ids": lambda: rng.integers(0, 5, (count, 3)),
    }
    return [make[sort]() for sort in sorts]


def mean_of_singles(fn: Any, parameters: list[Value], arguments: list[Any]) -> tuple[Any, Any]:
    first = tuple(x[0] for x in arguments)
    built, r = compiled(fn, parameters, *first)
    runs = [interpreted(built, r, *one) for one in zip(*arguments, strict=True)]
    return (
        np.mean([result.outputs for result in runs], 0),
        np.mean([result.gradient for result in runs], 0),
    )


@pytest.mark.sampled(2)
@pytest.mark.parametrize("count", [1, 2, 8, 11])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_batch_is_the_mean_of_its_samples(name: str, count: int) -> None:
    fn, parameters, sorts = PROGRAMS[name]
    arguments = samples(sorts, count)
    result = ran(fn, parameters, *arguments, batch=True)
    outputs, gradient = mean_of_singles(fn, parameters, arguments)
    assert result.loss == result.outputs[0]
    np.testing.assert_allclose(result.outputs, outputs, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(result.gradient, gradient, rtol=1e-12, atol=1e-14)


def test_random_programs_on_samples() -> None:
    @many(40)
    @given(programs(most=20), st.integers(1, 3))
    def once(program, count: int) -> None:
        leaves = [Value(x) for x in program.leaves]

        def loss(xs):
            numbers = iter(xs)
            return run(program, leaves, apply, lambda _: next(numbers))[-1]

        constants = np.array(list(program.constants) or [0.0])
        arguments = [constants + 0.125 * np.arange(count)[:, None]]
        with np.errstate(all="ignore"):
            outputs, gradient = mean_of_singles(loss, leaves, arguments)
        if not (np.isfinite(outputs).all() and np.abs(gradient).max(initial=0) < 1e3):
            return
        result = ran(loss, leaves, *arguments, batch=True)
        np.testing.assert_allclose(result.outputs, outputs, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(result.gradient, gradient, rtol=1e-9, atol=1e-8)

    once()


# ---- graphs with lanes, node by node -------------------------------------------------------------


def evaluated(g: Graph, values: np.ndarray, lanes: np.ndarray) -> np.ndarray:
    """Every node's value in every lane; `values` are those of the leaves, (nodes, lanes)."""
    done, count = values.copy(), values.shape[1]
    ones = np.ones(count)
    for n in np.argsort(levels(g), kind="stable").tolist():
        own = np.nonzero(g.node == n)[0]
        factors = [[done[x] if x >= 0 else ones for x in (g.u[t], g.v[t])] for t in own]
        terms = [g.c[t] * u * v for t, (u, v) in zip(own, factors, strict=True)]
        if g.kind[n] == SUM:
            done[n] = sum(terms)
            if g.reduced[n]:
                done[n] = done[n].sum()
        elif g.kind[n] == LARGEST:
            done[n] = np.max(terms, 0)
        elif g.kind[n] == ROW:
            op = OPS[ROWS[g.row[n]]]
            done[n] = [op.f(*x) for x in zip(*done[g.args[n][: op.arity]], strict=True)]
    return done


def assert_computed(g: Graph, count: int, seeds: np.ndarray) -> Loops:
    mask = lane_mask(g, seeds)
    groups, of, layout = laid_out(g, anywhere(g), mask)
    lanes = SampleAxis(count, {})
    loops = Loops(layout.top, layout.lanes_top, lanes)
    loops_of(g, groups, of, layout, loops)
    rng = np.random.default_rng(3)
    values = np.repeat(g.value[:, None], count, 1)
    values[seeds] = rng.normal(size=(len(seeds), count))
    base = loops.free[WORK]
    expected = evaluated(g, values, mask)
    at = layout.address[:, None] + np.zeros(count, int)
    at[mask] = base + layout.address[mask][:, None] * lanes.width + np.arange(count)
    work = np.zeros(base + loops.free[LANES] * lanes.width)
    leaves = np.isin(g.kind, (0, 1, 2))
    work[at[leaves]] = values[leaves]
    work = written(g, layout, loops, {WORK: work}, lanes, groups)
    np.testing.assert_allclose(work[at], expected, rtol=1e-11, atol=1e-12)
    return loops


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_with_lanes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    g = random_graph(rng, int(rng.integers(12, 50)))
    reduced = (g.kind == SUM) & (rng.random(len(g)) < 0.3)
    seeds = np.nonzero((g.kind == INPUT) & (rng.random(len(g)) < 0.7))[0]
    assert_computed(replace(g, reduced=reduced), int(rng.integers(1, 10)), seeds)


@pytest.mark.parametrize("counts", [[2, 2], [1, 3]])
def test_the_largest_in_each_lane(counts: list[int]) -> None:
    builder = Builder()
    x = builder.leaves(INPUT, [1.0, -2.0, 3.0, 0.5])
    out = largest_nodes(builder, 2)
    builder.add_terms(np.repeat(out, counts), x.ids, NONE, 1.0)
    assert_computed(builder.graph(), 5, x.ids)


def test_operands_get_one_more_axis() -> None:
    lanes, given = SampleAxis(5, {argument(0): 7}), argument(0)
    assert lanes.width == 8
    operands = [Affine(LANES, 2, (3,)), Affine(given, 2, (3,)), Affine(WORK, 2, (3,))]
    extents, (a, b, c) = lanes.with_axis((4,), operands)
    assert extents == (4, 5)
    assert (a, b) == (Affine(LANES, 16, (24, 1)), Affine(given, 2, (3, 7)))
    assert c == Affine(WORK, 2, (3, 0))
    nest = placed(Nest(extents, (Statement(TERM, a, (b, c)),)), 100)
    assert nest.first == Statement(TERM, Affine(WORK, 116, (24, 1)), (b, c))
    assert lanes.with_axis((4,), operands[2:]) == ((4,), operands[2:])
    assert not SampleAxis(0, {}).has(given)
    assert SampleAxis(0, {}).with_axis((4,), operands[1:]) == ((4,), operands[1:])


def test_numbers_that_are_added_along_an_axis_are_counted() -> None:
    loops = Loops(8, 0, SampleAxis(0, {}))
    loops.sum((4, 3), Affine(WORK, 0, (1, 0)), (), 2.0)
    (nest,) = loops.all
    assert nest == Nest((4,), (Statement(TERM, Affine(WORK, 0, (1,)), (), None, 6.0),))


def test_rows_of_unequal_length_read_parameters_once_for_all_samples() -> None:
    w = [Value(0.1 * k - 0.4) for k in range(9)]
    rows = [(7, 2), (5, 0, 8), (1, 6, 3, 4)]

    def loss(x: list[Any]) -> Value:
        sums = (sum(w[i] * x[k] for k, i in enumerate(row)) for row in rows)
        return sum(h.tanh() * h for h in sums)

    samples = np.random.default_rng(0).normal(size=(5, 4))
    found = micrograd.compile(loss, batch=True, parameters=w)(samples)
    mean = sum(loss(x) for x in samples.tolist()) / 5
    assert found == pytest.approx(mean.data, rel=1e-12)
    gradient = micrograd.compile(loss, batch=True, parameters=w).value_and_grad(samples)[1]
    np.testing.assert_allclose(gradient, [g.data for g in grad(mean, w)], rtol=1e-12)
