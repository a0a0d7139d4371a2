"""Eager speed and memory: this engine, PyPI's micrograd 0.1.0, and torch on scalar tensors.

    pip install --no-deps --target build/peers micrograd==0.1.0
    python benchmarks/bench_eager.py --peer build/peers

The workload is the sum of 5,000 terms relu(w x + b) as a balanced tree: parameters made once, x raw
floats, forward and backward again and again as in training, the gradients set to zero in between.
Each engine has a process of its own, so that it pays for its own garbage and for nothing else's;
the processes take turns, five steps at a time, and one waits while another runs. The unit is the
mean of five steps, in processor time, so that full collections count where they fall. `bytes` is
memory a node, `cyclic` how many objects a step leaves to the cycle collector.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import importlib.util
import itertools
import multiprocessing
import os
import platform
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

TERMS = 5_000
OPERATIONS = 4 * TERMS - 1
STEPS = 5
CHAIN = 1_000_000
ENGINES = {"micrograd": "this engine", "peer": "micrograd 0.1.0", "torch": "torch, scalars"}


# ---- the engines ---------------------------------------------------------------------------------


def constructor(engine: str, peer: str) -> Callable[[float], Any]:
    """What makes a parameter."""
    if engine == "micrograd":
        from micrograd import Value

        return Value
    if engine == "torch":
        import torch

        torch.set_num_threads(1)
        return lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True)
    spec = importlib.util.spec_from_file_location("peer", Path(peer) / "micrograd" / "engine.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"--peer {peer}: no micrograd/engine.py there")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.setrecursionlimit(10 * CHAIN)  # its backward() recurses over the graph
    return module.Value


class Workload:
    """The same numbers and the same program for every engine."""

    def __init__(self, engine: str, peer: str) -> None:
        rng = random.Random(0)
        self.make = constructor(engine, peer)
        self.no_gradient = None if engine == "torch" else 0.0
        self.w = [self.make(rng.uniform(-1, 1)) for _ in range(TERMS)]
        self.b = [self.make(rng.uniform(-1, 1)) for _ in range(TERMS)]
        self.x = [rng.uniform(-1, 1) for _ in range(TERMS)]

    def zero(self) -> None:
        for p in self.w + self.b:
            p.grad = self.no_gradient

    def loss(self) -> Any:
        terms = [(w * x + b).relu() for w, x, b in zip(self.w, self.x, self.b, strict=True)]
        while len(terms) > 1:
            odd = terms[len(terms) & ~1 :]
            terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + odd
        return terms[0]

    def step(self) -> float:
        """Processor seconds of forward and backward, and of freeing the graph."""
        self.zero()
        start = time.process_time()
        self.loss().backward()
        return time.process_time() - start

    def block(self, collector: bool) -> float:
        """Milliseconds a step, over some steps: a full collection comes in one of a few.

        Without the collector, the garbage is collected afterwards.
        """
        if not collector:
            gc.disable()
        seconds = sum(self.step() for _ in range(STEPS))
        if not collector:
            gc.enable()
            gc.collect()
        return 1e3 * seconds / STEPS

    def checksum(self) -> float:
        """Of the gradients, to see that all engines computed the same."""
        self.step()
        return sum((i + 1) * float(p.grad or 0.0) for i, p in enumerate(self.w + self.b))

    def bytes(self) -> float:
        """Python's memory for a node with its gradient; a raw float in an operation is one, too."""
        self.zero()
        gc.collect()
        tracemalloc.start()
        loss = self.loss()
        loss.backward()
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return used / (OPERATIONS + TERMS)

    def garbage(self) -> int:
        """How many objects one step leaves to the cycle collector."""
        gc.collect()
        gc.disable()
        self.step()
        found = gc.collect()
        gc.enable()
        return found

    def chain(self) -> list[float]:
        """Seconds to build a chain of a million operations, to run it backward, to free it."""
        gc.collect()
        x = self.make(1.0)
        times = [time.process_time()]
        y = x
        for _ in range(CHAIN // 2):
            y = (y + x).relu()
        times.append(time.process_time())
        y.backward()
        times.append(time.process_time())
        del y
        gc.collect()
        times.append(time.process_time())
        return [b - a for a, b in itertools.pairwise(times)]


def serve(connection: Connection, engine: str, peer: str) -> None:
    """Run what the main process asks for, one thing at a time."""
    workload = Workload(engine, peer)
    while True:
        name, *args = connection.recv()
        if name == "end":
            return
        connection.send(getattr(workload, name)(*args))


# ---- the measurement -----------------------------------------------------------------------------


def import_milliseconds(runs: int) -> float:
    """`import micrograd` in a fresh process, beyond `import numpy`."""
    code = (
        "import numpy, time; start = time.process_time(); import micrograd; "
        "print(time.process_time() - start)"
    )
    command = [sys.executable, "-c", code]
    return 1e3 * median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(runs)
    )


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def measure(peer: str, rounds: int) -> dict[str, dict[str, Any]]:
    """All figures of every engine."""
    context = multiprocessing.get_context("spawn")
    ask: dict[str, Callable[..., Any]] = {}
    connections = []
    for engine in ENGINES:
        connection, other = context.Pipe()
        context.Process(target=serve, args=(other, engine, peer), daemon=True).start()
        other.close()
        connections.append(connection)

        def asked(*request: Any, connection: Connection = connection) -> Any:
            connection.send(request)
            return connection.recv()

        ask[engine] = asked

    sums = [run("checksum") for run in ask.values()]  # this also warms up
    if max(sums) - min(sums) > 1e-9 * abs(sums[0]):
        raise SystemExit(f"the engines disagree: {sums}")
    results: dict[str, dict[str, Any]] = {engine: {} for engine in ENGINES}
    for collector in (True, False):
        times: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        for _ in range(rounds):
            for engine, run in ask.items():
                times[engine].append(run("block", collector))
        for engine, milliseconds in times.items():
            results[engine]["on" if collector else "off"] = milliseconds
    for figure in ("bytes", "garbage", "chain"):
        for engine, run in ask.items():
            results[engine][figure] = run(figure)
    for connection in connections:
        connection.send(("end",))
    return results


def table(results: dict[str, dict[str, Any]]) -> str:
    """A line an engine for each of: default collector, no collector, memory."""
    lines = [f"{'':16}{'median':>9}{'ratio':>7}{'best':>9}{'ratio':>7}"]
    for mode, title in (("on", "default collector"), ("off", "no collector")):
        lines.append(f"ms a step, {title}")
        ours = results["micrograd"][mode]
        for engine, name in ENGINES.items():
            theirs = results[engine][mode]
            lines.append(
                f"  {name:14}{median(theirs):9.2f}{median(theirs) / median(ours):7.1f}"
                f"{min(theirs):9.2f}{min(theirs) / min(ours):7.1f}"
            )
    lines.append(f"{'':16}{'bytes':>9}{'cyclic':>9}   chain of {CHAIN:,}: build, backward, free, s")
    for engine, name in ENGINES.items():
        r = results[engine]
        memory = "-" if engine == "torch" else f"{r['bytes']:.0f}"  # torch's is not Python's
        chain = "".join(f"{seconds:8.2f}" for seconds in r["chain"])
        lines.append(f"  {name:14}{memory:>9}{r['garbage']:9,}   {chain}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True, help="where micrograd 0.1.0 was installed")
    parser.add_argument(
        "--rounds", type=int, default=10, help="turns of five steps for each engine"
    )
    arguments = parser.parse_args()
    if not (Path(arguments.peer) / "micrograd" / "engine.py").is_file():
        parser.error(f"--peer {arguments.peer}: no micrograd/engine.py there; pip install "
                     f"--no-deps --target {arguments.peer} micrograd==0.1.0")  # fmt: skip
    if hasattr(os, "sched_setaffinity"):  # one core for all, where the system lets us choose
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results = measure(arguments.peer, arguments.rounds)
    print(f"{datetime.date.today()}, Python {platform.python_version()}, {processor()}")
    print(f"{TERMS:,} terms relu(w x + b), {OPERATIONS:,} operations, forward and backward")
    print(table(results))
    print(f"import micrograd beyond import numpy: {import_milliseconds(9):.1f} ms")


if __name__ == "__main__":
    main()
