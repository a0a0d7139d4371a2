"""`Tensor`: an array of Values with the names that torch users know.

Numbers are float64, one Value an element; an operation on arrays is the operation on each Value.
What an operation is stands in the modules beside this one, each once: as a function, which is the
method here, too.
"""

from __future__ import annotations

from typing import Any

from micrograd.core.methods import public
from micrograd.ops import OPS
from micrograd.tensors import (
    conversions,
    indexing,
    pointwise,
)
from micrograd.tensors.array import Tensor
from micrograd.tensors.dtypes import Device, kind_of
from micrograd.tensors.given import elements_of, holds_values, number_kind
from micrograd.tensors.methods import IN_PLACE, METHODS
from micrograd.tensors.window import Window

__all__ = ["Tensor", "Window", "tensor"]


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """An array of Values from numbers, Values, nested lists of them, or arrays.

    Whole numbers and truth values stay such unless `dtype` says otherwise; floats are float64. An
    array that holds given Values requires gradients. Raises an ArgumentValueError for ragged lists,
    an ArgumentTypeError for what is not a number, and for whole numbers that require gradients.

    >>> x = tensor([[2.0, 3.0]])
    >>> x.shape, (x * x).sum()
    (torch.Size([1, 2]), tensor(13.))
    """
    if device is not None:
        Device(device)
    if isinstance(data, Tensor):
        made = data.detach().clone()
    else:
        made = Tensor(elements_of(data), holds_values(data))
        made._kind = number_kind(data)
    made = made if dtype is None else conversions.cast(made, kind_of(dtype))
    return made.requires_grad_() if requires_grad else made


def _attach() -> None:
    Tensor._window = Window
    for row in OPS.values():
        if row.method:
            method = pointwise.of_row(row.name)
            setattr(Tensor, f"_{row.name}" if row.static else row.name, method)
            if row.static:
                setattr(Tensor, row.name, public(row))
    for module, names in METHODS.items():
        for entry in names.split():
            name, _, theirs = entry.partition("=")
            setattr(Tensor, name, getattr(module, theirs or name))
    for name in IN_PLACE.split():
        method = indexing.in_place(getattr(Tensor, name), f"{name}_")
        setattr(Tensor, f"{name}_", method)
    for name in ("add", "sub", "mul", "truediv", "pow", "floordiv", "and", "or"):
        operator = getattr(Tensor, f"__{name}__")
        setattr(Tensor, f"__i{name}__", indexing.in_place(operator, f"__i{name}__"))


_attach()
