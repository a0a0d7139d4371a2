"""The gradient of a program of arrays, statement by statement, as one derives it in matrix form.

What an operation of the op table hands back is its row's own rule, as it stands on paper; here is
what sums, products of matrices and selections hand back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.code import CodeLine, CodePart
from micrograd.exporting.expressions import ArrayShape, Expr, Samples, applied, array
from micrograd.exporting.loops.adjoints import StoredLoop, activity, renamed_line, through_loop
from micrograd.exporting.loops.forward import with_arrays
from micrograd.exporting.program import AFTER, ArrayLoop, ArrayProgram, ArrayStatement
from micrograd.exporting.renaming import Renaming
from micrograd.exporting.sizes import LIGHT
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


class _Backward:
    def __init__(self, program: ArrayProgram) -> None:
        self.program = program
        self.lines: list[CodePart] = []
        self.taken = set(program.taken) | {p.name for p in program.parameters}
        self.shapes: dict[str, ArrayShape] = {p.name: p.shape for p in program.parameters}
        self.names = {p.name for p in program.parameters}  # on the way from a parameter
        self.active = self._active()
        self.of = ""
        self.loss = program.loss
        self.gained: dict[str, list[Expr]] = {}  # by named array, what its adjoint gains
        self.scattered: dict[str, list[tuple[Expr, Expr]]] = {}
        self._adjoint: dict[str, str] = {}  # of arrays whose adjoint has a name from before
        self.body: tuple[ArrayStatement, ...] = ()  # of the loop whose way back this is

    def _active(self) -> set[int]:
        """Expressions on the way from a parameter, by id; the names of such arrays are noted."""
        for s in self.program.statements:
            if isinstance(s, ArrayLoop):
                activity(s, self.names, through)
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
        trained = {p.name: p.shape for p in self.program.parameters}
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
            for name, shape in trained.items():
                if first.get(name) == k:
                    derivatives[name] = self._name_of(name, shape)
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

    def has_adjoint(self, name: str) -> bool:
        """Whether an array has gained something."""
        return name in self.gained or name in self.scattered

    def seed(self, x: Expr, g: Expr) -> None:
        """Hand g on to what an expression is computed from."""
        self._back(x, g)

    def named_adjoint(self, name: str) -> str:
        """A variable that has what an array has gained so far, or zeros."""
        return self._name_of(name, self.shapes[name])

    def open(self, name: str) -> str:
        """The same, to which more may be added in place."""
        shape = self.shapes[name]
        gained = self.gained.get(name, [])
        if name not in self._adjoint and any(x.op in LIGHT for x in gained):
            part = array(self.free(f"d{name}"), shape)
            self._line(CodeLine(part.given[0], E.zeros(shape)))
            self._adjoint[name] = part.given[0]
            for x in gained:
                self._line(CodeLine(part.given[0], self._full(x, shape), parts=()))
            self.gained[name] = [part]
        own = self.named_adjoint(name)
        self.scattered.pop(name, None)
        self.gained[name] = [array(own, shape)]
        self._adjoint[name] = own
        return own

    def add_to(self, adjoint: str, name: str) -> None:
        """Add what an array has gained to a variable."""
        shape = self.shapes[name]
        for reading, g in self.scattered.get(name, []):
            self._add_part(adjoint, reading, g)
        for x in self.gained.get(name, []):
            self._line(CodeLine(adjoint, self._full(x, shape), parts=()))

    def gained_by(self, name: str) -> Expr:
        """What an array has gained, as an expression."""
        shape = self.shapes[name]
        if name in self.scattered:
            return array(self._name_of(name, shape), shape)
        parts = [self._full(x, shape) for x in self.gained.get(name, [])]
        return _added(parts) if parts else E.zeros(shape)

    def _through(self, name: str, value: Expr) -> None:
        """Backwards through one statement."""
        if name == self.loss:
            adjoint = E.number(1.0)
        elif self.has_adjoint(name):
            adjoint = array(self._name_of(name, value.shape), value.shape)
        else:
            return
        self._back(value, adjoint, array(name, value.shape))

    def _line(self, line: CodeLine) -> None:
        self.lines.append(replace(line, of=self.of))

    # ---- adjoints of named arrays ----------------------------------------------------------------

    def free(self, stem: str) -> str:
        """A name that is not in use."""
        name, k = stem, 1
        while name in self.taken:
            k += 1
            name = f"{stem}_{k}"
        self.taken.add(name)
        return name

    def _name_of(self, name: str, shape: ArrayShape) -> str:
        """Write what an array's adjoint is, and give the name of that."""
        parts = [self._full(x, shape) for x in self.gained.get(name, [])]
        added = self.scattered.get(name, [])
        if name in self._adjoint:
            return self._grown(self._adjoint[name], parts, added, shape)
        own = self.free(f"d{name.removesuffix(AFTER)}")
        if not parts or added:
            self._line(CodeLine(own, E.zeros(shape)))
        for reading, g in added:
            self._add_part(own, reading, g)
        if parts and added:
            for x in parts:
                self._line(CodeLine(own, x, parts=()))
        elif parts:
            self._line(CodeLine(own, _added(parts)))
        return own

    def _grown(
        self, own: str, parts: list[Expr], added: list[tuple[Expr, Expr]], shape: ArrayShape
    ) -> str:
        """A variable from before, which has what there is besides added to it."""
        rest = [x for x in parts if not (x.op == E.ARRAY and x.given[0] == own)]
        have = [array(own, shape)] if len(rest) < len(parts) else []
        if added:  # in an array that nothing else refers to
            part = self.free("part")
            self._line(CodeLine(part, E.zeros(shape)))
            for reading, g in added:
                self._add_part(part, reading, g)
            rest.append(array(part, shape))
        if rest or not have:
            self._line(CodeLine(own, _added([*have, *rest]) if rest else E.zeros(shape)))
        return own

    def _add_part(self, name: str, reading: Expr, g: Expr) -> None:
        g = self._full(g, reading.shape)
        if reading.op == E.SLICE:
            self._line(CodeLine(name, g, parts=reading.given[0]))
        else:
            self._line(CodeLine(name, g, at=reading.args[1], axis=reading.given[0]))

    # ---- shapes ----------------------------------------------------------------------------------

    def _full(self, g: Expr, shape: ArrayShape) -> Expr:
        """An adjoint that may be smaller, as broadcasting has it, in its own shape."""
        return E.spread(g, shape)

    def _fitted(self, g: Expr, out: ArrayShape, shape: ArrayShape) -> Expr:
        """The adjoint of what was broadcast to `out`, summed over that."""
        extra = len(out) - len(shape)
        over = [i for i in range(len(out)) if i < extra or (shape[i - extra] == 1 != out[i])]
        if not over:
            return g
        inner = len(out) - len(g.shape)
        if len(g.shape) <= len(shape) and all(i < inner for i in over):
            for i in over:  # the same number everywhere: so many times
                g = applied("mul", _count(out[i]), g)
            return g
        g = self._full(g, out)
        return E.reshape(E.total(g, over), shape)

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
            g = self._full(g, x.shape)
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
                g = self._full(g, x.shape)
            return [(of, _reopened(g, x.given[0], of.shape))]
        if x.op in (E.RESHAPE, E.EXPAND):
            return [(of, E.reshape(self._full(g, x.shape), of.shape) if g.shape else g)]
        if x.op == E.TRANSPOSE:
            back = sorted(range(len(x.shape)), key=lambda i: x.given[0][i])
            return [(of, E.transpose(self._full(g, x.shape), back) if g.shape else g)]
        if x.op == E.SPREAD:
            return [(of, self._fitted(g, x.shape, of.shape))]
        if x.op == E.SEGMENTS:
            return [(of, E.take(self._full(g, x.shape), rest[0], len(x.shape) - 1))]
        assert x.op in (E.SLICE, E.TAKE), x.op
        name = self.free("part")
        self._line(CodeLine(name, E.zeros(of.shape)))
        self._add_part(name, x, g)
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
                found.append((a, self._fitted(E.as_expression(d), x.shape, a.shape)))
        return found

    def _of_parts(self, x: Expr, g: Expr) -> list[tuple[Expr, Expr]]:
        """Of arrays that were put one after the other: each its range."""
        name = self.free("parts")
        self._line(CodeLine(name, self._full(g, x.shape)))
        whole, start, found = array(name, x.shape), 0, []
        for a in x.args:
            size = a.shape[0]
            assert isinstance(size, int)
            found.append((a, E.sliced(whole, ((start, start + size, 1),), a.shape)))
            start += size
        return found


def _added(parts: Sequence[Expr]) -> Expr:
    """The sum of expressions."""
    total = parts[0]
    for x in parts[1:]:
        total = applied("add", total, x)
    return total


def active_in(values: Iterable[Expr], names: set[str]) -> set[int]:
    """The expressions that are computed from arrays of these names, by id."""
    found: set[int] = set()
    for x in values:  # operands come first
        own = x.op == E.ARRAY and x.given[0] in names
        if x.op not in (E.STOP, E.INTEGERS, E.ONE_HOT, E.MAX) and (
            own or any(id(a) in found for a in x.args)
        ):
            found.add(id(x))
    return found


def through(value: Expr, names: set[str]) -> bool:
    """Whether a derivative flows through an expression to one of these arrays."""
    return id(value) in active_in(E.inside(value), names)


def _count(n: object) -> Expr:
    """A size as a number."""
    if isinstance(n, Samples):
        assert n.times == 1, "a size that is a multiple of the number of samples"
        return E.count(n.plus)
    return E.number(float(n))  # type: ignore[arg-type]


def _reopened(g: Expr, axes: tuple[int, ...], shape: ArrayShape) -> Expr:
    """The adjoint of a sum, with axes of size 1 where it was summed."""
    if not g.shape:
        return g
    return E.expand(g, [i in axes for i in range(len(shape))])
