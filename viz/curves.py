"""Plots of training and of optimisers, as matplotlib figures (the extra `plot`).

Every function returns a `Plot`, a `matplotlib.figure.Figure` that shows itself in a notebook and
has `save("name.svg|png|pdf")`. With `language="zh"` its words are Chinese; on a machine without a
font for them that is a FontWarning. Importing this module without matplotlib raises a `PlotError`,
a MicrogradError that is also an ImportError.
"""

from __future__ import annotations

from viz.plots import PlotError
from viz.plots.contest import comparison
from viz.plots.factors import step_sizes
from viz.plots.health import layer_health
from viz.plots.losses import loss_curves
from viz.plots.regions import decision_regions
from viz.plots.style import Plot
from viz.plots.valley import optimizer_paths

__all__ = [
    "Plot",
    "PlotError",
    "comparison",
    "decision_regions",
    "layer_health",
    "loss_curves",
    "optimizer_paths",
    "step_sizes",
]
