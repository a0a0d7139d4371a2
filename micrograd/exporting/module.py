"""The text of a Python module, part by part, and the module that it makes."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from micrograd.exporting.dialect import Dialect, parsed, shape_text, size_text, unparsed
from micrograd.exporting.differentiated import CodeLine
from micrograd.exporting.emitting import INDENT, WIDTH, Emitter, packed
from micrograd.exporting.program import ArrayProgram

MOST_LITERAL = 40  # numbers of an array that is written in the text


def names_of(program: ArrayProgram) -> set[str]:
    """The names that a body of the program may not use for something else."""
    return {
        *program.taken, *program.constants, *(p.name for p in program.parameters),
        *(s.name for s in program.statements), "parameters", "gradient", "n", "state", "lr",
    }  # fmt: skip


def documented(text: str, indent: str = "") -> list[str]:
    """A docstring; its paragraphs are filled."""
    first, *rest = text.split("\n\n")
    if not rest and len(f'{indent}"""{first}"""') <= WIDTH:
        return [f'{indent}"""{first}"""']
    filled = textwrap.wrap(first, WIDTH - len(indent) - 3, break_long_words=False)
    lines = [f'{indent}"""{filled[0]}', *(indent + line for line in filled[1:])]
    for paragraph in rest:
        lines.append("")
        for line in paragraph.split("\n"):
            wrapped = textwrap.wrap(
                line, WIDTH - len(indent), break_long_words=False,
                subsequent_indent=" " * (len(line) - len(line.lstrip())),
            )  # fmt: skip
            lines += [indent + part for part in wrapped]
    return [*lines, f'{indent}"""']


def shapes_text(program: ArrayProgram) -> str:
    """The shapes of what goes in, in words."""
    arguments = [f"{a.name} {shape_text(a.shape)}" for a in program.arguments if a.shape]
    plain = [a.name for a in program.arguments if not a.shape]
    arrays = [f"{p.name} {shape_text(p.shape)}" for p in program.parameters if p.shape]
    plain += [p.name for p in program.parameters if not p.shape]
    said = ", ".join([*arguments, *arrays])
    said += f"{'; ' * bool(said)}a number each: {', '.join(plain)}" if plain else ""
    return f"Shapes{', for n samples' if program.samples else ''}: {said}."


def unpacked(program: ArrayProgram, source: str = "parameters") -> list[str]:
    """Lines that give parameters their names; and n its number."""
    lines = []
    if program.samples:
        lines.append(f"{INDENT}n = len({program.arguments[program.samples[0]].name})")
    names = [p.name for p in program.parameters]
    for k in range(0, len(names), 2):
        pair = names[k : k + 2]
        values = ", ".join(f'{source}["{name}"]' for name in pair)
        lines.append(f"{INDENT}{', '.join(pair)} = {values}")
    return lines


def uses_n(body: Sequence[str]) -> bool:
    """Whether a body needs the number of samples."""
    import re

    return any(re.search(r"(?<![\w.])n(?!\w)", line.partition("#")[0]) for line in body)


def statements(program: ArrayProgram) -> list[CodeLine]:
    """The program's statements as lines."""
    return [CodeLine(s.name, s.value) for s in program.statements]


def body_of(
    dialect: Dialect, program: ArrayProgram, lines: Sequence[CodeLine], source: str = "parameters"
) -> list[str]:
    """The lines of a function, after those that unpack its arguments."""
    body = Emitter(dialect, lines, names_of(program)).body()
    head = unpacked(program, source)
    if program.samples and not uses_n(body):
        head = head[1:]
    return head + body


def constant_lines(
    dialect: Dialect, constants: Mapping[str, np.ndarray]
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Lines of a module for its constants, and those that are beside it in a file."""
    lines, kept = [], {}
    for name, values in constants.items():
        literal = ast_literal(values)
        text = f"{name} = {dialect.module}.{dialect.literal}({literal})"
        if values.size <= MOST_LITERAL and len(text) <= WIDTH:
            lines.append(text)
        else:
            kept[name] = values
    return lines, kept


def ast_literal(values: np.ndarray) -> str:
    """Numbers as nested lists."""
    return unparsed(parsed(repr(values.tolist()))) if np.isfinite(values).all() else "…" * WIDTH


def archive(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The contents of an `.npz` file; the same for the same arrays."""
    stream = io.BytesIO()
    named: Any = {name: np.asarray(x) for name, x in arrays.items()}
    np.savez(stream, **named)
    return stream.getvalue()


def run(source: str, beside: Mapping[str, bytes]) -> dict[str, Any]:
    """What a module defines; `beside` are its files, by what follows its name."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "exported.py"
        for ending, content in beside.items():
            (path.parent / f"exported{ending}").write_bytes(content)
        names: dict[str, Any] = {"__name__": "exported", "__file__": str(path)}
        exec(compile(source, f"<exported {path.name}>", "exec"), names)
    return names


__all__ = [
    "archive", "body_of", "constant_lines", "documented", "names_of", "packed", "run",
    "shapes_text", "size_text", "statements", "unpacked",
]  # fmt: skip
