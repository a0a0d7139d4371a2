"""Adjoints of named arrays: what each gains, and the lines that write it down."""

from __future__ import annotations

from dataclasses import replace

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.code import CodeLine, CodePart
from micrograd.exporting.expressions import ArrayShape, Expr, Samples, applied, array
from micrograd.exporting.program import AFTER
from micrograd.exporting.renaming import free_name
from micrograd.exporting.sizes import LIGHT


class ArrayAdjoints:
    """The lines so far, and by named array what its adjoint gains; `of`: the statement at hand."""

    def __init__(self, taken: set[str]) -> None:
        self.lines: list[CodePart] = []
        self.taken = taken
        self.shapes: dict[str, ArrayShape] = {}
        self.of = ""
        self.gained: dict[str, list[Expr]] = {}
        self.scattered: dict[str, list[tuple[Expr, Expr]]] = {}  # to parts of the array
        self._adjoint: dict[str, str] = {}  # of arrays whose adjoint has a name from before

    def has_adjoint(self, name: str) -> bool:
        """Whether an array has gained something."""
        return name in self.gained or name in self.scattered

    def open(self, name: str) -> str:
        """The same, to which more may be added in place."""
        shape = self.shapes[name]
        gained = self.gained.get(name, [])
        if name not in self._adjoint and any(x.op in LIGHT for x in gained):
            part = array(self.free(f"d{name}"), shape)
            self.line(CodeLine(part.given[0], E.zeros(shape)))
            self._adjoint[name] = part.given[0]
            for x in gained:
                self.line(CodeLine(part.given[0], full(x, shape), parts=()))
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
            self.add_part(adjoint, reading, g)
        for x in self.gained.get(name, []):
            self.line(CodeLine(adjoint, full(x, shape), parts=()))

    def gained_by(self, name: str) -> Expr:
        """What an array has gained, as an expression."""
        shape = self.shapes[name]
        if name in self.scattered:
            return array(self.named_adjoint(name), shape)
        parts = [full(x, shape) for x in self.gained.get(name, [])]
        return E.added(parts) if parts else E.zeros(shape)

    def line(self, line: CodeLine) -> None:
        """Add a line of the statement at hand."""
        self.lines.append(replace(line, of=self.of))

    def free(self, stem: str) -> str:
        """A name that is not in use."""
        return free_name(stem, self.taken)

    def named_adjoint(self, name: str) -> str:
        """Write what an array's adjoint is, or zeros, and give the name of that."""
        shape = self.shapes[name]
        parts = [full(x, shape) for x in self.gained.get(name, [])]
        added = self.scattered.get(name, [])
        if name in self._adjoint:
            return self._grown(self._adjoint[name], parts, added, shape)
        own = self.free(f"d{name.removesuffix(AFTER)}")
        if not parts or added:
            self.line(CodeLine(own, E.zeros(shape)))
        for reading, g in added:
            self.add_part(own, reading, g)
        if parts and added:
            for x in parts:
                self.line(CodeLine(own, x, parts=()))
        elif parts:
            self.line(CodeLine(own, E.added(parts)))
        return own

    def _grown(
        self, own: str, parts: list[Expr], added: list[tuple[Expr, Expr]], shape: ArrayShape
    ) -> str:
        """A variable from before, which has what there is besides added to it."""
        rest = [x for x in parts if not (x.op == E.ARRAY and x.given[0] == own)]
        have = [array(own, shape)] if len(rest) < len(parts) else []
        if added:  # in an array that nothing else refers to
            part = self.free("part")
            self.line(CodeLine(part, E.zeros(shape)))
            for reading, g in added:
                self.add_part(part, reading, g)
            rest.append(array(part, shape))
        if rest or not have:
            self.line(CodeLine(own, E.added([*have, *rest]) if rest else E.zeros(shape)))
        return own

    def add_part(self, name: str, reading: Expr, g: Expr) -> None:
        """Add g to the part of an array that `reading` reads."""
        g = full(g, reading.shape)
        if reading.op == E.SLICE:
            self.line(CodeLine(name, g, parts=reading.given[0]))
        else:
            self.line(CodeLine(name, g, at=reading.args[1], axis=reading.given[0]))


def full(g: Expr, shape: ArrayShape) -> Expr:
    """An adjoint that may be smaller, as broadcasting has it, in its own shape."""
    return E.spread(g, shape)


def fitted(g: Expr, out: ArrayShape, shape: ArrayShape) -> Expr:
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
    g = full(g, out)
    return E.reshape(E.total(g, over), shape)


def _count(n: object) -> Expr:
    """A size as a number."""
    if isinstance(n, Samples):
        assert n.times == 1, "a size that is a multiple of the number of samples"
        return E.count(n.plus)
    return E.number(float(n))  # type: ignore[arg-type]
