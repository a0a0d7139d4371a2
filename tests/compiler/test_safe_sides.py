"""A side that is not taken makes no nan, and its program is not left for the eager engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import assert_near

import micrograd
from micrograd import Value, optim, where
from micrograd.compiler import compiled

W, B = Value(0.5), Value(0.1)
GIVEN = [0.0, -1.0, 2.0, -0.0, 3.0, -4.0]


def roots(xs: list[float]) -> Any:
    total = 0.0
    for x in xs:
        z = W * x
        total = total + (z.sqrt() if z.data > 0 else 0.0)
    return total


def logs(xs: list[float]) -> Any:
    total = B * 1.0
    for x in xs:
        z = W * x
        if z.data > 0:
            total = total + z.log()
    return total


def quotients(xs: list[float]) -> Any:
    return sum(W / x if x != 0 else B for x in xs)


def overflowing(xs: list[float]) -> Any:
    return sum((W * x * 500).exp() if x < 1 else B * x for x in xs)


def by_where(xs: list[float]) -> Any:
    return sum(where((W * x).data > 0, (W * x).log(), 0.0) for x in xs)


def nested(xs: list[float]) -> Any:
    total = 0.0
    for x in xs:
        if x >= 0:
            total = total + ((W * x).log() / x if x > 0 else B * (W + x).log())
        else:
            total = total + (W * x) ** 2
    return total


def shared(xs: list[float]) -> Any:
    """The logarithm is seen outside, too: it has to stay what it is."""
    total, seen = 0.0, []
    for x in xs:
        y = (W * (x * x + 1)).log()
        seen.append(y)
        total = total + (y if x > 0 else (W * x) ** 1.5 if x != 0 else B)
    return total, seen


PROGRAMS = [roots, logs, quotients, overflowing, by_where, nested]


def eager(fn: Callable[..., Any], xs: list[float]) -> list[float]:
    W.zero_grad()
    B.zero_grad()
    result = fn(xs)
    loss = result[0] if isinstance(result, tuple) else result
    if isinstance(loss, Value):
        loss.backward()
    return [loss.data if isinstance(loss, Value) else loss, W.grad, B.grad]


@pytest.fixture
def no_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise AssertionError("it ran eagerly")

    for name in ("eager_value", "eager_gradient", "eager_step"):
        monkeypatch.setattr(compiled, name, fail)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("fn", PROGRAMS)
def test_all_of_it_is_compiled(fn: Any, backend: str, no_eager: None) -> None:
    f = micrograd.compile(fn, parameters=[W, B], backend=backend)
    for xs in (GIVEN, [-x for x in GIVEN], [0.0] * 6, [-1.0] * 6, [1.0] * 6, GIVEN):
        loss, gradient = f.value_and_grad(xs)
        assert_near([loss, *gradient], eager(fn, xs), 1e-11)


@pytest.mark.parametrize("fn", PROGRAMS)
def test_steps(fn: Any, no_eager: None) -> None:
    found = []
    for is_compiled in (False, True):
        W.data, B.data = 0.5, 0.1
        sgd = optim.SGD([W, B], lr=1e-3)
        f = micrograd.compile(fn, optimizer=sgd, backend="numpy")
        for _ in range(3):
            if is_compiled:
                f.step(GIVEN)
            else:
                eager(fn, GIVEN)
                sgd.step()
        found.append([W.data, B.data])
    W.data, B.data = 0.5, 0.1
    assert_near(found[1], found[0], 1e-11)


def test_what_is_used_outside_of_the_side_too_stays_as_it_is() -> None:
    f = micrograd.compile(shared, parameters=[W, B], backend="numpy")
    for xs in (GIVEN, [2.0] * 6, GIVEN):
        (loss, seen), gradient = f.value_and_grad(xs)
        assert_near([loss, *gradient], eager(shared, xs), 1e-11)
        assert_near(seen, [math.log(W.data * (x * x + 1)) for x in xs], 1e-12)


def test_what_is_not_finite_on_the_side_that_is_taken_is_what_eager_says() -> None:
    f = micrograd.compile(lambda xs: sum((W * x).log() if x >= 0 else B for x in xs))
    with np.errstate(all="ignore"):
        assert f([1.0, 0.0, -1.0]) == -math.inf
        assert f([1.0, 2.0, -1.0]) == pytest.approx(math.log(0.5) + math.log(1.0) + 0.1)
        assert f([1.0, math.inf, -1.0]) == math.inf


def test_programs_that_are_finite_are_not_slowed_down() -> None:
    f = micrograd.compile(logs, parameters=[W, B], backend="numpy")
    f([1.0, 2.0])
    plain = f.source
    f([0.5, 3.0])
    assert f.source == plain
    f.value_and_grad([0.0, 3.0])
    assert f.source.count("putmask") > plain.count("putmask")
