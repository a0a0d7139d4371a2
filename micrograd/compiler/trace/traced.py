"""From a function and its arguments to a recording that can be trusted, or a CompileError."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, NoReturn

import numpy as np

from micrograd.compiler.trace.integers import (
    Choices,
    Divergence,
    different_constant,
    more_integers,
    solve,
)
from micrograd.compiler.trace.reachable import generators_of, leaves_of, lengths_of
from micrograd.compiler.trace.recording import MADE_BY_HAND, Recording, Unrecordable, record
from micrograd.compiler.trace.results import Outputs, outputs_of
from micrograd.compiler.trace.stand_ins import CallShape, StandIns, stand_ins
from micrograd.compiler.trace.surroundings import Surroundings
from micrograd.compiler.trace.tracer import LineTracer, Tracer, random_states
from micrograd.compiler.trace.watching import traced as run_traced
from micrograd.engine import Value
from micrograd.errors import CompileError

REASONS = {
    MADE_BY_HAND: "a node with a hand-written _backward has no expression to compile",
    "earlier": "a value that was computed before the call is used; compute it inside the function",
}
RECHECKED = {2 * 4**k for k in range(1, 16)}  # calls before which a program is traced again
ANY = 1 << 62  # the extent of an integer that is a number only
MOST_LENGTH = 1 << 24  # of a table that is sought by trial


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
    tried: dict[int, set[int]] = field(default_factory=dict)  # integers of each argument
    extents: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # of slots' tables
    captured: Surroundings | None = None  # what the function found around it
    verified: bool = False  # whether a second trace has agreed
    due: bool = False  # whether it is time for another
    calls: Calls = field(default_factory=Calls)

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


class Traceable:
    """A function to be traced, with the parameters that are known beforehand."""

    def __init__(self, fn: Callable[..., Any], known: Sequence[Value], mean: bool = False) -> None:
        self.fn = fn
        self.known = list(known)
        self.mean = mean  # whether results are means over samples

    def trace(self, arguments: tuple[Any, ...], shape: CallShape) -> Traced:
        """Trace, with several sets of integers if they index lists.

        Raises a CompileError that names the user's line for what cannot be compiled.
        """
        start = perf_counter()
        generators = generators_of(self.fn)
        before = random_states(generators)
        captured = Surroundings(self.fn)
        run = self._run(arguments, shape)
        drew = random_states(generators) != before
        if run.tracer.indexed:
            known = self.known or leaves_of(self.fn)
            recording = self._record(run, arguments, shape, known)
            traced = self._with_choices(run, recording, arguments, shape)
        else:
            recording = self._record(run, arguments, shape, self.known)
            traced = Traced(recording, run.made, run.outputs)
        if drew:
            self._refuse_randomness(traced, arguments, shape)
        captured.drop_changed()
        traced.captured = captured
        traced.milliseconds = 1e3 * (perf_counter() - start)
        return traced

    def verify(self, traced: Traced, arguments: tuple[Any, ...], shape: CallShape) -> bool:
        """Trace again and raise a CompileError unless the program is the same.

        Finds what changes from call to call: randomness, counters, globals. False if an integer
        is past the tables as they were seen.
        """
        run = self._run(arguments, shape)
        ids = np.array(run.made.ids, np.int64)
        if traced.choices is not None:
            indexed = traced.extents < ANY
            if (indexed & ((ids >= traced.extents) | (ids < 0))).any():
                return False
        known = traced.recording.parameters
        again = self._record(run, arguments, shape, known)
        self._check_constants(traced.outputs, run.outputs)
        if len(again.parameters) != len(known):
            self._refuse("another parameter is used than in the call before", 0, arguments, shape)
        try:
            if traced.choices is not None:
                traced.choices.check(again, ids)
                self._note(traced, run.made)
            else:
                _same(traced.recording, again)
        except Divergence as divergence:
            self._refuse(divergence.reason, divergence.node, arguments, shape)
        return True

    # ---- traces --------------------------------------------------------------------------------

    def _run(
        self, arguments: tuple[Any, ...], shape: CallShape, tracer: Tracer | None = None
    ) -> _Run:
        tracer = tracer or Tracer()

        def program() -> _Run:
            made = stand_ins(arguments, shape, tracer)
            result = self.fn(*made.arguments)
            if tracer.refusal is not None:
                raise tracer.refusal  # the program went on after it, another way
            return _Run(tracer, made, outputs_of(result, self.mean))

        return run_traced(tracer, program)

    def _record(
        self, run: _Run, arguments: tuple[Any, ...], shape: CallShape, known: Sequence[Value]
    ) -> Recording:
        try:
            return record(run.tracer, run.outputs.values, known)
        except Unrecordable as error:
            self._refuse(REASONS[error.reason], error.node, arguments, shape)

    def _refuse(
        self, reason: str, node: int, arguments: tuple[Any, ...], shape: CallShape
    ) -> NoReturn:
        """Raise a CompileError about the line that made a node; traces again to find it."""
        tracer = LineTracer(node)
        self._run(arguments, shape, tracer)
        where = tracer.line or f"in {getattr(self.fn, '__qualname__', self.fn)!s}"
        raise CompileError(f"cannot be compiled: {reason}\n  at {where}")

    def _refuse_randomness(
        self, traced: Traced, arguments: tuple[Any, ...], shape: CallShape
    ) -> NoReturn:
        again = self._record(
            self._run(arguments, shape), arguments, shape, traced.recording.parameters
        )
        node = 0
        if len(again) == len(traced.recording):
            node = different_constant(traced.recording, again)
        self._refuse("random numbers are drawn, and would be the same in every run", node,
                     arguments, shape)  # fmt: skip

    # ---- integers ------------------------------------------------------------------------------

    def _with_choices(
        self, run: _Run, first: Recording, arguments: tuple[Any, ...], shape: CallShape
    ) -> Traced:
        made = run.made
        ids = np.array(made.ids, np.int64)
        group = np.unique(made.ids_argument, return_inverse=True)[1]
        traced = Traced(first, made, run.outputs)
        if any(slot >= 0 and ids[slot] < 0 for slot in run.tracer.indexed):
            lines = [line for slot, line in run.tracer.indexed.items() if ids[slot] < 0]
            raise CompileError(
                "cannot be compiled: a negative integer indexes a list from its end\n  at "
                + "".join(lines[:1])
            )

        def attempt(new: np.ndarray) -> _Run | None:
            try:
                other = self._run(_with_ids(arguments, made, new), shape)
            except IndexError:
                return None
            if len(other.tracer.nodes) != len(run.tracer.nodes):
                reason = "what is computed depends on a run-time integer"
                row = [id(v._row) for v in run.tracer.nodes]
                differ = (a != id(v._row) for a, v in zip(row, other.tracer.nodes, strict=False))
                node = next((i for i, other_row in enumerate(differ) if other_row), len(row) - 1)
                self._refuse(reason, node, arguments, shape)
            return other

        guesses = lengths_of(self.fn)
        extents = np.ones(len(ids), np.int64)
        recordings, all_ids = [first], [ids]
        self._note(traced, made)

        def keep(other: _Run, new: np.ndarray) -> None:
            # All traces number the parameters alike: those of the traces before come first.
            known = recordings[-1].parameters
            recordings.append(self._record(other, arguments, shape, known))
            self._check_constants(traced.outputs, other.outputs)
            all_ids.append(new)
            self._note(traced, other.made)

        indexed = np.zeros(len(ids), bool)
        indexed[[slot for slot in run.tracer.indexed if slot >= 0]] = True
        for argument in np.unique(group[indexed]).tolist():
            own = group == argument
            found: dict[int, _Run] = {}

            def works(x: int, own: np.ndarray = own, found: dict[int, _Run] = found) -> bool:
                other = attempt(np.where(own, x, ids))
                if other is not None:
                    found.clear()
                    found[x] = other
                return other is not None

            extents[own] = _limit(works, int(ids[own].max()), guesses)
            for x, run_with_it in found.items():
                keep(run_with_it, np.where(own, x, ids))
        for new in more_integers(ids, group, all_ids[1:], extents):
            other = attempt(new)
            if other is not None:
                keep(other, new)
        recordings[0] = replace(first, parameters=recordings[-1].parameters)
        try:
            traced.choices = solve(recordings, np.stack(all_ids), extents)
        except Divergence as divergence:
            self._refuse(divergence.reason, divergence.node, arguments, shape)
        chosen = {slot for slot, _, _ in traced.choices.tables}
        for slot, line in run.tracer.indexed.items():
            if slot >= 0 and slot not in chosen and extents[slot] > 1:
                raise CompileError(
                    "cannot be compiled: a run-time integer indexes something that is no table of "
                    f"Values, or is not used\n  at {line}"
                )
        traced.recording = traced.choices.recording
        traced.extents = np.where(np.isin(group, group[indexed]), extents, ANY)
        traced.verified = True
        return traced

    def _check_constants(self, first: Outputs, other: Outputs) -> None:
        if first.constants != other.constants:
            name = getattr(self.fn, "__qualname__", self.fn)
            raise CompileError(
                f"cannot be compiled: aux of {name} holds something that is no Value and changes "
                "from call to call"
            )

    def _note(self, traced: Traced, made: StandIns) -> None:
        for k, number in zip(made.ids_argument, made.ids, strict=True):
            traced.tried.setdefault(k, set()).add(number)


@dataclass(slots=True)
class _Run:
    tracer: Tracer
    made: StandIns
    outputs: Outputs


def _limit(works: Callable[[int], bool], known: int, guesses: set[int]) -> int:
    """One more than the largest integer that works; `guesses` are lengths that it may be."""
    low, high = known, None
    for guess in sorted(x for x in guesses if x > known):
        if guess - 1 > low and not works(guess - 1):
            high = guess - 1
            break
        low = guess - 1
        if not works(guess):
            return guess
        low = guess
    step = 1
    while high is None:
        if low > MOST_LENGTH:
            return known + 1
        if works(low + step):
            low, step = low + step, 2 * step
        else:
            high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) else (low, middle)
    return low + 1


def _with_ids(arguments: tuple[Any, ...], made: StandIns, ids: np.ndarray) -> tuple[Any, ...]:
    """The arguments with other integers."""
    new = list(arguments)
    numbers = ids.tolist()
    for k in dict.fromkeys(made.ids_argument):
        own = [x for x, of in zip(numbers, made.ids_argument, strict=True) if of == k]
        new[k] = _refilled(arguments[k], iter(own))
    return tuple(new)


def _refilled(x: Any, numbers: Any) -> Any:
    if isinstance(x, np.ndarray):
        return np.array([next(numbers) for _ in range(x.size)], x.dtype).reshape(x.shape)
    if isinstance(x, list | tuple):
        parts = [_refilled(item, numbers) for item in x]
        return parts if isinstance(x, list) else tuple(parts)
    return x if isinstance(x, bool) else next(numbers)


def _same(a: Recording, b: Recording) -> None:
    """Raise a Divergence at the first operation in which two recordings differ."""
    n = min(len(a), len(b))
    wrong = np.nonzero(a.row[:n] != b.row[:n])[0]
    if len(wrong) or len(a) != len(b):
        node = int(wrong[0]) if len(wrong) else max(n - 1, 0)
        raise Divergence("what is computed changes from call to call", node)
    same = len(a.constants) == len(b.constants)
    if not same or not np.array_equal(a.constants, b.constants, equal_nan=True):
        raise Divergence("a constant changes from call to call", different_constant(a, b))
    for x, y in ((a.a, b.a), (a.b, b.b), (a.c, b.c), (a.static, b.static)):
        wrong = np.nonzero((x != y) & ((x == x) | (y == y)))[0]
        if len(wrong):
            raise Divergence("what is computed changes from call to call", int(wrong[0]))
    if not np.array_equal(a.outputs, b.outputs) or any(
        not np.array_equal(codes, b.many[i]) for i, codes in a.many.items()
    ):
        raise Divergence("what is computed changes from call to call", 0)
