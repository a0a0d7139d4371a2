"""Functions that are compiled again and again: a warning, once, that says what changes."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from typing import Any

from micrograd.checks import is_library
from micrograd.compiler.trace.arguments.stand_ins import STATIC, CallShape
from micrograd.compiler.trace.forms import Form
from micrograd.errors import CompileWarning

IN_A_ROW = 8  # programs that were made anew because something around the function had changed
SHAPES_IN_A_ROW = 24  # programs for other shapes, each of which may come again
WAYS = 24  # that decisions went, for arguments of shapes that there were before
NEAR = 3  # runs from one such program to the next
MOST_NAMED = 3
MOST_FORMS = 256  # that are kept


class Rebuilds:
    """How often in a row a function was compiled again; all its programs share one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._changes: list[list[str]] = []
        self._shapes: list[CallShape] = []
        self._forms: dict[CallShape, Form] = {}  # of each shape, that of the program made last
        self._decided: list[str] = []  # what decided otherwise than in the program before
        self._last: tuple[int, int] = (0, 0)
        self._warned = False

    def note(
        self, programs: object, runs: int, changes: list[str], shape: CallShape,
        known: bool,
    ) -> None:  # fmt: skip
        """One more program will be made, after so many runs: for what has changed, or a shape.

        A shape is `known` that had a program before something changed for all of them.
        """
        if self._warned:
            return
        before, at = self._last
        if before == id(programs) and runs - at > NEAR:
            self._changes, self._shapes = [], []
        self._last = id(programs), runs
        if changes:
            self._changes.append(changes)
        elif known or shape not in self._forms:
            self._shapes.append(shape)
        if len(self._changes) >= max(IN_A_ROW, len(self._shapes)):
            often = Counter(x for changes in self._changes for x in changes)
            names = [x for x, n in often.most_common(MOST_NAMED) if 2 * n >= IN_A_ROW]
            self._warn(
                f"was compiled again {len(self._changes)} times in a row, as this has changed each "
                f"time: {', '.join(names) or 'what it finds around it'}. Pass it as an argument, "
                "or keep it where the function does not read it"
            )
        elif len(self._shapes) >= SHAPES_IN_A_ROW:
            self._warn(
                f"was compiled for {len(self._shapes)} shapes or flags in a row: "
                f"{_difference(self._shapes[-2], self._shapes[-1])}. Bring arguments to a few "
                "shapes, as with zeros and a mask, or pass numbers in place of text and flags"
            )

    def note_form(self, shape: CallShape, form: Form) -> None:
        """A program was made of the function in this form: the decisions may be others."""
        before = self._forms.get(shape)
        if len(self._forms) > MOST_FORMS:
            self._forms.clear()
        self._forms[shape] = form
        at = -1 if before is None else form.parting(before)
        if at < 0 or self._warned:
            return
        self._decided.append(form.reason(at))
        if len(self._decided) >= WAYS:
            reason, line = Counter(self._decided).most_common(1)[0][0].partition("\n")[::2]
            self._warn(
                f"was compiled for {len(self._decided)} ways that its decisions went: {reason}, "
                f"{line.strip()}. Choose numbers with micrograd.where, or let integers choose "
                "entries of lists",
                "Branches",
            )

    def note_effects(self, changed: list[str]) -> None:
        """These change whenever the function itself runs."""
        if changed and not self._warned:
            self._warn(
                f"changes {', '.join(changed[:MOST_NAMED])} when it runs, and compiled calls do "
                "not run it. Return what has changed, `return loss, state`, or change it where the "
                "function is called"
            )

    def _warn(self, what: str, section: str = "What it finds around it") -> None:
        self._warned = True
        warnings.warn(
            f"{self._name} {what}; see docs/compiling.md, {section!r}",
            CompileWarning,
            stacklevel=_level(),
        )


def _difference(a: CallShape, b: CallShape) -> str:
    if len(a) != len(b):
        return f"{len(a)} arguments, then {len(b)}"
    k = next((k for k, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), 0)
    x, y = _parted(a[k], b[k])
    if x[:1] == y[:1] == (STATIC,):
        return f"argument {k} holds {x[1][1]!r:.30} in a place, then {y[1][1]!r:.30}"
    return f"argument {k} is {_short(a[k])}, then {_short(b[k])}"


def _parted(a: Any, b: Any) -> tuple[Any, Any]:
    """The innermost parts of two shapes in which they differ alone."""
    a, b = _spread(a), _spread(b)
    while isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) and a[0] != STATIC:
        a, b = next((_spread(x), _spread(y)) for x, y in zip(a, b, strict=True) if x != y)
    return (a, b) if isinstance(a, tuple) and isinstance(b, tuple) else ((), ())


def _spread(shape: Any) -> Any:
    """A shape that stands for several alike, written as those of several."""
    if isinstance(shape, tuple) and len(shape) == 3 and type(shape[1]) is int:
        return shape[0], (shape[2],) * shape[1]
    return shape


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
