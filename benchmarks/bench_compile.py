"""A training step from Python: `micrograd.compile`, hand-written C and NumPy, JAX, torch.

    python benchmarks/bench_compile.py           # the five steps
    python benchmarks/bench_compile.py A D       # some of them
    python benchmarks/bench_compile.py --cost    # what compiling costs

Forward, backward and update, in float64, on one core, through what each peer's users would call,
with the inputs made once. First all must have the same parameters after 20 steps from one start,
to 1e-9. Then they take turns; a figure is the median over the turns of the processor time of a
step. C is the fastest of its variants, called from Python through ctypes for each step, and alone,
in a loop of its own. A peer that is not installed is left out, and said to be.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import importlib
import os
import platform
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

if hasattr(os, "sched_setaffinity"):  # one core for all, before any of them starts threads
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import native
import numpy as np
import peers_numpy
import peers_ours
from bench_eager import processor
from workloads import Peer, Workload, all_workloads

import micrograd

CHECKED_STEPS = 20
TOLERANCE = 1e-9
TURN = 0.01  # seconds

# At most as many times the figure of C (of A: microseconds); at least as many times faster than.
AT_MOST_C = {"A": 1.5, "B": 1.3, "C": 1.3, "D": 1.2, "E": 1.2}
BELOW_JAX = {"A": 6, "B": 7, "C": 6, "D": 10, "E": 6}
BELOW_TORCH = {"A": 50, "B": 30, "C": 50, "D": 60, "E": 40}
AT_MOST_NUMPY = 1.3

COLUMNS = ("ours, llvm", "ours, numpy", "C, alone", "C, called", "JAX", "torch", "NumPy")


def missing() -> dict[str, str]:
    """The peers that cannot run here, and why."""
    found = {}
    if not hasattr(micrograd, "compile"):
        found["ours, llvm"] = found["ours, numpy"] = "micrograd has no compile()"
    elif find_spec("llvmlite") is None:
        found["ours, llvm"] = "llvmlite is not installed"
    if native.missing():
        found["C, alone"] = found["C, called"] = f"there is no {native.missing()}"
    for name, package in (("JAX", "jax"), ("torch", "torch")):
        if find_spec(package) is None:
            found[name] = f"{package} is not installed"
    return found


def make_peers(workload: Workload, absent: dict[str, str]) -> dict[str, Peer]:
    """All that can run here; of C, each variant."""
    makers: dict[str, Callable[[], Peer]] = {
        "ours, llvm": lambda: peers_ours.compiled(workload, "llvm"),
        "ours, numpy": lambda: peers_ours.compiled(workload, "numpy"),
        "JAX": lambda: importlib.import_module("peers_jax").peer(workload),
        "torch": lambda: importlib.import_module("peers_torch").peer(workload),
        "NumPy": lambda: peers_numpy.peer(workload),
    }
    peers = {name: make() for name, make in makers.items() if name not in absent}
    if "C, alone" not in absent:
        peers |= {f"C, {name}": peer for name, peer in native.peers(workload).items()}
    return peers


def check(workload: Workload, peers: dict[str, Peer]) -> float:
    """The largest distance from the eager engine after some steps; ends the run if it is large."""
    reference = peers_ours.eager(workload)
    reference.run(CHECKED_STEPS)
    wanted = reference.parameters()
    if np.array_equal(wanted, workload.start):
        raise SystemExit(f"{workload.name}: nothing is learned")
    errors = {}
    for name, peer in peers.items():
        peer.run(CHECKED_STEPS)
        errors[name] = float(np.abs(peer.parameters() - wanted).max() / np.abs(wanted).max())
    wrong = {name: error for name, error in errors.items() if not error <= TOLERANCE}
    if wrong:
        raise SystemExit(f"{workload.name}: these disagree with the eager engine: {wrong}")
    return max(errors.values())


def seconds(peer: Peer, steps: int) -> float:
    """Processor time of a step."""
    start = time.process_time()
    peer.run(steps)
    return (time.process_time() - start) / steps


def measure(workload: Workload, peers: dict[str, Peer], rounds: int) -> dict[str, float]:
    """Microseconds a step, of C those of the fastest variant."""
    most = workload.most_steps // (rounds + 2)
    for peer in peers.values():  # the first steps of some are slow
        peer.run(min(20, most))
    blocks = {name: min(most, int(TURN / seconds(p, 20)) + 1) for name, p in peers.items()}
    gc.collect()
    gc.freeze()  # what was imported is not looked through again
    times: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds):
        for name, peer in peers.items():
            times[name].append(seconds(peer, blocks[name]))
    figures = {name: 1e6 * median(values) for name, values in times.items()}
    for kind in ("alone", "called"):
        variants = [n for n in figures if n.startswith("C, ") and n.endswith(kind)]
        if variants:
            fastest = min(variants, key=figures.__getitem__)
            figures["C, " + kind] = figures[fastest]
            figures[f"which {kind}"] = fastest.removeprefix("C, ").split(",")[0]
    return figures


def times_table(results: dict[str, dict[str, float]]) -> str:
    """Microseconds a step: a line a workload, a column a peer."""
    lines = [" us a step" + "".join(f"{name:>13}" for name in COLUMNS)]
    for name, figures in results.items():
        cells = "".join(f"{figures[c]:13.2f}" if c in figures else f"{'-':>13}" for c in COLUMNS)
        lines.append(f"{name:>10}{cells}")
    return "\n".join(lines)


def ratios_table(results: dict[str, dict[str, float]]) -> str:
    """What was aimed at beside what was reached."""
    titles = ("ours/C alone", "ours/C called", "JAX/ours", "torch/ours", "numpy/NumPy")
    lines = [f"{'':10}" + "".join(f"{title:>21}" for title in titles)]
    for name, figures in results.items():
        llvm, numpy = figures.get("ours, llvm"), figures.get("ours, numpy")
        limit = AT_MOST_C[name]
        if name == "A":
            cells = [cell(llvm, 1.0, limit, "<= {} us"), cell(None, None, 0, "")]
        else:
            cells = [cell(llvm, figures.get(c), limit, "<= {}") for c in ("C, alone", "C, called")]
        cells.append(cell(figures.get("JAX"), llvm, BELOW_JAX[name], ">= {}"))
        cells.append(cell(figures.get("torch"), llvm, BELOW_TORCH[name], ">= {}"))
        cells.append(cell(numpy, figures.get("NumPy"), AT_MOST_NUMPY, "<= {}"))
        lines.append(f"{name:>10}" + "".join(f"{text:>21}" for text in cells))
    return "\n".join(lines)


def cell(a: float | None, b: float | None, limit: float, text: str) -> str:
    """A ratio and its target, such as "1.12 (<= 1.3)"; an exclamation mark where it is missed."""
    target = text.format(limit)
    if a is None or b is None:
        return f"- ({target})" if target else "-"
    reached = a / b <= limit if target.startswith("<") else a / b >= limit
    return f"{'' if reached else '! '}{a / b:.2f} ({target})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list("ABCDE"), help="of A B C D E")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each peer (15)")
    parser.add_argument("--cost", action="store_true", help="time the compiler, not the steps")
    parser.add_argument("--jax-sync", action="store_true", help="no asynchronous dispatch in JAX")
    arguments = parser.parse_args()
    if unknown := set(arguments.workloads) - set("ABCDE"):
        parser.error(f"workloads must be of A B C D E, got {' '.join(sorted(unknown))}")
    absent = missing()
    print(f"{datetime.date.today()}, Python {platform.python_version()}, {processor()}")
    for name, why in absent.items():
        print(f"without {name}: {why}")
    if arguments.jax_sync and "JAX" not in absent:
        importlib.import_module("jax").config.update("jax_cpu_enable_async_dispatch", False)
        print("JAX without asynchronous dispatch")
    if arguments.cost:
        if "ours, numpy" not in absent:
            print(importlib.import_module("compile_cost").table())
        return
    results = {}
    for workload in all_workloads():
        if workload.name not in arguments.workloads:
            continue
        peers = make_peers(workload, absent)
        error = check(workload, peers)
        results[workload.name] = measure(workload, peers, arguments.rounds)
        c = ", ".join(
            f"{results[workload.name][key]} {key.split()[1]}"
            for key in ("which alone", "which called")
            if key in results[workload.name]
        )
        print(f"{workload.name}: {workload.title}; agree to {error:.0e}; fastest C: {c or '-'}")
    print(times_table(results))
    print(ratios_table(results))


if __name__ == "__main__":
    main()
