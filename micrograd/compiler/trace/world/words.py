"""Where attributes are in the memory of objects: what is found so need not be looked up by name."""

from __future__ import annotations

from functools import cache
from types import CellType, FunctionType, MemberDescriptorType
from typing import Any

from micrograd.engine import word_of

CLASS = object.__basicsize__ - tuple.__itemsize__  # the last word of a plain object
NONE_IS_NULL = 1  # added to where a word is: there None is a null pointer

Entry = tuple[type[Any], str, Any]  # of a class: a name, and what is there, None for nothing


def place_of(x: Any, name: str, value: Any) -> tuple[int, list[Entry]]:
    """Where the word of an attribute with that value is, and what of classes must stay as it is.

    -1 where it can only be looked up: it is in no slot of its own, or not the only one with that
    value.

    >>> class Rate:
    ...     __slots__ = ("now",)
    >>> rate = Rate()
    >>> rate.now = 0.5
    >>> at, entries = place_of(rate, "then", 0.5)
    >>> at, entries
    (-1, [])
    """
    cls: Any = type(x)
    if name == "__class__":
        return CLASS if value is cls else -1, []
    if cls is FunctionType or cls is CellType:
        return _in_every(cls, name), []
    if cls.__getattribute__ is not object.__getattribute__:
        return -1, []
    entries: list[Entry] = []
    for base in cls.__mro__:
        found = vars(base).get(name)
        entries.append((base, name, found))
        if found is not None:
            at = -1
            if type(found) is MemberDescriptorType:
                at = word_of(x, value, cls.__basicsize__)
            return at, entries if at >= 0 else []
    return -1, []


@cache
def _in_every(cls: Any, name: str) -> int:
    """Where functions or cells have an attribute, found in one whose attributes are no others'."""

    def example(a: int = 1, *, b: int = 2) -> int:
        return a + b

    x: Any = example if cls is FunctionType else CellType(object())
    at = word_of(x, getattr(x, name), cls.__basicsize__)
    return at if at < 0 or cls is CellType else at + NONE_IS_NULL
