"""A batch of a sequence: the sequence of a sample, run for several samples at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from checks_of_compiled import (
    assert_near,
    assert_same_parameters,
    assert_same_state,
    eager_step,
    eager_value_and_grad,
)
from hypothesis import given
from hypothesis import strategies as st
from passes import compiled, many, no_arrays, ran
from random_loops import loops, loss_of
from sequential_programs import PROGRAMS, Program, cholesky, garch, kalman, recurrent

import micrograd
from micrograd import Value, optim
from micrograd.compiler.nest import verify
from micrograd.compiler.nest.ir import Affine, Nest
from micrograd.compiler.nest.sequence import Scalars, TurnLoop

LANES = (1, 2, 3, 7, 8, 9, 20)


def bound(program: Program) -> tuple[list[Value], Callable[..., Any]]:
    ps = [Value(x) for x in program.parameters]
    return ps, lambda *arguments: program.loss(ps, *arguments)


def samples(program: Program, count: int, seed: int = 0) -> list[Any]:
    """So many samples like the program's arguments, an array an argument."""
    rng = np.random.default_rng(seed)
    shapes = [np.asarray(x, float) for x in program.arguments]
    return [np.stack([x + 0.01 * rng.normal(size=x.shape) for _ in range(count)]) for x in shapes]


def mean_of(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The mean of the losses of samples, one by one."""

    def mean(*batch: Any) -> Any:
        rows = [*zip(*(x.tolist() for x in batch), strict=True)]
        return sum(loss(*row) for row in rows) / len(rows)

    return mean


def unit_of(f: Any) -> Any:
    return f._programs.newest.unit


WITH_ARGUMENTS = [name for name in PROGRAMS if PROGRAMS[name]().arguments]


@pytest.mark.parametrize(("k", "name"), [*enumerate(WITH_ARGUMENTS)])
def test_numbers_are_those_of_samples_one_by_one(k: int, name: str, backend: str) -> None:
    program = PROGRAMS[name]()
    ps, loss = bound(program)
    batch = samples(program, LANES[k % len(LANES)])
    f = micrograd.compile(loss, parameters=ps, batch=True, backend=backend)
    value, gradient = f.value_and_grad(*batch)
    assert (unit_of(f).sequence is not None) == unit_of(f).alone == (name != "ring")
    expected, theirs = eager_value_and_grad(mean_of(loss), ps, *batch)
    assert_near(value, expected)
    assert_near(gradient, theirs)
    assert_near(f(*batch), expected)


@pytest.mark.parametrize("count", [1, 2, 3, 64])
def test_torch_agrees(count: int, backend: str) -> None:
    program = kalman(60)
    ps, loss = bound(program)
    (rows,) = samples(program, count)
    f = micrograd.compile(loss, parameters=ps, batch=True, backend=backend)
    value, gradient = f.value_and_grad(rows)
    leaves = torch.tensor(program.parameters, dtype=torch.float64, requires_grad=True)
    result = program.loss(list(leaves.unbind()), torch.tensor(rows.T)).mean()
    result.backward()
    assert unit_of(f).alone
    assert_near(value, result.item(), 1e-11)
    assert_near(gradient, leaves.grad.numpy(), 1e-11)


@pytest.mark.parametrize("program", [kalman(60), recurrent(70)])
def test_steps_with_changing_numbers_of_samples(program: Program, backend: str) -> None:
    mine, loss = bound(program)
    theirs, their_loss = bound(program)
    optimizer, their_optimizer = (optim.Adam(ps, lr=1e-2) for ps in (mine, theirs))
    f = micrograd.compile(loss, optimizer=optimizer, batch=True, backend=backend)
    for k in range(24):
        batch = samples(program, (3, 5, 1)[k % 3], seed=k)
        expected = eager_step(mean_of(their_loss), their_optimizer, *batch)
        assert_near(f.step(*batch), expected, 1e-10)
    assert unit_of(f).alone
    assert_same_parameters(mine, theirs)
    assert_same_state(optimizer, their_optimizer)


def test_samples_of_unequal_length_are_refused(backend: str) -> None:
    ps, loss = bound(kalman(60))
    f = micrograd.compile(loss, parameters=ps, batch=True, backend=backend)
    with pytest.raises(ValueError, match="sample"):
        f.value_and_grad([[0.1] * 60, [0.1] * 59])
    with pytest.raises(ValueError, match="sample"):
        micrograd.compile(lambda x, y: loss(x) * y, parameters=ps, batch=True, backend=backend)(
            np.zeros((3, 60)), np.zeros(2)
        )


def chosen_by_integers(table: list[Value], ids: Any, xs: Any) -> Any:
    h, total = 0.1, 0.0
    for i, x in zip(ids, xs, strict=True):
        h = (table[i] * h + x).tanh()
        total = total + h * h
    return total


def test_integers_of_each_sample(backend: str) -> None:
    mine, theirs = ([Value(0.3 * k - 0.4) for k in range(4)] for _ in range(2))
    optimizer, their_optimizer = (optim.Adam(ps, lr=0.01) for ps in (mine, theirs))
    f = micrograd.compile(
        lambda ids, xs: chosen_by_integers(mine, ids, xs), optimizer=optimizer, batch=True,
        backend=backend,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for most in (3, 3, 4):  # what no sample has chosen is not updated
        ids, xs = rng.integers(0, most, (5, 90)), rng.normal(size=(5, 90))
        expected = eager_step(
            mean_of(lambda i, x: chosen_by_integers(theirs, i, x)), their_optimizer, ids, xs
        )
        assert_near(f.step(ids, xs), expected, 1e-10)
    assert unit_of(f).alone
    assert_same_parameters(mine, theirs)


def test_results_besides_the_loss_are_means(backend: str) -> None:
    ps = [Value(0.4), Value(0.9)]

    def loss(xs: Any) -> Any:
        h, every = 0.0, []
        for x in xs:
            h = (ps[0] * x + ps[1] * h).tanh()
            every.append(h * h)
        return sum(every), (every[3], every[-1], xs[0])

    rows = np.random.default_rng(0).normal(size=(11, 100))
    f = micrograd.compile(loss, parameters=ps, batch=True, backend=backend)
    value, aux = f(rows)
    assert unit_of(f).alone
    found = [loss(row) for row in rows.tolist()]
    assert_near(value, np.mean([x.data for x, _ in found]))
    for k in range(3):
        theirs = [getattr(a[k], "data", a[k]) for _, a in found]
        assert_near(aux[k], np.mean(theirs))


def test_decisions_of_each_sample(backend: str) -> None:
    p = Value(0.7)

    def loss(xs: Any) -> Any:
        level, total = 0.0, 0.0
        for x in xs:
            level = level + p * x if x > level else level * 0.9
            total = total + level * level
        return total

    rows = np.random.default_rng(1).normal(size=(49, 60))
    f = micrograd.compile(loss, parameters=[p], batch=True, backend=backend)
    value, gradient = f.value_and_grad(rows)
    expected, theirs = eager_value_and_grad(mean_of(loss), [p], rows)
    assert_near(value, expected)
    assert_near(gradient, theirs)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
def test_a_sample_that_is_not_finite(bad: float, backend: str) -> None:
    program = garch(90)
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps, batch=True, backend=backend)
    for place in (0, 3, 10):  # in the first group, in two groups, in the last one
        (rows,) = samples(program, 11)
        rows[place, 40] = bad
        with np.errstate(over="ignore", invalid="ignore"):  # it is left to eager
            value, gradient = f.value_and_grad(rows)
        expected, theirs = eager_value_and_grad(mean_of(loss), ps, rows)
        np.testing.assert_allclose(value, expected, rtol=1e-11)
        np.testing.assert_allclose(gradient, theirs, rtol=1e-11)


def test_single_precision(backend: str) -> None:
    program = kalman(60)
    ps, loss = bound(program)
    batch = samples(program, 19)
    f = micrograd.compile(loss, parameters=ps, batch=True, backend=backend, dtype="float32")
    value, gradient = f.value_and_grad(*batch)
    expected, theirs = eager_value_and_grad(mean_of(loss), ps, *batch)
    assert unit_of(f).alone
    assert_near(value, expected, 1e-4)
    assert_near(gradient, theirs, 1e-3)


def test_a_batch_is_explained() -> None:
    ps, loss = bound(kalman(60))
    f = micrograd.compile(loss, parameters=ps, batch=True)
    f.value_and_grad(*samples(kalman(60), 20))
    text = f.explain()
    assert "1,534 scalar operations a sample, a batch of 20, one after the other" in text
    assert "steps, 20 lanes:" in text
    assert "back, for 56 steps, 20 lanes: ∂s" in text
    assert f.report().loops == text.count(", 20 lanes")
    title = micrograd.compile(loss, parameters=ps, batch=True)
    title.value_and_grad(*samples(kalman(60), 2))
    assert title.report().loops == f.report().loops


def layers(rows: list[str], units: int) -> tuple[list[Value], Callable[..., Any]]:
    """Layers that all have the same weights, each with a row of its own."""
    rng = np.random.default_rng(0)
    ps = [Value(x) for x in rng.normal(size=units * units) / units]

    def loss(xs: Any) -> Any:
        h = list(xs)
        for row in rows:
            sums = [sum(ps[units * i + j] * h[j] for j in range(units)) for i in range(units)]
            h = [getattr(s + 0.1 * x, row)() for s, x in zip(sums, xs, strict=True)]
        return sum(x * x for x in h)

    return ps, loss


@pytest.mark.parametrize("turns", [True, False])
def test_turns_are_those_of_a_sample(turns: bool) -> None:
    rng = np.random.default_rng(1)
    rows = ["tanh"] * 70 if turns else rng.choice(["tanh", "sigmoid", "sin"], 70).tolist()
    ps, loss = layers(rows, 12)
    batch = rng.normal(size=(3, 12))
    f = micrograd.compile(loss, parameters=ps, batch=True)
    value, gradient = f.value_and_grad(batch)
    assert unit_of(f).alone == (unit_of(f).sequence is not None) == turns
    expected, theirs = eager_value_and_grad(mean_of(loss), ps, batch)
    assert_near(value, expected)
    assert_near(gradient, theirs)


# ---- passes ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def in_order() -> Iterator[None]:
    with no_arrays():
        yield


@many(15)
@given(loops(), st.integers(1, 11))
def test_random_loops(in_order: None, loop: Any, count: int) -> None:
    ps = [Value(0.3), Value(-0.4), Value(0.7)]
    loss = loss_of(loop, ps)
    rows = np.random.default_rng(count).normal(size=(count, loop[0] + 9))
    expected, gradient = eager_value_and_grad(mean_of(loss), ps, rows)
    for backend in ("numpy", "llvm"):
        if backend == "llvm":
            pytest.importorskip("llvmlite")
        f = micrograd.compile(loss, parameters=ps, batch=True, backend=backend)
        value, mine = f.value_and_grad(rows)
        assert unit_of(f).alone
        assert_near(value, expected)
        assert_near(mine, gradient)


@pytest.mark.parametrize("count", [1, 2, 8, 9])
@pytest.mark.parametrize("name", ["kalman", "cholesky", "heat"])
def test_programs_mean_what_eager_does(in_order: None, name: str, count: int) -> None:
    program = {"kalman": kalman(12), "cholesky": cholesky(4), "heat": PROGRAMS["heat"]()}[name]
    ps, loss = bound(program)
    batch = samples(program, count)
    found = ran(loss, ps, *batch, batch=True)
    expected, gradient = eager_value_and_grad(mean_of(loss), ps, *batch)
    assert found.built.alone
    assert found.built.program.groups.count == -(-count // found.built.program.lanes)
    assert_near(found.loss, expected)
    assert_near(found.gradient, gradient)


def changed(program: Any, part: int, nest: Any) -> Any:
    parts = list(program.sequence)
    parts[part] = nest
    return replace(program, sequence=tuple(parts))


def refused(program: Any, why: str) -> None:
    with pytest.raises(verify.ProgramError, match=why):
        verify.check(program)


def test_the_checker_knows_lanes(in_order: None) -> None:
    ps, loss = bound(PROGRAMS["heat"]())
    sample = tuple(PROGRAMS["heat"]().arguments)
    program = compiled(loss, ps, *sample, lanes=9)[0].program
    assert program.groups is not None
    verify.check(program)
    places = {type(x): k for k, x in enumerate(program.sequence)}
    k = places[Scalars]
    part = program.sequence[k]
    rows = len(program.work) // program.lanes
    out = part.out.copy()
    out[0] = rows  # a row too many
    refused(changed(program, k, replace(part, out=out)), "an address that is none")
    k = places[TurnLoop]
    loop = program.sequence[k]
    nest = next(nest for nest in loop.nests if not nest.ordered)
    without = replace(nest, extents=nest.extents[:2], body=tuple(
        replace(s, out=_first_axes(s.out), inputs=tuple(map(_first_axes, s.inputs)))
        for s in nest.body
    ))  # fmt: skip
    others = tuple(without if x is nest else x for x in loop.nests)
    refused(changed(program, k, TurnLoop(loop.count, others)), "no turns")
    k = len(program.sequence) - 1
    moved = [replace(s, out=s.out._replace(base=len(program.work))) for s in
             program.sequence[k].body]  # fmt: skip
    refused(changed(program, k, replace(program.sequence[k], body=tuple(moved))), "beyond work")
    more = replace(program, groups=replace(program.groups, samples=program.groups.samples + 1))
    refused(more, "input0")  # of which there is not so much
    refused(replace(program, work=program.work[:-1]), "are no rows")


def _first_axes(x: Any) -> Any:
    return x._replace(strides=x.strides[:2]) if isinstance(x, Affine) else x


def test_a_vector_has_as_many_samples_as_there_are() -> None:
    pytest.importorskip("llvmlite")
    for count, lanes in ((1, 1), (2, 2), (3, 2), (5, 4), (8, 8), (70, 8)):
        ps, loss = bound(garch(90))
        f = micrograd.compile(loss, parameters=ps, batch=True, backend="llvm")
        f(*samples(garch(90), count))
        assert unit_of(f).program.lanes == lanes
    ordered = [x for x in unit_of(f).program.sequence if isinstance(x, Nest) and x.ordered]
    assert ordered
    assert all(len(nest.extents) == 1 for nest in ordered)
