"""From a function and its arguments to a recording that can be trusted, or a CompileError."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NoReturn

import numpy as np

from micrograd.checks import user_line_of
from micrograd.compiler.trace.arguments.given import ArgumentChangedError
from micrograd.compiler.trace.arguments.structures import code_in
from micrograd.compiler.trace.bounds import limits
from micrograd.compiler.trace.comparing import (
    NEAR,
    SINGLE,
    agree,
    eager_result,
    numbers_in,
    others,
    raised_by,
    texts_in,
)
from micrograd.compiler.trace.differences import Divergence, check_same, different_constant
from micrograd.compiler.trace.eagerly import slopes, unobserved
from micrograd.compiler.trace.extremes import NanUnnoticed, may_go_unnoticed
from micrograd.compiler.trace.forms import Form, name_of, other_forms
from micrograd.compiler.trace.numbers.refusing import (
    ALONE,
    ASKS,
    DifferentError,
    InexactError,
    Missed,
    UndecidedError,
)
from micrograd.compiler.trace.numbers.tracer import Tracer, random_states
from micrograd.compiler.trace.runs import ANOTHER, TOO_LARGE, TracedRun, TracedRuns
from micrograd.compiler.trace.traced import Traced
from micrograd.compiler.trace.trials import with_choices
from micrograd.compiler.trace.world.around import NumbersChanged, around_in
from micrograd.compiler.trace.world.left import Left, outline
from micrograd.compiler.trace.world.reachable import frozen_of, generators_of, leaves_of
from micrograd.compiler.trace.world.surroundings import Surroundings
from micrograd.engine import Value
from micrograd.errors import ArgumentValueError, CompileError


def _of_stand_ins(error: Exception) -> CompileError:
    """That something takes numbers, and not what stands in for them."""
    return UndecidedError(
        f"cannot be compiled: a library function does not take traced numbers ({error})\n"
        f"  at {user_line_of(error)}"
    )


IN_BATCHES = (
    "\n  and with batch=True all samples have one program: what is done may not depend on a "
    "sample's integers (`range(n)`, `n % 2`) but by looking up; pass what it depends on as numbers "
    "of the samples, `[n % 2 for n in ns]` or a mask, or call it for each sample"
)


class Traceable:
    """A function to be traced, with the parameters that are known beforehand."""

    def __init__(
        self, fn: Callable[..., Any], known: Sequence[Value], mean: bool = False,
        constant: set[Any] | None = None, like: Traced | None = None, precision: str = "float64",
    ) -> None:  # fmt: skip
        self.fn = fn
        self._like = like  # the trace for arguments of another shape, of which this may have much
        self.known = list(known)
        self._runs = TracedRuns(fn, mean, precision)
        self._runs.trained = {id(v) for v in known}
        self._runs.constant = constant

    def trace(self, arguments: tuple[Any, ...]) -> Traced:
        """Trace as it is; if numbers decide what happens, rewritten; or for these decisions.

        Raises a CompileError that names the user's line for what cannot be compiled.
        """
        runs = self._runs
        try:
            return self._in_a_form(arguments, False)
        except NanUnnoticed:
            runs.form, runs.places, runs.assigned = Form(self.fn, in_order=True), [], None
            return self._in_a_form(arguments, True)

    def _in_a_form(self, arguments: tuple[Any, ...], in_order: bool) -> Traced:
        runs, around = self._runs, around_in(arguments)
        may_decide = around is None or around.has_state  # other numbers that do are constants
        try:
            return self._trace(arguments)
        except (UndecidedError, DifferentError) as error:
            if not may_decide:
                raise
            first: CompileError = error
        except (CompileError, ArgumentValueError, NumbersChanged, NanUnnoticed):
            raise
        except Exception as error:
            if not may_decide or raised_by(self.fn, arguments) is not None:
                raise  # as it does eagerly
            first = _of_stand_ins(error)
        why, differs = str(first), isinstance(first, DifferentError)
        for form in other_forms(self.fn, runs.mean, in_order):
            runs.form, runs.places, runs.assigned = form, [], None
            try:
                return self._trace(arguments)
            except (ArgumentChangedError, NumbersChanged, InexactError, NanUnnoticed):
                raise
            except Exception as error:
                differs = differs or isinstance(error, DifferentError)
                if not isinstance(error, CompileError):
                    error = _of_stand_ins(error)
                more = str(error).removeprefix("cannot be compiled: ")
                if form.sides is not None and more not in why:
                    why += f"\n  and with both sides of branches traced, {more}"
        own = raised_by(self.fn, arguments)
        if own is not None:
            raise own
        if runs.mean:
            why += IN_BATCHES
        raise DifferentError(why) if differs else UndecidedError(why)

    def surroundings(self, arguments: tuple[Any, ...]) -> Surroundings:
        """What there is around the function, and around functions and classes of arguments."""
        return Surroundings(self.fn, around_in(arguments), code_in(arguments))

    def _trace(self, arguments: tuple[Any, ...]) -> Traced:
        """Trace in this form, with several sets of integers if they index lists.

        Raises a CompileError unless the function, run as it is, does the same.
        """
        start = perf_counter()
        captured = self.surroundings(arguments)
        self._runs.catches = captured.catches
        if captured.asks_truths and self._runs.form.sides is None:
            raise UndecidedError(
                "cannot be compiled: `is True`, or `case True`, asks for a truth that may be traced"
            )
        if captured.asks_numbers and self._runs.form.sides is None and not self._runs.form.guarding:
            raise UndecidedError("cannot be compiled: a traced number may be asked for its type")
        self._runs.asks_identity = captured.asks_identity
        try:
            traced, run = self._traced(arguments, captured)
            if not run.tracer.in_order and may_go_unnoticed(traced.recording):
                raise NanUnnoticed
            if traced.writes or traced.left:
                captured.put_back()  # for a run as it is, which does the same
            traced.captured = captured
            traced.loss = run.loss
            traced.form = self._runs.form
            traced.form.expected = [holds for _, holds in run.tracer.decisions]
            traced.form.why = run.tracer.reasons
            unobserved(lambda: self._compare(traced, run, arguments))
        except BaseException:
            captured.put_back()
            raise
        captured.drop_changed()
        run.outputs.forget()
        traced.milliseconds = 1e3 * (perf_counter() - start)
        return traced

    def _traced(
        self, arguments: tuple[Any, ...], captured: Surroundings
    ) -> tuple[Traced, TracedRun]:
        runs = self._runs
        generators = generators_of(self.fn)
        before = random_states(generators)
        run = runs.run(arguments)
        left = runs.left(captured, run, arguments)
        drew = random_states(generators) != before
        if run.tracer.indexed:
            recording = runs.record(run, arguments, self.known or leaves_of(self.fn))
            traced = with_choices(runs, run, recording, arguments, self._like)
        else:
            traced = Traced(runs.record(run, arguments, self.known), run.made, run.outputs)
        exact = limits(run.tracer, run.made.argument, traced.largest_entry())
        if exact is None:
            raise InexactError(f"cannot be compiled: {TOO_LARGE}\n  at {name_of(self.fn)}")
        traced.limit(exact)
        if drew:
            self._refuse_randomness(traced, arguments)
        own = {captured.name_of(x.place) for x in left}
        traced.writes = frozenset(captured.changes()) - own
        traced.left, traced.assigned = left, runs.assigned or []
        return traced, run

    def verify(self, traced: Traced, arguments: tuple[Any, ...]) -> bool:
        """Trace again and raise a CompileError unless the program is the same.

        Finds what changes from call to call: randomness, counters, globals. False if an integer
        is past the tables as they were seen.
        """
        runs = self._runs
        runs.meet_left(traced.left)
        runs.form, runs.assigned = traced.form, traced.assigned
        runs.catches = traced.captured is not None and traced.captured.catches
        runs.asks_identity = traced.asks_identity
        before = None
        if traced.writes or traced.left:
            before = self.surroundings(arguments)
        try:
            return self._is_verified(traced, arguments, before)
        except BaseException as error:
            if before is not None:
                before.put_back()
            if isinstance(error, CompileError) and type(error) in (CompileError, DifferentError):
                runs.refuse_state(error, traced.changed_names())
            raise

    def _is_verified(
        self, traced: Traced, arguments: tuple[Any, ...], before: Surroundings | None
    ) -> bool:
        runs = self._runs
        run = runs.run(arguments)
        if before is not None:
            traced.repeats = [x for x in before.changes() if x in traced.writes]
            if traced.repeats and traced.captured is not None:
                traced.captured.drop_changed()  # what seemed to be put there once
        traced.repeats += ["standard output"] if run.tracer.prints else []
        if len(run.tracer.decisions) != len(traced.form.expected or ()):
            raise Missed
        self._check_left(traced.left, run.left)
        ids = np.array(run.made.ids, np.int64)
        if traced.past_tables(ids):
            return False
        known = traced.recording.parameters
        again = runs.record(run, arguments, known)
        traced.loss = run.loss
        traced.check_constants(run.outputs, self.fn, DifferentError)
        if len(again.parameters) != len(known):
            runs.refuse(ANOTHER, 0, arguments, DifferentError)
        try:
            if traced.choices is not None:
                traced.choices.check(again, ids)
                traced.note(run.made)
            else:
                check_same(traced.recording, again)
        except Divergence as divergence:
            runs.refuse(divergence.reason, divergence.node, arguments, DifferentError)
        if runs.form.sides is not None and not traced.verified:
            self._compare_run(run, known, arguments)
        return True

    def _check_left(self, before: list[Left], now: list[Left]) -> None:
        """Raise a CompileError if something else is left than before, its numbers apart."""
        known = {x.place.identity: outline(x.what) for x in before}
        for x in now:
            if known.get(x.place.identity, ...) != outline(x.what):
                name = x.place.name or "a place"
                raise DifferentError(
                    f"cannot be compiled: what {name_of(self.fn)} puts into {name} depends on what "
                    "the call before has put there; return it: `return loss, values`"
                )

    def verify_more(self, traced: Traced, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Verify, if that can be with more integers that were never tried; None if it is false.

        Returns the arguments that the trace had.
        """
        wider = traced.widened(arguments)
        if wider is not arguments:
            try:
                if self.verify(traced, wider):
                    return wider
            except (Exception, Missed):  # what no call has asked for may be wrong
                pass
        return arguments if self.verify(traced, arguments) else None

    def again(self, arguments: tuple[Any, ...], tracer: Tracer) -> None:
        """Run the function once more, watched by this tracer."""
        self._runs.run(arguments, tracer)

    def _compare(self, traced: Traced, run: TracedRun, arguments: tuple[Any, ...]) -> None:
        """Raise a CompileError unless the function itself does the same.

        One that is rewritten is tried on other numbers, too.
        """
        runs = self._runs
        form, known = runs.form, traced.recording.parameters
        own = eager_result(self.fn, arguments, known)
        if own is None:
            raise DifferentError(
                f"cannot be compiled: {name_of(self.fn)} raises an error by itself"
            )
        try:
            self._compare_run(run, known, arguments, own)
        except DifferentError:
            self.verify(traced, arguments)  # which says so if something has changed meanwhile
            raise
        if form.sides is None or form.sides.unbounded:
            return
        expected, before = form.expected, self.surroundings(arguments)
        try:
            for other in others(arguments, len(traced.recording), run.seconds):
                theirs = eager_result(self.fn, other, known)
                if theirs is None:
                    continue
                form.expected = None
                try:
                    self._compare_run(runs.run(other), known, other, theirs)
                except (UndecidedError, InexactError, Missed):
                    continue  # there will be another program
        finally:
            form.expected = expected
            before.put_back()  # what the function has left there is of no call

    def _compare_run(
        self, run: TracedRun, known: Sequence[Value], arguments: tuple[Any, ...],
        result: tuple[list[float], list[Any]] | None = None,
    ) -> None:  # fmt: skip
        result = result or eager_result(self.fn, arguments, known)
        if result is None:
            return
        theirs, texts = result
        loss = run.outputs.values[0]
        aux = run.outputs.rebuild([v._data for v in run.outputs.values])
        mine = [loss._data, *slopes(loss, known), *numbers_in(aux)]
        agree_in_all = agree(mine, theirs, len(known), self._near)
        are_near = agree_in_all or self._agree_where_trained(mine, theirs, known)
        if not are_near or texts_in(aux) != texts:
            raise DifferentError(f"cannot be compiled: {self._difference(mine, theirs)}")

    @property
    def _near(self) -> float:
        return NEAR if self._runs.precision == np.float64 else SINGLE

    def _difference(self, mine: list[float], theirs: list[float]) -> str:
        name = name_of(self.fn)
        if self._runs.form.sides is not None:
            return (
                f"{name} traced would not be what it is eagerly; write its branches with "
                "micrograd.where"
            )
        what = f"{theirs[0]!r} {ALONE}, and {mine[0]!r}"
        if agree(mine[:1], theirs[:1], 0, self._near):
            what = f"other derivatives, or aux, {ALONE} than"
        return f"{name} gives {what} while it is traced: {ASKS}"

    def _agree_where_trained(
        self, mine: list[float], theirs: list[float], known: Sequence[Value]
    ) -> bool:
        """Whether they agree but for derivatives by what is frozen, which nobody takes."""
        frozen = frozen_of(self.fn)
        kept = [0.0 if id(v) in frozen else x for v, x in zip(known, mine[1:], strict=False)]
        kept += mine[1 + len(known) :]
        return bool(frozen) and agree([mine[0], *kept], theirs, len(known), self._near)

    def _refuse_randomness(self, traced: Traced, arguments: tuple[Any, ...]) -> NoReturn:
        runs = self._runs
        again = runs.record(runs.run(arguments), arguments, traced.recording.parameters)
        same = len(again) == len(traced.recording)
        node = different_constant(traced.recording, again) if same else 0
        runs.refuse("random numbers are drawn, and would be the same in every run", node, arguments)
