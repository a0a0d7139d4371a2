"""Activations: a row of the op table, applied to each element; softmax, along one axis."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import numpy as np

from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.nn.module import Module
from micrograd.observers import recording
from micrograd.tape.modules import unit
from micrograd.tensors.elements import filled
from micrograd.tensors.tensor import Tensor, tensor


class Activation(Module):
    """Applies a row of the op table to each element; the last axis counts the units."""

    row: str

    def function(self, x: Value) -> Value:
        """What is applied: the method of the row, unless a subclass defines something else."""
        return getattr(x, self.row)()  # type: ignore[no-any-return]

    def forward(self, x: Any) -> Tensor:
        """An array of the shape of x."""
        x = x if isinstance(x, Tensor) else tensor(x)
        units = x.shape[-1] if x.ndim else 1
        outputs = []
        for k, v in enumerate(x._values.flat):
            with unit(k % units):
                outputs.append(self.function(v))
        return Tensor(filled(x.shape, outputs), x.requires_grad and recording())


class ReLU(Activation):
    """max(0, x); the derivative at 0 is 0."""

    row = "relu"


class LeakyReLU(Activation):
    """`x` where x > 0, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def function(self, x: Value) -> Value:
        """See `Value.leaky_relu`."""
        return x.leaky_relu(self.negative_slope)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"negative_slope={self.negative_slope}"


class Tanh(Activation):
    """The hyperbolic tangent."""

    row = "tanh"


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    row = "sigmoid"


class Softplus(Activation):
    """log(1 + exp(x)); linear above 20."""

    row = "softplus"


class Softmax(Module):
    """exp(x) / Σ exp(x), the sum along the axis `dim`: positive numbers whose sum is 1.

    Any shape; the output has the same. Raises an ArgumentTypeError if `dim` is not a whole number,
    and when called, an ArgumentValueError if the array has no such axis. `torch.nn.Softmax`.

    >>> from micrograd import nn, tensor
    >>> nn.Softmax(dim=1)(tensor([[1000.0, 1000.0], [0.0, -1000.0]]))
    tensor([[0.5000, 0.5000],
            [1.0000, 0.0000]])
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise ArgumentTypeError(f"dim must be a whole number, got {dim!r}")
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        """An array of the shape of x."""
        x = x if isinstance(x, Tensor) else tensor(x)
        tracked = x.requires_grad and recording()
        axes = max(x.ndim, 1)  # a number counts as a row of one, as in torch
        if not -axes <= self.dim < axes:
            raise ArgumentValueError(
                f"dim must be from {-axes} to {axes - 1} for the shape {x.shape}, got {self.dim}"
            )
        if not x.numel():
            return Tensor(x._values, tracked)
        rows = np.moveaxis(x._values.reshape(x.shape or (1,)), self.dim, -1)
        outputs: list[Value] = []
        for row in rows.reshape(-1, rows.shape[-1]).tolist():
            exponentials = [v.exp() for v in shifted(row)]
            total = reduce(operator.add, exponentials)
            outputs.extend(e / total for e in exponentials)
        values = np.moveaxis(filled(rows.shape, outputs), -1, self.dim)
        return Tensor(values.reshape(x.shape), tracked)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"dim={self.dim}"


def shifted(row: list[Value]) -> list[Value]:
    """The row minus its largest number, so that `exp` cannot overflow.

    The largest is detached: softmax does not depend on a shift, and so neither do its derivatives.
    """
    largest = max(v.data for v in row)
    return [v - largest for v in row]
