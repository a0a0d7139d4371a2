"""A program as LLVM's text.

Kernels that differ in nothing but where their operands lie share a function, which takes pointers.
`run` takes nothing: the arrays' addresses are in a global table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from micrograd.compiler.backends.llvm import contraction, elementwise, listed
from micrograd.compiler.backends.llvm.ir import DOUBLE, FLOAT, Body, Machine, Place
from micrograd.compiler.backends.llvm.module import Module, moving_space, table_entry
from micrograd.compiler.backends.llvm.packing import packed
from micrograd.compiler.backends.llvm.regular import rows_alike, run_length
from micrograd.compiler.nest.axes import Nest, as_statement, map_accesses, merged, reduces
from micrograd.compiler.nest.program import (
    Access,
    Contraction,
    Elementwise,
    Gather,
    Integers,
    Kernel,
    Maximum,
    OneHot,
    Program,
    Ragged,
)
from micrograd.compiler.nest.spans import affine_reads, affine_writes

Strides = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A program's text, and what it runs on."""

    text: str
    spaces: tuple[str, ...]  # whose addresses the table begins with
    integers: tuple[Integers, ...]  # whose addresses follow
    work_size: int


def render(program: Program, dtype: Any, machine: Machine) -> Source:
    """The text of a program for a machine."""
    precision = FLOAT if np.dtype(dtype) == np.float32 else DOUBLE
    spaces = ("work", *program.sizes)
    module = Module(precision, machine, spaces)
    calls = _Calls(module, scratch=-(-len(program.work) // 16) * 16)
    done = 0
    for repeat in program.repeats:
        for kernel in program.kernels[done : repeat.first]:
            calls.add(kernel)
        calls.repeat(program.kernels[repeat.first : repeat.end], repeat.count)
        done = repeat.end
    for kernel in program.kernels[done : program.update_from]:
        calls.add(kernel)
    lines = ["entry:", *module.calls_of_parts(), *_check(program, module)]
    for kernel in program.kernels[program.update_from :]:
        calls.add(kernel)
    lines += [*module.calls_of_parts(), *_answer(program, module)]
    return Source(module.text(lines), spaces, tuple(module.integers), calls.work_size)


def _check(program: Program, module: Module) -> list[str]:
    """Go to `stop` where a number that is checked is not finite."""
    lines = [f"  %work = load ptr, ptr {table_entry(0)}"]
    for k, (base, length) in enumerate(_joined([(program.loss, 1), *program.checked])):
        write = partial(listed.emit_finite, n=length)
        name = module.function(("finite", length), "ptr %p", write, "i1")
        lines += [
            f"  %p{k} = getelementptr {module.precision.name}, ptr %work, i64 {base}",
            f"  %finite{k} = call i1 @{name}(ptr %p{k})",
            f"  br i1 %finite{k}, label %checked{k}, label %stop",
            f"checked{k}:",
        ]
    return lines


def _answer(program: Program, module: Module) -> list[str]:
    """Return the loss; nan after `stop`."""
    number = module.precision.name
    lines = [
        f"  %at = getelementptr {number}, ptr %work, i64 {program.loss}",
        f"  %loss = load {number}, ptr %at",
    ]
    if module.precision is FLOAT:
        lines += ["  %wide = fpext float %loss to double", "  ret double %wide"]
    else:
        lines.append("  ret double %loss")
    return [*lines, "stop:", f"  ret double {DOUBLE.constant(math.nan)}"]


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges, with those that touch made one."""
    joined: list[tuple[int, int]] = []
    for base, length in sorted(r for r in ranges if r[1]):
        if joined and base <= sum(joined[-1]):
            start, before = joined[-1]
            joined[-1] = (start, max(before, base + length - start))
        else:
            joined.append((base, length))
    return joined


class _Calls:
    """Writes what runs each kernel."""

    def __init__(self, module: Module, scratch: int) -> None:
        self._module = module
        self._scratch = scratch  # where work goes on
        self.work_size = scratch

    def add(self, kernel: Kernel) -> None:
        self._module.split()
        match kernel:
            case Elementwise():
                self._nest(merged(kernel))
            case Contraction() if not reduces(kernel):
                self._nest(merged(as_statement(kernel)))
            case Contraction():
                copies, even, size = packed(merged(kernel), self._module.lanes, self._scratch)
                self.work_size = max(self.work_size, self._scratch + size)
                for copy in copies:
                    self._nest(merged(copy))
                self._nest(even)
            case Maximum():
                self._nest(merged(kernel))
            case OneHot():
                self._one_hot(kernel)
            case Gather():
                self._gather(kernel)
            case Ragged():
                self._ragged(kernel)

    def repeat(self, kernels: Sequence[Kernel], count: int) -> None:
        """Write what runs the kernels of a repeat."""
        self._module.begin_blocks()
        for kernel in kernels:
            assert isinstance(kernel, Elementwise | Contraction | Maximum)
            self.add(_moving(kernel))
        self._module.end_blocks(count)

    def _nest(self, kernel: Nest) -> None:
        local, pointers, strides = _localised(kernel)
        addresses = tuple(self._module.address(*pointer) for pointer in pointers)
        if isinstance(local, Elementwise) and _is_small(local, self._module.lanes):
            elementwise.emit(self._module.part, local, Place(addresses, strides))
            return
        names = tuple(f"%p{k}" for k in range(len(pointers)))

        def write(body: Body) -> None:
            if isinstance(local, Elementwise):
                elementwise.emit(body, local, Place(names, strides))
            else:
                contraction.emit(body, local, Place(names, strides))

        name = self._module.function(local, ", ".join(f"ptr {p}" for p in names), write)
        self._module.call(name, *(f"ptr {a}" for a in addresses))

    def _one_hot(self, kernel: OneHot) -> None:
        local = replace(
            kernel, out=replace(kernel.out, base=0), ids=replace(kernel.ids, base=0, space="")
        )
        write = partial(listed.emit_one_hot, kernel=local)
        name = self._module.function(local, "ptr %out, ptr %ids", write)
        addresses = [self._module.address(a.space, a.base) for a in (kernel.out, kernel.ids)]
        self._module.call(name, *(f"ptr {a}" for a in addresses))

    def _gather(self, kernel: Gather) -> None:
        done = 0
        parameters = "ptr %out, ptr %source, ptr %index, i64 %n"
        run = run_length(kernel.index, self._module.lanes)
        for count, lanes in ((max(run, listed.UNROLL), run), (1, 1)):
            trips = (len(kernel.index) - done) // count
            if trips:
                write = partial(listed.emit_gather, count=count, lanes=lanes)
                self._module.call(
                    self._module.function(("gather", count, lanes), parameters, write),
                    f"ptr {self._module.address('work', kernel.base + done)}",
                    f"ptr {self._module.address(kernel.space)}",
                    f"ptr {self._module.integer_table(kernel.index, done)}",
                    f"i64 {trips}",
                )
            done += trips * count

    def _ragged(self, kernel: Ragged) -> None:
        module, number = self._module, self._module.precision.name
        v_space, v = (kernel.u_space, kernel.u) if kernel.v is None else (kernel.v_space, kernel.v)
        alike = rows_alike(kernel, module.lanes)
        arguments = {
            "ptr %out": module.address("work", kernel.base),
            "ptr %u_source": module.address(kernel.u_space),
            "ptr %u": module.integer_table(kernel.u),
            "ptr %v_source": module.address(v_space),
            "ptr %v": module.integer_table(v),
            "ptr %start": module.integer_table(kernel.start),
            f"{number} %c": module.precision.constant(kernel.coefficient),
            "i64 %n": str((len(kernel.start) - 1) // alike.rows),
        }
        key = ("ragged", kernel.reduction, kernel.v is None, kernel.accumulate, alike)
        write = partial(listed.emit_ragged, kernel=kernel, alike=alike)
        name = module.function(key, ", ".join(arguments), write)
        module.call(name, *(f"{kind.split()[0]} {x}" for kind, x in arguments.items()))


def _moving(kernel: Nest) -> Nest:
    """The kernel without the axis of the blocks; spaces tell how far accesses move along it."""
    return map_accesses(
        kernel,
        kernel.extents[1:],
        lambda a: Access(moving_space(a.space, a.strides[0]), a.base, a.strides[1:]),
    )


def _localised(kernel: Nest) -> tuple[Nest, list[tuple[str, int]], Strides]:
    """The kernel with numbers of pointers for spaces: one for all accesses of the same strides.

    Also the space of each and where in it that is, and the strides.
    """
    lowest: dict[tuple[str, tuple[int, ...]], int] = {}
    for a in affine_writes(kernel) + affine_reads(kernel):
        key = (a.space, a.strides)
        lowest[key] = min(a.base, lowest.get(key, a.base))
    numbers = {key: str(k) for k, key in enumerate(lowest)}

    def local(a: Access) -> Access:
        key = (a.space, a.strides)
        return Access(numbers[key], a.base - lowest[key], a.strides)

    pointers = [(space, base) for (space, _), base in lowest.items()]
    strides = tuple(strides for _, strides in lowest)
    return map_accesses(kernel, kernel.extents, local), pointers, strides


def _is_small(kernel: Elementwise, lanes: int) -> bool:
    """True if a function of its own would cost more than the kernel."""
    return math.prod(kernel.extents) <= lanes and len(kernel.statements) <= 4
