"""Rows of the op table as functions of Values: those that are no operator and no method."""

from __future__ import annotations

from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from micrograd.engine import Value, as_number, as_operand, compute
from micrograd.errors import ArgumentTypeError
from micrograd.ops import OPS, Numbers


def apply(name: str, *args: Value | float) -> Value:
    """Apply a row of the op table to inputs and then, if it has one, its static parameter.

    >>> apply("select", 1.0, Value(2.0), Value(3.0))
    Value(data=2.0, grad=0.0)
    """
    row = OPS[name]
    inputs = [as_operand(x) for x in args[: row.arity]]
    static = [as_number(x, row.static or "static") for x in args[row.arity :]]
    for x, given in zip(inputs, args, strict=False):
        if x is NotImplemented:
            raise ArgumentTypeError(
                f"{name} takes Values and numbers, got {type(given).__name__}: {given!r:.80}"
            )
    return compute(row, tuple(inputs), *static)


def maximum(a: Value | float, b: Value | float) -> Value:
    """The larger one; nan if either is. A tie splits the gradient half and half, as in torch."""
    return apply("maximum", a, b)


def minimum(a: Value | float, b: Value | float) -> Value:
    """The smaller one; nan if either is. A tie splits the gradient half and half, as in torch."""
    return apply("minimum", a, b)


def where(condition: Any, a: Value | float, b: Value | float) -> Any:
    """`a` where the condition holds, else `b`; see `micrograd.where`, which takes arrays, too."""
    sides = []
    for name, side in (("a", a), ("b", b)):
        sides.append(as_operand(side))
        if sides[-1] is NotImplemented:
            raise ArgumentTypeError(f"{name} must be a Value or a number, got {side!r:.80}")
    if isinstance(condition, Value):
        condition = condition.data
    traced = getattr(condition, "_chosen", None)
    if traced is not None:
        return traced(*sides)
    if not isinstance(condition, Real | np.bool_):
        raise ArgumentTypeError(f"condition must be a bool or a number, got {condition!r:.80}")
    return sides[0] if condition else sides[1]


class _Values:
    """`m` for Values: computes and records."""

    __slots__ = tuple(OPS)

    def __init__(self) -> None:
        for name in OPS:
            setattr(self, name, partial(apply, name))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the op table has no row {name!r}")


VALUES: Numbers = _Values()
