"""Lines of NumPy calls and the names in them: products and sums, whatever is made on the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.nest.ir import WORK, Affine, Integers, Program, Shape, Space, Statement


class TermLines:
    """Lines of a function. In it v0, v1, … are views, t temporaries, c constants, i indices.

    Those for `coefficient · product of inputs` may stand alone, or be added to something. What is
    only copied, or negated, is written at the next line: it may be the start of a sum, and is then
    part of the same call.
    """

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
        # What is to be copied to, from what, and its sign; nests that begin with that copy.
        self._start: tuple[str, str, float] | None = None
        self._before: list[int] = []

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

    # ---- lines ---------------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        self._flush()
        self._marks[len(self._lines)], self._begun = self._begun, []
        self._lines.append(text)

    def _flush(self) -> None:
        if self._start is None:
            return
        (out, x, sign), self._start = self._start, None
        later, self._begun = self._begun, self._before
        if sign > 0:
            self._line(f"{out}[...] = {x}")
        else:  # NumPy 2.4's negative writes nothing right to an output with a stride of 64 bytes
            self._line(f"np.multiply({x}, {self._constant(-1.0)}, {out})")
        self._begun = later

    def _later(self, out: str, x: str, sign: float) -> None:
        """Copy at the next line, if that does not do it on its way."""
        self._flush()
        self._start, self._before, self._begun = (out, x, sign), self._begun, []

    def _added_to(self, out: str, inputs: Sequence[str]) -> tuple[str, float]:
        """What these are added to, and its sign: what was to be copied there, or what is there."""
        if self._start is None or self._start[0] != out or out in inputs:
            return out, 1.0
        (_, x, sign), self._start = self._start, None
        self._begun = self._before + self._begun
        return x, sign

    def _product(
        self, inputs: Sequence[str], coefficient: float, into: str | None, shape: Shape
    ) -> tuple[str, float]:
        """Write `|coefficient| · Πinputs`; where it is, and the sign. No call for one input.

        It goes to a temporary if it may not go anywhere else.
        """
        if not inputs:
            return self._constant(coefficient), 1.0
        factors = list(inputs)
        if abs(coefficient) != 1.0:
            factors.append(self._constant(abs(coefficient)))
        if len(factors) > 1:
            into = into or self._temporary(shape)
            for factor in factors[1:]:
                self._line(f"np.multiply({factors[0]}, {factor}, {into})")
                factors[0] = into
        return factors[0], -1.0 if coefficient < 0 else 1.0

    def _term(self, s: Statement, extents: Shape) -> None:
        """`out = coefficient · Πinputs`, or that added to it."""
        out = self._view(s.out, extents)
        inputs = [self._view(x, extents) for x in s.inputs]
        if s.accumulate:
            self._add(self._added_to(out, inputs), out, inputs, s.coefficient, extents)
            return
        if inputs and abs(s.coefficient) != 1.0:
            inputs.append(self._constant(s.coefficient))
            result, sign = self._product(inputs, 1.0, out, extents)
        else:
            result, sign = self._product(inputs, s.coefficient, out, extents)
        if sign < 0 or result != out:
            self._later(out, result, sign)

    def _add(
        self, start: tuple[str, float], out: str, inputs: Sequence[str], coefficient: float,
        shape: Shape,
    ) -> None:  # fmt: skip
        """`out = start + coefficient · Πinputs`."""
        a, sign_a = start
        b, sign_b = self._product(inputs, coefficient, None if a == out else out, shape)
        if sign_a < 0 < sign_b:
            a, b, sign_a, sign_b = b, a, sign_b, sign_a
        self._line(f"np.{'add' if sign_a == sign_b else 'subtract'}({a}, {b}, {out})")
        if sign_a < 0:
            self._later(out, out, -1.0)
