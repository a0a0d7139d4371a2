"""Several runs compared: their losses, where they end, and how soon they get low."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

from micrograd.engine import as_number
from micrograd.errors import ArgumentValueError
from micrograd.text.words import check_language
from viz.plots.inks import Ink, inks
from viz.plots.losses import HIGHEST, LOWEST, draw_epochs, title
from viz.plots.runs import Histories, Runs, checked_runs, median, median_losses
from viz.plots.style import (
    Plot,
    legend_below,
    literal,
    log_ticks,
    look,
)
from viz.plots.words import words

ROW_HEIGHT = 0.28  # inches
LONGEST_NAME = 22  # characters beside a bar
BAR_HEIGHT = 0.6


def comparison(histories: Histories, target: float | None = None, *, language: str = "en") -> Plot:
    """Runs compared: above the loss of every epoch, below where they end and how fast they get low.

    Below on the left is each run's loss after its last epoch, in the unit of the loss on a log
    axis; on the right the number of epochs until the loss was at most `target` for the first
    time, or "not reached". Without a `target` it is a tenth of the highest loss of a first epoch,
    or the median of the final losses if no run gets so low. A name may have several histories, of
    training from different starts: then everything is their median, and below on the left each
    one's loss is a tick on a line from the lowest to the highest. A method has one colour, as in
    `loss_curves`. The words are in `language`, "en" or "zh".

    Raises an ArgumentTypeError for what is not a dict of histories, and an ArgumentValueError if
    it is empty, a run has no losses, `target` is not finite, or there is no such language.

    >>> from micrograd.training.fit import History
    >>> runs = {"SGD": History([4.0, 2.0, 1.0]), "Adam": History([4.0, 1.0, 0.5])}
    >>> figure = comparison(runs, target=1.0)
    >>> [text.get_text() for text in figure.axes[2].texts]
    ['3', '2']
    """
    check_language(language)
    runs = checked_runs(histories)
    goal = usual_target(runs) if target is None else as_number(target, "target")
    if target is not None and not math.isfinite(goal):
        raise ArgumentValueError(f"target must be a finite number, got {target!r}")
    figure = Plot(4.4 + ROW_HEIGHT * len(runs), language)
    with look(language):
        height = 1.0 + ROW_HEIGHT * len(runs)
        grid = GridSpec(2, 2, figure=figure, height_ratios=[3.2, height])
        above = figure.add_subplot(grid[0, :])
        lines = draw_epochs(above, runs, True, language)
        above.set_title(title(runs, False, language))
        left = figure.add_subplot(grid[1, 0])
        _finals(left, runs, language)
        _arrivals(figure.add_subplot(grid[1, 1], sharey=left), runs, goal, language)
        figure.suptitle(words("comparison title", language))
        legend_below(figure, lines)
    return figure


def usual_target(runs: Runs) -> float:
    """A tenth of the highest finite (median) loss of a first epoch, or else of the finals' median.

    >>> from micrograd.training.fit import History
    >>> usual_target({"a": [History([8.0, 0.5])], "b": [History([7.0, 2.0])]})
    0.8
    >>> usual_target({"a": [History([1.0])], "b": [History([3.0])], "c": [History([9.0])]})
    3.0
    """
    medians = [median_losses(members) for members in runs.values()]
    tenth = max((losses[0] for losses in medians if math.isfinite(losses[0])), default=0.0) / 10
    if any(epochs_to_reach(losses, tenth) is not None for losses in medians):
        return tenth
    finals = sorted(losses[-1] for losses in medians if math.isfinite(losses[-1]))
    return finals[(len(finals) - 1) // 2] if finals else tenth


def epochs_to_reach(losses: Sequence[float], target: float) -> int | None:
    """After how many epochs the loss was at most `target` for the first time; None if never."""
    for epoch, loss in enumerate(losses, start=1):
        if loss <= target:
            return epoch
    return None


def _finals(axes: Axes, runs: Runs, language: str) -> None:
    """A marker a name: a bar would have no foot to stand on, since a log axis has no 0."""
    axes.set_xscale("log")
    drawn = []
    looks = inks(runs)
    for i, (name, members) in enumerate(runs.items()):
        ends = [history.losses[-1] for history in members]
        loss = median(ends)
        inside = [end for end in ends if LOWEST <= end <= HIGHEST]
        _spread(axes, inside, i, looks[name])
        drawn += inside
        text = f"{loss:.3g}" if math.isfinite(loss) else words("undefined", language)
        if LOWEST <= loss <= HIGHEST:
            axes.plot(loss, i, color=looks[name].color, marker=looks[name].marker, markersize=7)
            _beside(axes, max(inside), i, text, offset=8)
        else:
            _beside(axes, max(inside, default=None), i, text, offset=8)
    drawn = drawn or [1.0]
    room = max(max(drawn) / min(drawn), 2.0)
    axes.set_xlim(min(drawn) / room**0.1, max(drawn) * room**0.45)
    log_ticks(axes.xaxis)
    axes.set_yticks(range(len(runs)), [literal(_short(name)) for name in runs])
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    several = any(len(members) > 1 for members in runs.values())
    axes.set_title(words("final losses" if several else "final loss", language))
    axes.set_xlabel(words("loss (log scale)", language))


def _spread(axes: Axes, ends: Sequence[float], row: int, style: Ink) -> None:
    """A line from the lowest to the highest end, and a tick for each run."""
    if len(ends) > 1:
        axes.plot([min(ends), max(ends)], [row, row], color=style.color, linewidth=1)
        rows = [row] * len(ends)
        axes.plot(ends, rows, color=style.color, linestyle="", marker="|", markersize=9)


def _arrivals(axes: Axes, runs: Runs, target: float, language: str) -> None:
    looks = inks(runs)
    longest = max(history.epochs for members in runs.values() for history in members)
    for i, (name, members) in enumerate(runs.items()):
        found = [epochs_to_reach(history.losses, target) for history in members]
        epochs = median([math.inf if epoch is None else epoch for epoch in found])
        there = len(found) - found.count(None)
        if math.isfinite(epochs):
            axes.barh(i, epochs, height=BAR_HEIGHT, color=looks[name].color)
            text = f"{epochs:g}"
            if there < len(found):
                text = words("reached by", language, epochs=text, k=there, n=len(found))
            _beside(axes, epochs, i, text)
        else:
            said = "not reached by half" if there else "not reached"
            _beside(axes, None, i, words(said, language))
    several = any(len(members) > 1 for members in runs.values())
    axes.set_xlim(0, (1.6 if several else 1.18) * longest)
    ticks = MaxNLocator(integer=True, steps=[1, 2, 5, 10]).tick_values(0, longest)
    axes.set_xticks([tick for tick in ticks if tick <= longest])
    axes.tick_params(axis="y", labelleft=False, length=0)
    axes.grid(visible=False, axis="y")
    axes.set_title(words("epochs to reach", language, target=target))
    axes.set_xlabel(words("epochs", language))


def _beside(axes: Axes, x: float | None, row: int, text: str, offset: int = 4) -> None:
    """A text right of a point, or at the left edge."""
    across = axes.get_yaxis_transform() if x is None else axes.transData
    axes.annotate(
        text,
        (0.0 if x is None else x, row),
        xycoords=across,
        xytext=(offset, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
