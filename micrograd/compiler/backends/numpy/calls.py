"""The text of a program as NumPy calls."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from micrograd.compiler.backends import mark
from micrograd.compiler.backends.numpy.rows import Parts, call_of, is_choice
from micrograd.compiler.backends.numpy.terms import TermLines
from micrograd.compiler.nest.axes import along, merged, ordered
from micrograd.compiler.nest.ir import (
    MASKS,
    TERM,
    WORK,
    Affine,
    Counter,
    Listed,
    Nest,
    Program,
    Shape,
    Statement,
)
from micrograd.compiler.nest.spans import Touches, latest, span, writes
from micrograd.ops import REDUCTIONS

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Writer(TermLines):
    """The function that runs a program, and the arrays that its names stand for."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._copies: list[tuple[str, str]] = []
        self._parts = Parts()
        if program.loss is None:
            self._update(program)
        else:
            self._loss(program, program.loss)
        lines: list[str] = []
        for k, line in enumerate(self._lines):
            lines += [f"    # {mark(place)}" for place in self._marks[k]]
            lines.append(f"    {self._parts.named(line)}")
        self.function = "\n".join(["def run():", *lines])

    @property
    def source(self) -> str:
        """The function, after a line for each view and constant that it uses."""
        return "\n".join([*self.declared(), "", self.function, ""])

    def _loss(self, program: Program, at: int) -> None:
        self._all(program.nests)
        if program.sequence:
            self._line("sequence()")
        loss = self._view(Affine(WORK, at, ()), ())
        self._line(f"loss = {loss}.item()")
        self._line("if not isfinite(loss):\n        return nan")
        for base, length in program.checked:  # 0 · x is nan where x is not finite, and nan is true
            zeros = self._constant(0.0, (length,))
            self._line(f"if {self._block(base, length)}.dot({zeros}):\n        return nan")
        self._line("return loss")

    def _update(self, program: Program) -> None:
        """Everything but the copies to parameters and state, and these at the end."""
        self._touches = Touches(program)
        for place, nest in enumerate(program.nests):
            self._touches.note(nest, place)
        self._all(program.nests)
        self._commit()
        self._line("return 0.0")

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

    # ---- nests ---------------------------------------------------------------------------------

    def _all(self, nests: Sequence[Nest]) -> None:
        for self._place, nest in enumerate(nests):
            self._begun.append(self._place)
            self._used = 0
            self._nest(nest)
            for x in writes(nest):
                self._parts.overwritten(span(x, nest.extents))

    def _nest(self, nest: Nest) -> None:
        if nest.starts is not None:
            self._ragged(nest, nest.starts)
        elif not nest.is_plain:
            for s in nest.body:
                self._looked_up(s, nest.extents)
        elif nest.reduce == "max":
            self._largest(ordered(nest))
        elif nest.reduce:
            self._contraction(merged(nest))
        else:
            nest = merged(nest)
            for s in nest.body:
                self._statement(s, nest.extents)

    def _looked_up(self, s: Statement, extents: Shape) -> None:
        """A gather, or a choice by run-time integers."""
        out = self._view(s.out, extents)
        match s.inputs:
            case (Listed() as listed,):
                self._take(listed, out)
            case (Affine() as ids, Counter(axis)):
                shape = [1] * len(extents)
                shape[axis] = extents[axis]
                choices = self._integers(np.arange(extents[axis]).reshape(shape))
                self._line(f"np.equal({self._view(ids, extents)}, {choices}, {out})")
            case _:
                raise ValueError(f"no call for {s}")

    def _statement(self, s: Statement, extents: Shape) -> None:
        if s.row == TERM and s.out.space.is_lasting:
            self._copies.append((self._view(s.out, extents), self._copied(s, extents)))
        elif s.row == TERM:
            self._term(s, extents)
        elif is_choice(s.row) and s.inputs[0].space is MASKS:
            self._choice(s, extents)
        else:
            static = () if s.static is None else (s.static,)
            call = call_of(s.row, static, math.prod(extents))
            inputs = [self._view(x, extents) for x in s.inputs]
            constants = [self._constant(number) for number in call.constants]
            names = {"out": self._view(s.out, extents), "c": constants}
            read = [span(x, extents) for x in s.inputs]
            written = (text.format(*inputs, **names) for text in call.lines)
            for line in self._parts.lines(written, read):
                self._line(line)

    def _choice(self, s: Statement, extents: Shape) -> None:
        """A choice by booleans: what is taken elsewhere, and the rest over it."""
        mask, number, other = s.inputs
        out, written = self._view(s.out, extents), span(s.out, extents)
        names = [self._view(operand, extents) for operand in s.inputs]
        if any(span(x, extents).meets(written) for x in (mask, number)):
            self._line(f"{out}[...] = np.where({', '.join(names)})")
            return
        if not any(number.strides):
            names[1] = self._view(Affine(number.space, number.base, ()), ())
        if other != s.out:
            self._line(f"{out}[...] = {names[2]}")
        self._line(f"np.putmask({out}, {names[0]}, {names[1]})")

    def _copied(self, s: Statement, extents: Shape) -> str:
        """The view that a statement copies in the end."""
        (source,) = s.inputs
        plain = s.coefficient == 1.0 and not s.accumulate and source.space is WORK
        read_later = latest(self._touches.read, s.out, extents) > self._place
        if not plain or read_later or latest(self._touches.written, source, extents) > self._place:
            raise ValueError(f"{s.out.space} may only be copied to from work, and last: {s}")
        return self._view(source, extents)

    # ---- reductions ----------------------------------------------------------------------------

    def _reduced(self, nest: Nest) -> tuple[str, Shape, Shape, bool]:
        """The view of the result, its shape, the axes that it lacks, and whether it is dense."""
        kept = nest.result
        axes = tuple(i for i in range(len(nest.extents)) if i not in kept)
        shape, out = tuple(nest.extents[i] for i in kept), along(nest.first.out, kept)
        dense = all(s == math.prod(shape[i + 1 :]) for i, s in enumerate(out.strides))
        return self._view(out, shape), shape, axes, dense

    def _largest(self, nest: Nest) -> None:
        out, _, axes, _ = self._reduced(nest)
        u = self._view(nest.first.inputs[0], nest.extents)
        self._line(f"np.maximum.reduce({u}, {axes}, None, {out})")

    def _contraction(self, nest: Nest) -> None:
        term, (out, shape, axes, dense) = nest.first, self._reduced(nest)
        start = self._added_to(out, ()) if term.accumulate else ("", 1.0)
        scaled = term.coefficient != 1.0 and not shape  # a single number is slow to change in place
        free = dense and start[0] != out and not scaled
        result = self._sums(nest, axes, out if free else self._temporary(shape))
        if term.accumulate:
            self._add(start, out, [result], term.coefficient, shape)
        elif term.coefficient != 1.0:
            self._line(f"np.multiply({result}, {self._constant(term.coefficient)}, {out})")
        elif result != out:
            self._line(f"{out}[...] = {result}")
        extents = tuple(1 if i in axes else n for i, n in enumerate(nest.extents))
        for s in nest.body[1:]:
            self._statement(s, extents)

    def _sums(self, nest: Nest, axes: Shape, into: str) -> str:
        """Write `Σ u · v` to a contiguous array."""
        extents, term = nest.extents, nest.first
        u, *others = (self._view(x, extents) for x in term.inputs)
        if not others:
            if len(axes) == 1 and len(extents) <= 2 and 1 in term.inputs[0].strides:
                self._row_sums(u, extents, axes[0], into)
            else:
                self._line(f"np.add.reduce({u}, {axes}, None, {into})")
            return into
        (v,) = others
        columns = zip(term.out.strides, *(x.strides for x in term.inputs), strict=True)
        kinds = "".join(_kind(*column) for column in columns)
        sorts = "".join(sorted(kinds))
        if sorts in ("k", "km", "kn", "kmn"):
            self._matrix_product(nest, kinds, into)
        elif sorts == "bk":  # faster than np.vecdot and np.einsum
            products = self._temporary(extents)
            self._line(f"np.multiply({u}, {v}, {products})")
            self._row_sums(products, extents, axes[0], into)
        else:
            letters = LETTERS[: len(extents)]
            kept = "".join(c for i, c in enumerate(letters) if i not in axes)
            self._line(f'np.einsum("{letters},{letters}->{kept}", {u}, {v}, out={into})')
        return into

    def _row_sums(self, u: str, extents: Shape, axis: int, into: str) -> None:
        """Sums of rows, or of columns, or of a vector: products with ones are faster than sums."""
        ones = self._constant(1.0, (extents[axis],))
        left, right = (u, ones) if axis == len(extents) - 1 else (ones, u)
        self._line(f"{left}.dot({right}, {into})")

    def _matrix_product(self, nest: Nest, kinds: str, into: str) -> None:
        u, v = nest.first.inputs
        m, n, k = ([i for i, c in enumerate(kinds) if c == kind] for kind in "mnk")
        left, right = (u, m + k), (v, k + n)
        if n and (not m or m > n):
            left, right = (v, n + k), (u, k + m)
        (a, b) = (self._part(nest, x, axes) for x, axes in (left, right))
        self._line(f"{a}.dot({b}, {into})")

    def _part(self, nest: Nest, x: Affine, axes: list[int]) -> str:
        """A view over some of the axes, in this order."""
        return self._view(along(x, axes), tuple(nest.extents[i] for i in axes))

    # ---- operands that are listed ----------------------------------------------------------------

    def _take(self, x: Listed, out: str) -> None:
        where = self._integers(x.index)
        self._line(f'{self._whole(x.space)}.take({where}, None, {out}, "clip")')

    def _ragged(self, nest: Nest, starts: np.ndarray) -> None:
        term, shape = nest.first, nest.extents
        factors = []
        for x in term.inputs:
            factors.append(self._temporary((len(x.index),)))
            self._take(x, factors[-1])
        numbers = factors[0]
        for other in factors[1:]:
            self._line(f"np.multiply({numbers}, {other}, {numbers})")
        out = self._view(term.out, shape)
        result = self._temporary(shape) if term.accumulate else out
        call = f"{REDUCTIONS[nest.reduce or 'add'].ufunc}.reduceat"
        self._line(f"{call}({numbers}, {self._integers(starts[:-1])}, 0, None, {result})")
        if term.accumulate:
            self._add((out, 1.0), out, [result], term.coefficient, shape)
        elif term.coefficient != 1.0:
            self._line(f"np.multiply({out}, {self._constant(term.coefficient)}, {out})")


def _kind(out: int, u: int, v: int) -> str:
    """What an axis is to a matrix product: m of the left, n of the right, k summed, b of both."""
    if not out:
        return "k"
    if not v:
        return "m"
    return "n" if not u else "b"
