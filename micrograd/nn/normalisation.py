"""Normalisation: over a batch, over the features of a sample, over groups of channels."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import numpy as np

from micrograd.engine import Value
from micrograd.errors import ArgumentValueError
from micrograd.nn.module import Module
from micrograd.nn.parameter import Parameter
from micrograd.tensors.creation import ones, zeros
from micrograd.tensors.elements import Objects, filled
from micrograd.tensors.tensor import Tensor, tensor

Elements = list[Value]


def moments(row: Elements) -> tuple[Value, Value]:
    """The mean of several numbers and their variance (the sum of squares divided by n)."""
    n = float(len(row))
    mean = reduce(operator.add, row) / n
    return mean, reduce(operator.add, [(v - mean) ** 2 for v in row]) / n


def normalised(row: Elements, mean: Any, variance: Any, eps: float) -> Elements:
    """(x - mean) / √(variance + eps)."""
    scale = (variance + eps) ** 0.5 if not isinstance(variance, Value) else (variance + eps).sqrt()
    return [(v - mean) / scale for v in row]


class _BatchNorm(Module):
    """Each feature minus its mean over the batch, over its deviation; then scaled and shifted.

    In training the batch's moments are used, and remembered (`momentum`) for evaluation. Source:
    Ioffe and Szegedy, ICML 2015.
    """

    axes: tuple[int, ...]  # how many an input may have
    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(np.ones(num_features)) if affine else None
        self.bias = Parameter(np.zeros(num_features)) if affine else None
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features))
            self.register_buffer("running_var", ones(num_features))
            self.register_buffer("num_batches_tracked", tensor(0))

    def forward(self, x: Any) -> Tensor:
        """An array of the shape of x; raises an ArgumentValueError for other than the features."""
        x = x if isinstance(x, Tensor) else tensor(x)
        if x.ndim not in self.axes or x.shape[1] != self.num_features:
            raise ArgumentValueError(
                f"the layer takes {' or '.join(map(str, self.axes))} axes, the second of "
                f"{self.num_features} features, got the shape {tuple(x.shape)}"
            )
        columns = np.moveaxis(x._values, 1, 0)
        rows: list[Elements] = columns.reshape(self.num_features, -1).tolist()
        if self.training and len(rows[0]) < 2:
            raise ArgumentValueError(
                "Expected more than 1 value per channel when training, got input size "
                f"{x.shape}: a single number has no variance"
            )
        if self.training or not self.track_running_stats:
            found = [moments(row) for row in rows]
            if self.training and self.track_running_stats:
                self._remember(found, len(rows[0]))
        else:
            found = list(zip(self.running_mean._values.tolist(),
                             self.running_var._values.tolist(), strict=True))  # fmt: skip
        made = [normalised(row, m, v, self.eps) for row, (m, v) in zip(rows, found, strict=True)]
        values = filled(columns.shape, [v for row in self._scaled(made) for v in row])
        return x._result(np.moveaxis(values, 0, 1), (self.weight, self.bias), "NativeBatchNorm")  # type: ignore[no-any-return]

    def _scaled(self, rows: list[Elements]) -> list[Elements]:
        if self.weight is None or self.bias is None:
            return rows
        factors = zip(self.weight._values.tolist(), self.bias._values.tolist(), strict=True)
        return [[v * w + b for v in row] for row, (w, b) in zip(rows, factors, strict=True)]

    def _remember(self, found: list[tuple[Value, Value]], n: int) -> None:
        """Move the running moments towards those of the batch; the variance's without bias."""
        (count,) = self.num_batches_tracked._values.flat
        count.data = count.data + 1
        part = 1.0 / count.data if self.momentum is None else self.momentum
        buffers = zip(self.running_mean._values.flat, self.running_var._values.flat, strict=True)
        for (mean, variance), (m, v) in zip(buffers, found, strict=True):
            mean.data = (1 - part) * mean.data + part * m.data
            variance.data = (1 - part) * variance.data + part * (v.data * (n / (n - 1)))

    def extra_repr(self) -> str:
        """As in torch."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Of rows (N, C) or sequences (N, C, L): each of C features is normalised over the others.

    In training with the moments of the batch, in evaluation with their running means; then times
    `weight`, plus `bias`. Source: Ioffe and Szegedy, ICML 2015.

    >>> from micrograd import nn, tensor
    >>> nn.BatchNorm1d(1, affine=False)(tensor([[1.0], [3.0]]))
    tensor([[-1.0000],
            [ 1.0000]])
    """

    axes = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Of images (N, C, H, W): see `BatchNorm1d`."""

    axes = (4,)


def layer_norm(
    x: Tensor, normalized_shape: tuple[int, ...], weight: Any = None, bias: Any = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """The last axes minus their mean, over their deviation; then times `weight`, plus `bias`."""
    shape = tuple(normalized_shape)
    if tuple(x.shape[x.ndim - len(shape) :]) != shape:
        raise ArgumentValueError(
            f"the last axes must have the shape {shape}, got the shape {tuple(x.shape)}"
        )
    n = int(np.prod(shape))
    rows: list[Elements] = x._values.reshape(-1, n).tolist()
    made = [normalised(row, *moments(row), eps) for row in rows]
    values: Objects = filled(tuple(x.shape), [v for row in made for v in row])
    for factor, apply in ((weight, operator.mul), (bias, operator.add)):
        values = values if factor is None else apply(values, factor._values)
    return x._result(values, (weight, bias), "NativeLayerNorm")


class LayerNorm(Module):
    """The features of each sample minus their mean, over their deviation, scaled and shifted.

    Source: Ba, Kiros and Hinton, 2016.

    >>> from micrograd import nn, tensor
    >>> nn.LayerNorm(2, elementwise_affine=False)(tensor([[1.0, 3.0]]))
    tensor([[-1.0000,  1.0000]])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        one = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if one else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        shape = self.normalized_shape
        self.weight = Parameter(np.ones(shape)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(shape)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Tensor:
        """An array of the shape of x; raises an ArgumentValueError for other last axes."""
        x = x if isinstance(x, Tensor) else tensor(x)
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """As in torch."""
        text = f"{self.normalized_shape}, eps={self.eps}, "
        return f"{text}elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
