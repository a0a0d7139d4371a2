"""What the operations of a recording read, one after the other, whatever number each takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from micrograd.compiler.codes import Hashes, Ids, mixed
from micrograd.compiler.trace.recording import CHOICES, Recording


@dataclass(frozen=True, slots=True, eq=False)
class FlatOperands:
    """The codes that operation n reads are `codes[first[n]:first[n + 1]]`."""

    codes: Ids
    first: Ids

    @staticmethod
    def of(r: Recording) -> FlatOperands:
        """Those of a recording."""
        each = np.stack([r.a, r.b, r.c], 1)
        counts = (each >= 0).sum(1)
        for n, codes in r.many.items():
            counts[n] = len(codes)
        first = np.concatenate([[0], np.cumsum(counts)])
        out = np.zeros(int(first[-1]), np.int64)
        plain = np.ones(len(r), bool)
        plain[list(r.many)] = False
        own = np.repeat(plain, counts)
        out[own] = each[plain][each[plain] >= 0]
        for n, codes in r.many.items():
            out[first[n] : first[n + 1]] = codes
        return FlatOperands(out, first)

    def read_by(self, start: int, end: int) -> Ids:
        """What the operations from `start` up to `end` read."""
        return self.codes[self.first[start] : self.first[end]]


def signatures(r: Recording, flat: FlatOperands) -> Hashes:
    """Of each operation what it does, whatever it does it to."""
    static = np.nan_to_num(r.static, nan=-7.5e77).view(np.int64)
    taken = np.diff(flat.first) * 2 + r.stop
    sides = np.zeros(len(r), np.int64)
    sides[r.sides] = 1
    chosen = np.where(r.a >= CHOICES, 1, 0) + 2 * sides
    return mixed(mixed(r.row) + mixed(static) * np.uint64(5)) + mixed(taken + (chosen << 32))
