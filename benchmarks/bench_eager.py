"""Eager speed and memory: both cores, PyPI's micrograd 0.1.0, oxigrad, torch on scalar tensors.

    pip install --no-deps --target build/peers micrograd==0.1.0
    python benchmarks/bench_eager.py --peer build/peers

The workload is the sum of 5,000 terms relu(w x + b) as a balanced tree: parameters made once, x raw
floats, forward and backward again and again as in training, the gradients set to zero in between.
Each engine has a process of its own, so that it pays for its own garbage and for nothing else's;
the processes take turns, five steps at a time, and one waits while another runs. The unit is the
mean of five steps, in processor time, so that full collections count where they fall. The other
workload is a training step of MLP(2, [16, 16, 1]) on 100 points: forward, backward, update. `bytes`
is memory a node, `cyclic` how many objects a step leaves to the cycle collector. Engines that are
not installed are left out; oxigrad and torch do not know Python's memory.
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
ENGINES = {
    "native": "native core",
    "pure": "Python core",
    "peer": "micrograd 0.1.0",
    "oxigrad": "oxigrad (Rust)",
    "torch": "torch, scalars",
}
KEPT = 100_000  # dead nodes, at most
POINTS = 100
SIZES = (2, 16, 16, 1)


# ---- the engines ---------------------------------------------------------------------------------


def constructor(engine: str, peer: str) -> Callable[[float], Any]:
    """What makes a parameter."""
    if engine in ("native", "pure"):
        os.environ["MICROGRAD_PURE"] = "1" if engine == "pure" else ""
        from micrograd.engine import CORE, WHY_PYTHON, Value

        if engine == "native" and CORE != "native":
            raise SystemExit(f"there is no native core to measure: {WHY_PYTHON}")
        return Value
    if engine == "oxigrad":
        from oxigrad.engine import Value as Other

        return Other
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
        self.model = self._model(engine, rng)
        self.points = [[rng.uniform(-1, 1) for _ in range(SIZES[0])] for _ in range(POINTS)]
        self.targets = [rng.choice([-1.0, 1.0]) for _ in range(POINTS)]

    def _model(self, engine: str, rng: random.Random) -> Any:
        if engine in ("native", "pure"):
            from micrograd.nn import MLP

            model: Any = MLP(SIZES[0], list(SIZES[1:]))
        else:
            model = PlainMLP(self.make)
        for p in model.parameters():
            p.data = rng.uniform(-1, 1) if engine != "torch" else p.data.fill_(rng.uniform(-1, 1))
        return model

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

    def train(self) -> float:
        """Processor seconds of one training step on all points."""
        parameters = self.model.parameters()
        start = time.process_time()
        losses = [(self.model(x) - t) ** 2 for x, t in zip(self.points, self.targets, strict=True)]
        loss = sum(losses[1:], losses[0]) * (1.0 / POINTS)
        for p in parameters:
            p.grad = self.no_gradient
        loss.backward()
        for p in parameters:
            p.data = p.data - 0.01 * p.grad
        self.trained = float(loss.data)
        del loss, losses
        return time.process_time() - start

    def block(self, collector: bool, name: str = "step") -> float:
        """Milliseconds a step, over some steps: a full collection comes in one of a few.

        Without the collector, the garbage is collected afterwards.
        """
        if not collector:
            gc.disable()
        seconds = sum(getattr(self, name)() for _ in range(STEPS))
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
        # The native core keeps dead nodes for new ones: none are left after these.
        held = [self.make(0.0) for _ in range(KEPT + 1)]
        tracemalloc.start()
        loss = self.loss()
        loss.backward()
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        held.clear()
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


class PlainMLP:
    """Karpathy's network, for engines that have only Values; parameters in his order."""

    def __init__(self, make: Callable[[float], Any]) -> None:
        pairs = itertools.pairwise(SIZES)
        self.layers = [[([make(0.0) for _ in range(n)], make(0.0)) for _ in range(m)]
                       for n, m in pairs]  # fmt: skip

    def __call__(self, x: Any) -> Any:
        for i, layer in enumerate(self.layers):
            sums = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for w, b in layer]
            x = [z.relu() for z in sums] if i + 1 < len(self.layers) else sums
        return x[0]

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for w, b in layer for p in (*w, b)]


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


def installed() -> list[str]:
    """The engines that can be measured here."""
    packages = {"oxigrad": "oxigrad", "torch": "torch"}
    return [e for e in ENGINES if importlib.util.find_spec(packages.get(e, "sys"))]


def measure(peer: str, rounds: int) -> dict[str, dict[str, Any]]:
    """All figures of every engine."""
    engines = installed()
    context = multiprocessing.get_context("spawn")
    ask: dict[str, Callable[..., Any]] = {}
    connections = []
    for engine in engines:
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
    results: dict[str, dict[str, Any]] = {engine: {} for engine in engines}
    for name, collector in itertools.product(("step", "train"), (True, False)):
        times: dict[str, list[float]] = {engine: [] for engine in engines}
        for _ in range(rounds):
            for engine, run in ask.items():
                if name == "step" or engine != "torch":
                    times[engine].append(run("block", collector, name))
        for engine, milliseconds in times.items():
            results[engine][name, collector] = milliseconds
    for figure in ("bytes", "garbage", "chain"):
        for engine, run in ask.items():
            results[engine][figure] = run(figure)
    for connection in connections:
        connection.send(("end",))
    return results


def table(results: dict[str, dict[str, Any]]) -> str:
    """A line an engine for each of: both workloads with and without the collector, memory."""
    lines = [f"{'':18}{'median':>9}{'best':>9}{'worst':>9}   to native: median, least, most"]
    titles = {"step": "ms a step of the tree", "train": "ms a training step of the MLP"}
    for name, collector in itertools.product(titles, (True, False)):
        lines.append(f"{titles[name]}, {'default' if collector else 'no'} collector")
        ours = results["native"][name, collector]
        for engine in results:
            theirs = results[engine][name, collector]
            if theirs:
                ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
                lines.append(
                    f"  {ENGINES[engine]:16}{median(theirs):9.2f}{min(theirs):9.2f}"
                    f"{max(theirs):9.2f}{median(ratios):19.1f}{min(ratios):7.1f}{max(ratios):7.1f}"
                )
    ours = results["native"]["step", True]
    lines.append(f"native core: {1e6 * median(ours) / OPERATIONS:.0f} ns an operation (median), "
                 f"{1e6 * min(ours) / OPERATIONS:.0f} (best)")  # fmt: skip
    lines.append(f"{'':18}{'bytes':>9}{'cyclic':>9}   chain of {CHAIN:,}: build, backward, free, s")
    for engine, r in results.items():
        name = ENGINES[engine]
        memory = "-" if engine in ("torch", "oxigrad") else f"{r['bytes']:.0f}"
        chain = "".join(f"{seconds:8.2f}" for seconds in r["chain"])
        lines.append(f"  {name:16}{memory:>9}{r['garbage']:9,}   {chain}")
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
