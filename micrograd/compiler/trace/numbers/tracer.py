"""Writing down what a scalar program computes, while it runs once.

The program runs on ordinary Values and the engine records as always. A number that the program
reads from a Value is a `Read`, a stand-in that keeps its place in the graph. Arithmetic on Reads is
part of the program; whatever would turn one into a plain number (a branch, `float`, an f-string)
raises a CompileError that names the user's line, because the answer would hold for one run only.
`watching` sees to it that `.data` gives Reads.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd.checks import user_line
from micrograd.compiler.trace.numbers.reads import (
    DETACH,
    PICK,
    Index,
    Read,
    Truth,
    as_read,
    compared,
)
from micrograd.compiler.trace.numbers.refusing import Decision, Missed
from micrograd.core.copies import copied
from micrograd.engine import Value, record
from micrograd.errors import CompileError
from micrograd.observers import Keeper
from micrograd.tensors.generator import DEFAULT


@dataclass(slots=True, eq=False)
class Side:
    """One side of a branch that is being traced."""

    site: Hashable
    condition: Any  # that it is taken


class Tracer(Keeper):
    """What the program does, while entered: its nodes, and the leaves that it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[int, int] = {}  # id of a traced argument: its number
        self.sources: dict[int, Value] = {}  # id of a leaf that repeats a number: whose
        self.stopped: list[Value] = []  # nodes made inside `no_grad`
        self.slots: dict[int, int] = {}  # id of a traced integer: its number
        self.indexed: dict[int, str] = {}  # of integers that chose from a list: the line
        self.refusal: CompileError | None = None  # the first one, if the program goes on after it
        self.guarding = False  # whether a program may be of some decisions
        self.in_order = False  # whether `max` and `min` compare one after the other
        self.decisions: list[tuple[Value, Decision]] = []  # conditions, and whether they hold
        self.required: list[Value] = []  # what must hold for the program to be right
        self.expected: list[Decision] | None = None  # decisions of the trace before
        self.reasons: list[str] = []  # of the decisions
        self._asked: dict[tuple[int, float], Truth] = {}
        self._in_range: set[tuple[int, int]] = set()
        self.sides: list[Side] = []  # of branches, innermost last
        self.opposites: dict[int, Any] = {}  # id of a condition: its opposite
        # ids of Values that depend on a branch: themselves, the condition, what each side has
        self.merges: dict[int, tuple[Value, Any, Any, Any]] = {}
        self.joint: dict[tuple[int, int], Any] = {}  # ids of two conditions: that both hold
        self.chosen: dict[int, tuple[tuple[Value, ...], int]] = {}  # of each PICK: table, slot
        self.trained: set[int] = set()  # ids of the leaves that have their numbers from steps
        self.assigned: dict[int, tuple[Value, Any]] = {}  # leaves, and the numbers they are given
        self.whole: list[Value] = []  # integers that are computed
        self.inexact = ""  # the line that computes one too large for a float
        self.precision = np.dtype(np.float64)  # of what the program computes
        self.has_negative = False  # whether an integer that it is given is
        self.catches = False  # whether the function may catch what numbers of Python raise
        self.of_samples = False  # whether it is one of several samples, which have one program
        self.put: dict[int, Any] = {}  # of numbers around: what is there after the run
        self.prints = False

    def cut(self, node: Value) -> None:
        """Keep what a node that `no_grad` turns into a leaf was, in another."""
        whole = make_twin(node)
        self.nodes[-1] = whole
        self.stopped.append(whole)
        self.leaves.append(node)
        self.sources[id(node)] = whole

    def decide(self, condition: Value, holds: bool, of: float, reason: str) -> None:
        """Note a decision; raises Missed where the trace before has decided otherwise."""
        place = len(self.decisions)
        row = condition._row
        decision = holds, of, "" if row is None else row.name, len(self.nodes)
        if self.expected is not None and self.expected[place : place + 1] != [decision]:
            raise Missed
        self.decisions.append((condition, decision))
        self.reasons.append(f"{reason}\n  at {user_line()}")

    def equals(self, number: Value, n: float) -> Truth:
        """Whether a number is n: asked once each."""
        key = id(number), float(n)
        if key not in self._asked:
            self._asked[key] = compared("equal", number, n)
        return self._asked[key]

    def require(self, number: Value, end: int) -> None:
        """The program is right only where a number is at least 0, and less than `end`."""
        key = id(number), end
        if key not in self._in_range:
            self._in_range.add(key)
            self.required.append(compared("less_equal", 0.0, number))
            self.required.append(compared("less", number, float(end)))

    def twin(self, given: Value, sort: type[Value]) -> Any:
        """Another stand-in for the same argument."""
        other = sort.__new__(sort)
        Value.__init__(other, given._data)
        self.leaves.append(other)
        for numbers in (self.inputs, self.slots):
            if id(given) in numbers:
                numbers[id(other)] = numbers[id(given)]
        return other

    def pick(self, table: tuple[Value, ...], here: int, slot: int) -> Value:
        """The entry of a table that the integer of a slot chooses, now that of this place."""
        picked = record(PICK, table[here]._data, (table[here],))
        self.chosen[id(picked)] = table, slot
        return picked

    def index_used(self, integer: Index) -> None:
        """Note that an integer has chosen from a list."""
        slot = self.slots.get(id(integer), -1)
        if slot not in self.indexed:
            self.indexed[slot] = user_line()

    def read(self, v: Value) -> Any:
        """What `v.data` is to the program."""
        if isinstance(v, Read):
            return v
        if id(v) in self.assigned:
            return self.assigned[id(v)][1]
        if v._row is None and v._static is not None:
            return v._data
        return as_read(record(DETACH, v._data, (v,)))


class LineTracer(Tracer):
    """A trace that notes the line which makes a certain node."""

    def __init__(self, node: int) -> None:
        super().__init__()
        self.line = ""
        self._node = node

    def made(self, node: Value) -> None:
        """Keep a node."""
        if len(self.nodes) == self._node:
            self.line = user_line()
        self.nodes.append(node)


def make_twin(node: Value) -> Value:
    """Another node of the same operation."""
    twin: Value = copied(node)
    return twin


def random_states(generators: Iterable[Any] = ()) -> tuple[Any, ...]:
    """The states of the random generators that everybody shares, and of others.

    Two are equal if nothing was drawn between them.
    """
    state = np.random.get_state(legacy=False)
    words = state["state"]
    own = [
        g.getstate() if isinstance(g, random.Random) else str(g.bit_generator.state)
        for g in generators
    ]
    return random.getstate(), DEFAULT.get_state(), words["pos"], words["key"].tobytes(), own
