"""What is known of a function for arguments of one shape: its recording, and what was tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import numpy as np

from micrograd.compiler.trace.arguments.results import Outputs
from micrograd.compiler.trace.arguments.stand_ins import IndexGroup, StandIns, flat
from micrograd.compiler.trace.forms import Form, name_of
from micrograd.compiler.trace.integers import (
    Choices,
    integers_in,
    table_sort,
    with_integers,
    with_untried,
)
from micrograd.compiler.trace.numbers.narrow import MOST_INTEGER
from micrograd.compiler.trace.recording import CONSTANTS, SORT, Recording
from micrograd.compiler.trace.world.left import Left
from micrograd.compiler.trace.world.surroundings import Surroundings
from micrograd.engine import Value
from micrograd.errors import CompileError

RECHECKED = {2 * 4**k for k in range(1, 16)}  # calls before which a program is traced again
Tables = set[tuple[int, int]]
ANY = 1 << 62  # the extent of an integer that is a number only


@dataclass(slots=True, eq=False)
class Calls:
    """How often a function was called, whichever of its programs ran."""

    count: int = 0

    def next_is_looked_at(self) -> bool:
        """Whether the next is the 8th, 32nd, 128th, …, before which to trace again."""
        return self.count + 1 in RECHECKED


@dataclass(slots=True, eq=False)
class Traced:
    """A recording, what its arguments were, and how its outputs make up the result."""

    recording: Recording
    stand_ins: StandIns
    outputs: Outputs
    milliseconds: float = 0.0
    choices: Choices | None = None
    borrowed: bool = False  # whether the tables of these are those of a trace for another shape
    tried: dict[IndexGroup, set[int]] = field(default_factory=dict)  # integers of each group
    limits: dict[int, int] = field(default_factory=dict)  # of integers, by argument; see `bounds`
    extents: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # of slots' tables
    captured: Surroundings | None = None  # what the function found around it
    verified: bool = False  # whether a second trace has agreed
    due: bool = False  # whether it is time for another
    calls: Calls = field(default_factory=Calls)
    left: list[Left] = field(default_factory=list)  # what the function puts into attributes
    assigned: list[Value] = field(default_factory=list)  # leaves that it gives other numbers
    writes: frozenset[str] = frozenset()  # what else it changes when it runs, as code says it
    repeats: list[str] = field(default_factory=list)  # of these, what it changes each time
    loss: float = 0.0  # as the last trace had it
    compared: bool = False  # whether the function run by itself has agreed
    form: Form = field(default_factory=lambda: Form(lambda: None))  # in which it was traced

    @property
    def decided(self) -> bool:
        """Whether it is of some decisions, and others need another one."""
        return bool(self.form.expected)

    @property
    def outside(self) -> dict[int, int]:
        """The containers around the function, if it asks which things are the same."""
        asks = self.captured is not None and self.captured.asks_identity
        return self.captured.outside if asks else {}  # type: ignore[union-attr]

    @property
    def asks_identity(self) -> bool:
        """Whether it depends on which containers among the arguments are the same."""
        return self.captured is not None and self.captured.asks_identity

    def passes(self) -> bool:
        """Count a call, if nothing is to be looked at before it; False if something is."""
        if self.due or self.calls.next_is_looked_at():
            return False
        self.calls.count += 1
        return True

    def is_due(self) -> bool:
        """Count a call; True if it is one before which to trace again."""
        self.due = self.due or self.calls.next_is_looked_at()
        self.calls.count += 1
        return self.due

    def note(self, made: StandIns) -> None:
        """Note the integers that a trace had."""
        for group, number, k in zip(made.ids_group, made.ids, made.ids_argument, strict=True):
            known = self.tried.setdefault(group, set())
            if abs(number) <= self.most(k):
                known.add(number)

    def limit(self, limits: dict[int, int]) -> None:
        """Take integers of these arguments up to these."""
        self.limits = limits
        for k, group in zip(self.stand_ins.ids_argument, self.stand_ins.ids_group, strict=True):
            most, known = self.most(k), self.tried.get(group, set())
            known.difference_update([x for x in known if abs(x) > most])

    def most(self, argument: int) -> int:
        """The largest integer that it takes in an argument."""
        return self.limits.get(argument, MOST_INTEGER)

    def is_exact(self, inputs: tuple[Any, ...]) -> bool:
        """Whether all that is computed from the integers of a call is exact."""
        own = self.stand_ins
        for k, most in self.limits.items():
            places = [at for at, of in zip(own.ids_at, own.ids_argument, strict=True) if of == k]
            numbers = flat(inputs[k], np.float64).reshape(-1, own.argument.count(k))[:, places]
            if np.abs(numbers).max(initial=0) > most:
                return False
        return True

    def tables(self, parameters: Sequence[Value]) -> dict[IndexGroup, Tables]:
        """The tables that each group of integers chooses from, as `table_sort` tells them apart.

        Nothing if the parameters are numbered otherwise than these.
        """
        own = self.recording.parameters
        found: dict[IndexGroup, Tables] = {}
        if self.choices is not None and all(map(is_, own, parameters)):
            for slot, base, stride in self.choices.tables:
                sort = table_sort(base, stride)
                found.setdefault(self.stand_ins.ids_group[slot], set()).add(sort)
        return found

    def largest_entry(self) -> float:
        """The largest constant, in magnitude, that an integer chooses from a table."""
        codes = [codes for codes, _ in self.recording.choices]
        chosen = np.concatenate([np.zeros(0, np.int64), *codes])
        numbers = self.recording.constants[chosen[chosen >> SORT == CONSTANTS >> SORT] - CONSTANTS]
        return float(np.abs(numbers).max(initial=0.0))

    def widened(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with integers that were never tried in place of those that were."""
        if self.choices is None or self.outputs.conditional:
            return arguments
        ids = integers_in(arguments)
        new = with_untried(ids, self.stand_ins.ids_group, self.tried, self.extents)
        return arguments if (new == ids).all() else with_integers(arguments, new)

    def past_tables(self, ids: np.ndarray) -> bool:
        """Whether one of these integers is past the tables as they were seen."""
        if self.choices is None:
            return False
        return bool(((self.extents < ANY) & ((ids >= self.extents) | (ids < 0))).any())

    def changed_names(self) -> list[str]:
        """What the function puts something else into, as code says it, other than numbers."""
        assert self.captured is not None
        left = {self.captured.name_of(x.place) for x in self.left if not x.is_state}
        return sorted(left | self.writes)

    def check_stateless(self, name: str) -> None:
        """Raise a CompileError for a program that writes what its next call reads."""
        if self.assigned or any(left.is_state for left in self.left):
            raise CompileError(
                f"cannot be exported: {name} writes numbers that its next call reads (a running "
                "mean); call `eval()` first, or let them be an argument and a result"
            )

    def check_constants(
        self, other: Outputs, fn: Callable[..., Any], sort: type[CompileError] = CompileError
    ) -> None:
        """Raise a CompileError if what is no Value in the result is another in another trace."""
        if self.outputs.constants != other.constants:
            raise sort(
                f"cannot be compiled: aux of {name_of(fn)} holds something that is no Value and "
                "changes from call to call"
            )
