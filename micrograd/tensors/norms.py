"""Lengths of rows of elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from micrograd.engine import Value, make_leaf
from micrograd.functions import VALUES
from micrograd.tensors import reductions
from micrograd.tensors.dtypes import FLOAT
from micrograd.tensors.pointwise import absolute, number_of

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor

from micrograd.tensors.extremes import amax
from micrograd.tensors.reductions import (
    Elements,
    reduced,
    total_of,
)


def norm(x: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over axes; the derivative where it is 0 is 0, as in torch."""
    power = 2.0 if p in ("fro", None) else float(p)
    if power == math.inf:
        return amax(absolute(x), dim, keepdim)
    if power == 1.0:
        return reductions.sum(absolute(x), dim, keepdim)
    return reduced(x, dim, keepdim, lambda row: _length(row, power), "LinalgVectorNorm", FLOAT)


def _length(row: Elements, p: float) -> Value:
    if p == 2.0:
        total = total_of([v**2 for v in row])
        root: Callable[[Any], Any] = lambda v: v.sqrt()  # noqa: E731
    else:
        total = total_of([abs(v) ** p for v in row])
        root = lambda v: v ** (1 / p)  # noqa: E731
    number = number_of(total)
    if number is not None:
        return root(total) if number else make_leaf(0.0)
    flat = VALUES.equal(total, 0.0)
    return VALUES.select(flat, 0.0, root(VALUES.select(flat, 1.0, total)))  # type: ignore[no-any-return]
