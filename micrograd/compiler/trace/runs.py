"""Running a function in one form with stand-ins for its numbers, as often as that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from micrograd.compiler.trace.forms import as_it_is, name_of, with_conditions
from micrograd.compiler.trace.given import ArgumentChangedError, line_of_change
from micrograd.compiler.trace.left import Left, values_in
from micrograd.compiler.trace.recording import MADE_BY_HAND, Recording, Unrecordable, record
from micrograd.compiler.trace.results import Outputs, outputs_of
from micrograd.compiler.trace.stand_ins import StandIns, stand_ins
from micrograd.compiler.trace.surroundings import Surroundings
from micrograd.compiler.trace.tracer import LineTracer, Tracer
from micrograd.compiler.trace.watching import traced as run_traced
from micrograd.engine import Value
from micrograd.errors import CompileError

REASONS = {
    MADE_BY_HAND: "a node with a hand-written _backward has no expression to compile",
    "earlier": "a value that was computed before the call is used; compute it inside the function, "
    "or let it be an argument and a result: `loss, state = f.step(x, state)`",
}
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


class TracedRuns:
    """A function that is run in one form; what it leaves behind is an output of each run."""

    def __init__(self, fn: Callable[..., Any], mean: bool = False) -> None:
        self.fn = fn
        self.mean = mean  # whether results are means over samples
        self.form = as_it_is(fn)
        self.places: list[tuple[dict[Any, Any], Any]] = []  # where it leaves Values behind

    def run(self, arguments: tuple[Any, ...], tracer: Tracer | None = None) -> TracedRun:
        """Run it once, watched by a new tracer or by this one."""

        def run(new: Tracer) -> TracedRun:
            def program() -> TracedRun:
                made = stand_ins(arguments, new)
                result = self.form.result(made.arguments)
                if new.refusal is not None:
                    raise new.refusal  # the program went on after it, another way
                outputs = outputs_of(result, self.mean)
                with_conditions(new, outputs)
                return TracedRun(new, made, outputs)

            return run_traced(new, program)

        found: TracedRun = self.form.run(run, lambda: tracer or Tracer())
        changed = found.made.contents.changed()
        if changed is not None:
            self._refuse_change(found.made, changed, arguments)
        self._leave(found)
        return found

    def _refuse_change(self, made: StandIns, changed: int, arguments: tuple[Any, ...]) -> NoReturn:
        """Raise an error about a changed argument; runs the function again to find the line."""

        def run(new: Tracer) -> str:
            again = stand_ins(arguments, new)
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
        try:
            return record(run.tracer, run.outputs.values, known)
        except Unrecordable as error:
            self.refuse(REASONS[error.reason], error.node, arguments)

    def refuse(
        self, reason: str, node: int, arguments: tuple[Any, ...],
        sort: type[CompileError] = CompileError,
    ) -> NoReturn:  # fmt: skip
        """Raise a CompileError about the line that made a node; runs again to find it."""
        tracer = LineTracer(node)
        self.run(arguments, tracer)
        where = tracer.line or f"in {name_of(self.fn)}"
        raise sort(f"cannot be compiled: {reason}\n  at {where}")

    def left(
        self, captured: Surroundings, run: TracedRun, arguments: tuple[Any, ...]
    ) -> list[Left]:
        """What the function leaves behind; the Values in it become outputs.

        Raises a CompileError for what only a call that runs could leave.
        """
        put, changed = captured.left()
        if not put and not changed:
            self.places = []
            return []
        made, known = _made(run), _known(run)
        for x, before in changed:
            nodes = [made[id(v)] for v in values_in(list(x)) if id(v) in made]
            if nodes:
                try:
                    self.refuse(KEPT_IN_LIST, nodes[0], arguments)
                finally:
                    x.clear()
                    x.extend(before) if hasattr(x, "extend") else x.update(before)
        self.places = [(x.where, x.key) for x in put if x.values(known)]
        return self._leave(run)

    def _leave(self, run: TracedRun) -> list[Left]:
        """What a run has left where the first one left something."""
        if not self.places:
            return []
        known = _known(run)
        left = [Left.of(where, key) for where, key in self.places if key in where]
        found = {id(v): v for x in left for v in x.values(known)}
        run.outputs.values += found.values()
        run.outputs.left = len(found)
        return left
