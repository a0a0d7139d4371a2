"""Losses of several runs on one pair of axes, an epoch or a step a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from micrograd.errors import ArgumentValueError
from micrograd.text.words import check_language
from micrograd.training.fit import History
from viz.plots.inks import inks
from viz.plots.runs import Histories, Runs, checked_runs, median_losses
from viz.plots.style import (
    BOLD,
    RAW,
    Plot,
    key,
    legend_below,
    literal,
    log_ticks,
    look,
    whole_ticks,
)
from viz.plots.words import words

Floats = NDArray[np.float64]

LOWEST, HIGHEST = 1e-100, 1e100  # beyond them log axes overflow, and losses say nothing
MARKED = 8  # points of a line that have a marker, where not all have room for one
MOST_MARKED = 30
MOST_VECTOR_POINTS = 5000  # a longer noisy line is an image within an SVG or PDF
WIDEST_MEAN = 1000  # steps
SHARE_OF_MEAN = 20  # a mean is over at most one of so many parts of all steps
LOW_SHARE = 5.0  # percent of single steps that may fall below a log axis


def loss_curves(
    histories: Histories,
    steps: bool = False,
    log: bool = True,
    *,
    language: str = "en",
) -> Plot:
    """The losses of several runs side by side, by name.

    Each point is the mean loss of an epoch, in the unit of the loss; of a list of histories under
    one name, the median of theirs. A run whose name has a method's name in it ("Adam, lr 0.3")
    has that method's colour, the same in all plots. With `steps`, each single
    step's batch loss is drawn as a thin line, against the data seen before that step in epochs
    (so that stochastic and batch descent share one axis), and its running mean as a bold one. The
    mean is centred and spans an epoch, or a twentieth of the run if that is less. `log` makes the
    loss axis logarithmic; of single steps the lowest 5 % may then lie below the picture. The words
    are in `language`, "en" or "zh".

    A loss that is nan or beyond ±1e100, or on a log axis below 1e-100 (0 is), leaves a gap, and
    the legend says how many there are. Raises an ArgumentTypeError for what is not a dict of
    histories, and an ArgumentValueError if it is empty, a run has no losses, a name has several
    runs although `steps` was asked for, or there is no such language.

    >>> from micrograd.training.fit import History
    >>> figure = loss_curves({"SGD": History([4.0, 2.0, 1.0]), "Adam": History([4.0, 1.0, 0.5])})
    >>> figure.axes[0].get_title(loc="left")
    'Loss in each epoch'
    """
    check_language(language)
    runs = checked_runs(histories)
    figure = Plot(4.2, language)
    with look(language):
        axes = figure.subplots()
        draw = draw_steps if steps else draw_epochs
        handles = draw(axes, runs, log, language)
        axes.set_title(title(runs, steps, language), fontsize=12)
        legend_below(figure, handles)
    return figure


def title(runs: Runs, steps: bool, language: str) -> str:
    """What the axes of `draw_steps` or `draw_epochs` show."""
    if steps:
        return words("steps title", language)
    count = max(map(len, runs.values()))
    if count > 1:
        return words("median title", language, n=count)
    if len(runs) == 1:
        return words("one loss title", language, name=literal(next(iter(runs))))
    return words("losses title", language)


def draw_epochs(axes: Axes, runs: Runs, log: bool, language: str) -> list[Line2D]:
    """One line a name, (median) loss against epochs finished; returns the lines, labelled."""
    lines = []
    looks = inks(runs)
    for i, (name, members) in enumerate(runs.items()):
        losses, gaps = drawable(median_losses(members), log, language)
        style = looks[name]
        lines += axes.plot(
            np.arange(1, len(losses) + 1),
            losses,
            color=style.color,
            linestyle=style.line,
            linewidth=BOLD,
            marker=style.marker,
            markevery=_marked(len(losses), i),
            markersize=5,
            label=" ".join([literal(name), *gaps]),
        )
    axes.set_xlabel(words("epoch", language))
    whole_ticks(axes.xaxis)
    _loss_axis(axes, log, language)
    return lines


def draw_steps(axes: Axes, runs: Runs, log: bool, language: str) -> list[Line2D]:
    """A thin line of steps and a bold running mean a run; returns the lines for the legend."""
    handles = []
    shown: list[Floats] = []
    noisy = False
    looks = inks(runs)
    for i, (name, members) in enumerate(runs.items()):
        history = _with_steps(name, members)
        losses, gaps = drawable(history.batch_losses, log, language)
        per_epoch = steps_per_epoch(history)
        seen = np.arange(len(losses)) / per_epoch
        window = mean_window(len(losses), per_epoch)
        color = looks[name].color
        said = words("every step", language, name=literal(name))
        bold = losses
        if window > 1:
            noisy = True
            said = words("mean of steps", language, name=literal(name), n=window)
            bold = running_mean(losses, window)
            thin = axes.plot(seen, losses, color=color, linewidth=RAW, alpha=0.35, zorder=2)
            thin[0].set_rasterized(len(losses) > MOST_VECTOR_POINTS)
        handles += axes.plot(
            seen,
            bold,
            color=color,
            linewidth=BOLD,
            marker=looks[name].marker,
            markevery=_marked(len(losses), i),
            markersize=6,
            markeredgecolor="white",
            label=" ".join([said, *gaps]),
            zorder=3,
        )
        shown += [bold[np.isfinite(bold)], _without_lowest(losses[np.isfinite(losses)])]
    axes.set_xlabel(words("data seen", language))
    whole_ticks(axes.xaxis)
    points = np.concatenate(shown)
    _loss_axis(axes, log, language, points.min() / 1.3 if points.size else None)
    if noisy:
        handles.append(
            key(
                words("each step on log" if log else "each step", language),
                color="#5B6770",
                linewidth=RAW,
            )
        )
    return handles


def _with_steps(name: str, members: list[History]) -> History:
    """The one run of that name, which has made steps."""
    if len(members) > 1:
        raise ArgumentValueError(
            f"histories[{name!r}] must be one History to draw its steps, got {len(members)}"
        )
    if not members[0].batch_losses:
        raise ArgumentValueError(f"histories[{name!r}] has no batch_losses: no step was made")
    return members[0]


def _without_lowest(losses: Floats) -> Floats:
    """Without this, one sample that happens to be fitted well stretches a log axis by decades."""
    if not losses.size:
        return losses
    return losses[losses >= np.percentile(losses, LOW_SHARE)]


def _marked(n_points: int, i: int) -> tuple[int, int]:
    """The first point with a marker and the distance to the next; not the same for all runs."""
    distance = 1 if n_points <= MOST_MARKED else n_points // MARKED
    return i * 5 * distance // MARKED % distance, distance


def _loss_axis(axes: Axes, log: bool, language: str, bottom: float | None = None) -> None:
    if log:
        axes.set_yscale("log")
        if bottom is not None:
            axes.set_ylim(bottom=bottom)
        log_ticks(axes.yaxis)
        axes.set_ylabel(words("loss (log scale)", language))
    else:
        axes.set_ylabel(words("loss", language))


def drawable(losses: Sequence[float], log: bool, language: str) -> tuple[Floats, list[str]]:
    """The losses with nan where nothing can be drawn, and notes that say so."""
    numbers = np.array(losses, dtype=np.float64)
    too_large = ~(np.abs(numbers) <= HIGHEST)
    numbers[too_large] = np.nan
    too_small = (numbers < LOWEST) & log
    numbers[too_small] = np.nan
    counts = {"too large": too_large.sum(), "too small": too_small.sum()}
    notes = [f"({words(key, language, n=n, all=len(numbers))})" for key, n in counts.items() if n]
    return numbers, notes


def steps_per_epoch(history: History) -> int:
    """How many steps an epoch had.

    A run that was interrupted has steps of an unfinished epoch too. Several numbers may then be
    possible; the one is taken whose means over epochs are nearest to the losses of the epochs.
    """
    n, epochs = len(history.batch_losses), history.epochs
    if n % epochs == 0 and len(history.learning_rates) <= epochs:
        return max(1, n // epochs)
    possible = range(max(1, n // (epochs + 1)), max(1, n // epochs) + 1)
    return min(possible, key=lambda count: _distance(history, count))


def _distance(history: History, count: int) -> float:
    whole = np.array(history.batch_losses[: count * history.epochs])
    if whole.size < count * history.epochs:
        return np.inf
    means = whole.reshape(history.epochs, count).mean(axis=1)
    return float(np.nan_to_num(np.abs(means - history.losses).sum(), nan=np.inf))


def mean_window(n_steps: int, per_epoch: int) -> int:
    """Over how many steps the running mean goes."""
    return max(1, min(per_epoch, n_steps // SHARE_OF_MEAN, WIDEST_MEAN))


def running_mean(numbers: Floats, window: int) -> Floats:
    """The mean over `window` numbers around each one, fewer at the ends; nan is left out.

    >>> running_mean(np.array([1.0, 2.0, 6.0, 4.0]), 3).tolist()
    [1.5, 3.0, 4.0, 5.0]
    """
    there = np.isfinite(numbers)
    ones = np.ones(window)
    sums = np.convolve(np.where(there, numbers, 0.0), ones, "same")
    counts = np.convolve(there.astype(np.float64), ones, "same")
    means: Any = np.divide(sums, counts, out=np.full(len(numbers), np.nan), where=counts > 0.5)
    return means  # type: ignore[no-any-return]
