"""A module of LLVM's: functions, and the parts of a program that call them one after the other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from micrograd.compiler.backends.llvm import interpreter
from micrograd.compiler.backends.llvm.bytecode import InstructionForm
from micrograd.compiler.backends.llvm.ir import Body, Machine, Precision
from micrograd.compiler.nest.ir import WORK, Integers, Program, Space, SpaceRole

LONG = 300  # lines of a function, from which the next call goes to another: LLVM likes them short
BLOCK = "%block"  # the number of the block that runs
POOL = "pool"  # has what runs shares in several threads, and what that runs on
ATTRIBUTES = 'attributes #0 = { nounwind "prefer-vector-width"="512" }'


class ModuleText:
    """What is written so far.

    Addresses of arrays are in a global table, `spaces`: those of the spaces by name, then those of
    tables of integers.
    """

    def __init__(self, precision: Precision, machine: Machine, spaces: Sequence[Space]) -> None:
        self.precision = precision
        self.lanes = machine.vector_bytes // precision.bytes
        self.machine = machine
        self.integers: list[Integers] = []
        self._places = {space: place for place, space in enumerate(spaces)}
        self._tables: dict[int, int] = {}  # places of tables of integers
        self._declarations: set[str] = set()
        self._inline: dict[str, str] = {}  # functions that good code has where they are called
        self._functions: list[str] = []
        self._names: dict[Hashable, str] = {}
        self._parts: list[str] = []
        self._before_blocks: list[str] = []
        self._lines: list[str] = []  # that run what was written before the parts
        self._together = 0  # how often several threads have run
        self._parameters = ""  # of parts
        self._loaded: dict[Space | int, str] = {}
        self.part = self._body()

    def function(
        self, key: Hashable, parameters: str, write: Callable[[Body], None], result: str = "void"
    ) -> str:
        """The name of the function of that key, which is written if it is new."""
        if key not in self._names:
            name = self._names[key] = f"kernel{len(self._names)}"
            body = self._body()
            write(body)
            self._define(name, parameters, body, result)
        return self._names[key]

    def run(
        self, key: Hashable, write: Callable[[Body], None], arguments: Mapping[str, str]
    ) -> None:
        """Call the function of that key in the part that is being written.

        Arguments are by parameter: a type and a name.
        """
        name = self.function(key, ", ".join(arguments), write)
        given = ", ".join(f"{of.partition(' ')[0]} {x}" for of, x in arguments.items())
        self.part.line(f"call void @{name}({given})")

    def interpret(self, code: str, lanes: int) -> None:
        """Run the instructions at a pointer, in the part that is being written."""
        number, last = self.part.type(lanes), self.part.constant(0.0, lanes)
        numbers = self.address(WORK)
        self.part.line(f"call tailcc void @start(ptr {numbers}, ptr {code}, {number} {last})")

    def add_interpreter(self, forms: Iterable[InstructionForm], lanes: int) -> None:
        """Write the functions of all opcodes."""
        self._functions += interpreter.functions(forms, self._body, lanes)

    def address(self, space: Space, offset: int = 0) -> str:
        """A pointer to a number of a space, in the part that is being written."""
        kind = _kind(space)
        if space not in self._loaded:
            start = self._load(self._places[space.at_rest])
            self._loaded[space] = self.part.moved(start, BLOCK, space.step, kind)
        return self.part.moved(self._loaded[space], str(offset), 1, kind)

    def integer_table(self, values: Integers, offset: int = 0) -> str:
        """A pointer to a table of integers, which is noted if it is new."""
        if id(values) not in self._tables:
            self._tables[id(values)] = len(self._places) + len(self.integers)
            self.integers.append(values)
        place = self._tables[id(values)]
        if place not in self._loaded:
            self._loaded[place] = self._load(place)
        return self.part.moved(self._loaded[place], str(offset), 1, "i64")

    def _load(self, place: int) -> str:
        return self.part.value(f"load ptr, ptr {table_entry(place)}")

    def split(self) -> None:
        """Go on in another part, if this one is long."""
        if len(self.part.lines) > LONG:
            self._end_part()

    def begin_blocks(self) -> None:
        """Write, up to `end_blocks`, what runs for each block, in parts of its own."""
        self._end_part()
        self._before_blocks, self._parts, self._parameters = self._parts, [], f"i64 {BLOCK}"

    def end_blocks(self, count: int) -> None:
        """Run what was written for so many blocks."""
        self._end_part()
        names, self._parts, self._parameters = self._parts, self._before_blocks, ""

        def block(index: str) -> None:
            for name in names:
                self.part.line(f"call void @{name}(i64 {index})")

        self.part.each(count, block)

    def calls_of_parts(self) -> list[str]:
        """The lines that run all that was written since they were last asked for."""
        self._end_part()
        names, self._parts = self._parts, []
        lines, self._lines = self._lines, []
        return [*lines, *(f"  call void @{name}()" for name in names)]

    def run_together(self, before: list[str], shares: list[list[str]]) -> None:
        """After `before`, run the lines of the shares, in several threads if there are."""
        name, count = f"shares{self._together}", len(shares)
        self._together += 1
        switch = [f"    i64 {k}, label %share{k}" for k in range(count)]
        blocks = [x for k, lines in enumerate(shares)
                  for x in (f"share{k}:", *lines, "  br label %done")]  # fmt: skip
        self._functions.append("\n".join([
            f"define internal void @{name}(i64 %share) noinline #0 {{",
            "entry:", "  switch i64 %share, label %done [", *switch, "  ]",
            *blocks, "done:", "  ret void", "}",
        ]))  # fmt: skip
        self._lines = [
            *before,
            f"  %run{name} = load ptr, ptr @{POOL}",
            f"  %slot{name} = load ptr, ptr getelementptr (ptr, ptr @{POOL}, i64 1)",
            f"  call void %run{name}(ptr %slot{name}, ptr @{name}, i64 {count})",
        ]

    def run_groups(self, before: list[str], lines: list[str], program: Program) -> None:
        """After `before`, run the lines for each group of samples: arguments begin at its own."""
        groups = program.groups
        assert groups is not None
        self._functions.append("\n".join(
            ["define internal void @group() noinline #0 {", "entry:", *lines, "  ret void", "}"]
        ))  # fmt: skip
        self._lines = before
        sizes = {space: n // groups.samples for space, n in program.sizes.items()
                 if space.is_argument}  # fmt: skip
        begins = {space: self.address(space) for space in sizes}

        def point(at: Callable[[Space], str]) -> None:
            for space in sizes:
                self.part.line(f"store ptr {at(space)}, ptr {table_entry(self._places[space])}")

        def group(index: str) -> None:
            body = self.part
            moved = body.value(f"mul nsw i64 {index}, {groups.lanes}")
            moved = body.value(f"sub nsw i64 {moved}, {groups.over}")
            start = body.call("i64", "llvm.smax.i64", ("i64", moved), ("i64", "0"))
            point(lambda space: body.moved(begins[space], start, sizes[space], _kind(space)))
            body.line("call void @group()")

        self.part.each(groups.count, group)
        point(lambda space: begins[space])

    def text(self, functions: Sequence[str]) -> str:
        """The whole module; the lines of `functions` are those that it is run by."""
        table = f"[{len(self._places) + len(self.integers)} x ptr]"
        return "\n".join(
            [
                f"@spaces = global {table} zeroinitializer",
                *[f"@{POOL} = global [2 x ptr] zeroinitializer"] * bool(self._together),
                *sorted(self._declarations),
                *self._inline.values(),
                *self._functions,
                *functions,
                ATTRIBUTES,
                "",
            ]
        )

    def _body(self) -> Body:
        return Body(self.precision, self.machine, self._declarations, self._inline)

    def _define(self, name: str, parameters: str, body: Body, result: str) -> None:
        end = ["  ret void"] if result == "void" else []
        head = f"define internal {result} @{name}({parameters}) noinline #0 {{"
        self._functions.append("\n".join([head, *body.lines, *end, "}"]))

    def _end_part(self) -> None:
        if len(self.part.lines) > 1:
            name = f"part{len(self._functions)}"
            self._define(name, self._parameters, self.part, "void")
            self._parts.append(name)
        self.part, self._loaded = self._body(), {}


def _kind(space: Space) -> str:
    """The type of what is in a space, if it is not that of numbers."""
    return "i64" if space.role is SpaceRole.IDS else ""


def table_entry(place: int) -> str:
    """Where the table has the address of an array."""
    return f"getelementptr (ptr, ptr @spaces, i64 {place})"
