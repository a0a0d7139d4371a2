"""What an interruption (Ctrl-C) must find done as a whole, or not at all.

Python raises a KeyboardInterrupt between any two lines, also in a `finally` and at the beginning of
an `__exit__`. So what changes several things can be done again, and what puts back what was changed
has a second chance.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def whole(action: Callable[[], object]) -> None:
    """Run an action that may be run again; an interruption in it is raised when it is done.

    >>> a, b = [], []
    >>> whole(lambda: (a.__setitem__(slice(None), [1]), b.__setitem__(slice(None), [2])))
    >>> a, b
    ([1], [2])
    """
    try:
        action()
    except KeyboardInterrupt:
        action()
        raise


def restored(run: Callable[[], T], restore: Callable[[], object]) -> T:
    """What `run` returns, after `restore`, which is called at least once, whatever happens.

    >>> undone = []
    >>> restored(lambda: 3, lambda: undone.append(True)), undone[0]
    (3, True)
    """
    try:
        try:
            return run()
        finally:
            restore()
    finally:
        restore()  # again: the first time may have been interrupted


def locked(lock: Any, run: Callable[[], T]) -> T:
    """What `run` returns while this thread holds a lock.

    An interruption at the end of a `with` would leave the lock taken for ever, and other threads
    waiting; here its release has a second chance.
    """
    taken: list[Callable[[], object]] = []

    def go() -> T:
        taken.append(lock.acquire() and lock.release)
        return run()

    def free() -> None:
        while taken:
            taken.pop()()

    return restored(go, free)


def uncollected(run: Callable[[], T]) -> T:
    """What `run` returns, with the collector of cycles off.

    It would go through all nodes of a long graph again and again, while more are made.
    """
    if not gc.isenabled():
        return run()

    def without() -> T:
        gc.disable()
        return run()

    return restored(without, gc.enable)
