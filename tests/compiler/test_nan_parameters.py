"""A model whose parameters have become nan: steps stay what they are eagerly, and stay compiled."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import chain, product
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import eager_step

import micrograd
from micrograd import Value, maximum, optim, where
from micrograd.compiler import compiled
from micrograd.nn import MLP

RULES: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
}
XS = [[math.sin(i), math.cos(i)] for i in range(6)]


@pytest.fixture
def eager_steps(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The steps that are made eagerly."""
    made: list[Any] = []
    step = compiled.eager_step

    def noted(*args: Any) -> Any:
        made.append(args)
        return step(*args)

    monkeypatch.setattr(compiled, "eager_step", noted)
    return made


def same(a: float, b: float) -> bool:
    """Equal up to rounding; every nan is the same."""
    return (a != a and b != b) or a == b or abs(a - b) <= 1e-9 * (1 + abs(b))


def loss_of(model: MLP) -> Callable[[Any, float], Value]:
    def loss(xs: Any, k: float) -> Value:
        return sum((model(x).tanh() * k - 1.0) ** 2 for x in xs)

    return loss


@pytest.mark.parametrize("rule", RULES)
def test_training_goes_on_as_eagerly(rule: str, backend: str, eager_steps: list[Any]) -> None:
    models = []
    for _ in range(2):
        random.seed(1)
        models.append(MLP(2, [3, 3, 1]))
    ours, theirs = models
    optimizers = [RULES[rule](m.parameters()) for m in models]
    f = micrograd.compile(loss_of(ours), optimizer=optimizers[0], backend=backend)
    for k in range(16):
        scale = math.inf if k == 4 else 1.0
        value = f.step(XS, scale)
        optimizers[1].zero_grad()
        loss = loss_of(theirs)(XS, scale)
        loss.backward()
        optimizers[1].step()
        assert same(value, loss.data), k
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert same(p.data, q.data), k
            assert same(p.grad, q.grad), k
        if k % 5 == 0:
            states = [[o.state.get(v, {}) for v in m.parameters()]
                      for o, m in zip(optimizers, models, strict=True)]  # fmt: skip
            for mine, other in zip(*states, strict=True):
                assert mine.keys() == other.keys()
                assert all(same(float(mine[name]), float(other[name])) for name in mine)
    assert any(p.data != p.data for p in theirs.parameters())
    assert len(eager_steps) <= 4


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "relu": lambda a, x: sum(w.relu() * x[0] for w in a) + a[0] * x[1],
    "a maximum": lambda a, x: maximum(a[0], a[1]) * x[0] + maximum(a[1], x[1]) + a[2],
    "a choice": lambda a, x: where(a[0] > x[0], a[1] * 2.0, a[2] * a[2] + x[1]),
    "a sum of others": lambda a, x: (a[0] - x[0]) ** 2 + (a[1] - x[1]) ** 2 + a[2],
    "a softmax": lambda a, x: (a[0].exp() / sum((w * x[0]).exp() for w in a)).log() * x[1],
    "times zero": lambda a, x: a[0] * 0.0 + a[1] * x[0] + (a[2] - a[2]) * x[1],
    "roots": lambda a, x: a[0].sqrt() + (a[1] * a[1] + x[0] * x[0]).sqrt() + abs(a[2]) * x[1],
    "powers": lambda a, x: a[0] ** 3 + a[1] ** -2 * x[0] + a[2] ** 2.5 + x[1],
    "a largest number": lambda a, x: sum(w - max(v.data for v in a) for w in a) * x[0] + x[1],
    "hyperbolas": lambda a, x: a[0].tanh() * a[1].sigmoid() + (a[2] * x[0]).softplus() * x[1],
}


NUMBERS = [[math.nan] * 3, [math.nan, 0.5, 1.5], [0.5, 2.0, math.nan],
           [1e200, math.nan, -1e200], [math.nan, math.inf, 1.0]]  # fmt: skip
INPUTS = [[0.5, 2.0], [math.nan, 1.0], [-math.inf, 1.0], [1e200, -1e200]]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_nan(name: str, backend: str) -> None:
    a = [Value(0.7), Value(0.5), Value(1.5)]

    def fn(x: Any) -> Any:
        return FUNCTIONS[name](a, x)

    f = micrograd.compile(fn, backend=backend, parameters=a)
    f([0.25, 1.0])
    for numbers, x in product(NUMBERS, INPUTS):
        for v, number in zip(a, numbers, strict=True):
            v.data = number
        expected = fn(x)
        value, gradient = f.value_and_grad(x)
        assert same(value, expected.data), (numbers, x)
        exact = [g.data for g in micrograd.grad(expected, a)]
        assert all(map(same, gradient.tolist(), exact)), (numbers, x, gradient, exact)
        assert same(f(x), expected.data)


def test_rows_that_integers_choose(backend: str, eager_steps: list[Any]) -> None:
    def made() -> tuple[list[list[Value]], optim.Optimizer]:
        table = [[Value(0.1 * i + j) for j in range(2)] for i in range(5)]
        return table, optim.Adam([v for row in table for v in row], lr=0.1)

    (ours, adam), (theirs, other) = made(), made()
    f = micrograd.compile(
        lambda i, j, x: sum(a * b * x for a, b in zip(ours[i], ours[j], strict=True)),
        optimizer=adam, backend=backend,
    )  # fmt: skip
    for k, (i, j) in enumerate([(0, 1), (2, 3), (4, 0), (1, 1), (1, 2), (3, 1), (0, 0), (2, 4)]):
        if k == 2:
            for row in (ours[1], theirs[1]):
                row[0].data = math.nan
        value = f.step(i, j, 0.5)
        other.zero_grad()
        loss = sum(a * b * 0.5 for a, b in zip(theirs[i], theirs[j], strict=True))
        loss.backward()
        other.step()
        assert same(value, loss.data)
        for p, q in zip(chain(*ours), chain(*theirs), strict=True):
            assert same(p.data, q.data)
    assert eager_steps


def test_what_overflows_is_made_eagerly(backend: str, eager_steps: list[Any]) -> None:
    w, b = Value(1e308), Value(math.nan)
    sgd = optim.SGD([w, b], lr=0.0)
    f = micrograd.compile(lambda x: w * x + w * x - w * x - w * x + b, optimizer=sgd,
                          backend=backend)  # fmt: skip
    for x in (0.5, 1.0, 2.0):
        assert math.isnan(f.step(x))
    assert len(eager_steps) == 3


def test_aux_of_nan(backend: str) -> None:
    w = Value(2.0)
    f = micrograd.compile(lambda x: (w * x, {"x": w.data * 2 + x, "w": w}), backend=backend)
    assert f(3.0) == (6.0, {"x": 7.0, "w": 2.0})
    w.data = math.nan
    loss, aux = f(3.0)
    assert np.isnan([loss, aux["x"], aux["w"]]).all()


@pytest.mark.parametrize("way", ["step", "call", "value_and_grad"])
def test_arguments_that_are_nan(way: str, backend: str, eager_steps: list[Any]) -> None:
    """Of one sample, one feature: losses, gradients and updates are the eager ones."""

    def made() -> tuple[list[Value], Any]:
        w = [Value(0.5 * k - 1) for k in range(6)]

        def loss(xs: Any, scale: float) -> Value:
            rows = [sum(a * b for a, b in zip(w, x, strict=False)).tanh() for x in xs]
            kept = sum(maximum(r, w[3]) + r.relu() * w[4] for r in rows)
            return kept * scale + w[5] ** 2

        return w, loss

    (ours, mine), (theirs, other) = made(), made()
    sgds = [optim.SGD(w, lr=0.1, momentum=0.9) for w in (ours, theirs)]
    f = micrograd.compile(mine, optimizer=sgds[0], backend=backend)
    for k in range(8):
        xs = [[0.1 * k, 1.0, -0.5], [1.0, -0.2, 0.3 * k], [0.5, 0.25, 1.0]]
        if k in (3, 5):
            xs[1][2] = math.nan
        scale = math.nan if k == 6 else 1.0
        found = f(xs, scale) if way == "call" else getattr(f, way)(xs, scale)
        sgds[1].zero_grad()
        loss = other(xs, scale)
        loss.backward()
        if way == "value_and_grad":
            found, gradient = found
            assert all(same(a, v.grad) for a, v in zip(gradient, theirs, strict=True)), k
        if way == "step":
            sgds[1].step()
            assert all(same(p.grad, q.grad) for p, q in zip(ours, theirs, strict=True)), k
        assert same(found, loss.data), k
        assert all(same(p.data, q.data) for p, q in zip(ours, theirs, strict=True)), k
    assert not eager_steps


@pytest.mark.parametrize("how", ["skipped", "replaced", "chosen"])
def test_arguments_that_are_nan_and_are_not_used(how: str, backend: str) -> None:
    """Missing values, as people leave them out."""

    w, b = Value(0.8), Value(-0.3)

    def loss(xs):
        total = 0.0
        for x in xs:
            if how == "skipped":
                if math.isnan(x):
                    continue
                total = total + (w * x - 1).tanh() ** 2
            elif how == "replaced":
                total = total + (w * (0.5 if x != x else x) - 1).tanh() ** 2
            else:
                total = total + where(math.isnan(x), 0.0, (w * x - 1).tanh() ** 2)
        return total + b * b

    def trained(step: Any) -> list[float]:
        w.data, b.data = 0.8, -0.3
        return [*(step([math.nan, 2.0, 0.5 * k, math.nan]) for k in range(6)), w.data, b.data]

    sgd = optim.SGD([w, b], lr=0.1)
    theirs = trained(lambda xs: eager_step(loss, sgd, xs))
    f = micrograd.compile(loss, optimizer=sgd, backend=backend)
    np.testing.assert_allclose(trained(f.step), theirs, 1e-12)


def test_isnan_decides(backend: str) -> None:
    w = Value(2.0)
    f = micrograd.compile(lambda x: w * 0.5 if math.isnan(x) else w * x, backend=backend)
    assert [f(x) for x in (math.nan, 2.0, math.nan, 3.0, 1.0)] == [1.0, 4.0, 1.0, 6.0, 2.0]
