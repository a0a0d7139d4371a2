"""Copying and pickling of graphs of any depth.

`pickle` goes down into what an object is made of, one call inside another. So the first node of a
graph that it meets names all nodes below it, inputs first; each of them then finds its inputs
pickled already. Nothing but the depth depends on this: a node that is met another way is pickled
as well.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import local
from typing import TYPE_CHECKING, Any

from micrograd.core.notes import More
from micrograd.core.walk import topological_order
from micrograd.ops import BY_HAND

if TYPE_CHECKING:
    from micrograd.engine import Value

CopiedState = tuple[Any, ...]


class _Named(local):
    """The nodes that the pickling in this thread has named and not met, by identity."""

    def __init__(self) -> None:
        self.waiting: set[int] = set()


_named = _Named()


class _End:
    """Stands after the nodes that were named: when it is pickled, they are."""

    def __init__(self) -> None:
        self.before = _named.waiting

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        _named.waiting = self.before
        return _nothing, ()


def _nothing() -> None:
    return None


def reduced(v: Any) -> tuple[Any, ...]:
    """How `pickle` takes a node apart: what makes it again, and from what."""
    below: CopiedState = ()
    if id(v) in _named.waiting:
        _named.waiting.remove(id(v))
    elif v._inputs:
        # None of what is named here has been met: another pickling may have ended with an error.
        order = topological_order(v)[:-1]
        below = (order, _End())
        _named.waiting = set(map(id, order))
    return _remade, (below, v._plain_class(), _own(v), _extra(v))


def deeply_copied(v: Any, memo: dict[int, Any]) -> Any:
    """`copy.deepcopy` of a node and of all below it."""
    from copy import deepcopy

    for x in topological_order(v):
        if id(x) in memo:
            continue
        row, inputs, static, numbers, more = _own(x)
        copied = tuple(memo[id(i)] for i in inputs)
        notes = None if more is None else {k: deepcopy(n, memo) for k, n in more.items()}
        state = (row, copied, static, numbers, notes)
        memo[id(x)] = new = _remade((), x._plain_class(), state, {})
        for name, attribute in _extra(x).items():
            setattr(new, name, deepcopy(attribute, memo))
    return memo[id(v)]


def copied(v: Any) -> Any:
    """`copy.copy` of a node: another of the same inputs."""
    return _remade((), v._plain_class(), _own(v), _extra(v))


def _own(v: Any) -> CopiedState:
    """Row, inputs, static parameter, numbers and notes of one node."""
    more = v._more
    notes = None
    if more is not None:
        notes = {name: getattr(more, name) for name in _NOTES}
        if v._row is not BY_HAND:
            del notes["inputs"]  # they are the node's
    return v._row, v._inputs, v._static, (v._data, v._grad, v._mark is not None), notes


_NOTES = ("inputs", "op", "label", "hook", "scope", "origin")


def _extra(v: Any) -> dict[str, Any]:
    """The attributes that a subclass has added."""
    names = [name for cls in type(v).__mro__ for name in _slots(cls)]
    slots = {name: getattr(v, name) for name in names if hasattr(v, name)}
    return {**slots, **getattr(v, "__dict__", {})}


def _slots(cls: type) -> tuple[str, ...]:
    if cls.__module__.startswith("micrograd."):
        return ()
    slots: Any = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _remade(below: CopiedState, cls: type[Value], own: CopiedState, extra: dict[str, Any]) -> Value:
    """A node from what `reduced` says of it."""
    row, inputs, static, (data, gradient, reached), notes = own
    v = cls.__new__(cls)
    more = None
    if notes is not None:
        more = More()
        for name, note in notes.items():
            setattr(more, name, note)
    v._become(row, inputs, static, more)
    v._data, v._grad, v._mark = data, gradient, BY_HAND if reached else None
    for name, attribute in extra.items():
        setattr(v, name, attribute)
    return v
