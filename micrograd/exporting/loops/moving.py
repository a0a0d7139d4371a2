"""What turns read turn by turn: rows of arguments, and arrays that were made before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.trace.recording import CHOICES, INPUTS
from micrograd.exporting.expressions import Expr, PartOfAxis, Turn, array, sliced
from micrograd.exporting.leaves import GivenArrays
from micrograd.exporting.loops.operands import FlatOperands
from micrograd.exporting.loops.pieces import ReadArrays
from micrograd.exporting.loops.plan import LoopPart, LoopPlan, NoLoops
from micrograd.exporting.loops.turns import FIXED, MOVING
from micrograd.exporting.picking import WHOLE

RowKey = tuple[int, int, int, int, bool]  # the part, the axis, times, plus; of slots


@dataclass(frozen=True, slots=True)
class _Row:
    """A number in a row that moves along an axis of an argument."""

    key: RowKey
    at: int  # in the row


class ArgumentRows:
    """Rows of arguments at the places that a loop reads."""

    def __init__(self, given: GivenArrays, read: ReadArrays, index: str) -> None:
        self._given, self._read, self._index = given, read, index
        self._codes: dict[RowKey, int] = {}
        self.written: dict[int, Expr] = {}  # by part
        arguments = given.arguments
        owners = np.array([space.number for space in arguments.space], np.int64)
        self._inputs = given.places(owners, arguments.at)
        owners = np.array([space.number for space in arguments.ids_space], np.int64)
        self._slots = given.places(owners, arguments.ids_at)

    def input(self, numbers: Ids) -> int | None:
        """The code of an input of each turn; None if it does not move along an axis."""
        return self._code(self._inputs[0][numbers], self._inputs[1][numbers], False)

    def slot(self, slots: Ids) -> int | None:
        """The slot of a run-time integer of each turn."""
        return self._code(self._slots[0][slots], self._slots[1][slots], True)

    def _code(self, parts: Ids, places: Ids, slots: bool) -> int | None:
        k = int(parts[0])
        p = self._given.parts[k]
        row = _row(k, places, p.shape, slots) if (parts == k).all() else None
        if row is None:
            return None
        _, axis, times, plus, _ = row.key
        if row.key not in self._codes:
            shape = (*p.shape[:axis], *p.shape[axis + 1 :])
            part, code = self._read.new(shape, slots, p.whole and slots)
            at: list[PartOfAxis | Turn] = [WHOLE] * len(p.shape)
            at[axis] = Turn(self._index, times, plus)
            self.written[part] = sliced(array(p.name, p.shape), at, shape)
            self._codes[row.key] = code
        return self._codes[row.key] + row.at


def _row(part: int, places: Ids, shape: tuple[int, ...], slots: bool) -> _Row | None:
    """The axis along which places move by equal steps, and the place on the others."""
    if not shape:
        return None
    at = np.array(np.unravel_index(places, shape))
    steps = np.diff(at, axis=1)
    axes = np.flatnonzero(steps.any(1))
    if len(axes) != 1 or (steps[axes[0]] != steps[axes[0], 0]).any():
        return None
    axis = int(axes[0])
    rest = tuple(n for a, n in enumerate(shape) if a != axis)
    others = [c for a, c in enumerate(at[:, 0].tolist()) if a != axis]
    place = int(np.ravel_multi_index(others, rest)) if rest else 0
    return _Row((part, axis, int(steps[axis, 0]), int(at[axis, 0]), slots), place)


@dataclass(slots=True, eq=False)
class ReadOfTurn:
    """What a turn reads as codes of its piece; `arrays` are codes of every turn by part."""

    codes: list[Ids]  # of each operation
    choices: list[tuple[Ids, int]]
    arrays: dict[int, Ids]  # (turns, numbers)


class TurnReader:
    """Codes for what the turns of a loop read."""

    def __init__(
        self, plan: LoopPlan, loop: LoopPart, rows: ArgumentRows, read: ReadArrays,
        before: dict[int, int], states: dict[tuple[int, int], int],
    ) -> None:  # fmt: skip
        """`before` are codes for earlier operations, `states` those of what is carried."""
        self._plan, self._loop, self._rows, self._read = plan, loop, rows, read
        self._before, self._states = before, states
        self._choices: list[tuple[Ids, int]] = []
        self._known: dict[bytes, int] = {}
        self._moving = self._arrays()

    def read(self) -> ReadOfTurn:
        """Of all operations of a turn."""
        turns = self._loop.turns
        new = np.array([self._code(m) for m in range(turns.codes.shape[1])], np.int64)
        flat: FlatOperands = self._plan.flat
        first = turns.start + turns.period * (turns.count - 1)
        starts = flat.first[first : first + turns.period + 1] - flat.first[first]
        codes = [new[a:b] for a, b in pairwise(starts.tolist())]
        return ReadOfTurn(codes, self._choices, self._moving)

    def _code(self, m: int) -> int:
        turns = self._loop.turns
        sort, code = int(turns.sort[m]), int(turns.codes[-1, m])
        if sort < FIXED:
            made, lag = int(turns.made[m]), int(turns.lag[m])
            return self._states[made, lag] if lag else made
        column = np.ascontiguousarray(turns.codes[:, m])
        if code >= CHOICES:
            key = column.tobytes()
            if key not in self._known:
                self._known[key] = self._choice(column)
            return self._known[key]
        if sort == MOVING:
            return self._known[column.tobytes()]
        return self._fixed(code)

    def _fixed(self, code: int) -> int:
        return self._before.get(code, code)

    def _choice(self, codes: Ids) -> int:
        """What run-time integers choose, each turn another, from what it made or from the same."""
        found = [self._plan.r.choices[c - CHOICES] for c in codes.tolist()]
        slots = np.array([slot for _, slot in found])
        if len({len(table) for table, _ in found}) > 1:
            raise NoLoops
        tables = np.stack([table for table, _ in found])
        turns = self._loop.turns
        own = tables - (turns.start + turns.period * np.arange(turns.count))[:, None]
        made = (own == own[0]).all(0) & (own[0] >= 0) & (own[0] < turns.period)
        if not (made | (tables == tables[0]).all(0)).all():
            raise NoLoops
        last = zip(own[-1].tolist(), tables[-1].tolist(), made.tolist(), strict=True)
        table = [place if here else self._fixed(code) for place, code, here in last]
        slot: int | None = int(slots[0])
        if (slots != slot).any():
            slot = self._rows.slot(slots)
        if slot is None:
            raise NoLoops
        self._choices.append((np.array(table, np.int64), slot))
        return CHOICES + len(self._choices) - 1

    def _arrays(self) -> dict[int, Ids]:
        """Codes for all that moves; those in no row of an argument are arrays of their own."""
        turns = self._loop.turns
        left: dict[bytes, Ids] = {}
        for m in np.flatnonzero(turns.sort == MOVING).tolist():
            column = np.ascontiguousarray(turns.codes[:, m])
            key = column.tobytes()
            if key in self._known or column[0] >= CHOICES:
                continue
            code = self._rows.input(column - INPUTS) if _is_input(int(column[0])) else None
            if code is None:
                left[key] = column
            else:
                self._known[key] = code
        arrays: dict[int, Ids] = {}
        for keys in self._together(left):
            part, code = self._read.new((len(keys),) if len(keys) > 1 else ())
            arrays[part] = np.stack([left[key] for key in keys], 1)
            self._known |= {key: code + k for k, key in enumerate(keys)}
        return arrays

    def _together(self, columns: dict[bytes, Ids]) -> list[list[bytes]]:
        """Columns that make an array: those of leaves of a sort, and operations that are one."""
        sorts: dict[int, list[bytes]] = {}
        made: dict[int, bytes] = {}
        for key, column in columns.items():
            if column[0] >> 40:
                sorts.setdefault(int(column[0] >> 40), []).append(key)
            else:
                made[int(column[0])] = key
        of_made = [[made[c] for c in codes.tolist()] for codes in self._plan.arrays_of(made)]
        return [*sorts.values(), *of_made]


def _is_input(code: int) -> bool:
    return code >> 40 == INPUTS >> 40


def flattened(arrays: Sequence[Ids]) -> list[int]:
    """All codes of arrays, one after the other."""
    return [code for codes in arrays for code in codes.ravel().tolist()]
