"""softmax, and what is computed with it: exponentials of numbers less their largest."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.engine import Value, make_leaf
from micrograd.tensors.dtypes import FLOAT
from micrograd.tensors.elements import filled
from micrograd.tensors.shapes import axis_of

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor

from micrograd.tensors.reductions import Elements, reduced


def shifted(row: Elements) -> Elements:
    """The row minus its largest number, so that `exp` cannot overflow.

    The largest is detached: softmax does not depend on a shift, and so neither do its derivatives.
    """
    largest = _builtin_max(v.data for v in row)
    return [v - largest for v in row]


def log_total(row: Elements) -> tuple[Elements, Value]:
    """The shifted row, and log Σ exp of it."""
    near = shifted(row)
    return near, reduce(operator.add, [v.exp() for v in near]).log()


def along(x: Tensor, dim: int, f: Callable[[Elements], Elements], op: str) -> Tensor:
    """What `f` makes of each row along an axis; a number counts as a row of one."""
    k = axis_of(x, dim)
    if not x.numel():
        return x._result(x._values, (), op, FLOAT)
    rows = np.moveaxis(x._values.reshape(x.shape or (1,)), k, -1)
    made = [v for row in rows.reshape(-1, rows.shape[-1]).tolist() for v in f(row)]
    values = np.moveaxis(filled(rows.shape, made), -1, k).reshape(x.shape)
    return x._result(values, (), op, FLOAT)


def softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x), the sum along an axis."""
    return along(x, dim, _soft, "Softmax")


def _soft(row: Elements) -> Elements:
    exponentials = [v.exp() for v in shifted(row)]
    total = reduce(operator.add, exponentials)
    return [e / total for e in exponentials]


def log_softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """X - log Σ exp(x), the sum along an axis."""

    def each(row: Elements) -> Elements:
        near, total = log_total(row)
        return [v - total for v in near]

    return along(x, dim, each, "LogSoftmax")


def logsumexp(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """Log Σ exp(x) over axes."""

    def each(row: Elements) -> Value:
        if not row:
            return make_leaf(-math.inf)
        largest = _builtin_max(v.data for v in row)
        known = largest if not isinstance(largest, Value) else 0.0
        largest = largest if math.isfinite(known) else 0.0
        return reduce(operator.add, [(v - largest).exp() for v in row]).log() + largest

    return reduced(x, dim, keepdim, each, "Logsumexp", FLOAT)


def _builtin_max(numbers: Any) -> Any:
    return builtins.max(numbers)  # the compiler watches the name there
