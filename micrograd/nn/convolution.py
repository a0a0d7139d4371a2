"""Convolutions and pooling of small images and sequences: every number a sum of products."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from micrograd.engine import Value, make_leaf, weighted_sum
from micrograd.errors import ArgumentValueError, ShapeError
from micrograd.nn import init
from micrograd.nn.module import Module
from micrograd.nn.parameter import Parameter
from micrograd.tensors.elements import Objects, filled
from micrograd.tensors.extremes import picked
from micrograd.tensors.tensor import Tensor, tensor

PerAxis = tuple[int, ...]


def sizes(n: Any, axes: int) -> PerAxis:
    """A number for each axis, from one or several."""
    return (int(n),) * axes if isinstance(n, int) else tuple(int(k) for k in n)


def padded(images: Objects, padding: PerAxis, number: float = 0.0) -> Objects:
    """With so many numbers on both sides of the last axes."""
    if not any(padding):
        return images
    before = images.ndim - len(padding)
    shape = (*images.shape[:before],
             *(n + 2 * p for n, p in zip(images.shape[before:], padding, strict=True)))  # fmt: skip
    made = filled(shape, [make_leaf(number) for _ in range(math.prod(shape))])
    inner = (slice(p, p + n) for p, n in zip(padding, images.shape[before:], strict=True))
    where: Any = (..., *inner)
    made[where] = images
    return made


def output_sizes(shape: PerAxis, kernel: PerAxis, stride: PerAxis, dilation: PerAxis) -> PerAxis:
    """How often a kernel fits along each axis; raises a ShapeError if it does not."""
    found = tuple(
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(shape, kernel, stride, dilation, strict=True)
    )
    if min(found) < 1:
        raise ShapeError(f"a kernel of {kernel} does not fit into {shape}")
    return found


def windows(
    image: Objects, kernel: PerAxis, stride: PerAxis, dilation: PerAxis
) -> Iterator[tuple[PerAxis, Objects]]:
    """Each place of the kernel, and the part of the image under it."""
    axes = len(kernel)
    found = output_sizes(image.shape[-axes:], kernel, stride, dilation)
    for place in product(*map(range, found)):
        parts = (
            slice(i * s, i * s + d * (k - 1) + 1, d)
            for i, s, d, k in zip(place, stride, dilation, kernel, strict=True)
        )
        under: Any = (..., *parts)
        yield place, image[under]


def convolved(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Each output is the bias and a weighted sum of what is under the kernel, in all channels.

    x has the shape (N, in, …) or (in, …), `weight` (out, in / groups, …). `padding` is a number for
    each axis, or "same" or "valid". Raises a ShapeError for shapes that do not fit.
    """
    axes = weight.ndim - 2
    if x.ndim not in (axes + 1, axes + 2) or x.shape[-axes - 1] != weight.shape[1] * groups:
        raise ShapeError(
            f"the layer takes arrays of the shape (samples, {weight.shape[1] * groups}, "
            f"{', '.join(['length'] if axes == 1 else ['height', 'width'])}), got {tuple(x.shape)}"
        )
    kernel: PerAxis = tuple(weight.shape[2:])
    steps, gaps = sizes(stride, axes), sizes(dilation, axes)
    if isinstance(padding, str):
        same = tuple(d * (k - 1) // 2 for k, d in zip(kernel, gaps, strict=True))
        padding = same if padding == "same" else 0
    images = padded(x._values if x.ndim > axes + 1 else x._values[None], sizes(padding, axes))
    filters: list[list[Value]] = weight._values.reshape(len(weight), -1).tolist()
    biases = None if bias is None else bias._values.tolist()
    found = output_sizes(images.shape[2:], kernel, steps, gaps)
    made = np.empty((len(images), len(weight), *found), object)
    channels, each = int(weight.shape[1]), len(weight) // groups
    for n, image in enumerate(images):
        for g in range(groups):
            part = image[g * channels : (g + 1) * channels]
            for place, window in windows(part, kernel, steps, gaps):
                row = window.ravel().tolist()
                for c in range(g * each, (g + 1) * each):
                    z = weighted_sum(filters[c], row)
                    made[(n, c, *place)] = z if biases is None else z + biases[c]
    values = made if x.ndim > axes + 1 else made[0]
    return x._result(values, (weight, bias), "Convolution")


class _Convolution(Module):
    """See `convolved`."""

    axes: int
    bias: Parameter | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros",
    ) -> None:  # fmt: skip
        super().__init__()
        if padding_mode != "zeros":
            raise ArgumentValueError(f"padding_mode must be 'zeros', got {padding_mode!r}")
        if in_channels % groups or out_channels % groups:
            raise ArgumentValueError(
                f"groups must divide {in_channels} and {out_channels} channels, got {groups}"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = sizes(kernel_size, self.axes)
        self.stride, self.dilation = sizes(stride, self.axes), sizes(dilation, self.axes)
        self.padding = padding if isinstance(padding, str) else sizes(padding, self.axes)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = init.linear(math.prod(shape[1:]), shape)
        self.bias = init.linear(math.prod(shape[1:]), (out_channels,)) if bias else None

    def forward(self, x: Any) -> Tensor:
        """Raises a ShapeError for shapes that do not fit."""
        x = x if isinstance(x, Tensor) else tensor(x)
        return convolved(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        """As in torch."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
        text += f"stride={self.stride}"
        if isinstance(self.padding, str) or any(self.padding):
            text += f", padding={self.padding}"
        text += f", dilation={self.dilation}" * (max(self.dilation) > 1)
        text += f", groups={self.groups}" * (self.groups > 1)
        return text + ", bias=False" * (self.bias is None)


class Conv1d(_Convolution):
    """Of sequences (N, in_channels, L): see `Conv2d`."""

    axes = 1


class Conv2d(_Convolution):
    """Slides kernels over images (N, in_channels, H, W): an output channel for each kernel.

    Each output is the bias and the sum of the products of the kernel with what is under it, in all
    input channels. `weight` has the shape (out_channels, in_channels / groups, height, width).

    >>> from micrograd import nn, ones
    >>> conv = nn.Conv2d(1, 1, kernel_size=2, bias=False)
    >>> conv.weight.data = ones(1, 1, 2, 2)
    >>> conv(ones(1, 1, 3, 3))
    tensor([[[[4., 4.],
              [4., 4.]]]], grad_fn=<ConvolutionBackward0>)
    """

    axes = 2


# ---- pooling -----------------------------------------------------------------------------------


def pooled(x: Tensor, axes: int, f: Any, kernel: Any, stride: Any, padding: Any, op: str,
           edge: float, dilation: Any = 1) -> Tensor:  # fmt: skip
    """What `f` makes of the numbers in each window of the last axes."""
    spans = sizes(kernel, axes)
    steps = sizes(stride if stride is not None else kernel, axes)
    gaps = sizes(dilation, axes)
    images = padded(x._values, sizes(padding, axes), edge)
    found = output_sizes(images.shape[-axes:], spans, steps, gaps)
    flat = images.reshape(-1, *images.shape[-axes:])
    made = [f(w.ravel().tolist()) for image in flat for _, w in windows(image, spans, steps, gaps)]
    return x._result(filled((*x.shape[:-axes], *found), made), (), op)


def largest(row: list[Value]) -> Value:
    """The largest; of equal ones the first has the gradient, as in torch."""
    return picked(row, True)[0]


def average(row: list[Value]) -> Value:
    """The mean."""
    return reduce(operator.add, row) / float(len(row))


def max_pool(x: Tensor, axes: int, kernel: Any, stride: Any = None, padding: Any = 0,
             dilation: Any = 1) -> Tensor:  # fmt: skip
    """The largest number of each window."""
    op = f"MaxPool{axes}DWithIndices"
    return pooled(x, axes, largest, kernel, stride, padding, op, -math.inf, dilation)


def avg_pool(x: Tensor, axes: int, kernel: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    """The mean of each window."""
    return pooled(x, axes, average, kernel, stride, padding, f"AvgPool{axes}D", 0.0)


def adaptive_avg_pool(x: Tensor, axes: int, output_size: Any) -> Tensor:
    """Means of windows that are chosen so that there are `output_size` of them."""
    wanted = tuple(
        n if k is None else int(k)
        for k, n in zip(
            (output_size,) * axes if isinstance(output_size, int) else output_size,
            x.shape[-axes:], strict=True,
        )
    )  # fmt: skip
    flat = x._values.reshape(-1, *x.shape[-axes:])
    made = []
    for image, place in product(flat, list(product(*map(range, wanted)))):
        parts = tuple(
            slice(i * n // k, -(-(i + 1) * n // k))
            for i, k, n in zip(place, wanted, x.shape[-axes:], strict=True)
        )
        made.append(average(image[parts].ravel().tolist()))
    return x._result(filled((*x.shape[:-axes], *wanted), made), (), f"AdaptiveAvgPool{axes}D")


class _MaxPool(Module):
    """The largest number of each window."""

    axes: int

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        return_indices: bool = False, ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if return_indices or ceil_mode:
            raise ArgumentValueError("return_indices and ceil_mode are not here: leave them out")
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride

    def forward(self, x: Any) -> Tensor:
        """Raises a ShapeError if the window does not fit."""
        x = x if isinstance(x, Tensor) else tensor(x)
        return max_pool(x, self.axes, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        """As in torch."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode=False"
        )


class MaxPool1d(_MaxPool):
    """Of sequences: see `MaxPool2d`."""

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest number of each window of images (N, C, H, W); of equal ones the first counts."""

    axes = 2


class AvgPool2d(Module):
    """The mean of each window of images (N, C, H, W)."""

    axes = 2

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(self, x: Any) -> Tensor:
        """Raises a ShapeError if the window does not fit."""
        return avg_pool(x, self.axes, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(AvgPool2d):
    """Of sequences (N, C, L): see `AvgPool2d`."""

    axes = 1


class AdaptiveAvgPool2d(Module):
    """Means of as many windows of images as `output_size` says."""

    axes = 2

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Any) -> Tensor:
        """An array with the last axes of `output_size`."""
        return adaptive_avg_pool(x, self.axes, self.output_size)

    def extra_repr(self) -> str:
        """As in torch."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(AdaptiveAvgPool2d):
    """Of sequences."""

    axes = 1
