"""Gradients cut to a length, parameters as one row: `torch.nn.utils`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tensors.shapes import cat
from micrograd.tensors.tensor import Tensor, tensor


def _with_gradients(parameters: Any) -> list[tuple[Any, np.ndarray[Any, Any]]]:
    given: list[Any] = [parameters] if isinstance(parameters, Tensor | Value) else list(parameters)
    wrong = next((p for p in given if not isinstance(p, Tensor | Value)), None)
    if wrong is not None:
        raise ArgumentTypeError(
            f"parameters must be Values or arrays of them, got {type(wrong).__name__}: "
            f"{wrong!r:.80}; write model.parameters()"
        )
    known = [(p, p.grad) for p in given if p.grad is not None]
    return [(p, np.array(g) if isinstance(p, Value) else g.numpy()) for p, g in known]


def _put(p: Any, gradient: np.ndarray[Any, Any]) -> None:
    p.grad = float(gradient) if isinstance(p, Value) else gradient


def clip_grad_norm_(parameters: Any, max_norm: float, norm_type: float = 2.0) -> Tensor:
    """Shrink all gradients by one factor if they are longer than `max_norm` together.

    Of Values, of arrays of them, or of both.

    Returns their length before. Source: Pascanu, Mikolov and Bengio, ICML 2013.

    >>> from micrograd import nn
    >>> p = nn.Parameter([3.0, 4.0])
    >>> (p * p).sum().backward()
    >>> clip_grad_norm_([p], 1.0), p.grad
    (tensor(10.), tensor([0.6000, 0.8000]))
    """
    found = _with_gradients(parameters)
    lengths = [float(np.linalg.norm(g.ravel(), norm_type)) for _, g in found]
    total = float(np.linalg.norm(np.array(lengths), norm_type)) if lengths else 0.0
    factor = max_norm / (total + 1e-6)
    if factor < 1.0:
        for p, g in found:
            _put(p, g * factor)
    return tensor(total)


def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Bring each gradient to the range from -clip_value to clip_value."""
    if not clip_value >= 0 or math.isnan(clip_value):
        raise ArgumentValueError(f"clip_value must be 0 or more, got {clip_value!r}")
    for p, g in _with_gradients(parameters):
        _put(p, np.clip(g, -clip_value, clip_value))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters in one row."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Set all parameters from one row."""
    numbers, start = vec.detach().numpy(), 0
    for p in parameters:
        p.data = numbers[start : start + p.numel()].reshape(p.shape)
        start += p.numel()
