"""What arguments may be made of besides lists and arrays: dicts, dataclasses, tuples, flags."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MappingProxyType
from typing import Any

import numpy as np

from micrograd.compiler.trace.numbers.records import attributes_of, is_record, record_like
from micrograd.compiler.trace.numbers.refusing import current
from micrograd.compiler.trace.numbers.shared import share
from micrograd.compiler.trace.world.around import Around, around_in
from micrograd.errors import ArgumentTypeError, CompileError

# Of these a program holds what was given: there is a program for each.
STATICS = (bool, str, bytes, type(None), Enum, range, FunctionType, BuiltinFunctionType,
           type, set, frozenset, Around)  # fmt: skip


CODE = (Enum, FunctionType, BuiltinFunctionType, type)  # and what else can be changed by itself


class Keywords(dict[str, Any]):
    """The last of a function's arguments, where some can only be given by name."""


# Types of which an argument brings nothing along.
PLAIN = (list, tuple, dict, str, bytes, Keywords)
HOLD_NOTHING = frozenset([int, float, bool, str, bytes, type(None)])


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
    if isinstance(x, str | bytes) and getattr(x, "__dict__", None):
        return type(x), id(x)  # attributes decide, too; its program keeps it
    return type(x), x


def parts(x: Any) -> Collection[Any] | None:
    """What a container holds, in order; None if it is none."""
    if isinstance(x, list | tuple):
        return x
    if isinstance(x, dict):
        return x.values()
    return attributes_of(x).values() if is_record(x) else None


def kind(x: Any) -> Any:
    """What sort of container it is: two that are equal differ in what they hold only."""
    if isinstance(x, dict):
        return type(x), tuple(x)
    if is_record(x):
        return type(x), tuple(attributes_of(x))
    return type(x).__name__ if type(x) in (list, tuple) else type(x)


def code_in(arguments: Sequence[Any]) -> list[Any]:
    """What arguments bring along that can be changed without them: functions, classes, enums.

    >>> class Pair(tuple): pass
    >>> code_in(([1.0, (len, 2.0)], Pair([1.0])))
    [<built-in function len>, <class 'micrograd.compiler.trace.arguments.structures.Pair'>]
    """
    found: dict[int, Any] = {}
    stack = list(reversed(arguments))
    while stack:
        x = stack.pop()
        if isinstance(x, CODE):
            found[id(x)] = x
        inside = None if is_static(x) else parts(x)
        if type(x) not in PLAIN and (inside is not None or isinstance(x, str | bytes)):
            found[id(type(x))] = type(x)
        if inside is not None and not HOLD_NOTHING.issuperset(map(type, inside)):
            stack += reversed([*inside])
    return list(found.values())


NOTHING: Mapping[int, int] = MappingProxyType({})


def sharing(arguments: Sequence[Any], outside: Mapping[int, int] = NOTHING) -> tuple[int, ...]:
    """Which containers in arguments are the same, by the order in which they come; () if none are.

    >>> row, other = [1.0], [1.0]
    >>> sharing(([row, other], row)), sharing(([row, other], [row]))
    ((0, 1, 2, 1), (0, 1, 2, 3, 1))
    >>> sharing(([row, other],))
    ()

    Numbers below 0 are of containers `outside`, by their ids.

    >>> sharing(([row],), {id(row): -1})
    (0, -1)
    """
    known = dict(outside)
    order = []
    stack = list(reversed(arguments))
    while stack:
        x = stack.pop()
        inside = None if is_static(x) else parts(x)
        if not inside and not isinstance(x, list | dict | np.ndarray):
            continue
        is_new = id(x) not in known
        order.append(known.setdefault(id(x), len(known) - len(outside)))
        if is_new and inside and not HOLD_NOTHING.issuperset(map(type, inside)):
            stack += reversed([*inside])
    shares = len(order) > len(known) - len(outside) or min(order, default=0) < 0
    return tuple(order) if shares else ()


def check_sharing(arguments: Sequence[Any]) -> None:
    """Raise a CompileError unless the same containers are the same in all samples of a batch."""
    if len({sharing(sample) for sample in zip(*arguments, strict=True)}) > 1:
        raise CompileError(
            "cannot be compiled: the function asks which of its arguments are the same, and in "
            "some samples others are than in the first"
        )


def check_outside(shared: tuple[int, ...]) -> tuple[int, ...]:
    """The same again. Raises a CompileError if an argument is a container around the function."""
    if min(shared, default=0) < 0:
        raise CompileError(
            "cannot be compiled: the function asks with `is` what is the same, and an argument is "
            "a list, dict or array that it finds around itself; pass a copy, or compare with `==`"
        )
    return shared


def rebuilt(x: Any, new: list[Any]) -> Any:
    """The same container of other parts."""
    if isinstance(x, list):
        return new
    if isinstance(x, tuple):
        return x._make(new) if hasattr(x, "_make") else tuple(new)
    if isinstance(x, dict):
        same = type(x) if type(x) in (dict, Keywords) else dict
        return same(zip(x, new, strict=True))
    return record_like(x, new)
