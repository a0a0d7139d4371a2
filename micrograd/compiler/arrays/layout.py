"""Where every node lies: each group in one piece, in the order that makes its users affine.

>>> factor([np.array([0, 1, 2, 10, 11, 12])])
[(2, (10,)), (3, (1,))]
>>> factor([np.array([0, 1, 3])]) is None
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.arrays.schedule import Group, operands
from micrograd.compiler.codes import Ids
from micrograd.compiler.graph.graph import CONSTANT, INPUT, Graph
from micrograd.compiler.nest.ir import LANES, WORK, Space

ALIGN = 8  # numbers: 64 bytes of float64
MOST_AXES = 7

Axes = list[tuple[int, tuple[int, ...]]]


def factor(lists: Sequence[Ids]) -> Axes | None:
    """Index lists of equal length as nested affine axes, outermost first.

    Each axis is its size and its stride in each list; None if the lists are not affine together.
    """
    rows = np.array(lists)
    axes: Axes = []
    while rows.shape[1] > 1:
        n = rows.shape[1]
        step = rows[:, 1:] - rows[:, :-1]
        breaks = (step != step[:, :1]).any(0).nonzero()[0] + 1
        size = n if not len(breaks) else int(np.gcd.reduce(np.append(breaks, n)))
        if size == 1 or len(axes) == MOST_AXES:
            return None
        axes.append((size, tuple(step[:, 0].tolist())))
        rows = rows[:, ::size]
    return axes[::-1]


@dataclass(slots=True, eq=False)
class Layout:
    """The address of each node in its space, the space of each group, its nodes by address."""

    address: Ids
    space: list[Space]
    nodes: list[Ids]
    top: int  # where work is free
    lanes_top: int
    unpinned: Ids  # nodes that were to be pinned and could not be


@dataclass(frozen=True, slots=True, eq=False)
class Homes:
    """Where some nodes must be: the spaces of the homes, and addresses there."""

    home: Ids  # 0: anywhere
    address: Ids
    spaces: tuple[Space, ...]  # of homes 1, 2, …
    pins: Ids  # address in work of nodes that are pinned, -1 for the others


def lay_out(g: Graph, groups: list[Group], places: Homes, top: int, lanes_top: int) -> Layout:
    """Choose a place for every group."""
    rank = np.zeros(len(g), np.int64)
    for group in groups:
        rank[group.nodes] = np.arange(len(group.nodes))
    shapes = _leaf_shapes(g, groups, rank)
    address = np.full(len(g), -1)
    space = [WORK] * len(groups)
    nodes: list[Ids] = [group.nodes for group in groups]
    free = {WORK: top, LANES: lanes_top}
    unpinned: list[Ids] = []
    for k in sorted(range(len(groups)), key=lambda k: groups[k].level):
        group = groups[k]
        if group.home:
            space[k] = places.spaces[group.home - 1]
            address[group.nodes] = places.address[group.nodes]
            nodes[k] = group.nodes[np.argsort(address[group.nodes], kind="stable")]
            continue
        if group.pinned:
            order = np.argsort(places.pins[group.nodes], kind="stable")
            if not group.ragged and factor([places.pins[group.nodes[order]]]) is not None:
                nodes[k] = group.nodes[order]
                address[nodes[k]] = places.pins[nodes[k]]
                continue
            unpinned.append(group.nodes)
        space[k] = LANES if group.lanes else WORK
        nodes[k] = group.nodes[_order(group, shapes.get(k), address)]
        step = 1 if group.lanes else ALIGN
        base = free[space[k]]
        address[nodes[k]] = base + np.arange(len(group.nodes))
        free[space[k]] = base + -(-len(group.nodes) // step) * step
    loose = np.concatenate(unpinned) if unpinned else np.zeros(0, np.int64)
    return Layout(address, space, nodes, free[WORK], free[LANES], loose)


def _leaf_shapes(g: Graph, groups: list[Group], rank: Ids) -> dict[int, list[int]]:
    """The axes of groups of leaves, from the first affine way in which they are read."""
    of = np.zeros(len(g), np.int64)
    leaf = np.zeros(len(groups), bool)
    for k, group in enumerate(groups):
        of[group.nodes] = k
        leaf[k] = group.kind in (INPUT, CONSTANT) and group.home == 0
    shapes: dict[int, list[int]] = {}
    for group in groups:
        for ids in operands(group):
            k = int(of[ids.flat[0]])
            if not leaf[k] or k in shapes or len(groups[k].nodes) == 1:
                continue
            axes = factor([rank[ids].ravel()])
            if axes:
                shapes[k] = _covering(axes, len(groups[k].nodes))
    return shapes


def _covering(axes: Axes, count: int) -> list[int]:
    """The sizes of the axes that run over all of 0 … count - 1, or one axis."""
    strides = sorted({(stride[0], size) for size, stride in axes if stride[0] > 0}, reverse=True)
    covered = 1
    for stride, size in reversed(strides):
        if stride != covered:
            return [count]
        covered *= size
    return [size for _, size in strides] if covered == count else [count]


def _order(group: Group, shape: list[int] | None, address: Ids) -> Ids:
    """The order of a group's nodes in memory: the longest axis innermost."""
    index = np.arange(len(group.nodes))
    if shape is None:
        shape = [len(group.nodes)]
        if not group.ragged and len(index) > 1:
            lists = [index]
            for ids in operands(group):
                read = address[ids[:, 0] if ids.ndim == 2 else ids]
                if factor([index, read]) is not None:
                    lists.append(read)
            axes = factor(lists) if len(lists) > 1 else None
            if axes is not None:
                shape = [size for size, _ in axes]
    longest, last = int(np.argmax(shape)), len(shape) - 1
    if longest == last or shape[longest] < 2 * shape[last]:
        return index
    axes_order = [i for i in range(len(shape)) if i != longest] + [longest]
    return np.transpose(index.reshape(shape), axes_order).ravel()


def write_constants(work: np.ndarray, g: Graph, groups: list[Group], layout: Layout) -> None:
    """Write the numbers of groups that are constants to where they lie."""
    for k, group in enumerate(groups):
        nodes = layout.nodes[k]
        if group.kind == CONSTANT:
            work[layout.address[nodes]] = g.value[nodes]
        elif group.constant is not None:
            work[layout.address[nodes]] = group.constant
