"""What all plots share: one look, and a figure that shows and saves itself."""

from __future__ import annotations

import html
import io
import math
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axis import Axis
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from micrograd.errors import ArgumentValueError
from micrograd.steps.tables import text_width
from micrograd.training.files import write_atomically
from viz.plots.fonts import families, said_once, warn_of_boxes
from viz.plots.words import words

WIDTH = 7.2  # inches: a page without its margins
SCREEN_DOTS_PER_INCH = 100
FILE_DOTS_PER_INCH = 200
LEGEND_CHARACTERS = 104  # in one line of the page's width
LEGEND_HANDLE = 12  # characters that a line and its gaps take
LEGEND_ROW = 0.19  # inches
NAME_CHARACTERS = 60

PLAIN_DECADES = 3  # a longer log axis has powers of ten

RAW = 0.7  # line widths in points
BOLD = 2.0

# Without a date, a picture is the same bytes each time it is made.
NO_DATE = {"svg": {"Date": None}, "png": {}, "pdf": {"CreationDate": None}}

LOOK = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.dpi": SCREEN_DOTS_PER_INCH,
    "figure.titlesize": 12,
    "font.size": 10,
    "grid.color": "#DDE3E8",
    "grid.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 3,
    "svg.fonttype": "none",  # text that can be read out, searched and copied
    "svg.hashsalt": "micrograd",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


def look(language: str = "en") -> AbstractContextManager[None]:
    """The rc context of all plots: matplotlib's defaults and `LOOK`, not the user's settings."""
    fonts = {} if language == "en" else {"font.family": families(language)}
    return matplotlib.style.context(["default", LOOK | fonts])


class Plot(Figure):
    """A matplotlib figure that shows itself in a notebook, with or without `%matplotlib inline`.

    It belongs to no window and is not registered in pyplot: it goes with its last reference. Its
    ground is white, on a dark page too. The text of an SVG is text, in the fonts of whoever reads
    it; a PNG or PDF on a machine without a font for its words is a FontWarning.
    """

    def __init__(self, height: float, language: str = "en") -> None:
        self._language = language
        with look(language):
            super().__init__(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasAgg(self)

    def draw(self, renderer: RendererBase) -> None:
        """Draw on a renderer, in the plots' own look whatever the rcParams are by then."""
        with look(self._language), said_once(self._language):
            super().draw(renderer)

    @property
    def alt(self) -> str:
        """What is drawn, in words: titles, axes and legends, for who cannot see it."""
        parts = [self.get_suptitle()]
        for axes in self.axes:
            x, y = axes.get_xlabel(), axes.get_ylabel()
            parts.append(axes.get_title(loc="left"))
            parts.append(words("against", self._language, x=x, y=y) if x and y else x or y)
        entries = [text.get_text() for legend in self.legends for text in legend.get_texts()]
        said = [" ".join(part.split()) for part in [*parts, ", ".join(entries)]]
        return ". ".join(dict.fromkeys(filter(None, said)))

    def content(self, format: str) -> bytes:
        """The picture in a format, "svg", "png" or "pdf"; the same bytes for the same input.

        Raises an ArgumentValueError for another format. Warns (FontWarning) where a PNG or PDF
        lacks a font for its words.
        """
        if format not in NO_DATE:
            raise ArgumentValueError(f"format must be one of {', '.join(NO_DATE)}, got {format!r}")
        if format != "svg":
            warn_of_boxes(self._language, stacklevel=2)
        file = io.BytesIO()
        with look(self._language):
            self.savefig(
                file, format=format, dpi=FILE_DOTS_PER_INCH, metadata=dict(NO_DATE[format])
            )
        if format == "svg":
            label = f'<svg role="img" aria-label="{html.escape(self.alt)}" '.encode()
            return file.getvalue().replace(b"<svg ", label, 1)
        return file.getvalue()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture, in the format that the name ends in; whole or not at all."""
        target = Path(path)
        content = self.content(target.suffix.removeprefix(".").lower())
        write_atomically(target, content)
        return target

    def _repr_svg_(self) -> str:
        """The picture for a notebook."""
        return self.content("svg").decode()


def whole_ticks(axis: Axis) -> None:
    """Ticks at whole numbers, for epochs."""
    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def log_ticks(axis: Axis) -> None:
    """Readable ticks for a log axis whose limits are set: plain numbers unless it is long."""
    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    if decades > PLAIN_DECADES:
        return
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.set_minor_formatter(NullFormatter())
    if decades > 1:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    else:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axis.set_minor_locator(NullLocator())


def literal(name: str) -> str:
    """A name as matplotlib shows it unchanged: no mathematics, no hidden label, not too long."""
    short = name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"
    text = short.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def legend_below(figure: Figure, handles: Sequence[Any]) -> None:
    """A legend under the axes, where it covers nothing, in as many columns as fit.

    The figure grows with its rows, so that the axes keep their size.
    """
    labels = [str(handle.get_label()) for handle in handles]
    longest = max(text_width(label) for label in labels)
    columns = max(1, min(len(labels), LEGEND_CHARACTERS // (longest + LEGEND_HANDLE)))
    rows = math.ceil(len(labels) / columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * (rows - 1))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def key(label: str, **properties: Any) -> Line2D:
    """An entry of a legend that stands for several lines."""
    return Line2D([], [], label=label, **properties)


def check_count(name: str, count: Any, least: int = 1) -> None:
    """Raise an ArgumentValueError unless it is a whole number from `least`."""
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise ArgumentValueError(f"{name} must be a whole number from {least}, got {count!r}")
