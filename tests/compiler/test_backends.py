"""The backends against the interpreter, on programs drawn at random and on every row's edges."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import interpret
import numpy as np
import pytest
from nests import summed
from random_kernels import left_by, random_program, random_spaces

from micrograd.compiler.backends import Executable, numpy
from micrograd.compiler.nest.ir import (
    GRADIENTS,
    PARAMETERS,
    STATE,
    TERM,
    WORK,
    Affine,
    Nest,
    Program,
    Statement,
    argument,
    maximum,
)
from micrograd.compiler.nest.verify import check
from micrograd.compiler.optimise.fusion import fuse
from micrograd.ops import OPS, Op

llvm = pytest.importorskip("micrograd.compiler.backends.llvm")
from micrograd.compiler.backends.llvm import render  # noqa: E402
from micrograd.compiler.backends.llvm.ir import Machine  # noqa: E402

NAN, INF = math.nan, math.inf
LEFT = ("parameters", "state", "kept")
EDGES = (NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 5e-324, 0.5, 20.0, 20.5, -3.0, 710.0)
LOADS = {"numpy": numpy.load, "llvm": llvm.load}
Load = Callable[[Program, str], Executable]
every_backend = pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
both_precisions = pytest.mark.parametrize("dtype", ["float64", "float32"])


def run_on(load: Load, program: Program, spaces: dict[str, np.ndarray], dtype: str) -> float:
    """Run once, on `spaces`, to which work is added."""
    executable = load(program, dtype)
    for space in program.sizes:
        executable.point(space, spaces[space])
    loss = executable.run()
    spaces[WORK] = executable.work[: len(program.work)]
    return loss


def interpreted(program: Program, spaces: dict[str, np.ndarray], dtype: str) -> float:
    spaces[WORK] = program.work.astype(dtype)
    with np.errstate(all="ignore"):
        return interpret.run(program, spaces)


def assert_close(spaces: dict, expected: dict, dtype: str, names: tuple[str, ...]) -> None:
    for name in names:
        tolerance = 1e-9 if dtype == "float64" else 2e-3
        scale = max(1.0, float(np.abs(expected[name]).max(initial=0.0)))
        np.testing.assert_allclose(
            spaces[name], expected[name], rtol=tolerance, atol=1e-2 * tolerance * scale
        )


@both_precisions
@pytest.mark.parametrize("seed", range(24))
def test_backends_agree_with_the_interpreter(seed: int, dtype: str) -> None:
    program = random_program(seed)
    check(program)
    expected = random_spaces(seed, dtype)
    loss = interpreted(program, expected, dtype)
    for load in LOADS.values():
        spaces = random_spaces(seed, dtype)
        assert run_on(load, program, spaces, dtype) == pytest.approx(loss, rel=1e-4)
        assert_close(spaces, expected, dtype, (WORK, PARAMETERS, STATE))


@pytest.mark.parametrize("seed", range(100, 120))
def test_the_compiled_fused_program_is_the_program(seed: int) -> None:
    program = random_program(seed, nests=8)
    expected, spaces = (random_spaces(seed, "float64") for _ in range(2))
    interpreted(program, expected, "float64")
    run_on(llvm.load, fuse(program), spaces, "float64")
    assert_close(left_by(program, spaces), left_by(program, expected), "float64", LEFT)


@pytest.mark.parametrize("short", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("summed_up", [False, True])
def test_short_axes_fill_their_vectors(short: int, summed_up: bool) -> None:
    """What is stored under a mask waits for memory when it is loaded again."""
    size = 20 * short
    out, source = Affine(WORK, 0, (short + 1, 1)), Affine(argument(0), 0, (short, 1))
    nest = Nest((20, short), (Statement(TERM, out, (source,), 3.0),))
    if summed_up:
        out, source = Affine(WORK, 0, (1, 0)), Affine(argument(0), 0, (1, short))
        nest = summed((short, 20), out, source, source, 1.0, accumulate=False)
    program = Program((nest,), np.zeros(200), {argument(0): size}, 199, ())
    expected, spaces = ({argument(0): np.arange(1.0, size + 1)} for _ in range(2))
    interpreted(program, expected, "float64")
    wide = Machine(64, 32)
    run_on(lambda p, dtype: llvm.load(p, dtype, wide), program, spaces, "float64")
    assert_close(spaces, expected, "float64", (WORK,))
    masked = "masked.store" in llvm.load(program, "float64", wide).source
    assert masked == (short in (3, 5))


@pytest.mark.parametrize("machine", [Machine(32, 16), Machine(16, 16), Machine(16, 32)])
def test_text_for_other_machines(machine: Machine) -> None:
    for seed in range(300, 306):
        program = random_program(seed)
        expected, spaces = (random_spaces(seed, "float64") for _ in range(2))
        interpreted(program, expected, "float64")
        run_on(lambda p, dtype: llvm.load(p, dtype, machine), program, spaces, "float64")
        assert_close(spaces, expected, "float64", (WORK, PARAMETERS, STATE))


@pytest.mark.parametrize("samples", [1, 2, 5, 8, 9, 31, 64, 100])
@both_precisions
def test_woven_axes(samples: int, dtype: str) -> None:
    for features in range(2, 10):
        size = features * samples
        target, source = Affine(WORK, 0, (samples, 1)), Affine(argument(0), 0, (1, features))
        kernel = Nest((features, samples), (Statement(TERM, target, (source,)),))
        spaces = {argument(0): np.arange(size).astype(dtype)}
        run_on(
            llvm.load,
            Program((kernel,), np.zeros(size + 1), {argument(0): size}, size, ()),
            spaces,
            dtype,
        )
        expected = spaces[argument(0)].reshape(samples, features).T
        np.testing.assert_array_equal(spaces[WORK][:size].reshape(features, samples), expected)


def matrix_product(m: int, n: int, k: int, layout: str, accumulate: bool) -> Program:
    """A product of two matrices at 0 and m·k of an input, each as it is or transposed."""
    strides_u = (k, 0, 1) if layout[0] == "n" else (1, 0, m)
    strides_v = (0, 1, n) if layout[1] == "n" else (0, k, 1)
    kernel = summed(
        (m, n, k),
        Affine(WORK, 1, (n, 1, 0)),
        Affine(argument(0), 0, strides_u),
        Affine(argument(0), m * k, strides_v),
        0.5,
        accumulate,
    )
    work = np.linspace(1.0, 2.0, m * n + 1)
    return Program((kernel,), work, {argument(0): m * k + k * n}, 0, ())


@every_backend
@pytest.mark.parametrize("layout", ["nn", "nt", "tn", "tt"])
def test_matrix_products(load: Load, layout: str) -> None:
    sizes = [(1, 1, 1), (5, 7, 3), (11, 13, 17), (16, 16, 16), (8, 27, 9), (64, 4, 31), (3, 1, 65)]
    for (m, n, k), accumulate in itertools.product(sizes, (False, True)):
        program = matrix_product(m, n, k, layout, accumulate)
        given = np.random.default_rng(0).normal(size=m * k + k * n)
        u, v = given[: m * k], given[m * k :]
        u = u.reshape(m, k) if layout[0] == "n" else u.reshape(k, m).T
        v = v.reshape(k, n) if layout[1] == "n" else v.reshape(n, k).T
        expected = 0.5 * u @ v + accumulate * program.work[1:].reshape(m, n)
        spaces = {argument(0): given}
        run_on(load, program, spaces, "float64")
        np.testing.assert_allclose(spaces[WORK][1:].reshape(m, n), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows", [1, 2, 9])
@pytest.mark.parametrize("terms", [3, 8, 64, 67])
def test_sums_with_what_follows_them(rows: int, terms: int) -> None:
    """In one nest: a sum along the vectors, and then rows of which an input is one number."""
    out, one = Affine(WORK, 8, (1,)), Affine(WORK, 0, (0,))
    total = summed(
        (rows, terms), Affine(WORK, 8, (1, 0)), Affine(WORK, 40, (terms, 1)), None, 1.0, False
    )
    after = [
        Nest((rows,), (Statement("maximum", Affine(WORK, 20, (1,)), (out, one)),)),
        Nest((rows,), (Statement(TERM, Affine(WORK, 30, (1,)), (Affine(WORK, 20, (1,)), one)),)),
    ]
    work = np.random.default_rng(0).normal(size=40 + rows * terms)
    program = Program((total, *after), work, {}, 30, (), ((30, rows),))
    fused = fuse(program)
    assert len(fused.nests) == 1
    expected: dict = {}
    spaces: dict = {}
    loss = interpreted(program, expected, "float64")
    assert run_on(llvm.load, fused, spaces, "float64") == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(spaces[WORK][30 : 30 + rows], expected[WORK][30 : 30 + rows])


def row_program(row: Op, static: float | None, count: int) -> Program:
    inputs = tuple(Affine(argument(i), 0, (1,)) for i in range(row.arity))
    statement = Statement(row.name, Affine(WORK, 1, (1,)), inputs, static)
    sizes = {argument(i): count for i in range(row.arity)}
    return Program((Nest((count,), (statement,)),), np.zeros(count + 1), sizes, 0, ())


def points(row: Op) -> list[tuple[float, ...]]:
    """Every combination of the edges, and samples of the row's domain."""
    rng = np.random.default_rng(2)
    sampled = [tuple(rng.uniform(low, high) for low, high in row.domain) for _ in range(50)]
    return [*itertools.product(EDGES, repeat=row.arity), *sampled]


@every_backend
@both_precisions
@pytest.mark.parametrize(
    ("row", "static"),
    [
        pytest.param(row, k, id=f"{row.name}({'' if k is None else k})")
        for row in OPS.values()
        for k in (row.static_samples or (None,))
    ],
)
def test_every_row_is_what_the_table_says(
    load: Load, row: Op, static: float | None, dtype: str
) -> None:
    with np.errstate(over="ignore"):
        inputs = [np.array(x).astype(dtype) for x in zip(*points(row), strict=True)]
    spaces = {argument(i): x for i, x in enumerate(inputs)}
    run_on(load, row_program(row, static, len(inputs[0])), spaces, dtype)
    parameter = () if static is None else (static,)
    exact = [row.f(*map(float, x), *parameter) for x in zip(*inputs, strict=True)]
    with np.errstate(over="ignore"):
        expected = np.array(exact).astype(dtype)
    found = spaces[WORK][1:]
    least = 1e-300 if dtype == "float64" else 1e-37
    tolerance = 1e-14 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=least)


@every_backend
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 31, 64, 100])
def test_a_maximum_is_nan_if_any_number_is(load: Load, n: int) -> None:
    kernel = maximum((3, n), Affine(WORK, 0, (1, 0)), Affine(argument(0), 0, (n, 1)))
    program = Program((kernel,), np.zeros(4), {argument(0): 3 * n}, 3, ())
    given = -np.arange(1.0, 3 * n + 1)
    given[n + n // 2] = NAN
    given[2 * n :] = -INF
    spaces = {argument(0): given}
    run_on(load, program, spaces, "float64")
    np.testing.assert_array_equal(spaces[WORK][:3], [-1.0, NAN, -INF])


def step_programs(loss: Statement, size: int = 20) -> tuple[Program, Program]:
    """A loss from input0, numbers to check from input1; and the parameters made twice as large."""
    one, two, three = (Affine(WORK, base, (1,)) for base in (0, 8, 40))
    parameters = Affine(PARAMETERS, 0, (1,))
    kernels = (
        Nest((1,), (replace(loss, out=one),)),
        Nest((size,), (Statement(TERM, two, (Affine(argument(1), 0, (1,)),)),)),
    )
    update = (
        Nest((size,), (Statement(TERM, three, (parameters,), coefficient=2.0),)),
        Nest((size,), (Statement(TERM, parameters, (three,)),)),
    )
    sizes = {PARAMETERS: size, argument(0): 1, argument(1): size}
    first = Program(kernels, np.zeros(60), sizes, 0, ((8, size),))
    return first, Program(update, np.zeros(60), {PARAMETERS: size, GRADIENTS: size}, None)


def stepping(load: Load, programs: tuple[Program, Program], dtype: str) -> tuple[Any, Any]:
    """Both made ready, the second to follow the first."""
    first, update = (load(program, dtype) for program in programs)
    first.follow(update, 8)
    return first, update


@every_backend
@both_precisions
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_nothing_is_updated_if_a_number_is_not_finite(load: Load, dtype: str, bad: float) -> None:
    read = Statement(TERM, Affine("", 0, (0,)), (Affine(argument(0), 0, (0,)),))
    executable, update = stepping(load, step_programs(read), dtype)
    loss, checked, parameters = (np.ones(n, dtype) for n in (1, 20, 20))
    update.point(PARAMETERS, parameters)
    for place in range(20):
        checked[place] = bad
        executable.point(argument(0), loss)
        executable.point(argument(1), checked)
        assert math.isnan(executable.step())
        assert (parameters == 1).all()
        checked[place] = 1.0
    loss[0] = bad
    executable.point(argument(0), loss)
    executable.point(argument(1), checked)
    assert math.isnan(executable.step())
    assert (parameters == 1).all()
    loss[0] = 3.5
    executable.point(argument(0), loss)
    assert executable.step() == 3.5
    assert (parameters == 2).all()


@every_backend
def test_point_uses_the_array_itself_and_refuses_what_does_not_fit(load: Load) -> None:
    executable = load(step_programs(Statement(TERM, Affine("", 0, (0,)), ()))[1], "float64")
    first, second = np.ones((4, 5)), np.ones(20)
    executable.point(PARAMETERS, first)
    executable.run()
    executable.point(PARAMETERS, second)
    executable.run()
    executable.run()
    assert (first == 2).all()
    assert (second == 4).all()
    for space, array in [
        (argument(7), np.ones(1)),
        (WORK, np.ones(60)),
        (PARAMETERS, np.ones(20, np.float32)),
        (PARAMETERS, np.ones(19)),
        (PARAMETERS, np.ones(40)[::2]),
    ]:
        with pytest.raises(ValueError, match=str(space)):
            executable.point(space, array)


@every_backend
def test_the_source_is_text_that_the_program_alone_decides(load: Load) -> None:
    one, two = (load(random_program(3), "float64") for _ in range(2))
    assert one.source == two.source
    assert one.source.isascii()
    assert one.work.ctypes.data % 64 == 0


def test_kernels_alike_but_for_their_places_share_a_function() -> None:
    kernels = tuple(
        summed(
            (9, 9), Affine(WORK, 9 * i, (1, 0)), Affine(argument(0), i, (9, 1)), None, 1.0, False
        )
        for i in range(10)
    )
    program = Program(kernels, np.zeros(91), {argument(0): 91}, 90, ())
    assert llvm.load(program, "float64").source.count("define internal void @kernel") == 1


def test_ranges_that_touch_are_checked_as_one() -> None:
    assert render._joined([(20, 1), (8, 3), (11, 2), (30, 0), (9, 1)]) == [(8, 5), (20, 1)]
