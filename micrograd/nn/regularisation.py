"""Dropout: in training, units are left out at random."""

from __future__ import annotations

from typing import Any

from micrograd.errors import ArgumentValueError
from micrograd.nn.module import Module
from micrograd.tensors.creation import _made
from micrograd.tensors.dtypes import FLOAT
from micrograd.tensors.generator import DEFAULT
from micrograd.tensors.tensor import Tensor, tensor


def dropout(x: Tensor, p: float, training: bool, whole_channels: bool = False) -> Tensor:
    """X with each element 0 with the probability p, the others divided by 1 - p, in training.

    `whole_channels`: all of a sample's channel at once.
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentValueError(f"p must be a probability from 0 to 1, got {p!r}")
    if not training or not p:
        return x
    shape = (*x.shape[:2], *(1,) * (x.ndim - 2)) if whole_channels else tuple(x.shape)
    kept = DEFAULT.uniforms(_product(shape)).reshape(shape) >= p
    return x * _made(kept / (1.0 - p) if p < 1 else kept * 0.0, FLOAT)


def _product(shape: tuple[int, ...]) -> int:
    n = 1
    for length in shape:
        n *= length
    return n


class Dropout(Module):
    """In training each element is 0 with the probability p, the others are divided by 1 - p.

    In evaluation nothing is changed. The masks are not those of torch. Source: Srivastava and
    others, JMLR 15 (2014).

    >>> from micrograd import nn, tensor
    >>> nn.Dropout(0.5).eval()(tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    whole_channels = False

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ArgumentValueError(f"p must be a probability from 0 to 1, got {p!r}")
        self.p, self.inplace = p, inplace

    def forward(self, x: Any) -> Tensor:
        """An array of the shape of x."""
        x = x if isinstance(x, Tensor) else tensor(x)
        return dropout(x, self.p, self.training, self.whole_channels)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """`Dropout` of whole channels."""

    whole_channels = True


class Dropout2d(Dropout):
    """`Dropout` of whole channels."""

    whole_channels = True
