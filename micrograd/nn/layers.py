"""Layers with parameters, and the module that runs modules in a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from micrograd.engine import Value, weighted_sum
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.nn import init
from micrograd.nn.module import Module
from micrograd.nn.parameter import Parameter
from micrograd.observers import recording
from micrograd.tape.modules import NOWHERE, recorder, unit
from micrograd.tensors.elements import filled
from micrograd.tensors.tensor import Tensor, tensor


class Linear(Module):
    """y = x Wᵀ + b.

    x has the shape (..., in_features), `weight` (out_features, in_features), `bias`
    (out_features,), y (..., out_features). Each unit sums its products from left to right and then
    adds its bias.

    >>> from micrograd import nn, tensor
    >>> layer = nn.Linear(2, 1)
    >>> layer.load_state_dict({"weight": [[3.0, 4.0]], "bias": [5.0]})
    >>> layer(tensor([[1.0, 2.0]]))
    tensor([[16.]], grad_fn=<AddBackward>)
    """

    bias: Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        for name, n in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(n, int) or n < 1:
                raise ArgumentValueError(f"{name} must be a whole number from 1, got {n!r}")
        self.in_features = in_features
        self.out_features = out_features
        self.weight = init.linear(in_features, (out_features, in_features))
        self.bias = init.linear(in_features, (out_features,)) if bias else None

    def forward(self, x: Any) -> Tensor:
        """Raises an ArgumentValueError if x has not `in_features` columns."""
        x = x if isinstance(x, Tensor) else tensor(x)
        if not x.ndim or x.shape[-1] != self.in_features:
            raise ArgumentValueError(
                f"the layer takes rows of {self.in_features} numbers, got the shape {x.shape}"
            )
        units: list[list[Value]] = self.weight._values.tolist()
        biases = None if self.bias is None else self.bias._values.tolist()
        outputs: list[Value] = []
        recorded = recorder() is not None
        for row in x._values.reshape(-1, self.in_features).tolist():
            for i, weights in enumerate(units):
                with unit(i) if recorded else NOWHERE:
                    z = weighted_sum(weights, row)
                    outputs.append(z if biases is None else z + biases[i])
        return Tensor(filled((*x.shape[:-1], self.out_features), outputs), recording())

    def extra_repr(self) -> str:
        """As in torch."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Sequential(Module):
    """Runs modules one after the other; they are called `0`, `1` and so on.

    >>> from micrograd import nn
    >>> nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    Sequential(
      (0): Linear(in_features=1, out_features=2, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise ArgumentTypeError(f"item {i} must be a Module, got {type(module).__name__}")
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        """The output of the last module."""
        for module in self:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._places())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int | slice) -> Module:
        """One module; for a slice, a Sequential of several with the names that they had."""
        if not isinstance(index, slice):
            return list(self._places())[index][1]
        row = Sequential()
        for name, module in list(self._places())[index]:
            setattr(row, name, module)
        return row
