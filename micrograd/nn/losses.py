"""Losses: how far the output is from the target, as one number."""

from __future__ import annotations

import math
import operator
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.engine import Value
from micrograd.errors import ArgumentValueError
from micrograd.functions import VALUES
from micrograd.nn.activations import shifted
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

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise ArgumentValueError(
                f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}"
            )
        self.reduction = reduction

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each element; a subclass defines it."""
        raise NotImplementedError

    def check(self, output: Tensor, target: Tensor) -> None:
        """Raise an ArgumentValueError if the target does not fit the output."""
        if output.shape != target.shape:
            raise ArgumentValueError(
                f"the target must have the shape of the output, {output.shape}, got {target.shape}"
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
            raise ArgumentValueError(f"the batch is empty: its shape is {output.shape}")
        losses = self.each(output, target)
        return losses if self.reduction == "none" else getattr(losses, self.reduction)()


class MSELoss(Loss):
    """The mean of (output - target)².

    >>> from micrograd import nn, tensor
    >>> nn.MSELoss()(tensor([1.0, 2.0]), tensor([1.0, 4.0]))
    tensor(2.)
    """

    formula = "(out − y)²"
    derivative = "2(out − y)"

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """(output - target)²."""
        return (output - target) ** 2


class L1Loss(Loss):
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


class BCEWithLogitsLoss(Loss):
    """Binary cross entropy: the mean of -y log s - (1 - y) log(1 - s), where s = sigmoid(output).

    The target y is a probability, 0 or 1 for a known class; an ArgumentValueError is raised for
    others, with which the loss has no minimum. Accurate for logits of any size:
    `torch.nn.BCEWithLogitsLoss`.

    >>> from micrograd import nn, tensor
    >>> nn.BCEWithLogitsLoss(reduction="none")(tensor([0.0, 1000.0]), tensor([1.0, 0.0]))
    tensor([6.9315e-01, 1.0000e+03])
    """

    formula = "log(1 + exp(out)) − y × out"
    derivative = "(sigmoid(out) − y)"

    def check(self, output: Tensor, target: Tensor) -> None:
        """Raise an ArgumentValueError if the target does not fit the output."""
        super().check(output, target)
        self.check_numbers(np.array(_known(target), np.float64))

    def check_numbers(self, target: NDArray[np.float64]) -> None:
        """Raise an ArgumentValueError for a target that is no probability."""
        wrong = target[(target < 0.0) | (target > 1.0)]
        if wrong.size:
            raise ArgumentValueError(
                "the target must hold probabilities from 0 to 1, such as the labels 0 and 1, got "
                f"{wrong.flat[0]:g}"
            )

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """max(x, 0) - x y + log(1 + exp(-|x|)).

        Written without the kinks of max and abs at 0, where the loss has derivatives of any order.
        """
        losses = []
        for x, y in zip(output._values.flat, target._values.flat, strict=True):
            positive = VALUES.less(0.0, x)
            tail = VALUES.select(positive, -x, x).softplus()
            losses.append(x * (positive - y) + tail)
        return output._tracked(filled(output.shape, losses), target)


class CrossEntropyLoss(Loss):
    """The mean over the samples of -log p, where p = softmax(output) at the sample's class.

    The output has the shape (N, C): a row of logits a sample, a logit a class. The target is the
    classes, whole numbers from 0 to C - 1 of the shape (N,), or probabilities of the shape (N, C):
    then the loss of a sample is -Σ target log p. Accurate for logits of any size. Raises
    an ArgumentValueError for other shapes, for an empty batch, and for a class that there is not.
    `torch.nn.CrossEntropyLoss`.

    >>> from micrograd import nn, tensor
    >>> logits = tensor([[0.0, 0.0], [1000.0, 0.0]])
    >>> nn.CrossEntropyLoss(reduction="none")(logits, tensor([0, 1]))
    tensor([6.9315e-01, 1.0000e+03])
    """

    formula = "log Σ exp(out) − out[y]"
    derivative = "(softmax(out) − [class = y])"
    takes_classes = True

    def terms(self, shape: tuple[int, ...]) -> int:
        """One a sample."""
        return shape[0] if self.reduction == "mean" else 1

    def check(self, output: Tensor, target: Tensor) -> None:
        """Raise an ArgumentValueError if the target does not fit the output."""
        if output.ndim != 2:
            raise ArgumentValueError(
                f"the output must have the shape (samples, classes), got {output.shape}"
            )
        if target.shape not in (output.shape, output.shape[:1]):
            raise ArgumentValueError(
                f"the target must have the shape {output.shape[:1]}, a class each sample, or "
                f"{output.shape}, probabilities, got {target.shape}"
            )
        if target.ndim == 1 and output.numel():
            _check_classes(_known(target), output.shape[1])

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each sample."""
        losses = []
        for logits, wanted in zip(output._values.tolist(), target._values.tolist(), strict=True):
            row = shifted(logits)
            log_total = reduce(operator.add, [v.exp() for v in row]).log()
            if target.ndim == 1:
                losses.append(log_total - row[int(wanted)])
            else:
                terms = [p * (log_total - v) for p, v in zip(wanted, row, strict=True)]
                losses.append(reduce(operator.add, terms))
        return output._tracked(filled((len(losses),), losses), target)


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
        self.check_numbers(np.array(_known(target), np.float64))

    def check_numbers(self, target: NDArray[np.float64]) -> None:
        """Raise an ArgumentValueError for a target that is neither -1 nor 1."""
        wrong = target[np.abs(target) != 1.0]
        if wrong.size:
            raise ArgumentValueError(f"the target must hold -1 and 1 only, got {wrong.flat[0]:g}")

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """max(0, 1 - target output)."""
        return (1.0 - target * output).relu()


def _known(target: Tensor) -> list[float]:
    """The target's numbers; none where they are known at run time only."""
    numbers = [v.data for v in target._values.flat]
    return [float(y) for y in numbers if not isinstance(y, Value)]


def _check_classes(target: list[float], classes: int) -> None:
    for i, y in enumerate(target):
        if not y.is_integer():
            raise ArgumentValueError(
                f"the target must hold classes, whole numbers, got {y:g} for sample {i}"
            )
        if not 0 <= y < classes:
            raise ArgumentValueError(
                f"the target must hold classes from 0 to {classes - 1}, got {y:g} for sample {i}"
            )
