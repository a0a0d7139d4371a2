"""`Parameter`: an array that a model trains."""

from __future__ import annotations

from typing import Any, Self

from micrograd.errors import GraphError
from micrograd.observers import recording
from micrograd.tensors.printing import array_text
from micrograd.tensors.tensor import Tensor, tensor


class Parameter(Tensor):
    """An array of leaves that a module registers as its own.

    `data` and `grad` read as new arrays; assign the whole to change them in place.

    >>> p = Parameter([1.0, 2.0])
    >>> p.data = [3.0, 4.0]
    >>> p
    Parameter containing:
    tensor([3., 4.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any) -> None:
        super().__init__(tensor(data)._values, requires_grad=True)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + array_text(self.numpy(), self._suffixes())

    def _in_place(self, new: Tensor) -> Self:
        if recording():
            raise GraphError(
                "a parameter cannot be changed in place while operations are recorded; "
                "do it inside `with micrograd.no_grad():` or assign `p.data`"
            )
        self.data = new
        return self

    def __iadd__(self, other: Any) -> Self:
        return self._in_place(self + other)

    def __isub__(self, other: Any) -> Self:
        return self._in_place(self - other)

    def __imul__(self, other: Any) -> Self:
        return self._in_place(self * other)

    def __itruediv__(self, other: Any) -> Self:
        return self._in_place(self / other)
