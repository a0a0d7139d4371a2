"""Initial parameters, drawn from Python's `random`, so that `random.seed` repeats them."""

from __future__ import annotations

import math
import operator
import random
from typing import SupportsIndex

import numpy as np

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.nn.parameter import Parameter


def manual_seed(n: SupportsIndex) -> None:
    """Seed Python's `random`, the source of all initial parameters: `random.seed(n)`.

    Raises an ArgumentTypeError unless `n` is a whole number. `torch.manual_seed`.

    >>> from micrograd import manual_seed, nn
    >>> manual_seed(0)
    >>> first = nn.Linear(2, 1).weight.tolist()
    >>> manual_seed(0)
    >>> nn.Linear(2, 1).weight.tolist() == first
    True
    """
    try:
        seed = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"n must be a whole number, got {n!r:.80}") from None
    random.seed(seed)


def uniform(shape: tuple[int, ...], bound: float) -> Parameter:
    """A parameter drawn uniformly from [-bound, bound], the last axis fastest."""
    numbers = [random.uniform(-bound, bound) for _ in range(math.prod(shape))]
    parameter = Parameter(numbers)
    return Parameter(parameter.reshape(shape))


def linear(in_features: int, shape: tuple[int, ...]) -> Parameter:
    """Weights or biases of a linear layer: U(-1/sqrt(in), 1/sqrt(in)), as torch draws them.

    Source: `torch.nn.Linear.reset_parameters`, which is Kaiming's uniform rule with a = sqrt(5).
    """
    return uniform(shape, 1 / math.sqrt(in_features))


def kaiming_uniform_(parameter: Parameter) -> Parameter:
    """Draw weights (out, in) again, uniformly from [-√(6/in), √(6/in)], in place: He's rule.

    Behind a ReLU, which lets half of it through, sums of such weights keep their size from layer to
    layer. `torch.nn.init.kaiming_uniform_` with nonlinearity="relu". Source: He, Zhang, Ren and
    Sun, ICCV 2015. Raises an ArgumentValueError unless the parameter has two axes.

    >>> from micrograd import nn
    >>> layer = nn.Linear(6, 2)
    >>> bool((abs(kaiming_uniform_(layer.weight).numpy()) <= 1).all())
    True
    """
    if parameter.ndim != 2 or not parameter.shape[1]:
        raise ArgumentValueError(
            f"parameter must have the shape (out, in) of weights, got {parameter.shape}"
        )
    parameter.data = uniform(parameter.shape, math.sqrt(6 / parameter.shape[1])).numpy()
    return parameter


def zeros_(parameter: Parameter) -> Parameter:
    """Make all numbers of a parameter 0, in place. `torch.nn.init.zeros_`.

    >>> from micrograd import nn
    >>> zeros_(nn.Linear(3, 2).bias).tolist()
    [0.0, 0.0]
    """
    parameter.data = np.zeros(parameter.shape)
    return parameter
