"""What is on the way from a parameter: through which expressions and arrays derivatives flow."""

from __future__ import annotations

from collections.abc import Iterable

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.expressions import Expr
from micrograd.exporting.program import ArrayLoop


def active_in(values: Iterable[Expr], names: set[str]) -> set[int]:
    """The expressions that are computed from arrays of these names, by id."""
    found: set[int] = set()
    for x in values:  # operands come first
        own = x.op == E.ARRAY and x.given[0] in names
        if x.op not in (E.STOP, E.INTEGERS, E.ONE_HOT, E.MAX) and (
            own or any(id(a) in found for a in x.args)
        ):
            found.add(id(x))
    return found


def through(value: Expr, names: set[str]) -> bool:
    """Whether a derivative flows through an expression to one of these arrays."""
    return id(value) in active_in(E.inside(value), names)


def note_active(loop: ArrayLoop, names: set[str]) -> None:
    """Add to `names` those of a loop that are on the way from one of them."""
    before = -1
    while before != len(names):
        before = len(names)
        for s in loop.states:
            if through(s.initial, names) or through(s.update, names):
                names.add(s.name)
        for x in loop.body:
            if through(x.value, names):
                names.add(x.name)
        for k in loop.kept:
            if through(k.value, names):
                names.add(k.name)
