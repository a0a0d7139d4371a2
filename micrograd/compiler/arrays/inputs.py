"""Where the numbers of a call come from, and the loops that fetch them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.arrays.kernels import Loops
from micrograd.compiler.arrays.layout import Layout, factor
from micrograd.compiler.arrays.schedule import Group
from micrograd.compiler.codes import Ids
from micrograd.compiler.graph.graph import INPUT
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.compiler.nest.program import Access
from micrograd.compiler.trace.stand_ins import StandIns

Hot = tuple[tuple[int, ...], int, Access, Access]  # see `lanes.one_hot`


@dataclass(slots=True, eq=False)
class Arguments:
    """Where inputs and run-time integers come from: a space each, and an address there."""

    values: np.ndarray  # of the inputs, when traced
    space: list[str]
    at: Ids
    ids_space: list[str]
    ids_at: Ids
    sizes: dict[str, int]  # of the spaces; of one sample, with lanes
    lanes: int = 0

    @staticmethod
    def of(made: StandIns, lanes: int) -> Arguments:
        """Those of a trace; with lanes, of one of so many samples."""
        return Arguments(
            np.array(made.values, np.float64), made.space, np.array(made.at, np.int64),
            made.ids_space, np.array(made.ids_at, np.int64),
            dict(Counter([*made.space, *made.ids_space])), lanes,
        )  # fmt: skip


def read_arguments(
    groups: list[Group], layout: Layout, leaves: Leaves, arguments: Arguments, loops: Loops
) -> list[Hot]:
    """Copies from the arguments; returns what makes one-hot rows of run-time integers."""
    source = {int(n): k for k, n in enumerate(leaves.inputs.tolist()) if n >= 0}
    slots = {int(n): divmod(k, leaves.hot.shape[1] or 1)
             for k, n in enumerate(leaves.hot.ravel().tolist()) if n >= 0}  # fmt: skip
    hot: list[Hot] = []
    for k, group in enumerate(groups):
        if group.kind != INPUT or group.home:
            continue
        nodes = layout.nodes[k]
        plain = np.array([n in source for n in nodes.tolist()])
        if plain.any():
            numbers = np.array([source[n] for n in nodes[plain].tolist()])
            spaces = np.array([arguments.space[i] for i in numbers.tolist()])
            for space in np.unique(spaces).tolist():
                own = spaces == space
                target = layout.address[nodes[plain][own]]
                loops.copy((layout.space[k], target), (space, arguments.at[numbers[own]]))
        if not plain.all():
            pairs = [(*slots[n], int(layout.address[n])) for n in nodes[~plain].tolist()]
            hot += _hot_rows(sorted(pairs), layout.space[k], arguments, loops)
    return hot


def _hot_rows(
    pairs: list[tuple[int, int, int]], space: str, arguments: Arguments, loops: Loops
) -> list[Hot]:
    """One-hot rows for (slot, choice, address), written where they are wanted if that is a row."""
    slot, choice, out = np.array(pairs, np.int64).T
    at = arguments.ids_at[slot]
    names = [arguments.ids_space[s] for s in slot.tolist()]
    axes = factor([out, at, choice]) if len(set(names)) == 1 else None
    if axes is not None and choice[0] == 0:
        along = [i for i, (_, strides) in enumerate(axes) if strides[2]]
        if len(along) == 1 and axes[along[0]][1][1:] == (0, 1):
            extents = tuple(size for size, _ in axes)
            row, ids = (
                Access(name, int(index[0]), tuple(strides[j] for _, strides in axes))
                for j, (name, index) in enumerate([(space, out), (names[0], at)])
            )
            return [(extents, along[0], row, ids)]
    if len(np.unique(slot)) > 1:
        parts = [[p for p in pairs if p[0] == s] for s in np.unique(slot).tolist()]
        return [hot for part in parts for hot in _hot_rows(part, space, arguments, loops)]
    width = int(choice.max()) + 1
    base = loops.room(space, width)
    loops.copy((space, out), (space, base + choice))
    ids = Access(names[0], int(at[0]), (0,))
    return [((width,), 0, Access(space, base, (1,)), ids)]
