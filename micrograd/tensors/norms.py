"""Lengths of rows of elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from micrograd.functions import VALUES
from micrograd.tensors import reductions
from micrograd.tensors.dtypes import FLOAT
from micrograd.tensors.pointwise import absolute

if TYPE_CHECKING:
    from micrograd.tensors.tensor import Tensor

from micrograd.tensors.extremes import amax, amin
from micrograd.tensors.reductions import (
    Elements,
    reduced,
    root_of_sum,
    total_of,
)


def norm(x: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over axes; the derivative where it is 0 is 0, as in torch.

    Of p = ∞ the largest |x|, of -∞ the least, of 0 how many are not 0.
    """
    power = 2.0 if p in ("fro", None) else float(p)
    if math.isinf(power):
        return (amax if power > 0 else amin)(absolute(x), dim, keepdim)
    if power == 0.0:
        return reductions.sum(x._each(lambda v: 1.0 - VALUES.equal(v, 0.0)), dim, keepdim)
    if power == 1.0:
        return reductions.sum(absolute(x), dim, keepdim)
    return reduced(x, dim, keepdim, lambda row: _length(row, power), "LinalgVectorNorm", FLOAT)


def _length(row: Elements, p: float) -> Any:
    if p == 2.0:
        return root_of_sum(total_of([v**2 for v in row]))
    return root_of_sum(total_of([abs(v) ** p for v in row]), lambda v: v ** (1 / p))
