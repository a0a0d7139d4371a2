"""Dead ReLUs: units that give 0 for every sample, so that no gradient gets through them."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd import nn
from micrograd.errors import ArgumentTypeError


def dead_units(model: nn.Module, x: Any) -> tuple[int, ...]:
    """How many units of each ReLU layer are dead for the rows of x, from the first layer on.

    `model` is a stack of Linear and ReLU. A dead unit's own weights have no gradient; it may come
    back only if the layers before it still move. If all units of a layer are dead, none do.
    Raises an ArgumentTypeError for another module in the stack.

    >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> model[0].weight.data, model[0].bias.data = [[1.0], [1.0]], [0.0, -9.0]
    >>> dead_units(model, [[1.0], [2.0]])
    (1,)
    """
    rows = np.asarray(x, dtype=np.float64)
    counts = []
    for module in model.children():
        if isinstance(module, nn.Linear):
            rows = rows @ module.weight.numpy().T
            rows = rows if module.bias is None else rows + module.bias.numpy()
        elif isinstance(module, nn.ReLU):
            counts.append(int((rows <= 0).all(axis=0).sum()))
            rows = np.maximum(rows, 0.0)
        else:
            raise ArgumentTypeError(
                f"model must be a stack of Linear and ReLU, got a {type(module).__name__} in it"
            )
    return tuple(counts)
