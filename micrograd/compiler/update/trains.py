"""Whether an optimiser trains anything of what a function is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from micrograd.compiler.trace.forms import name_of
from micrograd.compiler.trace.world.reachable import leaves_of
from micrograd.engine import Value
from micrograd.errors import ArgumentValueError


def check_trains(fn: Callable[..., Any], used: Iterable[Value], trained: Iterable[Value]) -> None:
    """Raise an ArgumentValueError if an optimiser has none of what a function is made of.

    `used` are the leaves that a call has come to.

    >>> w, other = Value(1.0), Value(2.0)
    >>> check_trains(lambda x: w * x, [w], [other])
    Traceback (most recent call last):
    micrograd.errors.ArgumentValueError: the optimizer has none of the parameters that <lambda> \
uses, which would stay as they are: make it from those
    """
    used, known = list(used), {id(v) for v in trained}
    if used and known.isdisjoint(id(v) for v in [*used, *leaves_of(fn)]):
        raise ArgumentValueError(
            f"the optimizer has none of the parameters that {name_of(fn)} uses, which would stay "
            "as they are: make it from those"
        )
