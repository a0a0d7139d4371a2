"""C as functions of Python: compiled by the machine's own compiler, called through ctypes."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from micrograd.compiler.trace.arguments.stand_ins import flat
from micrograd.errors import CompileError
from micrograd.exporting.c.interface import CArgument
from micrograd.exporting.c.source import CSource

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-shared", "-fPIC")


class Library:
    """The functions of a `CSource`, on NumPy arrays."""

    def __init__(self, made: CSource) -> None:
        self.made = made
        self.dtype = np.dtype(made.dtype)
        self._number: Any = ctypes.c_float if made.dtype == "float32" else ctypes.c_double
        library = built(made)
        self._functions = {}
        for name in ("loss", "gradient", *["step"] * made.has_step):
            function = getattr(library, f"{made.name}_{name}")
            function.restype = self._number
            self._functions[name] = function

    def loss(self, parameters: np.ndarray, *inputs: Any) -> float:
        """The loss."""
        return self._called("loss", [parameters], inputs, [])

    def gradient(
        self, parameters: np.ndarray, *inputs: Any, flags: bool = False
    ) -> tuple[float, np.ndarray]:
        """The loss and the derivatives by all parameters; with `flags`, what follows them, too."""
        out = np.zeros(self.made.gradient, self.dtype)
        loss = self._called("gradient", [parameters], inputs, [out])
        return loss, out if flags else out[: len(self.made.parameters)]

    def step(self, parameters: np.ndarray, state: np.ndarray, *inputs: Any) -> float:
        """The loss; parameters and the optimiser's state are updated in place."""
        return self._called("step", [parameters, state], inputs, [])

    def aux(self, parameters: np.ndarray, *inputs: Any) -> np.ndarray:
        """What the function returns beside the loss."""
        out = np.zeros(self.made.aux, self.dtype)
        self._called("loss", [parameters], inputs, [], out)
        return out

    def _called(
        self, name: str, before: Sequence[np.ndarray], inputs: Sequence[Any],
        after: Sequence[np.ndarray], aux: np.ndarray | None = None,
    ) -> float:  # fmt: skip
        for x in before:
            if x.dtype != self.dtype or not x.flags.c_contiguous:
                raise TypeError(f"parameters and state are contiguous arrays of {self.dtype}")
        kept = [*before, *after]
        arguments: list[Any] = [ctypes.c_void_p(x.ctypes.data) for x in before]
        for argument in self.made.arguments:
            array = self._flat(argument, inputs[argument.space.number])
            kept.append(array)
            if not argument.scalar:
                arguments.append(ctypes.c_void_p(array.ctypes.data))
            elif argument.is_integer:
                arguments.append(ctypes.c_int(int(array[0])))
            else:
                arguments.append(self._number(float(array[0])))
        arguments += [ctypes.c_void_p(x.ctypes.data) for x in after]
        if self.made.aux:
            arguments.append(ctypes.c_void_p(None if aux is None else aux.ctypes.data))
        return float(self._functions[name](*arguments))

    def _flat(self, x: CArgument, given: Any) -> np.ndarray:
        array = flat(given, np.int64 if x.is_integer else self.dtype)
        if len(array) != x.size:
            raise ValueError(f"{x.name} must be {x.size} numbers, got {len(array)}")
        return np.ascontiguousarray(array, np.intc if x.is_integer else self.dtype)


def compiler() -> list[str]:
    """The command of the C compiler: that of $CC, or the first of cc, gcc and clang."""
    own = shlex.split(os.environ.get("CC", ""))
    for command in ([own] if own else []) + [[name] for name in COMPILERS]:
        if shutil.which(command[0]):
            return command
    raise CompileError(
        "cannot be exported to C: what is written is compared with the function before it is kept, "
        "and there is no C compiler: install gcc or clang (apt install gcc, xcode-select "
        "--install), or name one in $CC"
    )


def built(made: CSource) -> ctypes.CDLL:
    """The source, compiled and loaded; nothing stays on disk."""
    command = compiler()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        source = Path(folder, f"{made.name}.c")
        source.write_text(made.source, "utf-8")
        source.with_suffix(".h").write_text(made.header, "utf-8")
        target = source.with_suffix(".dll" if sys.platform == "win32" else ".so")
        done = subprocess.run(
            [*command, *FLAGS, str(source), "-o", str(target), "-lm"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode or done.stderr:
            raise CompileError(
                f"cannot be exported to C: {command[0]} says of what was written: "
                f"{done.stderr.strip()[:2000]}"
            )
        return ctypes.CDLL(str(target))
