"""What a trace cannot be certain of: refused with the user's line, or decided for one program."""

from __future__ import annotations

from collections.abc import Hashable
from threading import get_ident
from typing import TYPE_CHECKING, NoReturn

from micrograd.checks import user_line
from micrograd.engine import Value
from micrograd.errors import CompileError

if TYPE_CHECKING:
    from micrograd.compiler.trace.numbers.tracer import Tracer

BRANCH = "a branch depends on traced data, and could go the other way in the next run"

COUNTS = "an integer counts, looks up something, or is computed with as an integer"

ALONE = "when it runs by itself"
ASKS = (
    "it asks for the types of its arguments, for which of them are the same, or for something that "
    "changes from call to call"
)

# Whether a condition holds, and which it is: of which number, of which row, after so many nodes.
Decision = tuple[bool, float, str, int]

active: list[Tracer] = []  # innermost last; all of one thread


def current() -> Tracer | None:
    """The trace that is on in this thread."""
    if active and active[-1].thread == get_ident():
        return active[-1]
    return None


def refuse(reason: str) -> NoReturn:
    """Raise a CompileError about the line that is being traced."""
    error = CompileError(f"cannot be compiled: {reason}\n  at {user_line()}")
    tracer = current()
    if tracer is not None and tracer.refusal is None:
        tracer.refusal = error
    raise error


class UndecidedError(CompileError):
    """A refusal that rewriting the function may do without: what happens depends on numbers."""


class InexactError(CompileError):
    """An integer is too large for a program's floats: the function runs as it is."""


class DifferentError(CompileError):
    """A program does not do what the function does as it is."""


class Restart(BaseException):
    """The branch at `site` cannot be two sides of a select: trace again, and decide it."""

    def __init__(self, site: Hashable, reason: str) -> None:
        self.site = site
        self.reason = reason


class Missed(BaseException):  # so that no program catches it; answered by another program
    """A program was traced for other decisions than these arguments lead to."""


def undecided(reason: str) -> NoReturn:
    """Raise about a number on which more depends than the numbers of a program."""
    tracer = current()
    if tracer is not None and tracer.guarding and tracer.sides:
        raise Restart(tracer.sides[0].site, f"{reason}\n  at {user_line()}")
    error = UndecidedError(f"cannot be compiled: {reason}\n  at {user_line()}")
    if tracer is not None and tracer.refusal is None:
        tracer.refusal = error
    raise error


def raises(error: BaseException) -> str:
    """Why a branch on traced data is no select if one of its sides raises."""
    return f"one side of a branch on traced data raises {type(error).__name__}: {error}"


def decided(condition: Value, holds: bool, reason: str, of: float = 0.0) -> bool:
    """Whether the condition holds here, where a program may be of one decision; else refused.

    `of` is the number that the condition compares with, if that is another one in other calls.
    """
    tracer = current()
    if tracer is None or not tracer.guarding or tracer.sides:
        undecided(reason)
    tracer.decide(condition, holds, of, reason)
    return holds
