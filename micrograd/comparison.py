"""The article's seven ways to descend, trained side by side from the same start."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from micrograd import nn, optim
from micrograd.article import Network
from micrograd.data import DataLoader, article
from micrograd.errors import ArgumentValueError
from micrograd.loop import History, fit
from micrograd.tables import columns
from micrograd.words import check_language, word

SIZES = (3, 5, 5, 3, 1)  # the article's 4-layer network
MINI_BATCH = 32
# Chosen among 0 to 6 as a start from which every method learns. From 4 and 5 none of those tried
# did (too many ReLUs are off), from the rest some did not get far: one start ranks no methods.
SEED = 3


@dataclass(frozen=True)
class Method:
    """One way to descend: how many samples a step sees, and the rule of the step."""

    name: str
    batch_size: int | None
    optimizer: Callable[[Iterable[Any]], optim.Optimizer]


METHODS = (
    Method("batch", None, lambda p: optim.SGD(p, lr=0.1)),
    Method("stochastic", 1, lambda p: optim.SGD(p, lr=0.005)),
    Method("mini-batch", MINI_BATCH, lambda p: optim.SGD(p, lr=0.05)),
    Method("momentum", MINI_BATCH, lambda p: optim.SGD(p, lr=0.01, momentum=0.9)),
    Method("Adagrad", MINI_BATCH, lambda p: optim.Adagrad(p, lr=0.1)),
    Method("RMSprop", MINI_BATCH, lambda p: optim.RMSprop(p, lr=0.01)),
    Method("Adam", MINI_BATCH, lambda p: optim.Adam(p, lr=0.01)),
)


def compare(
    samples: int = 800,
    test_samples: int = 200,
    epochs: int = 10,
    seed: int = SEED,
    methods: Sequence[Method] = METHODS,
    done: Callable[[str], object] = lambda name: None,
) -> dict[str, History]:
    """Train the article's network on its data by each method, from the same parameters.

    The same seed gives the same numbers. `done` is called with the name of each method that has
    been trained.

    >>> histories = compare(samples=40, test_samples=10, epochs=1, seed=1)
    >>> list(histories)[:3]
    ['batch', 'stochastic', 'mini-batch']
    """
    if epochs < 1:
        raise ArgumentValueError(f"epochs must be a whole number from 1, got {epochs!r}")
    x, y = article(samples + test_samples, seed)
    validation = DataLoader(x[samples:], y[samples:], shuffle=False)
    histories = {}
    for method in methods:
        random.seed(seed)
        model = Network(SIZES)
        histories[method.name] = fit(
            model,
            nn.MSELoss(),
            method.optimizer(model.parameters()),
            DataLoader(x[:samples], y[:samples], method.batch_size, seed=seed),
            epochs,
            progress=False,
            validation=validation,
        )
        done(method.name)
    return histories


def comparison_table(histories: dict[str, History], samples: int, language: str = "en") -> str:
    """A line a method: steps taken, and the losses it came to."""
    check_language(language)
    batch_sizes = {method.name: method.batch_size or samples for method in METHODS}
    heads = ("method", "batch size", "steps", "training loss", "validation loss")
    rows = [tuple(word(head, language) for head in heads)]
    for name, history in histories.items():
        rows.append(
            (
                name,
                str(batch_sizes.get(name, "")),
                str(len(history.batch_losses)),
                f"{history.losses[-1]:.4f}",
                f"{history.validation[-1]:.4f}",
            )
        )
    return "\n".join(columns(rows))
