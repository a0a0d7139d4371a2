"""What a nest reads and writes: its affine operands, which addresses each covers, and when."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.nest.ir import Affine, Listed, Nest, Program, Shape, Space


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


Times = NDArray[np.int32]
NEVER = np.iinfo(np.int32).max


class Touches:
    """When each address was touched: the number that each nest was noted with, -1 before."""

    def __init__(self, program: Program) -> None:
        sizes = program.all_sizes
        self.first_read = {space: np.full(size, NEVER, np.int32) for space, size in sizes.items()}
        self.read = {space: np.full(size, -1, np.int32) for space, size in sizes.items()}
        self.written = {space: np.full(size, -1, np.int32) for space, size in sizes.items()}

    def last_before(self, nest: Nest) -> int:
        """The last that wrote what the nest reads or writes, or read what it writes."""
        extents = nest.extents
        before = [latest(self.written, x, extents) for x in reads(nest)]
        before += [int(self.written[x.space][x.index].max(initial=-1)) for x in listed(nest)]
        for x in writes(nest):
            before.append(latest(self.written, x, extents))
            before.append(latest(self.read, x, extents))
        return max(before)

    def note(self, nest: Nest, time: int) -> None:
        """The nest touches what it touches at that time, which may be before the last one."""
        for x in reads(nest):
            part = view(self.read[x.space], x, nest.extents)
            np.maximum(part, time, out=part)
            part = view(self.first_read[x.space], x, nest.extents)
            np.minimum(part, time, out=part)
        for operand in listed(nest):
            at, space = operand.index, operand.space
            self.read[space][at] = np.maximum(self.read[space][at], time)
            self.first_read[space][at] = np.minimum(self.first_read[space][at], time)
        for x in writes(nest):
            view(self.written[x.space], x, nest.extents)[...] = time


def view(times: NDArray[Any], x: Affine, extents: Iterable[int]) -> NDArray[Any]:
    """The entries of the addresses of an operand, each once unless its strides repeat it."""
    axes = [(n, s) for n, s in zip(extents, x.strides, strict=True) if s and n > 1]
    if not axes:
        return times[x.base : x.base + 1].reshape(())
    if len(axes) == 1 and axes[0][1] > 0:
        n, step = axes[0]
        return times[x.base : x.base + (n - 1) * step + 1 : step]
    shape, size = [n for n, _ in axes], times.itemsize
    strides = [s * size for _, s in axes]
    return np.ndarray(shape, times.dtype, times, x.base * size, strides)


def latest(times: dict[Space, Times], x: Affine, extents: Shape) -> int:
    """The last time of all the addresses of an operand."""
    found = view(times[x.space], x, extents)
    return found.item() if found.size == 1 else int(found.max())
