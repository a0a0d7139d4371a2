"""Values that a function leaves behind, in attributes, entries of dicts and variables around it.

`self.out = …` in a layer is read after a call, for a plot. So such a Value is an output of the
program; it becomes a leaf whose number is where the program writes it. A plain number in the place
of another, as `self.mean = 0.9 * self.mean + …`, may be what the next call reads: such a place is
an input of the program, too (`around`), and is written when the call is done. A list that grows, or
holds what was computed, would need the call itself: that is refused.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from micrograd.compiler.trace.numbers.merging import Maybe
from micrograd.compiler.trace.numbers.reads import Read, type_of
from micrograd.compiler.trace.world.around import NumberPlace
from micrograd.engine import Value, home_of, move
from micrograd.tensors.elements import filled
from micrograd.tensors.tensor import Tensor

DEPTH = 4  # of lists in lists that are looked through


@dataclass(frozen=True, slots=True, eq=False)
class Left:
    """What was put where: the place of a number is that of anything else, too."""

    where: Any
    key: Any
    what: Any
    numbers: Mapping[int, type] = field(default_factory=dict)  # of plain ones, by id: their type
    before: Any = None  # what was there
    is_state: bool = False  # whether it is an input, too

    @staticmethod
    def of(place: NumberPlace, before: Any = None) -> Left:
        """What is there now, while the program that has put it there is traced."""
        return Left.made(place, place.get(), before)

    @staticmethod
    def made(place: NumberPlace, what: Any, before: Any = None, is_state: bool = False) -> Left:
        """What a program that is traced has put there."""
        numbers = (v for v in values_in(what) if isinstance(v, Read))
        types = {id(v): type_of(v) for v in numbers}
        return Left(place.where, place.key, what, types, before, is_state)

    @property
    def place(self) -> NumberPlace:
        """Where it is."""
        return NumberPlace(self.where, self.key)

    @property
    def may_be_state(self) -> bool:
        """Whether a number in its place may be what the next call reads."""
        return self.is_number or type(self.what) is float

    @property
    def is_number(self) -> bool:
        """Whether it is a plain number that is computed, or an array of such."""
        return is_of_numbers(self.what, self.numbers)

    def values(self, known: Container[int]) -> list[Value]:
        """The Values in it that the function made."""
        return [v for v in values_in(self.what) if id(v) in known]

    def put(self) -> None:
        """Put it there again."""
        self.place.put(_with_numbers(self.what, self.numbers) if self.numbers else self.what)


def is_of_numbers(x: Any, numbers: Mapping[int, type]) -> bool:
    """Whether something is a number of these, or an array of them: floats."""
    items = list(x.flat) if isinstance(x, np.ndarray) else [x]
    return bool(items) and all(numbers.get(id(item)) is float for item in items)


def values_in(x: Any, depth: int = DEPTH) -> Iterator[Value]:
    """The Values in lists and arrays."""
    if isinstance(x, Value):
        yield x
    elif type(x) is Maybe:
        yield from (*x.conditions, *values_in(x.value, depth))
    elif isinstance(x, Tensor):
        yield from x._values.flat
    elif depth and isinstance(x, list | tuple):
        for item in x:
            yield from values_in(item, depth - 1)
    elif depth and isinstance(x, dict):
        for item in x.values():
            yield from values_in(item, depth - 1)
    elif isinstance(x, np.ndarray) and x.dtype == object:
        yield from (v for v in x.flat if isinstance(v, Value))


def outline(x: Any) -> Any:
    """How lists, dicts and arrays are nested, and what is no number in them.

    >>> outline([Value(1.0), {"a": (2.0, "text")}])
    (<class 'list'>, [(), (<class 'dict'>, ['a'], [(<class 'tuple'>, [2.0, 'text'])])])
    """
    if isinstance(x, Value):
        return ()
    if isinstance(x, list | tuple):
        return type(x), [outline(item) for item in x]
    if isinstance(x, dict):
        return type(x), list(x), [outline(item) for item in x.values()]
    if isinstance(x, np.ndarray | Tensor):
        return type(x), tuple(x.shape)
    return x if isinstance(x, str | Real) and x == x else type(x)


def _with_numbers(x: Any, numbers: Mapping[int, type]) -> Any:
    """The same with plain numbers in place of the Values that stand for them."""
    if isinstance(x, Value):
        return numbers[id(x)](x.data) if id(x) in numbers else x
    if type(x) is list or type(x) is tuple:
        return type(x)(_with_numbers(item, numbers) for item in x)
    if isinstance(x, np.ndarray) and x.dtype == object:
        items = [_with_numbers(item, numbers) for item in x.flat]
        plain = all(type(item) in (float, int, bool) for item in items)
        return (np.array(items) if plain else filled(x.shape, items)).reshape(x.shape)
    if type(x) is dict:
        return {key: _with_numbers(item, numbers) for key, item in x.items()}
    return x


class Work:
    """Numbers of a program that has run, as the home of what it leaves behind."""

    def __init__(self, numbers: np.ndarray) -> None:
        self.view = numbers.data

    def hold(self, values: Sequence[Value]) -> None:
        """Let these be leaves with these numbers, now and after each run."""
        for place, v in enumerate(values):
            if not is_left(v):
                v.__class__ = Value
                v._become(None, (), None, None)
            move(v, self, place)


def is_left(v: Value) -> bool:
    """Whether a leaf is what some function has left behind."""
    home = home_of(v)
    return home is not None and isinstance(home[0], Work)
