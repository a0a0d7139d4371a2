"""What the engine does not record, watched while a thread traces: how numbers leave the graph.

`v.data` gives a Read, `max` of Reads is a node, and what no program can contain is refused. The
watched versions are put on the classes for the time of a trace; other threads pass through them
and notice nothing.
"""

from __future__ import annotations

import builtins
import io
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import numpy as np

from micrograd import observers
from micrograd.compiler.trace.assigned import assign
from micrograd.compiler.trace.numbers.maybe import MISSING, extreme
from micrograd.compiler.trace.numbers.merging import Maybe
from micrograd.compiler.trace.numbers.numeric import largest, smallest
from micrograd.compiler.trace.numbers.reads import Read
from micrograd.compiler.trace.numbers.refusing import active, current, refuse
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.compiler.trace.rewritten.of_arrays import without_nan
from micrograd.compiler.trace.world.reachable import is_in_users_file
from micrograd.core.scalar import Scalar
from micrograd.engine import Value
from micrograd.interrupts import locked, restored

T = TypeVar("T")

builtins_max = builtins.max
# What tells of things outside of the process, where it is called by the user's code.
OUTSIDE: list[tuple[Any, tuple[str, ...]]] = [
    (os.path, ("exists", "isfile", "isdir", "getsize", "getmtime")),
    (os, ("listdir", "scandir", "getcwd")),
    (Path, ("exists", "is_file", "is_dir", "stat", "iterdir", "glob")),
    (time, ("localtime", "gmtime", "strftime", "ctime", "asctime")),
    (np, ("loadtxt", "genfromtxt", "fromfile")),
]
BACKWARD = "the program calls backward(); the compiler does that. Return the loss"
COPIED = "a Value is copied or pickled: its number would be a constant of the program"
OPENED = (
    "a file is opened, which later calls would neither read nor write; open it before, and pass "
    "what it holds"
)
ASKED = (
    "asks for files or the time, which later calls would not do; ask before, and pass the answer"
)
INHERITED = object()  # what a class has of another one
COPYING = ("__copy__", "__deepcopy__", "__reduce_ex__")

_lock = RLock()


class Watch:
    """Lets `tracer` see what this thread does between `begin` and `end`; others notice nothing."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._outer, self._mine = list(active), observers.mine()
        self._wanted = [] if self._outer else _watched()
        self._kept = [(o, name, o.__dict__.get(name, INHERITED)) for o, name, _ in self._wanted]

    def begin(self) -> None:
        """Put the watched versions in place."""
        observers.put((self._tracer,))
        active.append(self._tracer)
        for owner, name, value in self._wanted:
            setattr(owner, name, value)

    def end(self) -> None:
        """Put back what was there before; a second time changes nothing."""
        for owner, name, value in self._kept:
            if value is not INHERITED:
                setattr(owner, name, value)
            elif name in owner.__dict__:
                delattr(owner, name)
        active[:] = self._outer
        observers.put(self._mine)


def traced(tracer: Tracer, program: Callable[[], T]) -> T:
    """What a program returns that is traced in this thread, one at a time.

    However it ends, also by an interruption, everything is as it was before.
    """

    def alone() -> T:
        watch = Watch(tracer)

        def run() -> T:
            watch.begin()
            return program()

        return restored(run, watch.end)

    return locked(_lock, alone)


def _watched() -> list[tuple[Any, str, Any]]:
    """The watched versions: of which class, under which name."""
    return [
        (Value, "data", _watched_data(Value.__dict__["data"])),
        (Value, "__init__", _watched_init(Value.__init__)),
        (Scalar, "_backward", _watched_hook(Scalar.__dict__["_backward"])),
        (Value, "backward", _refused(Value.backward, BACKWARD)),
        *[(Value, name, _refused(getattr(Value, name), COPIED)) for name in COPYING],
        (builtins, "max", _watched_choice(builtins.max, largest)),
        (builtins, "min", _watched_choice(builtins.min, smallest)),
        *[(module, "open", _refused(module.open, OPENED)) for module in (builtins, io)],
        *[
            (owner, name, _refused(getattr(owner, name), f"{name}() {ASKED}", by_users=True))
            for owner, names in OUTSIDE
            for name in names
            if hasattr(owner, name)
        ],
        (builtins, "print", _watched_print(builtins.print)),
        (np, "nan_to_num", without_nan),  # which leaves an array of objects as it is
    ]


def _watched_data(slot: Any) -> property:
    def get(v: Value) -> Any:
        tracer = current()
        return slot.__get__(v) if tracer is None else tracer.read(v)

    def put(v: Value, x: Any) -> None:
        tracer = current()
        slot.__set__(v, x) if tracer is None else assign(tracer, v, x)

    return property(get, put)


def _watched_init(init: Callable[..., None]) -> Callable[..., None]:
    def watched(self: Value, data: Any, *args: Any, **kwargs: Any) -> None:
        tracer = current()
        if tracer is None or not isinstance(data, Read):
            init(self, data, *args, **kwargs)
            return
        init(self, data._data, *args, **kwargs)
        tracer.sources[id(self)] = data

    return watched


def _watched_hook(hook: property) -> property:
    def put(v: Value, function: Callable[[], None]) -> None:
        if current() is not None:
            refuse("a hand-written _backward has no expression to compile")
        hook.__set__(v, function)

    return property(hook.__get__, put)


def _called_by_users() -> bool:
    """Whether what calls this is called by the user's code."""
    return is_in_users_file(sys._getframe(2).f_code.co_filename)


def _refused(plain: Callable[..., Any], reason: str, by_users: bool = False) -> Callable[..., Any]:
    """What is refused in a trace; with `by_users` only where the user's code calls it."""

    def watched(*args: Any, **kwargs: Any) -> Any:
        if current() is not None and (not by_users or _called_by_users()):
            refuse(reason)
        return plain(*args, **kwargs)

    return watched


def _watched_choice(choice: Any, traced: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def watched(*args: Any, key: Any = None, **kwargs: Any) -> Any:
        tracer = current()
        if tracer is None:
            return choice(*args, key=key, **kwargs)
        one = len(args) == 1 and isinstance(args[0], Iterable)
        given = list(args[0]) if one else list(args)
        if any(type(x) is Maybe for x in given):
            return extreme(choice is builtins_max, given, key, kwargs.get("default", MISSING))
        keys = given if key is None else [key(x) for x in given]
        if not given or not any(isinstance(x, Value) for x in keys):
            order = iter(keys)
            if not one and len(given) < 2:
                return choice(*args, **kwargs)
            return choice(given, key=lambda _: next(order), **kwargs)
        are_numbers = all(isinstance(x, Read) or not isinstance(x, Value) for x in keys)
        if key is None and are_numbers and not tracer.in_order:
            return traced(given)
        return extreme(choice is builtins_max, given, _in_turn(keys), MISSING)

    watched.watched = choice  # type: ignore[attr-defined]
    return watched


def _watched_print(plain: Callable[..., None]) -> Callable[..., None]:
    def watched(*args: Any, **kwargs: Any) -> None:
        tracer = current()
        if tracer is None:
            plain(*args, **kwargs)
            return
        for x in args:
            str(x)  # which a traced number refuses
        tracer.prints = True

    return watched


def _in_turn(keys: list[Any]) -> Callable[[Any], Any]:
    left = iter(keys)
    return lambda _: next(left)
