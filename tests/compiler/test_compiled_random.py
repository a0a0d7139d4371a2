"""Random programs of all ops, compiled, against eager: value and all gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import Program, kinks, path_products, programs, run

import micrograd
from micrograd import Value
from micrograd.functions import apply

TOLERANCE = 1e-12
EXAMPLES = {"numpy": 100, "llvm": 30}
KINK = 1e-9  # nearer to a kink than this part of its inputs, rounding may decide


def many(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def eager(program: Program, leaves: Sequence[Value]) -> tuple[list[float], list[float]]:
    """Every slot, and the gradients of the leaves."""
    for v in leaves:
        v.zero_grad()
    slots = run(program, leaves, apply)
    slots[-1].backward()
    gradients = [v.grad for v in leaves]
    for v in leaves:
        v.zero_grad()
    return [float(v) for v in slots], gradients


def decided_by_rounding(program: Program, slots: Sequence[float]) -> bool:
    """Whether some op is so near to its kink that the order of a sum may decide the side."""
    return any(abs(at) <= KINK * size for at, size in kinks(program, slots))


def error_scales(program: Program, slots: Sequence[float]) -> tuple[float, list[float]]:
    """What rounding errors in the output, and in each leaf's gradient, are relative to.

    An error in a slot also moves the derivatives that are taken there, so the sum over all slots
    counts for the gradients too.
    """
    products = path_products(program, slots)
    value = sum(abs(x) * p for x, p in zip(slots, products, strict=True) if x and p)
    largest = max([1.0, *(abs(x) for x in slots if math.isfinite(x))])
    return value, [p * largest for p in products[: len(program.leaves)]]


def check_once(f: Any, program: Program, leaves: Sequence[Value], *arguments: Any) -> bool:
    """Compare one call; False if rounding may decide."""
    slots, expected = eager(program, leaves)
    if decided_by_rounding(program, slots) or not all(map(math.isfinite, slots + expected)):
        return False
    value, gradient = f.value_and_grad(*arguments)
    scale, scales = error_scales(program, slots)
    here = f"\n{program}\nat {[v.data for v in leaves]}"
    assert value == slots[-1] or abs(value - slots[-1]) <= TOLERANCE * scale, here
    for mine, theirs, size in zip(gradient, expected, scales, strict=True):
        assert mine == theirs or abs(mine - theirs) <= TOLERANCE * size, here
    return True


def test_value_and_gradients_are_eagers(backend: str) -> None:
    """Also with other parameters, after the program has been compiled."""
    compared = []

    @many(EXAMPLES[backend])
    @given(programs(most=40))
    def check(program: Program) -> None:
        leaves = [Value(x) for x in program.leaves]

        def loss():
            return run(program, leaves, apply)[-1]

        f = micrograd.compile(loss, parameters=leaves, backend=backend)
        compared.append(check_once(f, program, leaves))
        for k, p in enumerate(leaves):
            p.data = 0.9 * p.data + 0.0625 * (k + 1)
        compared.append(check_once(f, program, leaves))

    check()
    assert sum(compared) >= EXAMPLES[backend] * 0.6  # of twice as many


def test_constants_may_be_inputs(backend: str) -> None:
    compared = []

    @many(EXAMPLES[backend] // 3)
    @given(programs(most=20))
    def check(program: Program) -> None:
        leaves = [Value(x) for x in program.leaves]
        rest = range(len(program.constants))

        def loss(xs):
            inputs = iter([xs[i] for i in rest])
            return run(program, leaves, apply, lambda _: next(inputs))[-1]

        f = micrograd.compile(loss, parameters=leaves, backend=backend)
        for shift in (0.0, 0.125):
            constants = tuple(c + shift for c in program.constants)
            moved = Program(program.leaves, constants, program.instructions)
            compared.append(check_once(f, moved, leaves, list(constants)))

    check()
    assert sum(compared) >= EXAMPLES[backend] * 0.1  # of two thirds as many


def test_wild_programs_are_eagers_or_finite_and_near(backend: str) -> None:
    """Infinities and nans on the way: the value is eager's, nan for nan."""

    @many(EXAMPLES[backend] // 2)
    @given(programs(most=20, tame=False))
    def check(program: Program) -> None:
        leaves = [Value(x) for x in program.leaves]

        def loss():
            return run(program, leaves, apply)[-1]

        slots, expected = eager(program, leaves)
        if decided_by_rounding(program, slots):
            return
        f = micrograd.compile(loss, parameters=leaves, backend=backend)
        value, gradient = f.value_and_grad()
        if math.isfinite(slots[-1]) and all(map(math.isfinite, expected)):
            assert math.isfinite(value)
            assert np.isfinite(gradient).all()
        else:
            np.testing.assert_equal([value, *gradient], [slots[-1], *expected])

    check()


ARITHMETIC = ("add", "sub", "mul", "neg")


def test_exact_keeps_every_bit_of_sums_and_products(backend: str) -> None:
    indices = st.tuples(st.sampled_from(ARITHMETIC), st.integers(0, 99), st.integers(0, 99))

    @many(EXAMPLES[backend] // 2)
    @given(
        st.lists(st.floats(-8, 8), min_size=2, max_size=6),
        st.lists(indices, min_size=1, max_size=30),
    )
    def check(numbers: list[float], steps: list[tuple[str, int, int]]) -> None:
        leaves = [Value(x) for x in numbers]

        def loss():
            slots = list(leaves)
            for op, i, j in steps:
                a, b = slots[i % len(slots)], slots[j % len(slots)]
                slots.append(apply(op, a) if op == "neg" else apply(op, a, b))
            return slots[-1]

        f = micrograd.compile(loss, parameters=leaves, backend=backend, exact=True)
        assert f() == loss().data

    check()


@pytest.mark.parametrize("n", [2, 3, 9, 33])
def test_exact_adds_in_program_order(n: int, backend: str) -> None:
    leaves = [Value(x) for x in [1e16, *[1.0] * n, -1e16]]
    f = micrograd.compile(lambda: sum(leaves), parameters=leaves, backend=backend, exact=True)
    assert f() == sum(leaves).data == 0.0
