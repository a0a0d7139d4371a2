"""Numbers around a function that change from call to call: inputs of its program.

They come after the arguments of a call, and an `Around` at the end says where they belong: an
attribute, also one in a slot or of a class, an entry of a dict or a list, a cell of a closure.
While the function is traced, there are stand-ins in these places; afterwards there is what was
there before. An array of floats in such a place is an input, too. Of a batch, each sample has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_not
from typing import Any, NamedTuple, TypeVar

import numpy as np

from micrograd.interrupts import restored

T = TypeVar("T")

MOST = 64  # numbers: more of them are data, which should be arguments
MOST_SIZES = 16  # of batches whose numbers are kept
SORTS = (float, np.float64)  # of numbers that can be inputs: others decide more than numbers
CELL = object()  # the key of what is in a cell


class Slot(NamedTuple):
    """The key of what is in a slot of an object, or an attribute of a class."""

    name: str


class NumberPlace(NamedTuple):
    """Where a number is kept: in a dict, as that of an object, in a slot, a list or a cell."""

    where: Any
    key: Any

    def get(self, nothing: Any = None) -> Any:
        """What is there, or `nothing`."""
        try:
            if self.is_of_class:
                return vars(self.where).get(self.key.name, nothing)
            if isinstance(self.key, Slot):
                return getattr(self.where, self.key.name)
            return self.where.cell_contents if self.key is CELL else self.where[self.key]
        except (LookupError, ValueError, AttributeError):
            return nothing

    @property
    def is_of_class(self) -> bool:
        """Whether it is an entry of a class's dict; its bases are none."""
        is_slot = isinstance(self.key, Slot) and isinstance(self.where, type)
        return is_slot and self.key.name != "__bases__"

    def put(self, x: Any) -> None:
        """Let that be there."""
        if self.key is CELL:
            self.where.cell_contents = x
        elif isinstance(self.key, Slot):
            setter = type if isinstance(self.where, type) else object
            setter.__setattr__(self.where, self.key.name, x)
        else:
            self.where[self.key] = x

    @property
    def name(self) -> str:
        """What it is called in explanations."""
        if isinstance(self.key, Slot):
            return self.key.name
        return self.key if isinstance(self.key, str) else ""

    @property
    def identity(self) -> tuple[int, Any]:
        """Equal for the same place only."""
        return id(self.where), self.key


class NumbersChanged(Exception):  # noqa: N818  (a finding)
    """Nothing but numbers has changed around a function since it was traced."""

    def __init__(self, places: list[NumberPlace], are_state: bool = False) -> None:
        self.places = places
        self.are_state = are_state  # whether it is the function itself that changes them


class Around:
    """Places of numbers: the last argument of a call, after the numbers themselves.

    >>> settings = {"beta": 0.5}
    >>> around = Around([NumberPlace(settings, "beta")])
    >>> arguments = around.added((3.0,))
    >>> arguments[:-1]
    (3.0, 0.5)
    >>> around.run((8.0,), lambda: settings["beta"]), settings["beta"]
    (8.0, 0.5)
    """

    def __init__(
        self, places: Sequence[NumberPlace], batch: bool = False, has_state: bool = False
    ) -> None:
        self.has_state = has_state  # whether there are some that the function itself changes
        self.places = list({place.identity: place for place in places}.values())
        self.identities = {place.identity for place in self.places}
        self._batch = batch
        self._for_samples: dict[int, list[np.ndarray]] = {}  # by how many there are

    def added(self, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The arguments with the numbers of now; None if there is something else in a place."""
        numbers = [place.get() for place in self.places]
        for k, x in enumerate(numbers):
            if type(x) is not float:
                if type(x) in SORTS:
                    numbers[k] = float(x)
                elif self._batch or not is_float_array(x):
                    return None
        if self._batch:
            numbers = self._spread(numbers, arguments)
        return (*arguments, *numbers, self)

    def _spread(self, numbers: list[Any], arguments: tuple[Any, ...]) -> list[Any]:
        """The numbers for each sample of a batch, in the arrays of the last one like it."""
        size = next((len(x) for x in arguments if isinstance(x, list | tuple) or np.ndim(x)), 0)
        if len(self._for_samples) > MOST_SIZES:
            self._for_samples.clear()
        arrays = self._for_samples.get(size)
        if arrays is None:
            arrays = self._for_samples[size] = [np.empty(size) for _ in numbers]
        for array, x in zip(arrays, numbers, strict=True):
            array.fill(x)
        return arrays

    def without(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments alone."""
        return arguments[: len(arguments) - len(self.places) - 1]

    def arrays_apart(self, run: Callable[[], T]) -> T:
        """What `run` returns while no array is in its place: what it finds is there otherwise."""
        return self.run([None if isinstance(x, np.ndarray) else x
                         for x in (place.get() for place in self.places)], run)  # fmt: skip

    def run(
        self, numbers: Sequence[Any], run: Callable[[], T], put: dict[int, Any] | None = None
    ) -> T:
        """What `run` returns with these in their places; `put` takes what it puts there itself."""
        before = [place.get() for place in self.places]
        held = [list(x.flat) if isinstance(x, np.ndarray) else [] for x in numbers]

        def with_these() -> T:
            for place, x in zip(self.places, numbers, strict=True):
                place.put(x)
            result = run()
            for k, (place, x) in enumerate(zip(self.places, numbers, strict=True)):
                now = place.get()
                if put is None:
                    continue
                if now is not x:
                    put[k] = now
                elif held[k] and any(map(is_not, x.flat, held[k])):
                    put[k] = None  # in place, which only a call that runs could do
            return result

        def put_back() -> None:
            for place, x in zip(self.places, before, strict=True):
                place.put(x)

        return restored(with_these, put_back)


def is_float_array(x: Any) -> bool:
    """Whether it is an array whose contents can be an input."""
    return type(x) is np.ndarray and x.dtype == np.float64 and x.size > 0


def around_in(arguments: Sequence[Any]) -> Around | None:
    """The places of the numbers that come after the arguments of a call, if there are any."""
    return arguments[-1] if arguments and type(arguments[-1]) is Around else None
