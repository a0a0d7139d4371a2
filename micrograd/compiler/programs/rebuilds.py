"""Functions that are compiled again and again: a warning, once, that says what changes."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from typing import Any

from micrograd.checks import is_library
from micrograd.compiler.trace.stand_ins import CallShape
from micrograd.errors import CompileWarning

IN_A_ROW = 8  # programs that were made anew because something around the function had changed
SHAPES_IN_A_ROW = 24  # programs for other shapes, each of which may come again
NEAR = 3  # runs from one such program to the next
MOST_NAMED = 3


class Rebuilds:
    """How often in a row a function was compiled again; all its programs share one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._changes: list[list[str]] = []
        self._shapes: list[CallShape] = []
        self._last: tuple[int, int] = (0, 0)
        self._warned = False

    def note(self, programs: object, runs: int, changes: list[str], shape: CallShape) -> None:
        """One more program will be made, after so many runs: for what has changed, or a shape."""
        if self._warned:
            return
        before, at = self._last
        if before == id(programs) and runs - at > NEAR:
            self._changes, self._shapes = [], []
        self._last = id(programs), runs
        if changes:
            self._changes.append(changes)
        else:
            self._shapes.append(shape)
        if len(self._changes) >= IN_A_ROW:
            often = Counter(x for changes in self._changes for x in changes)
            names = [x for x, n in often.most_common(MOST_NAMED) if 2 * n >= IN_A_ROW]
            self._warn(
                f"was compiled again {len(self._changes)} times in a row, as this has changed each "
                f"time: {', '.join(names) or 'what it finds around it'}. Pass it as an argument, "
                "or keep it where the function does not read it",
            )
        elif len(self._shapes) >= SHAPES_IN_A_ROW:
            self._warn(
                f"was compiled for {len(self._shapes)} shapes or flags in a row: "
                f"{_difference(self._shapes[-2], self._shapes[-1])}. Bring arguments to a few "
                "shapes, as with zeros and a mask, or pass numbers in place of text and flags",
            )

    def note_effects(self, changed: list[str]) -> None:
        """These change whenever the function itself runs."""
        if changed and not self._warned:
            self._warn(
                f"changes {', '.join(changed[:MOST_NAMED])} when it runs, and compiled calls do "
                "not run it. Return what has changed, `return loss, state`, or change it where the "
                "function is called"
            )

    def _warn(self, what: str) -> None:
        self._warned = True
        warnings.warn(
            f"{self._name} {what}; see docs/compiling.md, 'What it finds around it'",
            CompileWarning,
            stacklevel=_level(),
        )


def _difference(a: CallShape, b: CallShape) -> str:
    if len(a) != len(b):
        return f"{len(a)} arguments, then {len(b)}"
    k = next((k for k, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), 0)
    return f"argument {k} is {_short(a[k])}, then {_short(b[k])}"


def _short(shape: Any) -> str:
    """`list (3,)`, or what there is of another shape."""
    regular = isinstance(shape, tuple) and len(shape) == 3 and isinstance(shape[2], tuple)
    return f"{shape[0]} {shape[2]}" if regular else f"{shape!r:.60}"


def _level() -> int:
    """The `stacklevel` of the line that called the function: the first that is not a library's."""
    frame, level = sys._getframe(2), 2
    while frame.f_back is not None and is_library(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    return level
