"""Ordinary Python programs as a table: whether each compiles, its first call, a call, and eager.

    python benchmarks/table_of_programs.py > table.md

The programs are those of `tests/compiler/strangers`. The times are of value and gradient, CPU time,
the least of several; calls take turns through inputs that go every way through the program.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "compiler"))

from strangers import lists, networks, physics, plain, sequences, statistics_

import micrograd
from micrograd import CompileError, Value

MODULES = {"statistics": statistics_, "physics": physics, "networks": networks,
           "sequences": sequences, "plain Python": plain, "lists": lists}  # fmt: skip
WARM, ROUNDS = 24, 5


def seconds(run: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """The least CPU time of several runs."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def eager(fn: Callable[..., Any], parameters: list[Value], arguments: tuple[Any, ...]) -> None:
    """Value and gradient, one Value at a time."""
    for p in parameters:
        p.zero_grad()
    result = fn(*arguments)
    loss = result[0] if isinstance(result, tuple) else result
    if isinstance(loss, Value):
        loss.backward()


def row(fn: Callable[..., Any], given: Any, parameters: list[Value]) -> tuple[list[str], float]:
    """Name, programs or why there is none, milliseconds and microseconds; and eager / compiled."""
    r = random.Random(3)
    calls = [given(r) for _ in range(WARM)]
    f = micrograd.compile(fn, parameters=parameters)
    start = time.process_time()
    try:
        f.value_and_grad(*calls[0])
        first = time.process_time() - start
        for arguments in calls * 20:
            f.value_and_grad(*arguments)
    except CompileError as error:
        return [fn.__name__, str(error).partition("\n")[0], "", "", ""], 0.0
    mine = seconds(lambda: [f.value_and_grad(*a) for a in calls]) / WARM
    slow = seconds(lambda: [eager(fn, parameters, a) for a in calls], 3) / WARM
    programs = len(f._decisions)
    cells = [fn.__name__, f"{programs}", f"{1e3 * first:.0f}", f"{1e6 * mine:.0f}",
             f"{slow / mine:.1f}"]  # fmt: skip
    return cells, slow / mine


def main() -> None:
    """Print the table."""
    print("| | program | programs, or why not | first call, ms | a call, µs | eager / compiled |")
    print("|---|---|---|---|---|---|")
    ratios: list[float] = []
    total = 0
    for name, module in MODULES.items():
        for fn, given in module.PROGRAMS:
            cells, ratio = row(fn, given, module.P)
            total += 1
            ratios += [ratio] if ratio else []
            print("|", " | ".join([name, *cells]), "|", flush=True)
    ratios.sort()
    print(f"\n{len(ratios)} of {total} compile; eager / compiled: median "
          f"{ratios[len(ratios) // 2]:.1f}, from {ratios[0]:.1f} to {ratios[-1]:.1f}.")  # fmt: skip


if __name__ == "__main__":
    main()
