"""Whole trainings, compiled, against eager and against torch: losses, gradients, parameters."""

from __future__ import annotations

import importlib.util
import random
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checks_of_compiled import (
    DRIFT,
    STEPS,
    assert_near,
    assert_same_parameters,
    assert_same_result,
    compiled,
    eager_step,
    eager_value_and_grad,
    train,
    train_eagerly,
)
from programs_to_compile import (
    SMALL,
    WITH_TORCH,
    WORKLOADS,
    network,
    numbers_of,
    regression,
    table,
    values,
)

import micrograd
from micrograd import Value, grad, optim

FEW = 25  # steps of large programs, but with the mark `long`
RUNS = [
    pytest.param(name, steps, id=f"{name}, {steps} steps", marks=[pytest.mark.long] * long)
    for name in WITH_TORCH
    for steps, long in ([(STEPS, False)] if name in SMALL else [(FEW, False), (STEPS, True)])
]


@cache
def torch_run(name: str, steps: int) -> tuple[list[float], np.ndarray]:
    """The losses and the last parameters of some steps in torch, float64."""
    workload = WORKLOADS[name]()
    assert workload.torch_loss is not None
    parameters = torch.tensor(numbers_of(workload.parameters), requires_grad=True)
    optimizer = getattr(torch.optim, workload.rule)([parameters], **workload.options)
    losses = []
    for i in range(steps):
        optimizer.zero_grad()
        loss = workload.torch_loss(parameters, *workload.arguments(i))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, parameters.detach().numpy()


@cache
def eager_run(name: str, steps: int) -> tuple[list[float], np.ndarray]:
    workload = WORKLOADS[name]()
    return train_eagerly(workload, steps), numbers_of(workload.parameters)


@pytest.mark.parametrize(("name", "steps"), RUNS)
def test_steps_are_torchs(name: str, steps: int, backend: str) -> None:
    workload = WORKLOADS[name]()
    before = numbers_of(workload.parameters)
    losses = train(compiled(workload, backend).step, workload, steps)
    expected, parameters = torch_run(name, steps)
    assert_near(losses, expected, DRIFT)
    assert_near(numbers_of(workload.parameters), parameters, DRIFT)
    assert np.abs(before - parameters).max() > 0.01


@pytest.mark.parametrize("name", SMALL)
def test_200_steps_are_eagers(name: str, backend: str) -> None:
    workload = WORKLOADS[name]()
    losses = train(compiled(workload, backend).step, workload, STEPS)
    expected, parameters = eager_run(name, STEPS)
    assert_near(losses, expected, DRIFT)
    assert_near(numbers_of(workload.parameters), parameters, DRIFT)


@pytest.mark.parametrize("name", [name for name in WITH_TORCH if name not in SMALL])
def test_the_first_steps_of_large_programs_are_eagers(name: str, backend: str) -> None:
    workload = WORKLOADS[name]()
    losses = train(compiled(workload, backend).step, workload, 2)
    expected, parameters = eager_run(name, 2)
    assert_near(losses, expected)
    assert_near(numbers_of(workload.parameters), parameters)


@cache
def eager_gradient(name: str) -> tuple[float, np.ndarray]:
    workload = WORKLOADS[name]()
    return eager_value_and_grad(workload.loss, workload.parameters, *workload.arguments(0))


@pytest.mark.parametrize("name", WORKLOADS)
def test_value_and_gradient_are_eagers(name: str, backend: str) -> None:
    workload = WORKLOADS[name]()
    f = compiled(workload, backend)
    value, gradient = f.value_and_grad(*workload.arguments(0))
    expected, expected_gradient = eager_gradient(name)
    assert_near(value, expected)
    assert_near(gradient, expected_gradient)
    assert f(*workload.arguments(0)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("exact", [False, True])
def test_the_bits_are_the_same_every_time(exact: bool, backend: str) -> None:
    runs = []
    for _ in range(2):
        workload = WORKLOADS["7-11-13-1, 37 samples"]()
        f = compiled(workload, backend, exact=exact)
        runs.append((train(f.step, workload, 5), numbers_of(workload.parameters).tobytes()))
    assert runs[0] == runs[1]


def test_the_example_trains_as_it_does_eagerly(backend: str) -> None:
    path = Path(__file__).parents[2] / "examples" / "tiny_gpt.py"
    if not path.exists():
        pytest.skip("there is no such example")
    spec = importlib.util.spec_from_file_location("tiny_gpt", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    def losses(run: Any) -> tuple[list[float], np.ndarray]:
        rng = random.Random(0)
        names = [n[:4] for n in example.make_names(rng, 4)]
        model = example.GPT(rng)
        adam = optim.Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99), eps=1e-8)
        step = run(model, adam)
        found = [step(example.encode(name)) for name in names]
        return found, np.concatenate([np.ravel(p.data) for p in model.parameters()])

    def eagerly(model: Any, adam: optim.Optimizer) -> Any:
        return lambda tokens: eager_step(model.loss, adam, tokens)

    def by_compile(model: Any, adam: optim.Optimizer) -> Any:
        return micrograd.compile(model.loss, optimizer=adam, backend=backend).step

    (mine, parameters), (theirs, expected) = losses(by_compile), losses(eagerly)
    assert_near(mine, theirs, 1e-9)
    assert_near(parameters, expected, 1e-9)


# ---- derivatives of derivatives ------------------------------------------------------------------


def penalised(w: list[Value], u: list[Value]) -> Any:
    """A network's error and the square of its slope: double backward."""

    def loss(x, y):
        x = Value(x)
        out = sum((wi * x).tanh() * ui for wi, ui in zip(w, u, strict=True))
        (slope,) = grad(out, [x], create_graph=True)
        return (out - y) ** 2 + 0.1 * slope**2

    return loss


def adapted(w: list[Value], u: list[Value]) -> Any:
    """The loss after one step of gradient descent, differentiated through the step."""

    def loss(x, y):
        error = sum((wi * x).sigmoid() * ui for wi, ui in zip(w, u, strict=True)) - y
        slopes = grad(error * error, w, create_graph=True)
        moved = [wi - 0.1 * slope for wi, slope in zip(w, slopes, strict=True)]
        return (sum((m * x).sigmoid() * ui for m, ui in zip(moved, u, strict=True)) - y) ** 2

    return loss


@pytest.mark.parametrize("make", [penalised, adapted])
def test_second_order_is_eagers(make: Any, backend: str) -> None:
    rng = random.Random(23)
    w, u = values(rng, 5), values(rng, 5)
    f = micrograd.compile(make(w, u), parameters=[*w, *u], backend=backend)
    for x, y in pairwise([0.3, -1.2, 2.0, 0.0]):
        assert_same_result(f, make(w, u), [*w, *u], x, y)


# ---- batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 8, 100, 101])
def test_a_batch_is_the_mean_over_its_samples(size: int, backend: str) -> None:
    rng = random.Random(size)
    model = network(rng, [3, 4, 1])
    parameters = model.parameters()
    x, y = np.array(table(rng, size, 3)), np.array(table(rng, 1, size)[0])

    def sample(row, target):
        return (model(row).tanh() - target) ** 2 + 0.01 * sum(p * p for p in parameters)

    def whole(x, y):
        return sum(sample(row, t) for row, t in zip(x, y, strict=True)) / len(y)

    f = micrograd.compile(sample, parameters=parameters, batch=True, backend=backend)
    assert_same_result(f, whole, parameters, x, y)
    assert f(x.tolist(), y.tolist()) == pytest.approx(f(x, y), rel=1e-12)


def test_batches_of_changing_size_train_as_their_mean_does(backend: str) -> None:
    mine, theirs = (regression([2, 5, 1], 101, 0.02) for _ in range(2))
    ours, reference = (optim.SGD(w.parameters, lr=0.02, momentum=0.9) for w in (mine, theirs))
    x, y = mine.arguments(0)

    def sample(row, target):
        return mine.loss([row], [target])

    f = micrograd.compile(sample, optimizer=ours, batch=True, backend=backend)
    for i in range(60):
        size = (1, 7, 8, 100, 101)[i % 5]
        found = f.step(x[:size], y[:size])
        expected = eager_step(theirs.loss, reference, x[:size], y[:size])
        assert found == pytest.approx(expected, rel=1e-10)
    assert_same_parameters(mine.parameters, theirs.parameters)


def test_gradients_of_a_step_outlast_a_gradient_that_is_asked_for(backend: str) -> None:
    """They are written when they are read: what has run since then is not taken for the step."""
    a, b = Value(1.0), Value(2.0)
    sgd = optim.SGD([a, b], lr=0.1)
    f = micrograd.compile(lambda x: (a * x - b) ** 2, optimizer=sgd, backend=backend)
    for x in (1.0, 2.0, 3.0):
        f.step(x)
        before = [v.data for v in (a, b)]
        f.step(5.0)
        slope = 2 * (before[0] * 5.0 - before[1])
        f.value_and_grad(100.0)
        f(-100.0)
        assert [v.grad for v in (a, b)] == pytest.approx([5.0 * slope, -slope], rel=1e-12)


@pytest.mark.parametrize("exact", [False, True])
def test_the_loss_of_a_step_is_that_before_it(exact: bool) -> None:
    w = Value(2.0)
    f = micrograd.compile(lambda: w, optimizer=optim.SGD([w], lr=0.5), exact=exact)
    assert [f.step(), f.step(), w.data] == [2.0, 1.5, 1.0]
