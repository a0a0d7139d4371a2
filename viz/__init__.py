"""Pictures of what `micrograd` did: three views of one recorded graph."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from viz.drawing.figure import Figure
from viz.drawing.notebook import register
from viz.views.draw_dot import draw_dot, trace
from viz.views.op_graph import op_graph

if TYPE_CHECKING:
    from viz.views.gradient_diagram import gradient_diagram
    from viz.views.layer_graph import layer_graph
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


HOMES = {
    "Stepper": "stepper",
    "compare": "comparison",
    "gradient_diagram": "gradient_diagram",
    "layer_graph": "layer_graph",
    "stepper": "stepper",
}  # the module in `views` of what is loaded later


def __getattr__(name: str) -> Any:
    """What is loaded when it is first asked for, so that `import viz` is quick.

    `curves` needs matplotlib, `compare` torch; where arrays are found the compiler is needed.
    """
    if name == "curves":
        return import_module("viz.curves")
    if name in HOMES:
        return getattr(import_module(f"viz.views.{HOMES[name]}"), name)
    raise AttributeError(f"module 'viz' has no attribute {name!r}")


def enable_display(on: bool = True) -> None:
    """Let a Value in a notebook show the graph that it was computed by; off: its text again.

    Raises a GraphError outside of a notebook.
    """
    register(op_graph if on else None)


def __dir__() -> list[str]:
    """What there is, with what is not loaded yet."""
    own = [name for name in globals() if name.startswith("__")]
    return sorted({*own, *__all__, *HOMES, "curves"})
