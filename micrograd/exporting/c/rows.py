"""CRows of the op table in C: an expression where one will do, or else a function of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from micrograd.compiler.backends.recipes import recipe
from micrograd.errors import CompileError
from micrograd.ops import OPS
from micrograd.symbolic import LIBRARY, Branch, Symbol, c_number, c_text

INPUTS = ("a", "b", "c")
MOST_INLINE = 72  # characters of an expression that has no name


class CRows:
    """Calls of rows, and the functions that they need; `suffix` is "f" for floats."""

    def __init__(self, suffix: str = "") -> None:
        self.suffix = suffix
        self.number = "float" if suffix else "double"
        self._functions: dict[str, str] = {}

    @property
    def functions(self) -> list[str]:
        """The text of those that were called, in the order in which they were."""
        return list(self._functions.values())

    def call(self, row: str, static: float | None, inputs: Sequence[str]) -> str:
        """The value of a row: operands are atoms, or names of functions applied to something."""
        try:
            tree = recipe(row, () if static is None else (static,))
        except LookupError as error:
            raise CompileError(f"cannot be written in C: {row}: {error}") from None
        if not isinstance(tree, Branch):
            uses = Counter(_leaves(tree))
            if all(uses[x] == 1 for x in "012"[: len(inputs)]):
                return bare(c_text(_renamed(tree, inputs), self.suffix))
        name = _name(row, static)
        if name not in self._functions:
            self._functions[name] = self._function(name, tree, OPS[row].arity)
        return f"{name}({', '.join(map(bare, inputs))})"

    def _function(self, name: str, tree: Any, arity: int) -> str:
        names = INPUTS[:arity]
        tree = _renamed(tree, names)
        given = ", ".join(f"{self.number} {x}" for x in names)
        read = {*_leaves(tree)}
        lines = [f"(void){x};" for x in names if x not in read]
        for k, (key, x) in enumerate(_repeated(tree)):
            known = Symbol(f"t{k + 1}")
            lines.append(f"const {self.number} {known.name} = {bare(c_text(x, self.suffix))};")
            tree = _replaced(tree, key, known)
        lines.append(f"return {self._choice(tree)};")
        body = "\n    ".join(lines)
        return f"static {self.number} {name}({given})\n{{\n    {body}\n}}"

    def _choice(self, tree: Any) -> str:
        if not isinstance(tree, Branch):
            return bare(c_text(tree, self.suffix))
        condition = c_text(tree.condition, self.suffix)
        yes, no = self._choice(tree.yes), self._choice(tree.no)
        return f"{condition} ? {f'({yes})' if '?' in yes else yes} : {no}"


def number(x: float, suffix: str) -> str:
    """A number in C; whole ones without an exponent where that is shorter."""
    return c_number(x, suffix)


def bare(text: str) -> str:
    """An expression without parentheses around all of it.

    >>> bare("(a + b)"), bare("(a + b) * (c)")
    ('a + b', '(a + b) * (c)')
    """
    if not text.startswith("("):
        return text
    depth = 0
    for k, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return text[1:-1] if k == len(text) - 1 else text
    return text


def _name(row: str, static: float | None) -> str:
    name = f"{row}_row" if row in LIBRARY else row
    given = "" if static is None else f"_{static:g}".replace("-", "minus_")
    return name + re.sub(r"\W", "_", given)


def _leaves(x: Any) -> Iterator[str]:
    if isinstance(x, Branch):
        for part in (x.condition, x.yes, x.no):
            yield from _leaves(part)
    elif isinstance(x, Symbol):
        if not x.operands:
            yield x.name
        for operand in x.operands:
            yield from _leaves(operand)


def _renamed(tree: Any, names: Sequence[str]) -> Any:
    for k, name in enumerate(names):
        tree = _replaced(tree, str(k), Symbol(name))
    return tree


def _replaced(tree: Any, key: str, by: Symbol) -> Any:
    """The tree with another symbol in place of each that is written like this one."""
    if isinstance(tree, Branch):
        parts = (_replaced(x, key, by) for x in (tree.condition, tree.yes, tree.no))
        return Branch(*parts)
    if not isinstance(tree, Symbol):
        return tree
    if repr(tree) == key:
        return by
    return Symbol(tree.name, *(_replaced(x, key, by) for x in tree.operands))


def _symbols(tree: Any) -> Iterator[Symbol]:
    """Operations, those inside first."""
    parts = (tree.condition, tree.yes, tree.no) if isinstance(tree, Branch) else (tree,)
    for x in parts:
        if isinstance(x, Branch):
            yield from _symbols(x)
        elif isinstance(x, Symbol):
            for operand in x.operands:
                yield from _symbols(operand)
            if x.operands:
                yield x


def _repeated(tree: Any) -> Iterator[tuple[str, Symbol]]:
    """What is computed more than once, as it is written when what came before has a name."""
    k = 0
    while True:
        counts = Counter(map(repr, _symbols(tree)))
        first = next((x for x in _symbols(tree) if counts[repr(x)] > 1), None)
        if first is None:
            return
        # The largest that contains it as often: what is inside it alone needs no name.
        found = max(
            (x for x in _symbols(tree)
             if counts[repr(x)] == counts[repr(first)] and repr(first) in repr(x)),
            key=lambda x: len(repr(x)),
        )  # fmt: skip
        k += 1
        yield repr(found), found
        tree = _replaced(tree, repr(found), Symbol(f"t{k}"))
