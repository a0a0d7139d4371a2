"""How a program takes arguments: it is pointed at arrays, other numbers are written into its own.

What was found out about the structure of the last arguments is used again for others like them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from micrograd.compiler.backends import Executable, space_type
from micrograd.compiler.nest.ir import Space, SpaceRole
from micrograd.compiler.trace.arguments.flattening import Flattener, flattener
from micrograd.compiler.trace.arguments.stand_ins import flat
from micrograd.compiler.trace.arguments.structures import sharing
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.trace.world.around import around_in
from micrograd.compiler.trace.world.watched import Watched, in_one_piece, watched
from micrograd.engine import floats_in, floats_into, same_call

Plan = tuple[Space, tuple[Any, ...], str, np.ndarray]  # of an argument; see `refill`
Refill = tuple[int, tuple[Any, ...], np.ndarray]  # of lists of floats: which, as what, where to

# Of an argument that is a record: what reads it, and the arrays for its numbers and integers.
Record = tuple[int, Flattener, tuple[np.ndarray | None, np.ndarray | None]]


class TakenArguments:
    """The arguments that an executable reads; `numbers` are those that it was pointed at."""

    def __init__(
        self, executable: Executable, read: set[Space], traced: Traced, dtype: str
    ) -> None:
        self._executable, self._traced = executable, traced
        self._spaces: list[tuple[Space, int, Any]] = [
            (space, space.number, space_type(space, dtype))
            for space in sorted(read, key=lambda space: (space.role.value, space.number))
        ]
        self.numbers: dict[Space, np.ndarray] = {}
        self._plan: list[Plan] | None = None
        self._floats: list[Refill] = []  # what the core writes, and is not in the plan
        self._records: list[Record] = []
        self._count = 0
        self._sharing: tuple[int, ...] | None = None  # what was the same, if asked for
        self._held: tuple[Any, ...] | None = None  # arguments that need not be looked at again
        self._watched: Watched = ()  # shapes of arrays among them, and integers

    def holds(self, inputs: tuple[Any, ...]) -> bool:
        """Whether these are the arguments of the last run, whose contents are read again."""
        held = self._held
        return held is not None and same_call(inputs, held, self._watched)

    def refill_at_once(self, inputs: tuple[Any, ...]) -> bool:
        """As `refill`, but False where it takes long to see that arguments are others."""
        return not self._records and self.refill(inputs)

    def refill(self, inputs: tuple[Any, ...]) -> bool:
        """Take other numbers in the structure of the last ones; False if they are anything else."""
        if self._plan is None or len(inputs) != self._count:
            return False
        if self._sharing is not None and sharing(inputs, self._traced.outside) != self._sharing:
            return False
        self._held = None  # whatever follows, these are no more what the program is pointed at
        for k, layout, own in self._floats:
            if not floats_into(inputs[k], layout, own):
                return False
        new: list[tuple[Space, np.ndarray]] = []
        if self._records and not self._refill_records(inputs):
            return False
        for space, shape, sort, own in self._plan:
            x = inputs[space.number]
            if sort == "array":
                fits = type(x) is np.ndarray and own.dtype == x.dtype and x.shape == shape
                if not fits or not x.flags.c_contiguous:
                    return False
                new.append((space, x.reshape(-1)))
            elif sort == "float":
                if type(x) is not float:
                    return False
                own[0] = x
            elif not _written(x, shape, sort, own, space.number, self._traced):
                return False
        if not self._traced.passes():
            return False
        for space, array in new:
            self._point(space, array)
        return True

    def _refill_records(self, inputs: tuple[Any, ...]) -> bool:
        for k, flatten, cells in self._records:
            found = flatten(inputs[k])
            if found is None:
                return False
            for cell, numbers in zip(cells, found, strict=True):
                if cell is not None:
                    cell[:] = numbers
        return True

    def take(self, inputs: tuple[Any, ...], final: bool) -> None:
        """Run on these arguments; `final` if the program is not to be checked again."""
        self._held = None
        repeatable = final and not any(isinstance(x, list | tuple) for x in inputs)
        plan = list[Plan]()
        integers: list[np.ndarray] = []
        for space, k, dtype in self._spaces:
            x = inputs[k]
            array = flat(x, dtype)
            self._point(space, array)
            if isinstance(x, np.ndarray):
                if x.dtype != dtype or not x.flags.c_contiguous:
                    repeatable = False
            elif not isinstance(x, float | int | bool):
                repeatable = False
            if space.role is SpaceRole.IDS and isinstance(x, np.ndarray):
                integers.append(x)
            plan.append((space, np.shape(x) if isinstance(x, np.ndarray) else (), "", array))
        found, self._records = _planned(inputs, plan, self._traced) if final else (None, [])
        self._floats = [] if found is None else _floats(found)
        self._plan = None if found is None else [x for x in found if not _is_direct(x)]
        self._count = len(inputs)
        asks = self._traced.asks_identity
        self._sharing = sharing(inputs, self._traced.outside) if asks else None
        arrays = [x for x in inputs if isinstance(x, np.ndarray)]
        if repeatable and all(map(in_one_piece, arrays)):
            self._held, self._watched = inputs, watched([], [], arrays=integers, shapes=arrays)

    def _point(self, space: Space, array: np.ndarray) -> None:
        self._executable.point(space, array)
        self.numbers[space] = array


def _planned(
    inputs: tuple[Any, ...], plan: list[Plan], traced: Traced
) -> tuple[list[Plan] | None, list[Record]]:
    """How each argument is taken when it has other numbers; None if one needs a closer look."""
    records: list[Record] = []
    read = {space.number for space, *_ in plan}
    given = len(inputs) - (around_in(inputs) is not None)
    for k, x in enumerate(inputs[:given]):
        if k in read and not _is_record(x):
            continue
        flatten = flattener(x, k, traced.tried, traced.most(k))
        if flatten is None:
            return None, []
        own = {space.role is SpaceRole.IDS: array for space, *_, array in plan if space.number == k}
        records.append((k, flatten, (own.get(False), own.get(True))))
    others = {k for k, *_ in records}
    simple = _simple(inputs, [x for x in plan if x[0].number not in others], traced.tried)
    return simple, records if simple is not None else []


def _is_record(x: Any) -> bool:
    """Whether it is none of those that are taken at once: numbers, lists of one sort, arrays."""
    if isinstance(x, np.ndarray) or type(x) is float:
        return False
    if type(x) is list and x and set(map(type, x)) == {int}:
        return False
    return not isinstance(x, list | tuple) or floats_in(x) is None


def _written(
    x: Any, shape: tuple[int, ...], sort: str, own: np.ndarray, number: int, traced: Traced
) -> bool:
    """Write the numbers of an argument into its array; False if it is not as it was."""
    if sort in ("ids", "whole"):
        if type(x) is not list or len(x) != len(own) or set(map(type, x)) != {int}:
            return False
        tried, most = traced.tried.get(number), traced.most(number)
        fits = -most <= min(x) and max(x) <= most if tried is None else tried.issuperset(x)
        if not fits:
            return False
        own[:] = x
    elif type(x) is np.ndarray:
        if sort != x.dtype.str or x.shape != shape:
            return False
        if x.dtype.kind in "iu" and x.size:
            most = traced.most(number)
            if not (-most <= int(x.min()) and int(x.max()) <= most):
                return False
        own[:] = x.reshape(-1)
    else:
        numbers = np.zeros(own.size)
        if not floats_into(x, shape, numbers):
            return False
        own[:] = numbers
    return True


def _is_direct(row: Plan) -> bool:
    return row[2] == "floats" and row[3].dtype == np.float64


def _floats(plan: list[Plan]) -> list[Refill]:
    return [(row[0].number, row[1], row[3]) for row in plan if _is_direct(row)]


def _layout(x: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The type and the length of nested lists along each axis, as `floats_into` takes them."""
    return (type(x), shape[0], *_layout(x[0], shape[1:])) if shape else ()


def _simple(
    inputs: tuple[Any, ...], plan: list[Plan], tried: Mapping[Any, set[int]]
) -> list[Plan] | None:
    planned: list[Plan] = []
    for space, shape, _, own in plan:
        x = inputs[space.number]
        if type(x) is list and x and set(map(type, x)) == {int} and space.number in tried:
            planned.append((space, (), "ids", own))
        elif space.role is SpaceRole.IDS and space.number in tried:
            return None
        elif type(x) is np.ndarray and x.dtype == own.dtype:
            planned.append((space, shape, "array", own))
        elif type(x) is float:
            planned.append((space, (), "float", own))
        elif type(x) is np.ndarray and x.dtype != own.dtype and x.dtype.kind in "iuf":
            planned.append((space, x.shape, x.dtype.str, own))
        elif type(x) is list and x and set(map(type, x)) == {int}:
            planned.append((space, (), "whole", own))
        elif isinstance(x, list | tuple) and (floats := floats_in(x)) is not None:
            planned.append((space, _layout(x, floats[1]), "floats", own))
        else:
            return None
    return planned
