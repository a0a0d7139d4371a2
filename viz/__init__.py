"""Pictures of what `micrograd` did: three views of one recorded graph."""

from __future__ import annotations

import importlib
from typing import Any

from viz.drawing.figure import Figure
from viz.drawing.notebook import register
from viz.views.draw_dot import draw_dot, trace
from viz.views.gradient_diagram import gradient_diagram
from viz.views.layer_graph import layer_graph
from viz.views.op_graph import op_graph
from viz.views.stepper import Stepper, stepper

__all__ = [
    "Figure",
    "Stepper",
    "draw_dot",
    "enable_display",
    "gradient_diagram",
    "layer_graph",
    "op_graph",
    "stepper",
    "trace",
]


def __getattr__(name: str) -> Any:
    """What is imported when it is first asked for: `curves` needs matplotlib, `compare` torch."""
    if name == "curves":
        return importlib.import_module("viz.curves")
    if name == "compare":
        return importlib.import_module("viz.views.comparison").compare
    raise AttributeError(f"module 'viz' has no attribute {name!r}")


def enable_display(on: bool = True) -> None:
    """Let a Value in a notebook show the graph that it was computed by; off: its text again.

    Raises a GraphError outside of a notebook.
    """
    register(op_graph if on else None)


def __dir__() -> list[str]:
    """What there is, with what is not loaded yet."""
    own = [name for name in globals() if name.startswith("__")]
    return sorted({*own, *__all__, "compare", "curves"})
