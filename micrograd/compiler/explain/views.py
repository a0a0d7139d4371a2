"""How a group reads its operands, as arrays: shapes from lists of indices, by factoring them.

A matrix is found, not declared: 4,000 neurons that read rows of three weights, five rows in turn,
read a 5×3 matrix. What has no such axes is gathered, or ragged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from micrograd.compiler.arrays.layout import Axes, factor
from micrograd.compiler.arrays.schedule import TermClass
from micrograd.compiler.codes import NONE, Ids, distinct
from micrograd.compiler.explain.forward import Forward
from micrograd.compiler.graph.graph import CONSTANT, INPUT, PARAMETER
from micrograd.compiler.nest.ir import Shape

PARAMETERS, CONSTANTS, RESULT = "parameters", "constants", "result"
GATHERED, RAGGED, WINDOWS, PART = "gathered", "ragged", "windows", "part"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Nodes as an operand reads them.

    `space` is where they are: PARAMETERS, CONSTANTS, RESULT or the name of an argument's space;
    `group` is that of a result. `places` are addresses there, in C order of the shape.
    """

    space: str
    shape: Shape
    places: Ids
    form: str = ""
    group: int = NONE
    lanes: bool = False
    axes: tuple[int, ...] = ()  # the axes of the loop that are those of the shape; -1: the lanes
    choice: bool = False  # one-hot rows: what stands for a run-time integer
    kept: Shape | None = None  # of a part: the shape with an axis for each of the whole's
    # The nodes themselves, an axis for each of `axes`; of a ragged one, in a row.
    nodes: Ids = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class TermLoop:
    """The loop of a class of terms: the sizes of its axes, and those that are summed."""

    extents: Shape
    summed: frozenset[int]
    views: tuple[View, ...]
    lengths: tuple[int, int] = (0, 0)  # of the rows of a ragged one: the least, the most

    @property
    def result(self) -> Shape:
        """The shape of what comes out."""
        return tuple(n for i, n in enumerate(self.extents) if i not in self.summed)


class NodePlaces:
    """The space of every node and its address there."""

    def __init__(
        self, forward: Forward, parameters: Ids, inputs: tuple[list[str], list[int]],
        ids: list[str], shapes: Mapping[str, Shape], wholes: Mapping[int, Shape] | None = None,
    ) -> None:  # fmt: skip
        """`wholes` has the shapes of arrays of parameters, by the address of their first."""
        g, leaves = forward.graph, forward.leaves
        self.wholes = wholes or {}
        self.forward = forward
        self.address = np.zeros(len(g), np.int64)
        self.space = np.full(len(g), RESULT, object)
        self.shapes: dict[str | int, Shape] = dict(shapes.items())
        self.choices = leaves.hot.shape[1] if leaves.hot.size else 0
        for group in forward.groups:
            self.address[group.nodes] = np.arange(len(group.nodes))
        constants = np.nonzero(g.kind == CONSTANT)[0]
        self.address[constants], self.space[constants] = constants, CONSTANTS
        self._put(leaves.parameters, np.full(len(leaves.parameters), PARAMETERS), parameters)
        self._put(leaves.inputs, inputs[0], inputs[1])
        for slot, row in enumerate(leaves.hot):
            count = len(row)
            at = slot * self.choices + np.arange(count)
            self._put(row, np.full(count, ids[slot]), at)

    def _put(self, nodes: Ids, spaces: object, at: object) -> None:
        have = nodes >= 0
        self.space[nodes[have]] = np.asarray(spaces, object)[have]
        self.address[nodes[have]] = np.asarray(at, np.int64)[have]

    def reading(self, count: int, operands: list[Ids], terms: TermClass | None = None) -> TermLoop:
        """How `count` nodes read these operands: (nodes, terms a node) each, or flat if ragged."""
        if terms is not None and terms.node is not None:
            views = tuple(self._view(x, [(x.size, 1)], (RAGGED,)) for x in operands)
            _, lengths = np.unique(terms.node, return_counts=True)
            span = int(lengths.min()), int(lengths.max())
            return TermLoop((count,), frozenset(), views, span)
        width = operands[0].size // count if operands else 1
        out = np.repeat(np.arange(count), width)
        addresses = [self._addresses(out, x.ravel()) for x in operands]
        axes, gathered = _affine(out, addresses)
        extents = tuple(size for size, _ in axes)
        summed = frozenset(i for i, (_, strides) in enumerate(axes) if strides[0] == 0)
        views = tuple(
            self._view(x, [(size, s[j + 1]) for size, s in axes], (GATHERED,) * gathered[j])
            for j, x in enumerate(operands)
        )
        return TermLoop(extents, summed, views)

    def _addresses(self, out: Ids, nodes: Ids) -> Ids | None:
        """Where an operand lies; None if it has to be gathered.

        Leaves need not lie side by side to be an array: it is their order that counts.
        """
        spaces = set(self.space[nodes].tolist())
        if len(spaces) > 1 and not all(space.startswith("ids") for space in spaces):
            return None
        address = self.address[nodes]
        if factor([out, address]) is not None:
            return address
        if self.space[nodes[0]] == RESULT:
            return None
        ranks = np.unique(address, return_inverse=True)[1].ravel()
        return ranks if factor([out, ranks]) is not None else None

    def _view(self, ids: Ids, axes: list[tuple[int, int]], form: tuple[str, ...]) -> View:
        nodes = ids.ravel()
        spaces = sorted(set(self.space[nodes].tolist()))
        number = int(self.forward.of[nodes[0]])
        group = self.forward.groups[number]
        of = number if spaces == [RESULT] else NONE
        moving = [i for i, (_, stride) in enumerate(axes) if stride]
        at = tuple(slice(None) if i in moving else 0 for i in range(len(axes)))
        order = sorted(moving, key=lambda i: (-abs(axes[i][1]), i))
        grid = nodes.reshape([n for n, _ in axes])[at]
        own = np.transpose(grid, [moving.index(i) for i in order])
        places = self.address[own].ravel()
        shape = tuple(axes[i][0] for i in order)
        if not form and len(distinct(places)) < len(places):
            form = (WINDOWS,)
        elif not form and of != NONE and len(places) < len(group.nodes):
            form = (PART,)
        choice = spaces[0].startswith("ids")
        kept = None
        if choice:
            shape, places = self._chosen(places)
        elif not form:
            whole = self._whole(spaces, group.kind, of, places)
            shape = whole if whole is not None and len(whole) >= len(shape) else shape
        if (len(spaces) == 1 and group.kind == INPUT) or of != NONE:
            kept = box(self.shapes.get(spaces[0] if of == NONE else of, ()), places)
        lane = (-1,) * group.lanes
        return View(
            "+".join(spaces), shape, places, form[0] if form else "", of, group.lanes,
            (*lane, *order), choice, kept, own,
        )  # fmt: skip

    def _whole(self, spaces: list[str], kind: int, of: int, places: Ids) -> Shape | None:
        """The shape of the array that is read from its beginning to its end, if one is."""
        if len(spaces) > 1 or kind == CONSTANT:
            return None
        if kind == PARAMETER:
            first, shape = int(places[0]), self.wholes.get(int(places[0]))
        else:
            first, shape = 0, self.shapes.get(spaces[0] if kind == INPUT else of)
        if shape is None or not np.array_equal(places, first + np.arange(int(np.prod(shape)))):
            return None
        return shape

    def _chosen(self, places: Ids) -> tuple[Shape, Ids]:
        """The integers that one-hot rows stand for."""
        slots = distinct(places // self.choices)
        return (len(slots),) if len(slots) > 1 else (), slots


def box(whole: Shape, places: Ids) -> Shape | None:
    """The shape of a part that is a range on each axis of an array; None if it is not so.

    >>> box((4, 3), np.array([1, 4, 7])), box((4, 3), np.array([0, 2]))
    ((3, 1), None)
    """
    if not whole or not len(places) or places.max() >= np.prod(whole):
        return None
    at = np.unravel_index(places, whole)
    ranges = tuple(np.arange(a.min(), a.max() + 1) for a in at)
    shape = tuple(map(len, ranges))
    if np.prod(shape) != len(places):
        return None
    grid = np.ravel_multi_index(np.ix_(*ranges), whole).ravel()
    return shape if np.array_equal(grid, places) else None


def _affine(out: Ids, addresses: list[Ids | None]) -> tuple[Axes, list[bool]]:
    """The axes of a loop, and which operands have to be gathered for it."""
    straight = np.arange(len(out))
    for all_of_them in (False, True):
        rows = [straight if x is None or all_of_them else x for x in addresses]
        axes = factor([out, *rows])
        if axes is not None:
            return axes, [x is None or all_of_them for x in addresses]
    raise AssertionError("an output that is not affine")


def result_shape(count: int, readings: list[TermLoop], recorded: bool) -> Shape:
    """The finest shape that an operand gives to what comes out.

    One number has no axes; in what was recorded, it has those of the array that it is made of.
    """
    found: list[Shape] = [(count,)] if count > 1 else [()]
    for reading in readings:
        found.append(reading.result)
        for view in reading.views:
            whole = not view.form and len(view.places) == count and not reading.summed
            if whole and (recorded or count > 1) and (view.places == np.arange(count)).all():
                found.append(view.shape)
    found = [shape for shape in found if int(np.prod(shape)) == count]
    return max(found, key=len)
