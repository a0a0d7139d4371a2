"""What code reads that is in no list, dict or attribute: it is read again before each call."""

from __future__ import annotations

import weakref
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from functools import lru_cache
from operator import attrgetter, methodcaller
from typing import Any

FindItems = Callable[[Any], list[Any]]

CACHED = type(lru_cache(lambda: None))


def _of_buffer(x: Any) -> list[Any]:
    return [str(x.shape), x.tobytes()] if isinstance(x, memoryview) else [bytes(x)]


# How it is found out what there is, of objects of these types.
READINGS: dict[type, FindItems] = {
    set: list,
    deque: list,
    OrderedDict: list,  # the order of its keys, which dicts have elsewhere
    bytearray: _of_buffer,
    memoryview: _of_buffer,
    array: _of_buffer,
    ContextVar: lambda x: [x.get(None)],
    CACHED: lambda x: [x.cache_info().currsize > 0],  # or has been cleared
}


class Asked(Collection[Any]):
    """An object whose contents are found by asking it; as a container, what is in it now.

    >>> kept = deque([1, 2], maxlen=2)
    >>> source = Asked.of(kept)
    >>> kept.append(3)
    >>> list(source), len(source)
    ([2, 3], 2)
    """

    def __init__(self, x: Any, read: FindItems) -> None:
        self.of_what, self._read = x, read

    @staticmethod
    def of(x: Any) -> Asked | None:
        """Of what has to be asked; None for other things."""
        read = next((f for sort, f in READINGS.items() if isinstance(x, sort)), None)
        return None if read is None else Asked(x, read)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._read(self.of_what))

    def __contains__(self, x: object) -> bool:
        return x in self._read(self.of_what)

    def __len__(self) -> int:
        return len(self._read(self.of_what))

    @property
    def counts_runs(self) -> bool:
        """Whether the function itself changes it in a first run alone: a cache is filled."""
        return isinstance(self.of_what, CACHED)


def put_back(x: list[Any] | Asked, items: list[Any]) -> None:
    """Let a list, a set, a deque or a buffer hold these things again."""
    held = x.of_what if isinstance(x, Asked) else x
    if isinstance(held, bytearray | array):
        memoryview(held).cast("B")[:] = items[0]
    elif isinstance(held, set):
        held.clear()
        held.update(items)
    elif isinstance(held, list | deque):
        held.clear()
        held.extend(items)


def names_in(x: Any) -> list[str]:
    """The attributes that an `attrgetter` or `methodcaller` reads.

    >>> names_in(attrgetter("rate.now", "size")), names_in(print)
    (['rate', 'now', 'size'], [])
    """
    if not isinstance(x, attrgetter | methodcaller):
        return []
    given = [text for text in x.__reduce__()[1] if isinstance(text, str)]
    return [name for text in given for name in text.split(".")]


def behind(x: Any) -> Any:
    """What a weak reference, a context or a function with a cache leads to; None for others."""
    if isinstance(x, weakref.ref):
        return x()
    if isinstance(x, ContextVar):
        return x.get(None)
    return x.__wrapped__ if isinstance(x, CACHED) else None
