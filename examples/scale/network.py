"""The article's network in plain scalars, exported; and the data that all of them train on."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

import micrograd
from micrograd import data
from micrograd.nn import MLP

SAMPLES, STEPS, RATE = 64, 50, 0.05


def samples() -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets; their number is one that eight devices share evenly."""
    x, y = data.article(SAMPLES, seed=0)
    return x, y[:, 0].copy()


def exported(to: str) -> Any:
    """The mean squared error of a 3 → 5 → 5 → 3 → 1 network, as code of another library."""
    random.seed(0)
    network = MLP(3, [5, 5, 3, 1])

    def mean_squared_error(X, y):  # noqa: N803  (the article's names)
        return sum((network(row) - t) ** 2 for row, t in zip(X, y, strict=True)) / len(X)

    return micrograd.export(mean_squared_error, *samples(), to=to)


def saved(to: str, folder: Path) -> Path:
    """The file of an export; without micrograd, what it holds can be trained anywhere."""
    path = folder / f"exported_{to}.py"
    exported(to).save(path)
    return path


def alone() -> dict[str, np.ndarray]:
    """The parameters after the same steps in one process, in NumPy."""
    found: dict[str, Any] = {}
    written = exported("numpy")
    exec(written.source, found)
    parameters = dict(written.parameters)
    for _ in range(STEPS):
        _, gradient = found["loss_and_gradient"](parameters, *samples())
        parameters = {name: p - RATE * gradient[name] for name, p in parameters.items()}
    return parameters


def compare(parameters: dict[str, Any], where: str) -> None:
    """Say how far parameters are from those of one process; exit with 1 if it is more than 1e-9."""
    expected = alone()
    worst = max(
        float(np.abs(np.asarray(parameters[name]) - p).max()) for name, p in expected.items()
    )
    print(f"{where}: {STEPS} steps, largest difference from one process {worst:.1e}")
    if not worst < 1e-9:
        sys.exit(1)
