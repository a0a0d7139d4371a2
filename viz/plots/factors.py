"""How large the steps of adaptive optimisers are, as a factor on the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.engine import Value
from micrograd.optim import SGD, Adagrad, Adam, RMSprop
from micrograd.text.words import check_language
from viz.plots.inks import inks
from viz.plots.style import Plot, check_count, key, legend_below, look
from viz.plots.valley import MakeOptimizer
from viz.plots.words import words

Floats = NDArray[np.float64]

SLOPES = (10.0, 0.1)  # of L in a and in b
RULES: Mapping[str, MakeOptimizer] = {
    "SGD": partial(SGD, lr=0.1),
    "Adagrad": partial(Adagrad, lr=0.1),
    "RMSprop": partial(RMSprop, lr=0.1, alpha=0.9),
    "Adam": partial(Adam, lr=0.1),
}
COLUMNS = 2
KEY_COLOR = "#5B6770"
LOOKS: tuple[dict[str, Any], ...] = (  # of the two parameters
    {"linestyle": "-", "marker": "o", "markersize": 5},
    {"linestyle": (0, (5, 1.5)), "marker": "s", "markersize": 6, "markerfacecolor": "white"},
)


def step_sizes(steps: int = 100, *, language: str = "en") -> Plot:
    """The effective step size of SGD, Adagrad, RMSprop (alpha 0.9) and Adam, for two parameters.

    The loss is L = 10 a + 0.1 b, so one gradient is always 10 and the other always 0.1. The
    factor |Δp| / (lr |g|), without unit, is how far a step goes for each unit of gradient and of
    learning rate. The adaptive rules make it 100 times larger for the parameter with the small
    gradient. Adagrad's falls towards 0 as 1/√t, since it divides by the sum of all squares;
    RMSprop's settles at 1/|g|, since it divides by a running mean, which began at 0; Adam corrects
    for that beginning and has 1/|g| from the first step. The gradients are computed by
    `Value`, the steps by `micrograd.optim`. The words are in `language`, "en" or "zh".

    Raises an ArgumentValueError if `steps` is not a whole number from 1, or there is no such
    language.

    >>> figure = step_sizes(steps=4)
    >>> figure.axes[1].lines[0].get_ydata().round(4).tolist()
    [0.1, 0.0707, 0.0577, 0.05]
    """
    check_language(language)
    check_count("steps", steps)
    figure = Plot(5.4, language)
    looks = inks(RULES)
    with look(language):
        panels = figure.subplots(len(RULES) // COLUMNS, COLUMNS, sharex=True, sharey=True)
        for axes, (name, rule) in zip(panels.flat, RULES.items(), strict=True):
            for i, factors in enumerate(step_factors(rule, steps)):
                axes.plot(
                    np.arange(1, steps + 1),
                    factors,
                    color=looks[name].color,
                    linewidth=2,
                    markevery=(i * steps // 10, max(1, steps // 5)),
                    **LOOKS[i],
                )
            axes.set_yscale("log")
            axes.set_title(words(f"factors {name}", language))
            axes.set_xlabel(words("step", language))
        for axes in panels[:, 0]:
            axes.set_ylabel(words("factor", language))
        figure.suptitle(words("factors title", language))
        legend_below(
            figure,
            [
                key(words("gradient of", language, slope=slope), color=KEY_COLOR, **style)
                for slope, style in zip(SLOPES, LOOKS, strict=True)
            ],
        )
    return figure


def step_factors(rule: MakeOptimizer, steps: int) -> Floats:
    """|Δp| / (lr |g|) of both parameters, a row each, in every step."""
    parameters = [Value(0.0), Value(0.0)]
    optimizer = rule(parameters)
    factors = []
    for _ in range(steps):
        optimizer.zero_grad()
        a, b = parameters
        (SLOPES[0] * a + SLOPES[1] * b).backward()
        factors.append([abs(u.direction / u.value.grad) for u in optimizer.updates()])
        optimizer.step()
    return np.array(factors).T
