"""The plots that tests of `viz.curves` look at."""

from __future__ import annotations

import functools

import numpy as np

from micrograd import nn
from micrograd.data import moons
from micrograd.training.fit import History
from viz import curves


def history(seed: int = 0, epochs: int = 6, per_epoch: int = 10) -> History:
    """A run whose losses fall, with noise from step to step."""
    rng = np.random.default_rng(seed)
    falling = 5.0 * 0.98 ** np.arange(epochs * per_epoch)
    batches = falling * rng.uniform(0.5, 1.5, epochs * per_epoch)
    losses = batches.reshape(epochs, per_epoch).mean(axis=1)
    return History(losses.tolist(), [], batches.tolist(), [0.1] * epochs)


RUNS = {"SGD": history(0), "Adam": history(1)}

STARTS = {
    "SGD": [history(k) for k in range(5)],
    "Adam": [history(5, epochs=4), history(6), history(7)],
    "mine": [history(8), History([5.0, float("nan")])],
}


def figures(**options):
    """A function for each plot, by name; the options are for all."""
    rows, y = moons(20, seed=0)
    model = nn.Linear(2, 1)
    return {
        "loss": lambda: curves.loss_curves(RUNS, **options),
        "one loss": lambda: curves.loss_curves({"SGD": RUNS["SGD"]}, **options),
        "linear": lambda: curves.loss_curves(RUNS, log=False, **options),
        "steps": lambda: curves.loss_curves(RUNS, steps=True, **options),
        "paths": lambda: curves.optimizer_paths(steps=8, **options),
        "factors": lambda: curves.step_sizes(steps=8, **options),
        "regions": lambda: curves.decision_regions(model, rows, y, resolution=8, **options),
        "comparison": lambda: curves.comparison(RUNS, **options),
        "starts": lambda: curves.comparison(STARTS, **options),
    }


# Each drawn once: who changes a figure takes one of `figures()`.
FIGURES = {name: functools.cache(plot) for name, plot in figures().items()}


@functools.cache
def svg_of(name):
    """The SVG of one of `FIGURES`, drawn once."""
    return FIGURES[name]().content("svg")


def laid_out(figure):
    """Draw the figure, unless it has been since it was changed."""
    if figure.stale:
        figure.canvas.draw()


def legend_texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]
