"""Losses: how far the output is from the target, as one number."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.engine import Value
from micrograd.errors import ArgumentValueError
from micrograd.functions import VALUES
from micrograd.nn.module import Module
from micrograd.tensors.elements import filled
from micrograd.tensors.tensor import Tensor, tensor

REDUCTIONS = ("mean", "sum", "none")


class Loss(Module):
    """A loss of each element, and then their mean, their sum, or neither.

    Raises an ArgumentValueError if output and target do not have the same shape, and for an empty
    batch.
    """

    # Of one element, for pictures; "/n" may follow the derivative.
    formula = "loss(out, y)"
    derivative = "∂L/∂out"
    takes_classes = False  # whether targets with one axis are whole numbers that choose
    reductions: tuple[str, ...] = REDUCTIONS
    operation = ""  # torch's name for it
    broadcasts = False  # whether other shapes than the output's are a warning only

    def __init__(
        self, reduction: str = "mean", *, size_average: bool | None = None,
        reduce: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if size_average is not None or reduce is not None:  # of older scripts
            reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        if reduction not in self.reductions:
            raise ArgumentValueError(
                f"reduction must be one of {', '.join(self.reductions)}, got {reduction!r}"
            )
        self.reduction = reduction

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each element; a subclass defines it."""
        raise NotImplementedError

    def check(self, output: Tensor, target: Tensor) -> None:
        """Raise an ArgumentValueError if the target does not fit the output."""
        if output.shape != target.shape:
            raise ArgumentValueError(
                f"the target must have the shape of the output, {tuple(output.shape)}, got "
                f"{tuple(target.shape)}"
            )

    def check_numbers(self, target: NDArray[np.float64]) -> None:
        """Raise an ArgumentValueError for target values that make no sense."""

    def terms(self, shape: tuple[int, ...]) -> int:
        """How many losses the mean is over, for an output of that shape; 1 if it is no mean."""
        return math.prod(shape) if self.reduction == "mean" else 1

    def forward(self, output: Any, target: Any) -> Tensor:
        """The loss, an array without axes unless `reduction` is "none"."""
        output = output if isinstance(output, Tensor) else tensor(output)
        target = target if isinstance(target, Tensor) else tensor(target)
        self.check(output, target)
        if not output.numel():
            raise ArgumentValueError(f"the batch is empty: its shape is {tuple(output.shape)}")
        result = self.reduced(self.each(output, target), target)
        result._op = self.operation if result._op and self.operation else result._op
        return result

    def reduced(self, losses: Tensor, target: Tensor) -> Tensor:
        """The losses, or their mean or sum."""
        return losses if self.reduction == "none" else getattr(losses, self.reduction)()


class _Broadcasting(Loss):
    """A loss that broadcasts output and target, and warns where that is hardly meant."""

    broadcasts = True

    def check(self, output: Tensor, target: Tensor) -> None:
        """Warn, as torch does, if the shapes differ."""
        if output.shape == target.shape:
            return
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({output.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=_users_level(),
        )


def _users_level() -> int:
    """How many calls above the warning the code is that is not of this package."""
    frame: Any = sys._getframe(2)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").startswith("micrograd."):
        frame, level = frame.f_back, level + 1
    return level


class MSELoss(_Broadcasting):
    """The mean of (output - target)².

    Other shapes than the output's broadcast, with a warning, as in torch.

    >>> from micrograd import nn, tensor
    >>> nn.MSELoss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
    tensor(2.)
    """

    formula = "(out − y)²"
    derivative = "2(out − y)"
    operation = "MseLoss"

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """(output - target)²."""
        return (output - target) ** 2


class L1Loss(_Broadcasting):
    """The mean of |output - target|.

    >>> from micrograd import nn, tensor
    >>> nn.L1Loss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
    tensor(1.)
    """

    formula = "|out − y|"
    derivative = "sign(out − y)"

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """|output - target|."""
        return abs(output - target)


class HuberLoss(_Broadcasting):
    """Squares up to a distance of delta, beyond it a line: e²/2 or delta (|e| - delta/2).

    Source: Huber, "Robust estimation of a location parameter", 1964.

    >>> from micrograd import nn, tensor
    >>> nn.HuberLoss(reduction="none")(tensor([0.5, 3.0]), tensor([0.0, 0.0]))
    tensor([0.1250, 2.5000])
    """

    formula = "huber(out − y)"
    derivative = "clamp(out − y)"
    operation = "HuberLoss"

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if not delta > 0:
            raise ArgumentValueError(f"delta must be above 0, got {delta!r}")
        self.delta = delta

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """Of each pair."""
        return (output - target)._each(self._of_distance, "HuberLoss")

    def _of_distance(self, e: Any) -> Any:
        line = (abs(e) - 0.5 * self.delta) * self.delta
        return VALUES.select(VALUES.less(abs(e), self.delta), e * e * 0.5, line)


class SmoothL1Loss(HuberLoss):
    """`HuberLoss` divided by its width, here beta."""

    operation = "SmoothL1Loss"

    def __init__(self, reduction: str = "mean", beta: float = 1.0, **older: Any) -> None:
        super().__init__(reduction, beta or 1.0)
        self.beta = beta

    def _of_distance(self, e: Any) -> Any:
        if not self.beta:
            return abs(e)
        near = e * e * 0.5 / self.beta
        return VALUES.select(VALUES.less(abs(e), self.beta), near, abs(e) - 0.5 * self.beta)


class KLDivLoss(Loss):
    """The divergence of Kullback and Leibler: target (log target - output), of log-probabilities.

    With `reduction` "batchmean" the sum is divided by the number of samples, which is the
    divergence; "mean" divides by the number of elements, as in torch. With `log_target` the target
    is log-probabilities, too.
    """

    formula = "y (log y − out)"
    derivative = "−y"
    reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """Of each pair; 0 where the target is 0."""
        losses = [
            self._of(x, y) for x, y in zip(output._values.flat, target._values.flat, strict=True)
        ]
        return output._tracked(filled(tuple(output.shape), losses), target)

    def _of(self, x: Any, y: Any) -> Any:
        if self.log_target:
            return y.exp() * (y - x)
        none = VALUES.equal(y, 0.0)
        return VALUES.select(none, 0.0, y * VALUES.select(none, 1.0, y).log()) - y * x

    def reduced(self, losses: Tensor, target: Tensor) -> Tensor:
        """The losses, or their mean or sum."""
        if self.reduction == "batchmean":
            return losses.sum() / float(len(losses))
        return super().reduced(losses, target)


class HingeLoss(Loss):
    """The mean of max(0, 1 - y output), where y is -1 or 1: the loss of a support-vector machine.

    At the margin, where y output = 1, the derivative is 0. Raises an ArgumentValueError for other
    targets. Source: Cortes and Vapnik, "Support-vector networks" (1995), as in Karpathy's
    micrograd; torch has it only as a formula.

    >>> from micrograd import nn, tensor
    >>> nn.HingeLoss()(tensor([0.5, 2.0]), tensor([-1.0, 1.0]))
    tensor(0.7500)
    """

    formula = "max(0, 1 − y × out)"
    derivative = "−y × [y × out < 1]"

    def check(self, output: Tensor, target: Tensor) -> None:
        """Raise an ArgumentValueError if the target does not fit the output."""
        super().check(output, target)
        self.check_numbers(np.array(known_numbers(target), np.float64))

    def check_numbers(self, target: NDArray[np.float64]) -> None:
        """Raise an ArgumentValueError for a target that is neither -1 nor 1."""
        wrong = target[np.abs(target) != 1.0]
        if wrong.size:
            raise ArgumentValueError(f"the target must hold -1 and 1 only, got {wrong.flat[0]:g}")

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """max(0, 1 - target output)."""
        return (1.0 - target * output).relu()


class SoftMarginLoss(Loss):
    """The mean of log(1 + exp(-y output)), where y is -1 or 1."""

    formula = "log(1 + exp(−y × out))"
    derivative = "−y sigmoid(−y × out)"

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """Of each pair."""
        return (-target * output).softplus()


class GaussianNLLLoss(Loss):
    """The mean of (log var + (output - target)² / var) / 2: a normal distribution's."""

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full, self.eps = full, eps

    def forward(self, output: Any, target: Any, var: Any = None) -> Tensor:
        """The loss of outputs with the variances `var`."""
        spread = var.clamp(min=self.eps)
        losses = (spread.log() + (output - target) ** 2 / spread) * 0.5
        losses = losses + 0.5 * math.log(2 * math.pi) if self.full else losses
        return self.reduced(losses, target)


def known_numbers(target: Tensor) -> list[float]:
    """The target's numbers; none where they are known at run time only."""
    numbers = [v.data for v in target._values.flat]
    return [float(y) for y in numbers if not isinstance(y, Value)]
