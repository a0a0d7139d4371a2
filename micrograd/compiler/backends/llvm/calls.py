"""What runs each nest, and each part of a sequence: functions, which nests that are alike share.

Programs of one function for lists of several lengths have the same nests over axes of other
extents. A kernel takes as an argument how often a loop runs, not what is left over behind it: that
is a nest of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from micrograd.compiler.backends import mark
from micrograd.compiler.backends.llvm import elementwise, listed, ordered, reduction
from micrograd.compiler.backends.llvm.bytecode import Encoder
from micrograd.compiler.backends.llvm.elementwise import unrolled, vector_axis
from micrograd.compiler.backends.llvm.ir import Pointers
from micrograd.compiler.backends.llvm.listed import rows_alike, run_length
from micrograd.compiler.backends.llvm.module import ModuleText
from micrograd.compiler.backends.llvm.tiling import plan
from micrograd.compiler.nest.axes import mapped, merged
from micrograd.compiler.nest.ir import (
    Affine,
    Counter,
    Integers,
    Listed,
    Nest,
    Program,
    Repeat,
    Shares,
    Space,
    SpaceRole,
)
from micrograd.compiler.nest.sequence import Part, Scalars, TurnLoop
from micrograd.compiler.nest.spans import reads, writes

Strides = tuple[tuple[int, ...], ...]


class CallWriter:
    """Writes what runs each nest."""

    def __init__(self, module: ModuleText, lanes: int) -> None:
        self._module, self._lanes = module, lanes  # of the numbers of a sequence

    def nests(self, program: Program, start: int, end: int) -> None:
        """Write what runs the nests from one to another, those of repeats as often as they run."""
        done = start
        for repeat in program.repeats:
            if start <= repeat.first < end:
                for k in range(done, repeat.first):
                    self.add(program.nests[k], k)
                self.repeat(program, repeat)
                done = repeat.end
        for k in range(done, end):
            self.add(program.nests[k], k)

    def shares(self, program: Program, shares: Shares) -> None:
        """Write what runs parts of a program in several threads."""
        outside = self._module.calls_of_parts()
        parts = []
        for start, end in shares.ranges:
            self.nests(program, start, end)
            parts.append(self._module.calls_of_parts())
        self._module.run_together(outside, parts)

    def add(self, nest: Nest, place: int | None = None, blocks: bool = False) -> None:
        """Write the call; with `blocks`, of a nest whose first axis is that of the blocks."""
        self._module.split()
        if place is not None:
            self._module.part.line(f"; {mark(place)}")
        if nest.starts is not None:
            self._ragged(nest, nest.starts)
        elif nest.is_plain:
            self._plain(nest, blocks)
        else:
            self._looked_up(nest)

    def repeat(self, program: Program, repeat: Repeat) -> None:
        """Write what runs the nests of a repeat."""
        self._module.begin_blocks()
        for k in range(repeat.first, repeat.end):
            self.add(program.nests[k], k, blocks=True)
        self._module.end_blocks(repeat.count)

    def sequence(self, parts: Sequence[Part]) -> None:
        """Write what runs the parts of a sequence."""
        if not parts:
            return
        encoder = Encoder(self._module.precision, self._lanes)
        scalars = [part for part in parts if isinstance(part, Scalars)]
        code = iter(encoder.words(scalars) if scalars else ())
        for part in parts:
            self._module.split()
            if isinstance(part, TurnLoop):
                self._turns(part)
                continue
            if isinstance(part, Nest):
                self._loop(part) if part.ordered else self.add(part)
                continue
            words = next(code)
            padded = np.append(words, np.zeros(len(words) % 2, np.int32)).view(np.int64)
            self._module.interpret(self._module.integer_table(padded), self._lanes)
        self._module.add_interpreter(encoder.forms, self._lanes)

    def _turns(self, loop: TurnLoop) -> None:
        """Nests in every turn; what is a single index has its turns in spaces."""
        self._module.begin_blocks()
        for nest in loop.nests:
            self._module.split()
            if nest.ordered:
                self._loop(_moving(nest))
            else:
                self._plain(nest, blocks=True)
        self._module.end_blocks(loop.count)

    def _loop(self, nest: Nest) -> None:
        """An ordered nest; those that are alike share a function."""
        module, local = self._module, ordered.localised(nest)
        arguments = {f"ptr %p{k}": self._row(*base) for k, base in enumerate(local.bases)}
        for k, (index, source) in enumerate(zip(local.lists, local.sources, strict=True)):
            arguments[f"ptr %l{k}"] = module.integer_table(index)
            arguments[f"ptr %n{k}"] = self._row(source)
        arguments["i64 %turns"] = str(nest.extents[0])
        key = ("ordered", local.body, len(local.lists), local.fixed)
        write = partial(ordered.emit, nest=nest, local=local, lanes=self._lanes)
        module.run(key, write, arguments)

    def _row(self, space: Space, at: int = 0) -> str:
        """Where what a sequence calls a number is."""
        moved = Space.of(space.role, space.number, space.step * self._lanes)
        return self._module.address(moved, at * self._lanes)

    def _plain(self, nest: Nest, blocks: bool) -> None:
        nest = merged(_moving(nest) if blocks else nest)
        machine, lanes = self._module.machine, self._module.lanes
        for part in parted(nest, lanes, machine.registers) if machine.alike else (nest,):
            self._kernel(part)

    def _kernel(self, nest: Nest) -> None:
        local, pointers, strides = _localised(nest)
        addresses = tuple(self._module.address(*pointer) for pointer in pointers)
        emit = reduction.emit if local.reduce else elementwise.emit
        if not local.reduce and _is_small(local, self._module.lanes):
            emit(self._module.part, local, Pointers(addresses, strides))
            return
        names = tuple(f"%p{k}" for k in range(len(pointers)))
        write = partial(emit, nest=local, place=Pointers(names, strides))
        self._module.run(local, write, {f"ptr %p{k}": x for k, x in enumerate(addresses)})

    def _looked_up(self, nest: Nest) -> None:
        """A gather, or a choice by run-time integers."""
        s = nest.first
        match s.inputs:
            case (Listed() as source,):
                self._gather(s.out, source)
            case (Affine() as ids, Counter(axis)):
                hot = listed.OneHot(nest.extents, axis, s.out.strides, ids.strides)
                out, given = (self._module.address(x.space, x.base) for x in (s.out, ids))
                write = partial(listed.emit_one_hot, hot=hot)
                self._module.run(hot, write, {"ptr %out": out, "ptr %ids": given})
            case _:
                raise ValueError(f"no code for {s}")

    def _gather(self, out: Affine, source: Listed) -> None:
        module, done = self._module, 0
        run = run_length(source.index, module.lanes)
        for count, lanes in ((max(run, listed.UNROLL), run), (1, 1)):
            trips = (len(source.index) - done) // count
            if trips:
                write = partial(listed.emit_gather, count=count, lanes=lanes)
                module.run(("gather", count, lanes), write, {
                    "ptr %out": module.address(out.space, out.base + done),
                    "ptr %source": module.address(source.space),
                    "ptr %index": module.integer_table(source.index, done),
                    "i64 %n": str(trips),
                })  # fmt: skip
            done += trips * count

    def _ragged(self, nest: Nest, starts: Integers) -> None:
        module, number, term = self._module, self._module.precision.name, nest.first
        u, v = (*term.inputs, term.inputs[0])[:2]
        alike = rows_alike(starts, term.inputs, module.lanes)
        key = ("ragged", nest.reduce, len(term.inputs), term.accumulate, alike)
        module.run(key, partial(listed.emit_ragged, nest=nest, alike=alike), {
            "ptr %out": module.address(term.out.space, term.out.base),
            "ptr %u_source": module.address(u.space),
            "ptr %u": module.integer_table(u.index),
            "ptr %v_source": module.address(v.space),
            "ptr %v": module.integer_table(v.index),
            "ptr %start": module.integer_table(starts),
            f"{number} %c": module.precision.constant(term.coefficient),
            "i64 %n": str((len(starts) - 1) // alike.rows),
        })  # fmt: skip


def _moving(nest: Nest) -> Nest:
    """The nest without the axis of the blocks; spaces tell how far operands move along it."""

    def change(x: Affine | Listed) -> Affine | Listed:
        if isinstance(x, Listed):  # its space has moved already
            return x
        return Affine(Space.of(x.space.role, x.space.number, x.strides[0]), x.base, x.strides[1:])

    return mapped(nest, nest.extents[1:], change)


def _localised(nest: Nest) -> tuple[Nest, list[tuple[Space, int]], Strides]:
    """The nest with numbers of pointers for spaces: one for all operands of the same strides.

    Also the space of each and where in it that is, and the strides.
    """
    lowest: dict[tuple[Space, tuple[int, ...]], int] = {}
    for x in writes(nest) + reads(nest):
        key = (x.space, x.strides)
        lowest[key] = min(x.base, lowest.get(key, x.base))
    numbers = {key: Space.of(SpaceRole.LOCAL, k) for k, key in enumerate(lowest)}

    def local(x: Affine) -> Affine:
        key = (x.space, x.strides)
        return Affine(numbers[key], x.base - lowest[key], x.strides)

    pointers = [(space, base) for (space, _), base in lowest.items()]
    strides = tuple(strides for _, strides in lowest)
    return mapped(nest, nest.extents, local), pointers, strides


def _is_small(nest: Nest, lanes: int) -> bool:
    """True if a function of its own would cost more than the nest."""
    return math.prod(nest.extents) <= lanes and len(nest.body) <= 4


def parted(nest: Nest, lanes: int, registers: int) -> list[Nest]:
    """The parts of a merged nest, one after the other."""
    at = _place(nest, lanes, registers)
    if at is None:
        return [nest]
    return [part for half in _cut(nest, *at) for part in parted(half, lanes, registers)]


def _place(nest: Nest, lanes: int, registers: int) -> tuple[int, int] | None:
    """The axis, and where on it what is left over begins."""
    if nest.reduce is not None:
        for axis, size in plan(nest, lanes, registers, alike=True).tile:
            rest = axis.extent % size
            if rest:
                return axis.number, axis.extent - rest
        return None
    number = vector_axis(nest, lanes)
    if number is None:
        return None
    step = unrolled(nest, number) * lanes
    rest = nest.extents[number] % step
    return (number, nest.extents[number] - rest) if 0 < rest < nest.extents[number] else None


def _cut(nest: Nest, axis: int, at: int) -> tuple[Nest, Nest]:
    """What is before a place of an axis, and what is from there on."""

    def part(start: int, end: int) -> Nest:
        extents = (*nest.extents[:axis], end - start, *nest.extents[axis + 1 :])
        return mapped(
            nest, extents, lambda x: Affine(x.space, x.base + start * x.strides[axis], x.strides)
        )

    return part(0, at), part(at, nest.extents[axis])
