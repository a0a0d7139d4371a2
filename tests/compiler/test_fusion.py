"""Fusion: the same numbers from fewer kernels, and only where dependences allow it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from random_kernels import random_program, random_spaces

from micrograd.compiler import interpret
from micrograd.compiler.fusion import fuse
from micrograd.compiler.program import (
    TERM,
    Access,
    Contraction,
    Elementwise,
    Gather,
    Kernel,
    Program,
    Statement,
)
from micrograd.compiler.verify import check

N = 10


def at(base: int, space: str = "work", stride: int = 1) -> Access:
    return Access(space, base, (stride,))


def apply(row: str, out: int, *inputs: int, n: int = N) -> Elementwise:
    return Elementwise((n,), (Statement(row, at(out), tuple(map(at, inputs))),))


def program(*kernels: Kernel, update: tuple[Kernel, ...] = (), kept: tuple = ()) -> Program:
    work = np.linspace(-1.0, 2.0, 100)
    sizes = {"parameters": N, "input0": N}
    return Program((*kernels, *update), len(kernels), work, sizes, 0, (), kept)


def rows(fused: Program) -> list[list[str]]:
    return [
        [s.row for s in k.statements] if isinstance(k, Elementwise) else [type(k).__name__]
        for k in fused.kernels
    ]


@pytest.mark.parametrize("seed", range(200, 240))
def test_a_fused_program_is_the_program(seed: int) -> None:
    given = random_program(seed, kernels=10)
    fused = fuse(given)
    check(fused)
    expected, spaces = (random_spaces(seed, "float64") for _ in range(2))
    expected["work"], spaces["work"] = given.work.copy(), given.work.copy()
    assert interpret.run(given, expected) == pytest.approx(interpret.run(fused, spaces))
    for space in ("parameters", "state"):
        np.testing.assert_allclose(spaces[space], expected[space], rtol=1e-12)


def test_a_chain_becomes_one_kernel_and_stores_what_is_read_later() -> None:
    chain = apply("relu", 10, 30), apply("exp", 20, 10), apply("tanh", 40, 20)
    fused = fuse(program(*chain, kept=((40, N),)))
    assert rows(fused) == [["relu", "exp", "tanh"]]
    assert [s.kept for s in fused.kernels[0].statements] == [False, False, True]
    total = Contraction((N,), Access("work", 0, (0,)), at(20), None, 1.0, False)
    fused = fuse(program(*chain, total, kept=((40, N),)))
    assert [s.kept for s in fused.kernels[0].statements] == [False, True, True]


def test_a_kernel_passes_those_it_has_nothing_to_do_with() -> None:
    between = Gather(60, "input0", np.arange(N)[::-1].copy())
    assert rows(fuse(program(apply("relu", 10, 30), between, apply("exp", 20, 10)))) == [
        ["relu", "exp"],
        ["Gather"],
    ]
    assert rows(fuse(program(apply("relu", 10, 30), between, apply("exp", 20, 60)))) == [
        ["relu"],
        ["Gather"],
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
def test_no_fusion_across_indices_or_extents(first: Elementwise, second: Elementwise) -> None:
    assert len(fuse(program(first, second)).kernels) == 2


def test_interleaved_addresses_do_not_meet() -> None:
    even = Elementwise((N,), (Statement("relu", at(10, stride=2), (at(40),)),))
    odd = Elementwise((N,), (Statement("exp", at(11, stride=2), (at(10, stride=2),)),))
    assert len(fuse(program(even, odd)).kernels) == 1


def test_an_update_writes_parameters_at_once_but_never_before_the_check() -> None:
    new = Statement(TERM, at(20), (at(0, "parameters"),), coefficient=0.9)
    step = Statement(TERM, at(20), (at(50),), coefficient=-0.1, accumulate=True)
    copy = Statement(TERM, at(0, "parameters"), (at(20),))
    update = tuple(Elementwise((N,), (s,)) for s in (new, step, copy))
    fused = fuse(program(apply("relu", 10, 30), update=update))
    assert fused.update_from == 1
    assert len(fused.kernels) == 2
    assert [s.kept for s in fused.kernels[1].statements] == [False, False, True]


def test_axes_of_one_and_their_order_do_not_matter() -> None:
    def nest(extents: tuple, out: tuple, source: tuple, base: int) -> Elementwise:
        s = Statement("relu", Access("work", base, out), (Access("work", 80, source),))
        return Elementwise(extents, (s,))

    kernels = nest((2, 1, 3), (3, 7, 1), (3, 9, 1), 10), nest((3, 2), (1, 3), (1, 3), 20)
    assert len(fuse(program(*kernels)).kernels) == 1


def test_the_time_it_takes_grows_with_the_number_of_kernels() -> None:
    def many(count: int) -> float:
        kernels = [apply("relu", 10 * i + 10, 10 * i) for i in range(count)]
        given = Program(tuple(kernels), count, np.zeros(10 * count + 20), {}, 0, ())
        start = time.perf_counter()
        fuse(given)
        return time.perf_counter() - start

    few = min(many(500) for _ in range(3))
    assert min(many(4000) for _ in range(2)) < 24 * few
