"""The article's seven ways to descend, trained side by side from the same starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd import nn, optim
from micrograd.article.dead import dead_units
from micrograd.article.networks import DEEP_SIZES, SEEDS, deep_network
from micrograd.compiler.api import compile  # noqa: A004  (the contract's name)
from micrograd.data import DataLoader, article
from micrograd.errors import ArgumentValueError
from micrograd.steps.tables import columns
from micrograd.tensors.tensor import tensor
from micrograd.text.words import check_language, word
from micrograd.training.fit import History

Floats = NDArray[np.float64]

MINI_BATCH = 32
HIDDEN = DEEP_SIZES[1:-1]


@dataclass(frozen=True)
class Method:
    """One way to descend: how many samples a step sees, and the rule of the step."""

    name: str
    batch_size: int | None
    optimizer: Callable[[Iterable[Any]], optim.Optimizer]


# Of 0.001, 0.002, 0.005, 0.01, … 0.5 each has the rate with the lowest median validation loss after
# 10 epochs from 20 other starts (seeds 100 to 119).
METHODS = (
    Method("batch", None, lambda p: optim.SGD(p, lr=0.05)),
    Method("stochastic", 1, lambda p: optim.SGD(p, lr=0.005)),
    Method("mini-batch", MINI_BATCH, lambda p: optim.SGD(p, lr=0.05)),
    Method("momentum", MINI_BATCH, lambda p: optim.SGD(p, lr=0.01, momentum=0.9)),
    Method("Adagrad", MINI_BATCH, lambda p: optim.Adagrad(p, lr=0.2)),
    Method("RMSprop", MINI_BATCH, lambda p: optim.RMSprop(p, lr=0.01)),
    Method("Adam", MINI_BATCH, lambda p: optim.Adam(p, lr=0.05)),
)


@dataclass
class Run:
    """One training: its history, and how many ReLUs of each hidden layer were dead.

    `dead` has a tuple for the start and one for each epoch after it.
    """

    seed: int
    batch_size: int
    history: History = field(default_factory=History)
    dead: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def dead_since(self) -> int | None:
        """The epoch after which some layer was dead whole until the end; 0: before training."""
        whole = [any(map(int.__eq__, counts, HIDDEN)) for counts in self.dead]
        if not whole[-1]:
            return None
        return len(whole) - next((k for k, w in enumerate(reversed(whole)) if not w), len(whole))


Comparison = Mapping[str, Sequence[Run]]


def compare(
    samples: int = 800,
    test_samples: int = 200,
    epochs: int = 10,
    seeds: Sequence[int] = SEEDS,
    methods: Sequence[Method] = METHODS,
    done: Callable[[str], object] = lambda name: None,
) -> dict[str, list[Run]]:
    """Train the article's network by each method, once from each seed's data and start.

    With the same seed all methods have the same data and the same start (`article.deep_network`),
    and the same seeds give the same numbers. A run whose loss is no longer finite ends with that
    epoch. `done` is called with the name of the method after each run.

    >>> runs = compare(samples=40, test_samples=10, epochs=1, seeds=[1, 2])
    >>> list(runs)[:3], [run.seed for run in runs["Adam"]]
    (['batch', 'stochastic', 'mini-batch'], [1, 2])
    """
    if epochs < 1:
        raise ArgumentValueError(f"epochs must be a whole number from 1, got {epochs!r}")
    if not seeds:
        raise ArgumentValueError("seeds is empty: there is no start")
    runs: dict[str, list[Run]] = {}
    for method in methods:
        train = _trainer(method, samples, test_samples, epochs)
        runs[method.name] = []
        for seed in seeds:
            runs[method.name].append(train(seed))
            done(method.name)
    return runs


def _trainer(method: Method, samples: int, test_samples: int, epochs: int) -> Callable[[int], Run]:
    """What trains by a method from a seed; compiled once for all seeds, a sample a lane."""
    model = deep_network(0)
    optimizer = method.optimizer(model.parameters())
    fresh = optimizer.state_dict()
    mean_squared_error = nn.MSELoss()

    def sample_loss(x: Any, y: Any) -> Any:
        return mean_squared_error(model(tensor([x])), tensor([y]))

    loss = compile(sample_loss, optimizer=optimizer, batch=True)

    def train(seed: int) -> Run:
        x, y = article(samples + test_samples, seed)
        model.load_state_dict(deep_network(seed).state_dict())
        optimizer.load_state_dict(fresh)
        loader = DataLoader(x[:samples], y[:samples], method.batch_size, seed=seed)
        run = Run(seed, loader.batch_size)
        history = run.history
        run.dead.append(dead_units(model, x[:samples]))
        for epoch in range(epochs):
            total = 0.0
            for x_batch, y_batch in loader.arrays():
                history.batch_losses.append(loss.step(x_batch, y_batch))
                total += history.batch_losses[-1] * len(x_batch)
            history.losses.append(total / samples)
            history.validation.append(loss(x[samples:], y[samples:]))
            history.learning_rates.append(optimizer.lr)
            run.dead.append(dead_units(model, x[:samples]))
            if not math.isfinite(total):
                history.stopped = f"diverged in epoch {epoch + 1}"
                break
        return run

    return train


def comparison_table(runs: Comparison, language: str = "en") -> str:
    """A line a method: its rate, the losses it came to, and how many ReLUs were dead.

    Of several runs it is the median, and of losses the lowest and the highest too. Below are the
    runs that came to nothing: that diverged, or in which all units of a layer died.
    """
    check_language(language)
    heads = (
        "method", "learning rate", "batch size", "steps", "training loss", "validation loss",
        "dead units",
    )  # fmt: skip
    rows = [tuple(word(head, language) for head in heads)]
    for name, members in runs.items():
        histories = [run.history for run in members]
        before, after = (median(sum(run.dead[k]) for run in members) for k in (0, -1))
        rows.append(
            (
                name,
                f"{histories[0].learning_rates[0]:g}",
                str(members[0].batch_size),
                str(max(len(history.batch_losses) for history in histories)),
                _spread([history.losses[-1] for history in histories]),
                _spread([history.validation[-1] for history in histories]),
                f"{before:g} → {after:g}",
            )
        )
    count = max(map(len, runs.values()))
    units = sum(HIDDEN)
    lines = columns(rows)
    lines.append(word("dead units: of {n}, at first → at last", language, n=units))
    if count > 1:
        lines.append(word("median (lowest – highest) of {n} runs", language, n=count))
    return "\n".join([*lines, *_endings(runs, language)])


def _spread(losses: Sequence[float]) -> str:
    """The median, lowest and highest; nan, the loss of a run that diverged, is above all."""
    losses = [math.inf if math.isnan(x) else x for x in losses]
    middle = median(losses)
    if len(losses) == 1:
        return f"{middle:.4f}"
    return f"{middle:.3f} ({min(losses):.3f} – {max(losses):.3f})"


def _endings(runs: Comparison, language: str) -> list[str]:
    """A line for each run that diverged or in which all units of a layer died."""
    lines = []
    for name, members in runs.items():
        for run in members:
            said = ""
            if run.history.stopped:
                said = word("diverged in epoch {n}", language, n=run.history.epochs)
            elif run.dead_since is not None:
                since = "since epoch {n}" if run.dead_since else "before training"
                said = word(f"a whole layer is dead {since}", language, n=run.dead_since)
            if said:
                lines.append(
                    word(
                        "{name}, seed {seed}: {said}", language, name=name, seed=run.seed, said=said
                    )
                )
    return lines
