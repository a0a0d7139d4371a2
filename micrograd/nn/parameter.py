"""`Parameter`: an array that a model trains."""

from __future__ import annotations

from typing import Any

import numpy as np

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

    def __init__(self, data: Any = (), requires_grad: bool = True) -> None:
        # Leaves of its own: not those of what it is made from, unless they are Values.
        made = data.detach().clone() if isinstance(data, Tensor) else tensor(data)
        super().__init__(made.to(float)._values, requires_grad=requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + array_text(np.asarray(self), self._suffixes())
