"""LLVM's text as a function that can be called."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.backends import checked_array, space_type, write_constants
from micrograd.compiler.backends.llvm.ir import Machine
from micrograd.compiler.backends.llvm.render import render
from micrograd.compiler.nest.ir import Program, Space
from micrograd.compiler.store import aligned

CODE_OPTIMISATION = 1  # of 0 to 3; the text has all that the others would find


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
        self._engine = _compiled(source.text)
        self.work = aligned(len(program.work), dtype)
        write_constants(self.work, program)
        self._places = {space: k for k, space in enumerate(source.spaces)}
        self._arrays: list[NDArray[Any]] = [self.work]
        for space, size in program.sizes.items():
            self._arrays.append(aligned(size, space_type(space, dtype)))
        self._arrays += [np.ascontiguousarray(table, np.int64) for table in source.integers]
        table = self._engine.get_global_value_address("spaces")
        self._table = (ctypes.c_void_p * len(self._arrays)).from_address(table)
        for place, array in enumerate(self._arrays):
            self._table[place] = array.ctypes.data
        function = ctypes.CFUNCTYPE(ctypes.c_double)(self._engine.get_function_address("run"))
        function.owner = self._engine, self._arrays  # type: ignore[attr-defined]  # live as long
        self.run: Callable[[], float] = function

    def point(self, space: Space, array: NDArray[Any]) -> None:
        """Use this array itself for a space."""
        checked_array(space, array, self._sizes, self._dtype)
        place = self._places[space]
        self._arrays[place] = array
        self._table[place] = array.ctypes.data


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


def _compiled(text: str) -> Any:
    target = _target()
    module = llvm.parse_assembly(text)
    machine = target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=CODE_OPTIMISATION,
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
