"""Nests of affine operands, rewritten over other axes that visit the same addresses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from micrograd.compiler.nest.ir import Affine, Counter, Listed, Nest, Program, Shape
from micrograd.compiler.nest.spans import reads, writes


def mapped(nest: Nest, extents: Shape, change: Callable[[Any], Any]) -> Nest:
    """The nest over other extents, each of its operands changed."""
    body = tuple([s.on(change(s.out), map(change, s.inputs)) for s in nest.body])
    return Nest(extents, body, nest.reduce, nest.starts, nest.origin, nest.ordered)


def in_block(nest: Nest, number: int) -> Nest:
    """The nest of a repeat, without the axis of the blocks, in one of them."""
    return mapped(
        nest,
        nest.extents[1:],
        lambda x: Affine(x.space, x.base + number * x.strides[0], x.strides[1:]),
    )


def in_group(nest: Nest, program: Program, number: int) -> Nest:
    """The nest as it is run for one of the groups of a program."""
    assert program.groups is not None
    samples, start = program.groups.samples, program.groups.start(number)

    def change(x: Any) -> Any:
        if isinstance(x, Counter) or not x.space.is_argument:
            return x
        moved = start * (program.sizes[x.space] // samples)
        if isinstance(x, Listed):
            return Listed(x.space, x.index + moved)
        return Affine(x.space, x.base + moved, x.strides)

    return mapped(nest, nest.extents, change)


def along(x: Affine, axes: Sequence[int]) -> Affine:
    """The operand along some of the axes only, in this order."""
    return Affine(x.space, x.base, tuple(x.strides[i] for i in axes))


def permuted(nest: Nest, order: Sequence[int]) -> Nest:
    """The nest over the axes of that order only; those left out must have extent 1."""
    if list(order) == list(range(len(nest.extents))):
        return nest
    return mapped(nest, tuple(nest.extents[i] for i in order), lambda x: along(x, order))


def ordered(nest: Nest) -> Nest:
    """The nest without axes of extent 1, the others by falling stride of the first output."""
    strides = nest.first.out.strides
    long = [i for i, n in enumerate(nest.extents) if n > 1]
    return permuted(nest, sorted(long, key=lambda i: -abs(strides[i])))


def merged(nest: Nest) -> Nest:
    """The ordered nest, with each two neighbouring axes made one where they are one to all."""
    nest = ordered(nest)
    columns = list(zip(*(x.strides for x in reads(nest) + writes(nest)), strict=True))
    groups: list[list[int]] = []
    for axis, n in enumerate(nest.extents):
        if groups and columns[axis - 1] == tuple(n * stride for stride in columns[axis]):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    if len(groups) == len(nest.extents):
        return nest
    return mapped(
        nest,
        tuple(math.prod(nest.extents[axis] for axis in group) for group in groups),
        lambda x: along(x, [group[-1] for group in groups]),
    )


def refined(nest: Nest, extents: Shape) -> Nest | None:
    """The nest with its axes split so that they have these extents; None if they cannot be."""
    if nest.extents == extents:
        return nest
    owners: list[tuple[int, int]] = []  # of each new axis: the old one, and the size of its steps
    rest = list(extents)
    for axis, n in enumerate(nest.extents):
        sizes: list[int] = []
        while rest and math.prod(sizes) < n:
            sizes.append(rest.pop(0))
        if math.prod(sizes) != n:
            return None
        owners += [(axis, math.prod(sizes[k + 1 :])) for k in range(len(sizes))]
    if rest:
        return None
    return mapped(
        nest,
        extents,
        lambda x: Affine(x.space, x.base, tuple(x.strides[axis] * step for axis, step in owners)),
    )
