"""Traces of one function with other integers: what differs among them depends on integers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids, Mask, among, distinct
from micrograd.compiler.trace.arguments.stand_ins import IndexGroup
from micrograd.compiler.trace.differences import Divergence
from micrograd.compiler.trace.integers import (
    Choices,
    Known,
    limit,
    more_integers,
    one_more,
    solve,
    with_integers,
)
from micrograd.compiler.trace.numbers.refusing import InexactError, UndecidedError
from micrograd.compiler.trace.recording import Recording
from micrograd.compiler.trace.runs import TracedRun, TracedRuns
from micrograd.compiler.trace.traced import ANY, Traced
from micrograd.compiler.trace.world.reachable import lengths_of

SOON, LONG = 0.001, 0.05  # seconds that runs may differ by, and that no run takes longer
MOST_LATE = 3


def with_choices(
    runs: TracedRuns, run: TracedRun, first: Recording, arguments: tuple[Any, ...],
    like: Traced | None = None,
) -> Traced:  # fmt: skip
    """The trace of a run in which integers index lists, with choices from tables.

    `like` is a trace for arguments of another shape, whose tables are likely to be those of this.
    """
    try:
        trials = Trials(runs, run, first, arguments)
        extents = trials.extents(lengths_of(runs.fn))
        borrowed = None if like is None else trials.as_in(like, extents)
        if borrowed is not None:
            return replace(trials.solved(borrowed, extents), borrowed=True)
        trials.vary(extents)
        return trials.solved(trials.choices(extents), extents)
    except Divergence as divergence:
        runs.refuse(divergence.reason, divergence.node, arguments, UndecidedError)


class _Watch:
    """Watches that a run takes no longer with a larger integer, as one does whose steps it counts.

    Entries of a table take as long, whichever it is.
    """

    def __init__(self, first: TracedRun) -> None:
        self._seconds = first.seconds
        self._late = 0  # runs in succession that took longer

    def slower(self) -> bool:
        """Whether the last run took longer than the first."""
        return self._late > 0

    def see(self, run: TracedRun) -> None:
        """Note how long it took; raises an UndecidedError if runs take ever longer."""
        late = run.seconds > 3 * self._seconds + SOON
        self._late = self._late + 1 if late else 0
        if self._late == MOST_LATE or run.seconds > 4 * self._seconds + LONG:
            raise UndecidedError("cannot be compiled: a run-time integer counts what is done")


class Trials:
    """Traces of a function with other integers: what differs among them depends on integers."""

    def __init__(
        self, runs: TracedRuns, run: TracedRun, first: Recording, arguments: tuple[Any, ...]
    ) -> None:
        made = run.made
        self._runs, self._run, self._first = runs, run, first
        self._arguments = arguments
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
        self._traced.note(made)

    def extents(self, guesses: set[int]) -> Ids:
        """How long the tables are that each integer indexes, found by trial; see `limit`."""
        extents = np.ones(len(self._ids), np.int64)
        for group in distinct(self._group[self._indexed]).tolist():
            own = self._group == group
            last: list[tuple[TracedRun, Ids]] = []
            watch = _Watch(self._run)

            def works(
                x: int, own: Mask = own, last: list[tuple[TracedRun, Ids]] = last,
                watch: _Watch = watch,
            ) -> bool:  # fmt: skip
                new = np.where(own, x, self._ids)
                other = self._attempt(new)
                if other is not None:
                    watch.see(other)
                    last[:] = [(other, new)]
                return other is not None

            most = int(self._ids[own].max())
            extents[own] = limit(works, most, guesses, watch.slower)
            for other, new in last:
                self._keep(other, new)
        return extents

    def vary(self, extents: Ids) -> None:
        """Trace with more integers, as many as tell apart what depends on which."""
        for new in more_integers(self._ids, self._group, self._tried[1:], extents):
            other = self._attempt(new)
            if other is not None:
                self._keep(other, new)

    def as_in(self, like: Traced, extents: Ids) -> Choices | None:
        """Choices from the tables of another trace, for which one more run is enough.

        None if they do not explain it.
        """
        groups = self._run.made.ids_group
        known = like.tables(self._first.parameters)
        new = one_more(self._ids, groups, like.tried, extents)
        other = None if new is None else self._attempt(new)
        if new is None or other is None:
            return None
        self._keep(other, new)
        try:
            return self.choices(extents, {k: known.get(g, set()) for k, g in enumerate(groups)})
        except Divergence:
            return None

    def choices(self, extents: Ids, known: Known | None = None) -> Choices:
        """Choices for what differs; raises a Divergence if none explain it."""
        self._recordings[0] = replace(self._first, parameters=self._recordings[-1].parameters)
        return solve(self._recordings, np.stack(self._tried), extents, known)

    def solved(self, choices: Choices, extents: Ids) -> Traced:
        """The trace with these choices."""
        chosen = {slot for slot, _, _ in choices.tables}
        for slot, line in self._run.tracer.indexed.items():
            if slot >= 0 and slot not in chosen and extents[slot] > 1:
                raise UndecidedError(
                    "cannot be compiled: a run-time integer indexes something that is no table of "
                    f"Values, or is not used\n  at {line}"
                )
        traced = self._traced
        traced.choices, traced.recording = choices, choices.recording
        of_tables = among(self._group, self._group[self._indexed])
        traced.extents = np.where(of_tables, extents, ANY)
        traced.verified = True
        return traced

    def _attempt(self, new: Ids) -> TracedRun | None:
        """A run with these integers; None if one is past the end of its list."""
        arguments = with_integers(self._arguments, new)
        try:
            other = self._runs.run(arguments)
        except IndexError:
            return None
        except InexactError as error:  # which no call has asked for
            raise UndecidedError(str(error)) from None
        nodes, others = self._run.tracer.nodes, other.tracer.nodes
        if len(nodes) != len(others):
            reason = "what is computed depends on a run-time integer"
            differ = (v._row is not w._row for v, w in zip(nodes, others, strict=False))
            node = next((i for i, different in enumerate(differ) if different), len(nodes) - 1)
            self._runs.refuse(reason, node, self._arguments, UndecidedError)
        return other

    def _keep(self, other: TracedRun, new: Ids) -> None:
        # All traces number the parameters alike: those of the traces before come first.
        known = self._recordings[-1].parameters
        self._recordings.append(self._runs.record(other, self._arguments, known))
        self._traced.check_constants(other.outputs, self._runs.fn, UndecidedError)
        self._tried.append(new)
        self._traced.note(other.made)
