"""The test that an optimiser has the parameters that it had."""

from __future__ import annotations

from typing import Any

from micrograd.compiler.trace.world.watched import watched
from micrograd.engine import same_all
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

    def same(self, groups: list[dict[str, Any]]) -> bool:
        """Whether each group has the parameters that it had."""
        return groups is self._groups and same_all(*self.watched)
