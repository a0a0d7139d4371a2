"""The paths of optimisers down an elongated valley, and how far each step goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from micrograd.engine import Value, as_number
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.optim import SGD, Adagrad, Adam, Optimizer, RMSprop
from micrograd.text.words import check_language
from viz.plots.inks import Ink, inks
from viz.plots.style import Plot, check_count, key, legend_below, literal, look
from viz.plots.words import words

Floats = NDArray[np.float64]
MakeOptimizer = Callable[[list[Value]], Optimizer]

COLUMNS = 2
ROW_HEIGHT = 1.95  # inches
CONTOURS = 8
CONTOUR_RATIO = 2.5  # of the losses of two neighbouring contours
REACH = 1.35  # of the start's distance from the minimum: a path that goes farther is cut off
LOWEST, HIGHEST = 1e-30, 1e3  # losses that are drawn, as shares of the first
START_COLOR = "#33475B"
CONTOUR_COLOR = "#B4BFC9"

RULES: Mapping[str, MakeOptimizer] = {
    "SGD, lr 0.095": partial(SGD, lr=0.095),
    "SGD, momentum 0.9, lr 0.02": partial(SGD, lr=0.02, momentum=0.9),
    "Adagrad, lr 1": partial(Adagrad, lr=1.0),
    "RMSprop, lr 0.2": partial(RMSprop, lr=0.2, alpha=0.9),
    "Adam, lr 0.3": partial(Adam, lr=0.3),
}


def optimizer_paths(
    optimizers: Mapping[str, MakeOptimizer] | None = None,
    valley: tuple[float, float] = (0.2, 20.0),
    start: tuple[float, float] = (-9.0, 1.5),
    steps: int = 60,
    *,
    language: str = "en",
) -> Plot:
    """The paths of optimisers on the contours of L(a, b) = (c1 a² + c2 b²) / 2.

    `optimizers` maps names to functions that make an optimiser from a list of two Values; without
    it, five rules with rates that suit the default valley: plain descent has to take a rate small
    enough for the steep direction b, zigzags there, and creeps along a; momentum averages the
    zigzag out and gathers speed along the valley. The default valley is long (1:100) so that this
    is seen: in one of 1:20, plain descent at rate 0.09 ends lower than momentum 0.9 at the rates
    that were tried. `valley` is (c1, c2), both above 0, and `start`
    the first (a, b). Each optimiser has a panel of its own, all with the same axes, and the last
    panel has the losses of all. The gradients are computed by `Value`, the steps by
    `micrograd.optim`. The words are in `language`, "en" or "zh"; names stay as they are.

    Raises an ArgumentValueError or ArgumentTypeError for arguments that cannot be used.

    >>> from micrograd import optim
    >>> figure = optimizer_paths({"SGD": lambda params: optim.SGD(params, lr=0.05)}, steps=5)
    >>> a, b = figure.axes[0].lines[0].get_data()
    >>> a.round(3).tolist()
    [-9.0, -8.91, -8.821, -8.733, -8.645, -8.559]
    """
    check_language(language)
    rules = RULES if optimizers is None else optimizers
    _check(rules, valley, start, steps)
    paths = {name: descent(rule, valley, start, steps) for name, rule in rules.items()}
    rows = math.ceil((len(paths) + 1) / COLUMNS)
    figure = Plot(1.1 + ROW_HEIGHT * rows, language)
    with look(language):
        grid = GridSpec(rows, COLUMNS, figure=figure)
        first = figure.add_subplot(grid[0, 0])
        looks = inks(paths)
        for i, (name, path) in enumerate(paths.items()):
            place = grid[i // COLUMNS, i % COLUMNS]
            axes = first if i == 0 else figure.add_subplot(place, sharex=first, sharey=first)
            _contours(axes, valley, start, paths.values())
            _path(axes, path, looks[name])
            axes.set_title(_result(name, path, valley, language), fontsize=9)
            axes.set_xlabel("a")
            axes.set_ylabel("b", rotation=0)
        last = len(paths)
        below = figure.add_subplot(grid[last // COLUMNS, last % COLUMNS :])
        _losses(below, paths, valley, language)
        figure.suptitle(words("paths title", language, c1=valley[0], c2=valley[1]))
        legend_below(figure, _keys(language))
    return figure


def _keys(language: str) -> list[Line2D]:
    dark: dict[str, Any] = {"color": START_COLOR}
    return [
        key(words("start", language), **dark, linestyle="", marker="X", markersize=8),
        key(words("minimum", language), **dark, linestyle="", marker="*", markersize=10),
        key(words("one step", language), **dark, linewidth=1, marker="o", markersize=3.5),
        key(words("same loss", language), color=CONTOUR_COLOR, linewidth=0.8),
    ]


def descent(
    rule: MakeOptimizer, valley: tuple[float, float], start: tuple[float, float], steps: int
) -> Floats:
    """The points (a, b) of one path: the start and then one a step, in the rows of an array."""
    a, b = Value(float(start[0])), Value(float(start[1]))
    optimizer = rule([a, b])
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(
            f"a function in optimizers must return an Optimizer, got {type(optimizer).__name__}"
        )
    points = [(a.data, b.data)]
    for _ in range(steps):
        optimizer.zero_grad()
        valley_loss(a, b, valley).backward()
        optimizer.step()
        points.append((a.data, b.data))
    return np.array(points)


def valley_loss(a: Any, b: Any, valley: tuple[float, float]) -> Any:
    """L(a, b) = (c1 a² + c2 b²) / 2, of Values or of arrays."""
    return (valley[0] * a * a + valley[1] * b * b) / 2


def _contours(
    axes: Axes, valley: tuple[float, float], start: tuple[float, float], paths: Any
) -> None:
    """Contours around the minimum; the innermost is far inside the one through the start."""
    (left, right), (low, high) = (_span([path[:, k] for path in paths], start[k]) for k in (0, 1))
    a, b = np.meshgrid(np.linspace(left, right, 200), np.linspace(low, high, 200))
    losses = valley_loss(a, b, valley)
    levels = losses.max() / CONTOUR_RATIO ** np.arange(CONTOURS, 0, -1)
    axes.contour(a, b, losses, levels=levels, colors=CONTOUR_COLOR, linewidths=0.8)
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    axes.grid(visible=False)


def _span(coordinates: Sequence[Floats], start: float) -> tuple[float, float]:
    """The range of an axis: all paths and the minimum, within reach of the start."""
    reach = REACH * (abs(start) or 1.0)
    numbers = np.append(np.concatenate(list(coordinates)), 0.0)
    inside = np.clip(numbers[np.isfinite(numbers)], -reach, reach)
    margin = 0.1 * max(np.ptp(inside), reach / 2)
    return float(inside.min() - margin), float(inside.max() + margin)


def _path(axes: Axes, path: Floats, style: Ink) -> None:
    finite = np.where(np.isfinite(path), path, np.nan)
    axes.plot(*finite.T, color=style.color, linewidth=1, marker=style.marker, markersize=3)
    axes.plot(*path[0], color=START_COLOR, marker="X", markersize=8, zorder=4)
    axes.plot(0, 0, color=START_COLOR, marker="*", markersize=10, zorder=4)


def _result(name: str, path: Floats, valley: tuple[float, float], language: str) -> str:
    losses = _path_losses(path, valley)
    if not losses[-1] <= losses[0]:
        return words("path diverged", language, name=literal(name))
    return words("path result", language, name=literal(name), loss=losses[-1], n=len(path) - 1)


def _path_losses(path: Floats, valley: tuple[float, float]) -> Floats:
    """The loss at each point; nan where it is too far from the first for one log axis."""
    with np.errstate(over="ignore", invalid="ignore"):
        losses: Floats = valley_loss(path[:, 0], path[:, 1], valley)
        ratios = losses / losses[0] if losses[0] else np.zeros(len(losses))
    return np.where((ratios > LOWEST) & (ratios < HIGHEST), losses, np.nan)


def _losses(
    axes: Axes, paths: Mapping[str, Floats], valley: tuple[float, float], language: str
) -> None:
    looks = inks(paths)
    for name, path in paths.items():
        style = looks[name]
        axes.plot(
            _path_losses(path, valley),
            color=style.color,
            linestyle=style.line,
            linewidth=1.5,
            marker=style.marker,
            markevery=max(1, len(path) // 6),
            markersize=4.5,
        )
    axes.set_yscale("log")
    axes.set_title(words("loss of all", language), fontsize=9)
    axes.set_xlabel(words("step", language))
    axes.set_ylabel("L", rotation=0)


def _check(rules: Any, valley: Any, start: Any, steps: Any) -> None:
    if not isinstance(rules, Mapping):
        raise ArgumentTypeError(
            "optimizers must be a dict from names to functions that make an optimiser, "
            f"got {type(rules).__name__}"
        )
    if not rules:
        raise ArgumentValueError("optimizers is empty: there is no path to draw")
    for name, rule in rules.items():
        if not isinstance(name, str):
            raise ArgumentTypeError(f"the name of an optimiser must be a str, got {name!r:.80}")
        if not callable(rule):
            raise ArgumentTypeError(
                f"optimizers[{name!r}] must be a function, got {type(rule).__name__}"
            )
    for name, pair in (("valley", valley), ("start", start)):
        if not isinstance(pair, Sequence) or len(pair) != 2:
            raise ArgumentValueError(f"{name} must be two numbers, got {pair!r:.80}")
        if not all(math.isfinite(as_number(x, name)) for x in pair):
            raise ArgumentValueError(f"{name} must be two finite numbers, got {pair!r}")
    if min(valley) <= 0:
        raise ArgumentValueError(f"valley must be two numbers above 0, got {valley!r}")
    check_count("steps", steps)
