"""Lines of code from statements: what is used twice gets a name, what is too long or too deep."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from micrograd.exporting.code import (
    CodeLine,
    CodeLoop,
    CodePart,
    CodeScan,
    CodeText,
    CodeTuple,
    values_in,
)
from micrograd.exporting.dialect import Dialect, shape_text, size_text, slice_text, unparsed
from micrograd.exporting.expressions import ARRAY, ZEROS, Expr, array, inside, remade
from micrograd.exporting.renaming import free_name
from micrograd.exporting.sizes import LIGHT, is_small

WIDTH = 88
INDENT = " " * 4
DEEPEST = 12  # operations in one another, of which none has a name


class Emitter:
    """The body of a function of these lines."""

    def __init__(
        self, dialect: Dialect, lines: Sequence[CodePart], taken: set[str], indent: str = INDENT
    ) -> None:
        self.dialect, self.taken, self.indent = dialect, taken, indent
        self._given = list(lines)
        self._names: dict[int, Expr] = {}  # expressions that have a name, by id
        self._uses = _users(lines)
        self.lines: list[str] = []

    def body(self) -> list[str]:
        """The lines, indented."""
        for line in self._given:
            if isinstance(line, CodeLine):
                self._line(line)
            elif isinstance(line, CodeTuple):
                self._tuple(line)
            elif isinstance(line, CodeText):
                self.lines.append(f"{self.indent}{line.text}")
            elif isinstance(line, CodeLoop):
                turns = f"range({size_text(line.count)})"
                turns = f"reversed({turns})" if line.backwards else turns
                self.lines.append(f"{self.indent}for {line.index} in {turns}:")
                self.lines += self._within(line.lines).body()
            else:
                self._scan(line)
        return self.lines

    def _tuple(self, line: CodeTuple) -> None:
        """All at once; what is long has a line of its own before."""
        texts = [unparsed(self.text(x)) for x in line.values]
        names = ", ".join(line.names)
        if len(f"{self.indent}{names} = {', '.join(texts)}") > WIDTH:
            for k, (name, value) in enumerate(zip(line.names, line.values, strict=True)):
                if value.op != ARRAY:
                    texts[k] = free_name(f"new_{name}", self.taken)
                    self._line(CodeLine(texts[k], value))
        self.lines.append(f"{self.indent}{names} = {', '.join(texts)}")

    def _line(self, line: CodeLine) -> None:
        value = self._shared(line.value, line)
        self._write(replace(line, value=value))
        own = line.at is None and line.parts is None
        if own and line.value.op not in LIGHT:
            self._names.setdefault(id(line.value), array(line.name, line.value.shape))

    def _within(self, lines: Sequence[CodePart]) -> Emitter:
        """An emitter of indented lines."""
        return Emitter(self.dialect, lines, self.taken, self.indent + INDENT)

    def _scan(self, scan: CodeScan) -> None:
        """A turn as a function `turn(states, t)`, and the scan over all turns."""
        inner = self._within(scan.lines)
        body = inner.body()
        name = free_name("turn", self.taken)
        states = ", ".join(scan.carried)
        given = f"({states},)" if len(scan.carried) == 1 else f"({states})"
        updates = [unparsed(inner.text(x)) for x in scan.updates]
        kept = [unparsed(inner.text(x)) for _, x in scan.kept]
        made = ", ".join(kept) if len(kept) == 1 else f"({', '.join(kept)})" if kept else "None"
        names = ", ".join(name for name, _ in scan.kept)
        out = names if len(kept) == 1 else f"({names})" if kept else "_"
        after = f"({', '.join(updates)}{',' * (len(updates) == 1)})"
        self.lines += [
            "",
            f"{self.indent}def {name}(states, {scan.index}):",
            f"{self.indent}{INDENT}{given} = states",
            *body,
            f"{self.indent}{INDENT}return {after}, {made}",
            "",
            f"{self.indent}{given}, {out} = jax.lax.scan({name}, {given}, "
            f"jnp.arange({size_text(scan.count)}))",
        ]  # fmt: skip

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
            again = self._uses[id(e)] > 1 and not is_small(e)
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
        return free_name(stem, self.taken)

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
        plain = line.at is None and line.parts is None and shape and value.op != ZEROS
        self.lines.append(comment if plain and len(comment) <= WIDTH else text)

    def _line_text(self, line: CodeLine, value: Expr) -> str:
        text = unparsed(self.dialect.named(value, self.text))
        if line.at is not None:
            at = unparsed(self.text(line.at))
            place = f"({'slice(None), ' * line.axis}{at})" if line.axis else at
            return f"{self.indent}np.add.at({line.name}, {place}, {text})"
        if line.parts is not None:
            place = f"[{slice_text(line.parts)}]" if line.parts else ""
            return f"{self.indent}{line.name}{place} {'=' if line.sets else '+='} {text}"
        return f"{self.indent}{line.name} = {text}"


def _users(lines: Sequence[CodePart]) -> Counter[int]:
    """By how many expressions and lines each expression is used, by id."""
    seen: set[int] = set()
    values = [x for line in lines if isinstance(line, CodeLine | CodeTuple)
              for x in values_in([line])]  # fmt: skip
    uses = Counter(id(value) for value in values)
    for value in values:
        for x in inside(value):
            if id(x) not in seen:
                seen.add(id(x))
                uses.update(id(a) for a in x.args)
    return uses


def _largest_part(x: Expr) -> Expr | None:
    """The part of an expression that is most of it, without being all."""
    sizes: dict[int, int] = {}
    parts: list[Expr] = []
    for e in inside(x):
        sizes[id(e)] = 1 + sum(sizes[id(a)] for a in e.args)
        if e is not x and e.op not in LIGHT and not is_small(e):
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
