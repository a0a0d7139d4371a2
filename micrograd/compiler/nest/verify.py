"""Whether a program keeps the promises that the backends rely on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.nest import readiness, sequence
from micrograd.compiler.nest.axes import along, in_block, in_group
from micrograd.compiler.nest.ir import (
    MASKS,
    TERM,
    WORK,
    Affine,
    Counter,
    Listed,
    Nest,
    Program,
    Repeat,
    Shape,
    Shares,
    Space,
    SpaceRole,
    Statement,
)
from micrograd.compiler.nest.spans import Span, listed, reads, span, view, writes
from micrograd.ops import OPS

Sizes = Mapping[Space, int]


class ProgramError(AssertionError):
    """A program breaks a promise: a fault of the compiler, not of who uses it."""


def check(program: Program) -> None:
    """Raise a ProgramError that names the first nest at fault, if there is one."""
    sizes = program.all_sizes
    for place, nest in enumerate(_in_last_blocks(program, sizes)):
        for fault in _faults(nest, sizes, program.loss is None):
            raise ProgramError(f"nest {place}: {fault}, in\n{nest}")
    for shares in program.shares:
        for fault in _share_faults(program, shares):
            raise ProgramError(f"shares of nests {shares.first} to {shares.end}: {fault}")
    if program.sequence:
        for fault in readiness.faults(program.sequence, _known(program), program.lanes):
            raise ProgramError(f"sequence: {fault}")
        for place, nest in enumerate(_arrays_of(program)):
            for fault in _faults(nest, sizes, updates=False):
                raise ProgramError(f"sequence: array {place}: {fault}, in\n{nest}")
    for base, length in program.read_after:
        if length < 0 or (length and not 0 <= base <= len(program.work) - length):
            raise ProgramError(f"range ({base}, {length}) is not within work")


def _share_faults(program: Program, shares: Shares) -> Iterator[str]:
    """What two shares touch, and one of them writes."""
    for (_, end), (start, _) in pairwise(shares.ranges):
        if start != end:
            yield f"nest {start} does not follow nest {end}"
    for repeat in program.repeats:
        owners = [
            k for k, (a, b) in enumerate(shares.ranges) if a < repeat.end and repeat.first < b
        ]
        if owners and (len(owners) > 1 or not _is_within(repeat, shares.ranges[owners[0]])):
            yield f"{repeat} is in several"
    sizes = program.all_sizes
    writer = {space: np.full(size, -1) for space, size in sizes.items()}
    touched: list[tuple[int, Affine, Shape]] = []
    for share, (start, end) in enumerate(shares.ranges):
        for nest in _unrolled(program, start, end):
            touched += [(share, x, nest.extents) for x in reads(nest)]
            for x in writes(nest):
                part = view(writer[x.space], x, nest.extents)
                if ((part >= 0) & (part != share)).any():
                    yield f"two write to {x}"
                part[...] = share
    for share, x, extents in touched:
        part = view(writer[x.space.at_rest], x, extents)
        if ((part >= 0) & (part != share)).any():
            yield f"reads {x}, which another writes"


def _is_within(repeat: Repeat, bounds: tuple[int, int]) -> bool:
    return bounds[0] <= repeat.first and repeat.end <= bounds[1]


def _unrolled(program: Program, start: int, end: int) -> Iterator[Nest]:
    """The nests from one to another, those of repeats over all blocks at once."""
    inside = {k: repeat for repeat in program.repeats for k in range(repeat.first, repeat.end)}
    for place in range(start, end):
        nest = program.nests[place]
        if place in inside:
            nest = replace(nest, extents=(inside[place].count, *nest.extents[1:]))
        yield nest


def _arrays_of(program: Program) -> Iterator[Nest]:
    """The nests of a sequence that are not ordered, as they are in a first turn."""
    for part in program.sequence:
        if isinstance(part, sequence.TurnLoop):
            yield from (in_block(nest, 0) for nest in part.nests if not nest.ordered)
        elif isinstance(part, Nest) and not part.ordered:
            yield part


def _known(program: Program) -> NDArray[np.bool_]:
    """Which numbers of work are there before the sequence: those that it does not write."""
    known = np.ones(len(program.work), bool)
    for part in program.sequence:
        for at in sequence.written(part, program.lanes):
            known[at[(at >= 0) & (at < len(known))]] = False
    for nest in program.nests[: program.groups.first if program.groups else 0]:
        for x in writes(nest):
            known[sequence.addresses(x, nest.extents)] = True
    return known


def _in_last_blocks(program: Program, sizes: Sizes) -> list[Nest]:
    """The nests, those of repeats as they run in the end."""
    nests = list(program.nests)
    done = 0
    for repeat in program.repeats:
        if not done <= repeat.first < repeat.end <= len(nests) or repeat.count < 1:
            raise ProgramError(f"{repeat} after nest {done}")
        done = repeat.end
        for place in range(repeat.first, repeat.end):
            nest = nests[place]
            if not nest.is_plain:
                raise ProgramError(f"nest {place}: in a repeat, and looks addresses up:\n{nest}")
            if nest.extents[:1] != (1,) or [*_shape_faults(nest)]:
                raise ProgramError(f"nest {place}: no axis of blocks in {nest.extents}")
            for fault in _bound_faults(nest, sizes):
                raise ProgramError(f"nest {place}, in the first block: {fault}")
            nests[place] = in_block(nest, repeat.count - 1)
    if program.groups:
        for place in range(program.groups.first, len(nests)):
            for fault in _bound_faults(nests[place], sizes):
                raise ProgramError(f"nest {place}, in the first group: {fault}")
            nests[place] = in_group(nests[place], program, program.groups.count - 1)
    return nests


def _faults(nest: Nest, sizes: Sizes, updates: bool) -> Iterator[str]:
    yield from _shape_faults(nest)
    yield from _bound_faults(nest, sizes)
    yield from _space_faults(nest, updates)
    if nest.starts is not None:
        yield from _row_faults(nest)
    elif nest.reduce:
        yield from _reduction_faults(nest)
    else:
        yield from _statement_faults(nest.body, nest.extents)


def _shape_faults(nest: Nest) -> Iterator[str]:
    axes = len(nest.extents)
    if not nest.body:
        yield "no statement"
    if any(n < 1 for n in nest.extents):
        yield f"extents {nest.extents}"
    for x in reads(nest) + writes(nest):
        if len(x.strides) != axes:
            yield f"{len(x.strides)} strides for {axes} axes: {x}"
    for s in nest.body:
        for x in s.inputs:
            if isinstance(x, Counter) and not 0 <= x.axis < axes:
                yield f"axis {x.axis} of {axes}"
            if isinstance(x, Listed) and nest.starts is None and (len(x.index),) != nest.extents:
                yield f"{len(x.index)} addresses for {nest.extents}"


def _bound_faults(nest: Nest, sizes: Sizes) -> Iterator[str]:
    spans = [span(x, nest.extents) for x in reads(nest) + writes(nest)]
    spans += [Span(x.space, int(x.index.min()), int(x.index.max()))
              for x in listed(nest) if len(x.index)]  # fmt: skip
    for covered in spans:
        if covered.space not in sizes:
            yield f"no space {covered.space}"
        elif covered.low < 0 or covered.high >= sizes[covered.space]:
            size = sizes[covered.space]
            yield f"{covered.low} to {covered.high} of {covered.space}, which has {size}"


def _space_faults(nest: Nest, updates: bool) -> Iterator[str]:
    for x in writes(nest):
        if x.space not in (WORK, MASKS) and not (updates and x.space.is_lasting):
            yield f"writes to {x.space}"
        written = span(x, nest.extents)
        for operand in listed(nest):
            inside = (operand.index >= written.low) & (operand.index <= written.high)
            if operand.space is x.space and inside.any():
                yield "reads what it writes"
    for s in nest.body:
        counted = any(isinstance(x, Counter) for x in s.inputs)
        for x in s.inputs:
            if not isinstance(x, Counter) and (x.space.role is SpaceRole.IDS) != counted:
                yield f"reads {x.space} as {'integers' if counted else 'floats'}"


def _row_faults(nest: Nest) -> Iterator[str]:
    term, start = nest.first, nest.starts
    assert start is not None
    lengths = {len(x.index) for x in listed(nest)}
    rises = len(start) > 1 and (start[1:] > start[:-1]).all()
    if not rises or start[0] != 0 or lengths != {int(start[-1])}:
        yield "starts do not rise from 0 to the number of addresses"
    if len(nest.body) > 1 or len(listed(nest)) != len(term.inputs) or nest.reduce is None:
        yield "rows of something other than one reduction of what is listed"
    yield from _largest_faults(nest)


def _largest_faults(nest: Nest) -> Iterator[str]:
    if nest.reduce == "max" and (len(nest.first.inputs) > 1 or nest.first.accumulate):
        yield "a maximum of products, or accumulating"


def _reduction_faults(nest: Nest) -> Iterator[str]:
    kept, term = nest.result, nest.first
    extents = tuple(nest.extents[i] for i in kept)
    if term.row != TERM or not 1 <= len(term.inputs) <= 2 or not nest.is_plain:
        yield f"a reduction of {term}"
    yield from _largest_faults(nest)
    after = [replace(s, out=along(s.out, kept), inputs=tuple(along(x, kept) for x in s.inputs))
             for s in nest.body[1:]]  # fmt: skip
    result = Statement(TERM, along(term.out, kept), ())
    yield from _statement_faults((result, *after), extents)
    for s in nest.body[1:]:
        for x in (s.out, *s.inputs):
            if any(stride for i, stride in enumerate(x.strides) if i not in kept):
                yield f"a statement varies along a reduced axis: {x}"
    for x in term.inputs:
        if any(span(s.out, nest.extents).meets(span(x, nest.extents)) for s in nest.body):
            yield f"a statement writes to {x}"


def _statement_faults(statements: tuple[Statement, ...], extents: Shape) -> Iterator[str]:
    operands = dict.fromkeys(x for s in statements for x in (*s.inputs, s.out))
    covered = {
        x: (span(x, extents), _squeezed(x, extents)) for x in operands if isinstance(x, Affine)
    }
    for place, s in enumerate(statements):
        yield from (f"statement {place}: {fault}" for fault in _form_faults(s))
        if not injective(s.out, extents):
            yield f"statement {place}: out meets itself: {s.out}"
        written, index = covered[s.out]
        for x, (touched, at) in covered.items():
            if at != index and touched.meets(written):
                yield f"statement {place}: out meets {x} at another index"


def _form_faults(s: Statement) -> Iterator[str]:
    if s.row == TERM:
        if len(s.inputs) > 2 or s.static is not None:
            yield f"a term of {len(s.inputs)} inputs, static {s.static}"
    elif s.row not in OPS:
        yield f"no row {s.row!r}"
    else:
        row = OPS[s.row]
        if len(s.inputs) != row.arity or (s.static is not None) != row.has_static:
            yield f"{s.row} of {len(s.inputs)} inputs, static {s.static}"
        if s.accumulate or s.coefficient != 1.0:
            yield f"{s.row} with a coefficient or accumulating"


def injective(x: Affine, extents: Shape) -> bool:
    """True if each stride steps over all that the smaller strides reach."""
    reach = 0
    axes = zip(x.strides, extents, strict=True)
    for stride, n in sorted((abs(stride), n) for stride, n in axes if n > 1):
        if stride <= reach:
            return False
        reach += stride * (n - 1)
    return True


def _squeezed(x: Affine, extents: Shape) -> tuple[object, ...]:
    strides = (s for s, n in zip(x.strides, extents, strict=True) if n > 1)
    return x.space, x.base, *strides
