"""Branches on traced data: of which one side is run, or both, and what they ask of numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from micrograd.compiler.trace.numbers.indexing import contained
from micrograd.compiler.trace.numbers.maybe import an_uncertain, some
from micrograd.compiler.trace.numbers.merging import (
    Maybe,
    Unset,
    are_one,
    merged,
    negated,
    truth_of,
)
from micrograd.compiler.trace.numbers.reads import Read, Truth
from micrograd.compiler.trace.numbers.refusing import current, undecided
from micrograd.compiler.trace.numbers.tracer import Side, Tracer
from micrograd.engine import Value

COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge,
    "Eq": operator.eq, "NotEq": operator.ne,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlainBranch:
    """An `if` statement of which one side is run."""

    yes: bool
    no: bool
    traced: bool = False


PLAIN = {True: PlainBranch(True, False), False: PlainBranch(False, True)}


class TracedBranch:
    """An `if` statement of which both sides are run, one after the other."""

    yes = no = traced = True

    def __init__(
        self, tracer: Tracer, condition: Any, site: Hashable, names: tuple[str, ...],
        values: Iterable[Callable[[], Any]],
    ) -> None:  # fmt: skip
        self._tracer, self._names, self._site = tracer, names, site
        self._condition = condition
        self._depth = len(tracer.sides)
        self._start = self._now(values)
        self._taken: list[Any] | None = None  # what the names are after the first side
        tracer.sides.append(Side(site, condition))

    def _now(self, values: Iterable[Callable[[], Any]]) -> list[Any]:
        site = outermost(self._site)
        return [held(x, name, site) for x, name in zip(values, self._names, strict=True)]

    def between(self, *values: Callable[[], Any]) -> list[Any]:
        """What the names are before the second side: what they were before the first."""
        del self._tracer.sides[self._depth :]
        self._taken = self._now(values)
        self._tracer.sides.append(Side(self._site, negated(self._condition)))
        return self._start

    def leave(self, *values: Callable[[], Any]) -> list[Any]:
        """What the names are after both sides."""
        del self._tracer.sides[self._depth :]
        end, other = self._now(values), self._start
        if self._taken is not None:
            end, other = self._taken, end
        site = outermost(self._site)
        return [
            merged(self._condition, a, b, f"the variable {name}", site)
            for a, b, name in zip(end, other, self._names, strict=True)
        ]


def outermost(site: Hashable) -> Hashable:
    """The branch to decide where this one is not to have two sides."""
    tracer = current()
    return tracer.sides[0].site if tracer is not None and tracer.sides else site


def key_of(key: Any, value: Any) -> Any:
    """The key of an entry that may not be there."""
    return Maybe(key, value.conditions, value.site) if type(value) is Maybe else key


def tested(x: Any) -> Any:
    """What is asked for its truth: a list is true if any of its elements is there."""
    if isinstance(x, Value):
        return x if isinstance(x, Read) else truth_of(x)
    return x if an_uncertain(x) is None else some(x)


def whether(x: Any) -> Any:
    """Whether something is true: a condition, or a plain answer."""
    x = tested(x)
    return truth(x) if isinstance(x, Read) else bool(x)


def truth(x: Read) -> Truth:
    """Whether a traced number is true: one condition a number."""
    made: Truth = truth_of(x)
    return made


def held(value: Callable[[], Any], name: str, site: Hashable) -> Any:
    """The value of a variable, which may have none."""
    try:
        return value()
    except NameError:
        reason = (
            f"the variable {name} is set on one side of a branch on traced data only: give it a "
            "value before the branch, or on the other side, too"
        )
        return Unset(reason, site)


def compared(op: str, a: Any, b: Any) -> Any:
    """`a op b`, where that may be `is` or `in`."""
    if op in ("Is", "IsNot"):
        for x, y in ((a, b), (b, a)):
            if isinstance(x, Unset):
                bool(x)  # raises
            if isinstance(x, Truth) and isinstance(y, bool):
                return x if y == (op == "Is") else negated(x)
        if isinstance(a, Read) and isinstance(b, Read) and a is not b:
            undecided("`is` compares traced numbers; compare them with ==")
        one = are_one(a, b)
        return one if op == "Is" else negated(one) if isinstance(one, Truth) else not one
    if op in ("In", "NotIn"):
        found = contained(a, b)
        if op == "In":
            return found
        return negated(found) if isinstance(found, Truth) else not found
    return COMPARED[op](a, b)
