"""What a program calls its numbers: the variables that each recorded operation was assigned to.

The function runs once more, and after every line its local variables are looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from micrograd.compiler.trace.arguments.stand_ins import refilled
from micrograd.compiler.trace.numbers.reads import plain
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.compiler.trace.traceable import Traceable
from micrograd.compiler.trace.traced import Traced
from micrograd.engine import Value
from micrograd.errors import MicrogradError
from micrograd.tensors.tensor import Tensor

MOST_LOCALS = 64  # of a frame that is looked at


class _Names(Tracer):
    """A trace that notes the variables to which its nodes are assigned."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[int, str] = {}  # by the id of a node; nodes live as long as the trace
        self._seen: dict[tuple[int, str], int] = {}

    def watch(self, frame: FrameType, event: str, _: Any) -> Any:
        """After each line: which variables are new."""
        if self._is_ours(frame):
            return None
        if event in ("line", "return"):
            held = frame.f_locals
            for name in list(held)[:MOST_LOCALS]:
                v = held[name]
                key = id(frame), name
                if self._is_named(v) and self._seen.get(key) != id(v):
                    self._seen[key] = id(v)
                    self._note(v, name, frame)
        return self.watch

    def _is_ours(self, frame: FrameType) -> bool:
        return "/micrograd/" in _file(frame)

    def _is_named(self, v: Any) -> bool:
        return isinstance(v, Value)

    def _note(self, v: Any, name: str, frame: FrameType) -> None:
        self.names.setdefault(id(v), name)


class _ArrayNames(_Names):
    """The same of lists and Tensors; a node has the name that it was last given where it was made.

    So `h = [(…).tanh() for …]` and `h = new` name what is in them `h`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._where: dict[int, int] = {}  # the frame in which a node got its first name
        self._held: list[Any] = []  # what has been seen lives on, and so do its ids

    def _is_ours(self, frame: FrameType) -> bool:
        room = str(frame.f_globals.get("__name__", "")).split(".")[:2]
        return room[0] == "micrograd" and room != ["micrograd", "nn"]

    def _is_named(self, v: Any) -> bool:
        return isinstance(v, Value | list | tuple | Tensor)

    def _note(self, v: Any, name: str, frame: FrameType) -> None:
        self._held.append((v, frame))
        for x in _values_in(v):
            if self._where.setdefault(id(x), id(frame)) == id(frame):
                self.names[id(x)] = name


def _values_in(v: Any) -> list[Value]:
    """The Values that an array is made of; a list of which the first is none has none."""
    while isinstance(v, list | tuple) and v and isinstance(v[0], list | tuple):
        v = [item for row in v if isinstance(row, list | tuple) for item in row]
    if isinstance(v, Tensor):
        v = v._values.ravel().tolist()
    return [x for x in (v if isinstance(v, list | tuple) else [v]) if isinstance(x, Value)]


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename.replace("\\", "/")


def variables(fn: Callable[..., Any], traced: Traced, arrays: bool = False) -> dict[int, str]:
    """The variable of each recorded operation that was assigned to one, by its number.

    With `arrays` also of those in lists and Tensors that were.
    """
    tracer = _ArrayNames() if arrays else _Names()
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
        return np.array([plain(v) for v in x.ravel().tolist()]).reshape(x.shape)
    return refilled(x, lambda v, _: plain(v))
