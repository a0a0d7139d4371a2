"""Leaves that a function gives other numbers: running means, which the next call reads.

`v.data = …` of a leaf that is not trained is an output of the program, and is written into the
leaf when a call is done. Until then a trace leaves the leaf as it is, and remembers what its number
would be. A leaf that is changed may be read through `.data` only: a derivative would be taken where
its number is another already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np

from micrograd.compiler.trace.numbers.reads import Read
from micrograd.compiler.trace.numbers.refusing import refuse, undecided
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.compiler.trace.recording import DETACHED, PARAMETERS, Recording
from micrograd.compiler.trace.world.reachable import leaves_of
from micrograd.engine import Value, as_operand, numbers_of

TRAINED = "the program sets `.data`; a step is the optimiser's to make"
USED = (
    "the number of a Value is set, which is an operand here, too: read it with `.data` alone, or "
    "return what it should become"
)
OTHERS = "the numbers of other Values are set than in the call before"
IN_BATCH = "the number of a Value is set with batch=True: all samples are computed at once"


def assign(tracer: Tracer, v: Value, x: Any) -> None:
    """Note that the leaf v is to have the number x after the call."""
    if v._row is not None or isinstance(v, Read) or id(v) in tracer.trained:
        refuse(TRAINED)
    if tracer.sides:
        undecided("the number of a Value is set on one side of a branch on traced data")
    if not isinstance(x, Read | Real):
        refuse(f"the number of a Value is set to a {type(x).__name__}; set it to a number")
    tracer.assigned[id(v)] = v, x


def leaves_assigned(tracer: Tracer) -> list[Value]:
    """The leaves that have other numbers after a run."""
    return [v for v, _ in tracer.assigned.values()]


def numbers_assigned(tracer: Tracer) -> list[Value]:
    """What these numbers are, as nodes."""
    return [as_operand(x) for _, x in tracer.assigned.values()]


def used_as_operand(r: Recording, leaves: Sequence[Value]) -> int | None:
    """A node of which one of these leaves is an operand, other than one that reads its number."""
    wanted = {id(v) for v in leaves}
    codes = [PARAMETERS + k for k, v in enumerate(r.parameters) if id(v) in wanted]
    reads = r.row == DETACHED
    for operands in (r.a, r.b, r.c):
        at = np.flatnonzero(np.isin(operands, codes) & ~reads)
        if len(at):
            return int(at[0])
    for node, many in r.many.items():
        if np.isin(many, codes).any():
            return node
    return None


@contextmanager
def undisturbed(fn: Callable[..., Any]) -> Iterator[None]:
    """Inside, a function may give leaves in its reach other numbers; afterwards they are as before.

    >>> mean = Value(0.5)
    >>> def f():
    ...     mean.data = 2.0
    >>> with undisturbed(f):
    ...     f()
    >>> mean.data
    0.5
    """
    leaves = leaves_of(fn)
    before = numbers_of(leaves)
    try:
        yield
    finally:
        for v, x, y in zip(leaves, before, numbers_of(leaves), strict=True):
            if x != y and (x == x or y == y):
                v.data = x
