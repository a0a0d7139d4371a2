"""The file and the header: three functions, and what they need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from micrograd.compiler.compilation import Compilation
from micrograd.compiler.explain.naming import shape_of_argument
from micrograd.compiler.explain.report import describe
from micrograd.compiler.nest.ir import (
    GRADIENTS,
    PARAMETERS,
    STATE,
    WORK,
    Nest,
    Program,
    Space,
    SpaceRole,
)
from micrograd.compiler.nest.sequence import TurnLoop
from micrograd.errors import CompileError
from micrograd.exporting.c.arrays import CArrays, CNames, NamedPart, NamedSpace, listing
from micrograd.exporting.c.integers import counted, tests
from micrograd.exporting.c.interface import CArgument, Interface, comment
from micrograd.exporting.c.labels import labels, names_of_operations, parameter_parts, state_parts
from micrograd.exporting.c.loops import CWriter
from micrograd.exporting.c.programs import CPrograms
from micrograd.exporting.c.rows import CRows, number
from micrograd.exporting.c.touched import steps

MOST_OPERATIONS = 60  # lines of the comment at the top
MOST_NAMES = 4  # of arrays in a comment


@dataclass(slots=True, eq=False)
class CSource:
    """The text, and what who calls it has to know."""

    name: str
    source: str
    header: str
    dtype: str
    arguments: list[CArgument]
    parameters: np.ndarray
    state: np.ndarray
    aux: int  # how many numbers
    gradient: int  # how many numbers there must be room for
    has_step: bool
    parts: list[NamedPart]  # arrays of parameters that have names
    rest: str  # a name for the others


def c_source(exported: CPrograms, name: str) -> CSource:
    """The programs as C; functions and constants begin with the name."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise CompileError(f"name must be an identifier of C, got {name!r}; for example 'net'")
    return _File(exported, name).made()


class _File:
    def __init__(self, exported: CPrograms, name: str) -> None:
        self.exported, self.name = exported, name
        self.dtype = exported.function.dtype
        self.suffix = "f" if self.dtype == "float32" else ""
        self.rows = CRows(self.suffix)
        self.number = self.rows.number
        self.names = CNames([name])
        unit = exported.gradient
        self.parts = parameter_parts(exported, self.names)
        self.slopes = [NamedPart(self.names.new(f"d{x.name}"), x.at, x.note) for x in self.parts]
        self.states = [] if exported.update is None else list(state_parts(exported, self.names))
        self.arguments = self._arguments()
        touched = unit.touched
        self.gradient = unit.flags_from + len(touched.flags) if len(touched.flags) else unit.size
        outputs = exported.traced.outputs
        last = len(unit.outputs) - outputs.left - outputs.conditional
        self.aux = range(1, last)

    def made(self) -> CSource:
        """All of it."""
        e = self.exported
        functions = [self._function("loss", e.value), self._function("gradient", e.gradient)]
        if e.update is not None:
            functions.append(self._step())
        parameters = np.array([v.data for v in e.leaves], self.dtype)
        state = np.zeros(0) if e.memory is None else e.memory.numbers.copy()
        upper = self.name.upper()
        parts = [
            comment(self._summary()),
            f'#include "{self.name}.h"\n\n#include <math.h>',
            "\n\n".join(self.rows.functions),
            self._initial("parameters", f"{upper}_PARAMETERS", parameters),
            self._initial("state", f"{upper}_STATE", state) if e.update is not None else "",
            *("\n".join(lines) for lines in functions),
        ]
        return CSource(
            self.name, "\n\n".join(x for x in parts if x) + "\n", self._header(), self.dtype,
            self.arguments, parameters, state, len(self.aux), self.gradient, e.update is not None,
            self.parts, self.names.new("theta"),
        )  # fmt: skip

    # ---- what it is called with ----------------------------------------------------------------

    def _arguments(self) -> list[CArgument]:
        e = self.exported
        read = e.value.program.spaces_read() | e.gradient.program.spaces_read()
        spaces = sorted(
            {x.at_rest for x in read if x.is_argument}, key=lambda x: (x.number, x.role.value)
        )
        found = []
        for space in spaces:
            x = e.traced.stand_ins.arguments[space.number]
            shape = shape_of_argument(x)
            single = (
                not shape and not isinstance(x, dict) and not hasattr(x, "__dataclass_fields__")
            )
            lanes = e.gradient.lanes
            size = e.gradient.program.sizes[space]
            integer = space.role is SpaceRole.IDS
            both = integer and any(y.number == space.number and y is not space for y in spaces)
            name = e.given.argument(space.number) + ("_integers" if both else "")
            found.append(CArgument(
                self.names.new(name), space, size, single and not lanes and size == 1,
                (lanes, *shape) if lanes else shape,
            ))  # fmt: skip
        return found

    def _signature(self, function: str) -> str:
        n = self.number
        given = [f"{'' if function == 'step' else 'const '}{n} *parameters"]
        given += [f"{n} *state"] if function == "step" else []
        for x in self.arguments:
            sort = "int" if x.is_integer else n
            given.append(f"{sort} {x.name}" if x.scalar else f"const {sort} *{x.name}")
        given += [f"{n} *gradient"] if function == "gradient" else []
        given += [f"{n} *aux"] if self.aux else []
        head = f"{n} {self.name}_{function}("
        whole = head + ", ".join(given) + ")"
        if len(whole) <= 96:
            return whole
        return head + "\n    " + ",\n    ".join(given) + ")"

    def _call(self, function: str) -> str:
        given = ["parameters", *(x.name for x in self.arguments)]
        given += ["gradient"] if function == "gradient" else []
        given += ["aux"] if self.aux else []
        return f"{self.name}_{function}({', '.join(given)})"

    def _wholes(self) -> dict[Space, NamedSpace]:
        size = self.exported.gradient.size
        wholes = {PARAMETERS: NamedSpace("parameters", size, self.parts)}
        for x in self.arguments:
            wholes[x.space] = NamedSpace(x.name, x.size, scalar=x.scalar)
        return wholes

    # ---- functions -----------------------------------------------------------------------------

    def _function(self, function: str, unit: Compilation) -> list[str]:
        gradient = None
        if function == "gradient":
            gradient = NamedSpace(
                "gradient", self.gradient, self.slopes, False, first=unit.gradients
            )
        wholes, program = self._wholes(), unit.program
        arrays = CArrays(program, wholes, gradient, self.suffix, labels(self.exported, unit))
        for x in self.arguments:
            arrays.names.new(x.name)
        body = [*tests(self.exported, self.arguments, self.suffix)]
        for start, end, value in arrays.never_written():
            body.append(f"for (int i = {start}; i < {end}; i++) {{")
            body += [f"    gradient[i] = {value};", "}"]
        body += self._parts(program, arrays)
        body += self._copied(unit, arrays)
        loss = arrays.number(program.loss or 0)
        heads = [*self._heads(wholes, gradient, arrays)]
        unused = [x.name for x in self.arguments if not _reads("\n".join(body), x.name)]
        if not _reads("\n".join([*body, *heads]), "parameters"):
            unused.append("parameters")
        heads += [f"(void){x};" for x in unused]
        return _defined(self._signature(function), [*heads, "", *body, f"return {loss};"])

    def _heads(
        self, wholes: dict[Space, NamedSpace], gradient: NamedSpace | None, arrays: CArrays
    ) -> Iterator[str]:
        for whole in [*wholes.values(), *([gradient] if gradient else [])]:
            yield from whole.pointers(self.number)
        yield from arrays.tables()
        yield from arrays.declared(self.number)

    def _parts(self, program: Program, arrays: CArrays) -> list[str]:
        writer = CWriter(arrays, self.rows)
        named = names_of_operations(self.exported)
        lines: list[str] = []
        last = {name: k for k, nest in enumerate(program.nests)
                for name in self._written(program, nest, named)}  # fmt: skip
        for k, nest in enumerate(program.nests):
            ended = {name for name in last if last[name] == k}
            lines += ["", *self._said(nest, arrays, ended), *writer.nest(nest)]
        for part in program.sequence:
            if isinstance(part, TurnLoop):
                lines += ["", f"/* {part.count:,} turns, one after the other */"]
                lines += writer.turns(part)
            elif isinstance(part, Nest) and part.ordered:
                lines += ["", f"/* {part.extents[0]:,} steps, one after the other */"]
                lines += writer.ordered(part)
            elif isinstance(part, Nest):
                lines += ["", *writer.nest(part)]
            else:
                lines += ["", *writer.scalars(part)]
        return lines[1:] if lines and not lines[0] else lines

    def _written(self, program: Program, nest: Nest, named: dict[int, str]) -> set[str]:
        """The arrays of the forward computation that a nest is part of."""
        recorded = program.recorded(nest).tolist() if program.origins else []
        return {named[op] for op in recorded if op in named}

    def _said(self, nest: Nest, arrays: CArrays, ended: set[str]) -> list[str]:
        """What a nest computes, as `explain` says it where an array is complete with it."""
        found = self.exported.found
        said = [f"{x.result} = {x.text()}" for x in (found.operations if found else ())
                if x.result.name in ended]  # fmt: skip
        if not said:
            outs = [arrays.place(s.statement.out, nest.extents) for s in steps(nest) if s.stored]
            written = [*dict.fromkeys(out.partition("[")[0] for out in outs)]
            shown = [*written[:MOST_NAMES], *["…"] * (len(written) > MOST_NAMES)]
            said = [f"{', '.join(shown)}: {describe(nest)}"]
        return [f"/* {line.replace('*/', '* /')} */" for line in said]

    def _copied(self, unit: Compilation, arrays: CArrays) -> Iterator[str]:
        """What is written from work into arguments after all else."""
        if arrays.gradient is not None and not arrays.apart:
            first = arrays.gradient.first
            name, base, _ = arrays.owner(WORK, np.arange(first, first + self.gradient))
            offset = f" + {first - base}" if first != base else ""
            yield from counted(self.gradient, [f"gradient[i] = {name}[i{offset}];"])
        if self.aux:
            yield "if (aux) {"
            for k, at in enumerate(unit.outputs[1 : self.aux.stop].tolist()):
                yield f"    aux[{k}] = {arrays.number(at)};"
            yield "}"

    def _step(self) -> list[str]:
        update = self.exported.update
        assert update is not None
        n = self.number
        wholes = self._wholes()
        wholes[PARAMETERS].constant = False
        wholes[GRADIENTS] = NamedSpace("gradient", self.gradient, self.slopes)
        wholes[STATE] = NamedSpace("state", len(update.memory.numbers), self.states, False)
        arrays = CArrays(update.program, wholes, None, self.suffix, lambda at: "u")
        writer = CWriter(arrays, self.rows)
        body: list[str] = []
        for nest in update.program.nests:
            body += ["", f"/* {describe(nest)} */", *writer.nest(nest)]
        heads = [f"static {n} gradient[{self.name.upper()}_GRADIENT];"]
        heads += self._heads({k: w for k, w in wholes.items() if not k.is_argument}, None, arrays)
        nan = number(float("nan"), self.suffix)
        return _defined(self._signature("step"), [
            *heads, f"const {n} loss = {self._call('gradient')};", "",
            *counted(self.exported.gradient.size, [
                "if (!isfinite(loss) || !isfinite(gradient[i])) {", f"    return {nan};", "}",
            ]), *body, "return loss;",
        ])  # fmt: skip

    # ---- texts ---------------------------------------------------------------------------------

    def _header(self) -> str:
        functions = ["loss", "gradient", *["step"] * (self.exported.memory is not None)]
        interface = Interface(
            self.name, self.number, self.gradient, self.parts, self.states, self.arguments,
            len(self.aux), [self._signature(x) for x in functions],
        )  # fmt: skip
        return interface.header(self.exported)

    def _initial(self, what: str, size: str, values: np.ndarray) -> str:
        items = [number(float(x), self.suffix) for x in values]
        if self.suffix:
            items = [f"{np.float32(x)!s}f" if "." in str(np.float32(x)) or "e" in
                     str(np.float32(x)) else f"{np.float32(x)!s}.0f" for x in values]  # fmt: skip
        head = f"const {self.number} {self.name}_{what}[{size}]"
        return "\n".join(listing(head, items))

    def _summary(self) -> list[str]:
        e = self.exported
        function = getattr(e.function.fn, "__qualname__", "a function").rpartition(".")[2]
        lines = [f"{self.name}: the loss `{function}`, its gradient and a training step."
                 if e.update is not None else
                 f"{self.name}: the loss `{function}` and its gradient."]  # fmt: skip
        lines += ["Made by micrograd.export; C99, needs math.h alone, allocates nothing.", ""]
        if e.found is not None:
            shown = [f"{x.result} = {x.text()}" for x in e.found.operations]
            lines += [f"    {line}" for line in shown[:MOST_OPERATIONS]]
            if len(shown) > MOST_OPERATIONS:
                lines.append(f"    … and {len(shown) - MOST_OPERATIONS} more")
            lines.append("")
            lines.append("Derivatives by an array have its name with a d before it.")
        if e.gradient.lanes:
            lines.append(f"Results are means over {e.gradient.lanes} samples.")
        return lines


def _reads(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _defined(signature: str, body: list[str]) -> list[str]:
    inner = [f"    {line}" if line else "" for line in body]
    return [signature, "{", *inner, "}"]
