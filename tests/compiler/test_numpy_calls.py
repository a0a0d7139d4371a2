"""What the NumPy backend writes: few calls, none that may be interrupted half way."""

from __future__ import annotations

import itertools
import math
import re
import sys
import warnings
from dataclasses import replace
from types import FrameType

import numpy as np
import pytest
from nests import summed
from numpy_programs import N, assert_same, at, calls, each, loaded, program_of

from micrograd.compiler.backends.numpy.execution import load
from micrograd.compiler.backends.numpy.rows import call_of
from micrograd.compiler.nest.ir import (
    PARAMETERS,
    STATE,
    TERM,
    WORK,
    Affine,
    Nest,
    Program,
    Statement,
    argument,
)
from micrograd.ops import OPS

# ---- sums ------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [1.0, -1.0, 0.5, -0.25])
@pytest.mark.parametrize("second", [1.0, -1.0, 0.5, -0.25])
@pytest.mark.parametrize("factors", [(0, 1), (1, 0), (1, 1), (2, 1), (1, 2), (2, 2)])
def test_sums_of_two_terms(first: float, second: float, factors: tuple[int, int]) -> None:
    inputs = [at(0, argument(0)), at(N, argument(0))]
    one = each(TERM, at(20), *inputs[: factors[0]], coefficient=first)
    two = each(TERM, at(20), *inputs[: factors[1]], coefficient=second, accumulate=True)
    assert_same(program_of(one, two, kept=20), kept=20)


def test_a_difference_is_one_call() -> None:
    one = each(TERM, at(20), at(0, argument(0)))
    two = each(TERM, at(20), at(N, argument(0)), coefficient=-1.0, accumulate=True)
    assert calls(loaded(program_of(one, two))[0]) == ["np.subtract(v, v, v)"]


def test_what_reads_what_it_adds_to_is_not_joined() -> None:
    one = each(TERM, at(20), at(0, argument(0)))
    two = each(TERM, at(20), at(20), at(20), accumulate=True)
    assert_same(program_of(one, two, kept=20), kept=20)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("coefficient", [1.0, -1.0, 0.5])
@pytest.mark.parametrize("start", [(), (Affine(PARAMETERS, 0, (1,)),)])
def test_products_added_to_a_start(
    stride: int, coefficient: float, start: tuple[Affine, ...]
) -> None:
    out = at(20, stride=stride)
    product = summed(
        (N, 3),
        Affine(WORK, 20, (stride, 0)),
        Affine(argument(0), 0, (3, 1)),
        Affine(argument(0), 1, (0, 1)),
        coefficient,
        True,
    )
    assert_same(program_of(each(TERM, out, *start), product, kept=20), kept=20)


@pytest.mark.parametrize(
    ("extents", "out", "u"),
    [
        ((N,), (0,), (1,)),
        ((N,), (0,), (2,)),
        ((N, 3), (1, 0), (3, 1)),
        ((N, 3), (1, 0), (1, N)),
        ((N, 3), (1, 0), (0, 1)),
        ((2, 3, 3), (1, 0, 0), (9, 1, 3)),
    ],
)
def test_sums(extents: tuple[int, ...], out: tuple[int, ...], u: tuple[int, ...]) -> None:
    kernel = summed(extents, Affine(WORK, 20, out), Affine(argument(0), 0, u), None, 1.0, False)
    executable = assert_same(program_of(kernel, kept=20), kept=20)
    ones = [line for line in executable.source.splitlines() if line.startswith("c0 = 1.0")]
    assert all(line == f"c0 = 1.0, shape {extents[-1:]}" for line in ones)
    assert ones or u != (1,)


# ---- rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("power", [-2.0, -1.5, -0.5, 0.5, 1.5, 3.0])
@pytest.mark.parametrize("times", [1, 20])
def test_powers(times: int, power: float, dtype: str) -> None:
    """Of few numbers and of many."""
    edges = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 1e30, -1e-30, 0.3, 7.0] * times
    given = np.array(edges).astype(dtype)
    kernel = Nest((len(edges),), (Statement("pow_static", at(1), (at(0, argument(0)),), power),))
    program = Program((kernel,), np.zeros(300), {argument(0): len(edges)}, 0, ())
    executable = load(program, dtype)
    executable.point(argument(0), given)
    executable.run()
    with np.errstate(all="ignore"):
        expected = np.array([OPS["pow_static"].f(float(x), power) for x in given]).astype(dtype)
    tolerance = 4 * np.finfo(dtype).eps
    found = executable.work[1 : 1 + len(edges)]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=np.finfo(dtype).tiny)
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(expected[zero]))


def test_every_row_of_the_table_is_written_to_its_output() -> None:
    for row in OPS.values():
        for static, numbers in itertools.product(row.static_samples or (None,), (1, 1000)):
            lines = call_of(row.name, () if static is None else (static,), numbers).lines
            assert all("{out}" in x or re.match(r"(mask|taken|part)\d* = ", x) for x in lines)
            assert "{out}" in lines[-1]


@pytest.mark.parametrize(
    ("row", "static", "lines"),
    [
        ("relu", (), ["np.maximum({0}, {c[0]}, out={out})"]),
        ("less", (), ["np.less({0}, {1}, {out})"]),
        ("pow_static", (3.0,), ["np.multiply(np.multiply({0}, {0}), {0}, {out})"]),
        ("pow_static", (-2.0,), ["part0 = np.divide({c[0]}, {0})",
                                 "np.multiply(part0, part0, {out})"]),
        ("softplus", (), ["mask = np.greater({0}, {c[0]})",
                          "part0 = np.log1p(np.exp(np.multiply(np.absolute({0}), {c[1]})))",
                          "taken = np.add({0}, part0)", "{out}[...] = part0",
                          "np.putmask({out}, mask, taken)"]),
    ],
)  # fmt: skip
def test_rows_are_few_calls(row: str, static: tuple[float, ...], lines: list[str]) -> None:
    assert list(call_of(row, static).lines) == lines


def folded(x: float) -> float:
    return 1.0 - x if x > 1.0 else 1.0 + x if x < -1.0 else x * x


def test_branches_in_branches_have_masks_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(OPS["relu"], name="folded", f=folded, compiled=folded)
    monkeypatch.setitem(OPS, "folded", row)
    for base in (20, 40):
        executable = loaded(program_of(each("folded", at(20), at(base))))[0]
        executable.work[base : base + N] = given = np.linspace(-3.0, 3.0, N)
        executable.run()
        np.testing.assert_array_equal(executable.work[20 : 20 + N], list(map(folded, given)))


def test_what_rows_share_is_computed_once_until_it_is_another() -> None:
    first, second = each("sigmoid", at(20), at(0)), each("sigmoid_slope", at(40), at(0))
    product = each(TERM, at(60), at(20), at(40))
    executable = assert_same(program_of(first, second, product, kept=60), kept=60)
    assert executable.source.count("np.exp") == 1
    over = each("tanh", at(0), at(20))
    executable = assert_same(program_of(first, over, second, product, kept=60), kept=60)
    assert executable.source.count("np.exp") == 2
    in_place = each("sigmoid", at(20), at(20))
    later = each("sigmoid_slope", at(40), at(20))
    executable = assert_same(program_of(in_place, later, product, kept=60), kept=60)
    assert executable.source.count("np.exp") == 2


@pytest.mark.parametrize("row", ["sigmoid", "softplus", "leaky_relu", "erf", "tanh", "exp"])
def test_a_row_of_the_same_numbers_twice_with_another_between(row: str) -> None:
    static = 0.2 if row == "leaky_relu" else None
    between = "softplus" if row == "sigmoid" else "sigmoid"
    executable = assert_same(program_of(
        each(row, at(20), at(0), static=static), each(between, at(40), at(100)),
        each(row, at(60), at(0), static=static), each("add", at(80), at(20), at(60)),
        each("add", at(120), at(80), at(40)), kept=120), kept=120)  # fmt: skip
    assert np.isfinite(executable.work[120 : 120 + N]).all()


def clipped(x: float) -> float:
    return 1.0 if x > 1.0 else x


def test_the_smaller_is_not_taken_for_the_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(OPS["relu"], name="clipped", f=clipped, compiled=clipped)
    monkeypatch.setitem(OPS, "clipped", row)
    executable, spaces = loaded(program_of(each("clipped", at(20), at(0, argument(0)))))
    spaces[argument(0)][:N] = given = np.linspace(-3.0, 3.0, N)
    executable.run()
    np.testing.assert_array_equal(executable.work[20 : 20 + N], np.minimum(given, 1.0))


@pytest.mark.parametrize("row", [row.name for row in OPS.values() if row.arity == 1])
def test_a_row_that_writes_over_its_input(row: str) -> None:
    for static in OPS[row].static_samples or (None,):
        found = {}
        for out in (20, 40):
            executable = loaded(program_of(each(row, at(out), at(20), static=static)))[0]
            executable.work[20 : 20 + N] = np.linspace(0.1, 3.0, N)
            executable.run()
            found[out] = executable.work[out : out + N].copy()
        np.testing.assert_array_equal(found[20], found[40])


# ---- a run -----------------------------------------------------------------------------------


def committing_program() -> Program:
    """Parameters and state both from what was computed before."""
    kernels = (
        each("exp", at(20), at(0, argument(0))),
        each("add", at(40), at(20), at(0, PARAMETERS)),
        each("add", at(60), at(20), at(0, STATE)),
        each(TERM, at(0, PARAMETERS), at(40)),
        each(TERM, at(0, STATE), at(60)),
    )
    program = program_of(*kernels)
    return replace(program, loss=None, sizes={**program.sizes, STATE: N})


def test_parameters_and_state_change_without_python_in_between() -> None:
    """Signal handlers run where Python code does: only before and after."""
    executable, _ = loaded(committing_program())
    entered: list[str] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            entered.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        executable.run()
    finally:
        sys.setprofile(None)
    assert entered == ["<lambda>", "run"]
    assert executable.source.count("setitem") == 1


def test_errors_are_ignored_here_and_nowhere_else() -> None:
    kernel = each("log", at(20), at(0, argument(0)))
    executable, spaces = loaded(program_of(kernel))
    spaces[argument(0)][:N] = [-1.0, 0.0, *np.ones(N - 2)]
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        before = np.geterr()
        executable.run()
        assert np.geterr() == before
        with pytest.raises(FloatingPointError):
            np.log(np.zeros(1))


def test_arguments_are_read_in_each_run() -> None:
    executable, spaces = loaded(program_of(each(TERM, at(20), at(0, argument(0)))))
    executable.run()
    spaces[argument(0)][:N] = 7.0
    executable.run()
    assert (executable.work[20 : 20 + N] == 7.0).all()


def test_a_negative_with_a_stride_of_64_bytes() -> None:
    out, x = Affine(WORK, 0, (8,)), Affine(WORK, 200, (8,))
    kernel = Nest((21,), (Statement(TERM, out, (x, x), None, -1.0),))
    work = np.zeros(400)
    work[200::8] = np.arange(1.0, 26.0)
    program = Program((kernel,), work, {}, 0, ())
    executable = load(program, "float64")
    executable.run()
    np.testing.assert_array_equal(executable.work[0:168:8], -(np.arange(1.0, 22.0) ** 2))
