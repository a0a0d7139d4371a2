"""LLVM's text: the body of a function, with its loops, addresses, loads and stores.

Values are strings, the names that LLVM's text gives them. A vector has `lanes` numbers, as many as
a register of the machine; the last of a row may have fewer active lanes, which are then the first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.nest.ir import Affine

INLINE = "alwaysinline #0"
Advance = Callable[[str, list[str]], Sequence[str]]  # (index, what is carried) -> that, one on


@dataclass(frozen=True, slots=True)
class Precision:
    """A type of number: its name, and that of the integers as long as it."""

    name: str
    integer: str
    suffix: str  # in the names of intrinsics
    bytes: int

    def constant(self, x: float) -> str:
        """The number as LLVM writes it: the bits of the double that it is rounded to."""
        if self.bytes == 4:
            with np.errstate(over="ignore"):
                x = float(np.float32(x))
        return f"0x{struct.pack('>d', x).hex().upper()}"


DOUBLE = Precision("double", "i64", "f64", 8)
FLOAT = Precision("float", "i32", "f32", 4)


@dataclass(frozen=True, slots=True)
class Machine:
    """The vector registers of a machine.

    With `alike`, kernels for other extents are to have the same text, though some are slower.
    """

    vector_bytes: int
    registers: int
    alike: bool = False


class Body:
    """The lines of a function; values get the names %1, %2 and so on, blocks L1, L2."""

    def __init__(
        self, precision: Precision, machine: Machine, declarations: set[str], inline: dict[str, str]
    ) -> None:
        self.precision, self._machine = precision, machine
        self.lanes = machine.vector_bytes // precision.bytes
        self.registers = machine.registers
        self.alike = machine.alike
        self.declarations, self._inline = declarations, inline  # those of the module
        self.lines: list[str] = ["entry:"]
        self._block = "entry"
        self._headers: list[int] = []  # of the loops that are open: where their first line is
        self._count = 0

    @contextmanager
    def in_lanes(self, lanes: int) -> Iterator[None]:
        """Write with vectors of so many numbers meanwhile."""
        before, self.lanes = self.lanes, lanes
        yield
        self.lanes = before

    def value(self, text: str) -> str:
        """A new value, which is what the instruction gives."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def line(self, text: str) -> None:
        """An instruction without a value."""
        self.lines.append(f"  {text}")

    def type(self, lanes: int) -> str:
        """A number, or a vector of so many."""
        return self.precision.name if lanes == 1 else f"<{lanes} x {self.precision.name}>"

    def constant(self, x: float, lanes: int) -> str:
        """The same number in all lanes."""
        bits = self.precision.constant(x)
        return bits if lanes == 1 else f"splat ({self.precision.name} {bits})"

    def call(self, result: str, name: str, *arguments: tuple[str, str], flags: str = "") -> str:
        """Call an intrinsic or a library function on arguments, each a type and a value."""
        types = ", ".join(kind for kind, _ in arguments)
        self.declarations.add(f"declare {result} @{name}({types})")
        given = ", ".join(f"{kind} {x}" for kind, x in arguments)
        return self.value(f"call {flags}{result} @{name}({given})")

    def inline(
        self, result: str, name: str, *arguments: tuple[str, str],
        write: Callable[[Body, list[str]], str],
    ) -> str:  # fmt: skip
        """The value of a function that the module has once, as a line; good code has it inline.

        `write` is given the names of its arguments, and returns its value; "" if there is none.
        """
        if name not in self._inline:
            body = Body(self.precision, self._machine, self.declarations, self._inline)
            inner = [f"%a{k}" for k in range(len(arguments))]
            value = write(body, inner)
            head = ", ".join(f"{kind} {x}" for (kind, _), x in zip(arguments, inner, strict=True))
            lines = " ".join(map(str.strip, [*body.lines, f"ret {result} {value}"]))
            self._inline[name] = f"define internal {result} @{name}({head}) {INLINE} {{ {lines} }}"
        call = f"call {result} @{name}({', '.join(map(' '.join, arguments))})"
        if result != "void":
            return self.value(call)
        self.line(call)
        return ""

    # ---- loops ---------------------------------------------------------------------------------

    def repeat(
        self, trips: int | str, lanes: int, carried: Sequence[str], step: Advance,
        always: bool = False,
    ) -> list[str]:  # fmt: skip
        """Run `step` at the indices below `trips`, at least once; what it carries are vectors.

        A single trip is a loop only if that is `always` to be one.
        """
        if trips == 1 and not always:
            return list(step("0", list(carried)))
        self._count += 1
        number = self._count
        before, loop, after = self._block, f"L{number}", f"X{number}"
        index = f"%i{number}"
        inside = [f"%c{number}.{k}" for k in range(len(carried))]
        self.lines += [f"  br label %{loop}", f"{loop}:"]
        self._headers.append(len(self.lines))
        self.lines += [""] * (1 + len(carried))
        self._block = loop
        results = list(step(index, inside))
        following = self.value(f"add nuw nsw i64 {index}, 1")
        more = self.value(f"icmp ult i64 {following}, {trips}")
        self.lines += [f"  br i1 {more}, label %{loop}, label %{after}", f"{after}:"]
        last, self._block = self._block, after
        header = self._headers.pop()
        self.lines[header] = f"  {index} = phi i64 [ 0, %{before} ], [ {following}, %{last} ]"
        kind = self.type(lanes)
        for k, (name, first, result) in enumerate(zip(inside, carried, results, strict=True), 1):
            edges = f"[ {first}, %{before} ], [ {result}, %{last} ]"
            self.lines[header + k] = f"  {name} = phi {kind} {edges}"
        return results

    def each(self, trips: int | str, write: Callable[[str], None]) -> None:
        """Run `write` at the indices below `trips`, at least once; nothing is carried."""

        def step(index: str, carried: list[str]) -> list[str]:
            write(index)
            return carried

        self.repeat(trips, 1, [], step)

    # ---- memory --------------------------------------------------------------------------------

    def room(self, count: int) -> str:
        """A pointer to room for so many numbers, for as long as the function runs."""
        self._count += 1
        name = f"%room{self._count}"
        self.lines.insert(1, f"  {name} = alloca [{count} x {self.precision.name}], align 64")
        self._headers = [at + 1 for at in self._headers]
        return name

    def moved(self, pointer: str, index: str, stride: int, kind: str = "") -> str:
        """The pointer moved by `index · stride` numbers."""
        if stride == 0 or index == "0":
            return pointer
        offset = index
        if index.isdigit():
            offset = str(int(index) * stride)
        elif stride != 1:
            offset = self.value(f"mul nsw i64 {index}, {stride}")
        return self.value(
            f"getelementptr {kind or self.precision.name}, ptr {pointer}, i64 {offset}"
        )

    def load(
        self, pointer: str, offset: int, stride: int, lanes: int, active: int, rest: float = 0.0
    ) -> str:
        """The numbers at `offset + stride · lane`; `rest` in the lanes that are not active."""
        kind, place = self.type(lanes), self.moved(pointer, str(offset), 1)
        if lanes == 1 or (stride == 1 and active == lanes):
            return self.value(f"load {kind}, ptr {place}, align {self.precision.bytes}")
        if stride == 0:
            return self.inline(
                kind, self._name("every", lanes, lanes), ("ptr", place),
                write=lambda body, a: body.spread(body.load(a[0], 0, 1, 1, 1), lanes),
            )  # fmt: skip
        what = "" if active == lanes or rest == 0.0 else self.precision.constant(rest)
        if stride == 1:
            return self.inline(
                kind, self._name(f"first{what}", active, lanes), ("ptr", place),
                write=lambda body, a: body.load_lanes(a[0], mask(active, lanes), lanes, rest),
            )  # fmt: skip

        def strided(body: Body, a: list[str]) -> str:
            vector = "poison" if active == lanes else body.constant(rest, lanes)
            for lane in range(active):
                x = body.load(body.moved(a[0], a[1], lane), 0, 1, 1, 1)
                vector = body.insert(vector, x, lane, lanes)
            return vector

        name = self._name(f"strided{what}", active, lanes)
        return self.inline(kind, name, ("ptr", place), ("i64", str(stride)), write=strided)

    def _name(self, what: str, active: int, lanes: int) -> str:
        return f"{what}.{active}of{lanes}.{self.precision.suffix}"

    def first_lanes(self, count: str, lanes: int, start: int = 0) -> str:
        """Which lanes there are, from `start` on, of a count at run time, which may be larger."""
        every = self.spread(count, lanes, "i64")
        numbers = ", ".join(f"i64 {start + k}" for k in range(lanes))
        return self.value(f"icmp slt <{lanes} x i64> <{numbers}>, {every}")

    def load_lanes(self, pointer: str, there: str, lanes: int, rest: float = 0.0) -> str:
        """The numbers from a pointer on in the lanes that there are; `rest` in the others."""
        kind = self.type(lanes)
        return self.call(
            kind,
            f"llvm.masked.load.v{lanes}{self.precision.suffix}.p0",
            ("ptr", pointer), ("i32", str(self.precision.bytes)),
            (f"<{lanes} x i1>", there), (kind, self.constant(rest, lanes)),
        )  # fmt: skip

    def load_woven(self, pointer: str, offset: int, count: int, active: int) -> list[str]:
        """As many vectors as `count`, of which the first has every count-th number, and so on."""
        lanes = self.lanes
        rows = []
        for k in range(count):
            here = max(0, min(lanes, active * count - k * lanes))
            rows.append(
                self.load(pointer, offset + k * lanes, 1, lanes, here) if here else "poison"
            )
        vectors = []
        for first in range(count):
            places = [divmod(first + count * lane, lanes) for lane in range(lanes)]
            vector = rows[0]
            for k in range(1, count):
                chosen: list[int | None] = []
                for lane, (row, place) in enumerate(places):
                    before = place if k == 1 else lane
                    chosen.append(None if row > k else lanes + place if row == k else before)
                vector = self.shuffle(vector, rows[k], chosen, lanes)
            vectors.append(vector)
        return vectors

    def store(
        self, x: str, pointer: str, offset: int, stride: int, lanes: int, active: int
    ) -> None:
        """Write the active lanes to `offset + stride · lane`."""
        kind, align = self.type(lanes), self.precision.bytes
        place = self.moved(pointer, str(offset), 1)
        if lanes == 1 or (stride == 1 and active == lanes):
            self.line(f"store {kind} {x}, ptr {place}, align {align}")
            return

        def first(body: Body, a: list[str]) -> str:
            name = f"llvm.masked.store.v{lanes}{self.precision.suffix}.p0"
            self.declarations.add(f"declare void @{name}({kind}, ptr, i32, <{lanes} x i1>)")
            chosen = f"<{lanes} x i1> {mask(active, lanes)}"
            body.line(f"call void @{name}({kind} {a[0]}, ptr {a[1]}, i32 {align}, {chosen})")
            return ""

        def strided(body: Body, a: list[str]) -> str:
            for lane in range(active):
                to = body.moved(a[1], a[2], lane)
                body.store(body.extract(a[0], lane, lanes), to, 0, 0, 1, 1)
            return ""

        what, given = (first, ()) if stride == 1 else (strided, (("i64", str(stride)),))
        name = self._name(f"put_{what.__name__}", active, lanes)
        self.inline("void", name, (kind, x), ("ptr", place), *given, write=what)

    # ---- lanes ---------------------------------------------------------------------------------

    def spread(self, x: str, lanes: int, number: str = "") -> str:
        """The number in all lanes; `number` is its type, if it is another one."""
        number = number or self.precision.name
        kind = f"<{lanes} x {number}>"

        def write(body: Body, a: list[str]) -> str:
            one = body.value(f"insertelement {kind} poison, {number} {a[0]}, i64 0")
            zeros = f"<{lanes} x i32> zeroinitializer"
            return body.value(f"shufflevector {kind} {one}, {kind} poison, {zeros}")

        return self.inline(kind, f"spread.{lanes}.{number}", (number, x), write=write)

    def insert(self, vector: str, x: str, lane: int, lanes: int) -> str:
        """The vector with one lane replaced."""
        number = f"{self.precision.name} {x}"
        return self.value(f"insertelement {self.type(lanes)} {vector}, {number}, i64 {lane}")

    def extract(self, vector: str, lane: int, lanes: int) -> str:
        """One lane of a vector."""
        return self.value(f"extractelement {self.type(lanes)} {vector}, i64 {lane}")

    def shuffle(self, a: str, b: str, chosen: Sequence[int | None], lanes: int) -> str:
        """The chosen lanes of a, then b; None where it does not matter."""
        places = ", ".join("i32 poison" if i is None else f"i32 {i}" for i in chosen)
        kind = self.type(lanes)
        return self.value(f"shufflevector {kind} {a}, {kind} {b}, <{len(chosen)} x i32> <{places}>")


def mask(active: int, lanes: int) -> str:
    """The first lanes."""
    return f"<{', '.join(['i1 1'] * active + ['i1 0'] * (lanes - active))}>"


@dataclass(frozen=True, slots=True)
class Pointers:
    """Where a nest is: a pointer for each number that its operands have for spaces."""

    pointers: tuple[str, ...]
    strides: tuple[tuple[int, ...], ...]  # of each, those of all the accesses through it

    def pointer(self, x: Affine) -> str:
        """The pointer from which an access is an offset."""
        return self.pointers[x.space.number]

    def moved(self, body: Body, axis: int, index: str, step: int) -> Pointers:
        """The place `index · step` further along an axis."""
        pointers = (
            body.moved(pointer, index, strides[axis] * step)
            for pointer, strides in zip(self.pointers, self.strides, strict=True)
        )
        return Pointers(tuple(pointers), self.strides)

    def each(
        self, body: Body, axis: int, trips: int, step: int, write: Callable[[Pointers], None]
    ) -> None:
        """Run `write` at so many places along an axis, each `step` on from the one before."""
        body.each(trips, lambda index: write(self.moved(body, axis, index, step)))


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of an axis: from `start`, so many trips of so many vectors of active lanes."""

    start: int
    trips: int
    active: tuple[int, ...]


def segments(n: int, lanes: int, unroll: int) -> list[Segment]:
    """The axis in vectors, up to `unroll` of them at a time; the last may not be full."""
    full, tail = divmod(n, lanes)
    rest = (tail,) if tail else ()
    if full <= unroll:
        return [Segment(0, 1, (lanes,) * full + rest)]
    even = max(k for k in range(1, unroll + 1) if full % k == 0)
    together = even if 2 * even > unroll else unroll
    trips, left = divmod(full, together)
    result = [Segment(0, trips, (lanes,) * together)]
    if left or rest:
        result.append(Segment(trips * together * lanes, 1, (lanes,) * left + rest))
    return result
