"""Derivatives of quotients: what divides several numbers is inverted once."""

from __future__ import annotations

import math
from typing import Any

import pytest
from checks_of_compiled import assert_near, eager_value_and_grad

import micrograd
from micrograd import Value

DIVISORS = (2.5, -3e-5, 0.0, -0.0, math.inf, math.nan, 1e-308, 5e-324, 1.7e308)


@pytest.mark.parametrize("divisor", DIVISORS)
def test_by_any_divisor_as_eager(divisor: float, backend: str) -> None:
    ps = [Value(x) for x in (divisor, 0.7, -1.3, 0.0)]

    def loss() -> Any:
        b, *rest = ps
        return sum((a / b).tanh() for a in rest) + 1.0 / (1.0 + b * b)

    f = micrograd.compile(loss, parameters=ps, backend=backend)
    value, gradient = f.value_and_grad()
    expected, theirs = eager_value_and_grad(loss, ps)
    assert_near(value, expected)
    assert_near(gradient, theirs)


def test_of_one_divisor_there_is_one_inverse() -> None:
    ps = [Value(0.5 + k) for k in range(4)]

    def loss() -> Any:
        b, *rest = ps
        return sum((a / b).exp() for a in rest) * b.log()

    f = micrograd.compile(loss, parameters=ps)
    f.value_and_grad()
    program = f._programs.newest.unit.program
    rows = [s for nest in program.nests for s in nest.body if s.row == "div"]
    divided = {s.inputs for s in rows}
    assert 1 <= len(divided) <= 2  # the quotients, and the inverse


@pytest.mark.parametrize("power", [-0.7, -1.0, -1.5, -2.0, -3.0])
def test_negative_powers_as_eager(power: float, backend: str) -> None:
    for base in (0.3, 7.0, -2.0, 0.0, -0.0, math.inf, math.nan, 1e-200, 1e200):
        ps = [Value(base), Value(0.5)]

        def loss(ps: list[Value] = ps) -> Any:
            return (ps[0] ** power * ps[1]).tanh()

        f = micrograd.compile(loss, parameters=ps, backend=backend)
        value, gradient = f.value_and_grad()
        expected, theirs = eager_value_and_grad(loss, ps)
        assert_near(value, expected)
        assert_near(gradient, theirs)
