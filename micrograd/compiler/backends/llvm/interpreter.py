"""The interpreter of scalar statements as LLVM's text: a function an opcode, each calls the next.

The calls are tail calls, so that they are jumps: where the numbers are, where the instruction is,
and the last result stay in registers. With lanes, of a batch, each number is a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from micrograd.compiler.backends.llvm.bytecode import (
    ABSENT,
    AT_HAND,
    IN_MEMORY,
    NEGATIVE,
    SCALED,
    CombinedForm,
    InstructionForm,
    PlainForm,
    ProductsForm,
    RowForm,
    SumForm,
    TermForm,
)
from micrograd.compiler.backends.llvm.functions import Instructions, Number, instructions_of
from micrograd.compiler.backends.llvm.ir import Body
from micrograd.compiler.backends.llvm.products import RUN
from micrograd.compiler.backends.llvm.rows import computed
from micrograd.compiler.codes import ROWS
from micrograd.compiler.nest.ir import TOGETHER

TABLE = "opcodes"
PARAMETERS = "ptr %numbers, ptr %at, {0} %last"


class Opcode:
    """Writes the function of an opcode."""

    def __init__(self, body: Body, lanes: int) -> None:
        self._body, self._width = body, lanes
        self._number = body.type(lanes)
        self._m = instructions_of(body, lanes)
        self._at = "%at"
        self._words = 1  # read so far from there, the opcode included
        self._last = "%last"
        self._lanes = ""  # a vector, whose sum is still to be added

    def write(self, form: InstructionForm) -> None:
        """The whole function but for its head."""
        parts = form.parts if isinstance(form, CombinedForm) else (form,)
        for part, after in zip(parts, (*parts[1:], None), strict=True):
            along = isinstance(after, ProductsForm) and after.along and after.goes_on
            self._last = self._instruction(part, along)
        following = self._body.value(f"getelementptr i32, ptr {self._at}, i64 {self._words}")
        dispatch(self._body, following, self._last, self._number)

    def _instruction(self, form: PlainForm, along: bool) -> str:
        """What it does; its result. Products `along` the memory may follow."""
        if isinstance(form, ProductsForm):
            return self._run(form, along) if form.along else self._list(form)
        if isinstance(form, RowForm):
            out = self._word()
            args = [self._factor(kind) for kind in form.args]
            static = None if form.static != form.static else form.static
            result = self._m.text(computed(self._m, ROWS[form.row], args, static))
        else:
            out = self._word() if form.stores else ""
            result = self._sum(form)
        if out:
            self._store(result, out)
        return result

    def _store(self, result: str, out: str) -> None:
        self._body.store(result, self._place(out), 0, 1, self._width, self._width)

    def _list(self, form: ProductsForm) -> str:
        """Products, TOGETHER of them at a time, each added to a total of its own."""
        body, m = self._body, self._m
        out, count, c = self._word(), self._word(), self._constant()
        begin = body.moved(self._at, str(self._words), 1, "i32")

        def step(k: str, totals: list[str]) -> list[str]:
            at = body.moved(begin, k, 2 * TOGETHER, "i32")
            factors = [self._at_word(at, j) for j in range(2 * TOGETHER)]
            return [m.fma(factors[2 * j], factors[2 * j + 1], x) for j, x in enumerate(totals)]

        zero = body.constant(0.0, self._width)
        total = m.in_pairs(body.repeat(count, self._width, [zero] * TOGETHER, step))
        self._at, self._words = body.moved(begin, count, 2 * TOGETHER, "i32"), 0
        result = self._scaled(total, c, form)
        if form.stores:
            self._store(result, out)
        return result

    def _run(self, form: ProductsForm, along: bool) -> str:
        """Products two vectors at a time, of which the last may not be full.

        If others follow, the lanes of both are summed at last.
        """
        body, lanes = self._body, self._body.lanes
        out, count, u, v, c = *(self._word() for _ in range(4)), self._constant()
        late = [(self._factor(IN_MEMORY), self._factor(IN_MEMORY)) for _ in range(form.late)]
        lanes = min(lanes, RUN)
        vectors, starts = Instructions(body, lanes), range(0, RUN, lanes)
        begin = self._place(u), self._place(v)
        whole = body.value(f"udiv i64 {count}, {RUN}")

        def step(k: str, totals: list[str]) -> list[str]:
            at = [body.moved(x, k, RUN) for x in begin]
            found = []
            for j, total in zip(starts, totals, strict=True):
                a, b = (body.load(x, j, 1, lanes, lanes) for x in at)
                found.append(vectors.fma(a, b, total))
            return found

        totals = body.repeat(whole, lanes, [body.constant(0.0, lanes) for _ in starts], step)
        end = [body.moved(x, whole, RUN) for x in begin]
        left = body.value(f"urem i64 {count}, {RUN}")
        for k, j in enumerate(starts):
            here = body.first_lanes(left, lanes, j)
            a, b = (body.load_lanes(body.moved(x, str(j), 1), here, lanes) for x in end)
            totals[k] = vectors.fma(a, b, totals[k])
        total = totals[0] if len(totals) == 1 else vectors.fadd(*totals)
        if not self._lanes and not (along and not form.stores):
            result = self._scaled(vectors.sum(total), c, form)
        else:
            total = vectors.fmul(total, body.spread(c, lanes))
            self._lanes = vectors.fadd(self._lanes, total) if self._lanes else total
            if along and not form.stores:
                return self._last if form.goes_on else self._m.text(0.0)
            result = self._m.fadd(self._last, vectors.sum(self._lanes))
            self._lanes = ""
        for x, y in reversed(late):
            result = self._m.fma(x, self._m.fmul(y, c), result)
        if form.stores:
            self._store(result, out)
        return result

    def _scaled(self, total: str, c: str, form: ProductsForm) -> str:
        """A sum of products times its coefficient, added to what it goes on from."""
        return self._m.term(c, [total], self._last if form.goes_on else None)

    def _at_word(self, at: str, offset: int) -> str:
        """The number whose address is there."""
        word = self._body.value(f"load i32, ptr {self._body.moved(at, str(offset), 1, 'i32')}")
        return self._load(self._place(self._body.value(f"zext i32 {word} to i64")))

    def _load(self, place: str) -> str:
        return self._body.load(place, 0, 1, self._width, self._width)

    def _sum(self, form: SumForm) -> str:
        total: str | None = self._last if form.goes_on else None
        for term in form.terms:
            x = self._term(term, None if form.largest else total)
            total = self._m.maximum(total, x) if form.largest and total is not None else x
        assert total is not None
        return total

    def _term(self, term: TermForm, total: str | None) -> str:
        """The total so far and one more term; a product is added as it is made."""
        c: Number = -1.0 if term.c == NEGATIVE else 1.0
        if term.c == SCALED:
            c = self._constant()
        factors = [self._factor(kind) for kind in (term.u, term.v) if kind != ABSENT]
        return self._m.term(c, factors, total)

    def _word(self) -> str:
        """The next word of the instruction, as an index."""
        at = self._body.value(f"getelementptr i32, ptr {self._at}, i64 {self._words}")
        self._words += 1
        word = self._body.value(f"load i32, ptr {at}, align 4")
        return self._body.value(f"zext i32 {word} to i64")

    def _constant(self) -> str:
        at = self._body.value(f"getelementptr i32, ptr {self._at}, i64 {self._words}")
        self._words += self._body.precision.bytes // 4
        one = self._body.value(f"load {self._body.precision.name}, ptr {at}, align 4")
        return one if self._width == 1 else self._body.spread(one, self._width)

    def _place(self, index: str) -> str:
        return self._body.value(f"getelementptr {self._number}, ptr %numbers, i64 {index}")

    def _factor(self, kind: int) -> str:
        if kind == AT_HAND:
            return self._last
        assert kind == IN_MEMORY
        return self._load(self._place(self._word()))


def dispatch(body: Body, at: str, last: str, number: str) -> None:
    """Call the function of the opcode that is there, and return."""
    opcode = body.value(f"load i32, ptr {at}, align 4")
    index = body.value(f"zext i32 {opcode} to i64")
    entry = body.value(f"getelementptr ptr, ptr @{TABLE}, i64 {index}")
    function = body.value(f"load ptr, ptr {entry}")
    arguments = f"ptr %numbers, ptr {at}, {number} {last}"
    body.line(f"musttail call tailcc void {function}({arguments})")
    body.line("ret void")


def functions(forms: Iterable[InstructionForm], make: Callable[[], Body], lanes: int) -> list[str]:
    """The text of all opcodes; opcode 0 ends. `make()` gives the body of a new function."""
    number = make().type(lanes)
    parameters = PARAMETERS.format(number)
    head = "define internal tailcc void @opcode{0}(" + parameters + ") #0 {{"
    texts = ["\n".join([head.format(0), "  ret void", "}"])]
    for k, form in enumerate(forms, 1):
        body = make()
        Opcode(body, lanes).write(form)
        texts.append("\n".join([head.format(k), *body.lines, "}"]))
    entries = ", ".join(f"ptr @opcode{k}" for k in range(len(texts)))
    table = f"@{TABLE} = internal constant [{len(texts)} x ptr] [{entries}]"
    body = make()
    dispatch(body, "%at", body.constant(0.0, lanes), number)
    start = [f"define internal tailcc void @start({parameters}) noinline #0 {{", *body.lines, "}"]
    return [table, *texts, "\n".join(start)]
