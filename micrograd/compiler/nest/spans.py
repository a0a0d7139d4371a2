"""What a nest reads and writes: its affine operands, and the addresses that each of them covers."""

from __future__ import annotations

import math
from typing import NamedTuple

from micrograd.compiler.nest.ir import Affine, Listed, Nest, Shape, Space


class Span(NamedTuple):
    """Addresses of a space from low to high, both included, at most every step-th of them."""

    space: Space
    low: int
    high: int
    step: int = 1  # 0 where low is high

    def meets(self, other: Span) -> bool:
        """False if no address is in both; True may be said where none is."""
        if self.space is not other.space or self.high < other.low or other.high < self.low:
            return False
        step = math.gcd(self.step, other.step)
        return step <= 1 or (self.low - other.low) % step == 0


def span(x: Affine, extents: Shape) -> Span:
    """The addresses that an operand covers; extents are at least 1."""
    low = high = x.base
    step = 0
    for n, stride in zip(extents, x.strides, strict=True):
        if n > 1 and stride:
            step = math.gcd(step, stride)
            if stride < 0:
                low += (n - 1) * stride
            else:
                high += (n - 1) * stride
    return Span(x.space, low, high, step)


def reads(nest: Nest) -> list[Affine]:
    """The affine operands that a nest reads, what it adds to included."""
    found = [x for s in nest.body for x in s.inputs if isinstance(x, Affine)]
    return found + [s.out for s in nest.body if s.accumulate]


def writes(nest: Nest) -> list[Affine]:
    """What a nest writes; of a reduction, 0 strides mean one address."""
    return [s.out for s in nest.body]


def listed(nest: Nest) -> list[Listed]:
    """The operands that a nest takes one by one."""
    return [x for s in nest.body for x in s.inputs if isinstance(x, Listed)]
