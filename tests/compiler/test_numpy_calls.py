"""What the NumPy backend writes: few calls, none that may be interrupted half way."""

from __future__ import annotations

import math
import re
import sys
import warnings
from dataclasses import replace
from types import FrameType
from typing import Any

import numpy as np
import pytest
from random_kernels import SIZES, random_program, random_spaces

from micrograd.compiler import interpret
from micrograd.compiler.backends import MASKS
from micrograd.compiler.backends.numpy import NumpyExecutable, load
from micrograd.compiler.backends.numpy_peephole import simplified
from micrograd.compiler.backends.numpy_rows import call_of, is_choice, is_mask
from micrograd.compiler.program import (
    TERM,
    Access,
    Contraction,
    Elementwise,
    Gather,
    Kernel,
    Program,
    Ragged,
    Statement,
)
from micrograd.ops import OPS

N = 12


def at(base: int, space: str = "work", stride: int = 1) -> Access:
    return Access(space, base, (stride,))


def each(row: str, out: Access, *inputs: Access, **more: Any) -> Elementwise:
    return Elementwise((N,), (Statement(row, out, inputs, **more),))


def program_of(*kernels: Kernel, work: int = 200, kept: int = 0) -> Program:
    """The kernels; the loss is 0, and what is kept are N numbers."""
    sizes = {"input0": 3 * N, "parameters": N}
    start = np.linspace(-1.0, 1.0, work)
    start[-1] = 0.0
    return Program(kernels, len(kernels), start, sizes, work - 1, (), ((kept, N),))


def loaded(program: Program) -> tuple[NumpyExecutable, dict[str, np.ndarray]]:
    rng = np.random.default_rng(5)
    spaces = {space: rng.normal(size=size) for space, size in program.sizes.items()}
    executable = load(program, "float64")
    for space, numbers in spaces.items():
        if space != MASKS:
            executable.point(space, numbers)
    return executable, spaces


def calls(executable: NumpyExecutable) -> list[str]:
    """What the function does before it looks at the loss."""
    body = executable.source.split("def run():\n")[1].split("    loss = ")[0]
    return [re.sub(r"\bv\d+", "v", line.strip()) for line in body.splitlines()]


def assert_same(program: Program, kept: int = 0) -> NumpyExecutable:
    """Simplified or not, what is kept is what the interpreter finds; returns the simplified one."""
    for version in (program, simplified(program)):
        executable, spaces = loaded(version)
        spaces = {**spaces, "work": program.work.copy()}
        executable.run()
        interpret.run(program, spaces)
        np.testing.assert_allclose(
            executable.work[kept : kept + N], spaces["work"][kept : kept + N], rtol=1e-12
        )
    return executable


# ---- sums ------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [1.0, -1.0, 0.5, -0.25])
@pytest.mark.parametrize("second", [1.0, -1.0, 0.5, -0.25])
@pytest.mark.parametrize("factors", [(0, 1), (1, 0), (1, 1), (2, 1), (1, 2), (2, 2)])
def test_sums_of_two_terms(first: float, second: float, factors: tuple[int, int]) -> None:
    inputs = [at(0, "input0"), at(N, "input0")]
    one = each(TERM, at(20), *inputs[: factors[0]], coefficient=first)
    two = each(TERM, at(20), *inputs[: factors[1]], coefficient=second, accumulate=True)
    assert_same(program_of(one, two, kept=20), kept=20)


def test_a_difference_is_one_call() -> None:
    one = each(TERM, at(20), at(0, "input0"))
    two = each(TERM, at(20), at(N, "input0"), coefficient=-1.0, accumulate=True)
    assert calls(loaded(program_of(one, two))[0]) == ["np.subtract(v, v, v)"]


def test_what_reads_what_it_adds_to_is_not_joined() -> None:
    one = each(TERM, at(20), at(0, "input0"))
    two = each(TERM, at(20), at(20), at(20), accumulate=True)
    assert_same(program_of(one, two, kept=20), kept=20)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("coefficient", [1.0, -1.0, 0.5])
@pytest.mark.parametrize("start", [(), (Access("parameters", 0, (1,)),)])
def test_products_added_to_a_start(
    stride: int, coefficient: float, start: tuple[Access, ...]
) -> None:
    out = at(20, stride=stride)
    product = Contraction(
        (N, 3),
        Access("work", 20, (stride, 0)),
        Access("input0", 0, (3, 1)),
        Access("input0", 1, (0, 1)),
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
    kernel = Contraction(extents, Access("work", 20, out), Access("input0", 0, u), None, 1.0, False)
    assert_same(program_of(kernel, kept=20), kept=20)


# ---- copies ----------------------------------------------------------------------------------


def test_copies_are_not_made() -> None:
    kernels = (
        each(TERM, at(20), at(0, "input0", 3)),
        each(TERM, at(40), at(20)),
        each("exp", at(60), at(40)),
    )
    assert calls(assert_same(program_of(*kernels, kept=60), kept=60)) == ["np.exp(v, v)"]


def test_copies_that_are_kept_are_made() -> None:
    kernels = (each(TERM, at(20), at(0, "input0")), each("exp", at(60), at(20)))
    assert len(calls(assert_same(program_of(*kernels, kept=20), kept=20))) == 2


def test_a_copy_of_what_changes_is_made() -> None:
    kernels = (
        each("exp", at(20), at(0, "input0")),
        each(TERM, at(40), at(20)),
        each("sin", at(20), at(0, "input0")),
        each("add", at(60), at(20), at(40)),
    )
    assert_same(program_of(*kernels, kept=60), kept=60)


def test_a_copy_read_before_it_is_made_is_made() -> None:
    kernels = (each("exp", at(60), at(40)), each(TERM, at(40), at(0, "input0")))
    assert_same(program_of(*kernels, kept=60), kept=60)


def test_a_copy_read_in_part_with_other_numbers_is_made() -> None:
    kernels = (
        each(TERM, at(20), at(0, "input0")),
        each("exp", at(60), at(26)),
    )
    assert_same(program_of(*kernels, kept=60), kept=60)


def test_lists_of_lists() -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(0, 3 * N, 2 * N)
    start = np.arange(0, 2 * N + 1, 2)
    first = rng.permutation(2 * N)
    kernels = (
        Gather(20, "input0", index),
        Ragged(60, "sum", start, "work", 20 + first, "work", 20 + first[::-1], -0.5, False),
    )
    executable = assert_same(program_of(*kernels, kept=60), kept=60)
    assert sum(".take(" in line for line in calls(executable)) == 2
    mixed = (
        Gather(20, "input0", index),
        Ragged(60, "max", start, "work", 15 + first, "", None, 1.0, False),
    )
    assert_same(program_of(*mixed, kept=60), kept=60)


# ---- masks -----------------------------------------------------------------------------------


def test_masks_are_booleans_and_choices_are_not_products() -> None:
    kernels = (
        each("less_equal", at(20), at(0, "input0"), at(0, stride=0)),
        each("select", at(40), at(20), at(1, stride=0), at(N, "input0")),
    )
    program = program_of(*kernels, kept=40)
    executable, spaces = loaded(simplified(program))
    spaces["input0"][N:] = np.inf
    executable.run()
    chosen = spaces["input0"][:N] <= program.work[0]
    expected = np.where(chosen, program.work[1], np.inf)
    np.testing.assert_array_equal(executable.work[40 : 40 + N], expected)
    assert calls(executable) == ["np.less_equal(v, v, v)", "v[...] = v", "np.putmask(v, v, v)"]


@pytest.mark.parametrize(
    ("number", "other"),
    [
        (at(2 * N, "input0"), at(0)),
        (at(0), at(40)),
        (at(40), at(0)),
        (at(0, stride=0), at(40)),
        (at(0, stride=0), at(1)),
    ],
)
def test_choices_of_arrays_and_of_what_they_write(number: Access, other: Access) -> None:
    kernels = (
        each("less", at(20), at(0, "input0"), at(N, "input0")),
        each("select", at(40), at(20), number, other),
    )
    assert_same(program_of(*kernels, kept=40), kept=40)


def test_a_comparison_that_is_a_number_stays_one() -> None:
    kernels = (
        each("less", at(20), at(0, "input0"), at(N, "input0")),
        each("select", at(40), at(20), at(0), at(1)),
        each("add", at(60), at(20), at(40)),
    )
    assert_same(program_of(*kernels, kept=60), kept=60)
    halves = (
        each("less", at(20), at(0, "input0"), at(N, "input0")),
        each("less", at(20 + N), at(N, "input0"), at(0, "input0")),
        each("select", at(60), at(26), at(0), at(1)),
    )
    assert_same(program_of(*halves, kept=60), kept=60)


def test_which_rows_are_masks_and_choices() -> None:
    assert [row for row in OPS if is_mask(row)] == ["less", "less_equal", "equal"]
    assert [row for row in OPS if is_choice(row)] == ["select"]


# ---- all together ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(400, 460))
def test_random_programs_simplified(seed: int) -> None:
    program = random_program(seed, kernels=10)
    kept = tuple((base, 40) for base in range(0, len(program.work) - 40, 160))
    program = replace(program, kept=kept)
    expected, spaces = (random_spaces(seed, "float64") for _ in range(2))
    expected["work"] = program.work.copy()
    with np.errstate(all="ignore"):
        loss = interpret.run(program, expected)
    executable = load(simplified(program), "float64")
    for space in SIZES:
        executable.point(space, spaces[space])
    assert executable.run() == pytest.approx(loss, rel=1e-9, nan_ok=True)
    spaces["work"] = executable.work
    parts = [("work", slice(base, base + length)) for base, length in kept]
    for space, part in [*parts, ("parameters", slice(None)), ("state", slice(None))]:
        np.testing.assert_allclose(
            spaces[space][part], expected[space][part], rtol=1e-9, atol=1e-11
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("power", [-2.0, -1.5, -0.5, 1.5])
def test_powers(power: float, dtype: str) -> None:
    edges = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 1e30, -1e-30, 0.3, 7.0]
    given = np.array(edges).astype(dtype)
    kernel = Elementwise(
        (len(edges),), (Statement("pow_static", at(1), (at(0, "input0"),), power),)
    )
    program = Program((kernel,), 1, np.zeros(20), {"input0": len(edges)}, 0, ())
    executable = load(program, dtype)
    executable.point("input0", given)
    executable.run()
    with np.errstate(all="ignore"):
        expected = np.array([OPS["pow_static"].f(float(x), power) for x in given]).astype(dtype)
    tolerance = 4 * np.finfo(dtype).eps
    found = executable.work[1 : 1 + len(edges)]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=np.finfo(dtype).tiny)


def test_every_row_of_the_table_is_written_to_its_output() -> None:
    for row in OPS.values():
        for static in row.static_samples or (None,):
            lines = call_of(row.name, () if static is None else (static,)).lines
            assert all("{out}" in line for line in lines)


# ---- a run -----------------------------------------------------------------------------------


def committing_program() -> Program:
    """Parameters and state both from what was computed before."""
    kernels = (
        each("exp", at(20), at(0, "input0")),
        each("add", at(40), at(20), at(0, "parameters")),
        each("add", at(60), at(20), at(0, "state")),
        each(TERM, at(0, "parameters"), at(40)),
        each(TERM, at(0, "state"), at(60)),
    )
    program = program_of(*kernels)
    return replace(program, update_from=1, sizes={**program.sizes, "state": N})


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
    kernel = each("log", at(20), at(0, "input0"))
    executable, spaces = loaded(program_of(kernel))
    spaces["input0"][:N] = [-1.0, 0.0, *np.ones(N - 2)]
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        before = np.geterr()
        executable.run()
        assert np.geterr() == before
        with pytest.raises(FloatingPointError):
            np.log(np.zeros(1))


def test_arguments_are_read_in_each_run() -> None:
    executable, spaces = loaded(program_of(each(TERM, at(20), at(0, "input0"))))
    executable.run()
    spaces["input0"][:N] = 7.0
    executable.run()
    assert (executable.work[20 : 20 + N] == 7.0).all()
