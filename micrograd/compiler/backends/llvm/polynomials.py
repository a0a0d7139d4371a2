"""The polynomials that elementary functions are made of, computed when they are first needed.

Each is the one through the function at Chebyshev's points, which errs little more than the best of
its degree. Source: Trefethen, "Approximation Theory and Approximation Practice", chapters 4 and 16.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

DIGITS = 60  # of which differences of nearly equal numbers may lose half


def fitted(
    f: Callable[[Decimal], Decimal], low: float, high: float, count: int
) -> tuple[float, ...]:
    """So many coefficients, from the highest power down, of f from `low` to `high`.

    >>> fitted(lambda x: 3 * x * x - x, -1.0, 2.0, 3)
    (3.0, -1.0, 0.0)
    """
    with localcontext() as context:
        context.prec = DIGITS
        turns = [math.cos(math.pi * (k + 0.5) / count) for k in range(count)]
        points = [Decimal(low) + Decimal(high - low) * (1 + Decimal(x)) / 2 for x in turns]
        differences = [f(x) for x in points]  # divided ones, after Newton
        for j in range(1, count):
            for i in range(count - 1, j - 1, -1):
                apart = points[i] - points[i - j]
                differences[i] = (differences[i] - differences[i - 1]) / apart
        powers = [Decimal(0)]
        for x, difference in zip(reversed(points), reversed(differences), strict=True):
            moved = zip([*powers, Decimal(0)], [Decimal(0), *powers], strict=True)
            powers = [a - x * b for a, b in moved]
            powers[-1] += difference
        return tuple(float(c) + 0.0 for c in powers[-count:])


def exp_rest(r: Decimal) -> Decimal:
    """(e**r - 1 - r) / r²."""
    return (r.exp() - 1 - r) / (r * r)


def log_rest(z: Decimal) -> Decimal:
    """(ln((1 + s) / (1 - s)) / s - 2) / s², of z = s²."""
    s = z.sqrt()
    return (((1 + s) / (1 - s)).ln() / s - 2) / z


def tanh_rest(z: Decimal) -> Decimal:
    """(tanh(x) / x - 1) / x², of z = x²."""
    x = z.sqrt()
    e = (2 * x).exp()
    return ((e - 1) / (e + 1) / x - 1) / z
