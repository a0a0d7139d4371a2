"""What a compiled function is compared with, and how near it has to be."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from programs_to_compile import Workload, numbers_of

import micrograd
from micrograd import Value, optim

STEPS = 200
DRIFT = 1e-11  # how far parameters may be from the reference after STEPS, of the largest
NEAR = 1e-12


# ---- the same by other means ---------------------------------------------------------------------


def eager_value_and_grad(
    loss: Callable[..., Any], parameters: Sequence[Value], *arguments: Any
) -> tuple[float, np.ndarray]:
    """What a compiled function has to return, computed one Value at a time."""
    for p in parameters:
        p.zero_grad()
    result = loss(*arguments)
    result = result[0] if isinstance(result, tuple) else result
    result.backward()
    gradient = np.array([p.grad for p in parameters])
    for p in parameters:
        p.zero_grad()
    return result.data, gradient


def eager_step(loss: Callable[..., Any], optimizer: optim.Optimizer, *arguments: Any) -> float:
    """The loss, then one update."""
    optimizer.zero_grad()
    result = loss(*arguments)
    result = result[0] if isinstance(result, tuple) else result
    result.backward()
    optimizer.step()
    optimizer.zero_grad()
    return float(result.data)


def compiled(workload: Workload, backend: str, **options: Any) -> Any:
    """The workload's loss, compiled with its parameters and optimiser."""
    return micrograd.compile(
        workload.loss,
        parameters=workload.parameters,
        optimizer=workload.optimizer(),
        backend=backend,
        **options,
    )


def train(step: Callable[..., float], workload: Workload, steps: int) -> list[float]:
    """The loss of every step."""
    return [step(*workload.arguments(i)) for i in range(steps)]


def train_eagerly(workload: Workload, steps: int) -> list[float]:
    optimizer = workload.optimizer()
    return train(lambda *a: eager_step(workload.loss, optimizer, *a), workload, steps)


# ---- how near ------------------------------------------------------------------------------------


def assert_near(mine: Any, theirs: Any, tolerance: float = NEAR) -> None:
    """Not further apart than a part of the largest number; what is not finite is the same."""
    mine, theirs = np.asarray(mine, dtype=float), np.asarray(theirs, dtype=float)
    assert mine.shape == theirs.shape
    finite = np.abs(theirs[np.isfinite(theirs)])
    scale = max(finite, default=0.0)
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * scale)


def assert_same_result(
    f: Any, loss: Callable[..., Any], parameters: Sequence[Value], *arguments: Any
) -> None:
    """Value and gradient are those of eager."""
    expected, gradient = eager_value_and_grad(loss, parameters, *arguments)
    value, mine = f.value_and_grad(*arguments)
    assert type(value) is float
    assert isinstance(mine, np.ndarray)
    assert mine.dtype == np.float64
    assert mine.shape == (len(parameters),)
    assert_near(value, expected)
    assert_near(mine, gradient)
    assert_near(f(*arguments), expected)


def assert_same_parameters(mine: Iterable[Value], theirs: Iterable[Value]) -> None:
    assert_near(numbers_of(list(mine)), numbers_of(list(theirs)), DRIFT)


def assert_same_state(mine: optim.Optimizer, theirs: optim.Optimizer) -> None:
    """The optimisers remember the same about the same parameters."""
    a, b = mine.state_dict()["state"], theirs.state_dict()["state"]
    assert a.keys() == b.keys()
    for i in a:
        assert a[i].keys() == b[i].keys()
        for name in a[i]:
            assert_near(a[i][name], b[i][name], DRIFT)


# ---- refusals ------------------------------------------------------------------------------------


def line_of(function: Callable[..., Any]) -> str:
    """`file.py:123`, the line of the function that ends in the mark `# here`."""
    lines, start = inspect.getsourcelines(function)
    (number,) = [i for i, line in enumerate(lines, start) if line.rstrip().endswith("# here")]
    return f"{os.path.basename(inspect.getsourcefile(function) or '')}:{number}"


def assert_refused(
    call: Callable[..., Any], where: Callable[..., Any] | None, *arguments: Any
) -> None:
    """A CompileError that names the marked line of `where`."""
    with pytest.raises(micrograd.CompileError) as caught:
        call(*arguments)
    assert_names_the_line(caught.value, where)


def assert_names_the_line(error: Exception, where: Callable[..., Any] | None) -> None:
    assert isinstance(error, micrograd.MicrogradError)
    assert isinstance(error, RuntimeError)
    assert str(error).strip()
    if where is not None:
        assert line_of(where) in str(error)


def right_or_refused(
    loss: Callable[..., Any],
    parameters: Sequence[Value],
    calls: Iterable[tuple[Any, ...]],
    backend: str,
    where: Callable[..., Any] | None = None,
) -> bool:
    """At every call, with other parameters, what eager says, or a CompileError: which is it?

    A refusal names the marked line of `where`, and changes no parameter.
    """
    f = micrograd.compile(loss, parameters=list(parameters), backend=backend)
    refused = False
    for i, arguments in enumerate(calls):
        if i:
            for k, p in enumerate(parameters):
                p.data = -0.7 * p.data + 0.3 * k - 0.2
        before = numbers_of(list(parameters))
        expected, gradient = eager_value_and_grad(loss, parameters, *arguments)
        try:
            value, mine = f.value_and_grad(*arguments)
        except micrograd.CompileError as error:
            assert_names_the_line(error, where)
            refused = True
        else:
            assert_near(value, expected)
            assert_near(mine, gradient)
        assert (numbers_of(list(parameters)) == before).all()
    return refused


def refused_by_the_second_call(
    loss: Callable[..., Any], parameters: Sequence[Value], backend: str, *arguments: Any
) -> None:
    """What differs from one run of the function to the next cannot be compiled."""
    f = micrograd.compile(loss, parameters=list(parameters), backend=backend)
    with suppress(micrograd.CompileError):
        f(*arguments)
        assert_refused(f, loss, *arguments)
        return
    assert_refused(f, loss, *arguments)
