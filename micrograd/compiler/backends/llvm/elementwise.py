"""Element-wise nests: vectors along one axis, loops over the others.

Where a short axis is woven into the vectors' axis, as the features of samples that lie one after
the other, its numbers are worked out together, from whole vectors that are then sorted apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from micrograd.compiler.backends.llvm.functions import Instructions
from micrograd.compiler.backends.llvm.ir import Body, Pointers, Segment, segments
from micrograd.compiler.backends.llvm.rows import value_of
from micrograd.compiler.nest.ir import Affine, Nest, Statement

STATEMENTS_OF_A_TRIP = 8  # of a loop, times the vectors that each works on
FIXED = 2  # inputs that are kept in registers during loops
WEFT = 8  # the longest axis that is woven into another


def emit(body: Body, nest: Nest, place: Pointers) -> None:
    """Write a nest whose spaces are numbers of pointers."""
    axis = vector_axis(nest, body.lanes)
    with body.in_lanes(width(nest.extents[axis], body.lanes) if axis is not None else body.lanes):
        _emit_along(body, nest, place, axis)


def width(extent: int, lanes: int) -> int:
    """So many lanes that a short axis fills more than half of them.

    What is stored under a mask waits for memory when it is loaded again.
    """
    while lanes > 2 and extent <= lanes // 2:
        lanes //= 2
    return lanes


def _emit_along(body: Body, nest: Nest, place: Pointers, axis: int | None) -> None:
    weft = None if axis is None else woven(nest, axis)
    outer = [i for i in range(len(nest.extents)) if i not in (axis, weft)]
    fixed = {} if axis is None else fixed_inputs(body, nest.body, place)

    def row(at: Pointers) -> None:
        if axis is None:
            run(body, nest.body, {}, 1, 1, lambda a: (at.pointer(a), a.base, 0))
            return
        for part in segments(nest.extents[axis], body.lanes, unrolled(nest, axis)):
            write = partial(_emit_part, body, nest, axis, part, weft, fixed)
            at.each(body, axis, part.trips, len(part.active) * body.lanes, write)

    def around(level: int, at: Pointers) -> None:
        if level == len(outer):
            row(at)
            return
        axis = outer[level]
        at.each(body, axis, nest.extents[axis], 1, partial(around, level + 1))

    around(0, place)


def unrolled(nest: Nest, axis: int) -> int:
    """How many vectors along an axis a trip of the loop works on."""
    return (
        1
        if woven(nest, axis) is not None
        else max(1, min(4, STATEMENTS_OF_A_TRIP // len(nest.body)))
    )


def fixed_inputs(body: Body, statements: Sequence[Statement], place: Pointers) -> dict[Affine, str]:
    """The first inputs that are the same everywhere, in all lanes."""
    written = {s.out for s in statements}
    fixed = {a: None for s in statements for a in s.inputs if not any(a.strides)}
    found = [a for a in fixed if a not in written][:FIXED]
    return {a: body.load(place.pointer(a), a.base, 0, body.lanes, body.lanes) for a in found}


def _emit_part(
    body: Body,
    nest: Nest,
    axis: int,
    part: Segment,
    weft: int | None,
    fixed: dict[Affine, str],
    at: Pointers,
) -> None:
    apart = {} if weft is None else _apart(nest, axis, weft)

    for k, active in enumerate(part.active):
        first = part.start + k * body.lanes
        sorted_apart = {
            a: body.load_woven(at.pointer(a), a.base + first * n, n, active)
            for a, n in apart.items()
        }
        for i in range(1 if weft is None else nest.extents[weft]):

            def where(a: Affine, first: int = first, i: int = i) -> tuple[str, int, int]:
                offset = a.base + first * a.strides[axis]
                if weft is not None:
                    offset += i * a.strides[weft]
                return at.pointer(a), offset, a.strides[axis]

            registers = fixed | {a: vectors[i] for a, vectors in sorted_apart.items()}
            run(body, nest.body, registers, body.lanes, active, where)


def woven(nest: Nest, axis: int) -> int | None:
    """The axis that is woven into this one in some operand, if one is."""
    for weft, n in enumerate(nest.extents):
        if weft != axis and 2 <= n <= WEFT and _apart(nest, axis, weft):
            return weft
    return None


def _apart(nest: Nest, axis: int, weft: int) -> dict[Affine, int]:
    """The operands into whose axis the other is woven, and its extent."""
    n = nest.extents[weft]
    written = {s.out for s in nest.body}
    return {
        a: n
        for s in nest.body
        for a in s.inputs
        if a.strides[axis] == n and a.strides[weft] == 1 and a not in written
    }


def run(
    body: Body,
    statements: Sequence[Statement],
    registers: dict[Affine, str],
    lanes: int,
    active: int,
    where: Callable[[Affine], tuple[str, int, int]],
) -> None:
    """The statements on one vector; `where` gives an access's pointer, offset and stride."""
    m = Instructions(body, lanes)

    def get(access: Affine) -> str:
        if access not in registers:
            registers[access] = body.load(*where(access), lanes, active)
        return registers[access]

    for s in statements:
        inputs = [get(access) for access in s.inputs]
        added = get(s.out) if s.accumulate else None
        registers[s.out] = value_of(m, s, inputs, added)
    for access in {s.out: None for s in statements if s.kept}:
        body.store(registers[access], *where(access), lanes, active)


def vector_axis(nest: Nest, lanes: int) -> int | None:
    """The axis along which vectors cost least; None if single numbers do."""
    accesses = _traffic(nest)
    size = math.prod(nest.extents)
    cheapest, axis = size * (len(accesses) + len(nest.body)), None
    for i, n in enumerate(nest.extents):
        cost = len(nest.body)
        weft = woven(nest, i)
        apart = {} if weft is None else _apart(nest, i, weft)
        for access in accesses:
            cost += 1 if access.strides[i] in (0, 1) or access in apart else 2 * lanes
        cost *= size // n * -(-n // lanes)
        if cost < cheapest:
            cheapest, axis = cost, i
    return axis


def _traffic(nest: Nest) -> list[Affine]:
    """What is loaded, and what is stored: not what stays in registers."""
    read: set[Affine] = set()
    made: set[Affine] = set()
    for s in nest.body:
        read.update(access for access in s.inputs if access not in made)
        if s.accumulate and s.out not in made:
            read.add(s.out)
        made.add(s.out)
    return [*read, *{s.out for s in nest.body if s.kept}]
