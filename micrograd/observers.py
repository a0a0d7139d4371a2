"""Who watches nodes being made and pulled: nobody, in normal running.

`no_grad`, `detect_anomaly` and the recording of a step are observers. The engine asks only whether
`active` is empty, which costs nothing that can be measured. An observer sees the nodes of the
thread that entered it, no others.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ContextDecorator
from threading import get_ident
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from micrograd.engine import Value

active: tuple[Observer, ...] = ()  # replaced, never changed: it may be walked meanwhile
# Called with whether anybody watches, and the one who does if it is alone and only keeps what it
# sees, when that may change.
told: list[Callable[[bool, Keeper | None], None]] = []


def _watch(observers: tuple[Observer, ...]) -> None:
    # Whoever is told never believes that nobody watches while somebody does, nor keeps what nobody
    # wants any more, interrupted or not.
    global active
    for tell in told:
        tell(True, None)
    active = observers
    alone = observers[0] if len(observers) == 1 else None
    keeper = alone if isinstance(alone, Keeper) and type(alone).made is Keeper.made else None
    for tell in told if keeper or not observers else ():
        tell(bool(observers), keeper)


class Observer(ContextDecorator):
    """Sees every node made, and every node through which a backward pass goes, while entered."""

    thread: int
    follows = True  # whether it has to see every number as a node, and no copies of numbers

    def __enter__(self) -> Self:
        self.thread = get_ident()
        # Before every no_grad, which cuts nodes off: the others see them whole.
        place = next((i for i, o in enumerate(active) if isinstance(o, no_grad)), len(active))
        _watch((*active[:place], self, *active[place:]))
        return self

    def __exit__(self, *error: object) -> None:
        last = max(i for i, o in enumerate(active) if o is self)
        _watch((*active[:last], *active[last + 1 :]))

    def _recreate_cm(self) -> Self:
        return type(self)()

    def made(self, node: Value) -> None:
        """`node` has just been computed."""

    def cut(self, node: Value) -> None:
        """`node` has been computed inside `no_grad` and is about to become a leaf."""

    def leaf(self, leaf: Value) -> None:
        """`leaf` has just been made, by itself and not as a plain number of an expression."""

    def pulled(self, node: Value, gradient: float, of_inputs: list[float]) -> None:
        """`node`, whose gradient is known, has just added its share to those of its inputs."""


class Keeper(Observer):
    """Keeps what it sees in two lists, and does nothing else: a core may do that for it."""

    def __init__(self) -> None:
        self.nodes: list[Value] = []
        self.leaves: list[Value] = []

    def made(self, node: Value) -> None:
        """Keep a node."""
        self.nodes.append(node)

    def leaf(self, leaf: Value) -> None:
        """Keep a leaf."""
        self.leaves.append(leaf)


def mine() -> tuple[Observer, ...]:
    """The observers that this thread has entered."""
    thread = get_ident()
    return tuple(o for o in active if o.thread == thread)


def put(observers: tuple[Observer, ...]) -> None:
    """Let these be the observers of this thread, instead of those that are."""
    thread = get_ident()
    for observer in observers:
        observer.thread = thread
    _watch((*(o for o in active if o.thread != thread), *observers))


def tell_made(node: Value) -> None:
    """Show a new node to the observers of this thread."""
    thread = get_ident()
    for observer in active:
        if observer.thread == thread:
            observer.made(node)


def tell_leaf(leaf: Value) -> None:
    """Show a new leaf to the observers of this thread."""
    thread = get_ident()
    for observer in active:
        if observer.thread == thread:
            observer.leaf(leaf)


def tell_pulled(node: Value, gradient: float, of_inputs: list[float]) -> None:
    """Show a node that has done its part of a backward pass to the observers of this thread."""
    thread = get_ident()
    for observer in active:
        if observer.thread == thread:
            observer.pulled(node, gradient, of_inputs)


class no_grad(Observer):  # noqa: N801  (the name torch users know)
    """Records nothing: what is computed inside is a leaf. A context and a decorator.

    >>> from micrograd import Value, no_grad
    >>> with no_grad():
    ...     y = Value(2.0) * 3
    >>> y, y._prev
    (Value(data=6.0, grad=0.0), set())
    """

    follows = False

    def made(self, node: Value) -> None:
        """Cut the node from its inputs."""
        for observer in active:
            if observer.thread == self.thread:
                observer.cut(node)
        node._become(None, (), None, None)


def followed() -> bool:
    """Whether somebody follows this thread's numbers from node to node, as a trace does."""
    thread = get_ident()
    return any(o.follows and o.thread == thread for o in active)


def recording() -> bool:
    """False inside `no_grad`."""
    thread = get_ident()
    return not any(isinstance(o, no_grad) and o.thread == thread for o in active)
