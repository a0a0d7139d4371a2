"""Where compiled parameters live: one array for all programs and for `p.data`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakSet

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.engine import PLAIN, Value, home_of, move, numbers_of
from micrograd.errors import CompileError
from micrograd.interrupts import whole


def aligned(count: int, dtype: Any = np.float64) -> np.ndarray:
    """Zeros that start at a multiple of 64 bytes, as the kernels load them."""
    size = np.dtype(dtype).itemsize
    raw = np.zeros(count + 64 // size, dtype)
    skip = (-raw.ctypes.data % 64) // size
    return raw[skip : skip + count]


class Store:
    """The numbers of some leaves, in one array that grows.

    `version` changes when the array moves; what held its address must take the new one.
    """

    def __init__(self, dtype: str = "float64") -> None:
        self.dtype = dtype
        self.values: list[Value] = []
        self.numbers: Any = aligned(0, dtype)
        self.view = self.numbers.data  # the same, one by one and faster
        self.version = 0
        self.memories: WeakSet[Any] = WeakSet()  # of optimisers, which leaves take along

    def take(self, leaves: Sequence[Value]) -> None:
        """Move leaves into the store, those of another store with all that is in it."""
        new: list[Value] = []
        others: dict[int, Store] = {}
        for v in leaves:
            home = store_of(v)
            if home is None:
                new.append(v)
            elif home is not self and id(home) not in others:
                others[id(home)] = home
                new += home.values
        new = list(dict.fromkeys(new))
        for v in new:
            if type(v) not in PLAIN:
                raise CompileError(
                    f"cannot be compiled: a parameter is a {type(v).__name__}; parameters must "
                    "be Values, no subclass of them"
                )
        for home in others.values():
            for memory in home.memories:
                memory.loosen()
        if not new:
            return
        numbers: Any = aligned(len(self.values) + len(new), self.dtype)
        numbers[: len(self.values)] = self.numbers
        numbers[len(self.values) :] = numbers_of(new)
        versions = [(store, store.version + 1) for store in (self, *others.values())]
        values = self.values + new
        first = len(self.values)
        own = [p for p, v in enumerate(values) if p >= first or store_of(v) is self]
        before = self.numbers  # kept: until they are moved, numbers are read from there

        def moved() -> None:
            self.numbers, self.view, self.values = numbers, numbers.data, values
            for store, version in versions:
                store.version = version
            for place in own:
                move(values[place], self, place)

        whole(moved)
        del before


def store_of(v: Value) -> Store | None:
    """The store that a leaf is in."""
    home = home_of(v)
    return None if home is None else home[0]


def place_of(v: Value) -> int:
    """Its place there."""
    home: Any = home_of(v)
    place: int = home[1]
    return place


def places_of(leaves: Iterable[Value], store: Store | None = None) -> Ids:
    """The places of leaves; if a store is given, of those that are in it."""
    homes: Iterable[Any] = map(home_of, leaves)
    if store is not None:
        homes = (home for home in homes if home is not None and home[0] is store)
    return np.array([home[1] for home in homes], np.int64)
