"""Activations: a function of one number, applied to each element; softmax, along one axis."""

from __future__ import annotations

from typing import Any

from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError
from micrograd.nn import nonlinear
from micrograd.nn.module import Module
from micrograd.nn.parameter import Parameter
from micrograd.tape.modules import unit
from micrograd.tensors.elements import filled
from micrograd.tensors.soft_maxima import log_softmax, softmax
from micrograd.tensors.tensor import Tensor, tensor


class Activation(Module):
    """Applies a row of the op table to each element; the last axis counts the units."""

    row: str

    def function(self, x: Value) -> Any:
        """What is applied: the method of the row, unless a subclass defines something else."""
        return getattr(x, self.row)()

    def forward(self, x: Any) -> Tensor:
        """An array of the shape of x."""
        x = x if isinstance(x, Tensor) else tensor(x)
        units = x.shape[-1] if x.ndim else 1
        outputs = []
        for k, v in enumerate(x._values.flat):
            with unit(k % units):
                outputs.append(self.function(v))
        return x._result(filled(tuple(x.shape), outputs), (), self._name())  # type: ignore[no-any-return]

    def _name(self) -> str:
        return OPERATIONS.get(type(self).__name__, type(self).__name__)


# What torch calls the operations of activations, where it is not the name of the class.
OPERATIONS = {
    "ReLU": "Relu", "LeakyReLU": "LeakyRelu", "GELU": "Gelu", "SiLU": "Silu", "ELU": "Elu",
    "SELU": "Elu", "CELU": "Celu", "ReLU6": "Hardtanh", "Softsign": "Div", "Tanhshrink": "Sub",
    "LogSigmoid": "LogSigmoid", "PReLU": "PreluKernel",
}  # fmt: skip


class _InPlace(Activation):
    """An activation that takes torch's `inplace`, which means nothing here."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """As in torch."""
        return "inplace=True" if self.inplace else ""


class ReLU(_InPlace):
    """max(0, x); the derivative at 0 is 0."""

    row = "relu"


class LeakyReLU(Activation):
    """`x` where x > 0, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def function(self, x: Value) -> Value:
        """See `Value.leaky_relu`."""
        return x.leaky_relu(self.negative_slope)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"negative_slope={self.negative_slope}" + ", inplace=True" * self.inplace


class Tanh(Activation):
    """The hyperbolic tangent."""

    row = "tanh"


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    row = "sigmoid"


class Softplus(Activation):
    """log(1 + exp(beta x)) / beta; linear where beta x is above the threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def function(self, x: Value) -> Any:
        """See `nonlinear.softplus`."""
        return nonlinear.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"beta={self.beta}, threshold={self.threshold}"


class GELU(Activation):
    """x times the probability that a normal number is below x; `approximate` "none" or "tanh"."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def function(self, x: Value) -> Any:
        """See `nonlinear.gelu`."""
        return nonlinear.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"approximate={self.approximate!r}"


class ELU(Activation):
    """`x` above 0, below it alpha (exp(x) - 1)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def function(self, x: Value) -> Any:
        """See `nonlinear.elu`."""
        return nonlinear.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"alpha={self.alpha}" + ", inplace=True" * self.inplace


class CELU(ELU):
    """`x` above 0, below it alpha (exp(x / alpha) - 1)."""

    def function(self, x: Value) -> Any:
        """See `nonlinear.celu`."""
        return nonlinear.celu(x, self.alpha)


class Hardtanh(Activation):
    """Not below `min_val`, not above `max_val`."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def function(self, x: Value) -> Any:
        """See `nonlinear.hardtanh`."""
        return nonlinear.hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + ", inplace=True" * self.inplace


class _Formula(_InPlace):
    """An activation without options: a function of `nonlinear`."""

    formula: Any

    def function(self, x: Value) -> Any:
        """What is applied."""
        return type(self).formula(x)


class SiLU(_Formula):
    """x sigmoid(x)."""

    formula = staticmethod(nonlinear.silu)


class SELU(_Formula):
    """Elu, scaled so that mean 0 and variance 1 stay."""

    formula = staticmethod(nonlinear.selu)


class Mish(_Formula):
    """x tanh(softplus(x))."""

    formula = staticmethod(nonlinear.mish)


class Softsign(_Formula):
    """x / (1 + |x|)."""

    formula = staticmethod(nonlinear.softsign)


class LogSigmoid(_Formula):
    """log sigmoid(x), accurate for numbers of any size."""

    formula = staticmethod(nonlinear.logsigmoid)


class Hardsigmoid(_Formula):
    """The line x / 6 + 1 / 2 between 0 and 1."""

    formula = staticmethod(nonlinear.hardsigmoid)


class Hardswish(_Formula):
    """x hardsigmoid(x)."""

    formula = staticmethod(nonlinear.hardswish)


class Tanhshrink(_Formula):
    """x - tanh(x)."""

    formula = staticmethod(nonlinear.tanhshrink)


class ReLU6(_Formula):
    """0 below 0, 6 above 6."""

    formula = staticmethod(nonlinear.relu6)

    def extra_repr(self) -> str:
        """As in torch."""
        return "inplace=True" if self.inplace else ""


class PReLU(Module):
    """x above 0, below it weight x: a slope that is trained, for all or for each of axis 1."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = Parameter([init] * num_parameters)

    def forward(self, x: Any) -> Tensor:
        """An array of the shape of x."""
        x = x if isinstance(x, Tensor) else tensor(x)
        units = x.shape[1] if x.ndim > 1 else 1
        inner = x.numel() // (units * (x.shape[0] if x.ndim > 1 else x.numel())) or 1
        slopes = self.weight._values.tolist()
        outputs = [
            nonlinear.prelu(v, slopes[(k // inner) % units if len(slopes) > 1 else 0])
            for k, v in enumerate(x._values.flat)
        ]
        return x._result(filled(tuple(x.shape), outputs), (self.weight,), "PreluKernel")  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """As in torch."""
        return f"num_parameters={self.num_parameters}"


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
        return softmax(x if isinstance(x, Tensor) else tensor(x), self.dim)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """x - log Σ exp(x), the sum along the axis `dim`; see `Softmax`."""

    def forward(self, x: Any) -> Tensor:
        """An array of the shape of x."""
        return log_softmax(x if isinstance(x, Tensor) else tensor(x), self.dim)
