"""How a Value shows itself in a notebook: as text, unless pictures are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from micrograd.engine import Value
from micrograd.errors import GraphError

MIME = "text/plain"


def register(draw: Callable[[Value], Any] | None) -> None:
    """Let IPython show Values by what `draw` gives; None: as text again."""
    shell = _shell()
    if shell is None:
        raise GraphError(
            "enable_display is for notebooks: no IPython is running; save a figure with .save()"
        )
    formatter = shell.display_formatter.mimebundle_formatter
    if draw is None:
        formatter.type_printers.pop(Value, None)
        return
    chosen = draw
    formatter.for_type(Value, lambda v, include=None, exclude=None: _bundle(chosen, v))


def _bundle(draw: Callable[[Value], Any], v: Value) -> dict[str, str]:
    if v._row is None:  # a leaf has nothing to draw
        return {MIME: repr(v)}
    bundle: dict[str, str] = draw(v)._repr_mimebundle_()
    return {**bundle, MIME: repr(v)}


def _shell() -> Any:
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return get_ipython()
