"""The gradient of a program of arrays, statement by statement, as one derives it in matrix form.

What an operation of the op table hands back is its row's own rule, as it stands on paper; here is
what sums, products of matrices and selections hand back.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.activity import active_in, note_active, through
from micrograd.exporting.array_adjoints import ArrayAdjoints, fitted, full
from micrograd.exporting.code import CodeLine, CodePart
from micrograd.exporting.expressions import ArrayShape, Expr, array
from micrograd.exporting.loops.adjoints import StoredLoop, renamed_line, through_loop
from micrograd.exporting.loops.forward import with_arrays
from micrograd.exporting.program import AFTER, ArrayLoop, ArrayProgram, ArrayStatement
from micrograd.exporting.renaming import Renaming
from micrograd.ops import OPS


@dataclass(frozen=True, slots=True, eq=False)
class Backward:
    """The lines of a gradient, and the name of each parameter's derivative.

    `forward` are those of the program's own statements, which in loops write into arrays what
    `lines`, the way back, read.
    """

    forward: tuple[CodePart, ...]
    lines: tuple[CodePart, ...]
    derivatives: dict[str, str]
    loss: Expr


def differentiated(program: ArrayProgram) -> Backward:
    """The lines that come after the statements of a program."""
    return _Backward(program).run()


class _Backward(ArrayAdjoints):
    def __init__(self, program: ArrayProgram) -> None:
        super().__init__(set(program.taken) | {p.name for p in program.parameters})
        self.program = program
        self.shapes.update({p.name: p.shape for p in program.parameters})
        self.names = {p.name for p in program.parameters}  # on the way from a parameter
        self.active = self._active()
        self.loss = program.loss
        self.body: tuple[ArrayStatement, ...] = ()  # of the loop whose way back this is

    def _active(self) -> set[int]:
        """Expressions on the way from a parameter, by id; the names of such arrays are noted."""
        for s in self.program.statements:
            if isinstance(s, ArrayLoop):
                note_active(s, self.names)
                self.shapes.update({x.name: x.shape for x in s.states})
                self.shapes.update({k.name: (s.count, *k.value.shape) for k in s.kept})
            else:
                self.shapes[s.name] = s.value.shape
                if through(s.value, self.names):
                    self.names.add(s.name)
        found: set[int] = set()
        for s in self.program.statements:
            found |= active_in(s.inside(), self.names)
        return found

    def run(self) -> Backward:
        """Backwards through the statements; a parameter's derivative once it is complete."""
        trained = [p.name for p in self.program.parameters]
        first: dict[str, int] = {}  # the statement that reads each parameter first
        for k, s in enumerate(self.program.statements):
            for x in s.inside():
                if x.op == E.ARRAY and x.given[0] in trained:
                    first.setdefault(x.given[0], k)
        if self.loss not in {
            s.name for s in self.program.statements if not isinstance(s, ArrayLoop)
        }:
            self.gained[self.loss] = [E.number(1.0)]
        derivatives: dict[str, str] = {}
        stored: dict[int, StoredLoop] = {}
        for k, s in reversed(list(enumerate(self.program.statements))):
            self.of = s.name
            if isinstance(s, ArrayLoop):
                found = through_loop(self, s, self.names)
                if found is not None:
                    stored[k] = found
            elif s.name in self.names:
                self._through(s.name, s.value)
            for name in trained:
                if first.get(name) == k:
                    derivatives[name] = self.named_adjoint(name)
        return self._finished({name: derivatives[name] for name in trained}, stored)

    def _finished(self, derivatives: dict[str, str], stored: dict[int, StoredLoop]) -> Backward:
        forward: list[CodePart] = []
        after = Renaming({n: x for loop in stored.values() for n, x in loop.after.items()})
        for k, s in enumerate(self.program.statements):
            if not isinstance(s, ArrayLoop):
                lines: list[CodePart] = [CodeLine(s.name, s.value)]
            elif k in stored:
                lines = stored[k].lines()
            else:
                lines = with_arrays(s, self.free)
            forward += lines
        renamed = [renamed_line(line, after) for line in forward]
        back = [renamed_line(line, after) for line in self.lines]
        loss = after.of(array(self.program.loss, ()))
        return Backward(tuple(renamed), tuple(back), derivatives, loss)

    # ---- loops -----------------------------------------------------------------------------------

    def within(self, loop: ArrayLoop) -> _Backward:
        """The way back through the turns of a loop: lines of its own."""
        inner = copy(self)
        inner.lines, inner.gained, inner.scattered, inner._adjoint = [], {}, {}, {}
        inner.shapes = self.shapes | {s.name: s.value.shape for s in loop.body}
        inner.body, inner.loss = loop.body, ""
        return inner

    def backwards(self, adjoints: dict[str, str]) -> None:
        """Through the statements of a loop; some have adjoints with names from before."""
        self._adjoint = adjoints
        for s in reversed(self.body):
            self.of = s.name.removesuffix(AFTER)
            if s.name in self.names:
                self._through(s.name, s.value)

    def seed(self, x: Expr, g: Expr) -> None:
        """Hand g on to what an expression is computed from."""
        self._back(x, g)

    def _through(self, name: str, value: Expr) -> None:
        """Backwards through one statement."""
        if name == self.loss:
            adjoint = E.number(1.0)
        elif self.has_adjoint(name):
            adjoint = array(self.named_adjoint(name), value.shape)
        else:
            return
        self._back(value, adjoint, array(name, value.shape))

    # ---- backwards through an expression ---------------------------------------------------------

    def _back(self, x: Expr, g: Expr, y: Expr | None = None) -> None:
        """Hand the adjoint g of x on to what x is computed from; y is a name of x."""
        stack = [(x, g, y)]
        while stack:
            x, g, y = stack.pop()
            if id(x) not in self.active:
                continue
            if x.op == E.ARRAY:
                self.gained.setdefault(x.given[0], []).append(g)
                continue
            if x.op in (E.SLICE, E.TAKE) and x.args[0].op == E.ARRAY:
                self.scattered.setdefault(x.args[0].given[0], []).append((x, g))
                continue
            parts = self._handed(x, g, x if y is None else y)
            stack.extend((a, d, None) for a, d in reversed(list(parts)))

    def _handed(self, x: Expr, g: Expr, y: Expr) -> Sequence[tuple[Expr, Expr]]:
        if x.op == E.ROW:
            return self._of_row(x, g, y)
        if x.op == E.DOT:
            (a, b), (ia, ib, io) = x.args, x.given
            g = full(g, x.shape)
            found = []
            if id(a) in self.active:
                found.append((a, E.dot(g, b, (io, ib, ia))))
            if id(b) in self.active:
                found.append((b, E.dot(g, a, (io, ia, ib))))
            return found
        if x.op == E.JOIN:
            return self._of_parts(x, g)
        (of, *rest) = x.args
        if x.op == E.SUM:
            if g.shape and len(g.shape) < len(x.shape):
                g = full(g, x.shape)
            return [(of, _reopened(g, x.given[0], of.shape))]
        if x.op in (E.RESHAPE, E.EXPAND):
            return [(of, E.reshape(full(g, x.shape), of.shape) if g.shape else g)]
        if x.op == E.TRANSPOSE:
            back = sorted(range(len(x.shape)), key=lambda i: x.given[0][i])
            return [(of, E.transpose(full(g, x.shape), back) if g.shape else g)]
        if x.op == E.SPREAD:
            return [(of, fitted(g, x.shape, of.shape))]
        if x.op == E.SEGMENTS:
            return [(of, E.take(full(g, x.shape), rest[0], len(x.shape) - 1))]
        assert x.op in (E.SLICE, E.TAKE), x.op
        name = self.free("part")
        self.line(CodeLine(name, E.zeros(of.shape)))
        self.add_part(name, x, g)
        return [(of, array(name, of.shape))]

    def _of_row(self, x: Expr, g: Expr, y: Expr) -> list[tuple[Expr, Expr]]:
        """What the row's rule says, summed over what was broadcast."""
        row, static = x.given
        op = OPS[row]
        statics = () if static is None else (static,)
        found = []
        handed = op.on_paper(E.DERIVATIVES_OF_ARRAYS, g, y, *x.args, *statics)
        for a, d in zip(x.args, handed, strict=True):
            if id(a) in self.active:
                found.append((a, fitted(E.as_expression(d), x.shape, a.shape)))
        return found

    def _of_parts(self, x: Expr, g: Expr) -> list[tuple[Expr, Expr]]:
        """Of arrays that were put one after the other: each its range."""
        name = self.free("parts")
        self.line(CodeLine(name, full(g, x.shape)))
        whole, start, found = array(name, x.shape), 0, []
        for a in x.args:
            size = a.shape[0]
            assert isinstance(size, int)
            found.append((a, E.sliced(whole, ((start, start + size, 1),), a.shape)))
            start += size
        return found


def _reopened(g: Expr, axes: tuple[int, ...], shape: ArrayShape) -> Expr:
    """The adjoint of a sum, with axes of size 1 where it was summed."""
    if not g.shape:
        return g
    return E.expand(g, [i in axes for i in range(len(shape))])
