"""Which parameters an optimiser has: whether those that it had, and any that a function uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from micrograd.compiler.trace.forms import name_of
from micrograd.compiler.trace.world.reachable import leaves_of
from micrograd.compiler.trace.world.watched import watched
from micrograd.engine import Value, same_all
from micrograd.errors import ArgumentValueError
from micrograd.optim.state import scalars
from micrograd.tensors.tensor import Tensor


class Members:
    """The parameters of an optimiser's groups, as they were: dense, frozen or not."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        entries = [(group, key, group.get(key)) for group in groups for key in ("params", "dense")]
        lists: list[list[Any]] = [groups, *(group["params"] for group in groups)]
        self._alive = [list(members) for members in lists]  # so that no address is new
        tensors = [p for members in lists[1:] for p in members if isinstance(p, Tensor)]
        attributes = [(p, name, getattr(p, name)) for p in tensors
                      for name in ("_values", "requires_grad")]  # fmt: skip
        self.watched = watched(lists, entries, attributes)
        self._groups = groups

    def parameters(self) -> list[Any]:
        """All of them as they were, single Values."""
        return [v for members in self._alive[1:] for v in scalars(members)]

    def same(self, groups: list[dict[str, Any]]) -> bool:
        """Whether each group has the parameters that it had."""
        return groups is self._groups and same_all(*self.watched)


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
