"""What a program calls its numbers: the variables that each recorded operation was assigned to.

The function runs once more, and after every line its local variables are looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from micrograd.compiler.trace.stand_ins import refilled
from micrograd.compiler.trace.traceable import Traceable
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.trace.tracer import Index, Tracer
from micrograd.engine import Value
from micrograd.errors import MicrogradError

MOST_LOCALS = 64  # of a frame that is looked at


class _Names(Tracer):
    """A trace that notes the variables to which its nodes are assigned."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[int, str] = {}  # by the id of a node; nodes live as long as the trace
        self._seen: dict[tuple[int, str], int] = {}

    def watch(self, frame: FrameType, event: str, _: Any) -> Any:
        """After each line: which variables are new."""
        if "/micrograd/" in frame.f_code.co_filename.replace("\\", "/"):
            return None
        if event in ("line", "return"):
            held = frame.f_locals
            for name in list(held)[:MOST_LOCALS]:
                v = held[name]
                key = id(frame), name
                if isinstance(v, Value) and self._seen.get(key) != id(v):
                    self._seen[key] = id(v)
                    self.names.setdefault(id(v), name)
        return self.watch


def variables(fn: Callable[..., Any], traced: Traced) -> dict[int, str]:
    """The variable of each recorded operation that was assigned to one, by its number."""
    tracer = _Names()
    arguments = tuple(map(_plain, traced.stand_ins.arguments))
    before = sys.gettrace()
    try:
        sys.settrace(tracer.watch)
        Traceable(fn, []).again(arguments, tracer)
    except MicrogradError:
        return {}
    finally:
        sys.settrace(before)
    return {k: tracer.names[id(v)] for k, v in enumerate(tracer.nodes) if id(v) in tracer.names}


def _plain(x: Any) -> Any:
    """An argument as it was given: numbers in place of what stands for them."""
    if isinstance(x, np.ndarray):
        return np.array([_number(v, None) for v in x.ravel().tolist()]).reshape(x.shape)
    return refilled(x, _number)


def _number(x: Any, _: Any) -> Any:
    if not isinstance(x, Value):
        return x
    return int(x._data) if isinstance(x, Index) else x._data
