"""Ctrl-C in the middle of a step, and of a compilation."""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from checks_of_compiled import assert_same_result
from programs_to_compile import Workload, numbers_of, regression

import micrograd
from micrograd import optim

INTERRUPTS = 40
PATIENCE = 10.0  # seconds: an interrupt that never comes out is a failure, not a hang
AGAIN = 2.0  # seconds: an interrupt inside a callback from C, which loses it, is sent again
needs_timer = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer signal")


def interrupted(run: Callable[[], None], after: float) -> None:
    """Run until a KeyboardInterrupt comes out of it, as by Ctrl-C."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    def run_until_then() -> None:
        signal.setitimer(signal.ITIMER_REAL, after, AGAIN)
        run()

    before = signal.signal(signal.SIGALRM, interrupt)
    gc.disable()  # an exception inside somebody's callback of the collector would be lost
    try:
        with pytest.raises(KeyboardInterrupt):
            run_until_then()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()


def trainer(backend: str) -> tuple[Workload, Any]:
    workload = regression([3, 8, 1], 2, 0.001)
    sgd = optim.SGD(workload.parameters, lr=0.001, momentum=0.5)
    return workload, micrograd.compile(workload.loss, optimizer=sgd, backend=backend)


@needs_timer
def test_ctrl_c_leaves_whole_steps(backend: str) -> None:
    """Parameters, and what the optimiser remembers, are those after k steps, for some k."""
    (mine, f), (theirs, g) = trainer(backend), trainer(backend)
    arguments = mine.arguments(0)
    for compiled in (f, g):  # before the interrupts, which NumPy may turn into other errors
        compiled.step(*arguments)
        compiled.step(*arguments)
    done = 0

    def run() -> None:
        nonlocal done
        end = time.perf_counter() + PATIENCE
        while time.perf_counter() < end:
            f.step(*arguments)
            done += 1

    for i in range(INTERRUPTS):
        done = 0
        interrupted(run, after=0.001 + 0.0001 * i)
        now = numbers_of(mine.parameters)
        for _ in range(done):
            g.step(*arguments)
        if (numbers_of(theirs.parameters) != now).any():
            g.step(*arguments)  # the one that was not counted
        assert (numbers_of(theirs.parameters) == now).all()
    assert f.step(*arguments) == g.step(*arguments)
    assert (numbers_of(theirs.parameters) == numbers_of(mine.parameters)).all()


# An interruption in a `__del__` of llvmlite's is not raised but told of.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@needs_timer
def test_ctrl_c_while_compiling_leaves_nothing_behind(backend: str) -> None:
    workload, _ = trainer(backend)
    before = numbers_of(workload.parameters)
    start = time.perf_counter()
    trainer(backend)[1](*workload.arguments(0))
    whole = time.perf_counter() - start

    def run() -> None:
        end = time.perf_counter() + PATIENCE
        while time.perf_counter() < end:
            trainer(backend)[1](*workload.arguments(0))
            micrograd.compile(workload.loss, backend=backend)(*workload.arguments(0))

    for i in range(6):
        interrupted(run, after=max(0.001, whole * (0.1 + 0.17 * i)))
        assert (numbers_of(workload.parameters) == before).all()
        assert type((workload.parameters[0] * 2).data) is float
    f = micrograd.compile(workload.loss, parameters=workload.parameters, backend=backend)
    assert_same_result(f, workload.loss, workload.parameters, *workload.arguments(0))
