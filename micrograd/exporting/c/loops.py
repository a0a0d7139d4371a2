"""Loop nests and sequences as statements of C."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd.compiler.codes import ROWS
from micrograd.compiler.nest.ir import INDICES, TERM, Nest, Shape, Statement
from micrograd.compiler.nest.sequence import LARGEST, TOTAL, Scalars, TurnLoop
from micrograd.exporting.c.arrays import CArrays
from micrograd.exporting.c.rows import MOST_INLINE, CRows, bare, number
from micrograd.exporting.c.touched import NestStep, steps
from micrograd.ops import LARGER

CLines = Iterator[str]


@dataclass(frozen=True, slots=True)
class CExpression:
    """Text, and whether it holds together by itself; an atom, a product, or a sum."""

    text: str
    binds: int = 2

    def inside(self, needed: int) -> str:
        """As an operand of what needs it to hold together so tightly."""
        return self.text if self.binds >= needed else f"({self.text})"


SUM, PRODUCT, ATOM = 0, 1, 2


class CWriter:
    """Writes the parts of one program."""

    def __init__(self, arrays: CArrays, rows: CRows) -> None:
        self.arrays, self.rows = arrays, rows

    # ---- nests ---------------------------------------------------------------------------------

    def nest(self, nest: Nest) -> CLines:
        """A nest as loops."""
        if nest.starts is not None:
            yield from _loop(0, nest.extents[0], self._ragged(nest))
        elif nest.reduce:
            yield from self._reduction(nest)
        else:
            body = _Body(self, nest, "i").lines(steps(nest), {})
            yield from _loops(range(len(nest.extents)), nest.extents, list(body))

    def _reduction(self, nest: Nest) -> CLines:
        kept = nest.result
        summed = [k for k in range(len(nest.extents)) if k not in kept]
        found = steps(nest)
        item = self._product(found[0].inputs, nest.extents, "")
        inner = [self._start(nest), *_loops(summed, nest.extents, [self._combined(nest, item)])]
        after = _Body(self, nest, "").lines(found, {0: CExpression(self._total(nest))})
        yield from _loops(kept, nest.extents, [*inner, *after])

    def _ragged(self, nest: Nest) -> list[str]:
        assert nest.starts is not None
        starts = self.arrays.table_of(np.asarray(nest.starts))
        found = steps(nest)
        item = self._product(found[0].inputs, nest.extents, "k")
        after = _Body(self, nest, "k").lines(found, {0: CExpression(self._total(nest))})
        return [
            self._start(nest),
            f"for (int k = {starts}[i]; k < {starts}[i + 1]; k++) {{",
            f"    {self._combined(nest, item)}", "}", *after,
        ]  # fmt: skip

    def _start(self, nest: Nest) -> str:
        zero = number(0.0 if nest.reduce == "add" else -np.inf, self.rows.suffix)
        return f"{self.rows.number} {_TOTALS[nest.reduce or 'add']} = {bare(zero)};"

    def _combined(self, nest: Nest, item: CExpression) -> str:
        if nest.reduce == "add":
            return f"sum += {item.text};"
        # What is larger than nan is nan, and so is what nan is compared with.
        return f"largest = {self.rows.call(LARGER.name, None, ['largest', item.inside(ATOM)])};"

    def _total(self, nest: Nest) -> str:
        return _TOTALS[nest.reduce or "add"]

    def _product(self, inputs: Sequence[Any], extents: Shape, counter: str) -> CExpression:
        """The product of a term's inputs, without its coefficient."""
        factors = [self.arrays.value(x, extents, counter) for x in inputs]
        return _product(1.0, [CExpression(x) for x in factors], self.rows.suffix)

    # ---- sequences -----------------------------------------------------------------------------

    def ordered(self, nest: Nest) -> CLines:
        """A loop whose indices run one after the other."""
        body = _Body(self, nest, "i").lines(steps(nest), {})
        yield from _loop(0, nest.extents[0], list(body))

    def turns(self, loop: TurnLoop) -> CLines:
        """Nests in every turn."""
        lines: list[str] = []
        for nest in loop.over_turns:
            body = _Body(self, nest, INDICES[1]).lines(steps(nest), {})
            lines += _loops([1], nest.extents, list(body))
        yield from _loop(0, loop.count, lines)

    def scalars(self, part: Scalars) -> CLines:
        """Statements, one a line."""
        for k in range(len(part)):
            row = int(part.row[k])
            if row in (TOTAL, LARGEST):
                value = self._terms(part, range(int(part.first[k]), int(part.first[k + 1])), row)
            else:
                args = [self.arrays.number(int(x)) for x in part.args[k] if x >= 0]
                static = None if np.isnan(part.static[k]) else float(part.static[k])
                value = self.rows.call(ROWS[row], static, args)
            yield f"{self.arrays.number(int(part.out[k]))} = {bare(value)};"

    def _terms(self, part: Scalars, terms: range, row: int) -> str:
        found = []
        for t in terms:
            at = [int(x[t]) for x in (part.u, part.v) if x[t] >= 0]
            factors = [CExpression(self.arrays.number(x)) for x in at]
            found.append((float(part.c[t]), factors))
        if row == LARGEST:
            text = _product(*found[0], self.rows.suffix).text
            for c, factors in found[1:]:
                inner = _product(c, factors, self.rows.suffix).inside(ATOM)
                text = self.rows.call(LARGER.name, None, [text, inner])
            return text
        total = _product(*found[0], self.rows.suffix)
        for c, factors in found[1:]:
            total = _added(total, c, factors, self.rows.suffix)
        return total.text


_TOTALS = {"add": "sum", "max": "largest"}


class _Body:
    """The statements of a nest at one index: what is used once stands where it is used."""

    def __init__(self, writer: CWriter, nest: Nest, counter: str) -> None:
        self._writer, self._nest, self._counter = writer, nest, counter
        self._rows = writer.rows
        self._count = 0

    def lines(self, found: list[NestStep], known: dict[int, CExpression]) -> CLines:
        """C for the steps; of those in `known`, the sum or the largest is at hand."""
        waiting: dict[int, tuple[CExpression, frozenset[str]]] = {}
        values: dict[int, CExpression] = {}
        for k, step in enumerate(found):
            if step.statement.starts is not None:
                name = self._new("sum")
                yield from self._listed_sum(step.statement, name)
                known = {**known, k: CExpression(name)}
            value, reads = self._value(step, known.get(k), values, waiting)
            if step.stored:
                out, extents = step.statement.out, self._nest.extents
                target = self._writer.arrays.place(out, extents)
                owner = self._writer.arrays.memory(out, extents)
                for other in [j for j, (_, names) in waiting.items() if owner in names]:
                    yield self._named(other, waiting.pop(other)[0], values)
                yield _assigned(target, value, step)
            elif step.uses == 1 and len(value.text) <= MOST_INLINE:
                values[k] = value
                waiting[k] = value, reads
            elif step.uses:
                yield self._named(k, value, values)

    def _named(self, k: int, value: CExpression, values: dict[int, CExpression]) -> str:
        name = self._new("v")
        values[k] = CExpression(name)
        return f"const {self._rows.number} {name} = {bare(value.text)};"

    def _new(self, letter: str) -> str:
        while True:
            self._count += 1
            name = f"{letter}{self._count}"
            if not self._writer.arrays.names.has(name):
                return name

    def _value(
        self, step: NestStep, total: CExpression | None, values: dict[int, CExpression],
        waiting: dict[int, tuple[CExpression, frozenset[str]]],
    ) -> tuple[CExpression, frozenset[str]]:  # fmt: skip
        """The right side, and the arrays that are read in it."""
        s, reads = step.statement, frozenset[str]()

        def read(x: Any) -> CExpression:
            nonlocal reads
            if isinstance(x, int):
                if x in waiting:
                    reads |= waiting.pop(x)[1]
                return values[x]
            arrays, extents = self._writer.arrays, self._nest.extents
            reads |= {arrays.memory(x, extents)}
            return CExpression(arrays.value(x, extents, self._counter))

        factors = [total] if total is not None else [read(x) for x in step.inputs]
        if s.row == TERM:
            if step.before is None:
                return _product(s.coefficient, factors, self._rows.suffix), reads
            return _added(read(step.before), s.coefficient, factors, self._rows.suffix), reads
        text = self._rows.call(s.row, s.static, [x.inside(ATOM) for x in factors])
        return CExpression(text, _binding(text)), reads

    def _listed_sum(self, s: Statement, name: str) -> CLines:
        """The sum of what is listed for one index of an ordered nest."""
        assert s.starts is not None
        arrays = self._writer.arrays
        starts = arrays.table_of(np.asarray(s.starts))
        item = self._writer._product(s.inputs, self._nest.extents, "k")
        yield f"{self._rows.number} {name} = {number(0.0, self._rows.suffix)};"
        yield f"for (int k = {starts}[i]; k < {starts}[i + 1]; k++) {{"
        yield f"    {name} += {item.text};"
        yield "}"


def _assigned(target: str, value: CExpression, step: NestStep) -> str:
    """`target = value;`, or `target += …;` where terms are added to what is there."""
    for sign, needed in (("+", SUM), ("-", PRODUCT)):
        start = f"{target} {sign} "
        rest = value.text.removeprefix(start)
        if step.before is not None and rest != value.text and _binding(rest) >= needed:
            return f"{target} {sign}= {rest};"
    return f"{target} = {bare(value.text)};"


def _product(c: float, factors: Sequence[CExpression], suffix: str) -> CExpression:
    """`c · u · v`."""
    if not factors:
        return CExpression(number(c, suffix))
    if c == 1.0 and len(factors) == 1:
        return factors[0]
    texts = [x.inside(ATOM) for x in factors]
    if c == -1.0:
        texts[0] = f"-({texts[0]})" if texts[0].startswith("-") else f"-{texts[0]}"
    elif c != 1.0:
        texts.insert(0, number(c, suffix))
    return CExpression(" * ".join(texts), PRODUCT)


def _added(
    total: CExpression, c: float, factors: Sequence[CExpression], suffix: str
) -> CExpression:
    """`total + c · u · v`."""
    sign, c = ("-", -c) if c < 0 else ("+", c)
    item = _product(c, factors, suffix)
    return CExpression(f"{total.inside(SUM)} {sign} {item.inside(PRODUCT)}", SUM)


def _binding(text: str) -> int:
    """How tightly an expression of a row holds together."""
    depth, binds = 0, ATOM
    for k, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if not depth and letter in "+-*/" and text[max(k - 1, 0)] != "e":
            binds = min(binds, PRODUCT if letter in "*/" else SUM)
    return binds


def _loops(axes: Any, extents: Shape, body: list[str]) -> list[str]:
    lines = body
    for axis in reversed([*axes]):
        if extents[axis] > 1:
            lines = _loop(axis, extents[axis], lines)
    return lines if lines is not body or not _declares(body) else ["{", *_indented(body), "}"]


def _loop(axis: int, count: int, body: list[str]) -> list[str]:
    letter = INDICES[axis]
    return [f"for (int {letter} = 0; {letter} < {count}; {letter}++) {{", *_indented(body), "}"]


def _declares(lines: list[str]) -> bool:
    return any(line.startswith(("const ", "double ", "float ")) for line in lines)


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
