"""What a branch costs compiled: against `where` by hand, NumPy by hand, and eager.

    python benchmarks/bench_branches.py

Cross entropy of 400 samples with `if y == 1`; the times are of value and gradient, CPU time, the
least of many, all in one run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import micrograd
from micrograd import Value, where
from micrograd.compiler.backends.llvm.later import later

N = 400
w, b = Value(0.7), Value(-0.2)


def branched(xs: list[float], ys: list[float]) -> Any:
    """As one writes it."""
    total = 0.0
    for x, y in zip(xs, ys, strict=True):
        p = (w * x + b).sigmoid()
        if y == 1:  # noqa: SIM108  (this is what is measured)
            total = total - p.log()
        else:
            total = total - (1 - p).log()
    return total / len(xs)


def by_hand(xs: list[float], ys: list[float]) -> Any:
    """With `where`."""
    total = 0.0
    for x, y in zip(xs, ys, strict=True):
        p = (w * x + b).sigmoid()
        total = total - where(y == 1, p.log(), (1 - p).log())
    return total / len(xs)


def in_numpy(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The same, and its gradient, written by hand."""
    p = 1 / (1 + np.exp(-(w.data * x + b.data)))
    loss = -np.where(y == 1, np.log(p), np.log(1 - p)).mean()
    slope = np.where(y == 1, p - 1, p) / len(x)
    return float(loss), np.array([slope @ x, slope.sum()])


def least(run: Callable[[], Any], times: int) -> float:
    """The least CPU time of many runs, in microseconds."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return 1e6 * best


def eager(xs: list[float], ys: list[float]) -> None:
    """Value and gradient, one Value at a time."""
    w.zero_grad()
    b.zero_grad()
    branched(xs, ys).backward()


def main() -> None:
    """Print the times and their ratios."""
    r = random.Random(0)
    xs = [r.gauss(0, 1) for _ in range(N)]
    ys = [float(r.random() < 0.5) for _ in range(N)]
    x, y = np.array(xs), np.array(ys)
    for backend in ("llvm", "numpy"):
        if backend == "llvm" and micrograd.compile(branched).backend != "llvm":
            continue
        times = {}
        for name, fn in (("branch", branched), ("where", by_hand)):
            f = micrograd.compile(fn, parameters=[w, b], backend=backend)
            start = time.process_time()
            f.value_and_grad(x, y)
            first = time.process_time() - start
            f.value_and_grad(x[::-1].copy(), y)
            for _ in range(6000):  # until better code is asked for
                f.value_and_grad(x, y)
            later.wait()
            f.value_and_grad(x, y)
            times[name] = least(lambda f=f: f.value_and_grad(x, y), 2000)
            print(f"{backend:5} {name:6} {times[name]:8.1f} µs, first call {first:.2f} s")
        hand = least(lambda: in_numpy(x, y), 2000)
        slow = least(lambda: eager(xs, ys), 20)
        print(
            f"{backend:5} branch / where {times['branch'] / times['where']:.2f}, "
            f"where / NumPy by hand {times['where'] / hand:.2f} ({hand:.1f} µs), "
            f"eager / branch {slow / times['branch']:.0f} ({slow:.0f} µs)"
        )


if __name__ == "__main__":
    main()
