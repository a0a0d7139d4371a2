"""A larger network, and several threads: how near a step is to what the processor can do.

    python benchmarks/bench_large.py             # 64 -> 256 -> 256 -> 1 on 256 samples, one thread
    python benchmarks/bench_large.py --threads   # 16 -> 64 -> 64 -> 1, with one thread and with two

A step is forward, backward and update, in float64. The peak is that of a loop of fused
multiply-adds on registers, measured in turns with the steps; a step counts two operations for each
product of its six matrix products, and nothing for the rest. Figures are the least of many turns:
of processor time with one thread, and of time with several. With --first nobody else is let to a
processor during a turn (root alone may do that), as on a machine that is not used otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import datetime
import os
import platform
import random
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from statistics import median
from typing import Any

import llvmlite.binding as llvm
import numpy as np

import micrograd
from micrograd import optim
from micrograd.compiler.backends.llvm.execution import target, this_machine
from micrograd.compiler.backends.llvm.later import later
from micrograd.nn import MLP

CHAINS, TRIPS = 10, 100_000
RATE = 1e-4
AT_LEAST_OF_PEAK, AT_LEAST_OF_ONE, AT_MOST_SLOWER = 0.6, 1.7, 1.05
Step = Callable[[], object]


def peak() -> tuple[Step, int]:
    """A loop of fused multiply-adds, and how many operations it is."""
    lanes = this_machine().vector_bytes // 8
    vector = f"<{lanes} x double>"
    half = f"splat (double {0.5!r})"
    lines = [
        f"declare {vector} @llvm.fma.v{lanes}f64({vector}, {vector}, {vector})",
        "define double @peak() {", "entry:", "  br label %loop", "loop:",
        "  %i = phi i64 [ 0, %entry ], [ %j, %loop ]",
        *[f"  %x{k} = phi {vector} [ splat (double {float(k)}), %entry ], [ %y{k}, %loop ]"
          for k in range(CHAINS)],
        *[f"  %y{k} = call {vector} @llvm.fma.v{lanes}f64({vector} %x{k}, {vector} {half}, "
          f"{vector} {half})" for k in range(CHAINS)],
        "  %j = add i64 %i, 1", f"  %more = icmp ult i64 %j, {TRIPS}",
        "  br i1 %more, label %loop, label %end", "end:",
        *[f"  %s{k} = fadd {vector} %{'y0' if k == 1 else f's{k - 1}'}, %y{k}"
          for k in range(1, CHAINS)],
        f"  %r = extractelement {vector} %s{CHAINS - 1}, i32 0", "  ret double %r", "}",
    ]  # fmt: skip
    features = llvm.get_host_cpu_features().flatten()
    machine = target().create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=2)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly("\n".join(lines)), machine)
    engine.finalize_object()
    run: Any = ctypes.CFUNCTYPE(ctypes.c_double)(engine.get_function_address("peak"))
    run.owner = engine
    return run, 2 * CHAINS * lanes * TRIPS


def operations(sizes: list[int], samples: int) -> int:
    """Of the matrix products of a step; nobody needs the derivatives by the inputs."""
    products = [a * b for a, b in pairwise(sizes)]
    return 2 * samples * (3 * sum(products) - products[0])


def data(sizes: list[int], samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(samples, sizes[0])), rng.normal(size=samples)


def ours(sizes: list[int], samples: int, threads: int = 1) -> tuple[Step, list[Any]]:
    """A compiled step, and its parameters."""
    random.seed(0)
    model = MLP(sizes[0], sizes[1:])
    for layer, fan_in in zip(model.layers, sizes, strict=False):
        for p in layer.parameters():
            p.data = random.gauss(0, fan_in**-0.5)
    f = micrograd.compile(
        lambda x, y: (model(x) - y) ** 2, batch=True, threads=threads, backend="llvm",
        optimizer=optim.SGD(model.parameters(), lr=RATE),
    )  # fmt: skip
    x, y = data(sizes, samples)
    return lambda: f.step(x, y), model.parameters()


def in_torch(sizes: list[int], samples: int, start: list[float]) -> Step:
    """The same step in torch, on one thread."""
    import torch

    torch.set_num_threads(1)
    layers: list[Any] = []
    for a, b in pairwise(sizes):
        layers += [torch.nn.Linear(a, b, dtype=torch.float64), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    _filled([(m.weight.data, m.bias.data) for m in model[::2]], start)
    sgd = torch.optim.SGD(model.parameters(), lr=RATE)
    x, y = (torch.as_tensor(a) for a in data(sizes, samples))

    def step() -> None:
        sgd.zero_grad()
        ((model(x)[:, 0] - y) ** 2).mean().backward()
        sgd.step()

    return step


def in_jax(sizes: list[int], samples: int, start: list[float]) -> Step:
    """The same step in JAX, compiled, on one thread."""
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import jax

    jax.config.update("jax_enable_x64", True)
    own = [(np.zeros((b, a)), np.zeros(b)) for a, b in pairwise(sizes)]
    _filled(own, start)
    x, y = data(sizes, samples)

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        for k, (w, b) in enumerate(parameters, 1):
            x = x @ w.T + b
            x = jax.nn.relu(x) if k < len(parameters) else x
        return ((x[:, 0] - y) ** 2).mean()

    @jax.jit
    def update(parameters: Any, x: Any, y: Any) -> Any:
        slopes = jax.grad(loss)(parameters, x, y)
        return jax.tree.map(lambda p, g: p - RATE * g, parameters, slopes)

    parameters = jax.tree.map(jax.numpy.asarray, own)
    x, y = jax.numpy.asarray(x), jax.numpy.asarray(y)

    def step() -> None:
        nonlocal parameters
        parameters = jax.block_until_ready(update(parameters, x, y))

    return step


def _filled(layers: list[tuple[Any, Any]], start: list[float]) -> None:
    """Write parameters that lie neuron by neuron, weights and then the bias."""
    at = 0
    for weight, bias in layers:
        for row in range(weight.shape[0]):
            n = weight.shape[1]
            for k in range(n):
                weight[row, k] = start[at + k]
            bias[row] = start[at + n]
            at += n + 1


@contextlib.contextmanager
def first(wanted: bool) -> Iterator[None]:
    """With `wanted`, all threads of this process come before those of others."""

    def schedule(policy: int, priority: int) -> None:
        for thread in threading.enumerate():
            os.sched_setscheduler(thread.native_id or 0, policy, os.sched_param(priority))

    if wanted:
        schedule(os.SCHED_FIFO, 1)
    try:
        yield
    finally:
        if wanted:
            schedule(os.SCHED_OTHER, 0)


def measured(
    steps: dict[str, Step], turns: int, clock: Callable[[], float], alone: bool
) -> dict[str, list[float]]:
    """Seconds of each in each turn."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(turns):
        with first(alone):
            for name, step in steps.items():
                start = clock()
                step()
                times[name].append(clock() - start)
    return times


def warm(step: Step, seconds: float = 1.0) -> None:
    """Run until good code is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        step()
    later.wait()
    for _ in range(3):
        step()


def large(turns: int, alone: bool) -> None:
    """One thread beside the peak, torch and JAX."""
    sizes, samples = [64, 256, 256, 1], 256
    count = operations(sizes, samples)
    top, top_count = peak()
    mine, parameters = ours(sizes, samples)
    start = [p.data for p in parameters]
    steps: dict[str, Step] = {"peak": top, "micrograd": mine}
    for name, make in (("torch", in_torch), ("JAX", in_jax)):
        if find_spec(name.lower()) is None:
            print(f"{name} is not installed")
        else:
            steps[name] = make(sizes, samples, start)
    for step in steps.values():
        warm(step)
    times = measured(steps, turns, time.process_time, alone)
    best = top_count / min(times["peak"])
    print(f"{' -> '.join(map(str, sizes))} on {samples} samples, {count / 1e6:.0f} million "
          f"operations a step; peak {best / 1e9:.1f} GFLOP/s")  # fmt: skip
    for name in steps:
        if name != "peak":
            least, half = min(times[name]), median(times[name])
            print(f"  {name:10} {1e3 * least:6.2f} ms (median {1e3 * half:6.2f}), "
                  f"{count / least / best:4.0%} of the peak")  # fmt: skip
    reached = count / min(times["micrograd"]) / best
    print(f"  at least {AT_LEAST_OF_PEAK:.0%} wanted: {_kept(reached >= AT_LEAST_OF_PEAK)}")


def threads(turns: int, alone: bool) -> None:
    """One thread and two, on many samples and on few."""
    sizes = [16, 64, 64, 1]
    print(f"{' -> '.join(map(str, sizes))}, one thread and two")
    for samples in (10_000, 1_000, 300, 100, 20):
        pair = {str(n): ours(sizes, samples, n)[0] for n in (1, 2)}
        for step in pair.values():
            warm(step)
        times = measured(pair, turns, time.perf_counter, alone)
        one, two = times["1"], times["2"]
        ratio, half = min(one) / min(two), median(one) / median(two)
        wanted = AT_LEAST_OF_ONE if samples == 10_000 else 1 / AT_MOST_SLOWER
        print(f"  {samples:6} samples: {1e3 * min(one):7.3f} and {1e3 * min(two):7.3f} ms, "
              f"{ratio:.2f} times (medians {half:.2f}); at least {wanted:.2f} wanted: "
              f"{_kept(ratio >= wanted)}")  # fmt: skip


def _kept(kept: bool) -> str:
    return "yes" if kept else "NO"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", action="store_true", help="compare one thread and two")
    parser.add_argument("--first", action="store_true", help="come before other processes")
    parser.add_argument("--turns", type=int, default=60)
    given = parser.parse_args()
    cores = os.cpu_count()
    print(f"{datetime.date.today()}, {platform.machine()}, {llvm.get_host_cpu_name()}, "
          f"{cores} processors, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    if given.threads:
        threads(given.turns, given.first)
    else:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        large(given.turns, given.first)


if __name__ == "__main__":
    main()
