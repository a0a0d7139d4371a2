"""The header: what there is to call, with what, and where the numbers lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from micrograd.compiler.nest.ir import Space, SpaceRole
from micrograd.exporting.c.arrays import NamedPart
from micrograd.exporting.c.programs import CPrograms


@dataclass(slots=True, eq=False)
class CArgument:
    """An argument of the C functions: numbers of an argument of the Python function."""

    name: str
    space: Space
    size: int
    scalar: bool
    shape: tuple[int, ...]

    @property
    def is_integer(self) -> bool:
        """Whether it is read as integers."""
        return self.space.role is SpaceRole.IDS


@dataclass(slots=True, eq=False)
class Interface:
    """What the functions are called with; `gradient` and `aux` are how many numbers they write."""

    name: str
    number: str  # their type
    gradient: int
    parts: Sequence[NamedPart]
    states: Sequence[NamedPart]
    arguments: Sequence[CArgument]
    aux: int
    signatures: Sequence[str]

    def header(self, exported: CPrograms) -> str:
        """The text."""
        name, n, upper = self.name, self.number, self.name.upper()
        memory, size = exported.memory, exported.gradient.size
        state = 0 if memory is None else len(memory.numbers)
        lines = [comment(self._described(size, state)), ""]
        lines += [f"#ifndef {upper}_H", f"#define {upper}_H", ""]
        lines += [f"#define {upper}_PARAMETERS {size}", f"#define {upper}_GRADIENT {self.gradient}"]
        lines += [f"#define {upper}_STATE {state}"] if state else []
        lines += ["", f"extern const {n} {name}_parameters[{upper}_PARAMETERS];"]
        lines += [f"extern const {n} {name}_state[{upper}_STATE];"] if state else []
        lines += ["", *(f"{x};" for x in self.signatures), "", "#endif"]
        return "\n".join(lines) + "\n"

    def _described(self, size: int, state: int) -> list[str]:
        name, upper = self.name, self.name.upper()
        lines = [
            f"{name}_loss gives the loss.",
            f"{name}_gradient gives the loss, and writes {upper}_GRADIENT numbers: the {size}",
            "derivatives by the parameters, in their order"
            + (", and then, for the step, what is" if self.gradient > size else "."),
        ]
        if self.gradient > size:
            lines.append("not 0 for each set of parameters that this call reached.")
        if state:
            lines += [
                f"{name}_step gives the loss, and updates parameters and state; where the loss or",
                "a derivative is not finite it gives NAN, and nothing has changed.",
            ]
        lines += ["", f"{upper}_PARAMETERS parameters; {name}_parameters are those of the export:"]
        lines += _places(self.parts, size)
        if state:
            lines += ["", f"{upper}_STATE numbers of the optimiser; begin with {name}_state:"]
            lines += _places(self.states, state)
        lines.append("")
        for x in self.arguments:
            sort = "integers" if x.is_integer else "numbers"
            shape = f"{'×'.join(map(str, x.shape))}, row by row" if x.shape else "in order"
            tested = "; NAN for those that it has never had" if x.is_integer else ""
            if x.scalar and x.is_integer:
                lines.append(f"{x.name}: an integer{tested}")
            elif not x.scalar:
                lines.append(f"{x.name}: {x.size} {sort}, {shape}{tested}")
        if self.aux:
            what = f"{self.aux} numbers that the function returns beside the loss"
            lines.append(f"aux: {what}, or 0")
        lines += ["", "What is computed on the way is in static arrays: one call at a time."]
        return lines


def _places(parts: Sequence[NamedPart], size: int) -> Iterator[str]:
    for part in parts:
        first, last = int(part.at.min()), int(part.at.max())
        where = f"{first}" if first == last else f"{first} to {last}"
        note = part.note if part.note.startswith("[") else f", {part.note}" if part.note else ""
        yield f"    {where}: {part.name}{note}"
    if not parts:
        yield f"    0 to {size - 1}"


def comment(lines: Sequence[str]) -> str:
    """CLines as a comment of C."""
    safe = [line.replace("*/", "* /") for line in lines]
    text = "/* " + "\n   ".join(safe).rstrip()
    return "\n".join(line.rstrip() for line in text.split("\n")) + "\n*/"
