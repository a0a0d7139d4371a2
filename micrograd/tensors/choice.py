"""`where`: a choice between two sides, of numbers and of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd import functions
from micrograd.tensors.tensor import Tensor

_elementwise = np.frompyfunc(functions.where, 3, 1)


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`; of arrays element by element, broadcast.

    The condition is a bool, a number or a Value (all but 0 is true), or an array of these. Both
    sides are computed, but gradients flow to the one that is taken and nowhere else: a logarithm
    of 0 on the other one makes no nan. In a compiled function both are part of the program, and the
    condition decides at every run. The result is a Value; an array of Values if an argument is an
    array, and a Tensor if one is. Raises ArgumentTypeError for what is no number.

    >>> from micrograd import Value
    >>> x = Value(0.0)
    >>> y = where(x > 0, x * x.log(), 0.0)
    >>> y.backward()
    >>> y.data, x.grad
    (0.0, 0.0)
    """
    given = (condition, a, b)
    if not any(isinstance(x, Tensor | np.ndarray) for x in given):
        return functions.where(*given)
    chosen = _elementwise(*[x._values if isinstance(x, Tensor) else x for x in given])
    if not any(isinstance(x, Tensor) for x in given):
        return chosen
    return Tensor(chosen, any(isinstance(x, Tensor) and x.requires_grad for x in (a, b)))
