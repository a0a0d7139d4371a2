"""LLVM's text as a function that can be called.

It is compiled twice: at once, quickly, and once it has run for a while, in another thread, so that
it runs two or three times as fast. Both compute the same, to the last bit. Where most kernels are
those of other programs, too, only these are made well, once for all; the rest follows if it runs
for long. What is made well as a whole is kept on disk, and is there at once in the next process.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from threading import local
from time import perf_counter
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.backends import Executable, checked_array, space_type, write_constants
from micrograd.compiler.backends.llvm import objects
from micrograd.compiler.backends.llvm.ir import Machine
from micrograd.compiler.backends.llvm.kernels import Divided, kernels, module_of
from micrograd.compiler.backends.llvm.later import later
from micrograd.compiler.backends.llvm.module import POOL
from micrograd.compiler.backends.llvm.pool import functions, pool
from micrograd.compiler.backends.llvm.render import render
from micrograd.compiler.nest.ir import Program, Space
from micrograd.compiler.store import aligned

QUICK, GOOD = 0, 1  # of 0 to 3; the text has all that the others would find
# Better code is made, by another thread, when quick code has run for this part of the time that it
# took to make: who waits for steps has them sooner, and the thread has a processor of its own.
WORTH = 8
OF_MANY = 8  # times as soon it is worth it for kernels that many programs have
SEEN = re.compile(r"^@(\w+) = global|^define \w+ @(\w+)", re.M)
LONG = 30  # times as long as it took to make, after which all is made well, not kernels alone


def load(
    program: Program, dtype: Any, machine: Machine | None = None, alike: bool = False
) -> LlvmExecutable:
    """Compile a program, best a fused one, to run in a precision: "float64" or "float32".

    Text for another machine runs, too, but slower. With `alike` its kernels are to be those of
    programs with other extents, too.
    """
    return LlvmExecutable(program, dtype, replace(machine or this_machine(), alike=alike))


def prepare() -> None:
    """Do what is done once in a process."""
    target()
    this_machine()


class LlvmExecutable:
    """A program as machine code; see `micrograd.compiler.backends.Executable`."""

    def __init__(self, program: Program, dtype: Any, machine: Machine) -> None:
        self._dtype = np.dtype(dtype)
        self.sizes = program.sizes
        self._threads = max((len(shares.ranges) for shares in program.shares), default=1)
        source = render(program, dtype, machine)
        self.source = source.text
        self.work = aligned(len(program.work), dtype)
        write_constants(self.work, program)
        self._places = {space: k for k, space in enumerate(source.spaces)}
        self._arrays: list[NDArray[Any]] = [self.work]
        for space, size in program.sizes.items():
            self._arrays.append(aligned(size, space_type(space, dtype)))
        self._arrays += [np.ascontiguousarray(table, np.int64) for table in source.integers]
        self.entry = ctypes.c_void_p()  # where the function of the code in use begins
        self._next: LlvmExecutable | None = None
        self._at = 0  # of work, what the next one reads
        start = perf_counter()
        self._key = _key(source.text)
        kept = objects.stored(self._key)
        self._code = quickly(source.text) if kept is None else Code(kept, source.text)
        self._seconds = perf_counter() - start
        self._left = self._seconds / WORTH  # seconds to run before better code is made
        divided = self._code.divided
        self._alike = machine.alike and divided is not None
        if divided is not None and self._alike and len(divided.new) < len(divided.kernels):
            kernels.allow(self._left / OF_MANY)  # those of all such programs are made well together
        self._better: Code | None = None
        self._is_good = kept is not None  # whether there is no better code to be made
        self._has_good_kernels = False  # those that others have, too
        self._ready = self._is_good  # whether there is better code to be taken
        self.run: Callable[[], float] = self._run_quick
        self.step: Callable[[], float] = self._run_quick
        self._use(self._code)

    def follow(self, update: Executable, at: int) -> None:
        """Let `step` go on with this update, which reads what is in work from there on."""
        assert isinstance(update, LlvmExecutable)
        self._next, self._at = update, at
        self._use(self._code)
        self.step = self._step_quick
        if self._is_good and not update._is_good:
            self._left = update._left
        self._ready = self._is_good and update._is_good

    def _use(self, code: Code) -> None:
        """Go on with this code, on the same arrays."""
        for place, array in enumerate(self._arrays):
            code.table[place] = array.ctypes.data
        if self._threads > 1:
            run_shares, work = functions()
            pool.grow(self._threads, work)
            code.share(run_shares, pool.slot.ctypes.data)
        if self._next is not None:
            code.go_on(self._next.entry, self.work[self._at :].ctypes.data)
        code.keep(self._arrays, self._next)
        self._code = code
        self.entry.value = code.address

    def _run_quick(self) -> float:
        """Run code that was made quickly; after a while, better code."""
        if self._ready:
            self._take_better()
            return self.run()
        return self._timed(self._code.run)

    def _step_quick(self) -> float:
        if self._ready:
            self._take_better()
            return self.step()
        return self._timed(self._code.step)

    def _timed(self, run: Callable[[], float]) -> float:
        start = perf_counter()
        loss = run() if self._threads == 1 else _together(run)
        seconds = perf_counter() - start
        if self._alike and kernels.spend(seconds):
            later.call(self._improve_kernels)
        left, self._left = self._left, self._left - seconds
        if left >= 0 > self._left:
            later.call(self._improve)
            self._left = LONG * self._seconds
        return loss

    def _improve_kernels(self) -> None:
        slow, needs = kernels.all_to_improve()
        if slow:
            kernels.improve(slow, _good(module_of(slow, needs)))

    def _improve(self) -> None:
        for part in (self._next, self):
            if part is not None and not part._is_good:
                part._make_better()
        self._ready = True

    def _make_better(self) -> None:
        divided = self._code.divided
        if divided is not None and not self._has_good_kernels and kernels.are_shared(divided):
            slow = kernels.to_improve(divided)
            if slow:
                kernels.improve(slow, _good(module_of(slow, divided.needs)))
            self._has_good_kernels = True
            return
        content = object_of(self.source, GOOD)
        self._better, self._is_good = Code(content, self.source), True
        objects.store(self._key, content)

    def _take_better(self) -> None:
        self._ready = False
        for part in (self._next, self):
            if part is not None and part._better is not None:
                part._use(part._better)
                part._better = None
        if not self._is_good or (self._next is not None and not self._next._is_good):
            return
        run, step = self._code.run, self._code.step
        if self._threads > 1:
            run, step = partial(_together, run), partial(_together, step)
        self.run, self.step = run, run if self._next is None else step

    def point(self, space: Space, array: NDArray[Any]) -> None:
        """Use this array itself for a space."""
        checked_array(space, array, self.sizes, self._dtype)
        place = self._places[space]
        self._arrays[place] = array
        self._code.table[place] = array.ctypes.data


def _together(run: Callable[[], float]) -> float:
    """Run with all threads awake."""
    if pool.sleeping:
        pool.wake()
    return run()


class Code:
    """Machine code of a module: its function, and the table of the arrays that it runs on."""

    def __init__(self, content: bytes, text: str) -> None:
        self.parts: list[Any] = []  # libraries that have kernels of it
        self.divided: Divided | None = None  # which these are
        self.library = LinkedCode(content, text)
        self.table = ctypes.cast(self.library["spaces"], ctypes.POINTER(ctypes.c_void_p))
        function = ctypes.CFUNCTYPE(ctypes.c_double)
        self.address = self.library.get("run_on", 0)
        self.run: Callable[[], float] = function(self.library["run"])
        self.step: Callable[[], float] = function(self.library.get("step", 0))

    def go_on(self, entry: ctypes.c_void_p, gradients: int) -> None:
        """Let `step` go on with what begins there."""
        for name, value in (("next", ctypes.addressof(entry)), ("before", gradients)):
            ctypes.c_void_p.from_address(self.library[name]).value = value

    def share(self, run_shares: int, slot: int) -> None:
        """Let the pool's function run what may run at the same time."""
        for place, value in enumerate((run_shares, slot)):
            ctypes.c_void_p.from_address(self.library[POOL] + 8 * place).value = value

    def keep(self, *things: object) -> None:
        """Let all that the functions use live as long as they do."""
        for function in (self.run, self.step):
            function.owner = self.library, self.parts, things  # type: ignore[attr-defined]


def object_of(text: str, optimisation: int) -> bytes:
    """A module as machine code."""
    if optimisation not in _machines.known:
        _machines.known[optimisation] = _machine(optimisation)
    machine, module = _machines.known[optimisation], llvm.parse_assembly(text)
    if optimisation == GOOD:
        inline(module, machine)
    made: bytes = machine.emit_object(module)
    return made


def inline(module: Any, machine: Any) -> None:
    """Put the functions that are to be inline where they are called."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(0)))


class _Machines(local):
    """A thread's target machines, which take as long to be made as a small module."""

    def __init__(self) -> None:
        self.known: dict[int, Any] = {}


_machines = _Machines()


class LinkedCode(dict[str, int]):
    """Machine code where it can run: the addresses of what others may call or change, by name."""

    def __init__(self, content: bytes, text: str) -> None:
        self._engine = engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(QUICK))
        engine.add_object_file(llvm.ObjectFileRef.from_data(content))
        engine.finalize_object()
        for table, function in SEEN.findall(text):
            address = engine.get_global_value_address if table else engine.get_function_address
            self[table or function] = address(table or function)


def _good(text: str) -> LinkedCode:
    return LinkedCode(object_of(text, GOOD), text)


def _machine(optimisation: int) -> Any:
    cpu, features = host()
    return target().create_target_machine(cpu=cpu, features=features, opt=optimisation)


def quickly(text: str) -> Code:
    """A module compiled quickly, without the kernels that others have, too."""
    divided = kernels.divided(text)
    code = Code(object_of(divided.text, QUICK), divided.text)
    if not kernels.link(code, divided):  # so many have come meanwhile, from another thread
        return Code(object_of(text, QUICK), text)
    code.divided = divided
    return code


def _key(text: str) -> str:
    """The name under which machine code is kept: it is of a program, a processor and a compiler."""
    versions = llvmlite.__version__, ".".join(map(str, llvm.llvm_version_info))
    return objects.key_of(text, *host(), *versions, str(GOOD))


@cache
def host() -> tuple[str, str]:
    """The processor's name, and its features as LLVM writes them."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def target() -> Any:
    """What this process runs on."""
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
