"""Numbers around a function that change from call to call: inputs of its program.

They come after the arguments of a call, and an `Around` at the end says where they belong: an
attribute, also one in a slot or of a class, an entry of a dict or a list, a cell of a closure.
While the function is traced, there are stand-ins in these places; afterwards there is what was
there before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from micrograd.interrupts import restored

T = TypeVar("T")

MOST = 64  # numbers: more of them are data, which should be arguments
SORTS = (float, np.float64)  # of numbers that can be inputs: others decide more than numbers
CELL = object()  # the key of what is in a cell


class Slot(NamedTuple):
    """The key of what is in a slot of an object, or an attribute of a class."""

    name: str


class NumberPlace(NamedTuple):
    """Where a number is kept: in a dict, as that of an object, in a slot, a list or a cell."""

    where: Any
    key: Any

    def get(self) -> Any:
        """What is there; None if nothing is."""
        try:
            if isinstance(self.key, Slot) and isinstance(self.where, type):
                return vars(self.where).get(self.key.name)
            if isinstance(self.key, Slot):
                return getattr(self.where, self.key.name)
            return self.where.cell_contents if self.key is CELL else self.where[self.key]
        except (LookupError, ValueError, AttributeError):
            return None

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

    def __init__(self, places: list[NumberPlace]) -> None:
        self.places = places


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

    def __init__(self, places: Sequence[NumberPlace]) -> None:
        self.places = list({place.identity: place for place in places}.values())
        self.identities = {place.identity for place in self.places}

    def added(self, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The arguments with the numbers of now; None if there is something else in a place."""
        numbers = [place.get() for place in self.places]
        for k, x in enumerate(numbers):
            if type(x) is not float:
                if type(x) not in SORTS:
                    return None
                numbers[k] = float(x)
        return (*arguments, *numbers, self)

    def without(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments alone."""
        return arguments[: len(arguments) - len(self.places) - 1]

    def run(
        self, numbers: Sequence[Any], run: Callable[[], T], put: dict[int, Any] | None = None
    ) -> T:
        """What `run` returns with these in their places; `put` takes what it puts there itself."""
        before = [place.get() for place in self.places]

        def with_these() -> T:
            for place, x in zip(self.places, numbers, strict=True):
                place.put(x)
            result = run()
            for k, (place, x) in enumerate(zip(self.places, numbers, strict=True)):
                now = place.get()
                if put is not None and now is not x:
                    put[k] = now
            return result

        def put_back() -> None:
            for place, x in zip(self.places, before, strict=True):
                place.put(x)

        return restored(with_these, put_back)


def around_in(arguments: Sequence[Any]) -> Around | None:
    """The places of the numbers that come after the arguments of a call, if there are any."""
    return arguments[-1] if arguments and type(arguments[-1]) is Around else None
