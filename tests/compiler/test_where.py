"""`where`, `max` and `min`: choices by a condition, eager and compiled, on every side."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import assert_near, assert_same_result
from programs_to_compile import numbers_of

import micrograd
from micrograd import Value, optim, tensor, where

W = [Value(0.0) for _ in range(4)]
START = [0.5, -1.0, 2.0, 0.3]


@pytest.fixture(autouse=True)
def _start() -> None:
    for w, x in zip(W, START, strict=True):
        w.data = x


def huber(x, y):
    e = W[0] * x - y
    return where(abs(e) < 1, 0.5 * e**2, abs(e) - 0.5)


def entropy(x, y):
    u = W[0] * W[0] * x
    return where(u > 0, u * u.log(), 0.0) + where(y, W[1] * x, W[2])


def nested(x, y):
    return where(x > 0, where(y > 0, W[0] * x, W[1]), where(W[2] > x, W[2] * y, W[3] ** 2))


def of_numbers(x, y):
    return W[0] * where(x > y, 1.5, -2.0) + where(x, W[1], W[2])


def pooled(x, y):
    return max(w * x for w in W) ** 2 + min(W[0] * y, W[1] * x) * 3 + max(0.0, W[2] * x)


def by_key(x, y):
    scores = [w * x for w in W]
    return max(zip(scores, W, strict=True), key=lambda pair: pair[0].data)[1] * y


def stable_softmax(x, y):
    scores = [w * x for w in W]
    top = max(scores).data
    return sum((s - top).exp() for s in scores).log() + top - scores[1] * y


PROGRAMS = [huber, entropy, nested, of_numbers, pooled, by_key, stable_softmax]


def points() -> list[tuple[float, float]]:
    r = random.Random(3)
    drawn = [(r.gauss(0, 1.5), r.gauss(0, 1.5)) for _ in range(12)]
    return [*drawn, (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (2.0, 1.0)]


@pytest.mark.parametrize("loss", PROGRAMS, ids=lambda f: f.__name__)
def test_compiled_takes_the_side_that_eager_takes(loss: Any, backend: str) -> None:
    f = micrograd.compile(loss, parameters=W, backend=backend)
    for x, y in points():
        assert_same_result(f, loss, W, x, y)


@pytest.mark.sampled
@pytest.mark.parametrize("loss", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam, optim.RMSprop])
def test_parameters_of_the_other_side_are_not_updated(loss: Any, rule: Any) -> None:
    def run(step_of: Callable[[Any], Callable[..., float]]) -> list[float]:
        for w, x in zip(W, START, strict=True):
            w.data = x
        momentum = {"momentum": 0.9} if rule is optim.SGD else {}
        step = step_of(rule(W, lr=0.02, **momentum))
        losses = [step(x, y) for x, y in 3 * points()]
        return [*losses, *numbers_of(W)]

    def eager(optimizer: Any) -> Callable[..., float]:
        def step(x: float, y: float) -> float:
            optimizer.zero_grad()
            result = loss(x, y)
            before = float(result.data)  # a parameter itself may be the result
            result.backward()
            optimizer.step()
            return before

        return step

    compiled = run(lambda o: micrograd.compile(loss, optimizer=o, backend="numpy").step)
    assert_near(compiled, run(eager), 1e-11)


def test_a_side_not_taken_makes_no_nan() -> None:
    for bad in (lambda v: v.log(), lambda v: 1 / v, lambda v: v**0.5, lambda v: (1e3 + v).exp()):
        x = Value(0.0)
        y = where(x > 0, bad(x), x * 2)
        y.backward()
        assert (y.data, x.grad) == (0.0, 2.0)


def test_conditions_and_sides() -> None:
    a, b = Value(1.0), Value(2.0)
    assert where(True, a, b) is a
    assert where(Value(0.0), a, b) is b
    assert where(np.bool_(False), a, 3).data == 3.0
    assert where(a < b, 1, 2).data == 1.0
    with pytest.raises(micrograd.MicrogradError, match="b must be a Value or a number"):
        where(True, a, "b")
    with pytest.raises(micrograd.MicrogradError, match="condition must be"):
        where("yes", a, b)


def test_arrays_are_chosen_from_element_by_element() -> None:
    x = tensor([0.0, 2.0], requires_grad=True)
    y = where(np.array([False, True]), x * x.log(), 1.0)
    assert isinstance(y, micrograd.Tensor)
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0 + np.log(2.0)]
    chosen = where(np.array([True, False]), np.array([[Value(1.0)], [Value(2.0)]]), 0.0)
    assert [v.data for v in chosen.flat] == [1.0, 0.0, 2.0, 0.0]


def test_the_first_of_equals_is_the_largest() -> None:
    def loss(x: float) -> Any:
        return max(W[0] * x, W[1] * x, W[0] * x)

    f = micrograd.compile(loss, parameters=W, backend="numpy")
    for x in (0.0, 1.0, -1.0):
        assert_same_result(f, loss, W, x)
    with pytest.raises(ValueError, match="empty"):
        micrograd.compile(lambda x: max([]) * W[0])(1.0)
