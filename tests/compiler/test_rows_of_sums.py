"""What long sums read lies in rows, with copies of what stands in two orders."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import assert_near, eager_value_and_grad
from sequential_programs import PROGRAMS, cholesky

import micrograd
from micrograd import Value
from micrograd.compiler.backends.numpy.sequence import WORTH
from micrograd.compiler.nest.sequence import Scalars


def history(steps: int, back: bool) -> tuple[list[float], Callable[..., Any]]:
    """Each number comes from all before it, first to last or last to first."""
    rng = random.Random(0)

    def loss(p: Any) -> Any:
        x = [p[0]]
        for n in range(1, steps):
            total = sum(p[n - 1 - k if back else k] * x[k] for k in range(n))
            x.append((total * 0.1 + 0.3 * x[-1]).tanh())
        return sum(v * v for v in x)

    return [rng.gauss(0, 1) for _ in range(steps)], loss


def solved(n: int) -> tuple[list[float], Callable[..., Any]]:
    """Linear equations, by elimination."""

    def loss(p: Any) -> Any:
        a = [[p[i] * p[j] + (5.0 if i == j else 0.0) for j in range(n)] for i in range(n)]
        low: list[list[Any]] = [[] for _ in range(n)]
        for i in range(n):
            for j in range(n):
                inner = sum(low[i][k] * low[k][j] for k in range(min(i, j)))
                value = a[i][j] - inner
                low[i].append(value / low[j][j] if j < i else value)
        z: list[Any] = []
        for i in range(n):
            z.append(p[i] - sum(low[i][k] * z[k] for k in range(i)))
        return sum(v * v for v in z)

    rng = random.Random(1)
    return [rng.gauss(0, 0.5) for _ in range(n)], loss


def read_by_a_loop(steps: int, back: bool) -> tuple[list[float], Callable[..., Any]]:
    """What sums have made is read turn by turn, in order or from the end on."""
    numbers, _ = history(steps, back=False)

    def loss(p: Any) -> Any:
        x = [p[0]]
        for n in range(1, steps):
            x.append((sum(p[n - 1 - k] * x[k] for k in range(n)) * 0.1 + 0.3 * x[-1]).tanh())
        h = 0.1 * p[1]
        for v in reversed(x) if back else x:
            h = (p[2] * h + v).sin()
        return h * h

    return numbers, loss


def of_cholesky(n: int) -> tuple[list[float], Callable[..., Any]]:
    program = cholesky(n)
    return program.parameters, lambda p: program.loss(p, *program.arguments)


def followers(f: Any) -> int:
    """Products in a row whose factors follow each other in memory."""
    found = 0
    for part in f._programs.newest.unit.program.sequence:
        if isinstance(part, Scalars):
            same = (np.diff(part.owner) == 0) & (part.u[1:] >= 0) & (part.v[1:] >= 0)
            found += int((same & (np.diff(part.u) == 1) & (np.diff(part.v) == 1)).sum())
    return found


@pytest.mark.parametrize(
    "program", [lambda: of_cholesky(44), lambda: history(60, False), lambda: history(60, True),
                lambda: solved(34), lambda: read_by_a_loop(40, False),
                lambda: read_by_a_loop(40, True)],
    ids=["cholesky", "history", "history back", "solved", "a loop", "a loop back"],
)  # fmt: skip
def test_the_same_as_eager(program: Any, backend: str) -> None:
    numbers, loss = program()
    ps = [Value(x) for x in numbers]
    f = micrograd.compile(lambda: loss(ps), parameters=ps, backend=backend)
    value, gradient = f.value_and_grad()
    expected, theirs = eager_value_and_grad(lambda: loss(ps), ps)
    assert_near(value, expected)
    assert_near(gradient, theirs)


def test_most_of_a_factorisation_is_in_rows() -> None:
    numbers, loss = of_cholesky(44)
    ps = [Value(x) for x in numbers]
    f = micrograd.compile(lambda: loss(ps), parameters=ps)
    value, _ = f.value_and_grad()
    products = sum(int(((part.u >= 0) & (part.v >= 0)).sum())
                   for part in f._programs.newest.unit.program.sequence
                   if isinstance(part, Scalars))  # fmt: skip
    assert followers(f) > 0.6 * products
    qs = [Value(x) for x in numbers]
    single = micrograd.compile(lambda: loss(qs), parameters=qs, dtype="float32")
    assert abs(single() - value) < 1e-4 * abs(value)


@pytest.mark.parametrize("name", ["cholesky", "tree", "dag", "edit_distance"])
def test_what_numpy_writes_out_after_a_while_gives_the_same_bits(name: str) -> None:
    program = PROGRAMS[name]()
    ps = [Value(x) for x in program.parameters]
    f = micrograd.compile(lambda *given: program.loss(ps, *given), parameters=ps, backend="numpy")
    first = f.value_and_grad(*program.arguments)
    for _ in range(WORTH + 2):
        last = f.value_and_grad(*program.arguments)
    assert last[0] == first[0]
    np.testing.assert_array_equal(last[1], first[1])
