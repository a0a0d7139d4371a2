"""Code made quickly at first, and again when it has run for a while: the same to the bit."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from random_kernels import random_program, random_spaces

import micrograd
from micrograd import Value, nn, optim
from micrograd.compiler.nest.ir import WORK
from micrograd.functions import apply
from micrograd.interrupts import uncollected
from micrograd.ops import OPS

llvm = pytest.importorskip("micrograd.compiler.backends.llvm")
from micrograd.compiler.backends.llvm.later import Later, later  # noqa: E402


@pytest.mark.sampled
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(12))
def test_both_compute_the_same_bits(seed: int, dtype: str) -> None:
    program = random_program(seed)
    answers = []
    for better in (False, True):
        executable = llvm.load(program, dtype)
        spaces = random_spaces(seed, dtype)
        for space in program.sizes:
            executable.point(space, spaces[space])
        losses = [executable.run()]
        if better:
            executable._improve()  # what the one before has, too
            losses.append(executable.run())
            executable._improve()  # all of it
        else:
            losses.append(executable.run())
        losses += [executable.run() for _ in range(3)]
        assert (executable.run == executable._run_quick) is not better
        spaces[WORK] = executable.work
        answers.append((losses, spaces))
    (losses, one), (again, two) = answers
    np.testing.assert_array_equal(losses, again)
    for space, numbers in one.items():
        np.testing.assert_array_equal(numbers, two[space])


@pytest.mark.parametrize("name", [name for name, row in OPS.items() if row.arity <= 2])
def test_both_compute_the_same_bits_of_each_row_and_its_slopes(name: str) -> None:
    row = OPS[name]
    rng = np.random.default_rng(0)
    w, v = ([Value(x) for x in rng.normal(size=37)] for _ in range(2))
    static = (2.5,) if row.has_static else ()

    def loss(c: float) -> Value:
        inputs = zip(w, v, strict=True) if row.arity == 2 else ((x,) for x in w)
        return sum(apply(row.name, *x, *static) * c for x in inputs)

    f = micrograd.compile(loss, parameters=[*w, *v], backend="llvm")
    before = f.value_and_grad(0.7)
    f._programs.newest.executable._improve()
    after = f.value_and_grad(0.7)
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])


def test_it_is_made_when_it_pays_and_training_goes_on_alike() -> None:
    def trained(steps: int, wait: bool) -> list[float]:
        micrograd.manual_seed(1)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        step = micrograd.compile(
            lambda x, y: (model(x)[0] - y) ** 2,
            optimizer=optim.Adam(model.parameters(), lr=0.01),
            backend="llvm",
        )
        for k in range(steps):
            step.step([0.1 * k, -0.2, 0.3], 0.5)
            if wait and k == steps // 2:
                executable = step._programs.newest.executable
                executable._left = 0.0
                step.step([0.1, 0.2, 0.3], 0.5)
                later.wait()
                assert executable._better is not None
            elif k == steps // 2:
                step.step([0.1, 0.2, 0.3], 0.5)
        if wait:
            assert executable.run != executable._run_quick
        return [p.data for p in model.parameters() for p in p._values.flat]

    assert trained(20, wait=True) == trained(20, wait=False)


def test_nothing_is_made_for_what_nobody_has() -> None:
    class Made:
        def make(self) -> None:
            raise AssertionError("nobody has it")

    calls = Later()
    calls.call(Made().make)
    calls.wait()
    calls.stop()


def test_a_fault_in_it_changes_nothing() -> None:
    class Fault:
        def make(self) -> None:
            raise ValueError("no")

    fault, calls = Fault(), Later()
    calls.call(fault.make)
    calls.wait()


def test_the_interpreter_ends_while_it_is_made() -> None:
    program = (
        "import micrograd\n"
        "from micrograd import Value\n"
        "w = [Value(0.1 * k) for k in range(40)]\n"
        "f = micrograd.compile(lambda x: sum((a * x).tanh() * (a - x).exp() for a in w))\n"
        "f(0.5)\n"
        "f._programs.newest.executable._left = 0.0\n"
        "f(0.5)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_collector_rests_and_works_again_whatever_happens() -> None:
    assert uncollected(gc.isenabled) is False
    assert gc.isenabled()

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        uncollected(interrupted)
    assert gc.isenabled()
    gc.disable()
    try:
        assert uncollected(gc.isenabled) is False
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_a_softmax_that_is_chosen_from_reaches_all_that_it_is_made_of(backend: str) -> None:
    table = [[Value(0.1 * i - 0.2 * j) for j in range(3)] for i in range(4)]
    w = [Value(0.3 * j) for j in range(3)]

    def loss(i: int, k: int) -> Value:
        e = [(a * b).exp() for a, b in zip(table[i], w, strict=True)]
        return -(e[k] / sum(e)).log()

    step = micrograd.compile(
        loss, optimizer=optim.SGD([*w, *[v for row in table for v in row]], lr=0.1, momentum=0.9),
        backend=backend,
    )  # fmt: skip
    step.step(1, 2)
    unit = step._programs.newest.unit
    assert len(unit.touched.used) == 3  # w, whatever is chosen
    assert len(unit.touched.chosen) == 12
    assert len(unit.flags) == 4  # one for each row of the table


def test_no_process_waits_for_code_that_nobody_will_run() -> None:
    """A thread that is joined before `later.stop` would make all of it first."""
    begun, end = Event(), Event()

    class Slow:
        def made(self) -> None:
            begun.set()
            end.wait()

    slow, own = Slow(), Later()
    own.call(slow.made)
    begun.wait()
    thread = own._thread
    end.set()
    own.wait()
    assert thread is not None
    assert thread.daemon


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say")
def test_code_goes_with_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRAD_CACHE", "0")

    def pages(programs: range) -> int:
        for k in programs:
            w = [Value(0.1 * i) for i in range(4)]
            f = micrograd.compile(
                lambda xs, w=w, k=k: sum(((a * x + k).tanh() for a, x in zip(w, xs, strict=True))),
                parameters=w, backend="llvm",
            )  # fmt: skip
            f([0.1, 0.2, 0.3, float(k)])
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1])

    before = pages(range(200))
    assert pages(range(200, 500)) - before < 400  # of 4,096 bytes: under 6 kB a program
