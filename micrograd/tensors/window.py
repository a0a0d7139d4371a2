"""The numbers, or the gradients, of other elements, as an array: `.data`, `.grad`, `detach()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from micrograd.engine import (
    gradients_of,
    make_leaves,
    numbers_of,
)
from micrograd.observers import followed
from micrograd.tensors import (
    indexing,
)
from micrograd.tensors.array import Tensor, rebuilt
from micrograd.tensors.elements import Objects, as_objects, detached, filled


class Window(Tensor):
    """The numbers (or the gradients) of other elements: what is written here is written there."""

    __slots__ = ("_attribute", "_now", "_seen", "_source")

    def __init__(self, source: Objects, attribute: str, kind: str) -> None:
        self._source, self._attribute = source, attribute
        self._seen: list[float] = []
        self._now: Any = None
        self.requires_grad = False
        self._look()
        super().__init__(self._now)
        self._kind = kind

    def _guarded(self) -> bool:
        return self.requires_grad

    def _look(self) -> None:
        if self._attribute == "data" and followed():
            self._seen, self._now = [], detached(self._source)
            return
        read = numbers_of if self._attribute == "data" else gradients_of
        numbers = read(self._source.ravel().tolist())
        if self._now is None or numbers != self._seen:
            self._seen = numbers
            self._now = filled(self._source.shape, make_leaves(numbers))

    @property
    def _values(self) -> Objects:
        if self._attribute == "data" and not self.requires_grad:
            self._look()
        return self._now  # type: ignore[no-any-return]

    @_values.setter
    def _values(self, values: Objects) -> None:
        self._now = values

    def _viewed(self, f: Callable[[Objects], Any], op: str) -> Tensor:
        made = Window(as_objects(f(self._source)), self._attribute, self._kind)
        if self._attribute == "grad":  # as they were when this was made
            made._now = as_objects(f(self._now))
        return made

    def _is_parameter(self) -> bool:
        return True

    def _home(self) -> Objects:
        return self._now if self.requires_grad else self._source

    def _put(self, values: Objects, new: Objects) -> None:
        indexing.put_numbers(values, new, "data" if self.requires_grad else self._attribute)
        self._look()

    @property
    def data(self) -> Tensor:
        """The array itself."""
        return self

    @data.setter
    def data(self, new: Any) -> None:
        self._put(self._home(), self._fitting(new, "data")._values)

    def detach(self) -> Tensor:
        """The array itself: it has no history."""
        return self

    def __reduce__(self) -> Any:
        return rebuilt, (Tensor, self._values, self.requires_grad, self._kind, "")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.clone()
