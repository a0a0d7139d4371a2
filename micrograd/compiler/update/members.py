"""The test that an optimiser has the parameters that it had."""

from __future__ import annotations

from operator import attrgetter, is_
from typing import Any

from micrograd.engine import packed, same_all
from micrograd.tensors.tensor import Tensor

VALUES = attrgetter("_values")


class Members:
    """The parameters of an optimiser's groups, as they were, and whether these are dense."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        keys = [key for _ in groups for key in ("params", "dense")]
        dicts = [group for group in groups for _ in range(2)]
        values = [d.get(key) for d, key in zip(dicts, keys, strict=True)]
        lists: list[list[Any]] = [groups, *(group["params"] for group in groups)]
        self._alive = [list(members) for members in lists]  # so that no address is new
        self._watched: Any = lists, packed(lists), dicts, keys, values, [], []
        self._groups = groups
        self._tensors = [p for members in lists[1:] for p in members if isinstance(p, Tensor)]
        self._arrays = [p._values for p in self._tensors]

    def same(self, groups: list[dict[str, Any]]) -> bool:
        """Whether each group has the parameters that it had."""
        if groups is not self._groups or not same_all(*self._watched):
            return False
        return not self._tensors or all(map(is_, map(VALUES, self._tensors), self._arrays))
