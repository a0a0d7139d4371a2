"""Arguments that a function changes in place: refused, with the line that does it.

A program computes on numbers of its own. What it does to an argument would reach the caller in the
calls in which Python runs the function, and in no other.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, TypeVar

import numpy as np

from micrograd.checks import is_library, line_at
from micrograd.compiler.trace.arguments.structures import Keywords, parts
from micrograd.compiler.trace.numbers.records import attributes_of
from micrograd.compiler.trace.world.around import Around
from micrograd.engine import Value
from micrograd.errors import CompileError
from micrograd.interrupts import restored
from micrograd.tensors.tensor import Tensor

T = TypeVar("T")

# What to write instead, by the sort of what is changed; `advice` looks for these words.
ARRAY, LIST, DICT, SET, OBJECT = (
    f"{sort} given as an argument"
    for sort in ("an array", "a list", "a dict", "a set", "an object")
)


class ArgumentChangedError(CompileError):
    """A function changes what it was given."""


class Contents:
    """What stand-ins for arguments hold when it is made; `changed` says where that is no longer so.

    >>> given = Contents(([1.0, 2.0], {"a": 3.0}))
    >>> given.changed() is None
    True
    >>> given.arguments[1]["b"] = 4.0
    >>> given.changed()
    1
    """

    __slots__ = ("_held", "_holders", "arguments")

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self.arguments = arguments
        self._holders = list(_holders(arguments))
        self._held = [_held(x) for x in self._holders]

    def changed(self) -> int | None:
        """The number of the first container that holds something else; None if none does."""
        return next((k for k in range(len(self._held)) if self.changed_at(k)), None)

    def changed_at(self, k: int) -> bool:
        """Whether this container holds something else."""
        return bool(_held(self._holders[k]) != self._held[k])

    def described(self, k: int, fn: Callable[..., Any]) -> str:
        """What a container is, and what the function calls it."""
        wanted, names = self._holders[k], _names(fn)
        for place, x in enumerate(self.arguments):
            named = list(x.items()) if type(x) is Keywords else [(_nth(names, place), x)]
            for name, argument in named:
                for path, holder in _named(argument, name):
                    if holder is wanted:
                        return f"`{path}`, {_sort(wanted)},"
        return _sort(wanted)


def line_of_change(contents: Contents, k: int, run: Callable[[], object]) -> str:
    """The user's line that changes a container while this runs; "" if none is found."""
    at = found = ""

    def look(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal at, found
        if found or is_library(frame.f_code.co_filename):
            return None
        if at and contents.changed_at(k):
            found = at
            return None
        at = line_at(frame)
        return look

    before = sys.gettrace()

    def watched() -> None:
        sys.settrace(look)
        run()

    try:
        restored(watched, lambda: sys.settrace(before))
    except Exception:  # it goes on with what it has changed as far as it gets
        return found or at
    return found or (at if contents.changed_at(k) else "")


def copies(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments for a run that must not reach the caller's."""
    memo: dict[int, Any] = {}  # what is the same object is so in the copies
    return tuple(x if isinstance(x, Around) else copy.deepcopy(x, memo) for x in arguments)


def _holders(arguments: Sequence[Any]) -> Iterator[Any]:
    """All that can be changed in place, outer ones first."""
    stack = [x for x in reversed(arguments) if type(x) is not Keywords]
    stack += [v for x in arguments if type(x) is Keywords for v in reversed(list(x.values()))]
    while stack:
        x = stack.pop()
        inside = parts(x)
        if inside is not None:
            if not isinstance(x, tuple):
                yield x
            stack += [v for v in reversed(list(inside)) if not isinstance(v, Value)]
        elif isinstance(x, np.ndarray | Tensor | set):
            yield x


def _held(x: Any) -> Any:
    """What tells whether the same is held: which objects, and where."""
    if isinstance(x, Tensor):
        x = x._values
    if isinstance(x, np.ndarray):
        return x.shape, x.tobytes()
    if isinstance(x, set):
        return frozenset(x)
    if isinstance(x, dict):
        return list(x), list(map(id, x.values()))
    if isinstance(x, list):
        return list(map(id, x))
    held = attributes_of(x)
    return list(held), list(map(id, held.values()))


def _sort(x: Any) -> str:
    sorts = {np.ndarray: ARRAY, Tensor: ARRAY, list: LIST, dict: DICT, set: SET}
    return next((name for sort, name in sorts.items() if isinstance(x, sort)), OBJECT)


def _named(x: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What is inside an argument, with the text that reads it."""
    yield name, x
    if isinstance(x, dict):
        inside = [(f"{name}[{key!r}]", v) for key, v in x.items()]
    elif isinstance(x, list | tuple):
        inside = [(f"{name}[{k}]", v) for k, v in enumerate(x)]
    elif parts(x) is not None:
        inside = [(f"{name}.{attribute}", v) for attribute, v in attributes_of(x).items()]
    else:
        return
    for path, v in inside:
        if not isinstance(v, Value):
            yield from _named(v, path)


def _names(fn: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(fn).parameters)
    except (TypeError, ValueError):  # of some built-in functions
        return []


def _nth(names: list[str], k: int) -> str:
    return names[k] if k < len(names) else f"argument {k}"
