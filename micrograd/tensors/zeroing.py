"""Forgetting gradients, of arrays and of single values."""

from __future__ import annotations

from collections.abc import Iterable

from micrograd.engine import Value, zero_gradients
from micrograd.tensors.tensor import Tensor


def zero_all(parameters: Iterable[Value | Tensor], set_to_none: bool) -> None:
    """Forget the gradients; unless `set_to_none`, those that there are become 0.

    After the latter a step goes on with what it remembers, as torch's does: a parameter with
    momentum moves on.
    """
    values: list[Value] = []
    for p in parameters:
        own = [p] if isinstance(p, Value) else p._values.ravel().tolist()
        if set_to_none:
            values += own
        elif isinstance(p, Value):
            p.grad = 0.0
        elif p.grad is not None:
            p.grad.zero_()
    zero_gradients(values)
