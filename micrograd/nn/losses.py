"""Losses: how far the output is from the target, as one number."""

from __future__ import annotations

from typing import Any

from micrograd.arrays import Tensor, tensor
from micrograd.errors import ArgumentValueError
from micrograd.nn.module import Module

REDUCTIONS = ("mean", "sum", "none")


class Loss(Module):
    """A loss of each element, and then their mean, their sum, or neither.

    Output and target must have the same shape; an empty batch is an error.
    """

    formula = "loss(out, y)"  # of one element, for pictures
    derivative = "∂L/∂out"

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

    def forward(self, output: Any, target: Any) -> Tensor:
        """The loss, an array without axes unless `reduction` is "none"."""
        output = output if isinstance(output, Tensor) else tensor(output)
        target = target if isinstance(target, Tensor) else tensor(target)
        if output.shape != target.shape:
            raise ArgumentValueError(
                f"the target must have the shape of the output, {output.shape}, got {target.shape}"
            )
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
