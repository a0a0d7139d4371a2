"""What compiling costs: time and memory, for small graphs and large, each in a fresh process."""

from __future__ import annotations

import multiprocessing
import resource
import time
from typing import Any

import numpy as np
import peers_ours
import workloads

import micrograd
from micrograd import data, optim

SIZES = [3, 5, 5, 3, 1]
SAMPLES = (8, 80, 800, 8000)  # about 130 scalar nodes each
BATCHES = (10, 100, 1000, 10_000, 100_000)

Figures = dict[str, float]


def whole(samples: int) -> Figures:
    """A loss over all samples, traced whole."""
    X, y = data.article(samples, seed=0)  # noqa: N806
    workload = workloads.mlp("cost", SIZES, X, y, seed=1, lr=0.01)
    loss, inputs, optimizer, _ = peers_ours.training(workload)
    return compile_and_step(loss, inputs, optimizer, batch=False)


def lanes(samples: int) -> Figures:
    """The loss of one sample, made a program for a batch."""
    X, y = data.article(samples, seed=0)  # noqa: N806
    model = micrograd.nn.MLP(SIZES[0], SIZES[1:])

    def loss(x: Any, target: Any) -> Any:
        return (model(x) - target) ** 2

    inputs = np.ascontiguousarray(X), np.ascontiguousarray(y.ravel())
    return compile_and_step(loss, inputs, optim.SGD(model.parameters(), lr=0.01), batch=True)


def compile_and_step(loss: Any, inputs: Any, optimizer: Any, batch: bool) -> Figures:
    """The compiler's own figures, the first step in full, and the memory that it took."""
    import_backend()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    f = micrograd.compile(loss, optimizer=optimizer, batch=batch)
    start = time.perf_counter()
    f.step(*inputs)
    first = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {**peers_ours.figures(f), "first_ms": 1e3 * first, "peak_mb": memory / 1024}


def import_backend() -> None:
    """Load the compiler and its backend, so that their import is not counted."""
    x = micrograd.Value(1.0)
    micrograd.compile(lambda a: x * a)(1.0)


def table() -> str:
    """A line for each size of both kinds."""
    names = ("nodes", "kernels", "trace_ms", "passes_ms", "backend_ms", "first_ms", "peak_mb")
    lines = [f"{'':22}" + "".join(f"{name:>12}" for name in names) + f"{'us a node':>12}"]
    context = multiprocessing.get_context("spawn")
    for function, sizes, kind in ((whole, SAMPLES, "samples"), (lanes, BATCHES, "in a batch")):
        for samples in sizes:
            with context.Pool(1) as pool:
                found = pool.apply(function, (samples,))
            cells = "".join(f"{found[name]:12,.0f}" for name in names[:2])
            cells += "".join(f"{found[name]:12,.1f}" for name in names[2:])
            each = 1e3 * sum(found[name] for name in names[2:5]) / found["nodes"]
            lines.append(f"{samples:>10,} {kind:11}{cells}{each:12.2f}")
    return "\n".join(lines)
