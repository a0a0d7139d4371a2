"""Whether a graph is arrays: how wide its levels are, and its groups as they are found.

Where they are not wide, it may be computed in the order of its program (`sequential/`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.graph.graph import CONSTANT, Graph, levels

if TYPE_CHECKING:
    from micrograd.compiler.sequential.order import InOrder

FEW_GROUPS = 256  # of which it does not pay to ask whether they are arrays
DEEP = 192  # levels: of fewer it is not asked whether they are turns of arrays
FEW_MEMBERS = 4  # of a group on average: fewer are no arrays
MODERATE = 512  # uses of a level on average: of more it is not asked, in a batch, either
NARROW = 48  # uses of a level on average: fewer are no groups that are arrays
MOST_GROUPS = 20_000
FEW, PATIENCE = 48, 25  # nodes of a narrow level, and of how many one after the other it is asked


class NoArrays(Exception):  # noqa: N818  (a finding)
    """A graph whose groups have so few members that they are no arrays."""


def is_deep(g: Graph) -> bool:
    """Whether there are many levels, but not of very much: in a batch it is asked of a sample."""
    count = 1 + int(levels(g).max(initial=-1))
    return count > DEEP and len(g.node) + int((g.args >= 0).sum()) < MODERATE * count


def has_narrow_levels(level: NDArray[np.int32]) -> bool:
    """Whether there are many levels of few nodes, one after the other."""
    wide = np.flatnonzero(np.bincount(level) >= FEW)
    return bool(np.diff(wide, prepend=-1, append=int(level.max(initial=0)) + 1).max() > PATIENCE)


class Widths:
    """Whether groups are arrays, some levels at a time."""

    def __init__(
        self, level: NDArray[np.int32], kind: NDArray[np.int8], uses: int, otherwise: InOrder
    ) -> None:
        self._until = np.cumsum(np.bincount(level[kind > CONSTANT]))  # nodes, up to each level
        self._depth, self._groups = 0, FEW_GROUPS // 2  # where it was looked at last
        count = len(self._until)
        narrow = count > FEW_GROUPS and uses < NARROW * count
        if narrow or (count > DEEP and otherwise.has_turns(count)):
            raise NoArrays

    def check(self, depth: int, groups: int) -> None:
        """Raise NoArrays if there are many small groups, and the rest does not look different."""
        if groups < FEW_GROUPS:
            if groups < FEW_GROUPS // 2:
                self._depth = depth
            return
        new = groups - self._groups
        if new < FEW_GROUPS // 2:
            return
        nodes = int(self._until[depth] - self._until[self._depth])
        rest, levels = int(self._until[-1] - self._until[depth]), len(self._until) - 1 - depth
        wider = rest * (depth - self._depth) > FEW_MEMBERS * nodes * max(levels, 1)
        if groups > MOST_GROUPS or (nodes < FEW_MEMBERS * new and not wider):
            raise NoArrays
        self._depth, self._groups = depth, groups
