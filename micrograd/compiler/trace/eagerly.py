"""Running a function as it is, and derivatives of what it gives.

While it runs, functions that are compiled run as they are, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import local
from typing import Any, TypeVar

from micrograd import observers
from micrograd.engine import Value, backward_from
from micrograd.interrupts import restored

T = TypeVar("T")
Gradient = tuple[Value, float, Any]  # whose, the number, and the mark of who was reached

_inside = local()


def eagerly(run: Callable[[], T]) -> T:
    """What `run` returns; compiled functions that it calls are part of it."""
    outer = inside()

    def alone() -> T:
        _inside.now = True
        return run()

    return restored(alone, lambda: setattr(_inside, "now", outer))


def slopes(loss: Value, leaves: Sequence[Value]) -> list[float]:
    """The derivatives by leaves; all gradients are left as they were."""
    noted: list[Gradient] = []

    def computed() -> list[float]:
        backward_from(loss, noted)
        found = {id(v): v.grad for v, *_ in noted}
        return [found.get(id(v), 0.0) for v in leaves]

    return restored(computed, lambda: put_gradients(noted))


def put_gradients(gradients: Sequence[Gradient]) -> None:
    """Let leaves have these gradients."""
    for v, gradient, mark in gradients:
        v.grad, v._mark = gradient, mark


def unobserved(run: Callable[[], T]) -> T:
    """What `run` returns while no observer that this thread has entered sees its nodes."""
    entered = observers.mine()
    if not entered:
        return run()

    def alone() -> T:
        observers.put(())
        return run()

    return restored(alone, lambda: observers.put(entered))


def inside() -> bool:
    """Whether this thread is in a function that runs here instead of compiled."""
    return getattr(_inside, "now", False)
