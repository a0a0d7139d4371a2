"""Activations: a row of the op table, applied to each element."""

from __future__ import annotations

from typing import Any

from micrograd.arrays import Tensor, tensor
from micrograd.elements import filled
from micrograd.engine import Value
from micrograd.nn.module import Module
from micrograd.observers import recording
from micrograd.recording import unit


class Activation(Module):
    """Applies `function` to each element; the last axis counts the units."""

    def function(self, x: Value) -> Value:
        """What is applied; a subclass defines it."""
        raise NotImplementedError

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

    def function(self, x: Value) -> Value:
        """See `Value.relu`."""
        return x.relu()


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

    def function(self, x: Value) -> Value:
        """See `Value.tanh`."""
        return x.tanh()


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    def function(self, x: Value) -> Value:
        """See `Value.sigmoid`."""
        return x.sigmoid()


class Softplus(Activation):
    """log(1 + exp(x)); linear above 20."""

    def function(self, x: Value) -> Value:
        """See `Value.softplus`."""
        return x.softplus()
