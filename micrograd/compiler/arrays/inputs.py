"""Where the numbers of a call come from, and the nests that fetch them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.arrays.layout import Layout, factor
from micrograd.compiler.arrays.loops import Loops, SampleAxis, operands_of
from micrograd.compiler.arrays.schedule import Group
from micrograd.compiler.codes import NONE, Ids, distinct
from micrograd.compiler.graph.graph import INPUT
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.compiler.nest.ir import Affine, Space, argument, integers
from micrograd.compiler.trace.arguments.stand_ins import StandIns


@dataclass(slots=True, eq=False)
class Arguments:
    """Where inputs and run-time integers come from: a space each, and an address there."""

    values: np.ndarray  # of the inputs, when traced
    space: list[Space]
    at: Ids
    ids_space: list[Space]
    ids_at: Ids
    sizes: dict[Space, int]  # of the spaces; of one sample, with lanes
    lanes: int = 0

    @staticmethod
    def of(made: StandIns, lanes: int) -> Arguments:
        """Those of a trace; with lanes, of one of so many samples."""
        count = Counter(made.argument)
        spaces = {k: argument(k) for k in count}
        space = [spaces[k] for k in made.argument]
        ids_space = [integers(k) for k in made.ids_argument]
        sizes = {spaces[k]: n for k, n in count.items()}
        sizes.update({integers(k): count[k] for k in set(made.ids_argument)})
        return Arguments(
            np.array(made.values, np.float64), space, np.array(made.at, np.int64),
            ids_space, np.array(made.ids_at, np.int64), sizes, lanes,
        )  # fmt: skip

    @staticmethod
    def fixed(values: np.ndarray) -> Arguments:
        """Inputs that are always these."""
        none = np.zeros(0, np.int64)
        return Arguments(values, [], none, [], none, {})

    @property
    def batch(self) -> SampleAxis:
        """The axis of the samples."""
        return SampleAxis(self.lanes, self.sizes)


def read_arguments(
    groups: list[Group], layout: Layout, leaves: Leaves, arguments: Arguments, loops: Loops
) -> None:
    """Copies from the arguments, and one-hot rows of run-time integers."""
    have = leaves.inputs >= 0
    source = np.full(len(layout.address), NONE)
    source[leaves.inputs[have]] = np.flatnonzero(have)
    slots = {int(n): divmod(k, leaves.hot.shape[1] or 1)
             for k, n in enumerate(leaves.hot.ravel().tolist()) if n >= 0}  # fmt: skip
    for k, group in enumerate(groups):
        if group.kind != INPUT or group.home:
            continue
        nodes = layout.nodes[k]
        plain = source[nodes] >= 0
        numbers = source[nodes[plain]]
        for space, own in _by_space(arguments.space, numbers):
            target = layout.address[nodes[plain][own]]
            loops.copy((layout.space[k], target), (space, arguments.at[numbers[own]]))
        pairs = [(*slots[n], int(layout.address[n])) for n in nodes[~plain].tolist()]
        _hot_rows(sorted(pairs), layout.space[k], arguments, loops)


def _by_space(spaces: list[Space], numbers: Ids) -> list[tuple[Space, Ids]]:
    """The spaces of these numbers, each with which of them are there."""
    found: dict[Space, list[int]] = {}
    for place, number in enumerate(numbers.tolist()):
        found.setdefault(spaces[number], []).append(place)
    return [(space, np.array(places)) for space, places in found.items()]


def _hot_rows(
    pairs: list[tuple[int, int, int]], space: Space, arguments: Arguments, loops: Loops
) -> None:
    """One-hot rows for (slot, choice, address), written where they are wanted if that is a row."""
    if not pairs:
        return
    slot, choice, out = np.array(pairs, np.int64).T
    at = arguments.ids_at[slot]
    spaces = [arguments.ids_space[s] for s in slot.tolist()]
    axes = factor([out, at, choice]) if len(set(spaces)) == 1 else None
    if axes is not None and choice[0] == 0:
        along = [i for i, (_, strides) in enumerate(axes) if strides[2]]
        if len(along) == 1 and axes[along[0]][1][1:] == (0, 1):
            extents, (row, ids) = operands_of(axes, [(space, out), (spaces[0], at)])
            loops.one_hot(extents, along[0], row, ids)
            return
    if len(distinct(slot)) > 1:
        for s in distinct(slot).tolist():
            _hot_rows([p for p in pairs if p[0] == s], space, arguments, loops)
        return
    width = int(choice.max()) + 1
    base = loops.room(space, width)
    ids = Affine(spaces[0], int(at[0]), (0,))
    loops.one_hot((width,), 0, Affine(space, base, (1,)), ids)
    loops.copy((space, out), (space, base + choice))
