"""Which kernel read, and which wrote, each address of each space last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from micrograd.compiler.nest.program import Access, Kernel, Program
from micrograd.compiler.nest.spans import affine_reads, affine_writes, block_written, listed_reads

Times = NDArray[np.int32]
NEVER = np.iinfo(np.int32).max


class Touches:
    """When each address was touched: the number that each kernel was noted with, -1 before."""

    def __init__(self, program: Program) -> None:
        sizes = {**program.sizes, "work": len(program.work)}
        self.first_read = {space: np.full(size, NEVER, np.int32) for space, size in sizes.items()}
        self.read = {space: np.full(size, -1, np.int32) for space, size in sizes.items()}
        self.written = {space: np.full(size, -1, np.int32) for space, size in sizes.items()}

    def last_before(self, kernel: Kernel) -> int:
        """The last that wrote what the kernel reads or writes, or read what it writes."""
        extents: tuple[int, ...] = getattr(kernel, "extents", ())
        before = [latest(self.written, a, extents) for a in affine_reads(kernel)]
        for access in affine_writes(kernel):
            before.append(latest(self.written, access, extents))
            before.append(latest(self.read, access, extents))
        for space, addresses in listed_reads(kernel):
            before.append(int(self.written[space][addresses].max()))
        block = block_written(kernel)
        if block:
            part = slice(block.low, block.high + 1)
            before.append(int(self.written[block.space][part].max()))
            before.append(int(self.read[block.space][part].max()))
        return max(before)

    def note(self, kernel: Kernel, time: int) -> None:
        """The kernel touches what it touches at that time, which may be before the last one."""
        extents: tuple[int, ...] = getattr(kernel, "extents", ())
        for access in affine_reads(kernel):
            part = view(self.read[access.space], access, extents)
            np.maximum(part, time, out=part)
            part = view(self.first_read[access.space], access, extents)
            np.minimum(part, time, out=part)
        for access in affine_writes(kernel):
            view(self.written[access.space], access, extents)[...] = time
        for space, addresses in listed_reads(kernel):
            self.read[space][addresses] = np.maximum(self.read[space][addresses], time)
            first = self.first_read[space]
            first[addresses] = np.minimum(first[addresses], time)
        block = block_written(kernel)
        if block:
            self.written[block.space][block.low : block.high + 1] = time


def view(times: NDArray[Any], access: Access, extents: Iterable[int]) -> NDArray[Any]:
    """The entries of the addresses of an access, each once unless its strides repeat it."""
    axes = [(n, s) for n, s in zip(extents, access.strides, strict=True) if s and n > 1]
    shape = [n for n, _ in axes]
    return as_strided(times[access.base :], shape, [s * times.itemsize for _, s in axes])


def latest(times: dict[str, Times], access: Access, extents: tuple[int, ...]) -> int:
    """The last time of all the addresses of an access."""
    return int(view(times[access.space], access, extents).max())
