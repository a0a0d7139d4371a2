"""Programs as calls of NumPy on views prepared beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from micrograd.compiler.backends import aligned, checked_array, space_type
from micrograd.compiler.backends.numpy_calls import Writer
from micrograd.compiler.program import Program


def load(program: Program, dtype: Any) -> NumpyExecutable:
    """Prepare a program, not fused, to run in a precision: "float64" or "float32"."""
    return NumpyExecutable(program, dtype)


class NumpyExecutable:
    """A program as a Python function; see `micrograd.compiler.backends.Executable`."""

    def __init__(self, program: Program, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self._sizes = program.sizes
        self.work = aligned(len(program.work), dtype)
        self.work[:] = program.work
        self._spaces: dict[str, NDArray[Any]] = {"work": self.work}
        for space, size in program.sizes.items():
            self._spaces[space] = aligned(size, space_type(space, dtype))
        writer = Writer(program)
        self._views = {name: (a, n) for (a, n), name in writer.views.items()}
        self._names: dict[str, Any] = {"np": np, "inf": np.inf, "nan": np.nan, **writer.integers}
        for name, shape in writer.temporaries.items():
            self._names[name] = np.empty(shape, self._dtype)
        for name in self._views:
            self._names[name] = self._view(name)
        self.source = writer.source
        exec(compile(writer.function, "<program>", "exec"), self._names)
        self.run: Callable[[], float] = self._names["run"]

    def point(self, space: str, array: NDArray[Any]) -> None:
        """Use this array for a space: arguments are copied, parameters and state written to."""
        flat = checked_array(space, array, self._sizes, self._dtype).reshape(-1)
        if space not in ("parameters", "state"):
            np.copyto(self._spaces[space], flat)
        elif self._spaces[space].ctypes.data != flat.ctypes.data:
            self._spaces[space] = flat
            for name, (access, _) in self._views.items():
                if access.space == space:
                    self._names[name] = self._view(name)

    def _view(self, name: str) -> NDArray[Any]:
        access, extents = self._views[name]
        array = self._spaces[access.space]
        strides = [stride * array.itemsize for stride in access.strides]
        return as_strided(array[access.base :], extents, strides)
