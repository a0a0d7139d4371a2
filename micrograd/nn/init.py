"""Initial parameters, drawn from Python's `random`, so that `random.seed` repeats them."""

from __future__ import annotations

import math
import random

from micrograd.nn.parameter import Parameter


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
