"""Nonlinear functions of one number, as formulas of rows of the op table; torch's, edges included.

Each is for Values; `nn.functional` has them for arrays, `nn.activations` as modules.
"""

from __future__ import annotations

import math
from typing import Any

from micrograd.functions import VALUES

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
_LINEAR = 20.0  # beyond which softplus is linear


def relu6(v: Any) -> Any:
    """0 below 0, 6 above 6."""
    return hardtanh(v, 0.0, 6.0)


def hardtanh(v: Any, low: float = -1.0, high: float = 1.0) -> Any:
    """Not below `low`, not above `high`; there and beyond the derivative is 0."""
    inner = VALUES.select(VALUES.less_equal(v, low), low, v)
    return VALUES.select(VALUES.less_equal(high, v), high, inner)


def elu(v: Any, alpha: float = 1.0) -> Any:
    """`v` above 0, below it alpha (exp(v) - 1)."""
    return _exponential(v, alpha, 1.0, 1.0)


def selu(v: Any) -> Any:
    """Elu, scaled so that mean 0 and variance 1 stay."""
    return _exponential(v, _SELU_ALPHA, _SELU_SCALE, 1.0)


def celu(v: Any, alpha: float = 1.0) -> Any:
    """`v` above 0, below it alpha (exp(v / alpha) - 1)."""
    return _exponential(v, alpha, 1.0, 1.0 / alpha)


def _exponential(v: Any, alpha: float, scale: float, rate: float) -> Any:
    positive = VALUES.less(0.0, v)
    below = VALUES.select(positive, 0.0, v)  # exp of a large number would be infinite
    bent = ((below * rate).exp() - 1.0) * (alpha * scale)
    return VALUES.select(positive, v * scale, bent)


def gelu(v: Any, approximate: str = "none") -> Any:
    """`v` times the probability that a normal number is below it."""
    if approximate == "tanh":
        inner = (v + v**3 * 0.044715) * math.sqrt(2 / math.pi)
        return v * 0.5 * (inner.tanh() + 1.0)
    return v * 0.5 * ((v * math.sqrt(0.5)).erf() + 1.0)


def silu(v: Any) -> Any:
    """`v` sigmoid(v)."""
    return v * v.sigmoid()


def mish(v: Any) -> Any:
    """`v` tanh(softplus(v))."""
    return v * v.softplus().tanh()


def softplus(v: Any, beta: float = 1.0, threshold: float = _LINEAR) -> Any:
    """log(1 + exp(beta v)) / beta; linear where beta v is above the threshold."""
    if threshold == _LINEAR:
        return v.softplus() if beta == 1 else (v * beta).softplus() / beta
    scaled = v * beta
    far = VALUES.less(threshold, scaled)
    return VALUES.select(far, v, (VALUES.select(far, 0.0, scaled).exp() + 1.0).log() / beta)


def softsign(v: Any) -> Any:
    """`v` / (1 + |v|)."""
    return v / (abs(v) + 1.0)


def logsigmoid(v: Any) -> Any:
    """Log sigmoid(v), accurate for numbers of any size."""
    positive = VALUES.less(0.0, v)
    tail = VALUES.select(positive, -v, v).softplus()
    return VALUES.select(positive, 0.0, v) - tail


def hardsigmoid(v: Any) -> Any:
    """The line v / 6 + 1 / 2 between 0 and 1."""
    return hardtanh(v, -3.0, 3.0) / 6.0 + 0.5


def hardswish(v: Any) -> Any:
    """`v` hardsigmoid(v)."""
    return v * hardsigmoid(v)


def tanhshrink(v: Any) -> Any:
    """`v` - tanh(v)."""
    return v - v.tanh()


def prelu(v: Any, weight: Any) -> Any:
    """`v` above 0, below it weight v."""
    return VALUES.select(VALUES.less(0.0, v), v, weight * v)
