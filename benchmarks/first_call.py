"""What a first call waits for: imports, the trace, the passes, LLVM; processor time, in parts.

    python benchmarks/first_call.py            # each program in five fresh processes
    python benchmarks/first_call.py --rounds 9

Nothing is kept on disk. A figure is the least of the rounds, each in a process of its own; that of
the whole call stands beside the import of NumPy, by which slow machines can be told. What is timed
is imported only then.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

now = time.process_time
Times = dict[str, float]
Program = tuple[Callable[..., Any], list[Any], tuple[Any, ...]]  # loss, parameters, arguments


@contextmanager
def measured(times: Times, part: str) -> Any:
    """Add the processor time of a block to a part."""
    start = now()
    yield
    times[part] = times.get(part, 0.0) + now() - start


def neuron() -> Program:
    """Three operations."""
    from micrograd import Value

    w, b = Value(0.5), Value(-1.0)
    return lambda x: (w * x + b).relu(), [w, b], (3.0,)


def chain() -> Program:
    """200 steps that depend on each other."""
    from micrograd import Value

    w, b = Value(0.5), Value(-1.0)

    def loss(x: float) -> Any:
        for _ in range(200):
            x = (w * x + b).tanh()
        return x

    return loss, [w, b], (3.0,)


def samples(count: int) -> Program:
    """A network on so many samples."""
    from micrograd import nn

    rng, model = random.Random(0), nn.MLP(3, [5, 5, 3, 1])
    xs = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(count)]
    ys = [rng.gauss(0, 1) for _ in range(count)]

    def loss(xs: Any, ys: Any) -> Any:
        return sum((model(x) - y) ** 2 for x, y in zip(xs, ys, strict=True))

    return loss, model.parameters(), (xs, ys)


PROGRAMS: dict[str, Callable[[], Program]] = {
    "neuron": neuron,
    "chain": chain,
    "6 samples": lambda: samples(6),
    "16 samples": lambda: samples(16),
}


def parts() -> list[tuple[Any, str, str]]:
    """What is timed: a function of a module or class, and the part that it is."""
    import llvmlite.binding as llvm

    from micrograd.compiler.backends.llvm import execution
    from micrograd.compiler.trace.traceable import Traceable

    return [
        (Traceable, "trace", "trace"),
        (execution, "render", "text"),
        (llvm, "parse_assembly", "LLVM reads"),
        (llvm.TargetMachine, "emit_object", "LLVM, code"),
    ]


def timed(function: Callable[..., Any], times: Times, part: str) -> Callable[..., Any]:
    def run(*arguments: Any, **keywords: Any) -> Any:
        with measured(times, part):
            return function(*arguments, **keywords)

    return run


def first_call(name: str) -> Times:
    """The parts of one first call, in seconds; only in a fresh process."""
    times: Times = {}
    for part, module in (
        ("import numpy", "numpy"), ("import micrograd", "micrograd"),
        ("import compiler", "micrograd.compiler.api"),
        ("import LLVM", "micrograd.compiler.backends.llvm"),
    ):  # fmt: skip
        with measured(times, part):
            importlib.import_module(module)
    import micrograd

    loss, parameters, arguments = PROGRAMS[name]()
    optimizer = micrograd.optim.SGD(parameters, lr=0.1)
    loss(*arguments)
    with measured(times, "eager"):
        loss(*arguments).backward()
    optimizer.zero_grad()
    with measured(times, "LLVM starts"):
        f = micrograd.compile(loss, optimizer=optimizer, backend="llvm")
    with ExitStack() as stack:
        for owner, name, part in parts():
            changed = timed(getattr(owner, name), times, part)
            stack.enter_context(mock.patch.object(owner, name, changed))
        stack.enter_context(mock.patch("micrograd.compiler.passes.perf_counter", now))
        with measured(times, "first call"):
            f.step(*arguments)
    report = f.report()
    of_passes = {"pass: " + name: value / 1e3 for name, value in report.passes.items()}
    known = sum(times[part] for *_, part in parts()) + sum(of_passes.values())
    times["rest"] = times["first call"] - known
    with measured(times, "second call"):
        f.step(*arguments)
    return {"operations": report.nodes / 1e3, **times, **of_passes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="processes of each program (5)")
    parser.add_argument("--once", choices=PROGRAMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once is not None:
        print(json.dumps(first_call(arguments.once)))
        return
    environment = {**os.environ, "MICROGRAD_CACHE": "0"}
    least: dict[str, Times] = {}
    for name in PROGRAMS:
        call = [sys.executable, __file__, "--once", name]
        rounds = [
            json.loads(
                subprocess.run(call, env=environment, capture_output=True, check=True).stdout
            )
            for _ in range(arguments.rounds)
        ]
        least[name] = {part: min(x[part] for x in rounds) for part in rounds[0]}
    print(f"{'milliseconds':24}" + "".join(f"{name:>12}" for name in PROGRAMS))
    for part in next(iter(least.values())):
        print(f"{part:24}" + "".join(f"{1e3 * times[part]:12.2f}" for times in least.values()))
    shares = (times["first call"] / times["import numpy"] for times in least.values())
    print(f"{'first call/import numpy':24}" + "".join(f"{share:12.2f}" for share in shares))


if __name__ == "__main__":
    main()
