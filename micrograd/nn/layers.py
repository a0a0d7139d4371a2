"""Layers with parameters, and the module that runs modules in a row."""

from __future__ import annotations

from typing import Any

from micrograd.engine import Value, weighted_sum
from micrograd.errors import ArgumentValueError, ShapeError
from micrograd.nn import init
from micrograd.nn.module import Module
from micrograd.nn.parameter import Parameter
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
    <All keys matched successfully>
    >>> layer(tensor([[1.0, 2.0]]))
    tensor([[16.]], grad_fn=<AddmmBackward0>)
    """

    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        for name, n in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(n, int) or n < 1:
                raise ArgumentValueError(f"{name} must be a whole number from 1, got {n!r}")
        self.in_features = in_features
        self.out_features = out_features
        self.weight = init.linear(in_features, (out_features, in_features))
        self.bias = init.linear(in_features, (out_features,)) if bias else None
        self.to(device, dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias again."""
        self.weight.data = init.linear(self.in_features, tuple(self.weight.shape))
        if self.bias is not None:
            self.bias.data = init.linear(self.in_features, tuple(self.bias.shape))

    def forward(self, x: Any) -> Tensor:
        """Raises a ShapeError if x has not `in_features` columns."""
        x = x if isinstance(x, Tensor) else tensor(x)
        if not x.ndim or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"the layer takes rows of {self.in_features} numbers, got the shape "
                f"{tuple(x.shape)}"
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
        values = filled((*x.shape[:-1], self.out_features), outputs)
        op = "View" if x.ndim != 2 else "Mm" if biases is None else "Addmm"
        return x._result(values, (self.weight, self.bias), op)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """As in torch."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Bilinear(Module):
    """y = x₁ W x₂ + b, with a matrix W for each output."""

    bias: Parameter | None

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True
    ) -> None:
        super().__init__()
        self.in1_features, self.in2_features = in1_features, in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = init.linear(in1_features, shape)
        self.bias = init.linear(in1_features, (out_features,)) if bias else None

    def forward(self, x1: Any, x2: Any) -> Tensor:
        """Rows of x₁ and of x₂; a row of outputs for each pair."""
        pairs = (x1.unsqueeze(-1) * x2.unsqueeze(-2)).flatten(-2)
        y: Tensor = pairs @ self.weight.flatten(1).t()
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """As in torch."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Identity(Module):
    """Returns what it is given; takes any arguments."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__()

    def forward(self, x: Any) -> Any:
        """X."""
        return x


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` as one; the first, of the batch, stays."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Tensor:
        """The same elements."""
        return x.flatten(self.start_dim, self.end_dim)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """As in torch."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis as several."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, x: Any) -> Tensor:
        """The same elements."""
        return x.unflatten(self.dim, tuple(self.unflattened_size))  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """As in torch."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
