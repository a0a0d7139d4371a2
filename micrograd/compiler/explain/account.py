"""What a compiled function can be asked about the program that ran last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from micrograd.compiler.explain.naming import Given, given_names
from micrograd.compiler.explain.recovered import Recovered, recovered
from micrograd.compiler.explain.report import Report, explanation, marked_source, update_of
from micrograd.compiler.explain.sequence import Passage, in_words, passages
from micrograd.compiler.running.runner import Runner


@dataclass(frozen=True)
class Account:
    """A program that ran in a mode, and the function that it was made from."""

    runner: Runner
    mode: str
    backend: str
    fn: Callable[..., Any]
    batch: bool

    def source(self) -> str:
        """The text of the program, whose comments number its kernels as `words` does."""
        return marked_source(self.runner, self.mode)

    def report(self) -> Report:
        """Nodes, kernels, milliseconds."""
        return Report.of(self.runner, self.mode, self.backend)

    def words(self) -> str:
        """What was recovered from the scalar program, and what runs."""
        unit, traced = self.runner.unit, self.runner.traced
        if unit.sequence is not None:
            return in_words(self.report(), unit, traced, self.fn, self._names())
        update = update_of(self.runner, self.mode)
        return explanation(self.report(), self.runner.program, update, self.recovered())

    def passages(self) -> list[Passage] | None:
        """The loops of the program, if it is a sequence."""
        unit, traced = self.runner.unit, self.runner.traced
        return None if unit.sequence is None else passages(unit, traced, self.fn, self._names())

    def recovered(self) -> Recovered:
        """The arrays that were found in the program."""
        return recovered(self.runner.unit, self.runner.traced, self._names())

    def _names(self) -> Given:
        """What the user calls the arguments and leaves."""
        traced = self.runner.traced
        leaves, inputs = traced.recording.parameters, traced.stand_ins.arguments
        return given_names(self.fn, leaves, self.batch, inputs)
