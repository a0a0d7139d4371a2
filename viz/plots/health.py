"""What goes forward and what comes back through the layers of a model, as `diagnose` found it."""

from __future__ import annotations

from typing import Any

from micrograd.diagnosis.diagnose import Diagnosis
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.text.words import check_language
from viz.drawing.palette import FORWARD_WIRE, GRADIENT_WIRE
from viz.plots.style import Plot, look
from viz.plots.words import words

ROW = 0.32  # inches a layer
OFF = {"dead": "#5B6770", "saturated": "#B9C2C9"}


def layer_health(diagnosis: Diagnosis, *, language: str = "en") -> Plot:
    """The layers of a `micrograd.diagnose`: sizes of outputs and gradients, units that are off.

    Left, on a log axis, root mean squares of each layer's outputs and of the loss's gradients by
    them; what is 0 has no mark. Right, the share of units that are dead or saturated. The words are
    in `language`, "en" or "zh".

    Raises an ArgumentTypeError for what is no diagnosis, an ArgumentValueError for one of a model
    without modules, which has no layers.

    >>> from micrograd import diagnose, nn
    >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> figure = layer_health(diagnose(model, [[1.0], [2.0]], [[1.0], [2.0]]))
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['0 Linear', '1 ReLU', '2 Linear']
    """
    check_language(language)
    if not isinstance(diagnosis, Diagnosis):
        given = type(diagnosis).__name__
        raise ArgumentTypeError(f"diagnosis must be what micrograd.diagnose returns, got {given}")
    layers = diagnosis.layers
    if not layers:
        raise ArgumentValueError("diagnosis has no layers: the model is not made of modules")
    figure = Plot(1.7 + ROW * len(layers), language)
    rows = list(range(len(layers)))
    with look(language):
        sizes, off = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
        for key, color, marker in (("output", FORWARD_WIRE, "o"), ("gradient", GRADIENT_WIRE, "s")):
            _dots(sizes, [getattr(x, key) for x in layers], key, color, marker, language)
        start = [0.0] * len(layers)
        for kind, color in OFF.items():
            share = [len(getattr(x, kind)) / x.units for x in layers]
            off.barh(rows, share, 0.6, start, color=color, label=words(kind, language))
            start = [a + b for a, b in zip(start, share, strict=True)]
        sizes.set_xscale("log")
        sizes.set_yticks(rows, [f"{x.name} {x.kind}" for x in layers])
        sizes.invert_yaxis()
        sizes.set_xlabel(words("root mean square", language))
        off.set_xlim(0, 1)
        off.set_xlabel(words("share of units", language))
        figure.suptitle(words("health title", language), x=0.01, ha="left")
        figure.legend(loc="outside lower left", ncols=4)
    return figure


def _dots(axes: Any, sizes: list[float], key: str, color: str, marker: str, language: str) -> None:
    there = [(size, row) for row, size in enumerate(sizes) if 0 < size < float("inf")]
    x, y = zip(*there, strict=True) if there else ((), ())
    axes.plot(x, y, marker, color=color, label=words(key, language), linestyle="none")
