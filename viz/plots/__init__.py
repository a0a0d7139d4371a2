"""The plots of `viz.curves`, one module each; importing any of them needs matplotlib."""

from __future__ import annotations

from micrograd.errors import MicrogradError


class PlotError(MicrogradError, ImportError):
    """Matplotlib, which draws the plots, cannot be imported; the text says how to install it."""


try:
    import matplotlib as matplotlib
except ImportError as error:
    raise PlotError(
        f'viz.curves needs matplotlib: pip install "micrograd-tracer[plot]" ({error})'
    ) from error
