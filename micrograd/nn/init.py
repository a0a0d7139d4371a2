"""Initial parameters: drawn from torch's distributions, and, after `manual_seed`, torch's numbers.

Each function changes an array in place and returns it, as those of `torch.nn.init` do.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from micrograd.errors import ArgumentValueError
from micrograd.nn.parameter import Parameter
from micrograd.tensors.generator import DEFAULT
from micrograd.tensors.generator import manual_seed as manual_seed
from micrograd.tensors.tensor import Tensor

GAINS = {
    "linear": 1.0, "sigmoid": 1.0, "conv1d": 1.0, "conv2d": 1.0, "tanh": 5 / 3,
    "relu": math.sqrt(2), "selu": 0.75,
}  # fmt: skip


def uniform(shape: tuple[int, ...], bound: float) -> Parameter:
    """A parameter drawn uniformly from [-bound, bound], the last axis fastest."""
    return Parameter(DEFAULT.uniforms(math.prod(shape), -bound, bound).reshape(shape))


def linear(in_features: int, shape: tuple[int, ...]) -> Parameter:
    """Weights or biases of a linear layer: U(-1/sqrt(in), 1/sqrt(in)), as torch draws them.

    Source: `torch.nn.Linear.reset_parameters`, which is Kaiming's uniform rule with a = sqrt(5).
    """
    return uniform(shape, 1 / math.sqrt(in_features))


def _set(x: Tensor, numbers: Any) -> Tensor:
    x.data = np.broadcast_to(np.asarray(numbers, np.float64), x.shape)
    return x


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Draw from U(a, b)."""
    return _set(tensor, DEFAULT.uniforms(tensor.numel(), a, b).reshape(tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Draw from N(mean, std²)."""
    return _set(tensor, DEFAULT.normals(tensor.numel()).reshape(tensor.shape) * std + mean)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """Draw from N(mean, std²) between a and b."""
    normal = NormalDist(mean, std)
    low, high = normal.cdf(a), normal.cdf(b)
    numbers = [
        min(max(normal.inv_cdf(min(max(p, 1e-16), 1 - 1e-16)), a), b)
        for p in DEFAULT.uniforms(tensor.numel(), low, high).tolist()
    ]
    return _set(tensor, np.reshape(numbers, tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Make all numbers `val`."""
    return _set(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Make all numbers 0.

    >>> from micrograd import nn
    >>> zeros_(nn.Linear(3, 2).bias).tolist()
    [0.0, 0.0]
    """
    return _set(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Make all numbers 1."""
    return _set(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity."""
    return _set(tensor, np.eye(*tensor.shape))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By what a nonlinearity shrinks what goes through it; `param` is the slope of leaky_relu."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ArgumentValueError(
            f"nonlinearity must be one of {', '.join([*GAINS, 'leaky_relu'])}, got {nonlinearity!r}"
        )
    return GAINS[nonlinearity]


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many numbers an output is made of, and how many outputs a number goes into."""
    if tensor.ndim < 2:
        raise ArgumentValueError(
            f"tensor must have the shape (out, in, …) of weights, got {tuple(tensor.shape)}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Draw from U(-a, a), a = gain √(6 / (in + out)). Source: Glorot and Bengio, AISTATS 2010."""
    a = math.sqrt(3.0) * gain * math.sqrt(2.0 / sum(_fans(tensor)))
    return uniform_(tensor, -a, a)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Draw from N(0, s²), s = gain √(2 / (in + out)). Source: Glorot and Bengio, AISTATS 2010."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))))


def _kaiming(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentValueError(f"mode must be fan_in or fan_out, got {mode!r}")
    fan = _fans(tensor)[mode == "fan_out"]
    if not fan:
        raise ArgumentValueError(f"tensor has no elements: its shape is {tuple(tensor.shape)}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Draw weights (out, in) uniformly from [-√(6/in), √(6/in)]: He's rule.

    Behind a ReLU, which lets half of it through, sums of such weights keep their size from layer to
    layer. `a` is the slope of a leaky ReLU. Source: He, Zhang, Ren and Sun, ICCV 2015. Raises an
    ArgumentValueError for an array of fewer than two axes.

    >>> from micrograd import nn
    >>> layer = nn.Linear(6, 2)
    >>> bool((abs(kaiming_uniform_(layer.weight)) <= 1).all())
    True
    """
    bound = math.sqrt(3.0) * _kaiming(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Draw weights from N(0, 2/in): He's rule; see `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming(tensor, a, mode, nonlinearity))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Make a matrix of orthogonal rows or columns. Source: Saxe, McClelland and Ganguli, 2013."""
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    noise = DEFAULT.normals(rows * columns).reshape(rows, columns)
    q, r = np.linalg.qr(noise.T if rows < columns else noise)
    q = q * np.sign(np.diagonal(r))
    return _set(tensor, (q.T if rows < columns else q).reshape(tensor.shape) * gain)
