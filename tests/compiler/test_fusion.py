"""Fusion: the same numbers from fewer kernels, and only where dependences allow it."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import interpret
import numpy as np
import pytest
from nests import summed, taken
from random_kernels import left_by, random_program, random_spaces

from micrograd.compiler.nest.ir import (
    PARAMETERS,
    TERM,
    WORK,
    Affine,
    Nest,
    Program,
    Statement,
    argument,
)
from micrograd.compiler.nest.verify import check
from micrograd.compiler.optimise.fusion import fuse

N = 10


def at(base: int, space: str = WORK, stride: int = 1) -> Affine:
    return Affine(space, base, (stride,))


def apply(row: str, out: int, *inputs: int, n: int = N) -> Nest:
    return Nest((n,), (Statement(row, at(out), tuple(map(at, inputs))),))


def program(*kernels: Nest, kept: tuple = ()) -> Program:
    work = np.linspace(-1.0, 2.0, 100)
    return Program(kernels, work, {PARAMETERS: N, argument(0): N}, 0, (), kept)


def rows(fused: Program) -> list[list[str]]:
    return [
        [s.row for s in k.body] if isinstance(k, Nest) else [type(k).__name__] for k in fused.nests
    ]


@pytest.mark.some(14)
@pytest.mark.parametrize("seed", range(200, 240))
def test_a_fused_program_is_the_program(seed: int) -> None:
    given = random_program(seed, nests=10)
    fused = fuse(given)
    check(fused)
    expected, spaces = (random_spaces(seed, "float64") for _ in range(2))
    expected[WORK], spaces[WORK] = given.work.copy(), given.work.copy()
    assert interpret.run(given, expected) == pytest.approx(interpret.run(fused, spaces))
    after, before = left_by(given, spaces), left_by(given, expected)
    for name, numbers in before.items():
        np.testing.assert_allclose(after[name], numbers, rtol=1e-12)


def test_a_chain_becomes_one_kernel_and_stores_what_is_read_later() -> None:
    chain = apply("relu", 10, 30), apply("exp", 20, 10), apply("tanh", 40, 20)
    fused = fuse(program(*chain, kept=((40, N),)))
    assert rows(fused) == [["relu", "exp", "tanh"]]
    assert [s.kept for s in fused.nests[0].body] == [False, False, True]
    total = summed((N,), Affine(WORK, 0, (0,)), at(20), None, 1.0, False)
    fused = fuse(program(*chain, total, kept=((40, N),)))
    assert [s.kept for s in fused.nests[0].body] == [False, True, True]


def test_a_kernel_passes_those_it_has_nothing_to_do_with() -> None:
    between = taken(60, argument(0), np.arange(N)[::-1].copy())
    assert rows(fuse(program(apply("relu", 10, 30), between, apply("exp", 20, 10)))) == [
        ["relu", "exp"],
        ["term"],
    ]
    assert rows(fuse(program(apply("relu", 10, 30), between, apply("exp", 20, 60)))) == [
        ["relu"],
        ["term"],
        ["exp"],
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (apply("relu", 10, 30), apply("exp", 20, 11)),  # reads what another index wrote
        (apply("relu", 10, 30), apply("exp", 29, 40)),  # writes what another index reads
        (apply("relu", 10, 30), apply("exp", 15, 40)),  # writes what another index wrote
        (apply("relu", 10, 30), apply("exp", 20, 10, n=N - 1)),
    ],
)
def test_no_fusion_across_indices_or_extents(first: Nest, second: Nest) -> None:
    assert len(fuse(program(first, second)).nests) == 2


def test_interleaved_addresses_do_not_meet() -> None:
    even = Nest((N,), (Statement("relu", at(10, stride=2), (at(40),)),))
    odd = Nest((N,), (Statement("exp", at(11, stride=2), (at(10, stride=2),)),))
    assert len(fuse(program(even, odd)).nests) == 1


def test_an_update_writes_parameters_at_once() -> None:
    new = Statement(TERM, at(20), (at(0, PARAMETERS),), coefficient=0.9)
    step = Statement(TERM, at(20), (at(50),), coefficient=-0.1, accumulate=True)
    copy = Statement(TERM, at(0, PARAMETERS), (at(20),))
    update = tuple(Nest((N,), (s,)) for s in (new, step, copy))
    fused = fuse(replace(program(*update), loss=None))
    assert len(fused.nests) == 1
    assert [s.kept for s in fused.nests[0].body] == [False, False, True]


def test_axes_of_one_and_their_order_do_not_matter() -> None:
    def nest(extents: tuple, out: tuple, source: tuple, base: int) -> Nest:
        s = Statement("relu", Affine(WORK, base, out), (Affine(WORK, 80, source),))
        return Nest(extents, (s,))

    kernels = nest((2, 1, 3), (3, 7, 1), (3, 9, 1), 10), nest((3, 2), (1, 3), (1, 3), 20)
    assert len(fuse(program(*kernels)).nests) == 1


KEPT = ((80, N),), ((10, N), (80, N))  # whether what is added to is read after a run


def same_numbers(given: Program) -> Program:
    """The fused program, which leaves the same numbers where they are kept."""
    fused = fuse(given)
    check(fused)
    works = []
    for p in (given, fused):
        spaces = {WORK: given.work.copy(), PARAMETERS: np.ones(N), argument(0): np.ones(N)}
        interpret.run(p, spaces)
        works.append(np.concatenate([spaces[WORK][a : a + n] for a, n in given.kept]))
    np.testing.assert_allclose(works[1], works[0], rtol=1e-15)
    return fused


def term(out: int, source: int) -> Nest:
    return Nest((N,), (Statement(TERM, at(out), (at(source),)),))


ADDED = summed((N, 3), Affine(WORK, 10, (1, 0)), Affine(WORK, 60, (0, 1)), None, 1.0, True)


@pytest.mark.parametrize(
    "kernels",
    [
        (apply("relu", 10, 30), apply("exp", 50, 11), apply("maximum", 80, 10, 51)),  # read twice
        (apply("relu", 10, 30), apply("exp", 31, 60), apply("maximum", 80, 10, 32)),  # 30 rewritten
        (term(10, 30), apply("exp", 80, 11), ADDED),  # what is added to is read before
        (apply("relu", 10, 30), ADDED),  # it is no term
        (term(10, 30), term(10, 40), ADDED),  # it is written twice
        (term(10, 30), replace(ADDED, extents=(N - 1, 3))),  # a part of it is added to
        (term(10, 30), apply("exp", 30, 70), ADDED),  # what fills it is rewritten before
    ],
)
def test_what_moves_is_made_before_it_is_read(kernels: tuple[Nest, ...]) -> None:
    same_numbers(program(*kernels, kept=KEPT[isinstance(kernels[-1], Nest)]))


def test_what_fills_the_place_of_a_sum_is_added_in_its_nest() -> None:
    for filling in (term(10, 30), Nest((N,), (Statement(TERM, at(10), (), coefficient=0.5),))):
        fused = same_numbers(program(filling, apply("exp", 80, 70), ADDED, kept=KEPT[1]))
        assert rows(fused) == [["exp"], [TERM, TERM]]
        total, added = fused.nests[1].body
        assert not total.accumulate
        assert added.accumulate
        assert [x.base for x in added.inputs] == [x.base for x in filling.first.inputs]


def test_what_a_moved_filling_reads_is_stored_until_then() -> None:
    """A cheap statement is not made again where its only reader was, in another nest."""
    full = [apply("abs", 1, 0, n=1), *(apply("relu", k + 1, k, n=1) for k in range(2, 33))]
    filling = Nest((1,), (Statement(TERM, at(50), (at(1),)),))
    total = summed((1, 4), Affine(WORK, 50, (1, 0)), Affine(WORK, 60, (0, 1)), None, 1.0, True)
    same_numbers(program(*full, filling, total, kept=((50, 1), (33, 1))))


@pytest.mark.parametrize("extents", [(2, 5), (5, 2), (1, 10), (2, 1, 5)])
def test_a_long_axis_is_split_to_join_a_matrix(extents: tuple[int, ...]) -> None:
    dense = tuple(math.prod(extents[i + 1 :]) for i in range(len(extents)))
    apart = tuple(math.prod(extents[:i]) for i in range(len(extents)))  # transposed
    turned = Statement("relu", Affine(WORK, 10, dense), (Affine(WORK, 30, apart),))
    kernels = Nest(extents, (turned,)), apply("maximum", 80, 10, 50)
    assert rows(same_numbers(program(*kernels, kept=KEPT[0]))) == [["relu", "maximum"]]


def test_only_what_reads_one_array_is_made_again_where_it_is_read() -> None:
    def made(*first: Nest) -> list[list[str]]:
        kernels = (*first, apply("exp", 50, 60), apply("maximum", 80, 10, 51))
        return rows(same_numbers(program(*kernels, kept=((80, N),))))

    assert made(apply("relu", 10, 30)) == [["exp"], ["relu", "maximum"]]
    assert made(apply("minimum", 10, 30, 40)) == [["minimum", "exp"], ["maximum"]]


def test_the_time_it_takes_grows_with_the_number_of_kernels() -> None:
    def many(count: int) -> float:
        kernels = [apply("relu", 10 * i + 10, 10 * i) for i in range(count)]
        given = Program(tuple(kernels), np.zeros(10 * count + 20), {}, 0, ())
        start = time.process_time()
        fuse(given)
        return time.process_time() - start

    few = min(many(500) for _ in range(3))
    assert min(many(4000) for _ in range(2)) < 24 * few
