"""How a function is traced: as it is; rewritten; or for the decisions of one call.

A program that is right for some decisions only says so itself: its loss is nan where they would be
others. Then another program runs, or the function itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

from micrograd.checks import user_line_of
from micrograd.compiler.trace.arguments.results import Outputs
from micrograd.compiler.trace.arguments.structures import called
from micrograd.compiler.trace.numbers.refusing import (
    BRANCH,
    Decision,
    Restart,
    UndecidedError,
    current,
    raises,
)
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.compiler.trace.rewritten.sides import Sides
from micrograd.engine import Value, as_operand
from micrograd.errors import CompileError
from micrograd.functions import apply

MOST_RESTARTS = 64


@dataclass(slots=True, eq=False)
class Form:
    """How one function is traced; `sides` if it is rewritten."""

    fn: Callable[..., Any]
    guarding: bool = False
    sides: Sides | None = None
    in_order: bool = False  # whether `max` and `min` compare one after the other, as in Python
    expected: list[Decision] | None = None  # the decisions that it was traced for
    why: list[str] = field(default_factory=list)  # it has decisions

    def run(self, trace: Callable[[Tracer], Any], tracer: Callable[[], Tracer]) -> Any:
        """What `trace` returns, tried again while a branch turns out to be no select."""
        for _ in range(MOST_RESTARTS):
            new = tracer()
            new.guarding, new.expected = self.guarding, self.expected
            new.in_order = self.in_order
            try:
                return trace(new)
            except Restart as restart:
                if self.sides is None or restart.site in self.sides.decided_sites:
                    raise UndecidedError(f"cannot be compiled: {restart.reason}") from None
                self.sides.decided_sites[restart.site] = restart.reason
        raise UndecidedError(
            "cannot be compiled: too many branches on traced data cannot be selects"
        )

    def result(self, arguments: tuple[Any, ...]) -> Any:
        """What the function returns of traced arguments."""
        if self.sides is None:
            return called(self.fn, arguments)
        try:
            result = called(self.sides.call(self.fn), arguments)
        except Exception as error:
            self._left_in_a_side(raises(error), error)
            raise
        self._left_in_a_side("a side of a branch on traced data is never left")
        return result

    def parting(self, other: Form) -> int:
        """The first decision in which this form goes another way; -1 if there is none."""
        pairs = enumerate(zip(self.expected or [], other.expected or [], strict=False))
        return next((k for k, (x, y) in pairs if x != y), -1)

    def reason(self, at: int) -> str:
        """Why there is that decision, and where."""
        sites = list(self.sides.decided_sites.values()) if self.sides else []
        if at < len(self.why) and not (sites and self.why[at].startswith(BRANCH)):
            return self.why[at]
        return next(iter([*sites, *self.why]), "branches depend on traced data")

    def _left_in_a_side(self, reason: str, error: Exception | None = None) -> None:
        tracer = current()
        if tracer is not None and tracer.sides and not isinstance(error, CompileError):
            line = "" if error is None else f"\n  at {user_line_of(error)}"
            raise Restart(tracer.sides[0].site, reason + line)


def other_forms(fn: Callable[..., Any], batch: bool, in_order: bool) -> list[Form]:
    """How to trace a function that cannot be traced as it is; decisions differ in a batch."""
    forms = [Form(fn, not batch, Sides(), in_order)]
    return forms if batch else [*forms, Form(fn, True, in_order=in_order)]


def with_conditions(tracer: Tracer, outputs: Outputs) -> None:
    """Let the loss be nan where the program is not right, and add whether it is to the outputs."""
    wrong: dict[tuple[int, bool], Value] = {}
    decided = [(condition, holds) for condition, (holds, *_) in tracer.decisions]
    for condition, holds in [*decided, *((x, True) for x in tracer.required)]:
        key = id(condition), holds
        if key not in wrong:
            wrong[key] = apply("equal", condition, 0.0)
            if not holds:
                wrong[key] = apply("equal", wrong[key], 0.0)
    if not wrong:
        return
    total: Value = as_operand(0.0)
    for x in wrong.values():
        total = apply("add", total, x)
    right = apply("equal", total, 0.0)
    outputs.values[0] = apply("select", right, outputs.values[0], math.nan)
    outputs.values.append(right)
    outputs.conditional = True


def name_of(fn: Any) -> str:
    """What a function is called in messages."""
    own = fn.__func__ if isinstance(fn, MethodType) else fn
    return own.__qualname__ if isinstance(own, FunctionType) else type(fn).__name__
