"""Lines of code from statements: what is used twice gets a name, what is too long or too deep."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.dialect import Dialect, shape_text, slice_text, unparsed
from micrograd.exporting.differentiated import CodeLine
from micrograd.exporting.expressions import Expr, array, inside, remade
from micrograd.ops import OPS

WIDTH = 88
INDENT = " " * 4
DEEPEST = 12  # operations in one another, of which none has a name
LIGHT = frozenset({
    E.ARRAY, E.NUMBER, E.COUNT, E.EXPAND, E.TRANSPOSE, E.RESHAPE, E.SPREAD, E.STOP, E.ZEROS,
})  # fmt: skip


class Emitter:
    """The body of a function of these lines."""

    def __init__(
        self, dialect: Dialect, lines: Sequence[CodeLine], taken: set[str], indent: str = INDENT
    ) -> None:
        self.dialect, self.taken, self.indent = dialect, taken, indent
        self._given = list(lines)
        self._names: dict[int, Expr] = {}  # expressions that have a name, by id
        self._uses = _users(lines)
        self.lines: list[str] = []

    def body(self) -> list[str]:
        """The lines, indented."""
        for line in self._given:
            value = self._shared(line.value, line)
            self._write(replace(line, value=value))
            own = line.at is None and line.parts is None
            if own and line.value.op not in LIGHT:
                self._names.setdefault(id(line.value), array(line.name, line.value.shape))
        return self.lines

    def _shared(self, x: Expr, line: CodeLine) -> Expr:
        """An expression with names in the place of what is used elsewhere, too."""
        done: dict[int, Expr] = {}
        depth: dict[int, int] = {}
        for e in inside(x):
            if id(e) in self._names:
                done[id(e)], depth[id(e)] = self._names[id(e)], 0
                continue
            new = remade(e, [done[id(a)] for a in e.args])
            depth[id(e)] = 1 + max((depth[id(a)] for a in e.args), default=0)
            again = self._uses[id(e)] > 1 and not _is_small(e)
            if e is not x and e.op not in LIGHT and (again or depth[id(e)] >= DEEPEST):
                name = self._named(line)
                self._write(CodeLine(name, new))
                new = self._names[id(e)] = array(name, e.shape)
                depth[id(e)] = 0
            done[id(e)] = new
        return done[id(x)]

    def _named(self, line: CodeLine) -> str:
        """A name for a part of a line: Z1 in H1, dZ1 where its adjoint is handed on."""
        number = re.sub(r"\D", "", line.of or line.name)
        stem = f"dZ{number}" if line.of else f"Z{number}"
        name, k = stem, 1
        while name in self.taken:
            k += 1
            name = f"{stem}_{k}"
        self.taken.add(name)
        return name

    # ---- text ------------------------------------------------------------------------------------

    def text(self, x: Expr) -> ast.expr:
        """An expression as a syntax tree."""
        return self.dialect.written(x, self.text)

    def _write(self, line: CodeLine) -> None:
        value = line.value
        while True:
            text = self._line_text(line, value)
            if len(text) <= WIDTH:
                break
            part = _largest_part(value)
            if part is None:
                break
            name = self._named(line)
            self._write(CodeLine(name, part, of=line.of))
            value = _replaced(value, part, array(name, part.shape))
        shape = value.shape
        comment = f"{text}  # {shape_text(shape)}"
        plain = line.at is None and line.parts is None and shape
        self.lines.append(comment if plain and len(comment) <= WIDTH else text)

    def _line_text(self, line: CodeLine, value: Expr) -> str:
        text = unparsed(self.dialect.named(value, self.text))
        if line.at is not None:
            at = unparsed(self.text(line.at))
            place = f"({'slice(None), ' * line.axis}{at})" if line.axis else at
            return f"{self.indent}np.add.at({line.name}, {place}, {text})"
        if line.parts is not None:
            place = f"[{slice_text(line.parts)}]" if line.parts else ""
            return f"{self.indent}{line.name}{place} += {text}"
        return f"{self.indent}{line.name} = {text}"


def _users(lines: Sequence[CodeLine]) -> Counter[int]:
    """By how many expressions and lines each expression is used, by id."""
    seen: set[int] = set()
    uses = Counter(id(line.value) for line in lines)
    for line in lines:
        for x in inside(line.value):
            if id(x) not in seen:
                seen.add(id(x))
                uses.update(id(a) for a in x.args)
    return uses


def _is_small(x: Expr) -> bool:
    """Whether it is short enough to be said twice: an index of a named array."""
    compares = x.op == E.ROW and OPS[x.given[0]].compares
    over_n = (x.op == E.ROW and x.given[0] in ("neg", "div") and not x.shape) or is_negative(x)
    leaves = all(a.op in (E.ARRAY, E.NUMBER, E.COUNT) for a in x.args)
    return leaves and (compares or over_n or x.op in (E.SLICE, E.TAKE))


def is_negative(x: Expr) -> bool:
    """Whether it is something with a minus."""
    return x.op == E.ROW and x.given[0] == "neg"


def _largest_part(x: Expr) -> Expr | None:
    """The part of an expression that is most of it, without being all."""
    sizes: dict[int, int] = {}
    parts: list[Expr] = []
    for e in inside(x):
        sizes[id(e)] = 1 + sum(sizes[id(a)] for a in e.args)
        if e is not x and e.op not in LIGHT and not _is_small(e):
            parts.append(e)
    if not parts:
        return None
    half = sizes[id(x)] / 2
    return min(parts, key=lambda e: abs(sizes[id(e)] - half))


def _replaced(x: Expr, part: Expr, new: Expr) -> Expr:
    done: dict[int, Expr] = {}
    for e in inside(x):
        done[id(e)] = new if e is part else remade(e, [done[id(a)] for a in e.args])
    return done[id(x)]


def packed(head: str, items: Sequence[str], tail: str, indent: str = "") -> list[str]:
    """A call or a list as ruff breaks it: on one line if it fits, else an item a line."""
    line = f"{indent}{head}{', '.join(items)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}{head}", *(f"{indent}{INDENT}{item}," for item in items), f"{indent}{tail}"]
