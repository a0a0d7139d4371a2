"""Losses of classifiers: cross entropies of two classes and of several."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.engine import Value, make_leaf
from micrograd.errors import ArgumentValueError, ShapeError
from micrograd.functions import VALUES
from micrograd.nn.losses import Loss, known_numbers
from micrograd.tensors.chosen import entry_at
from micrograd.tensors.elements import filled
from micrograd.tensors.pointwise import number_of
from micrograd.tensors.tensor import Tensor

UNUSED = -100  # the class to ignore that nobody has asked for


class _Probabilities(Loss):
    """A loss against probabilities; `weight` multiplies the loss of each element."""

    def __init__(self, weight: Any = None, reduction: str = "mean", **older: Any) -> None:
        if isinstance(weight, str):  # reduction, which comes first in other losses
            weight, reduction = None, weight
        super().__init__(reduction, **older)
        self.weight = weight

    def check(self, output: Tensor, target: Tensor) -> None:
        """Raise an ArgumentValueError if the target does not fit the output."""
        super().check(output, target)
        self.check_numbers(np.array(known_numbers(target), np.float64))

    def check_numbers(self, target: NDArray[np.float64]) -> None:
        """Raise an ArgumentValueError for a target that is no probability."""
        wrong = target[(target < 0.0) | (target > 1.0)]
        if wrong.size:
            raise ArgumentValueError(
                "the target must hold probabilities from 0 to 1, such as the labels 0 and 1, got "
                f"{wrong.flat[0]:g}"
            )

    def reduced(self, losses: Tensor, target: Tensor) -> Tensor:
        """The weighted losses, or their mean or sum."""
        return super().reduced(losses if self.weight is None else losses * self.weight, target)


class BCEWithLogitsLoss(_Probabilities):
    """Binary cross entropy: the mean of -y log s - (1 - y) log(1 - s), where s = sigmoid(output).

    The target y is a probability, 0 or 1 for a known class; an ArgumentValueError is raised for
    others, with which the loss has no minimum. Accurate for logits of any size. `pos_weight`
    multiplies the first term: `torch.nn.BCEWithLogitsLoss`.

    >>> from micrograd import nn, tensor
    >>> nn.BCEWithLogitsLoss(reduction="none")(tensor([0.0, 1000.0]), tensor([1.0, 0.0]))
    tensor([6.9315e-01, 1.0000e+03])
    """

    formula = "log(1 + exp(out)) − y × out"
    derivative = "(sigmoid(out) − y)"
    operation = "BinaryCrossEntropyWithLogits"

    def __init__(
        self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None, **older: Any
    ) -> None:
        super().__init__(weight, reduction, **older)
        self.pos_weight = pos_weight

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """max(x, 0) - x y + log(1 + exp(-|x|)).

        Written without the kinks of max and abs at 0, where the loss has derivatives of any order.
        """
        weights: Any = [None] * output.numel()
        if self.pos_weight is not None:
            given = output._as_tensor(self.pos_weight)
            weights = np.broadcast_to(given._values, output.shape).flat
        losses = []
        for x, y, w in zip(output._values.flat, target._values.flat, weights, strict=True):
            positive = VALUES.less(0.0, x)
            tail = VALUES.select(positive, -x, x).softplus()
            if w is None:
                losses.append(x * (positive - y) + tail)
            else:
                rest = tail - VALUES.select(positive, 0.0, x)  # log(1 + exp(-x))
                losses.append((1.0 - y) * x + ((w - 1.0) * y + 1.0) * rest)
        return output._tracked(filled(tuple(output.shape), losses), target)


class BCELoss(_Probabilities):
    """Binary cross entropy of probabilities: the mean of -y log p - (1 - y) log(1 - p).

    Logarithms are not below -100, and derivatives are divided by no less than 1e-12, as in torch.
    Raises an ArgumentValueError for an output or a
    target that is no probability. `BCEWithLogitsLoss` takes what a sigmoid would be given, and is
    accurate where p is close to 0 or 1.

    >>> from micrograd import nn, tensor
    >>> nn.BCELoss(reduction="none")(tensor([0.5, 1.0]), tensor([1.0, 0.0]))
    tensor([  0.6931, 100.0000])
    """

    formula = "−y log(out) − (1 − y) log(1 − out)"
    derivative = "(out − y) / (out (1 − out))"
    operation = "BinaryCrossEntropy"

    def check(self, output: Tensor, target: Tensor) -> None:
        """Raise an ArgumentValueError for what does not fit or is no probability."""
        super().check(output, target)
        for p in known_numbers(output):
            if not 0.0 <= p <= 1.0 and p == p:
                raise ShapeError(
                    f"all elements of the output must be between 0 and 1, got {p:g}: put a sigmoid "
                    "before the loss, or use BCEWithLogitsLoss"
                )

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """Of each pair."""
        losses = [
            _of_probability(p, y)
            for p, y in zip(output._values.flat, target._values.flat, strict=True)
        ]
        return output._tracked(filled(tuple(output.shape), losses), target)


LEAST = 1e-12  # what the derivative of a cross entropy is divided by, at least


def _of_probability(p: Any, y: Any) -> Any:
    number = number_of(p)
    if number is not None:
        near = number * (1.0 - number) < LEAST
        return _near_certain(p, y) if near else _cross_entropy(p, y)
    near = VALUES.less(p * (1.0 - p), LEAST)
    inside = VALUES.select(near, 0.5, p)
    return VALUES.select(near, _near_certain(p, y), _cross_entropy(inside, y))


def _cross_entropy(p: Any, y: Any) -> Any:
    return (y - 1.0) * (1.0 - p).log() - y * p.log()


def _near_certain(p: Any, y: Any) -> Any:
    """The same where p is 0 or 1, or almost: a line of the slope (p - y) / LEAST."""
    at = p.detach()
    no, yes = (_log(v).detach() for v in (1.0 - at, at))
    slope = (at - y.detach()) / LEAST
    return (y - 1.0) * no - y * yes + slope * (p - at)


def _log(v: Any) -> Any:
    """Log v, not below -100."""
    log = v.log()
    return VALUES.select(VALUES.less(log, -100.0), -100.0, log)


class NLLLoss(Loss):
    """The mean over the samples of -x at the sample's class, where x are log-probabilities.

    The output has the shape (N, C), or (N, C, …) with a class each place, or (C,) for one sample.
    The target is the classes, whole numbers from 0 to C - 1. `weight` has one for each class and
    the mean is weighted; samples of the class `ignore_index` do not count. Raises an
    ArgumentValueError for other shapes, for an empty batch, and for a class that there is not.

    >>> from micrograd import nn, tensor
    >>> nn.NLLLoss()(tensor([[-1.0, -2.0], [-3.0, -4.0]]), tensor([0, 1]))
    tensor(2.5000)
    """

    formula = "−out[y]"
    derivative = "−[class = y]"
    takes_classes = True
    operation = "NllLoss"

    def __init__(
        self, weight: Any = None, reduction: str = "mean", ignore_index: int = UNUSED, **older: Any
    ) -> None:
        if isinstance(weight, str):
            weight, reduction = None, weight
        super().__init__(reduction, **older)
        self.weight = None if weight is None else Tensor(weight)
        self.ignore_index = ignore_index

    def terms(self, shape: tuple[int, ...]) -> int:
        """One a sample."""
        return shape[0] if self.reduction == "mean" else 1

    def check(self, output: Tensor, target: Tensor) -> None:
        """Raise an ArgumentValueError if the target does not fit the output."""
        if not output.ndim:
            raise ArgumentValueError(
                f"the output must have the shape (samples, classes), got {tuple(output.shape)}"
            )
        classes = tuple(output.shape[:1] + output.shape[2:]) if output.ndim > 1 else ()
        if tuple(target.shape) not in self.shapes(output, classes):
            raise ArgumentValueError(
                f"the target must have the shape {classes}, a class each sample"
                + self.otherwise(output) + f", got {tuple(target.shape)}"
            )  # fmt: skip
        if tuple(target.shape) == classes and output.numel():
            self._check_classes(known_numbers(target), output.shape[min(1, output.ndim - 1)])

    def shapes(self, output: Tensor, classes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """The shapes that a target may have."""
        return (classes,)

    def otherwise(self, output: Tensor) -> str:
        """What else a target may be, for the error."""
        return ""

    def _check_classes(self, target: list[float], classes: int) -> None:
        for i, y in enumerate(target):
            if y == self.ignore_index:
                continue
            if not y.is_integer():
                raise ArgumentValueError(
                    f"the target must hold classes, whole numbers, got {y:g} for sample {i}"
                )
            if not 0 <= y < classes:
                raise ClassError(
                    f"the target must hold classes from 0 to {classes - 1}, got {y:g} for sample "
                    f"{i}"
                )

    def each(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each sample."""
        axis = min(1, output.ndim - 1)
        rows = np.moveaxis(output._values, axis, -1)
        shape = rows.shape[:-1]
        whole = target.shape != output.shape or (output.ndim == 1 and target.ndim == 0)
        wanted = target._values if whole else np.moveaxis(target._values, axis, -1)
        wanted = wanted.reshape(-1) if whole else wanted.reshape(-1, rows.shape[-1])
        losses = [
            self.of_sample(row, y, whole)
            for row, y in zip(rows.reshape(-1, rows.shape[-1]).tolist(), wanted.tolist(),
                              strict=True)
        ]  # fmt: skip
        return output._tracked(filled(shape, losses), target)

    def of_sample(self, row: list[Value], wanted: Any, whole: bool) -> Any:
        """The loss of one sample."""
        ignored = self._ignored(wanted)
        if ignored is True:
            return make_leaf(0.0)
        loss = -entry_at(row, wanted)
        return _unless(ignored, loss if self.weight is None else loss * self._weight(wanted))

    def _ignored(self, wanted: Any) -> Any:
        """Whether a class does not count; a Value where that is known at run time only."""
        number = number_of(wanted)
        if number is None and self.ignore_index != UNUSED:
            return VALUES.equal(wanted.data, float(self.ignore_index))
        return number == self.ignore_index

    def _weight(self, wanted: Any) -> Any:
        return 1.0 if self.weight is None else entry_at(self.weight._values.tolist(), wanted)

    def reduced(self, losses: Tensor, target: Tensor) -> Tensor:
        """The losses, or their sum, or their mean over what counts."""
        if self.reduction != "mean":
            return super().reduced(losses, target)
        if target.numel() != losses.numel():  # probabilities
            plain = self.weight is None
            return super().reduced(losses, target) if plain else losses.sum() / losses.numel()
        classes = target._values.ravel().tolist()
        ignored = [self._ignored(y) for y in classes]
        if self.weight is None and all(x is False for x in ignored):
            return super().reduced(losses, target)
        weights = [
            0.0 if x is True else _unless(x, self._weight(y))
            for x, y in zip(ignored, classes, strict=True)
        ]
        return losses.sum() / reduce(operator.add, weights)


def _unless(ignored: Any, x: Any) -> Any:
    """A number, or 0 where a sample turns out to be ignored at run time."""
    return x if ignored is False else VALUES.select(ignored, 0.0, x)


class ClassError(ArgumentValueError, IndexError):
    """A class that there is not; torch raises an IndexError."""


class CrossEntropyLoss(NLLLoss):
    """The mean over the samples of -log p, where p = softmax(output) at the sample's class.

    The output has the shape (N, C): a row of logits a sample, a logit a class; see `NLLLoss` for
    other shapes. The target is the classes, or probabilities of the shape of the output: then the
    loss of a sample is -Σ target log p. `label_smoothing` takes so much of each target and spreads
    it over all classes. Accurate for logits of any size. Raises
    an ArgumentValueError for other shapes, for an empty batch, and for a class that there is not.
    `torch.nn.CrossEntropyLoss`.

    >>> from micrograd import nn, tensor
    >>> logits = tensor([[0.0, 0.0], [1000.0, 0.0]])
    >>> nn.CrossEntropyLoss(reduction="none")(logits, tensor([0, 1]))
    tensor([6.9315e-01, 1.0000e+03])
    """

    formula = "log Σ exp(out) − out[y]"
    derivative = "(softmax(out) − [class = y])"

    def __init__(
        self, weight: Any = None, reduction: str = "mean", ignore_index: int = UNUSED,
        label_smoothing: float = 0.0, **older: Any,
    ) -> None:  # fmt: skip
        super().__init__(weight, reduction, ignore_index, **older)
        if not 0.0 <= label_smoothing <= 1.0:
            raise ArgumentValueError(
                f"label_smoothing must be a number from 0 to 1, got {label_smoothing!r}"
            )
        self.label_smoothing = label_smoothing

    def shapes(self, output: Tensor, classes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """The shapes that a target may have."""
        return classes, tuple(output.shape)

    def otherwise(self, output: Tensor) -> str:
        """What else a target may be, for the error."""
        return f", or {tuple(output.shape)}, probabilities"

    def of_sample(self, logits: list[Value], wanted: Any, whole: bool) -> Any:
        """The loss of one sample."""
        ignored = whole and self._ignored(wanted)
        if ignored is True:
            return make_leaf(0.0)
        largest = max(v.data for v in logits)
        row = [v - largest for v in logits]
        log_total = reduce(operator.add, [v.exp() for v in row]).log()
        part = self.label_smoothing
        if not whole:
            given = [p * (1.0 - part) + part / len(row) for p in wanted] if part else wanted
            return self._against(given, row, log_total)
        loss = log_total - entry_at(row, wanted)
        loss = loss if self.weight is None else loss * self._weight(wanted)
        if not part:
            return _unless(ignored, loss)
        spread = self._against([part / len(row)] * len(row), row, log_total)
        return _unless(ignored, loss * (1.0 - part) + spread)

    def _against(self, wanted: list[Any], row: list[Value], log_total: Value) -> Value:
        terms = [p * (log_total - v) for p, v in zip(wanted, row, strict=True)]
        if self.weight is not None:
            terms = [t * w for t, w in zip(terms, self.weight._values.tolist(), strict=True)]
        return reduce(operator.add, terms)  # type: ignore[no-any-return]
