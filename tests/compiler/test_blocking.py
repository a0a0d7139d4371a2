"""Blocks: the same numbers, of programs that share an axis; and none where they would be wrong."""

from __future__ import annotations

import random
from dataclasses import replace

import interpret
import numpy as np
import pytest
from nests import summed
from random_kernels import left_by, random_program, random_spaces

from micrograd.compiler.nest.ir import (
    PARAMETERS,
    TERM,
    WORK,
    Affine,
    Nest,
    Program,
    Repeat,
    Statement,
    argument,
    maximum,
)
from micrograd.compiler.nest.verify import ProgramError, check
from micrograd.compiler.optimise import blocking, runs
from micrograd.compiler.optimise.blocking import blocked
from micrograd.compiler.optimise.fusion import fuse

WIDTHS = (1, 2, 3, 5)
LINE = 8  # doubles
N = 40


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a line or two, wherever there are two kernels."""
    monkeypatch.setattr(runs, "FAST_BYTES", 1)
    monkeypatch.setattr(blocking, "LARGE_BYTES", 0)
    monkeypatch.setattr(blocking, "UNEVEN_BYTES", 0)
    monkeypatch.setattr(blocking, "LEAST_LINES", 1)
    monkeypatch.setattr(runs, "LEAST_LINES", 1)
    monkeypatch.setattr(runs, "WORTH", 0)


class Layers:
    """A random program of layers on samples, as a network's there and back: rows of samples."""

    def __init__(self, seed: int, n: int) -> None:
        self.rng = random.Random(seed)
        self.n = n
        self.top = 50  # of work, after constants
        self.nests: list[Nest] = []
        self.rows: list[tuple[int, int]] = []  # where, how many of them
        self.kept: list[tuple[int, int]] = []

    def new(self, size: int) -> int:
        self.top += size
        return self.top - size

    def layer(self) -> None:
        rng, n = self.rng, self.n
        kind = rng.randrange(9) if self.rows else 0
        width = rng.choice(WIDTHS)
        if kind == 0:
            source = Affine(argument(0), rng.randrange(3), (1, width))
            base = self.made(width)
            self.body(width, Statement(TERM, self.at(base), (source,)))
            return
        base, count = rng.choice(self.rows)
        if kind in (1, 2):
            out = self.made(width)
            u = Affine(PARAMETERS, rng.randrange(9), (count, 0, 1))
            v = Affine(WORK, base, (0, 1, n))
            layer = summed((width, n, count), Affine(WORK, out, (n, 1, 0)), u, v, 0.5, False)
            self.nests.append(layer)
            if rng.random() < 0.5:
                last = self.made(width)
                self.body(width, Statement("tanh", self.at(last), (self.at(out),)))
        elif kind == 3:
            out = self.made(count)
            inner = (self.at(base), Affine(WORK, rng.randrange(40), (rng.choice((0, 1)), 0)))
            self.body(count, Statement("add", self.at(out), inner))
        elif kind == 4:
            accumulating = Statement(TERM, self.at(base), (self.at(base),), accumulate=True)
            self.body(count, replace(accumulating, coefficient=-0.5))
        elif kind in (5, 6):
            other, others = rng.choice(self.rows)
            out = self.room_for_sum(count * others)
            self.nests.append(
                summed(
                    (count, others, n),
                    Affine(WORK, out, (others, 1, 0)),
                    Affine(WORK, base, (n, 0, 1)),
                    Affine(WORK, other, (0, n, 1)),
                    0.25,
                    rng.random() < 0.3,
                )
            )
        elif kind == 7:
            out = self.room_for_sum(1)
            total, u = Affine(WORK, out, (0, 0)), Affine(WORK, base, (n, 1))
            self.nests.append(summed((count, n), total, u, None, 1.0, False))
            scaled = Affine(WORK, self.room_for_sum(1), (0,))
            inputs = (Affine(WORK, out, (0,)),)
            self.nests.append(Nest((1,), (Statement(TERM, scaled, inputs, None, 3.0),)))
        else:
            largest = Affine(WORK, self.made(1), (0, 1))
            self.nests.append(maximum((count, n), largest, Affine(WORK, base, (n, 1))))

    def reads_a_sum(self) -> None:
        """A kernel with the axis that has to wait for a sum."""
        base, size = self.rng.choice(self.kept)
        out = self.made(1)
        source = Affine(WORK, base + self.rng.randrange(size), (0, 0))
        self.body(1, Statement("relu", self.at(out), (source,)))

    def at(self, base: int) -> Affine:
        return Affine(WORK, base, (self.n, 1))

    def made(self, count: int) -> int:
        base = self.new(count * self.n)
        self.rows.append((base, count))
        return base

    def room_for_sum(self, size: int) -> int:
        base = self.new(size)
        self.kept.append((base, size))
        return base

    def body(self, width: int, *statements: Statement) -> None:
        self.nests.append(Nest((width, self.n), statements))

    def program(self, layers: int) -> Program:
        for _ in range(layers):
            self.layer()
            if self.kept and self.rng.random() < 0.1:
                self.reads_a_sum()
        loss = self.room_for_sum(1)
        base, _ = self.rows[-1]
        total = Affine(WORK, loss, (0,))
        self.nests.append(summed((self.n,), total, Affine(WORK, base, (1,)), None, 1.0, False))
        if self.rng.random() < 0.3:
            self.kept.append((base, self.n))
        work = np.zeros(self.top)
        work[:50] = np.linspace(-1.0, 1.0, 50)
        sizes = {PARAMETERS: 50, argument(0): 5 * self.n + 5}
        kernels = tuple(self.nests)
        return Program(kernels, work, sizes, loss, (), tuple(self.kept))


def spaces_of(program: Program) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    spaces = {name: rng.normal(size=n) for name, n in program.sizes.items()}
    return {**spaces, WORK: program.work.copy()}


def assert_same(given: Program, other: Program) -> None:
    """The two leave the same numbers where these are read after a run."""
    check(other)
    expected, spaces = spaces_of(given), spaces_of(other)
    assert interpret.run(other, spaces) == pytest.approx(
        interpret.run(given, expected), nan_ok=True
    )
    for base, size in given.kept:
        part = slice(base, base + size)
        np.testing.assert_allclose(spaces[WORK][part], expected[WORK][part], 1e-9, 1e-12)


@pytest.mark.some(20)
@pytest.mark.parametrize("seed", range(60))
def test_blocks_are_the_program(seed: int) -> None:
    n = (17, 24, 31, 40, 53)[seed % 5]
    given = Layers(seed, n).program(layers=4 + seed % 9)
    for program in (given, fuse(given)):
        result = blocked(program, 8)
        assert result.repeats
        assert_same(given, result)
        shared = blocked(program, 8, threads=2 + seed % 2)
        assert shared.shares
        assert_same(given, shared)


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_blocks_as_machine_code(seed: int, dtype: str) -> None:
    llvm = pytest.importorskip("micrograd.compiler.backends.llvm")
    n = (37, 64, 97, 160)[seed % 4]
    given = Layers(1000 + seed, n).program(layers=8)
    program = blocked(fuse(given), np.dtype(dtype).itemsize, threads=1 + seed // 4 % 3)
    assert program.repeats
    expected = spaces_of(given)
    executable = llvm.load(program, dtype)
    for space in given.sizes:
        executable.point(space, expected[space].astype(dtype))
    for _ in range(2):  # the second run begins with what the first has left
        executable.run()
        interpret.run(given, expected)
    rough = dtype == "float32"
    for base, size in given.kept:
        numbers = expected[WORK][base : base + size]
        scale = np.abs(numbers).max() + 1.0
        np.testing.assert_allclose(
            executable.work[base : base + size] / scale, numbers / scale,
            atol=1e-4 if rough else 1e-11, rtol=1e-3 if rough else 1e-9,
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_programs_of_all_sorts_of_kernels(seed: int) -> None:
    given = fuse(random_program(seed, nests=10))
    result = blocked(given, 8)
    check(result)
    expected, spaces = (random_spaces(seed, "float64") for _ in range(2))
    expected[WORK], spaces[WORK] = given.work.copy(), result.work.copy()
    assert interpret.run(given, expected) == pytest.approx(interpret.run(result, spaces))
    after, before = left_by(given, spaces), left_by(given, expected)
    for name, numbers in before.items():
        np.testing.assert_allclose(after[name], numbers, rtol=1e-9)


def row(base: int, stride: int = 1) -> Affine:
    return Affine(WORK, base, (stride,))


def apply(out: int, source: Affine, n: int = N) -> Nest:
    return Nest((n,), (Statement("tanh", row(out), (source,)),))


def total(out: int, base: int) -> Nest:
    return summed((N,), row(out, 0), row(base), None, 1.0, False)


def program(*kernels: Nest, kept: tuple = ((0, 1),)) -> Program:
    work = np.linspace(-1.0, 2.0, 20 * N)
    return Program(kernels, work, {argument(0): 3 * N}, 0, (), kept)


def repeated(given: Program) -> list[int]:
    """How many kernels run in blocks, in each repeat."""
    result = blocked(given, 8)
    assert_same(given, result)
    return [r.end - r.first for r in result.repeats]


FIRST = apply(N, Affine(argument(0), 0, (3,)))


def test_rows_that_only_the_blocks_read_are_in_scratch() -> None:
    given = program(FIRST, apply(2 * N, row(N)), apply(3 * N, row(2 * N)), total(0, 3 * N))
    result = blocked(given, 8)
    assert repeated(given) == [4]
    outs = [s.out for k in result.nests if isinstance(k, Nest) for s in k.body]
    scratch = {out.base for out in outs if out.base >= len(given.work)}
    assert len(scratch) == 2  # the third row is where the first was
    assert len(result.work) == len(given.work) + 2 * LINE


def test_what_is_read_later_is_where_it_was() -> None:
    given = program(FIRST, apply(2 * N, row(N)), total(0, 2 * N), kept=((0, 1), (N, N)))
    assert repeated(given) == [3]


@pytest.mark.parametrize(
    ("kernels", "sizes"),
    [
        ([FIRST, apply(3 * N, row(N + 1, 1))], []),  # the next sample
        ([FIRST, apply(3 * N, row(2 * N - 1, -1))], []),  # the other way round
        ([FIRST, apply(3 * N, row(N + 3, 0))], []),  # one sample for all
        ([FIRST, total(0, N), apply(3 * N, row(0, 0))], [2]),  # a sum
        ([FIRST, total(0, N), apply(3 * N, row(0, 0)), apply(4 * N, row(3 * N))], [2, 2]),
        ([apply(3 * N, row(N + 1)), FIRST], []),  # writes what another sample reads
        ([apply(3 * N, row(N + 3, 0)), FIRST], []),
        ([FIRST, apply(3 * N, row(2 * N), n=N // 2)], []),  # another extent
        ([FIRST, apply(3 * N, row(N), n=N // 2), apply(5 * N, row(N))], [2]),
        ([FIRST, maximum((N,), row(0, 0), row(N))], []),
        ([FIRST, total(0, N), total(0, N)], [2]),
    ],
)
def test_where_blocks_would_be_wrong(kernels: list[Nest], sizes: list[int]) -> None:
    kept = ((0, 1), (N, 6 * N))
    assert repeated(program(*kernels, kept=kept)) == sizes


def test_short_axes_and_single_kernels_are_left_whole() -> None:
    assert repeated(program(FIRST)) == []
    assert repeated(program(apply(N, row(2 * N), n=15), apply(3 * N, row(N), n=15))) == []


def test_small_programs_are_left_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "LARGE_BYTES", 3 * N * 8)
    monkeypatch.setattr(blocking, "UNEVEN_BYTES", 3 * N * 8)
    assert repeated(program(FIRST, total(0, N))) == []
    assert repeated(program(FIRST, apply(2 * N, row(N)), total(0, 2 * N))) == [3]


@pytest.mark.parametrize(
    "repeat",
    [Repeat(0, 3, 2), Repeat(1, 1, 2), Repeat(0, 2, 0), Repeat(0, 2, 1000), Repeat(2, 3, 1)],
)
def test_faults_of_repeats(repeat: Repeat) -> None:
    given = blocked(program(FIRST, apply(2 * N, row(N)), kept=((0, 1), (2 * N, N))), 8)
    check(given)
    with pytest.raises(ProgramError):
        check(replace(given, repeats=(repeat,)))
