"""From a function and its arguments to a recording that can be trusted, or a CompileError."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, NoReturn

import numpy as np

from micrograd.compiler.codes import Ids, Mask
from micrograd.compiler.trace.comparing import agree, eager_numbers, numbers_in, others
from micrograd.compiler.trace.forms import Form, as_it_is, name_of, other_forms, with_conditions
from micrograd.compiler.trace.integers import (
    Choices,
    Divergence,
    different_constant,
    limit,
    more_integers,
    solve,
    with_integers,
)
from micrograd.compiler.trace.left import Left, values_in
from micrograd.compiler.trace.reachable import generators_of, leaves_of, lengths_of
from micrograd.compiler.trace.recording import (
    MADE_BY_HAND,
    Recording,
    Unrecordable,
    by_value,
    record,
)
from micrograd.compiler.trace.results import Outputs, outputs_of
from micrograd.compiler.trace.stand_ins import CallShape, IndexGroup, StandIns, stand_ins
from micrograd.compiler.trace.surroundings import Surroundings
from micrograd.compiler.trace.tracer import (
    LineTracer,
    Missed,
    Tracer,
    UndecidedError,
    random_states,
)
from micrograd.compiler.trace.watching import traced as run_traced
from micrograd.engine import Value
from micrograd.errors import CompileError
from micrograd.gradients import grad

REASONS = {
    MADE_BY_HAND: "a node with a hand-written _backward has no expression to compile",
    "earlier": "a value that was computed before the call is used; compute it inside the function, "
    "or let it be an argument and a result: `loss, state = f.step(x, state)`",
}
RECHECKED = {2 * 4**k for k in range(1, 16)}  # calls before which a program is traced again
KEPT_IN_LIST = (
    "a value that is computed here is put into a list outside, which only a call that runs could "
    "do; return it: `return loss, values`"
)
ANY = 1 << 62  # the extent of an integer that is a number only


class DifferentError(CompileError):
    """A trace does not do what the function does as it is."""


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
    tried: dict[IndexGroup, set[int]] = field(default_factory=dict)  # integers of each group
    extents: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # of slots' tables
    captured: Surroundings | None = None  # what the function found around it
    verified: bool = False  # whether a second trace has agreed
    due: bool = False  # whether it is time for another
    calls: Calls = field(default_factory=Calls)
    left: list[Left] = field(default_factory=list)  # what the function puts into attributes
    loss: float = 0.0  # as the last trace had it
    compared: bool = False  # whether the function run by itself has agreed
    form: Form = field(default_factory=lambda: Form(lambda: None))  # in which it was traced

    @property
    def decided(self) -> bool:
        """Whether it is of some decisions, and others need another one."""
        return bool(self.form.expected)

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
        self._places: list[tuple[dict[Any, Any], Any]] = []  # where it leaves Values behind
        self.form = as_it_is(fn)

    def trace(self, arguments: tuple[Any, ...], shape: CallShape) -> Traced:
        """Trace as it is; if numbers decide what happens, rewritten; or for these decisions.

        Raises a CompileError that names the user's line for what cannot be compiled.
        """
        try:
            traced = self._trace(arguments, shape)
            if traced.captured is None or not traced.captured.asks_types or self.mean:
                return traced
            self._compare(traced, arguments, shape)
            return traced
        except (UndecidedError, DifferentError) as error:
            first = error
        why = str(first)
        for form in other_forms(self.fn, self.mean):
            self.form, self._places = form, []
            try:
                traced = self._trace(arguments, shape)
                self._compare(traced, arguments, shape)
            except CompileError as error:
                more = str(error).removeprefix("cannot be compiled: ")
                if form.sides is not None and more not in why:
                    why += f"\n  and with both sides of branches traced, {more}"
                continue
            return traced
        raise UndecidedError(why)

    def _trace(self, arguments: tuple[Any, ...], shape: CallShape) -> Traced:
        """Trace in this form, with several sets of integers if they index lists."""
        start = perf_counter()
        generators = generators_of(self.fn)
        before = random_states(generators)
        captured = Surroundings(self.fn)
        if captured.asks_truths and self.form.sides is None:
            raise UndecidedError(
                "cannot be compiled: `is True`, or `case True`, asks for a truth that may be traced"
            )
        run = self._run(arguments, shape)
        left = self._left(captured, run, arguments, shape)
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
        traced.left = left
        traced.loss = run.loss
        traced.form = self.form
        self.form.expected = [holds for _, holds in run.tracer.decisions]
        self.form.why = run.tracer.reasons
        traced.milliseconds = 1e3 * (perf_counter() - start)
        return traced

    def verify(self, traced: Traced, arguments: tuple[Any, ...], shape: CallShape) -> bool:
        """Trace again and raise a CompileError unless the program is the same.

        Finds what changes from call to call: randomness, counters, globals. False if an integer
        is past the tables as they were seen.
        """
        self._places = [(x.where, x.key) for x in traced.left]
        self.form = traced.form
        run = self._run(arguments, shape)
        if len(run.tracer.decisions) != len(traced.form.expected or ()):
            raise Missed
        ids = np.array(run.made.ids, np.int64)
        if traced.choices is not None:
            indexed = traced.extents < ANY
            if (indexed & ((ids >= traced.extents) | (ids < 0))).any():
                return False
        known = traced.recording.parameters
        again = self._record(run, arguments, shape, known)
        traced.loss = run.loss
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
        if self.form.sides is not None and not traced.verified:
            self._compare_run(run, known, arguments)
        return True

    def _left(
        self, captured: Surroundings, run: _Run, arguments: tuple[Any, ...], shape: CallShape
    ) -> list[Left]:
        """What the function leaves behind; the Values in it become outputs.

        Raises a CompileError for what only a call that runs could leave.
        """
        put, changed = captured.left()
        known = {id(v): node for node, v in enumerate(run.tracer.nodes)}
        for x, before in changed:
            nodes = [known[id(v)] for v in values_in(list(x)) if id(v) in known]
            if nodes:
                try:
                    self._refuse(KEPT_IN_LIST, nodes[0], arguments, shape)
                finally:
                    x.clear()
                    x.extend(before) if hasattr(x, "extend") else x.update(before)
        self._places = [(x.where, x.key) for x in put if x.values(known)]
        return self._leave(run)

    def _leave(self, run: _Run) -> list[Left]:
        """What a trace has left where the first one left something."""
        if not self._places:
            return []
        known = {id(v): node for node, v in enumerate(run.tracer.nodes)}
        left = [Left(where, key, where[key]) for where, key in self._places if key in where]
        found = {id(v): v for x in left for v in x.values(known)}
        run.outputs.values += found.values()
        run.outputs.left = len(found)
        return left

    def _compare(self, traced: Traced, arguments: tuple[Any, ...], shape: CallShape) -> None:
        """Raise a CompileError unless the function itself does the same, on other numbers, too."""
        known, expected = traced.recording.parameters, self.form.expected
        self._compare_run(self._run(arguments, shape), known, arguments)
        if self.form.sides is None or self.form.sides.unbounded:
            return
        for other in others(arguments, len(traced.recording)):
            theirs = eager_numbers(self.fn, other, known)
            if theirs is None:
                continue
            self.form.expected = None
            try:
                self._compare_run(self._run(other, shape), known, other, theirs)
            except (UndecidedError, Missed):
                continue  # there will be another program
            finally:
                self.form.expected = expected

    def _compare_run(
        self, run: _Run, known: Sequence[Value], arguments: tuple[Any, ...],
        theirs: list[float] | None = None,
    ) -> None:  # fmt: skip
        theirs = theirs or eager_numbers(self.fn, arguments, known)
        if theirs is None:
            return
        loss = run.outputs.values[0]
        aux = run.outputs.rebuild([v._data for v in run.outputs.values])
        slopes = [g._data for g in grad(loss, list(known))]
        if not agree([loss._data, *slopes, *numbers_in(aux)], theirs, len(slopes)):
            raise DifferentError(
                f"cannot be compiled: {name_of(self.fn)} traced would not be what it is eagerly; "
                "write its branches with micrograd.where"
            )

    # ---- traces --------------------------------------------------------------------------------

    def again(self, arguments: tuple[Any, ...], shape: CallShape, tracer: Tracer) -> None:
        """Run the function once more, watched by this tracer."""
        self._run(arguments, shape, tracer)

    def _run(
        self, arguments: tuple[Any, ...], shape: CallShape, tracer: Tracer | None = None
    ) -> _Run:

        def run(new: Tracer) -> _Run:
            def program() -> _Run:
                made = stand_ins(arguments, new)
                result = self.form.result(made.arguments)
                if new.refusal is not None:
                    raise new.refusal  # the program went on after it, another way
                outputs = outputs_of(result, self.mean)
                with_conditions(new, outputs)
                return _Run(new, made, outputs)

            return run_traced(new, program)

        found: _Run = self.form.run(run, lambda: tracer or Tracer())
        self._leave(found)
        return found

    def _record(
        self, run: _Run, arguments: tuple[Any, ...], shape: CallShape, known: Sequence[Value]
    ) -> Recording:
        try:
            return record(run.tracer, run.outputs.values, known)
        except Unrecordable as error:
            self._refuse(REASONS[error.reason], error.node, arguments, shape)

    def _refuse(
        self, reason: str, node: int, arguments: tuple[Any, ...], shape: CallShape,
        sort: type[CompileError] = CompileError,
    ) -> NoReturn:  # fmt: skip
        """Raise a CompileError about the line that made a node; traces again to find it."""
        tracer = LineTracer(node)
        self._run(arguments, shape, tracer)
        where = tracer.line or f"in {getattr(self.fn, '__qualname__', self.fn)!s}"
        raise sort(f"cannot be compiled: {reason}\n  at {where}")

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
        try:
            trials = _Trials(self, run, first, arguments, shape)
            extents = trials.extents(lengths_of(self.fn))
            trials.vary(extents)
            return trials.solved(extents)
        except Divergence as divergence:
            self._refuse(divergence.reason, divergence.node, arguments, shape, UndecidedError)

    def _check_constants(self, first: Outputs, other: Outputs) -> None:
        if first.constants != other.constants:
            name = getattr(self.fn, "__qualname__", self.fn)
            raise CompileError(
                f"cannot be compiled: aux of {name} holds something that is no Value and changes "
                "from call to call"
            )

    def _note(self, traced: Traced, made: StandIns) -> None:
        for group, number in zip(made.ids_group, made.ids, strict=True):
            traced.tried.setdefault(group, set()).add(number)


@dataclass(slots=True)
class _Run:
    tracer: Tracer
    made: StandIns
    outputs: Outputs

    @property
    def loss(self) -> float:
        return self.outputs.values[0]._data


class _Trials:
    """Traces of a function with other integers: what differs among them depends on integers."""

    def __init__(
        self, source: Traceable, run: _Run, first: Recording, arguments: tuple[Any, ...],
        shape: CallShape,
    ) -> None:  # fmt: skip
        made = run.made
        self._source, self._run, self._first = source, run, first
        self._arguments, self._shape = arguments, shape
        self._ids = np.array(made.ids, np.int64)
        number: dict[IndexGroup, int] = {}
        groups = [number.setdefault(group, len(number)) for group in made.ids_group]
        self._group = np.array(groups, np.int64)  # of each integer
        self._indexed = np.zeros(len(self._ids), bool)
        self._recordings, self._tried = [first], [self._ids]
        self._traced = Traced(first, made, run.outputs)
        for slot, line in run.tracer.indexed.items():
            if slot < 0:
                continue
            if self._ids[slot] < 0:
                raise UndecidedError(
                    "cannot be compiled: a negative integer indexes a list from its end\n"
                    f"  at {line}"
                )
            self._indexed[slot] = True
        source._note(self._traced, made)

    def extents(self, guesses: set[int]) -> Ids:
        """How long the tables are that each integer indexes, found by trial; see `limit`."""
        extents = np.ones(len(self._ids), np.int64)
        for group in np.unique(self._group[self._indexed]).tolist():
            own = self._group == group
            last: list[tuple[_Run, Ids]] = []

            def works(x: int, own: Mask = own, last: list[tuple[_Run, Ids]] = last) -> bool:
                new = np.where(own, x, self._ids)
                other = self._attempt(new)
                if other is not None:
                    last[:] = [(other, new)]
                return other is not None

            extents[own] = limit(works, int(self._ids[own].max()), guesses)
            for other, new in last:
                self._keep(other, new)
        return extents

    def vary(self, extents: Ids) -> None:
        """Trace with more integers, as many as tell apart what depends on which."""
        for new in more_integers(self._ids, self._group, self._tried[1:], extents):
            other = self._attempt(new)
            if other is not None:
                self._keep(other, new)

    def solved(self, extents: Ids) -> Traced:
        """The trace, with choices for what differs; raises a Divergence if none explain it."""
        self._recordings[0] = replace(self._first, parameters=self._recordings[-1].parameters)
        choices = solve(self._recordings, np.stack(self._tried), extents)
        chosen = {slot for slot, _, _ in choices.tables}
        for slot, line in self._run.tracer.indexed.items():
            if slot >= 0 and slot not in chosen and extents[slot] > 1:
                raise UndecidedError(
                    "cannot be compiled: a run-time integer indexes something that is no table of "
                    f"Values, or is not used\n  at {line}"
                )
        traced = self._traced
        traced.choices, traced.recording = choices, choices.recording
        of_tables = np.isin(self._group, self._group[self._indexed])
        traced.extents = np.where(of_tables, extents, ANY)
        traced.verified = True
        return traced

    def _attempt(self, new: Ids) -> _Run | None:
        """A run with these integers; None if one is past the end of its list."""
        arguments = with_integers(self._arguments, new)
        try:
            other = self._source._run(arguments, self._shape)
        except IndexError:
            return None
        rows, others = ([id(v._row) for v in r.tracer.nodes] for r in (self._run, other))
        if len(rows) != len(others):
            reason = "what is computed depends on a run-time integer"
            differ = (a != b for a, b in zip(rows, others, strict=False))
            node = next((i for i, different in enumerate(differ) if different), len(rows) - 1)
            self._source._refuse(reason, node, self._arguments, self._shape, UndecidedError)
        return other

    def _keep(self, other: _Run, new: Ids) -> None:
        # All traces number the parameters alike: those of the traces before come first.
        known = self._recordings[-1].parameters
        self._recordings.append(self._source._record(other, self._arguments, self._shape, known))
        self._source._check_constants(self._traced.outputs, other.outputs)
        self._tried.append(new)
        self._source._note(self._traced, other.made)


def _same(a: Recording, b: Recording) -> None:
    """Raise a Divergence at the first operation in which two recordings differ."""
    a, b = by_value(a), by_value(b)
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
    if len(a.choices) != len(b.choices) or any(
        slot != other or not np.array_equal(codes, others)
        for (codes, slot), (others, other) in zip(a.choices, b.choices, strict=True)
    ):
        raise Divergence("what is computed changes from call to call", 0)
    if not np.array_equal(a.outputs, b.outputs) or any(
        not np.array_equal(codes, b.many[i]) for i, codes in a.many.items()
    ):
        raise Divergence("what is computed changes from call to call", 0)
