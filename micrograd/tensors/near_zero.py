"""Functions that are there for small numbers, of rows that keep their digits: within 4 ulp.

`exp(x) - 1` and `log(1 + x)` as they stand have lost all digits of an x of 1e-17.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

NEAR = 0.01  # below, `log1p_series` is used: its first term left out is NEAR**9 / 10


def expm1(x: Any) -> Any:
    """exp(x) - 1, as tanh(x / 2) (exp(x) + 1).

    >>> from micrograd import Value
    >>> expm1(Value(1e-20)).data
    1e-20
    """
    return (x * 0.5).tanh() * (x.exp() + 1.0)


def sinh(x: Any) -> Any:
    """(exp(x) - exp(-x)) / 2, as tanh(x) cosh(x)."""
    return x.tanh() * ((x.exp() + (-x).exp()) / 2.0)


def log1p_series(x: Any) -> Any:
    """The series x - x²/2 + x³/3 - … of log(1 + x), for |x| < NEAR: within 64 ulp."""
    return x * reduce(lambda rest, k: 1.0 / k - x * rest, range(9, 0, -1), 0.1)
