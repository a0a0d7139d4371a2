"""Programs as calls of NumPy on views prepared beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import copy_context
from operator import setitem
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.backends import Executable, checked_array, space_type, write_constants
from micrograd.compiler.backends.numpy.calls import Writer
from micrograd.compiler.backends.numpy.rows import each
from micrograd.compiler.backends.numpy.sequence import runner
from micrograd.compiler.backends.numpy.sequence_rows import view
from micrograd.compiler.nest.ir import GRADIENTS, WORK, Program, Space
from micrograd.compiler.store import aligned


def load(program: Program, dtype: Any) -> NumpyExecutable:
    """Prepare a program, not fused, to run in a precision: "float64" or "float32"."""
    return NumpyExecutable(program, dtype)


class NumpyExecutable:
    """A program as a Python function; see `micrograd.compiler.backends.Executable`."""

    def __init__(self, program: Program, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self.sizes = program.sizes
        self.work = aligned(len(program.work), dtype)
        write_constants(self.work, program)
        self._spaces: dict[Space, NDArray[Any]] = {WORK: self.work}
        for space, size in program.sizes.items():
            self._spaces[space] = aligned(size, space_type(space, dtype))
        writer = Writer(program)
        self._views = {name: (a, n) for (a, n), name in writer.views.items()}
        self._names: dict[str, Any] = {
            "np": np, "each": each, "nan": np.nan, "isfinite": math.isfinite, "setitem": setitem,
            **writer.integers, "sequence": runner(program.sequence, self.work, program.lanes),
        }  # fmt: skip
        buffers: dict[int, NDArray[Any]] = {}
        for which, shape in sorted(writer.temporaries, key=lambda key: -math.prod(key[1])):
            size = math.prod(shape)
            buffer = buffers.setdefault(which, aligned(size, dtype))
            self._names[writer.temporaries[which, shape]] = buffer[:size].reshape(shape)
        with np.errstate(over="ignore"):
            for (number, shape), name in writer.constants.items():
                self._names[name] = np.full(shape, float(number), self._dtype)
        for name in self._views:
            self._names[name] = self._view(name)
        self.source = writer.source
        exec(compile(writer.function, "<program>", "exec"), self._names)
        self.run = _quiet(self._names["run"])
        self.step = self.run

    def follow(self, update: Executable, at: int) -> None:
        """Let `step` go on with this update, which reads what is in work from there on."""
        run, go_on = self.run, update.run
        update.point(GRADIENTS, self.work[at : at + update.sizes[GRADIENTS]])

        def step() -> float:
            loss = run()
            if loss == loss:
                go_on()
            return loss

        self.step = step

    def point(self, space: Space, array: NDArray[Any]) -> None:
        """Use this array for a space: arguments are read in each run, others also written to."""
        flat = checked_array(space, array, self.sizes, self._dtype).reshape(-1)
        self._spaces[space] = flat
        for name, (access, _) in self._views.items():
            if access.space is space:
                self._names[name] = self._view(name)

    def _view(self, name: str) -> NDArray[Any]:
        access, extents = self._views[name]
        return view(access, extents, self._spaces[access.space])


def _quiet(run: Callable[[], float]) -> Callable[[], float]:
    """The function without warnings of what is not finite."""
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":  # which errors are ignored is not in contexts
        return np.errstate(all="ignore")(run)
    context = copy_context()
    context.run(np.seterr, all="ignore")
    copy = context.copy  # a context runs one function at a time; a copy costs next to nothing
    return lambda: copy().run(run)
