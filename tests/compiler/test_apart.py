"""What of a sequence is done in arrays before or after it, and in which order sums are added up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import assert_near, eager_value_and_grad
from hypothesis import given
from hypothesis import strategies as st
from interpret import run_part
from passes import many, no_arrays, ran

import micrograd
from micrograd import Value
from micrograd.compiler.graph.graph import CONSTANT
from micrograd.compiler.nest.ir import TERM, WORK, Affine, Nest, Statement
from micrograd.compiler.sequential import apart
from micrograd.compiler.sequential.apart import WIDE
from micrograd.compiler.sequential.bodies import soonest_first


@pytest.fixture(scope="module", autouse=True)
def in_order() -> Iterator[None]:
    """All programs are taken to have no arrays."""
    with no_arrays() as patch:
        patch.setattr(apart, "EACH", 0)
        yield


def in_arrays(unit: Any) -> int:
    """How many nodes are in arrays before all others, or after them."""
    computed = int((unit.graph.kind > CONSTANT).sum())
    assert unit.sequence.in_wide_ends + len(unit.sequence.order) == computed
    return int(unit.sequence.in_wide_ends)


def check(loss: Any, ps: list[Value], *arguments: Any, dtype: str = "float64") -> Any:
    """Value and gradient are eager's on both back ends; what was compiled for the last."""
    expected, gradient = eager_value_and_grad(loss, ps, *arguments)
    near = 1e-12 if dtype == "float64" else 2e-4
    for backend in ("numpy", "llvm"):
        if backend == "llvm":
            pytest.importorskip("llvmlite")
        f = micrograd.compile(loss, parameters=ps, backend=backend, dtype=dtype)
        value, mine = f.value_and_grad(*arguments)
        assert_near(value, expected, near)
        assert_near(mine, gradient, near)
    unit = f._programs.newest.unit
    assert unit.sequence is not None
    return unit


# ---- arrays before and after ---------------------------------------------------------------------


@st.composite
def layers(draw: Any) -> dict[str, Any]:
    """What is done to all numbers before a chain goes through them, and after it."""
    rows = st.lists(st.sampled_from(("tanh", "exp", "sin", "square", "shifted")), max_size=3)
    width = st.sampled_from((0, 1, 2, WIDE - 1, WIDE, WIDE + 1, 150))
    return {
        "width": draw(width), "before": draw(rows), "after": draw(rows),
        "turned": draw(st.booleans()), "again": draw(st.integers(0, 3)),
    }  # fmt: skip


def through(x: Any, rows: list[str], p: Any) -> Any:
    for row in rows:
        if row == "square":
            x = 0.2 * x * x + p
        elif row == "shifted":
            x = 0.7 * x - p
        else:
            x = getattr(x, row)() * 0.5
    return x


@many(30)
@given(layers())
def test_random_programs_with_wide_ends(case: dict[str, Any]) -> None:
    width, again = case["width"], case["again"]
    ps = [Value(0.3), Value(-0.4), Value(0.2), *(Value(0.01 * k) for k in range(width))]

    def loss(xs: Any) -> Any:
        a, b, c, *own = ps
        made = [through(x * a + p, case["before"], b) for x, p in zip(xs, own, strict=True)]
        state, seen = b * c, []
        for m in made[::-1] if case["turned"] else made:
            state = (state * m + a).tanh()
            seen.append(state)
        total = state * 1.0
        for k, x in enumerate(seen):
            total = total + through(x * c, case["after"], a) * made[(k * again) % width]
        return total

    unit = check(loss, ps, [0.02 * k - 0.7 for k in range(width)])
    assert width >= WIDE - 1 or not in_arrays(unit)


def kernel(n: int) -> tuple[Any, list[Value], list[float]]:
    """A matrix of a function of two points, and equations with it, from the first to the last."""
    ps = [Value(0.8), Value(0.4)]

    def loss(xs: Any) -> Any:
        rows = [[(-(((xs[i] - xs[j]) * ps[0]) ** 2)).exp() for j in range(i)] for i in range(n)]
        z: list[Any] = []
        for i, row in enumerate(rows):
            z.append((xs[i] - sum(a * b for a, b in zip(row, z, strict=True))) * ps[1])
        return sum(x * x for x in z)

    return loss, ps, [(0.37 * k) % 1 for k in range(n)]


@pytest.mark.parametrize("n", [0, 1, 2, 9, 10, 17, 24])
def test_equations_of_all_sizes(n: int) -> None:
    loss, ps, xs = kernel(n)
    if n:
        unit = check(loss, ps, xs)
        assert bool(in_arrays(unit)) == (n * (n - 1) // 2 >= WIDE)


def test_single_precision() -> None:
    loss, ps, xs = kernel(20)
    assert in_arrays(check(loss, ps, xs, dtype="float32"))


def test_what_is_apart_means_the_same() -> None:
    loss, ps, xs = kernel(14)
    found = ran(loss, ps, xs)
    expected, gradient = eager_value_and_grad(loss, ps, xs)
    assert in_arrays(found.built)
    assert_near(found.loss, expected)
    assert_near(found.gradient, gradient)


def test_one_function_in_a_loop_is_left_there() -> None:
    """Where nearly all is one after the other, arrays would only take longer to compile."""
    ps = [Value(0.9), Value(0.1)]

    def loss(xs: Any) -> Any:
        state, total = ps[1], 0.0 * ps[1]
        for k, x in enumerate(xs):
            for _ in range(6):
                state = state * ps[0] + x * state * state + 0.1
            total = total + (state.exp() if k % 3 == 0 else state)
        return total

    unit = check(loss, ps, [0.001 * k for k in range(90)])
    assert not in_arrays(unit)


# ---- products just after their factors were made -------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 10, 11, 12, 16, 17, 18, 19, 27])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_triangular_systems_of_all_sizes(n: int, dtype: str) -> None:
    matrix = [[0.1 * ((3 * i + 5 * j) % 7) - 0.2 for j in range(i)] for i in range(n)]
    ps = [Value(x) for row in matrix for x in row]

    def loss(b: Any) -> Any:
        x: list[Any] = []
        left = iter(ps)
        for k in b:
            x.append((k - sum(next(left) * y for y in x)) * 0.5)
        return sum(y * y for y in x)

    if ps:
        check(loss, ps, [1.0 + 0.1 * k for k in range(n)], dtype=dtype)


# ---- the order of sums ---------------------------------------------------------------------------

STATES = 4


@st.composite
def loops(draw: Any) -> Nest:
    """A loop whose statements read one another, and what the turn before made."""

    def operand(k: int) -> Any:
        made = st.integers(0, k - 1).map(lambda j: Affine(WORK, STATES + j, (STATES,)))
        last = st.integers(0, STATES - 1).map(lambda j: Affine(WORK, j, (STATES,)))
        still = st.integers(0, 2).map(lambda j: Affine(WORK, 60 + j, (0,)))
        return st.one_of(*([made] if k else []), last, still)

    body: list[Statement] = []
    for k in range(STATES):
        out = Affine(WORK, STATES + k, (STATES,))
        if draw(st.booleans()) and k:
            body.append(Statement("sin", out, (draw(operand(k)),)))
            continue
        for j in range(draw(st.integers(1, 4))):
            factors = tuple(draw(operand(k)) for _ in range(draw(st.integers(0, 2))))
            c = draw(st.sampled_from((1.0, -1.0, 0.25)))
            body.append(Statement(TERM, out, factors, None, c, j > 0))
    return Nest((draw(st.integers(1, 12)),), tuple(body), ordered=True)


@many(60)
@given(loops())
def test_sums_in_another_order_are_the_same(nest: Nest) -> None:
    changed = soonest_first(nest)
    assert sorted(map(str, (s.out for s in changed.body))) == sorted(
        map(str, (s.out for s in nest.body))
    )
    work = np.linspace(-0.4, 0.5, 63)
    theirs = work.copy()
    run_part(changed, work)
    run_part(nest, theirs)
    assert_near(work, theirs, 1e-9)


def test_what_comes_last_is_added_last() -> None:
    """A quotient is waited for; what is read from memory is there."""
    state, quotient = (Affine(WORK, 2 + k, (2,)) for k in range(2))
    before, memory = Affine(WORK, 1, (2,)), Affine(WORK, 50, (1,))
    nest = Nest((5,), (
        Statement(TERM, state, (before, before)),
        Statement(TERM, state, (Affine(WORK, 0, (2,)),), accumulate=True),
        Statement(TERM, state, (memory,), accumulate=True),
        Statement("div", quotient, (memory, state)),
    ), ordered=True)  # fmt: skip
    *terms, _ = soonest_first(nest).body
    assert [s.inputs for s in terms] == [
        (memory,), (Affine(WORK, 0, (2,)),), (before, before)
    ]  # fmt: skip
    assert [s.accumulate for s in terms] == [False, True, True]
