"""Scalar statements as instructions for the interpreter: numbers of four bytes in a row.

An instruction is an opcode and what its form says: the address that it writes, and those that it
reads. Sums take two terms an instruction. The result of the one before is at hand, and needs no
address. Only forms that occur have an opcode, and those that often follow each other have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.backends.llvm.combined import combined
from micrograd.compiler.backends.llvm.ir import DOUBLE, Precision
from micrograd.compiler.backends.llvm.products import (
    MOST_LATE,
    RUN,
    ProductLists,
    ProductRuns,
    lists_of,
    runs_of,
)
from micrograd.compiler.codes import NONE, Floats, Ids, Mask, among, marked, occurrences
from micrograd.compiler.graph.graph import spans
from micrograd.compiler.nest.ir import TOGETHER
from micrograd.compiler.nest.sequence import LARGEST, Scalars

Words = NDArray[np.int32]
ABSENT, AT_HAND, IN_MEMORY = range(3)  # a factor
PLAIN, NEGATIVE, SCALED = range(3)  # a coefficient: 1, -1, or one that is in the instruction


class TermForm(NamedTuple):
    """How a term is written: its coefficient, and its factors."""

    c: int
    u: int
    v: int


class SumForm(NamedTuple):
    """One or two terms added up, or the larger; `goes_on` from what is at hand."""

    largest: bool
    goes_on: bool
    stores: bool
    terms: tuple[TermForm, ...]


class RowForm(NamedTuple):
    """A row of the op table, by its place, on factors."""

    row: int
    static: float
    args: tuple[int, ...]


class ProductsForm(NamedTuple):
    """Products added up, TOGETHER at a time, or a vector of those that lie `along` the memory."""

    along: bool
    goes_on: bool  # from what is at hand
    stores: bool
    late: int = 0  # products that are added after all others, the last one last


PlainForm = SumForm | RowForm | ProductsForm


class CombinedForm(NamedTuple):
    """Instructions that follow each other; only the first one has an opcode."""

    parts: tuple[PlainForm, ...]


InstructionForm = PlainForm | CombinedForm
END = 0  # the opcode that ends a part
RARE = 24  # times that a form has to occur to have an opcode, unless it is one of the few
TERMS = 27  # forms of a term; the next number stands for no term


class Encoder:
    """Writes parts as words; the forms that occurred are the opcodes, in the order of `forms`."""

    def __init__(self, precision: Precision, lanes: int = 1) -> None:
        self.forms: dict[InstructionForm, int] = {}
        self._precision, self._lanes = precision, lanes

    def words(self, parts: Sequence[Scalars]) -> list[Words]:
        """The instructions of each part, and the end."""
        part = Scalars.joined(parts)
        part, runs = runs_of(part, RUN if self._lanes == 1 else len(part.u) + 1)
        part, lists = lists_of(part)
        begins = np.cumsum([0, *map(len, parts)])[:-1]
        before = np.concatenate([[NONE], part.out[:-1]])
        before[begins[begins < len(part)]] = NONE
        plain = np.zeros(len(part), bool)
        pieces = self._pieces(part, before, plain, lists, runs)
        for piece in pieces:
            which = occurrences(piece.keys)[0]
            plain[piece.statement[np.bincount(which)[which] < RARE]] = True
        pieces = self._pieces(part, before, plain, lists, runs)
        place = np.concatenate([p.place for p in pieces])
        order = np.argsort(place, kind="stable")
        statement = np.concatenate([p.statement for p in pieces])[order]
        columns, widths = zip(*(p.laid_out() for p in pieces), strict=True)
        width = np.concatenate(widths)[order]
        cut = np.searchsorted(statement, begins)
        opcodes = self._opcodes(pieces, order, cut)
        width[opcodes < 0] -= 1  # the word of the opcode
        begin, in_order = np.empty((2, len(place)), np.int64)
        ends = np.cumsum(width)
        begin[order], in_order[order] = ends - width, opcodes
        words = np.zeros(int(width.sum()), np.int32)
        done = 0
        for piece, given, w in zip(pieces, columns, widths, strict=True):
            own = slice(done, done + len(piece.place))
            piece.write(words, in_order[own], begin[own], given, w)
            done = own.stop
        cuts = np.concatenate([[0], ends])[cut[1:]]
        return [np.append(code, np.int32(END)) for code in np.split(words, cuts)]

    def _opcodes(self, pieces: Sequence[_Piece], order: Ids, cut: Ids) -> Ids:
        """The opcode of each instruction, in order; NONE for those that are part of another."""
        single: dict[PlainForm, int] = {}
        codes = np.concatenate([_numbered(piece, single) for piece in pieces])[order]
        apart = marked(len(codes), cut[cut < len(codes)])
        found, forms = combined(codes, apart), list(single)
        which, last = occurrences(found.codes)
        for k in found.codes[last < 0].tolist():
            several = tuple(forms[j] for j in found.meaning[k])
            form = several[0] if len(several) == 1 else CombinedForm(several)
            self.forms[form] = END + 1 + len(self.forms)
        opcodes = np.full(len(codes), NONE)
        opcodes[found.begin] = END + 1 + which
        return opcodes

    def _pieces(
        self, part: Scalars, before: Ids, plain: Mask, lists: ProductLists, runs: ProductRuns
    ) -> list[_Piece]:
        """The instructions; of statements that are `plain` in the few forms that do for all."""
        later = np.concatenate([lists.statement, runs.statement])
        sums = self._sums(part, before, plain, later)
        return [sums, _rows(part, before, plain), self._listed(part, lists, runs.statement),
                self._along(part, runs, lists.statement)]  # fmt: skip

    def _along(self, part: Scalars, runs: ProductRuns, listed: Ids) -> _Piece:
        """The runs of a sum one after the other, the first after all else."""
        n = runs.statement
        begins = np.concatenate([[True], n[1:] != n[:-1]])[: len(n)]
        ends = np.concatenate([n[1:] != n[:-1], [True]])[-len(n) :] if len(n) else begins
        goes_on = ~begins | (part.first[n + 1] > part.first[n]) | among(n, listed)
        late = ends * (runs.late[:, :, 0] >= 0).sum(1)

        def columns() -> _Columns:
            for x in (part.out[n], runs.length, runs.u, runs.v):
                yield _words(x), True
            yield from _number(runs.c, self._precision)
            for k, j in np.ndindex(MOST_LATE, 2):
                yield _words(runs.late[:, k, j]), late > k

        def form(key: int, _: int) -> ProductsForm:
            return ProductsForm(True, key % 4 > 1, key % 2 == 1, key // 4)

        return _Piece(n, part.first[n + 1] + n, 4 * late + 2 * goes_on + ends, columns, form)

    def _listed(self, part: Scalars, lists: ProductLists, later: Ids) -> _Piece:
        n = lists.statement
        goes_on = 2 * (part.first[n + 1] > part.first[n]) + ~among(n, later)
        place = part.first[n + 1] + n

        def columns() -> _Columns:
            yield _words(part.out[n]), True
            yield _words(lists.room // TOGETHER), True
            yield from _number(lists.c, self._precision)

        def form(key: int, _: int) -> ProductsForm:
            return ProductsForm(False, key > 1, key % 2 == 1)

        factors, keys = _words(lists.factors), goes_on.astype(np.int64)
        return _Piece(n, place, keys, columns, form, factors, 2 * lists.room)

    def _sums(self, part: Scalars, before: Ids, plain: Mask, listed: Ids) -> _Piece:
        owner = part.owner
        goes_on = marked(len(part), listed)
        number, single = np.arange(len(owner)) - part.first[owner], plain[owner]
        count = np.diff(part.first)[owner]
        at_hand = (number < 2) & ~single
        factors = [_factor(x, at_hand & (x == before[owner])) for x in (part.u, part.v)]
        c = np.where(part.c == 1, PLAIN, np.where(part.c == -1, NEGATIVE, SCALED))
        c = np.where((factors[0] == ABSENT) | single, SCALED, c)
        code = 9 * c + 3 * factors[0] + factors[1]
        lead = np.flatnonzero((number % 2 == 0) | single)
        paired = (number[lead] + 1 < count[lead]) & ~single[lead]
        second = np.where(paired, np.append(code, TERMS)[lead + 1], TERMS)
        stores = (number[lead] + 1 + paired >= count[lead]) & ~goes_on[owner[lead]]
        flags = 4 * (part.row[owner[lead]] == LARGEST) + 2 * (number[lead] > 0) + stores
        keys = (flags * (TERMS + 1) + code[lead]) * (TERMS + 1) + second

        def columns() -> _Columns:
            yield _words(part.out[owner[lead]]), stores
            for t, here in ((lead, True), (np.where(paired, lead + 1, 0), paired)):
                yield from _number(part.c[t], self._precision, here & (c[t] == SCALED))
                for x, factor in zip((part.u, part.v), factors, strict=True):
                    yield _words(x[t]), here & (factor[t] == IN_MEMORY)

        place = lead + owner[lead]
        return _Piece(owner[lead], place, keys, columns, lambda key, _: _sum_form(key))


_Columns = Iterator[tuple[Words, Mask | bool]]  # words, and whether each instruction has one


class _Piece(NamedTuple):
    """Instructions of one sort: whose they are, in which order they come, and their words."""

    statement: Ids
    place: Ids
    keys: Ids
    columns: Callable[[], _Columns]  # in order, behind the opcode
    form: Callable[[int, int], PlainForm]  # that of a key, and of an instruction that has it
    tail: Words | None = None  # of all instructions, one after the other,
    more: Ids | int = 0  # and how many words each has of it, at its end

    def laid_out(self) -> tuple[list[tuple[Ids, Words]], Ids]:
        """Where in each the words of a column are, or NONE, and these; and how long each is."""
        width, found = np.ones(len(self.place), np.int64), []
        for words, there in self.columns():
            found.append((np.where(there, width, NONE), words))
            width = width + there
        return found, width + self.more

    def write(
        self, words: Words, opcodes: Ids, begin: Ids, columns: list[tuple[Ids, Words]], width: Ids
    ) -> None:
        """Write the words of each from where it begins, which is earlier without an opcode."""
        words[begin[opcodes >= 0]] = opcodes[opcodes >= 0]
        begin = begin - (opcodes < 0)
        if self.tail is not None:
            words[spans(begin + width - self.more, np.asarray(self.more))] = self.tail
        for at, column in columns:
            have = np.flatnonzero(at >= 0)
            words[begin[have] + at[have]] = column[have]


def _numbered(piece: _Piece, forms: dict[PlainForm, int]) -> Ids:
    """The number of the form of each instruction, whose form is asked for once."""
    number, before = occurrences(piece.keys)
    first = np.flatnonzero(before < 0)
    found = [
        forms.setdefault(piece.form(k, i), len(forms))
        for k, i in zip(piece.keys[first].tolist(), first.tolist(), strict=True)
    ]
    return np.array(found, np.int64)[number]


def _rows(part: Scalars, before: Ids, plain: Mask) -> _Piece:
    n = np.flatnonzero(part.row >= 0)
    which = occurrences(part.static[n])[0]
    args = part.args[n]
    factors = _factor(args, (args == before[n][:, None]) & ~plain[n][:, None])
    keys = part.row[n].astype(np.int64) * (1 + which.max(initial=0)) + which
    for k in range(3):
        keys = 3 * keys + factors[:, k]

    def form(_: int, i: int) -> RowForm:
        args = tuple(f for f in factors[i].tolist() if f != ABSENT)
        return RowForm(int(part.row[n[i]]), float(part.static[n[i]]), args)

    def columns() -> _Columns:
        yield _words(part.out[n]), True
        for k in range(3):
            yield _words(args[:, k]), factors[:, k] == IN_MEMORY

    return _Piece(n, part.first[n] + n, keys, columns, form)


def _factor(x: Ids, at_hand: NDArray[np.bool_]) -> Ids:
    return np.where(x < 0, ABSENT, np.where(at_hand, AT_HAND, IN_MEMORY))


def _words(x: Ids) -> Words:
    return x.astype(np.int32)


def _number(c: Floats, precision: Precision, there: Mask | bool = True) -> _Columns:
    if precision is DOUBLE:
        pairs = np.ascontiguousarray(c, np.float64).view(np.int32).reshape(-1, 2)
        yield pairs[:, 0], there
        yield pairs[:, 1], there
    else:
        yield c.astype(np.float32).view(np.int32), there


def _sum_form(key: int) -> SumForm:
    key, second = divmod(key, TERMS + 1)
    flags, first = divmod(key, TERMS + 1)
    terms = tuple(TermForm(code // 9, code // 3 % 3, code % 3) for code in (first, second)
                  if code < TERMS)  # fmt: skip
    return SumForm(flags >= 4, flags % 4 >= 2, flags % 2 == 1, terms)
