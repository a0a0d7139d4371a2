"""Loops whose first or last turn differs, and long sums of what turns make.

A sum is of one loop or of two, times something in all turns or in some.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from checks_of_compiled import assert_near, eager_value_and_grad
from passes import alone, compiled
from test_sequences import unit_of

import micrograd
from micrograd import Value
from micrograd.compiler.nest.ir import Listed, Nest

TURNS = 44  # a sum is long that has more than 32 terms
P = [Value(0.7), Value(-0.4), Value(0.3)]

Term = Callable[[int, list[Any], list[Any], list[float]], Any]
TERMS: dict[str, Term] = {
    "each": lambda t, a, b, x: a[t],
    "of two loops": lambda t, a, b, x: a[t] * b[t],
    "of two loops, apart": lambda t, a, b, x: a[t] * b[t - 1],
    "of two turns": lambda t, a, b, x: a[t] * a[t - 1],
    "squares": lambda t, a, b, x: b[t] * b[t],
    "weighted": lambda t, a, b, x: a[t] * P[1],
    "weighted in some turns": lambda t, a, b, x: a[t] * P[1] if t % 2 else a[t],
    "weighted by another in some": lambda t, a, b, x: a[t] * P[1 + t % 2],
    "weighted in late turns": lambda t, a, b, x: a[t] * P[1] if t > 9 else a[t],
    "of data": lambda t, a, b, x: a[t] * x[t],
    "of data backwards": lambda t, a, b, x: b[t] * x[-t],
    "doubled in some": lambda t, a, b, x: a[t] * (2.0 if t % 3 else 1.0),
    "of the one or the other": lambda t, a, b, x: a[t] if t % 2 else b[t],
    "of the one, then of the other": lambda t, a, b, x: a[t] if t < TURNS // 2 else b[t],
    "but for the ends": lambda t, a, b, x: a[t] if 2 < t < TURNS - 3 else a[t] * x[0],
    "backwards": lambda t, a, b, x: a[TURNS - t] * b[t],
    "the last": lambda t, a, b, x: a[t] * b[TURNS],
}


def loss_of(term: Term) -> Callable[[list[float]], Any]:
    """Two loops, one after the other, and a sum of terms."""

    def loss(x: list[float]) -> Any:
        a, b = [P[0] * x[0]], [P[1] * 1.0]
        for t in range(TURNS):
            a.append((P[0] * a[-1] + x[t]).tanh())
        for t in range(TURNS):
            b.append((P[2] * b[-1] - x[t]).sin() + 0.1)
        return P[0] * sum(term(t, a, b, x) for t in range(1, TURNS + 1))

    return loss


@pytest.mark.parametrize("name", TERMS)
def test_value_and_gradient_are_those_of_eager(name: str, in_order: None) -> None:
    loss = loss_of(TERMS[name])
    xs = [0.02 * ((7 * k) % 11) - 0.1 for k in range(TURNS + 1)]
    f = micrograd.compile(loss, parameters=P, backend="numpy")
    for scale in (1.0, -0.7):
        given = [scale * x for x in xs]
        expected, theirs = eager_value_and_grad(loss, P, given)
        value, gradient = f.value_and_grad(given)
        assert_near(value, expected)
        assert_near(gradient, theirs)
    assert unit_of(f).sequence is not None
    assert_near(alone(loss, P, given), expected)  # of which less is kept


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_a_turn_that_reads_elsewhere_is_outside(first: bool, last: bool, in_order: None) -> None:
    """What moves evenly in all others is no list."""

    def loss(x: list[float]) -> Any:
        h = P[0] * 0.5
        for t in range(TURNS):
            at = 7 if (first and t == 0) or (last and t == TURNS - 1) else t
            h = (P[(7 * t * t) % 5 % 3] * h + x[at]).tanh()
        return h * h

    xs = [0.01 * k for k in range(TURNS)]
    nests = [x for x in compiled(loss, P, xs)[0].program.sequence if isinstance(x, Nest)]
    assert [x.extents for x in nests[:1]] == [(TURNS - first - last,)]
    assert sum(isinstance(x, Listed) for s in nests[0].body for x in s.inputs) == 1
    assert_near(alone(loss, P, xs), loss(xs).data)
