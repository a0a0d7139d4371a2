"""Data: the article's generator, two moons, and a loader that hands them out in batches."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tensors.tensor import Tensor, tensor

Floats = NDArray[np.float64]


def article(n_samples: int = 800, seed: int | None = None) -> tuple[Floats, Floats]:
    """The article's data: y = x₀² + 2 x₁ - 0.5 x₂ + 0.1 noise, x and noise from N(0, 1).

    Returns X of shape (n_samples, 3) and y of shape (n_samples, 1).

    >>> X, y = article(5, seed=0)
    >>> X.shape, y.shape
    ((5, 3), (5, 1))
    """
    rng = _generator(seed)
    X = rng.standard_normal((_count(n_samples), 3))  # noqa: N806
    noise = rng.standard_normal(n_samples)
    y = X[:, 0] ** 2 + 2 * X[:, 1] - 0.5 * X[:, 2] + 0.1 * noise
    return X, y.reshape(-1, 1)


def moons(
    n_samples: int = 100, noise: float = 0.1, seed: int | None = None
) -> tuple[Floats, Floats]:
    """Two half circles that reach into each other; the class is -1 (upper) or 1 (lower).

    Returns X of shape (n_samples, 2), in random order, and y of shape (n_samples, 1). The upper
    moon is the unit half circle, the lower one is turned and stands at (1, 0.5); `noise` is the
    standard deviation of what is added to each coordinate.

    >>> X, y = moons(4, noise=0.0, seed=0)
    >>> sorted(y.ravel().tolist())
    [-1.0, -1.0, 1.0, 1.0]
    """
    rng = _generator(seed)
    upper = _count(n_samples) // 2
    lower = n_samples - upper
    a, b = np.linspace(0, np.pi, upper), np.linspace(0, np.pi, lower)
    points = np.concatenate(
        [np.column_stack([np.cos(a), np.sin(a)]), np.column_stack([1 - np.cos(b), 0.5 - np.sin(b)])]
    )
    classes = np.concatenate([-np.ones(upper), np.ones(lower)])
    order = rng.permutation(n_samples)
    X = points[order] + noise * rng.standard_normal((n_samples, 2))  # noqa: N806
    return X, classes[order].reshape(-1, 1)


def _count(n_samples: int) -> int:
    if not isinstance(n_samples, int) or n_samples < 1:
        raise ArgumentValueError(f"n_samples must be a whole number from 1, got {n_samples!r}")
    return n_samples


def _generator(seed: int | None) -> np.random.Generator:
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ArgumentValueError(
            f"seed must be a whole number from 0 or None, got {seed!r:.80}"
        ) from None


class DataLoader:
    """Hands out X and y in batches, in a new random order each time it is gone through.

    `batch_size` None is batch gradient descent (all samples at once), 1 stochastic, n mini-batch.
    The last batch may be smaller; `drop_last` leaves it out. The same `seed` gives the same
    orders.

    >>> loader = DataLoader([[1.0], [2.0], [3.0]], [[1.0], [4.0], [9.0]], batch_size=2, seed=0)
    >>> [len(y) for x, y in loader]
    [2, 1]
    """

    def __init__(
        self,
        X: Any,  # noqa: N803
        y: Any,
        batch_size: int | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        drop_last: bool = False,
    ) -> None:
        self.X, self.y = _samples("X", X), _samples("y", y)
        if len(self.X) != len(self.y):
            raise ArgumentValueError(
                f"X and y must have the same number of samples, got {len(self.X)} and {len(self.y)}"
            )
        if not len(self.X):
            raise ArgumentValueError("X is empty: there are no samples")
        if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
            raise ArgumentValueError(
                f"batch_size must be None or a whole number from 1, got {batch_size!r}"
            )
        self.batch_size = batch_size or len(self.X)
        self.shuffle, self.drop_last = shuffle, drop_last
        self._rng = random.Random(seed)

    def __len__(self) -> int:
        """The number of batches."""
        n = len(self.X) / self.batch_size
        return math.floor(n) if self.drop_last else math.ceil(n)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in self.arrays():
            yield tensor(x), tensor(y)

    def arrays(self) -> Iterator[tuple[Floats, Floats]]:
        """The batches as NumPy arrays, as compiled steps take them."""
        order = list(range(len(self.X)))
        if self.shuffle:
            self._rng.shuffle(order)
        for k in range(len(self)):
            batch = order[k * self.batch_size : (k + 1) * self.batch_size]
            yield self.X[batch], self.y[batch]


def _samples(name: str, data: Any) -> Floats:
    array = data.numpy() if isinstance(data, Tensor) else np.asarray(data)
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(f"{name} must hold numbers, got {array.dtype}")
    if not array.ndim:
        raise ArgumentValueError(f"{name} must have one row a sample, got a single number")
    return array.astype(np.float64)
