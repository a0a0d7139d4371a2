"""LLVM's text as a function that can be called.

It is compiled twice: at once, quickly, and once it has run for a while, in another thread, so that
it runs about twice as fast. Both compute the same, to the last bit.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.backends import checked_array, space_type, write_constants
from micrograd.compiler.backends.llvm.ir import Machine
from micrograd.compiler.backends.llvm.later import later
from micrograd.compiler.backends.llvm.render import render
from micrograd.compiler.nest.ir import Program, Space
from micrograd.compiler.store import aligned

QUICK, GOOD = 0, 1  # of 0 to 3; the text has all that the others would find
WORTH = 8  # good code is made when quick code has run for this part of the time it took to make


def load(program: Program, dtype: Any, machine: Machine | None = None) -> LlvmExecutable:
    """Compile a program, best a fused one, to run in a precision: "float64" or "float32".

    Text for another machine runs, too, but slower.
    """
    return LlvmExecutable(program, dtype, machine or this_machine())


class LlvmExecutable:
    """A program as machine code; see `micrograd.compiler.backends.Executable`."""

    def __init__(self, program: Program, dtype: Any, machine: Machine) -> None:
        self._dtype = np.dtype(dtype)
        self._sizes = program.sizes
        source = render(program, dtype, machine)
        self.source = source.text
        self.work = aligned(len(program.work), dtype)
        write_constants(self.work, program)
        self._places = {space: k for k, space in enumerate(source.spaces)}
        self._arrays: list[NDArray[Any]] = [self.work]
        for space, size in program.sizes.items():
            self._arrays.append(aligned(size, space_type(space, dtype)))
        self._arrays += [np.ascontiguousarray(table, np.int64) for table in source.integers]
        start = perf_counter()
        self._use(Code(source.text, QUICK))
        self._left = (perf_counter() - start) / WORTH
        self._better: Code | None = None
        self.run: Callable[[], float] = self._run_quick

    def _use(self, code: Code) -> None:
        for place, array in enumerate(self._arrays):
            code.table[place] = array.ctypes.data
        code.run.owner = code.engine, self._arrays  # type: ignore[attr-defined]  # live as long
        self._code = code

    def _run_quick(self) -> float:
        """Run code that was made quickly; after a while, better code."""
        if self._better is not None:
            self._use(self._better)
            self.run = self._code.run
            return self.run()
        start = perf_counter()
        loss = self._code.run()
        left, self._left = self._left, self._left - (perf_counter() - start)
        if left >= 0 > self._left:
            later.call(self._improve)
        return loss

    def _improve(self) -> None:
        self._better = Code(self.source, GOOD)

    def point(self, space: Space, array: NDArray[Any]) -> None:
        """Use this array itself for a space."""
        checked_array(space, array, self._sizes, self._dtype)
        place = self._places[space]
        self._arrays[place] = array
        self._code.table[place] = array.ctypes.data


class Code:
    """A module as machine code: its function, and the table of the arrays that it runs on."""

    def __init__(self, text: str, optimisation: int) -> None:
        module = llvm.parse_assembly(text)
        machine = _target().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=optimisation,
        )
        self.engine = llvm.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        table = self.engine.get_global_value_address("spaces")
        self.table = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))
        address = self.engine.get_function_address("run")
        self.run: Callable[[], float] = ctypes.CFUNCTYPE(ctypes.c_double)(address)


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple())


@cache
def this_machine() -> Machine:
    """The vector registers of the machine that this runs on."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return Machine(64, 32)
    if features.get("avx"):
        return Machine(32, 16)
    return Machine(16, 16 if features.get("sse2") else 32)
