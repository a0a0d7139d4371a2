"""The gradient of a program of arrays, statement by statement, as one derives it in matrix form.

What an operation of the op table hands back is its row's own rule, as it stands on paper; here is
what sums, products of matrices and selections hand back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.expressions import ArrayShape, Expr, Samples, applied, array
from micrograd.exporting.program import ArrayProgram
from micrograd.ops import OPS


@dataclass(frozen=True, slots=True, eq=False)
class CodeLine:
    """`name = value`; or, with `at` or `parts`, what is added to a part of an array."""

    name: str
    value: Expr
    at: Expr | None = None  # indices along `axis`
    axis: int = 0
    parts: tuple[E.PartOfAxis | int, ...] | None = None  # of a slice
    of: str = ""  # the statement whose adjoint is handed on


@dataclass(frozen=True, slots=True, eq=False)
class Backward:
    """The lines of a gradient, and the name of each parameter's derivative."""

    lines: tuple[CodeLine, ...]
    derivatives: dict[str, str]


def differentiated(program: ArrayProgram) -> Backward:
    """The lines that come after the statements of a program."""
    return _Backward(program).run()


class _Backward:
    def __init__(self, program: ArrayProgram) -> None:
        self.program = program
        self.lines: list[CodeLine] = []
        self.taken = set(program.taken) | {s.name for s in program.statements}
        self.trained = {p.name: p.shape for p in program.parameters}
        self.active = self._active()
        self.of = ""
        self.gained: dict[str, list[Expr]] = {}  # by named array, what its adjoint gains
        self.scattered: dict[str, list[tuple[Expr, Expr]]] = {}

    def _active(self) -> set[int]:
        """Expressions on the way from a parameter, by id; and the names of such statements."""
        names, found = set(self.trained), set[int]()
        for s in self.program.statements:
            for x in E.inside(s.value):
                own = x.op == E.ARRAY and x.given[0] in names
                if x.op not in (E.STOP, E.INTEGERS, E.ONE_HOT, E.MAX) and (
                    own or any(id(a) in found for a in x.args)
                ):
                    found.add(id(x))
            if id(s.value) in found:
                names.add(s.name)
        self.active_names = names
        return found

    def run(self) -> Backward:
        """Backwards through the statements; a parameter's derivative once it is complete."""
        first: dict[str, str] = {}  # the statement that reads each parameter first
        for s in self.program.statements:
            for x in E.inside(s.value):
                if x.op == E.ARRAY and x.given[0] in self.trained:
                    first.setdefault(x.given[0], s.name)
        derivatives: dict[str, str] = {}
        for s in reversed(self.program.statements):
            self.of = s.name
            if s.name in self.active_names:
                self._through(s.name, s.value)
            for name, shape in self.trained.items():
                if first.get(name) == s.name:
                    derivatives[name] = self._name_of(name, shape)
        return Backward(tuple(self.lines), {name: derivatives[name] for name in self.trained})

    def _through(self, name: str, value: Expr) -> None:
        """Backwards through one statement."""
        if name == self.program.loss:
            adjoint = E.number(1.0)
        elif name in self.gained or name in self.scattered:
            adjoint = array(self._name_of(name, value.shape), value.shape)
        else:
            return
        self._back(value, adjoint, array(name, value.shape))

    def _line(self, line: CodeLine) -> None:
        self.lines.append(replace(line, of=self.of))

    # ---- adjoints of named arrays ----------------------------------------------------------------

    def _free(self, stem: str) -> str:
        name, k = stem, 1
        while name in self.taken:
            k += 1
            name = f"{stem}_{k}"
        self.taken.add(name)
        return name

    def _name_of(self, name: str, shape: ArrayShape) -> str:
        """Write what an array's adjoint is, and give the name of that."""
        own = self._free(f"d{name}")
        parts = [self._full(x, shape) for x in self.gained.get(name, [])]
        added = self.scattered.get(name, [])
        if not parts or added:
            self._line(CodeLine(own, E.zeros(shape)))
        for reading, g in added:
            self._add_part(own, reading, g)
        if parts and added:
            for x in parts:
                self._line(CodeLine(own, x, parts=()))
        elif parts:
            total = parts[0]
            for x in parts[1:]:
                total = applied("add", total, x)
            self._line(CodeLine(own, total))
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
        name = self._free("part")
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
        name = self._free("parts")
        self._line(CodeLine(name, self._full(g, x.shape)))
        whole, start, found = array(name, x.shape), 0, []
        for a in x.args:
            size = a.shape[0]
            assert isinstance(size, int)
            found.append((a, E.sliced(whole, ((start, start + size, 1),), a.shape)))
            start += size
        return found


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
