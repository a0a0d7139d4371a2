"""Rows of the op table as calls of NumPy that write to arrays made beforehand.

A row is the ufunc of its name, if there is one; else what its tree says (`backends.recipes`). What
NumPy has no function for is computed by the row's own `f`, number by number: right, and slow. What
several statements compute on their way of the same numbers is computed once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from micrograd.compiler.backends.recipes import recipe
from micrograd.compiler.nest.spans import Span
from micrograd.ops import OPS
from micrograd.symbolic import NEGATION, Branch, Symbol

UFUNCS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "<": "less", ">": "greater",
          "<=": "less_equal", ">=": "greater_equal", "==": "equal", "!=": "not_equal",
          "pow": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
          "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
          "fabs": "absolute"}  # fmt: skip
FEW = 64  # numbers, for which a call costs more than what it does
BY_KEYWORD = ("maximum", "minimum")  # where NumPy deprecates the output by place


@dataclass(frozen=True, slots=True)
class StatementTemplate:
    """Statements that write to `{out}`; `{0}` is the first input, `{c[0]}` the first constant."""

    lines: tuple[str, ...]
    constants: tuple[float, ...] = ()


def call_of(row: str, static: tuple[float, ...], numbers: int = FEW + 1) -> StatementTemplate:
    """A row of so many numbers as statements: the fewest calls where there are few."""
    quick = _call(row, static)
    if numbers > FEW or static == (0.5,):  # np.power takes a root, which is off at -inf and -0.0
        return quick
    return min(quick, _call(row, static, plain=True), key=_count)


def _count(call: StatementTemplate) -> tuple[bool, int]:
    text = "".join(call.lines)
    return "each(" in text, text.count("np.")


@cache
def _call(row: str, static: tuple[float, ...], plain: bool = False) -> StatementTemplate:
    writer = _Writer()
    op = OPS[row]
    try:
        if not static and _has(row, op.arity):
            writer.write(Symbol(row, *map(Symbol, "012"[: op.arity])))
        else:
            tree = recipe(row, static, plain)
            writer.share(tree)
            writer.write(tree)
    except LookupError:
        inputs = ", ".join(["{0}", "{1}", "{2}"][: op.arity] + list(map(repr, static)))
        return StatementTemplate((f"{{out}}[...] = each({row!r})({inputs})",))
    return StatementTemplate(tuple(writer.lines), tuple(writer.constants))


@cache
def each(row: str) -> Callable[..., Any]:
    """The row's own function, applied to each number of arrays."""
    return np.vectorize(OPS[row].f, otypes=[float])


def is_mask(row: str) -> bool:
    """True if the row is 1 or 0: what can be kept as booleans."""
    return row in OPS and OPS[row].compares


def is_choice(row: str) -> bool:
    """True if the row takes its second input where the first is not 0, else its third."""
    return row in OPS and OPS[row].chooses


def _has(name: str, inputs: int) -> bool:
    ufunc = getattr(np, name, None)
    return isinstance(ufunc, np.ufunc) and (ufunc.nin, ufunc.nout) == (inputs, 1)


class _Writer:
    """The lines for a tree. The output may be an input, so nothing is read after it is written."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: list[float] = []
        self._masks = 0
        self._uses: Counter[str] = Counter()  # of what is computed, by how many
        self._shared: dict[str, str] = {}  # the name of what has been computed for several

    def share(self, node: Any) -> None:
        """Count uses, so that what is there several times is computed once."""
        parts = (node.condition, node.yes, node.no) if isinstance(node, Branch) else ()
        for x in parts or (node.operands if isinstance(node, Symbol) else ()):
            if not isinstance(x, Symbol) or not x.operands:
                self.share(x)
                continue
            self._uses[repr(x)] += 1
            if self._uses[repr(x)] == 1:
                self.share(x)

    def write(self, node: Any) -> None:
        """Lines that leave the tree's value in `{out}`."""
        if isinstance(node, Branch):
            node = _simplified(node)
        if isinstance(node, Branch) and not _is_input(node.yes):
            self._masked(node)
            return
        if not isinstance(node, Symbol) or not node.operands or self._uses[repr(node)] > 1:
            self.lines.append(f"{{out}}[...] = {self._text(node)}")
            return
        inner = {repr(x): x for x in node.operands if isinstance(x, Symbol)}
        texts = None
        if len(inner) == 1:
            ((key, first),) = inner.items()
            if (
                first.operands and self._uses[key] < 2
            ):  # the only one, so that what is written first can be read from out
                self.write(first)
                texts = ["{out}" if repr(x) == key else self._text(x) for x in node.operands]
        self.lines.append(self._call(node, texts or list(map(self._text, node.operands)), "{out}"))

    def _masked(self, node: Branch) -> None:
        """What there is otherwise, and then the rest over it: faster than np.where."""
        self._masks += 1
        mask = f"mask{self._masks}" if self._masks > 1 else "mask"
        self.lines.append(f"{mask} = {self._text(node.condition)}")
        taken = self._text(node.yes)
        if not isinstance(node.yes, float):
            taken, text = mask.replace("mask", "taken"), taken
            self.lines.append(f"{taken} = {text}")
        self.write(node.no)
        self.lines.append(f"np.putmask({{out}}, {mask}, {taken})")

    def _text(self, node: Any) -> str:
        """An expression, whose parts are new arrays."""
        if isinstance(node, Branch):
            node = _simplified(node)
        if isinstance(node, Branch):
            parts = (node.condition, node.yes, node.no)
            return f"np.where({', '.join(map(self._text, parts))})"
        if not isinstance(node, Symbol):
            places = {repr(x): place for place, x in enumerate(self.constants)}
            if repr(node) not in places:
                self.constants.append(node)
            return f"{{c[{places.get(repr(node), len(places))}]}}"
        if not node.operands:
            return f"{{{node.name}}}"
        key = repr(node)
        if key not in self._shared:
            text = self._call(node, list(map(self._text, node.operands)))
            if self._uses[key] < 2:
                return text
            self._shared[key] = f"part{len(self._shared)}"
            self.lines.append(f"{self._shared[key]} = {text}")
        return self._shared[key]

    def _call(self, node: Symbol, operands: list[str], out: str = "") -> str:
        name = UFUNCS.get(node.name, node.name)
        if name == NEGATION:
            # NumPy 2.4's negative writes nothing right to an output with a stride of 64 bytes.
            name, operands = "multiply", [*operands, self._text(-1.0)]
        if not _has(name, len(operands)):
            raise LookupError(name)
        into = [f"out={out}" if name in BY_KEYWORD else out] if out else []  # by place is faster
        return f"np.{name}({', '.join([*operands, *into])})"


def _is_input(node: Any) -> bool:
    return isinstance(node, Symbol) and not node.operands


def _simplified(node: Branch) -> Any:
    """A condition itself for 1 or 0, and the larger of a number and what may be nan."""
    condition, yes, no = node.condition, node.yes, node.no
    if isinstance(yes, float) and isinstance(no, float) and (yes, no) == (1.0, 0.0):
        return condition
    if condition.name == "<" and isinstance(yes, float) and yes == yes and isinstance(no, Symbol):
        a, b = condition.operands
        if isinstance(b, float) and b == yes and repr(a) == repr(no):
            return Symbol("maximum", no, yes)
    return node


PART = re.compile(r"\bpart\d+\b")
NAME = re.compile(r"«(\d+)»")  # of a part, until it is known whether another statement reads it


class Parts:
    """The parts of statements so far, and what each is computed from.

    σ and its slope both begin with e^-|x|, which costs more than all the rest.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, list[Span]]] = {}  # by their text
        self._own: list[str] = []  # the name that each has if nobody else reads it
        self._again: dict[int, str] = {}  # those that are read again, and their names

    def lines(self, written: Iterable[str], read: list[Span]) -> Iterator[str]:
        """The lines of a statement that reads these addresses, without the parts that are known."""
        names: dict[str, str] = {}
        for line in written:
            head, assigned, text = line.partition(" = ")
            text = PART.sub(lambda found: names[found[0]], text if assigned else line)
            if not assigned or not PART.fullmatch(head):
                yield f"{head} = {text}" if assigned else text
            elif text in self._known:
                number = self._known[text][0]
                self._again.setdefault(number, f"shared{len(self._again)}")
                names[head] = f"«{number}»"
            else:
                names[head] = f"«{len(self._own)}»"
                self._known[text] = len(self._own), read
                self._own.append(head)
                yield f"{names[head]} = {text}"

    def overwritten(self, out: Span) -> None:
        """Forget what was computed from numbers that are others now."""
        self._known = {
            text: (number, read)
            for text, (number, read) in self._known.items()
            if not any(x.meets(out) for x in read)
        }

    def named(self, line: str) -> str:
        """A line with the names that parts have in the end."""
        return NAME.sub(lambda x: self._again.get(int(x[1]), self._own[int(x[1])]), line)
