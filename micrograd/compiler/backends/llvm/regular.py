"""What is regular in listed addresses: neighbours that vectors can take the place of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.nest.ir import Integers, Listed

SIZES = (16, 8, 4)  # of the vectors looked for


@dataclass(frozen=True, slots=True)
class Alike:
    """So many rows at a time are as long as the first, at addresses that differ by the strides."""

    rows: int = 1
    u: int = 0
    v: int = 0


def run_length(index: Integers, lanes: int) -> int:
    """A size such that all runs of it, from the first on, lie one after the other; or 1."""
    for size in SIZES:
        if size <= lanes and len(index) >= size:
            runs = index[: len(index) // size * size].reshape(-1, size)
            if (np.diff(runs) == 1).all():
                return size
    return 1


def rows_alike(starts: Integers, factors: Sequence[Listed], lanes: int) -> Alike:
    """The largest groups of rows that differ by strides of 0 and 1 only."""
    count = len(starts) - 1
    lengths = np.diff(starts)
    row = np.repeat(np.arange(count), lengths)
    for size in SIZES:
        if size > lanes or count % size or np.ptp(lengths.reshape(-1, size), axis=1).any():
            continue
        lane = row % size
        first = np.arange(len(row)) - starts[row] + starts[row - lane]
        strides = [_stride(x.index, first, lane) for x in factors]
        known = [stride for stride in strides if stride is not None]
        if len(known) == len(strides):
            return Alike(size, *known)
    return Alike()


def _stride(addresses: Integers, first: Integers, lane: Integers) -> int | None:
    """0 or 1, if the addresses of all rows differ by that from those of the first."""
    apart = addresses - addresses[first]
    if not apart.any():
        return 0
    return 1 if (apart == lane).all() else None
