"""Sequential and irregular programs, beside the same by hand in C, in JAX, and eager.

The first call, with the trace and the compiler, in processor time; then a step: loss, gradient and
descent. `python benchmarks/bench_sequential.py` runs all, with names only those; each runs in a
process of its own. JAX where it is installed and has a `scan` for the program.

Last come batches: steps on 64 samples, beside as many of one, of C, and of JAX's `vmap`.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sequential_jax import SCANS
from sequential_workloads import CASES, Case

import micrograd
from micrograd import Value, optim

WARM = 2.0  # seconds
SAMPLES = 64
OF_BATCHES = ("Kalman 200", "GARCH 2,000", "LSTM 30", "heat 80×100")
RATE = 1e-12  # small: all see the same numbers
HERE = Path(__file__).parent


def library() -> ctypes.CDLL | None:
    """The functions in C, compiled as well as the compiler can; None where there is none."""
    target = Path(tempfile.gettempdir()) / "micrograd_reference_sequential.so"
    source = HERE / "reference_sequential.c"
    call = ["cc", "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(target), "-lm"]
    try:
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(call, check=True, capture_output=True)
        return ctypes.CDLL(str(target))
    except (OSError, subprocess.CalledProcessError):
        return None


def in_c(case: Case) -> Callable[[int], Any] | None:
    """Runs so many steps."""
    peers = library()
    if not case.peer or peers is None:
        return None
    kept: list[Any] = []

    def argument(x: Any) -> Any:
        if isinstance(x, list):
            kept.append(np.array(x, np.int32 if isinstance(x[0], int) else float))
            return ctypes.c_void_p(kept[-1].ctypes.data)
        return ctypes.c_double(x) if isinstance(x, float) else x

    function = getattr(peers, case.peer)
    function.restype = ctypes.c_double
    arguments = [*map(argument, case.given), argument(list(case.program.parameters))]
    arguments += [*map(argument, case.after), argument(RATE)]

    def run(steps: int, _: Any = kept) -> Any:  # the arrays live as long
        return function(*arguments, steps)

    return run


def seconds(run: Callable[[int], Any], rounds: int = 5, target: float = 0.04) -> float:
    """Of a step: the least of some rounds."""
    steps, spent = 1, 0.0
    while spent < target and steps < 1 << 20:
        begin = time.process_time()
        run(steps)
        spent = time.process_time() - begin
        steps = steps if spent >= target else 2 * steps
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        run(steps)
        times.append((time.process_time() - begin) / steps)
    return min(times)


def repeated(call: Callable[[], Any]) -> Callable[[int], Any]:
    def run(steps: int) -> None:
        for _ in range(steps):
            call()

    return run


def measured(name: str) -> str:
    """A line of the table."""
    case = CASES[name]()
    program = case.program
    ps = [Value(x) for x in program.parameters]

    def loss(*arguments: Any) -> Any:
        return program.loss(ps, *arguments)

    one = Value(1.0)
    micrograd.compile(lambda x: one * x).value_and_grad(1.0)  # what LLVM does once
    optimizer = optim.SGD(ps, lr=RATE)
    f = micrograd.compile(loss, optimizer=optimizer)
    begin = time.process_time()
    f.step(*program.arguments)
    first = time.process_time() - begin
    operations = f.report().nodes
    executable = f._programs.newest.executable
    end = time.monotonic() + WARM
    while time.monotonic() < end:  # better code is made meanwhile
        executable.step()
    step = seconds(repeated(lambda: executable.step()))
    beside = [in_c(case), SCANS[name](program) if name in SCANS else None]
    others = [None if run is None else seconds(run) for run in beside]
    eager = None
    if operations < 100_000:

        def descend() -> None:
            for p in ps:
                p.zero_grad()
            loss(*program.arguments).backward()

        eager = seconds(repeated(descend), rounds=2)
    figures = [shown(x, step) for x in (*others, eager)]
    return (
        f"{name:<22}{operations:>10,}{1e3 * first:>9.0f} ms{1e6 * first / operations:>8.1f}"
        f"{1e6 * step:>12,.1f} us" + "".join(figures)
    )


def batched(name: str) -> str:
    """A line of the table of batches."""
    case, rng = CASES[name](), np.random.default_rng(0)
    program = case.program
    shapes = [np.array(x, float) for x in program.arguments]
    batch = [x + 0.01 * rng.normal(size=(SAMPLES, *x.shape)) for x in shapes]
    executables: list[Any] = []
    first = 0.0
    one = Value(1.0)
    micrograd.compile(lambda x: one * x).value_and_grad(1.0)
    for together in (False, True):
        ps = [Value(x) for x in program.parameters]
        f = micrograd.compile(
            lambda *arguments, ps=ps: program.loss(ps, *arguments),
            optimizer=optim.SGD(ps, lr=RATE), batch=together,
        )  # fmt: skip
        begin = time.process_time()
        f.step(*(batch if together else program.arguments))
        first = time.process_time() - begin
        executables.append(f._programs.newest.executable)
    operations = f.report().nodes
    end = time.monotonic() + WARM
    while time.monotonic() < end:
        for executable in executables:
            executable.step()
    each, step = (seconds(repeated(lambda x=x: x.step())) for x in executables)
    in_jax = SCANS[name](program, batch) if name in SCANS else None
    peer = in_c(case)
    others = [SAMPLES * each, None if peer is None else SAMPLES * seconds(peer),
              None if in_jax is None else seconds(in_jax)]  # fmt: skip
    return (
        f"{name:<22}{operations:>10,}{1e3 * first:>9.0f} ms{1e6 * first / operations:>8.1f}"
        f"{1e6 * step:>12,.1f} us" + "".join(shown(x, step) for x in others)
    )


def shown(other: float | None, step: float) -> str:
    """Another's time, and ours as a multiple of it."""
    if other is None:
        return f"{'-':>21}"
    return f"{1e6 * other:>12,.1f}{step / other:>7.2f} x"


def main() -> None:
    names = sys.argv[1:]
    if names[0:1] == ["batch"]:
        print(batched(names[1]), flush=True)
        return
    if len(names) == 1:
        print(measured(names[0]), flush=True)
        return
    print(f"{'':<22}{'operations':>10}{'first call':>12}{'us/op':>8}{'a step':>15}"
          f"{'in C':>12}{'ours':>9}{'JAX':>12}{'ours':>9}{'eager':>12}{'ours':>9}")  # fmt: skip
    for name in names or CASES:
        subprocess.run([sys.executable, __file__, name], check=False)
    heads = f"{'operations':>10}{'first call':>12}{'us/op':>8}{'a step':>15}"
    beside = "".join(f"{x:>12}{'ours':>9}" for x in ("one by one", "in C", "JAX"))
    print(f"\n{SAMPLES:>2} samples{'':12}{heads}{beside}")
    for name in names or OF_BATCHES:
        subprocess.run([sys.executable, __file__, "batch", name], check=False)


if __name__ == "__main__":
    main()
