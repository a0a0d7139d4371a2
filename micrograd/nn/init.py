"""Initial parameters, drawn from Python's `random`, so that `random.seed` repeats them."""

from __future__ import annotations

import math
import operator
import random
from typing import SupportsIndex

from micrograd.errors import ArgumentTypeError
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
