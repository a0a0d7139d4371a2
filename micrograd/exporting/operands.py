"""What an operation reads, as arrays with an axis for each axis of its loop that it moves along."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.explain.expressions import Formulas
from micrograd.compiler.explain.formula import dims_of, outer_axes
from micrograd.compiler.explain.views import TermLoop, View
from micrograd.exporting.expressions import (
    NUMBER,
    Expr,
    expand,
    fixed,
    one_hot,
    reshape,
    spread,
    take,
    transpose,
)
from micrograd.exporting.leaves import ArrayLeaves
from micrograd.exporting.picking import picked

LANES = -1  # the label of the samples of a batch


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """An array, and which axis of a loop each of its axes is."""

    value: Expr
    axes: tuple[int, ...]


class ArrayOperands:
    """Operands of the loops of a program; a subclass knows what stands for each group."""

    def __init__(self, formulas: Formulas, leaves: ArrayLeaves) -> None:
        self.formulas, self.leaves = formulas, leaves
        self.found = formulas.forward
        self.lanes = formulas.lanes

    def of(self, k: int) -> Expr:
        """A group, as others read it."""
        raise NotImplementedError

    def size(self, reading: TermLoop, axis: int) -> int:
        """The length of an axis of a loop."""
        return self.lanes if axis == LANES else reading.extents[axis]

    # ---- choices by integers ---------------------------------------------------------------------

    def lookup(self, views: tuple[View, ...], over: set[int]) -> tuple[Labelled, set[int]] | None:
        """ArrayRows of a table, where one factor says which: the axis of choices is summed."""
        if len(views) != 2 or not any(v.choice for v in views):
            return None
        hot, table = views if views[0].choice else views[::-1]
        choices = self.leaves.choice[hot.nodes]
        own = [a for a in hot.axes if a != LANES]
        along = [i for i in range(choices.ndim) if _moves(choices, i)]
        x = self.operand(table)
        if len(along) != 1 or own[along[0]] not in over or own[along[0]] not in x.axes:
            return None
        axis = own[along[0]]
        slots = self.leaves.slot[hot.nodes].take(0, along[0])
        rest = tuple(a for a in own if a != axis)
        chosen = np.moveaxis(choices, along[0], -1).reshape(-1, choices.shape[along[0]])
        wanted = np.arange(choices.shape[along[0]])
        shared = set(rest) & set(x.axes) or (hot.lanes and LANES in x.axes)
        if shared or (chosen != wanted).any():
            return None
        at = self.leaves.chosen(slots)
        labels = (*((LANES,) if hot.lanes else ()), *rest)
        place = x.axes.index(axis)
        axes = (*x.axes[:place], *labels, *x.axes[place + 1 :])
        return Labelled(take(x.value, at, place), axes), over - {axis}

    def _hot(self, view: View) -> Labelled:
        """One-hot rows, as numbers."""
        slots = np.unique(self.leaves.slot[view.nodes])
        width = int(self.found.leaves.hot.shape[1])
        rows = one_hot(self.leaves.chosen(slots), width)
        place = np.searchsorted(slots, self.leaves.slot[view.nodes])
        at = place * width + self.leaves.choice[view.nodes]
        return Labelled(picked(rows, at, int(self.lanes > 0), self.leaves.index), view.axes)

    # ---- operands --------------------------------------------------------------------------------

    def operand(self, view: View) -> Labelled:
        """What a view reads, with the axes of its loop."""
        if view.choice:
            return self._hot(view)
        value = self.read_group(view.nodes, int(view.lanes))
        axes = view.axes
        if view.nodes.ndim == 1 and len(axes) == int(view.lanes):  # a ragged one
            axes = (*axes, 0)
        if value.op == NUMBER:
            return Labelled(value, ())
        return Labelled(value, axes)

    def read_group(self, nodes: Ids, lead: int) -> Expr:
        """Nodes of one group, in the shape of `nodes`."""
        k = int(self.found.of[nodes.flat[0]])
        group = self.found.groups[k]
        if not (group.terms or group.args) and group.constant is None:
            return self.leaves.leaf(nodes)
        value = self.of(k)
        if value.op == NUMBER:
            return value
        shape = self.formulas.shapes[k]
        full = (*value.shape[: len(value.shape) - len(shape)], *shape)
        address = np.searchsorted(group.nodes, nodes)
        if not np.array_equal(group.nodes[np.minimum(address, len(group.nodes) - 1)], nodes):
            order = np.argsort(group.nodes)
            address = order[np.searchsorted(group.nodes, nodes, sorter=order)]
        if lead:
            full = (self.lanes, *shape)
        return picked(spread(value, full), address, lead, self.leaves.index)

    def placed(self, x: Labelled, reading: TermLoop, shape: tuple[int, ...], lanes: bool) -> Expr:
        """An array with axes of a loop, so that it broadcasts to the shape of the result."""
        if x.value.op == NUMBER:
            return x.value
        outer = outer_axes(reading)
        result = dims_of(shape, outer, reading.extents)
        lead = (LANES,) if lanes else ()
        if result is None:
            every = (*lead, *outer)
            value = aligned(x, list(every))
            full = tuple(self.size(reading, a) for a in every)
            return reshape(spread(value, full), (*((self.lanes,) if lanes else ()), *shape))
        front = (self.lanes,) if LANES in x.axes else ()
        own = [a for a in sorted(x.axes) if a != LANES]
        value = transpose(x.value, [x.axes.index(a) for a in sorted(x.axes)])
        value = reshape(
            value,
            (*front, *(n for a, n in zip(result, shape, strict=True) if a in own)),
        )
        new = [LANES not in x.axes] * lanes + [a not in own for a in result]
        return expand(value, new)


def aligned(x: Labelled, axes: list[int]) -> Expr:
    """An array so that it broadcasts along these axes, in their order."""
    if x.value.op == NUMBER:
        return x.value
    order = [a for a in axes if a in x.axes]
    value = transpose(x.value, [x.axes.index(a) for a in order])
    return expand(value, [a not in x.axes for a in axes])


def shaped(x: Expr, shape: tuple[int, ...]) -> Expr:
    """The array in its full shape."""
    if x.op == NUMBER and not shape:
        return x
    return reshape(x, shape) if fixed(x.shape) == math.prod(shape) else spread(x, shape)


def _moves(x: Ids, axis: int) -> bool:
    return bool((x != x.take([0], axis)).any())
