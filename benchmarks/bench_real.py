"""Real use of `micrograd.compile`: what a step costs when something changes, beside the plain step.

    python benchmarks/bench_real.py          # the five steps, and a GPT with a falling rate
    python benchmarks/bench_real.py A D      # some of the five

The five workloads of `bench_compile.py`, in one run, in turns: the plain step on the same arrays;
with another learning rate each time; with lists in place of arrays; through `value_and_grad`; the
eager engine. Beside them what a call spends on finding out that its program is still the right one.
A figure is the median over the turns of the processor time of a call, in microseconds.

Then 1,000 steps of a GPT on documents of 3 to 16 tokens, compiling included, in processor time.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import itertools
import os
import platform
import time
from collections.abc import Callable
from statistics import median
from typing import Any

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import microgpt
import numpy as np
import peers_ours
from bench_eager import processor
from workloads import Workload, all_workloads

import micrograd
from micrograd.compiler.backends.llvm.later import later

TURN = 0.01  # seconds
COLUMNS = ("step", "rate", "lists", "value+grad", "checks", "eager")


def calls(workload: Workload) -> dict[str, Callable[[], object]]:
    """What is timed."""
    made: dict[str, Callable[[], object]] = {}
    for name in ("step", "rate", "lists", "value+grad"):
        loss, inputs, optimizer, _ = peers_ours.training(workload)
        f = micrograd.compile(loss, optimizer=optimizer)
        made[name] = call(name, f, inputs, optimizer)
        if name == "step":
            for _ in range(3):
                made[name]()
            runner = f._programs.newest
            made["checks"] = lambda runner=runner, inputs=inputs: (
                runner.holds(inputs) and runner.fits("step")
            )
    peer = peers_ours.eager(workload)
    made["eager"] = lambda: peer.run(1)
    return made


def call(name: str, f: Any, inputs: tuple[Any, ...], optimizer: Any) -> Callable[[], object]:
    """One of the columns."""
    if name == "rate":
        lr, group, count = optimizer.lr, optimizer.param_groups[0], itertools.count()

        def step() -> object:
            group["lr"] = lr * (1 - 1e-9 * next(count))
            return f.step(*inputs)

        return step
    if name == "lists":
        inputs = tuple(np.asarray(x).tolist() for x in inputs)
    method = f.value_and_grad if name == "value+grad" else f.step
    return lambda: method(*inputs)


def seconds(function: Callable[[], object], times: int) -> float:
    """Processor time of a call."""
    start = time.process_time()
    for _ in range(times):
        function()
    return (time.process_time() - start) / times


def measure(workload: Workload, rounds: int) -> dict[str, float]:
    """Microseconds of each call."""
    functions = calls(workload)
    for name, function in functions.items():  # until better code is made, where that pays
        start = time.perf_counter()
        while name != "eager" and time.perf_counter() - start < 1.0:
            function()
    later.wait()
    blocks = {name: max(1, int(TURN / seconds(f, 3))) for name, f in functions.items()}
    times: dict[str, list[float]] = {name: [] for name in functions}
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name, function in functions.items():
            times[name].append(seconds(function, blocks[name]))
    return {name: 1e6 * median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list("ABCDE"), help="of A B C D E")
    parser.add_argument("--rounds", type=int, default=11, help="turns of each (11)")
    parser.add_argument("--no-gpt", action="store_true", help="leave out the 1,000 steps")
    arguments = parser.parse_args()
    print(f"{datetime.date.today()}, Python {platform.python_version()}, {processor()}")
    print(f"{'us a call':>10}" + "".join(f"{name:>12}" for name in COLUMNS) + f"{'numbers':>10}")
    for workload in all_workloads():
        if workload.name not in arguments.workloads:
            continue
        numbers = sum(np.size(x) for x in peers_ours.training(workload).inputs)
        figures = measure(workload, arguments.rounds)
        cells = "".join(f"{figures[name]:12.2f}" for name in COLUMNS)
        print(f"{workload.name:>10}{cells}{numbers:>10,}")
    if arguments.no_gpt:
        return
    gpt = microgpt.run()
    print(
        f"GPT, {microgpt.STEPS:,} steps: {gpt.total:.1f} s in all, {gpt.compiling:.1f} s of it in "
        f"steps that compile; a step at the end {1e6 * gpt.steady:.0f} us; "
        f"eagerly {gpt.eager * microgpt.STEPS:.0f} s; the last loss {gpt.loss:.3f}"
    )


if __name__ == "__main__":
    main()
