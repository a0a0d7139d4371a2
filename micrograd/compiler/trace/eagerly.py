"""Running a function as it is, while functions that are compiled run as they are, too."""

from __future__ import annotations

from collections.abc import Callable
from threading import local
from typing import TypeVar

from micrograd.interrupts import restored

T = TypeVar("T")

_inside = local()


def eagerly(run: Callable[[], T]) -> T:
    """What `run` returns; compiled functions that it calls are part of it."""
    outer = inside()

    def alone() -> T:
        _inside.now = True
        return run()

    return restored(alone, lambda: setattr(_inside, "now", outer))


def inside() -> bool:
    """Whether this thread is in a function that runs here instead of compiled."""
    return getattr(_inside, "now", False)
