"""Several threads: the same numbers, the same bits for a number of threads, whatever happens."""

from __future__ import annotations

import _thread
import copy
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, optim
from micrograd.compiler.backends.llvm import load
from micrograd.compiler.nest import verify
from micrograd.compiler.nest.ir import (
    WORK,
    Affine,
    Program,
    Repeat,
    Shares,
    Statement,
    elementwise,
)
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.nn import MLP

SIZES, SAMPLES = (8, 32, 32, 1), 1200  # enough to do for several threads


def squared(model: Any) -> Any:
    return lambda x, y: (model(x) - y) ** 2


def network(threads: int, samples: int = SAMPLES, rule: str = "Adam", **options: Any) -> Any:
    """A compiled step, its arguments and its parameters; the same for every number of threads."""
    random.seed(0)
    model = MLP(SIZES[0], list(SIZES[1:]))
    optimizer = getattr(optim, rule)(model.parameters(), lr=0.01)
    f = micrograd.compile(
        squared(model), optimizer=optimizer, batch=True, threads=threads, **options
    )
    rng = np.random.default_rng(samples)
    x, y = rng.normal(size=(samples, SIZES[0])), rng.normal(size=samples)
    dtype = options.get("dtype", "float64")
    return f, (x.astype(dtype), y.astype(dtype)), model.parameters()


def trained(threads: int, steps: int = 5, **options: Any) -> np.ndarray:
    f, inputs, parameters = network(threads, **options)
    losses = [f.step(*inputs) for _ in range(steps)]
    return np.array([*losses, *(p.data for p in parameters)])


def shares(f: Any) -> int:
    return sum(len(s.ranges) for s in f.ran().program.shares)


@pytest.fixture(scope="module")
def alone() -> np.ndarray:
    return trained(1)


@pytest.mark.parametrize("threads", [2, 3])
def test_the_same_numbers_and_the_same_bits(threads: int, alone: np.ndarray) -> None:
    first = trained(threads)
    np.testing.assert_allclose(first, alone, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(first, trained(threads))


def test_it_is_split_where_that_pays() -> None:
    f, inputs, _ = network(2)
    f.step(*inputs)
    assert shares(f) >= 2
    f, inputs, _ = network(2, samples=40)
    f.step(*inputs)
    assert shares(f) == 0


def test_numpy_takes_the_argument_and_splits_nothing(alone: np.ndarray) -> None:
    np.testing.assert_allclose(trained(2, backend="numpy"), alone, rtol=1e-11, atol=1e-12)


def test_float32() -> None:
    np.testing.assert_allclose(
        trained(2, dtype="float32"), trained(1, dtype="float32"), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("samples", [1201, 1500])
def test_samples_that_no_block_divides(samples: int) -> None:
    one, two = (trained(t, 2, samples=samples, rule="SGD") for t in (1, 2))
    np.testing.assert_allclose(two, one, rtol=1e-12, atol=1e-12)


def backwards(program: Program) -> Program:
    """The program with its shares in the opposite order, one after the other."""
    (split,) = program.shares
    order = [*range(split.first)]
    order += [k for start, end in reversed(split.ranges) for k in range(start, end)]
    order += range(split.end, len(program.nests))
    new = {old: place for place, old in enumerate(order)}
    repeats = [
        Repeat(new[r.first], new[r.first] + r.end - r.first, r.count) for r in program.repeats
    ]
    return replace(
        program, nests=tuple(program.nests[k] for k in order), shares=(),
        repeats=tuple(sorted(repeats, key=lambda r: r.first)),
    )  # fmt: skip


def test_the_order_of_shares_is_nothing() -> None:
    f, inputs, _ = network(2, rule="SGD")
    f.value_and_grad(*inputs)
    own, program = f.ran().executable, f.ran().program
    verify.check(program)
    other = load(backwards(program), "float64")
    for space, array in zip([WORK, *program.sizes], own._arrays, strict=False):
        if space is not WORK:
            other.point(space, array)
    assert other.run() == own.run()
    for base, length in program.read_after:
        np.testing.assert_array_equal(
            other.work[base : base + length], own.work[base : base + length]
        )


def test_shares_that_meet_are_found() -> None:
    def write(at: int) -> Any:
        return elementwise((4,), Statement("term", Affine(WORK, at, (1,)), (), coefficient=1.0))

    def read(at: int, to: int) -> Any:
        copied = Statement("term", Affine(WORK, to, (1,)), (Affine(WORK, at, (1,)),))
        return elementwise((4,), copied)

    apart = Program(
        (write(16), write(20)), np.zeros(40), {}, None, shares=(Shares(((0, 1), (1, 2))),)
    )
    verify.check(apart)
    for nests in ((write(16), write(18)), (write(16), read(19, 24))):
        with pytest.raises(verify.ProgramError, match="shares of nests"):
            verify.check(replace(apart, nests=nests))


@pytest.mark.parametrize(
    ("threads", "error", "said"),
    [
        (0, ArgumentValueError, "threads must be from 1 to 1024, got 0"),
        (-2, ArgumentValueError, "threads must be from 1 to 1024, got -2"),
        (2.0, ArgumentTypeError, "threads must be a whole number, got float"),
        (True, ArgumentTypeError, "threads must be a whole number, got bool"),
        ("2", ArgumentTypeError, "write threads=2"),
    ],
)
def test_what_is_no_number_of_threads(threads: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        micrograd.compile(lambda x: x, threads=threads)


def in_the_module(x: Any) -> Any:
    return x * Value(2.0)


def test_copies_keep_the_number() -> None:
    f = micrograd.compile(in_the_module, threads=2)
    assert copy.deepcopy(f).threads == 2
    assert pickle.loads(pickle.dumps(f)).threads == 2

    class Model:
        @micrograd.compile(threads=3)  # type: ignore[arg-type]
        def loss(self, x: Any) -> Any:
            return x * 2.0

    assert Model().loss.threads == 3


def test_several_at_once_from_threads_of_the_user(alone: np.ndarray) -> None:
    results: dict[int, np.ndarray] = {}

    def work(k: int, made: Any) -> None:
        f, inputs, parameters = made
        losses = [f.step(*inputs) for _ in range(5)]
        results[k] = np.array([*losses, *(p.data for p in parameters)])

    workers = [threading.Thread(target=work, args=(k, network(2))) for k in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for found in results.values():
        np.testing.assert_array_equal(found, results[0])
    np.testing.assert_allclose(results[0], alone, rtol=1e-12, atol=1e-12)
    assert len(results) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_has_threads_of_its_own() -> None:
    code = f"""
import os, sys, warnings
sys.path[:0] = {[os.path.dirname(__file__)]!r}
warnings.simplefilter("ignore")
import test_threads as t
f, inputs, parameters = t.network(2)
f.step(*inputs)
child = os.fork()
for _ in range(3):
    f.step(*inputs)
if child:
    assert os.waitpid(child, 0)[1] == 0
print([p.data for p in parameters], flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    mine, theirs = done.stdout.splitlines()
    assert mine == theirs


def test_an_interrupt_changes_nothing_or_makes_a_whole_step(alone: np.ndarray) -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals come to the main thread")
    f, inputs, parameters = network(2)
    inside, again = False, True

    def pressed(*_: Any) -> None:
        nonlocal inside
        if inside:
            inside = False
            raise KeyboardInterrupt

    def press() -> None:
        while again:
            time.sleep(0.003)
            _thread.interrupt_main(signal.SIGINT)

    presses = threading.Thread(target=press, daemon=True)
    f.step(*inputs)
    steps, tries = 1, 0
    usual = signal.signal(signal.SIGINT, pressed)
    try:
        presses.start()
        while steps < 5 and tries < 30:
            before = [p.data for p in parameters]
            try:
                inside = True
                f.step(*inputs)
                inside = False
            except KeyboardInterrupt:
                tries += 1
            steps += [p.data for p in parameters] != before
        again = False
        presses.join()
    finally:
        signal.signal(signal.SIGINT, usual)
    while steps < 5:
        f.step(*inputs)
        steps += 1
    np.testing.assert_allclose([p.data for p in parameters], alone[5:], rtol=1e-12, atol=1e-12)
