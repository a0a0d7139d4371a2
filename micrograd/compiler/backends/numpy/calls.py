"""The text of a program as NumPy calls."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from micrograd.compiler.backends import MASKS
from micrograd.compiler.backends.numpy.names import Shape
from micrograd.compiler.backends.numpy.rows import call_of, is_choice
from micrograd.compiler.backends.numpy.sums import starts
from micrograd.compiler.backends.numpy.terms import Terms
from micrograd.compiler.nest.axes import as_statement, merged, ordered, reduces
from micrograd.compiler.nest.program import (
    TERM,
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
    Statement,
)
from micrograd.compiler.nest.spans import span
from micrograd.compiler.nest.touches import Touches, latest

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Writer(Terms):
    """The function that runs a program, and the arrays that its names stand for."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._copies: list[tuple[str, str]] = []
        self._all(program.kernels[: program.update_from])
        loss = self._view(Access("work", program.loss, ()), ())
        self._line(f"loss = {loss}.item()")
        self._line("if not isfinite(loss):\n        return nan")
        for base, length in program.checked:  # 0 · x is nan where x is not finite, and nan is true
            zeros = self._constant(0.0, (length,))
            self._line(f"if {self._block(base, length)}.dot({zeros}):\n        return nan")
        self._updates(program)
        self._commit()
        lines = [f"    {line}" for line in self._lines]
        self.function = "\n".join(["def run():", *lines, f"    return {loss}.item()"])

    @property
    def source(self) -> str:
        """The function, after a line for each view and constant that it uses."""
        return "\n".join([*self.declared(), "", self.function, ""])

    def _updates(self, program: Program) -> None:
        """What follows the check, but for the copies to parameters and state, which are noted."""
        kernels = program.kernels[program.update_from :]
        self._touches = Touches(program)
        for place, kernel in enumerate(kernels):
            self._touches.note(kernel, place)
        self._all(kernels)

    def _commit(self) -> None:
        """Copy new parameters and state, in one call inside which no signal handler can run.

        These run between Python's own instructions only; there are some inside of np.copyto.
        """
        if len(self._copies) == 1:
            self._line("{}[...] = {}".format(*self._copies[0]))
        elif self._copies:
            targets, sources = (", ".join(names) for names in zip(*self._copies, strict=True))
            everywhere = ", ".join(["..."] * len(self._copies))
            self._line(f"list(map(setitem, [{targets}], [{everywhere}], [{sources}]))")

    # ---- kernels -------------------------------------------------------------------------------

    def _all(self, kernels: Sequence[Kernel]) -> None:
        for self._place, kernel, start in starts(kernels):
            self._used = 0
            self._kernel(kernel, start)

    def _kernel(self, kernel: Kernel, start: Statement | None = None) -> None:
        """Write a kernel; one that accumulates adds to the start, if there is one."""
        match kernel:
            case Elementwise():
                kernel = kernel if start else merged(kernel)
                for statement in kernel.statements:
                    self._statement(statement, kernel.extents, start)
            case Contraction():
                if reduces(kernel):
                    self._contraction(kernel if start else merged(kernel), start)
                else:
                    self._kernel(as_statement(kernel))
            case Maximum():
                kernel = ordered(kernel)
                u, out, axes = self._reduced(kernel, kernel.u)
                self._line(f"np.maximum.reduce({u}, {axes}, None, {out})")
            case Gather():
                self._take(kernel.space, kernel.index, self._block(kernel.base, len(kernel.index)))
            case Ragged():
                self._ragged(kernel)
            case OneHot():
                shape = [1] * len(kernel.extents)
                shape[kernel.axis] = n = kernel.extents[kernel.axis]
                choices = self._integers(np.arange(n).reshape(shape))
                ids, out = (self._view(a, kernel.extents) for a in (kernel.ids, kernel.out))
                self._line(f"np.equal({ids}, {choices}, {out})")

    def _statement(self, s: Statement, extents: Shape, start: Statement | None) -> None:
        if s.row == TERM and s.out.space in ("parameters", "state"):
            self._copies.append((self._view(s.out, extents), self._copied(s, extents)))
        elif s.row == TERM:
            self._term(s, extents, start)
        elif is_choice(s.row) and s.inputs[0].space == MASKS:
            self._choice(s, extents)
        else:
            call = call_of(s.row, () if s.static is None else (s.static,))
            inputs = [self._view(access, extents) for access in s.inputs]
            constants = [self._constant(number) for number in call.constants]
            for text in call.lines:
                self._line(text.format(*inputs, out=self._view(s.out, extents), c=constants))

    def _choice(self, s: Statement, extents: Shape) -> None:
        """A choice by booleans: one number where they are true, an array elsewhere."""
        mask, number, other = s.inputs
        out = self._view(s.out, extents)
        single = not any(number.strides) and not span(number, extents).meets(span(s.out, extents))
        x = self._view(Access(number.space, number.base, ()), ()) if single else None
        names = [self._view(access, extents) for access in (mask, number, other)]
        if x is None:
            self._line(f"{out}[...] = np.where({', '.join(names)})")
            return
        if other != s.out:
            self._line(f"{out}[...] = {names[2]}")
        self._line(f"np.putmask({out}, {names[0]}, {x})")

    def _copied(self, s: Statement, extents: Shape) -> str:
        """The view that a statement copies in the end, of a temporary if it does not last."""
        (source,) = s.inputs
        read_later = latest(self._touches.read, s.out, extents) > self._place
        if s.coefficient != 1.0 or s.accumulate or source.space != "work" or read_later:
            raise ValueError(f"{s.out.space} may only be copied to from work, and last: {s}")
        view = self._view(source, extents)
        if latest(self._touches.written, source, extents) <= self._place:
            return view
        lasting = self._kept(extents)
        self._line(f"{lasting}[...] = {view}")
        return lasting

    # ---- reductions ----------------------------------------------------------------------------

    def _reduced(self, kernel: Contraction | Maximum, u: Access) -> tuple[str, str, Shape]:
        """The views of u and of out, and the axes of u that out has not."""
        strides = kernel.out.strides
        axes = tuple(i for i, stride in enumerate(strides) if not stride)
        return self._view(u, kernel.extents), self._result(kernel)[0], axes

    def _result(self, kernel: Contraction | Maximum) -> tuple[str, Shape, bool]:
        """The view of what a reduction writes, its shape, and whether that is C-contiguous."""
        kept = [i for i, stride in enumerate(kernel.out.strides) if stride]
        strides = tuple(kernel.out.strides[i] for i in kept)
        shape = tuple(kernel.extents[i] for i in kept)
        dense = all(s == math.prod(shape[i + 1 :]) for i, s in enumerate(strides))
        return self._view(Access(kernel.out.space, kernel.out.base, strides), shape), shape, dense

    def _contraction(self, kernel: Contraction, start: Statement | None) -> None:
        out, shape, dense = self._result(kernel)
        plain = kernel.coefficient == 1.0 and not kernel.accumulate
        free = dense and (not kernel.accumulate or start is not None)
        result = self._sums(kernel, out if free else self._temporary(shape))
        if kernel.accumulate:
            self._add(out, [result], kernel.coefficient, shape, start)
        elif not plain:
            self._line(f"np.multiply({result}, {self._constant(kernel.coefficient)}, {out})")
        elif result != out:
            self._line(f"{out}[...] = {result}")
        if kernel.after:
            kept = [i for i, stride in enumerate(kernel.out.strides) if stride]
            extents = tuple(n if i in kept else 1 for i, n in enumerate(kernel.extents))
            self._kernel(Elementwise(extents, kernel.after))

    def _sums(self, kernel: Contraction, into: str) -> str:
        """Write `Σ u · v` to a contiguous array."""
        u, _, axes = self._reduced(kernel, kernel.u)
        if kernel.v is None:
            if len(axes) == 1 and len(kernel.extents) <= 2 and 1 in kernel.u.strides:
                self._row_sums(u, kernel.extents, axes[0], into)
            else:
                self._line(f"np.add.reduce({u}, {axes}, None, {into})")
            return into
        columns = zip(kernel.out.strides, kernel.u.strides, kernel.v.strides, strict=True)
        kinds = "".join(_kind(o, u, v) for o, u, v in columns)
        sorts = "".join(sorted(kinds))
        if sorts in ("k", "km", "kn", "kmn"):
            self._matrix_product(kernel, kinds, into)
        elif sorts == "bk":  # faster than np.vecdot and np.einsum
            products = self._temporary(kernel.extents)
            self._line(f"np.multiply({u}, {self._view(kernel.v, kernel.extents)}, {products})")
            self._row_sums(products, kernel.extents, axes[0], into)
        else:
            letters = LETTERS[: len(kernel.extents)]
            kept = "".join(c for i, c in enumerate(letters) if i not in axes)
            v = self._view(kernel.v, kernel.extents)
            self._line(f'np.einsum("{letters},{letters}->{kept}", {u}, {v}, out={into})')
        return into

    def _row_sums(self, u: str, extents: Shape, axis: int, into: str) -> None:
        """Sums of rows, or of columns, or of a vector: products with ones are faster than sums."""
        ones = self._constant(1.0, (extents[axis],))
        left, right = (u, ones) if axis == len(extents) - 1 else (ones, u)
        self._line(f"{left}.dot({right}, {into})")

    def _matrix_product(self, kernel: Contraction, kinds: str, into: str) -> None:
        assert kernel.v is not None
        m, n, k = ([i for i, c in enumerate(kinds) if c == kind] for kind in "mnk")
        left, right = self._part(kernel, kernel.u, m + k), self._part(kernel, kernel.v, k + n)
        if n and (not m or m > n):
            left, right = self._part(kernel, kernel.v, n + k), self._part(kernel, kernel.u, k + m)
        self._line(f"{left}.dot({right}, {into})")

    def _part(self, kernel: Contraction, access: Access, axes: list[int]) -> str:
        """A view over some of the axes, in this order."""
        strides = tuple(access.strides[i] for i in axes)
        extents = tuple(kernel.extents[i] for i in axes)
        return self._view(Access(access.space, access.base, strides), extents)

    # ---- operands that are listed ----------------------------------------------------------------

    def _take(self, space: str, addresses: Integers, out: str) -> None:
        where = self._integers(addresses)
        self._line(f'{self._whole(space)}.take({where}, None, {out}, "clip")')

    def _ragged(self, kernel: Ragged) -> None:
        numbers = self._temporary((len(kernel.u),))
        self._take(kernel.u_space, kernel.u, numbers)
        if kernel.v is not None:
            factors = self._temporary((len(kernel.v),))
            self._take(kernel.v_space, kernel.v, factors)
            self._line(f"np.multiply({numbers}, {factors}, {numbers})")
        rows = len(kernel.start) - 1
        out = self._block(kernel.base, rows)
        result = self._temporary((rows,)) if kernel.accumulate else out
        call = "np.add.reduceat" if kernel.reduction == "sum" else "np.maximum.reduceat"
        starts = self._integers(kernel.start[:-1])
        self._line(f"{call}({numbers}, {starts}, 0, None, {result})")
        if kernel.accumulate:
            self._add(out, [result], kernel.coefficient, (rows,), None)
        elif kernel.coefficient != 1.0:
            self._line(f"np.multiply({out}, {self._constant(kernel.coefficient)}, {out})")


def _kind(out: int, u: int, v: int) -> str:
    """What an axis is to a matrix product: m of the left, n of the right, k summed, b of both."""
    if not out:
        return "k"
    if not v:
        return "m"
    return "n" if not u else "b"
