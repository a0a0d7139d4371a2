"""Where compiled parameters live: one array for all programs and for `p.data`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

import numpy as np

from micrograd.engine import Value
from micrograd.errors import CompileError
from micrograd.interrupts import whole

_slot: Any = Value.__dict__["data"]


def aligned(count: int, dtype: Any = np.float64) -> np.ndarray:
    """Zeros that start at a multiple of 64 bytes, as the kernels load them."""
    size = np.dtype(dtype).itemsize
    raw = np.zeros(count + 64 // size, dtype)
    skip = (-raw.ctypes.data % 64) // size
    return raw[skip : skip + count]


class Stored(Value):
    """A leaf whose number is in a store; everything else is as in any Value."""

    __slots__ = ()

    @property
    def data(self) -> float:
        """The number, as the last step left it."""
        store, place = _slot.__get__(self)
        number: float = store.view[place]
        return number

    @data.setter
    def data(self, x: float) -> None:
        store, place = _slot.__get__(self)
        store.view[place] = x

    _data = data

    def __reduce__(self) -> Any:
        return _restored, (self._data, self.grad, self.label)


def _restored(data: float, grad: float, label: str) -> Value:
    v = Value(data, label=label)
    v.grad = grad
    return v


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
        for v in leaves:
            home = store_of(v)
            if home is not self:
                new += [v] if home is None else home.values
        new = list(dict.fromkeys(new))
        for v in new:
            if type(v) not in (Value, Stored):
                raise CompileError(
                    f"cannot be compiled: a parameter is a {type(v).__name__}; parameters must "
                    "be Values, no subclass of them"
                )
        for home in {id(h): h for h in map(store_of, new) if h is not None}.values():
            for memory in home.memories:
                memory.loosen()
        if not new:
            return
        numbers: Any = aligned(len(self.values) + len(new), self.dtype)
        numbers[: len(self.values)] = self.numbers
        numbers[len(self.values) :] = [v._data for v in new]
        homes = {id(h): h for h in map(store_of, new) if h is not None}.values()
        versions = [(store, store.version + 1) for store in (self, *homes)]
        values = self.values + new
        first = len(self.values)

        def move() -> None:
            self.numbers, self.view, self.values = numbers, numbers.data, values
            for store, version in versions:
                store.version = version
            for place, v in enumerate(new, start=first):
                _slot.__set__(v, (self, place))
                v.__class__ = Stored

        whole(move)


def store_of(v: Value) -> Store | None:
    """The store that a leaf is in."""
    return _slot.__get__(v)[0] if isinstance(v, Stored) else None


def place_of(v: Value) -> int:
    """Its place there."""
    place: int = _slot.__get__(v)[1]
    return place
