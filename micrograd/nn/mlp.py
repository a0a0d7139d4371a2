"""Karpathy's modules: neurons of single Values, as in `micrograd.nn` of his package."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from micrograd.engine import Value, weighted_sum
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.nn.module import AnyParameter, Module


class Neuron(Module):
    """b + w·x, and then ReLU unless `nonlin` is False; weights from U(-1, 1), bias 0."""

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        super().__init__()
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def forward(self, x: Sequence[Value | float]) -> Value:
        """The activation for one sample; an ArgumentValueError unless it has `nin` numbers."""
        if not hasattr(x, "__len__"):
            raise ArgumentTypeError(
                f"x must be the numbers of one sample, such as [1.0, 2.0], got {type(x).__name__}"
            )
        if len(x) != len(self.w):
            raise ArgumentValueError(f"the neuron takes {len(self.w)} numbers, got {len(x)}")
        act: Value = weighted_sum(self.w, x, self.b)
        return act.relu() if self.nonlin else act

    def own_parameters(self) -> Iterator[tuple[str, AnyParameter]]:
        """The weights and then the bias."""
        for i, w in enumerate(self.w):
            yield f"w.{i}", w
        yield "b", self.b

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons side by side."""

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        super().__init__()
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def forward(self, x: Sequence[Value | float]) -> Value | list[Value]:
        """The activations; a single one comes without a list around it."""
        out = [n(x) for n in self.neurons]
        return out[0] if len(out) == 1 else out

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(str(n) for n in self.neurons)}]"


class MLP(Module):
    """Layers in a row: `MLP(3, [4, 4, 1])` has 3 inputs and 1 output; the last is linear.

    >>> from micrograd.nn import MLP
    >>> len(MLP(3, [4, 4, 1]).parameters())
    41
    """

    def __init__(self, nin: int, nouts: list[int]) -> None:
        super().__init__()
        sizes = [nin, *nouts]
        self.layers = [
            Layer(sizes[i], sizes[i + 1], nonlin=i != len(nouts) - 1) for i in range(len(nouts))
        ]

    def forward(self, x: Any) -> Any:
        """The output for one sample."""
        for layer in self.layers:
            single = isinstance(x, Value) or getattr(x, "ndim", 1) == 0
            x = layer([x] if single else x)
        return x

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"
