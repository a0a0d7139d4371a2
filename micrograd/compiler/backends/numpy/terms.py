"""Products and sums of arrays as NumPy calls, with what is made on the way put where it may be."""

from __future__ import annotations

from collections.abc import Sequence

from micrograd.compiler.backends.numpy.names import Names, Shape
from micrograd.compiler.nest.program import Statement


class Terms(Names):
    """Lines for `coefficient · product of inputs`, alone or added to something."""

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

    def _term(self, s: Statement, extents: Shape, start: Statement | None) -> None:
        """`out = coefficient · Πinputs`, or that added to it or to the start."""
        out = self._view(s.out, extents)
        inputs = [self._view(access, extents) for access in s.inputs]
        if s.accumulate:
            self._add(out, inputs, s.coefficient, extents, start)
            return
        if inputs and abs(s.coefficient) != 1.0:
            inputs.append(self._constant(s.coefficient))
            result, sign = self._product(inputs, 1.0, out, extents)
        else:
            result, sign = self._product(inputs, s.coefficient, out, extents)
        if sign < 0:
            self._negate(result, out)
        elif result != out:
            self._line(f"{out}[...] = {result}")

    def _negate(self, operand: str, out: str) -> None:
        # NumPy 2.4's negative writes nothing right to an output with a stride of 64 bytes.
        self._line(f"np.multiply({operand}, {self._constant(-1.0)}, {out})")

    def _add(
        self,
        out: str,
        inputs: Sequence[str],
        coefficient: float,
        shape: Shape,
        start: Statement | None,
    ) -> None:
        """`out = start + coefficient · Πinputs`; the start is out itself if there is none."""
        a, sign_a = out, 1.0
        if start is not None:
            names = [self._view(access, shape) for access in start.inputs]
            free = None if out in inputs else out
            a, sign_a = self._product(names, start.coefficient, free, shape)
        b, sign_b = self._product(inputs, coefficient, None if a == out else out, shape)
        if sign_a < 0 < sign_b:
            a, b, sign_a, sign_b = b, a, sign_b, sign_a
        call = "add" if sign_a == sign_b else "subtract"
        self._line(f"np.{call}({a}, {b}, {out})")
        if sign_a < 0:
            self._negate(out, out)
