"""The five training steps that are timed: data, start and optimiser, the same for all peers.

Parameters go by in one flat array, `start`, cut up as `shapes`: layer by layer, each the weights
row by row and then the biases; for the GPT the nine matrices in the order of the example.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograd import data

sys.path.append(str(Path(__file__).resolve().parent.parent / "examples"))
import tiny_gpt

Floats = NDArray[np.float64]
Shape = tuple[int, ...]

BETAS, EPS = (0.85, 0.99), 1e-8  # of Adam
ALPHA = 1e-4  # of the L2 term


class Peer(NamedTuple):
    """`function(*args)` is one training step; `parameters()` are those now, as in `start`.

    `many(k)`, where there is one, makes k steps without coming back to Python in between.
    """

    function: Callable[..., object]
    args: tuple[Any, ...]
    parameters: Callable[[], Floats]
    many: Callable[[int], object] | None = None

    def run(self, steps: int) -> None:
        """Make some steps."""
        if self.many is not None:
            self.many(steps)
            return
        function, args = self.function, self.args
        for _ in range(steps):
            function(*args)


@dataclass(frozen=True)
class Workload:
    """An MLP on `x` and `y`, or a GPT on `tokens`."""

    name: str
    title: str
    shapes: tuple[Shape, ...]
    start: Floats
    lr: float
    x: Floats = field(default_factory=lambda: np.empty((0, 0)))
    y: Floats = field(default_factory=lambda: np.empty(0))
    tokens: tuple[int, ...] = ()
    hinge: bool = False  # hinge loss and an L2 term rather than the mean squared error
    # Adam's means of gradients that are 0 become denormal after some thousand steps.
    most_steps: int = 10_000_000

    def split(self, flat: Any) -> list[Any]:
        """The parts of a flat array with their shapes: views of it."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        parts = (
            flat[end - int(np.prod(s)) : end] for s, end in zip(self.shapes, ends, strict=True)
        )
        return [part.reshape(s) for s, part in zip(self.shapes, parts, strict=True)]

    @property
    def sizes(self) -> list[int]:
        """Of the MLP: inputs, units of each layer."""
        return [self.shapes[0][1], *(shape[0] for shape in self.shapes[1::2])]


def mlp(name: str, sizes: list[int], x: Floats, y: Floats, seed: int, **options: Any) -> Workload:
    """An MLP of these sizes with weights from U(-1, 1)."""
    shapes: tuple[Shape, ...] = ()
    for inputs, outputs in pairwise(sizes):
        shapes += ((outputs, inputs), (outputs,))
    start = np.random.default_rng(seed).uniform(-1, 1, sum(int(np.prod(s)) for s in shapes))
    samples = f"{len(x)} sample{'s' if len(x) > 1 else ''}"
    title = f"{'→'.join(map(str, sizes))}, {samples}"
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y.ravel())
    return Workload(name, title, shapes, start, x=x, y=y, **options)


def gpt(name: str, word: str) -> Workload:
    """The example's GPT on one name."""
    parameters = tiny_gpt.GPT(random.Random(0)).parameters()
    start = np.concatenate([np.ravel(p.data) for p in parameters])
    tokens = tuple(tiny_gpt.encode(word))
    return Workload(
        name,
        f"tiny GPT, {len(tokens) - 1} tokens, Adam",
        tuple(p.shape for p in parameters),
        start,
        lr=0.01,
        tokens=tokens,
        most_steps=4000,
    )


def all_workloads() -> list[Workload]:
    """A to E."""
    one = np.array([[2.0]]), np.array([4.0])
    return [
        mlp("A", [1, 2, 1], *one, seed=3, lr=0.01),
        mlp("B", [3, 5, 5, 3, 1], *data.article(800, seed=0), seed=1, lr=0.01),
        mlp("C", [2, 16, 16, 1], *data.moons(100, 0.1, seed=0), seed=0, lr=0.05, hinge=True),
        gpt("D", "zigital"),
        gpt("E", "vobipurtapizeso"),
    ]
