"""A GPT trained as people write one: lists of token ids, another length each step, a falling rate.

The network is that of `examples/tiny_gpt.py`, one document a step; Adam's learning rate goes down
to 0 linearly, so no two steps are the same.
"""

from __future__ import annotations

import random
import time
from statistics import median
from typing import Any, NamedTuple

from workloads import BETAS, EPS, tiny_gpt

import micrograd
from micrograd import optim

STEPS, RATE = 1000, 0.01
SHORTEST, LONGEST = 3, 16  # tokens of a document, with an edge at each end
LAST = 200  # steps that count as the steady state
EAGER = 12  # steps that are timed without the compiler


class Figures(NamedTuple):
    """Processor seconds of everything and of a step: in the end, where it compiles, eagerly."""

    total: float
    steady: float
    compiling: float
    eager: float
    loss: float


def documents(rng: random.Random) -> list[list[int]]:
    """Made-up names as lists of token ids."""
    words = []
    for _ in range(STEPS):
        length = rng.randint(SHORTEST, LONGEST) - 2
        letters = [rng.randrange(tiny_gpt.EDGE) for _ in range(length)]
        words.append([tiny_gpt.EDGE, *letters, tiny_gpt.EDGE])
    return words


def training(backend: str) -> tuple[Any, Any, list[list[int]]]:
    """The compiled loss, its optimiser, and what it is trained on."""
    rng = random.Random(42)
    model = tiny_gpt.GPT(rng)
    adam = optim.Adam(model.parameters(), lr=RATE, betas=BETAS, eps=EPS)
    loss = micrograd.compile(model.loss, optimizer=adam, backend=backend)
    return loss, adam, documents(rng)


def run(backend: str = "auto") -> Figures:
    """Train, and time each step."""
    f, adam, words = training(backend)
    seconds = []
    loss = 0.0
    for k, word in enumerate(words):
        adam.param_groups[0]["lr"] = RATE * (1 - k / STEPS)
        start = time.process_time()
        loss = f.step(word)
        seconds.append(time.process_time() - start)
    steady = median(seconds[-LAST:])
    compiling = sum(s for s in seconds if s > 20 * steady)
    return Figures(sum(seconds), steady, compiling, eagerly(), loss)


def eagerly() -> float:
    """Seconds of a step without the compiler."""
    rng = random.Random(42)
    model = tiny_gpt.GPT(rng)
    adam = optim.Adam(model.parameters(), lr=RATE, betas=BETAS, eps=EPS)
    start = time.process_time()
    for word in documents(rng)[:EAGER]:
        adam.zero_grad()
        model.loss(word).backward()
        adam.step()
    return (time.process_time() - start) / EAGER
