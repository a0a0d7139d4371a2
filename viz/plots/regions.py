"""Which class a model gives to each point of a plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.errors import ArgumentTypeError, ArgumentValueError, MicrogradError
from micrograd.nn.mlp import Neuron
from micrograd.nn.module import Module
from micrograd.observers import no_grad
from micrograd.tensors.tensor import Tensor, tensor
from micrograd.text.words import check_language
from viz.plots.style import Plot, check_count, key, legend_below, look
from viz.plots.words import words

Floats = NDArray[np.float64]

FILLS = ("#D3E6F4", "#FBDFCB")  # where the score is below 0, and above
INKS = ("#0072B2", "#B34700")
MARKERS = ("o", "^")
PANEL_WIDTH = 6.3  # inches, of the figure's width
MOST_OBLONG = 3  # a plane that is longer than this has axes of different scales
MARGIN = 0.15  # of the range of the samples


def decision_regions(
    model: Module,
    X: Any,  # noqa: N803
    y: Any,
    resolution: int = 60,
    *,
    language: str = "en",
) -> Plot:
    """The regions of two classes in the plane, the boundary between them, and the samples.

    `model` gives each sample one score, whose sign is the class: it is called on an array of rows
    and returns one column, or, if it is made of Karpathy's neurons, on each sample as a list of
    numbers and returns one Value. `X` has the shape (n, 2). `y`, (n, 1) or (n,), holds the two
    classes: the greater one is that of the scores above 0. The score is computed at `resolution` ×
    `resolution` points of the plane. The words are in `language`, "en" or "zh".

    Raises an ArgumentTypeError if the model is not a Module, and an ArgumentValueError if X, y or
    the scores have other shapes, there are more than two classes, or there is no such language.

    >>> from micrograd import nn
    >>> model = nn.Linear(2, 1)
    >>> figure = decision_regions(model, [[0.0, 1.0], [1.0, 0.0]], [-1, 1], resolution=10)
    >>> figure.axes[0].get_xlabel()
    'feature x₀'
    """
    check_language(language)
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"model must be a Module, got {type(model).__name__}")
    check_count("resolution", resolution, least=2)
    samples, classes = _samples(X, y)
    labels = _labels(classes)
    across, up = (_ticks(samples[:, k], resolution) for k in (0, 1))
    x0, x1 = np.meshgrid(across, up)
    plane = scores(model, np.column_stack([x0.ravel(), x1.ravel()])).reshape(x0.shape)
    right = ((scores(model, samples) > 0) == (classes == labels[1])).sum()
    shape = float(np.ptp(up) / np.ptp(across))
    figure = Plot(PANEL_WIDTH * min(max(shape, 0.4), 1.2) + 1.2, language)
    with look(language):
        axes = figure.subplots()
        low, high = (f(plane[np.isfinite(plane)], initial=0.0) for f in (np.min, np.max))
        axes.contourf(x0, x1, plane, levels=[low - 1, 0, high + 1], colors=FILLS)
        if low < 0 < high:
            axes.contour(x0, x1, plane, levels=[0], colors="black", linewidths=1.5)
        handles: list[Any] = [key(words("boundary", language), color="black", linewidth=1.5)]
        for label, color, marker in zip(labels, INKS, MARKERS, strict=True):
            members = samples[classes == label]
            handles += axes.plot(
                *members.T,
                color=color,
                linestyle="",
                marker=marker,
                markersize=5.5,
                markeredgecolor="white",
                markeredgewidth=0.6,
                label=words("class", language, label=label),
            )
        axes.set_title(words("regions title", language, right=right, all=len(samples)), fontsize=12)
        axes.set_xlabel(words("first feature", language))
        axes.set_ylabel(words("second feature", language), labelpad=8)
        axes.set_aspect("equal" if MOST_OBLONG > shape > 1 / MOST_OBLONG else "auto")
        axes.grid(visible=False)
        legend_below(figure, handles)
    return figure


def scores(model: Module, rows: Floats) -> Floats:
    """The model's score of each row, computed without recording."""
    with no_grad():
        if any(isinstance(module, Neuron) for module in model.modules()):
            return np.array([_one(model(row)) for row in rows.tolist()])
        result = model(tensor(rows))
    if not isinstance(result, Tensor) or result.shape not in ((len(rows), 1), (len(rows),)):
        got = result.shape if isinstance(result, Tensor) else type(result).__name__
        raise ArgumentValueError(
            f"model must return one score a sample, for {len(rows)} rows the shape "
            f"({len(rows)}, 1), got {got}"
        )
    return np.array(result.numpy(), dtype=np.float64).ravel()


def _one(result: Any) -> float:
    try:
        return float(result)
    except TypeError:
        raise ArgumentValueError(
            f"model must return one Value for a sample, got {type(result).__name__}"
        ) from None


def _samples(X: Any, y: Any) -> tuple[Floats, Floats]:  # noqa: N803
    points, classes = _numbers("X", X), _numbers("y", y)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ArgumentValueError(
            f"X must have the shape (n, 2), two features a sample, got {points.shape}"
        )
    if classes.shape not in ((len(points), 1), (len(points),)):
        raise ArgumentValueError(
            f"y must have one class for each of {len(points)} samples, got {classes.shape}"
        )
    return points, classes.ravel()


def _numbers(name: str, data: Any) -> Floats:
    try:
        array = (data if isinstance(data, Tensor) else tensor(data)).numpy()
    except MicrogradError as error:
        raise type(error)(f"{name}: {error}") from None
    if not np.isfinite(array).all():
        raise ArgumentValueError(f"{name} must hold finite numbers")
    return np.array(array, dtype=np.float64)


def _labels(classes: Floats) -> tuple[float, float]:
    """The lower and the greater class; if all samples are of one class, its sign says which."""
    found = np.unique(classes).tolist()
    if len(found) > 2:
        raise ArgumentValueError(f"y must hold two classes, got {len(found)}")
    if len(found) == 2:
        return found[0], found[1]
    return (-1.0, found[0]) if found[0] > 0 else (found[0], 1.0)


def _ticks(numbers: Floats, resolution: int) -> Floats:
    margin = MARGIN * (np.ptp(numbers) or 1.0)
    return np.linspace(numbers.min() - margin, numbers.max() + margin, resolution)
