"""Programs as strangers write them: each against eager, on inputs that take every side."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import assert_near
from programs_to_compile import numbers_of
from strangers import lists, networks, physics, plain, sequences, statistics_

import micrograd
from micrograd import Value, optim

MODULES = [statistics_, physics, networks, sequences, plain, lists]
PROGRAMS = [(f, given, m.P) for m in MODULES for f, given in m.PROGRAMS]
CALLS = 12


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    kept = [(p, p.data) for m in MODULES for p in m.P]
    yield
    for p, x in kept:
        p.data = x


def of_eager(fn: Callable[..., Any], parameters: list[Value], arguments: Any) -> Any:
    """The loss, the gradient, and aux; a loss that met no parameter is a number."""
    for p in parameters:
        p.zero_grad()
    result = fn(*arguments)
    loss, aux = result if isinstance(result, tuple) else (result, None)
    if isinstance(loss, Value):
        loss.backward()
    gradient = np.array([p.grad for p in parameters])
    for p in parameters:
        p.zero_grad()
    return loss.data if isinstance(loss, Value) else float(loss), gradient, aux


@pytest.mark.some(32)
@pytest.mark.parametrize(
    ("fn", "given", "parameters"), PROGRAMS, ids=lambda x: getattr(x, "__name__", "")
)
def test_values_gradients_and_aux(fn: Any, given: Any, parameters: list[Value]) -> None:
    r = random.Random(11)
    f = micrograd.compile(fn, parameters=parameters, backend="numpy")
    for _ in range(CALLS):
        arguments = given(r)
        loss, gradient, aux = of_eager(fn, parameters, arguments)
        value, mine = f.value_and_grad(*arguments)
        if aux is not None:
            value, my_aux = value
            assert my_aux == aux
        assert_near([value, *mine], [loss, *gradient], 1e-11)


@pytest.mark.parametrize("fn", lists.ONE, ids=lambda f: f.__name__)
def test_one_program_is_enough(fn: Any) -> None:
    r = random.Random(4)
    f = micrograd.compile(fn, parameters=lists.P, backend="numpy")
    (given,) = (g for f, g in lists.PROGRAMS if f is fn)
    for _ in range(8):
        arguments = given(r)
        loss, gradient, _ = of_eager(fn, lists.P, arguments)
        value, mine = f.value_and_grad(*arguments)
        assert_near([value, *mine], [loss, *gradient], 1e-11)
    assert len(f._decisions) == 1


# `total or 0.0`, where the total is a Value that is 0, is what one of the programs says.
@pytest.mark.filterwarnings("ignore:a Value is true")
@pytest.mark.long
@pytest.mark.parametrize(
    ("fn", "given", "parameters"), PROGRAMS, ids=lambda x: getattr(x, "__name__", "")
)
@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam])
def test_parameters_after_50_steps(fn: Any, given: Any, parameters: list[Value], rule: Any) -> None:
    start = numbers_of(parameters)

    def trained(step_of: Callable[[Any], Callable[..., Any]]) -> np.ndarray:
        for p, x in zip(parameters, start, strict=True):
            p.data = float(x)
            p.zero_grad()
        r = random.Random(5)
        step = step_of(rule(parameters, lr=1e-3))
        for _ in range(50):
            step(*given(r))
        return numbers_of(parameters)

    def eager(optimizer: Any) -> Callable[..., None]:
        def step(*arguments: Any) -> None:
            optimizer.zero_grad()
            result = fn(*arguments)
            loss = result[0] if isinstance(result, tuple) else result
            if isinstance(loss, Value):
                loss.backward()
                optimizer.step()

        return step

    expected = trained(eager)
    mine = trained(lambda o: micrograd.compile(fn, optimizer=o, backend="numpy").step)
    assert_near(mine, expected, 1e-9)
