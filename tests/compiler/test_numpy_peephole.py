"""Programs made simpler for NumPy: what is kept after a run is the same."""

from __future__ import annotations

import math
from dataclasses import replace

import interpret
import numpy as np
import pytest
from nests import rows, taken
from numpy_programs import N, assert_same, at, calls, each, loaded, program_of
from random_kernels import SIZES, random_program, random_spaces

from micrograd.compiler.backends.numpy.execution import load
from micrograd.compiler.backends.numpy.peephole import simplified
from micrograd.compiler.backends.numpy.rows import is_choice, is_mask
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

# ---- copies ----------------------------------------------------------------------------------


def test_copies_are_not_made() -> None:
    kernels = (
        each(TERM, at(20), at(0, argument(0), 3)),
        each(TERM, at(40), at(20)),
        each("exp", at(60), at(40)),
    )
    assert calls(assert_same(program_of(*kernels, kept=60), kept=60)) == ["np.exp(v, v)"]


def test_copies_that_are_kept_are_made() -> None:
    kernels = (each(TERM, at(20), at(0, argument(0))), each("exp", at(60), at(20)))
    assert len(calls(assert_same(program_of(*kernels, kept=20), kept=20))) == 2


def test_a_copy_of_what_changes_is_made() -> None:
    kernels = (
        each("exp", at(20), at(0, argument(0))),
        each(TERM, at(40), at(20)),
        each("sin", at(20), at(0, argument(0))),
        each("add", at(60), at(20), at(40)),
    )
    assert_same(program_of(*kernels, kept=60), kept=60)


def test_a_copy_read_before_it_is_made_is_made() -> None:
    kernels = (each("exp", at(60), at(40)), each(TERM, at(40), at(0, argument(0))))
    assert_same(program_of(*kernels, kept=60), kept=60)


def test_a_copy_read_in_part_with_other_numbers_is_made() -> None:
    kernels = (
        each(TERM, at(20), at(0, argument(0))),
        each("exp", at(60), at(26)),
    )
    assert_same(program_of(*kernels, kept=60), kept=60)


def test_copies_that_are_listed_are_not_made() -> None:
    index = np.arange(N)[::-1]
    for source in (at(100), at(0, argument(0))):
        kernels = (each(TERM, at(20), source), taken(60, WORK, 20 + index))
        assert len(calls(assert_same(program_of(*kernels, kept=60), kept=60))) == 1
    some = (each(TERM, at(20), at(100)), taken(60, WORK, 25 + index))  # and of what is no copy
    assert len(calls(assert_same(program_of(*some, kept=60), kept=60))) == 1


@pytest.mark.parametrize("extents", [(2,), (3,), (2, 3), (3, 2), (1, 2), (2, 1)])
def test_copies_of_few_numbers_are_not_made(extents: tuple[int, ...]) -> None:
    dense = (*(math.prod(extents[i:]) for i in range(1, len(extents))), 1)
    apart = tuple(2 * s for s in dense)

    def nest(row: str, out: Affine, source: Affine) -> Nest:
        return Nest(extents, (Statement(row, out, (source,)),))

    kernels = (
        nest(TERM, Affine(WORK, 20, dense), Affine(argument(0), 1, apart)),
        nest("exp", Affine(WORK, 60, dense), Affine(WORK, 20, dense)),
    )
    assert calls(assert_same(program_of(*kernels, kept=60), kept=60)) == ["np.exp(v, v)"]


@pytest.mark.parametrize(("strides", "made"), [((0,), False), ((1,), False), ((3,), True)])
def test_copies_of_many_numbers_are_made_where_they_lie_apart(
    strides: tuple[int, ...], made: bool
) -> None:
    far = Affine(PARAMETERS, 2, strides)
    kernels = (
        Nest((80,), (Statement(TERM, at(20), (far,)),)),
        Nest((80,), (Statement("exp", at(120), (at(20),)),)),
    )
    sizes = {PARAMETERS: 260}
    program = Program(kernels, np.zeros(260), sizes, 250, (), ((120, 80),))
    assert len(simplified(program).nests) == 1 + made


def test_lists_of_lists() -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(0, 3 * N, 2 * N)
    start = np.arange(0, 2 * N + 1, 2)
    first = rng.permutation(2 * N)
    kernels = (
        taken(20, argument(0), index),
        rows(60, "add", start, WORK, 20 + first, WORK, 20 + first[::-1], -0.5, False),
    )
    executable = assert_same(program_of(*kernels, kept=60), kept=60)
    assert sum(".take(" in line for line in calls(executable)) == 2
    mixed = (
        taken(20, argument(0), index),
        rows(60, "max", start, WORK, 15 + first, "", None, 1.0, False),
    )
    assert_same(program_of(*mixed, kept=60), kept=60)


# ---- masks -----------------------------------------------------------------------------------


def test_masks_are_booleans_and_choices_are_not_products() -> None:
    kernels = (
        each("less_equal", at(20), at(0, argument(0)), at(0, stride=0)),
        each("select", at(40), at(20), at(1, stride=0), at(N, argument(0))),
    )
    program = program_of(*kernels, kept=40)
    executable, spaces = loaded(simplified(program))
    spaces[argument(0)][N:] = np.inf
    executable.run()
    chosen = spaces[argument(0)][:N] <= program.work[0]
    expected = np.where(chosen, program.work[1], np.inf)
    np.testing.assert_array_equal(executable.work[40 : 40 + N], expected)
    assert calls(executable) == ["np.less_equal(v, v, v)", "v[...] = v", "np.putmask(v, v, v)"]


@pytest.mark.parametrize(
    ("number", "other"),
    [
        (at(2 * N, argument(0)), at(0)),
        (at(0), at(40)),
        (at(40), at(0)),
        (at(0, stride=0), at(40)),
        (at(0, stride=0), at(1)),
    ],
)
def test_choices_of_arrays_and_of_what_they_write(number: Affine, other: Affine) -> None:
    kernels = (
        each("less", at(20), at(0, argument(0)), at(N, argument(0))),
        each("select", at(40), at(20), number, other),
    )
    assert_same(program_of(*kernels, kept=40), kept=40)


def test_a_comparison_that_is_a_number_stays_one() -> None:
    kernels = (
        each("less", at(20), at(0, argument(0)), at(N, argument(0))),
        each("select", at(40), at(20), at(0), at(1)),
        each("add", at(60), at(20), at(40)),
    )
    assert_same(program_of(*kernels, kept=60), kept=60)
    halves = (
        each("less", at(20), at(0, argument(0)), at(N, argument(0))),
        each("less", at(20 + N), at(N, argument(0)), at(0, argument(0))),
        each("select", at(60), at(26), at(0), at(1)),
    )
    assert_same(program_of(*halves, kept=60), kept=60)
    both = (
        each("less", at(20), at(0, argument(0)), at(N, argument(0))),
        each("select", at(60), *[at(20)] * 2, at(0)),
    )
    assert_same(program_of(*both, kept=60), kept=60)
    listed = (
        each("less", at(20), at(0, argument(0)), at(N, argument(0))),
        each("select", at(40), at(20), at(0), at(1)),
        taken(60, WORK, 20 + np.arange(N)[::-1]),
    )
    assert_same(program_of(*listed, kept=60), kept=60)


def test_more_arguments_than_fit_in_a_byte() -> None:
    copies = [Nest((1,), (Statement(TERM, at(20 + i), (at(0, argument(i)),)),)) for i in range(300)]
    sums = [each("add", at(400), at(20), at(300))]
    program = replace(program_of(*copies, *sums, work=600, kept=400), sizes={})
    sizes = {argument(i): 1 for i in range(300)}
    assert_same(replace(program, sizes=sizes), kept=400)


def test_which_rows_are_masks_and_choices() -> None:
    assert [row for row in OPS if is_mask(row)] == ["less", "less_equal", "equal"]
    assert [row for row in OPS if is_choice(row)] == ["select"]


# ---- all together ----------------------------------------------------------------------------


@pytest.mark.some(20)
@pytest.mark.parametrize("seed", range(400, 460))
def test_random_programs_simplified(seed: int) -> None:
    program = random_program(seed, nests=10)
    kept = tuple((base, 40) for base in range(0, len(program.work) - 40, 160))
    program = replace(program, kept=kept)
    expected, spaces = (random_spaces(seed, "float64") for _ in range(2))
    expected[WORK] = program.work.copy()
    with np.errstate(all="ignore"):
        loss = interpret.run(program, expected)
    executable = load(simplified(program), "float64")
    for space in SIZES:
        executable.point(space, spaces[space])
    assert executable.run() == pytest.approx(loss, rel=1e-9, nan_ok=True)
    spaces[WORK] = executable.work
    parts = [(WORK, slice(base, base + length)) for base, length in kept]
    for space, part in [*parts, (PARAMETERS, slice(None)), (STATE, slice(None))]:
        np.testing.assert_allclose(
            spaces[space][part], expected[space][part], rtol=1e-9, atol=1e-11
        )
