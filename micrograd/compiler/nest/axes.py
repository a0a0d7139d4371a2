"""Kernels over affine accesses, rewritten over other axes that visit the same addresses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from micrograd.compiler.nest.program import (
    TERM,
    Access,
    Contraction,
    Elementwise,
    Maximum,
    Statement,
)
from micrograd.compiler.nest.spans import affine_reads, affine_writes

Looped = Elementwise | Contraction | Maximum
Nest = TypeVar("Nest", Elementwise, Contraction, Maximum, Looped)


def map_accesses(
    kernel: Nest, extents: tuple[int, ...], change: Callable[[Access], Access]
) -> Nest:
    """The kernel over other extents, each of its accesses changed."""

    def changed(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
        return tuple(
            replace(s, out=change(s.out), inputs=tuple(map(change, s.inputs))) for s in statements
        )

    if isinstance(kernel, Elementwise):
        return replace(kernel, extents=extents, statements=changed(kernel.statements))
    if isinstance(kernel, Contraction):
        return replace(
            kernel,
            extents=extents,
            out=change(kernel.out),
            u=change(kernel.u),
            v=None if kernel.v is None else change(kernel.v),
            after=changed(kernel.after),
        )
    return replace(kernel, extents=extents, out=change(kernel.out), u=change(kernel.u))


def in_block(kernel: Nest, number: int) -> Nest:
    """The kernel of a repeat, without the axis of the blocks, in one of them."""
    return map_accesses(
        kernel,
        kernel.extents[1:],
        lambda a: Access(a.space, a.base + number * a.strides[0], a.strides[1:]),
    )


def permuted(kernel: Nest, order: Sequence[int]) -> Nest:
    """The kernel over the axes of that order only; those left out must have extent 1."""
    if list(order) == list(range(len(kernel.extents))):
        return kernel
    return map_accesses(
        kernel,
        tuple(kernel.extents[i] for i in order),
        lambda a: Access(a.space, a.base, tuple(a.strides[i] for i in order)),
    )


def ordered(kernel: Nest) -> Nest:
    """The kernel without axes of extent 1, the others by falling stride of the first output."""
    strides = affine_writes(kernel)[0].strides
    long = [i for i, n in enumerate(kernel.extents) if n > 1]
    return permuted(kernel, sorted(long, key=lambda i: -abs(strides[i])))


def merged(kernel: Nest) -> Nest:
    """The ordered kernel, with each two neighbouring axes made one where they are one to all."""
    kernel = ordered(kernel)
    accesses = affine_reads(kernel) + affine_writes(kernel)
    columns = list(zip(*(a.strides for a in accesses), strict=True))
    groups: list[list[int]] = []
    for axis, n in enumerate(kernel.extents):
        if groups and columns[axis - 1] == tuple(n * stride for stride in columns[axis]):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    if len(groups) == len(kernel.extents):
        return kernel
    return map_accesses(
        kernel,
        tuple(math.prod(kernel.extents[axis] for axis in group) for group in groups),
        lambda a: Access(a.space, a.base, tuple(a.strides[group[-1]] for group in groups)),
    )


def as_statement(kernel: Contraction) -> Elementwise:
    """A contraction over no axis, as the statements that it is."""
    inputs = (kernel.u,) if kernel.v is None else (kernel.u, kernel.v)
    term = Statement(
        TERM,
        kernel.out,
        inputs,
        coefficient=kernel.coefficient,
        accumulate=kernel.accumulate,
        kept=kernel.kept,
    )
    return Elementwise(kernel.extents, (term, *kernel.after))


def refined(kernel: Nest, extents: tuple[int, ...]) -> Nest | None:
    """The kernel with its axes split so that they have these extents; None if they cannot be."""
    if kernel.extents == extents:
        return kernel
    owners: list[tuple[int, int]] = []  # of each new axis: the old one, and the size of its steps
    rest = list(extents)
    for axis, n in enumerate(kernel.extents):
        sizes: list[int] = []
        while rest and math.prod(sizes) < n:
            sizes.append(rest.pop(0))
        if math.prod(sizes) != n:
            return None
        owners += [(axis, math.prod(sizes[k + 1 :])) for k in range(len(sizes))]
    if rest:
        return None
    return map_accesses(
        kernel,
        extents,
        lambda a: Access(a.space, a.base, tuple(a.strides[axis] * step for axis, step in owners)),
    )


def reduces(kernel: Contraction | Maximum) -> bool:
    """True if it sums or compares more than one number anywhere."""
    axes = zip(kernel.extents, kernel.out.strides, strict=True)
    return any(n > 1 and stride == 0 for n, stride in axes)
