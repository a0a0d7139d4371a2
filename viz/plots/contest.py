"""Several runs compared: their losses, where they end, and how soon they get low."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.gridspec import GridSpec

from micrograd.engine import as_number
from micrograd.errors import ArgumentValueError
from micrograd.loop import History
from micrograd.words import check_language
from viz.plots.losses import HIGHEST, LOWEST, draw_epochs
from viz.plots.style import (
    Plot,
    check_histories,
    ink,
    legend_below,
    literal,
    log_ticks,
    look,
    whole_ticks,
)
from viz.plots.words import words

ROW_HEIGHT = 0.28  # inches
LONGEST_NAME = 22  # characters beside a bar
BAR_HEIGHT = 0.6


def comparison(
    histories: Mapping[str, History], target: float | None = None, *, language: str = "en"
) -> Plot:
    """Runs compared: above the loss of every epoch, below where they end and how fast they get low.

    Below on the left is each run's loss after its last epoch, in the unit of the loss on a log
    axis; on the right the number of epochs until the loss was at most `target` for the first
    time, or "not reached". Without a `target` it is a tenth of the highest loss of a first epoch,
    or the median of the final losses if no run gets so low. The words are in `language`, "en" or
    "zh".

    Raises an ArgumentTypeError for what is not a dict of histories, and an ArgumentValueError if
    it is empty, a run has no losses, `target` is not finite, or there is no such language.

    >>> from micrograd.loop import History
    >>> runs = {"SGD": History([4.0, 2.0, 1.0]), "Adam": History([4.0, 1.0, 0.5])}
    >>> figure = comparison(runs, target=1.0)
    >>> [text.get_text() for text in figure.axes[2].texts]
    ['3', '2']
    """
    check_language(language)
    check_histories(histories)
    goal = usual_target(histories) if target is None else as_number(target, "target")
    if target is not None and not math.isfinite(goal):
        raise ArgumentValueError(f"target must be a finite number, got {target!r}")
    figure = Plot(4.4 + ROW_HEIGHT * len(histories), language)
    with look(language):
        height = 1.0 + ROW_HEIGHT * len(histories)
        grid = GridSpec(2, 2, figure=figure, height_ratios=[3.2, height])
        above = figure.add_subplot(grid[0, :])
        lines = draw_epochs(above, histories, True, language)
        above.set_title(words("losses title", language))
        left = figure.add_subplot(grid[1, 0])
        _finals(left, histories, language)
        _arrivals(figure.add_subplot(grid[1, 1], sharey=left), histories, goal, language)
        figure.suptitle(words("comparison title", language))
        legend_below(figure, lines)
    return figure


def usual_target(histories: Mapping[str, History]) -> float:
    """A tenth of the highest finite loss of a first epoch, or else the median final loss.

    >>> from micrograd.loop import History
    >>> usual_target({"a": History([8.0, 0.5]), "b": History([7.0, 2.0])})
    0.8
    >>> usual_target({"a": History([1.0]), "b": History([3.0]), "c": History([9.0])})
    3.0
    """
    runs = histories.values()
    tenth = max((h.losses[0] for h in runs if math.isfinite(h.losses[0])), default=0.0) / 10
    if any(epochs_to_reach(history, tenth) is not None for history in runs):
        return tenth
    finals = sorted(h.losses[-1] for h in runs if math.isfinite(h.losses[-1]))
    return finals[(len(finals) - 1) // 2] if finals else tenth


def epochs_to_reach(history: History, target: float) -> int | None:
    """After how many epochs the loss was at most `target` for the first time; None if never."""
    for epoch, loss in enumerate(history.losses, start=1):
        if loss <= target:
            return epoch
    return None


def _finals(axes: Axes, histories: Mapping[str, History], language: str) -> None:
    """A marker a run: a bar would have no foot to stand on, since a log axis has no 0."""
    finals = [history.losses[-1] for history in histories.values()]
    axes.set_xscale("log")
    for i, loss in enumerate(finals):
        text = f"{loss:.3g}" if math.isfinite(loss) else words("undefined", language)
        if LOWEST <= loss <= HIGHEST:
            axes.plot(loss, i, color=ink(i).color, marker=ink(i).marker, markersize=7)
            _beside(axes, loss, i, text, offset=8)
        else:
            _beside(axes, None, i, text)
    drawn = [loss for loss in finals if LOWEST <= loss <= HIGHEST] or [1.0]
    room = max(max(drawn) / min(drawn), 2.0)
    axes.set_xlim(min(drawn) / room**0.1, max(drawn) * room**0.45)
    log_ticks(axes.xaxis)
    axes.set_yticks(range(len(histories)), [literal(_short(name)) for name in histories])
    axes.set_ylim(len(histories) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_title(words("final loss", language))
    axes.set_xlabel(words("loss (log scale)", language))


def _arrivals(axes: Axes, histories: Mapping[str, History], target: float, language: str) -> None:
    for i, history in enumerate(histories.values()):
        epochs = epochs_to_reach(history, target)
        if epochs is None:
            _beside(axes, None, i, words("not reached", language))
        else:
            axes.barh(i, epochs, height=BAR_HEIGHT, color=ink(i).color)
            _beside(axes, epochs, i, str(epochs))
    longest = max(history.epochs for history in histories.values())
    axes.set_xlim(0, 1.18 * longest)
    whole_ticks(axes.xaxis)
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
