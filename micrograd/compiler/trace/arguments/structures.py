"""What arguments may be made of besides lists and arrays: dicts, dataclasses, tuples, flags."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Hashable, Sequence
from enum import Enum
from types import BuiltinFunctionType, FunctionType
from typing import Any

from micrograd.compiler.trace.numbers.refusing import current
from micrograd.compiler.trace.numbers.shared import share
from micrograd.compiler.trace.world.around import Around, around_in
from micrograd.errors import ArgumentTypeError

# Of these a program holds what was given: there is a program for each.
STATICS = (bool, str, bytes, type(None), Enum, range, FunctionType, BuiltinFunctionType,
           type, set, frozenset, Around)  # fmt: skip


class Keywords(dict[str, Any]):
    """The last of a function's arguments, where some can only be given by name."""


def called(fn: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """What the function returns."""
    around = around_in(arguments)
    if around is not None:
        given = around.without(tuple(arguments))
        numbers = [share(x) for x in arguments[len(given) : -1]]
        tracer = current()
        put = None if tracer is None else tracer.put
        return around.run(numbers, lambda: called(fn, given), put)
    if arguments and type(arguments[-1]) is Keywords:
        return fn(*arguments[:-1], **arguments[-1])
    return fn(*arguments)


class ArgumentPlaces:
    """The arguments of a function in the order of its signature: names are one way to say it."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self._fn = fn
        # By how many have no name and the names: those with a place, and the others.
        self._known: dict[tuple[Any, ...], tuple[list[str], list[str]]] = {}

    def of(self, given: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments of a call; raises what it would raise, as an ArgumentTypeError."""
        key = (len(given), *keywords)
        if key not in self._known:
            self._known[key] = self._sorted(given, keywords)
        placed, named = self._known[key]
        inputs = (*given, *[keywords[name] for name in placed])
        return (*inputs, Keywords((name, keywords[name]) for name in named)) if named else inputs

    def _sorted(
        self, given: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[list[str], list[str]]:
        try:
            bound = inspect.signature(self._fn).bind(*given, **{name: name for name in keywords})
        except TypeError as error:
            name = getattr(self._fn, "__qualname__", repr(self._fn))
            raise ArgumentTypeError(f"{name}() {error}") from None
        return list(bound.args[len(given) :]), sorted(bound.kwargs)


def is_static(x: Any) -> bool:
    """Whether it is part of a program, and no number that every call may change."""
    return isinstance(x, STATICS)


def static(x: Any) -> Hashable:
    """What such an argument is known by."""
    if isinstance(x, set | frozenset):
        return "set", frozenset(x)
    return type(x).__name__, x


def parts(x: Any) -> Collection[Any] | None:
    """What a container holds, in order; None if it is none."""
    if isinstance(x, list | tuple):
        return x
    if isinstance(x, dict):
        return x.values()
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return [getattr(x, field.name) for field in dataclasses.fields(x)]
    return None


def kind(x: Any) -> Any:
    """What sort of container it is: two that are equal differ in what they hold only."""
    if isinstance(x, dict):
        return type(x), tuple(x)
    return type(x).__name__ if type(x) in (list, tuple) else type(x)


def rebuilt(x: Any, new: list[Any]) -> Any:
    """The same container of other parts."""
    if isinstance(x, list):
        return new
    if isinstance(x, tuple):
        return x._make(new) if hasattr(x, "_make") else tuple(new)
    if isinstance(x, dict):
        same = type(x) if type(x) in (dict, Keywords) else dict
        return same(zip(x, new, strict=True))
    made = object.__new__(type(x))
    made.__dict__.update(getattr(x, "__dict__", {}))
    for field, part in zip(dataclasses.fields(x), new, strict=True):
        object.__setattr__(made, field.name, part)
    return made
