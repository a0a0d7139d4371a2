"""What a kernel reads and writes: its accesses, and the addresses that each of them covers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.nest.program import (
    Access,
    Contraction,
    Elementwise,
    Gather,
    Integers,
    Kernel,
    Maximum,
    OneHot,
    Ragged,
    Statement,
)


@dataclass(frozen=True, slots=True)
class Span:
    """Addresses of a space from low to high, both included, at most every step-th of them."""

    space: str
    low: int
    high: int
    step: int = 1  # 0 where low is high

    def meets(self, other: Span) -> bool:
        """False if no address is in both; True may be said where none is."""
        if self.space != other.space or self.high < other.low or other.high < self.low:
            return False
        step = math.gcd(self.step, other.step)
        return step <= 1 or (self.low - other.low) % step == 0


def span(access: Access, extents: tuple[int, ...]) -> Span:
    """The addresses that an access covers; extents are at least 1."""
    ends = [(n - 1) * stride for n, stride in zip(extents, access.strides, strict=True) if stride]
    low = access.base + sum(end for end in ends if end < 0)
    high = access.base + sum(end for end in ends if end > 0)
    steps = [stride for n, stride in zip(extents, access.strides, strict=True) if n > 1]
    return Span(access.space, low, high, math.gcd(*steps))


def statement_reads(statements: Sequence[Statement]) -> list[Access]:
    """What statements read, and what they add to."""
    reads = [access for s in statements for access in s.inputs]
    return reads + [s.out for s in statements if s.accumulate]


def affine_reads(kernel: Kernel) -> list[Access]:
    """The affine accesses that a kernel reads, what it adds to included."""
    match kernel:
        case Elementwise():
            return statement_reads(kernel.statements)
        case Contraction():
            reads = [kernel.u] if kernel.v is None else [kernel.u, kernel.v]
            if kernel.accumulate:
                reads.append(kernel.out)
            return reads + statement_reads(kernel.after)
        case Maximum():
            return [kernel.u]
        case OneHot():
            return [kernel.ids]
        case Gather() | Ragged():
            return []


def affine_writes(kernel: Kernel) -> list[Access]:
    """The affine accesses that a kernel writes; of a reduction, 0 strides mean one address."""
    match kernel:
        case Elementwise():
            return [s.out for s in kernel.statements]
        case Contraction():
            return [kernel.out, *(s.out for s in kernel.after)]
        case Maximum() | OneHot():
            return [kernel.out]
        case Gather() | Ragged():
            return []


def operands_listed(kernel: Kernel) -> list[tuple[str, Integers]]:
    """The addresses of operands that a kernel takes one by one, by space."""
    match kernel:
        case Gather():
            return [(kernel.space, kernel.index)]
        case Ragged():
            factors = [(kernel.u_space, kernel.u)]
            return factors if kernel.v is None else [*factors, (kernel.v_space, kernel.v)]
        case _:
            return []


def listed_reads(kernel: Kernel) -> list[tuple[str, Integers]]:
    """The addresses that a kernel reads one by one, by space; what it adds to included."""
    written = block_written(kernel)
    if written and isinstance(kernel, Ragged) and kernel.accumulate:
        return [*operands_listed(kernel), ("work", np.arange(written.low, written.high + 1))]
    return operands_listed(kernel)


def block_written(kernel: Kernel) -> Span | None:
    """The range of work that a kernel with listed reads writes; None for the other kernels."""
    match kernel:
        case Gather():
            return Span("work", kernel.base, kernel.base + len(kernel.index) - 1)
        case Ragged():
            return Span("work", kernel.base, kernel.base + len(kernel.start) - 2)
        case _:
            return None
