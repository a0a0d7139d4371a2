"""`where`, `maximum`, `minimum`: choices between two sides, of numbers and of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd import functions
from micrograd.tensors import pointwise
from micrograd.tensors.indexing import nonzero
from micrograd.tensors.tensor import Tensor


def where(condition: Any, a: Any = None, b: Any = None) -> Any:
    """`a` where the condition holds, else `b`; of arrays element by element, broadcast.

    The condition is a bool, a number or a Value (all but 0 is true), or an array of these. Both
    sides are computed, but gradients flow to the one that is taken and nowhere else: a logarithm
    of 0 on the other one makes no nan. In a compiled function both are part of the program, and the
    condition decides at every run. The result is a Value; an array of Values if an argument is an
    array, and a Tensor if one is. Of a Tensor alone, the indices where it holds, as in torch.
    Raises ArgumentTypeError for what is no number.

    >>> from micrograd import Value
    >>> x = Value(0.0)
    >>> y = where(x > 0, x * x.log(), 0.0)
    >>> y.backward()
    >>> y.data, x.grad
    (0.0, 0.0)
    """
    if a is None and b is None and isinstance(condition, Tensor):
        return nonzero(condition, as_tuple=True)
    given = (condition, a, b)
    first = next((x for x in given if isinstance(x, Tensor)), None)
    if first is not None:
        return pointwise.where(first._as_tensor(condition), a, b)
    if not any(isinstance(x, np.ndarray) for x in given):
        return functions.where(*given)
    return pointwise.CHOSEN(*given)


def maximum(a: Any, b: Any) -> Any:
    """The larger one, of arrays element by element; nan if either is. A tie splits the gradient.

    Half and half, as in torch.
    """
    return _of_both("maximum", a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller one, of arrays element by element; nan if either is. A tie splits the gradient.

    Half and half, as in torch.
    """
    return _of_both("minimum", a, b)


def _of_both(name: str, a: Any, b: Any) -> Any:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        first, second = (a, b) if isinstance(a, Tensor) else (b._as_tensor(a), b)
        return getattr(first, name)(second)
    return getattr(functions, name)(a, b)
