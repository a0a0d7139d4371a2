"""The names in the text of a program, and the arrays that they stand for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.nest.ir import WORK, Affine, Integers, Program, Shape, Space


class Listing:
    """Lines of a function. In it v0, v1, … are views, t temporaries, c constants, i indices."""

    def __init__(self, program: Program) -> None:
        self.views: dict[tuple[Affine, Shape], str] = {}
        self.integers: dict[str, NDArray[np.int64]] = {}
        self.temporaries: dict[tuple[int, Shape], str] = {}  # by the number of a buffer, and shape
        self._used = 0  # of the buffers, those that the kernel that is being written has
        self.constants: dict[tuple[str, Shape], str] = {}  # by the text of the number, and shape
        self._sizes = program.all_sizes
        self._lines: list[str] = []
        self._begun: list[int] = []  # places of nests of which no line is written yet
        self._marks: dict[int, list[int]] = {}  # by line, places of the nests that begin there

    def declared(self) -> list[str]:
        """A line for each view and constant."""
        views = [
            f"{name} = {a.space}[{a.base}:], shape {shape}, strides {a.strides}"
            for (a, shape), name in self.views.items()
        ]
        constants = [
            f"{name} = {number}" + (f", shape {shape}" if shape else "")
            for (number, shape), name in self.constants.items()
        ]
        return views + constants

    def _line(self, text: str) -> None:
        self._marks[len(self._lines)], self._begun = self._begun, []
        self._lines.append(text)

    def _view(self, x: Affine, extents: Shape) -> str:
        return self.views.setdefault((x, extents), f"v{len(self.views)}")

    def _block(self, base: int, length: int, space: Space = WORK) -> str:
        return self._view(Affine(space, base, (1,)), (length,))

    def _whole(self, space: Space) -> str:
        return self._block(0, self._sizes[space], space)

    def _temporary(self, shape: Shape) -> str:
        """An array that is this kernel's own: the next one may use the same buffer."""
        self._used += 1
        return self.temporaries.setdefault((self._used, shape), f"t{len(self.temporaries)}")

    def _constant(self, number: float, shape: Shape = ()) -> str:
        return self.constants.setdefault((repr(number), shape), f"c{len(self.constants)}")

    def _integers(self, values: Integers) -> str:
        name = f"i{len(self.integers)}"
        self.integers[name] = values
        return name
