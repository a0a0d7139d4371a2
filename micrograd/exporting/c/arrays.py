"""The arrays of a program in C: the parts of its flat spaces that are used apart have names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.nest.ir import INDICES, WORK, Affine, Counter, Listed, Program, Shape, Space
from micrograd.compiler.nest.ir import SpaceRole as Role
from micrograd.exporting.c.rows import number
from micrograd.exporting.c.touched import accesses, addresses

WIDTH = 96  # of lines
LETTERS = {"∂": "d", "θ": "theta", "σ": "sigma", "α": "alpha", "β": "beta", "μ": "mu", "λ": "lam"}
RESERVED = frozenset({
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else",
    "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
    "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
    "union", "unsigned", "void", "volatile", "while", "main", "sum", "largest", "loss", "aux",
    "parameters", "gradient", "state", "NAN", "INFINITY", "HUGE_VAL", "HUGE_VALF", "isnan",
    "isinf", "isfinite", "n", *INDICES,
})  # fmt: skip


class CNames:
    """Identifiers of C, each given once."""

    def __init__(self, taken: Sequence[str] = ()) -> None:
        self._taken = {*taken}

    def has(self, name: str) -> bool:
        """Whether it is given."""
        return name in self._taken or name in RESERVED

    def new(self, wanted: str) -> str:
        """An identifier that looks like this, and is no other."""
        for sign, letters in LETTERS.items():
            wanted = wanted.replace(sign, letters)
        wanted = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_") or "t"
        wanted = f"t{wanted}" if wanted[0].isdigit() else wanted
        name, count = wanted, 1
        while self.has(name):
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name


@dataclass(slots=True, eq=False)
class NamedPart:
    """Some of a space: addresses, of which the first is where its pointer begins."""

    name: str
    at: Ids
    note: str = ""  # how it lies there
    shape: tuple[int, ...] = ()

    @property
    def base(self) -> int:
        """Where it begins."""
        return int(self.at.min())


@dataclass(slots=True, eq=False)
class NamedSpace:
    """A space that is an argument of a function, and the parts of it that have names."""

    name: str
    size: int
    parts: Sequence[NamedPart] = ()
    constant: bool = True  # whether it is only read
    scalar: bool = False  # a number that is given as it is
    type: str = ""  # of its numbers, if they are no floats
    first: int = 0  # its address in the space
    used: dict[str, NamedPart] = field(default_factory=dict)

    def place(self, at: Ids) -> tuple[str, int]:
        """The name of what has these addresses, and the address at which that begins."""
        for part in self.parts:
            if np.isin(at - self.first, part.at).all():
                self.used[part.name] = part
                return part.name, part.base + self.first
        return self.name, self.first

    def pointers(self, number_type: str) -> list[str]:
        """Declarations of the parts that were used."""
        sort = f"{'const ' * self.constant}{number_type}"
        return [f"{sort} *const {x.name} = {self.name}{f' + {x.base}' if x.base else ''};"
                for x in sorted(self.used.values(), key=lambda x: x.base)]  # fmt: skip


@dataclass(slots=True, eq=False)
class WorkRegion:
    """A part of work that operands share; `end` is not in it."""

    start: int
    end: int
    name: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it is a variable of its own."""
        return self.end == self.start + 1


class CArrays:
    """What operands of one program are in C."""

    def __init__(
        self, program: Program, wholes: dict[Space, NamedSpace], gradient: NamedSpace | None,
        suffix: str, name_of: Callable[[Ids], str],
    ) -> None:  # fmt: skip
        """`gradient` is the part of work that has an argument; `name_of` proposes names."""
        self.wholes, self._work, self._suffix = wholes, program.work, suffix
        self.gradient = gradient
        given = [*wholes.values(), *([gradient] if gradient else [])]
        self.names = CNames([w.name for w in given] + [x.name for w in given for x in w.parts])
        self._tables: dict[bytes, tuple[str, Ids]] = {}
        found = [x for x in accesses(program) if x.space is WORK and len(x.at)]
        self._written = np.zeros(len(program.work), bool)
        for x in found:
            if x.writes:
                self._written[x.at] = True
        spans = sorted({(int(x.at.min()), int(x.at.max()) + 1) for x in found
                        if x.writes or self._literal(x.at) is None})  # fmt: skip
        if program.loss is not None and self._literal(np.array([program.loss])) is None:
            spans = sorted([*spans, (program.loss, program.loss + 1)])
        low, high = (gradient.first, gradient.first + gradient.size) if gradient else (0, 0)
        self.apart = gradient is not None  # whether the argument is written by the nests
        if any(a < low < b or a < high < b for a, b in spans):
            low = high = 0
            self.apart = False
            assert gradient is not None
            spans = sorted([*spans, (gradient.first, gradient.first + gradient.size)])
        self._regions: list[WorkRegion] = []
        for a, b in spans:
            if low <= a < high:
                continue
            if self._regions and a < self._regions[-1].end:
                self._regions[-1].end = max(b, self._regions[-1].end)
            else:
                self._regions.append(WorkRegion(a, b))
        self._starts = np.array([r.start for r in self._regions], np.int64)
        for r in self._regions:
            r.name = self.names.new(name_of(np.arange(r.start, r.end)))

    def value(self, x: Any, extents: Shape, counter: str = "") -> str:
        """What an operand is at the indices i, j, …; `counter` counts what is listed."""
        if isinstance(x, Counter):
            if extents[x.axis] == 1:
                return number(0.0, self._suffix)
            return f"({'float' if self._suffix else 'double'}){INDICES[x.axis]}"
        at = addresses(x, extents)
        literal = self._literal(at) if x.space is WORK else None
        return self.place(x, extents, counter) if literal is None else number(literal, self._suffix)

    def place(self, x: Affine | Listed, extents: Shape, counter: str = "") -> str:
        """Where an operand is."""
        at = addresses(x, extents)
        name, base, alone = self.owner(x.space.at_rest, at)
        if alone:
            read = name
        elif isinstance(x, Listed):
            moved = f" + {x.space.step} * {INDICES[0]}" if x.space.step else ""
            read = f"{name}[{self._listed(x.index - base, counter)}{moved}]"
        else:
            read = f"{name}[{_index(x, extents, base)}]"
        return f"(double){read}" if x.space.role is Role.IDS and not self._suffix else (
            f"(float){read}" if x.space.role is Role.IDS else read
        )  # fmt: skip

    def number(self, at: int) -> str:
        """The number at one address of work."""
        literal = self._literal(np.array([at]))
        if literal is not None and not self.in_gradient(at):
            return number(literal, self._suffix)
        name, base, alone = self.owner(WORK, np.array([at]))
        return name if alone else f"{name}[{at - base}]"

    def in_gradient(self, at: int) -> bool:
        """Whether an address of work is one of the argument's."""
        g = self.gradient
        return g is not None and self.apart and g.first <= at < g.first + g.size

    def memory(self, x: Any, extents: Shape) -> str:
        """The name of all that shares memory with an operand."""
        if isinstance(x, Counter):
            return ""
        if x.space.at_rest is not WORK:
            return self.wholes[x.space.at_rest].name
        at = addresses(x, extents)
        if self._literal(at) is not None:
            return ""
        if self.in_gradient(int(at.min())):
            assert self.gradient is not None
            return self.gradient.name
        return self.owner(WORK, at)[0]

    def owner(self, space: Space, at: Ids) -> tuple[str, int, bool]:
        """The name of the array that has these addresses, its first, and if it is one number."""
        if space is not WORK:
            whole = self.wholes[space.at_rest]
            return *whole.place(at), whole.scalar
        if self.in_gradient(int(at.min())):
            assert self.gradient is not None
            return *self.gradient.place(at), False
        region = self._regions[int(np.searchsorted(self._starts, at.min(), "right")) - 1]
        assert region.start <= at.min() <= at.max() < region.end
        return region.name, region.start, region.is_number

    def _literal(self, at: Ids) -> float | None:
        """The number that these addresses of work always hold, if it is one."""
        if self._written[at].any():
            return None
        first = float(self._work[at[0]])
        same = np.array_equal(self._work[at], np.full(len(at), first), equal_nan=True)
        return first if same else None

    def _listed(self, index: Ids, counter: str) -> str:
        """The entry of a list that a counter is at; what rises evenly needs no list."""
        step = int(index[1] - index[0]) if len(index) > 1 else 1
        if step > 0 and np.array_equal(index, index[0] + step * np.arange(len(index))):
            text = counter if step == 1 else f"{step} * {counter}"
            return text if not index[0] else f"{text} + {int(index[0])}"
        return f"{self.table_of(index)}[{counter}]"

    def table_of(self, index: Ids) -> str:
        """The name of a list of indices."""
        key = index.tobytes()
        if key not in self._tables:
            self._tables[key] = self.names.new("at"), index
        return self._tables[key][0]

    def tables(self) -> Iterator[str]:
        """Declarations of the lists of indices that are used."""
        for name, index in self._tables.values():
            yield from table(name, index)

    def declared(self, number_type: str) -> Iterator[str]:
        """Declarations of what the program computes, and of its constants."""
        numbers = [f"{r.name} = {number(float(self._work[r.start]), self._suffix)}"
                   for r in self._regions if r.is_number]  # fmt: skip
        while numbers:
            line = f"{number_type} {numbers.pop(0)}"
            while numbers and len(line) + len(numbers[0]) < WIDTH - 8:
                line += f", {numbers.pop(0)}"
            yield f"{line};"
        for r in self._regions:
            if r.is_number:
                continue
            known = self._work[r.start : r.end]
            fixed = not self._written[r.start : r.end].any()
            if not np.any(known != 0):
                yield f"static {number_type} {r.name}[{len(known)}];"
            else:
                sort = f"static {'const ' * fixed}{number_type} {r.name}[{len(known)}]"
                yield from listing(sort, [number(float(x), self._suffix) for x in known])

    def never_written(self) -> Iterator[tuple[int, int, str]]:
        """(from, up to, number): of the gradient's argument, what no nest writes."""
        g = self.gradient
        if g is None or not self.apart:
            return
        at = np.arange(g.first, g.first + g.size)
        kinds = [None if self._written[i] else float(self._work[i]) for i in at.tolist()]
        done = 0
        for x, run in groupby(kinds, key=repr):
            count = len(list(run))
            if x != "None":
                yield done, done + count, number(float(kinds[done] or 0.0), self._suffix)
            done += count


def _index(x: Affine, extents: Shape, base: int) -> str:
    moving = [(s, INDICES[i]) for i, s in enumerate(x.strides) if s and extents[i] > 1]
    terms = [letter if s == 1 else f"{s} * {letter}" for s, letter in moving]
    first = x.base - base
    if first or not terms:
        terms.append(str(first))
    return " + ".join(terms).replace("+ -", "- ")


def table(name: str, index: Ids) -> list[str]:
    """A list of indices, in the smallest type that holds them."""
    high = int(index.max(initial=0))
    sort = "unsigned char" if high < 256 else "unsigned short" if high < 65536 else "unsigned int"
    return list(listing(f"static const {sort} {name}[{len(index)}]", map(str, index.tolist())))


def listing(head: str, items: Any) -> Iterator[str]:
    """A declaration with an initialiser, in lines."""
    texts = list(items)
    whole = f"{head} = {{{', '.join(texts)}}};"
    if len(whole) <= WIDTH:
        yield whole
        return
    yield f"{head} = {{"
    line = ""
    for text in texts:
        if line and len(line) + len(text) + 2 > WIDTH - 8:
            yield f"    {line.rstrip()}"
            line = ""
        line += f"{text}, "
    yield f"    {line.rstrip(', ')}"
    yield "};"
