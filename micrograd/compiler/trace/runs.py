"""Running a function in one form with stand-ins for its numbers, as often as that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import thread_time
from typing import Any, NoReturn

import numpy as np

from micrograd.compiler.trace.arguments.given import ArgumentChangedError, line_of_change
from micrograd.compiler.trace.arguments.results import Outputs, outputs_of
from micrograd.compiler.trace.arguments.stand_ins import StandIns, stand_ins
from micrograd.compiler.trace.assigned import (
    IN_BATCH,
    OTHERS,
    USED,
    leaves_assigned,
    numbers_assigned,
    used_as_operand,
)
from micrograd.compiler.trace.forms import Form, name_of, with_conditions
from micrograd.compiler.trace.numbers.advice import PAGE
from micrograd.compiler.trace.numbers.refusing import DifferentError, InexactError, UndecidedError
from micrograd.compiler.trace.numbers.tracer import LineTracer, Tracer
from micrograd.compiler.trace.recording import (
    MADE_BY_HAND,
    MADE_EARLIER,
    Recording,
    Unrecordable,
    record,
)
from micrograd.compiler.trace.watching import traced as run_traced
from micrograd.compiler.trace.world.around import (
    MOST,
    SORTS,
    NumberPlace,
    NumbersChanged,
    around_in,
    is_float_array,
)
from micrograd.compiler.trace.world.left import Left, values_in
from micrograd.compiler.trace.world.sources import put_back
from micrograd.compiler.trace.world.surroundings import Surroundings
from micrograd.engine import Value
from micrograd.errors import CompileError

REASONS = {
    MADE_BY_HAND: "a node with a hand-written _backward has no expression to compile",
    MADE_EARLIER: "a value that was computed before the call is used; compute it inside the "
    "function, or let it be an argument and a result: `loss, state = f.step(x, state)`",
}
ANOTHER = "another parameter is used than in the call before"
NO_NUMBER = "something else than a number of the call is put where a number was"
TOO_LARGE = (
    "an integer that is computed here reaches 2**53, from where on floats, in which programs "
    "compute, do not hold every integer"
)
KEPT_IN_LIST = (
    "a value that is computed here is put into a list outside, which only a call that runs could "
    "do; return it: `return loss, values`"
)


@dataclass(slots=True)
class TracedRun:
    """What one run has recorded, with which arguments, and what it returned."""

    tracer: Tracer
    made: StandIns
    outputs: Outputs
    seconds: float  # of processor time that the function took
    left: list[Left] = field(default_factory=list)  # what it has left behind, as far as known

    @property
    def loss(self) -> float:
        """The number that it found."""
        return self.outputs.values[0]._data


def _made(run: TracedRun) -> dict[int, int]:
    """The node of each Value that a run has made."""
    return {id(v): node for node, v in enumerate(run.tracer.nodes)}


def _known(run: TracedRun) -> set[int]:
    """The Values that a run has made, and the numbers that it was given."""
    return {*run.tracer.inputs, *run.tracer.slots, *_made(run)}


def _was_number(x: Any) -> bool:
    return type(x) in SORTS or is_float_array(x)


class TracedRuns:
    """A function that is run in one form; what it leaves behind is an output of each run."""

    def __init__(
        self, fn: Callable[..., Any], mean: bool = False, precision: str = "float64"
    ) -> None:
        self.fn = fn
        self.catches = False  # whether it may catch what numbers of Python raise
        self.precision = np.dtype(precision)  # of what programs compute
        self.mean = mean  # whether results are means over samples
        self.form = Form(fn)  # as it is
        self.places: list[NumberPlace] = []  # where it leaves Values behind
        self.constant: set[Any] | None = None  # places of numbers that cannot be inputs; None: any
        self.trained: set[int] = set()  # ids of the leaves that are trained
        self.asks_identity = False  # whether it asks which of its arguments are the same
        self.assigned: list[Value] | None = None  # leaves that a run gives numbers, as far as known

    def run(self, arguments: tuple[Any, ...], tracer: Tracer | None = None) -> TracedRun:
        """Run it once, watched by a new tracer or by this one."""

        def run(new: Tracer) -> TracedRun:
            new.trained, new.of_samples = self.trained, self.mean
            new.precision, new.catches = self.precision, self.catches

            def program() -> TracedRun:
                made = stand_ins(arguments, new, self.asks_identity)
                start = thread_time()
                result = self.form.result(made.arguments)
                seconds = thread_time() - start
                if new.refusal is not None:
                    raise new.refusal  # the program went on after it, another way
                outputs = outputs_of(result, self.mean)
                with_conditions(new, outputs)
                return TracedRun(new, made, outputs, seconds)

            try:
                made = run_traced(new, program)
            except CompileError:
                if not new.inexact:  # else that is why, whatever it has led to
                    raise
            if new.inexact:
                raise InexactError(f"cannot be compiled: {TOO_LARGE}\n  at {new.inexact}")
            return made

        found: TracedRun = self.form.run(run, lambda: tracer or Tracer())
        changed = found.made.contents.changed()
        if changed is not None:
            self._refuse_change(found.made, changed, arguments)
        found.left = self._leave(found)
        return found

    def _refuse_change(self, made: StandIns, changed: int, arguments: tuple[Any, ...]) -> NoReturn:
        """Raise an error about a changed argument; runs the function again to find the line."""

        def run(new: Tracer) -> str:
            again = stand_ins(arguments, new, self.asks_identity)
            form = self.form
            return run_traced(
                new,
                lambda: line_of_change(
                    again.contents, changed, lambda: form.result(again.arguments)
                ),
            )

        found = self.form.run(run, Tracer) or f"in {name_of(self.fn)}"
        what = made.contents.described(changed, self.fn)
        raise ArgumentChangedError(
            f"cannot be compiled: {what} is changed in place, which the caller would see in some "
            f"calls only\n  at {found}"
        )

    def record(
        self, run: TracedRun, arguments: tuple[Any, ...], known: Sequence[Value]
    ) -> Recording:
        """The arrays of a run; raises a CompileError for nodes that no program can contain."""
        leaves = leaves_assigned(run.tracer)
        if self.assigned is None:
            self.assigned = leaves
        try:
            outputs = [*run.outputs.values, *numbers_assigned(run.tracer)]
            recording = record(run.tracer, outputs, known)
        except Unrecordable as error:
            self.refuse(REASONS[error.reason], error.node, arguments)
        if leaves or self.assigned:
            self._check_assigned(leaves, recording, arguments)
        return recording

    def _check_assigned(
        self, leaves: list[Value], recording: Recording, arguments: tuple[Any, ...]
    ) -> None:
        """Raise a CompileError unless the same leaves are given numbers, and are no operands."""
        where = f"\n  at {name_of(self.fn)}"
        if self.mean:
            raise CompileError(f"cannot be compiled: {IN_BATCH}{where}")
        if [*map(id, leaves)] != [*map(id, self.assigned or ())]:
            raise UndecidedError(f"cannot be compiled: {OTHERS}{where}")
        node = used_as_operand(recording, leaves)
        if node is not None:
            self.refuse(USED, node, arguments)

    def refuse(
        self, reason: str, node: int, arguments: tuple[Any, ...],
        sort: type[CompileError] = CompileError,
    ) -> NoReturn:  # fmt: skip
        """Raise a CompileError about the line that made a node; runs again to find it."""
        tracer = LineTracer(node)
        self.run(arguments, tracer)
        where = tracer.line or f"in {name_of(self.fn)}"
        raise sort(f"cannot be compiled: {reason}\n  at {where}")

    def refuse_state(self, error: CompileError, names: Sequence[str]) -> NoReturn:
        """Raise the error, or what to write, if it is because of what these names hold."""
        reasons = (ANOTHER, REASONS[MADE_EARLIER])
        if names and any(reason in str(error) for reason in reasons):
            name, where = names[0], str(error).partition("\n")[2]
            raise DifferentError(
                f"cannot be compiled: the function puts other Values into {name}, which the next "
                f"call reads\n{where}\n  instead: change and read its numbers, `{name}.data = 0.9 "
                f"* {name}.data + 0.1 * z.data` (in a list, those of each Value: "
                f"`{name}[k].data = …`); or, where gradients are to flow through it, let it be an "
                "argument and a result: `loss, state = f.step(x, state)`"
                f"\n  see {PAGE}, 'Randomness and state'"
            ) from None
        raise error

    def left(
        self, captured: Surroundings, run: TracedRun, arguments: tuple[Any, ...]
    ) -> list[Left]:
        """What the function leaves behind; the Values in it become outputs.

        Raises a CompileError for what only a call that runs could leave.
        """
        put, changed = captured.left()
        if not put and not changed and not run.tracer.put:
            self.places = []
            return []
        state = [x.place for x in put if x.may_be_state and _was_number(x.before)]
        for x, before in changed:
            plain = isinstance(x, list) and {*map(type, before)} <= {*SORTS}
            if plain and len(x) == len(before) <= MOST:
                state += [NumberPlace(x, k) for k in range(len(x))]
        self._meet_state(state)
        made, known = _made(run), _known(run)
        for x, before in changed:
            nodes = [made[id(v)] for v in values_in(list(x)) if id(v) in made]
            if nodes:
                try:
                    self.refuse(KEPT_IN_LIST, nodes[0], arguments)
                finally:
                    put_back(x, before)
        self.places = [x.place for x in put if x.values(known)]
        return self._leave(run)

    def meet_left(self, left: Sequence[Left]) -> None:
        """Note where a function leaves something; see `NumbersChanged` if that is read now."""
        self.places = [x.place for x in left if not x.is_state]
        self._meet_state([x.place for x in left if x.may_be_state and not x.is_state
                          and _was_number(x.place.get())])  # fmt: skip

    def _meet_state(self, places: list[NumberPlace]) -> None:
        """Raise NumbersChanged for numbers put where numbers are, if these may be inputs."""
        if self.constant is not None:
            places = [place for place in places if place.identity not in self.constant]
            if places:
                raise NumbersChanged(places, are_state=True)

    def _leave(self, run: TracedRun) -> list[Left]:
        """What a run has left where the first one left something."""
        if not self.places and not run.tracer.put:
            return []
        known = _known(run)
        left = [Left.of(place) for place in self.places if place.get() is not None]
        around = around_in(run.made.arguments)
        for k, x in sorted(run.tracer.put.items()):
            assert around is not None
            place = around.places[k]
            if type(x) is float:  # as it is in every call
                constant = Value(x)
                run.tracer.leaves.append(constant)
                known.add(id(constant))
                numbers = {id(constant): float}
                left.append(Left(place.where, place.key, constant, numbers, is_state=True))
                continue
            state = Left.made(place, x, is_state=True)
            if not state.is_number or not known.issuperset(state.numbers):
                raise UndecidedError(f"cannot be compiled: {NO_NUMBER}\n  at {name_of(self.fn)}")
            left.append(state)
        found = {id(v): v for x in left for v in x.values(known)}
        kept = len(run.outputs.values) - run.outputs.left
        run.outputs.values[kept:] = found.values()
        run.outputs.left = len(found)
        return left
