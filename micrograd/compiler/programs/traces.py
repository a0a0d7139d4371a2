"""The traces of one compiled function: one for each shape of its arguments, tried again in time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from micrograd.compiler.programs.patience import Patience
from micrograd.compiler.programs.rebuilds import Rebuilds
from micrograd.compiler.running.fallback import eager_value
from micrograd.compiler.trace.arguments.given import copies
from micrograd.compiler.trace.arguments.samples import (
    check_types,
    first_samples,
    is_shared,
    size_of,
)
from micrograd.compiler.trace.arguments.stand_ins import (
    CallShape,
    check_layout,
    flat,
    shape_of,
    types_in,
)
from micrograd.compiler.trace.arguments.structures import check_outside, check_sharing, sharing
from micrograd.compiler.trace.assigned import undisturbed
from micrograd.compiler.trace.integers import integers_in
from micrograd.compiler.trace.numbers.refusing import ALONE, ASKS, DifferentError, InexactError
from micrograd.compiler.trace.traceable import Traceable
from micrograd.compiler.trace.traced import Calls, Traced
from micrograd.compiler.trace.world.around import around_in
from micrograd.compiler.trace.world.reachable import located
from micrograd.engine import Value
from micrograd.errors import CompileError
from micrograd.interrupts import uncollected

MOST_PROGRAMS = 64  # for each function; the one that was not used for longest goes first
MOST_VARIANTS = 4  # of them for one shape: as for a model that trains and one that does not


def keep(kept: OrderedDict[Any, list[Any]], key: Any, new: Any) -> None:
    """Keep one more for a key, and of each what was made last."""
    kept[key] = [new, *kept.get(key, ())][:MOST_VARIANTS]
    if len(kept) > MOST_PROGRAMS:
        kept.popitem(last=False)


class Traces:
    """Traces a function, and again when that may give another program.

    `leaves` are those that it is known to be trained by; of a batch the first sample is traced.
    """

    def __init__(
        self, fn: Callable[..., Any], leaves: Callable[[], list[Value]], batch: bool,
        rebuilds: Rebuilds, patience: Patience, precision: str,
    ) -> None:  # fmt: skip
        self._fn, self._leaves, self._batch = fn, leaves, batch
        self._rebuilds, self._patience = rebuilds, patience
        self._precision = precision
        self._asks_types = False  # whether the function does, as far as it has been traced
        self._asks_layout = False
        self._outside: dict[int, int] = {}  # the containers around it, which arguments may be
        self._kept: OrderedDict[CallShape, list[Traced]] = OrderedDict()
        self._inexact: dict[CallShape, int] = {}  # the largest integer for which there was none
        self._asks_identity = False  # whether the function does, as far as it has been traced
        self._calls = Calls()
        self._last: Traced | None = None  # that was made
        self._borrows = not batch  # until tables of one shape were not those of another
        self._new: Traced | None = None  # traced in this call: not to be verified yet
        self.constant: set[Any] = set()  # places of numbers that cannot be inputs

    def knows(self, inputs: tuple[Any, ...]) -> bool:
        """Whether there is a trace for arguments of this shape."""
        return self.sample(inputs)[2] in self._kept

    def has(self, inputs: tuple[Any, ...]) -> bool:
        """Whether there is a trace for arguments of this shape, with all around it as it is."""
        return self._trace_of(self.sample(inputs)[2]) is not None

    def is_exact(self, inputs: tuple[Any, ...]) -> bool:
        """Whether a program for these arguments may take their integers, as far as is known."""
        _, sample, shape = self.sample(inputs)
        traced = self._trace_of(shape)
        if traced is not None:
            return traced.is_exact(inputs)
        known = self._inexact.get(shape)
        return known is None or _largest(sample) < known

    def hold(self, inputs: tuple[Any, ...]) -> bool:
        """Whether the trace for these arguments is still right; if not, all are forgotten.

        Raises a CompileError if the program is another one now.
        """
        traced = self._trace_of(self.sample(inputs)[2])
        fresh, self._new = self._new, None
        if traced is None or traced is fresh or self._agrees(traced, inputs):
            return True
        self._kept.clear()
        return False

    def of(self, inputs: tuple[Any, ...], runs: int) -> Traced:
        """The trace for arguments of this shape, after so many runs of the function's programs."""
        _, sample, shape = self.sample(inputs)
        traced = self._trace_of(shape)
        if traced is None:
            self._note_rebuild(shape, runs)
            source = self._source(self._like())
            with located(self._fn):
                try:
                    traced = uncollected(
                        lambda: self._patience.tracing(shape, lambda: source.trace(sample))
                    )
                except InexactError:
                    self._inexact[shape] = min(_largest(sample), self._inexact.get(shape, 2**53))
                    raise
            self._rebuilds.note_form(shape, traced.form)
            if traced.captured is not None and traced.captured.asks_types:
                self._asks_types = True
            self._asks_identity |= traced.asks_identity
            self._outside.update(traced.outside)
            self._asks_layout |= traced.captured is not None and traced.captured.asks_layout
            if self._asks_types or self._asks_identity or self._asks_layout:
                shape = self.sample(inputs)[2]
            self._last = traced
            traced.calls = self._calls
            self._new = traced
            keep(self._kept, shape, traced)
        return traced

    def _note_rebuild(self, shape: CallShape, runs: int) -> None:
        """Note that there will be one more program, and why."""
        known = self._kept.get(shape, [])
        captured = known[0].captured if known else None
        changes = captured.changes() if captured and not self._is_new_to(known) else []
        if changes or self._kept:
            self._rebuilds.note(self, runs, changes, shape, bool(known))

    def _is_new_to(self, known: Sequence[Traced]) -> bool:
        """Whether all is as it was for the last trace, which was none of these."""
        last = self._last
        if last is None or last.captured is None or any(last is x for x in known):
            return False
        return last.captured.same()

    def _trace_of(self, shape: CallShape) -> Traced | None:
        """The trace for a shape with everything around the function as it is now."""
        traces = self._kept.get(shape, ())
        return next((t for t in traces if t.captured and t.captured.same()), None)

    def _like(self) -> Traced | None:
        """The newest trace of another shape with everything around the function as it is now."""
        last = self._last if self._borrows else None
        return last if last is not None and last.captured and last.captured.same() else None

    def _agrees(self, traced: Traced, inputs: tuple[Any, ...]) -> bool:
        """Trace again when that is due, and for integers that were never tried.

        Raises a CompileError if the program is another now; False if all must be built anew.
        """
        again = [inputs] if not traced.verified or traced.due else []
        source = self._source()
        for arguments in again or self.untried(traced, inputs):
            sample = self.sample(arguments)[1]
            try:
                if not again:
                    had = source.verify_more(traced, sample)
                else:
                    had = sample if source.verify(traced, sample) else None
            except CompileError:
                if not traced.borrowed:
                    raise
                self._borrows, had = False, None
            if had is None:
                return False
            if not traced.compared:
                self._compare(traced, had)
        self._rebuilds.note_effects(traced.repeats)
        traced.verified, traced.due = True, False
        return True

    def _compare(self, traced: Traced, sample: tuple[Any, ...]) -> None:
        """Raise a CompileError if the function, run as it is, finds another loss."""
        if not np.isfinite(traced.loss):
            return  # of such a program the function itself is run
        for x in sample:
            flat(x, np.float64)  # which refuses what floats cannot hold
        changes = bool(traced.repeats)  # what only one of the two runs may have changed
        around = self._source().surroundings(sample) if changes else None
        with undisturbed(self._fn):
            loss = self._patience.alone(lambda: eager_value(self._fn, copies(sample), batch=False))
        if around is not None:
            around.put_back()
        loss = loss[0] if traced.outputs.has_aux else loss
        if not np.isclose(loss, traced.loss, rtol=1e-6, atol=1e-9, equal_nan=True):
            raise DifferentError(
                f"cannot be compiled: {getattr(self._fn, '__qualname__', self._fn)} gives {loss!r} "
                f"{ALONE}, and {traced.loss!r} while it is traced: {ASKS}"
            )
        traced.compared = True

    def check_samples(self, traced: Traced, inputs: tuple[Any, ...]) -> None:
        """Try the integers of all samples of a batch of which the first was traced."""
        self._new = None
        for arguments in self.untried(traced, inputs) if self._batch else ():
            sample = self.sample(arguments)[1]
            if not self._source().verify(traced, sample):
                raise CompileError(
                    "cannot be compiled: the integers of some samples index longer tables than "
                    "those of the first sample"
                )

    def untried(self, traced: Traced, inputs: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Arguments to trace for the integers among these that no trace has had."""
        around = around_in(inputs)
        for group, numbers in traced.stand_ins.integers_in(inputs) if traced.tried else ():
            if not traced.tried[group].issuperset(numbers):
                if not self._batch:
                    return [inputs]
                given = inputs if around is None else inputs[:-1]
                return [tuple(x if x is around or is_shared(x) else x[i : i + 1] for x in inputs)
                        for i in range(size_of(given))]  # fmt: skip
        return []

    def sample(self, inputs: tuple[Any, ...]) -> tuple[int, tuple[Any, ...], CallShape]:
        """How many lanes there are (0: none), what is traced, and its shape."""
        if not self._batch:
            return 0, inputs, self.shape(inputs)
        around = around_in(inputs)
        given = inputs if around is None else inputs[:-1]
        if self._asks_types:
            check_types(given)
        lanes, sample = first_samples(given)
        if self._asks_identity:
            check_sharing(given)
        sample = sample if around is None else (*sample, around)
        shape = self.shape(sample)
        return lanes, sample, (*shape, "negative") if _has_negative(sample) else shape

    def whole_shape(self, inputs: tuple[Any, ...]) -> CallShape:
        """What a program depends on that takes all samples."""
        return (*self.shape(inputs), self.sample(inputs)[2]) if self._batch else self.shape(inputs)

    def shape(self, inputs: tuple[Any, ...]) -> CallShape:
        """What a program depends on; with types, and what is the same, if the function asks."""
        shape = shape_of(inputs)
        if self._asks_identity:
            shape = (*shape, check_outside(sharing(inputs, self._outside)))
        if self._asks_layout:
            check_layout(inputs)
        return (*shape, types_in(inputs)) if self._asks_types else shape

    def _source(self, like: Traced | None = None) -> Traceable:
        constant = None if self._batch else self.constant
        return Traceable(self._fn, self._leaves(), self._batch, constant, like, self._precision)


def _integers(arguments: tuple[Any, ...]) -> np.ndarray:
    around = around_in(arguments)
    given = arguments if around is None else arguments[:-1]
    for x in given:
        flat(x, np.float64)  # which refuses what floats cannot hold
    return integers_in(given)


def _largest(arguments: tuple[Any, ...]) -> int:
    """The largest integer among arguments, in magnitude."""
    return int(np.abs(_integers(arguments)).max(initial=0))


def _has_negative(arguments: tuple[Any, ...]) -> bool:
    """Whether an integer among arguments is negative."""
    return bool((_integers(arguments) < 0).any())
