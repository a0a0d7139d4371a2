"""The text of a Python module, part by part, and the module that it makes."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from micrograd.exporting.code import CodeLine, CodePart
from micrograd.exporting.constants import RESERVED
from micrograd.exporting.dialect import Dialect, parsed, shape_text, unparsed
from micrograd.exporting.emitting import INDENT, WIDTH, Emitter
from micrograd.exporting.expressions import Samples
from micrograd.exporting.program import ArrayLoop, ArrayProgram
from micrograd.exporting.renaming import free_name

BESIDE = 'with np.load(Path(__file__).with_name(f"{Path(__file__).stem}_constants.npz")) as kept:'
MOST_LITERAL = 40  # numbers of an array that is written in the text


def names_of(program: ArrayProgram) -> set[str]:
    """The names that a body of the program may not use for something else."""
    return {
        *program.taken, *program.constants, *(p.name for p in program.parameters),
        *(s.name for s in program.statements), *RESERVED, "state", "lr",
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


def unpacked(program: ArrayProgram, source: str, indent: str) -> list[str]:
    """Lines that give parameters their names; `source` is a dict, or `self.` for attributes."""
    lines = []
    names = [p.name for p in program.parameters]
    for k in range(0, len(names), 2):
        pair = names[k : k + 2]
        by_name = source.endswith(".")
        values = [f"{source}{name}" if by_name else f'{source}["{name}"]' for name in pair]
        lines.append(f"{indent}{', '.join(pair)} = {', '.join(values)}")
    return lines


def _counted(program: ArrayProgram) -> str:
    """An argument with as many rows as there are samples."""
    return next(a.name for a in program.arguments if a.shape[:1] == (Samples(),))


def uses_n(body: Sequence[str]) -> bool:
    """Whether a body needs the number of samples."""
    return any(re.search(r"(?<![\w.])n(?!\w)", line.partition("#")[0]) for line in body)


LoopLines = Callable[[ArrayLoop, Callable[[str], str]], list[CodePart]]


def statements(program: ArrayProgram, of_loop: LoopLines) -> list[CodePart]:
    """The program's statements as lines, loops as a library has them."""
    taken, lines = names_of(program), []
    for s in program.statements:
        if isinstance(s, ArrayLoop):
            lines += of_loop(s, lambda stem: free_name(stem, taken))
        else:
            lines.append(CodeLine(s.name, s.value))
    return lines


def body_of(
    dialect: Dialect, program: ArrayProgram, lines: Sequence[CodePart], source: str = "parameters",
    indent: str = INDENT,
) -> list[str]:  # fmt: skip
    """The lines of a function: those that unpack its arguments, and these."""
    body = Emitter(dialect, lines, names_of(program), indent).body()
    head = unpacked(program, source, indent)
    counted = [f"{indent}n = len({_counted(program)})"] if program.samples and uses_n(body) else []
    return [*counted, *head, *body]


def ranges(dialect: Dialect, values: np.ndarray) -> str:
    """Indices as sums of ranges; "" if they are no such sum, or few."""
    if values.dtype.kind != "i" or values.size <= 4:
        return ""
    first = int(values.flat[0])
    terms, total = [], np.full(values.shape, first)
    for axis, n in enumerate(values.shape):
        step = int(values.take(1, axis).flat[0]) - first if n > 1 else 0
        column = np.arange(n).reshape([n if a == axis else 1 for a in range(values.ndim)])
        total = total + step * column
        start = first if axis == 0 else 0
        bounds = f"{start}, " * bool(start or step != 1) + str(start + n * step)
        if step == 0:
            return ""
        text = f"{dialect.module}.arange({bounds}{f', {step}' * (step != 1)})"
        after = ", None" * (values.ndim - 1 - axis)
        terms.append(f"{text}[:{after}]" if after else text)
    return " + ".join(terms) if np.array_equal(total, values) else ""


def literal(dialect: Dialect, name: str, values: np.ndarray) -> str:
    """The numbers of a constant as nested lists; "" if they are too many for the text."""
    if values.size > MOST_LITERAL or not np.isfinite(values).all():
        return ""
    text = unparsed(parsed(repr(values.tolist())))
    line = f"{name} = {dialect.module}.{dialect.literal}({text})"
    return text if len(line) <= WIDTH - 2 * len(INDENT) else ""


def assembled(
    dialect: Dialect, head: str, imports: list[str], program: ArrayProgram, body: list[str],
    inline: Collection[str] = (),
) -> tuple[str, dict[str, np.ndarray]]:  # fmt: skip
    """A module, and the constants that are in a file beside it.

    `inline` are constants that the body has itself.
    """
    constants, kept = [], {}
    for name, values in program.constants.items():
        text = literal(dialect, name, values)
        if name in inline:
            continue
        of_ranges = ranges(dialect, values)
        if of_ranges:
            constants.append(f"{name} = {of_ranges}")
        elif text:
            constants.append(f"{name} = {dialect.module}.{dialect.literal}({text})")
        else:
            kept[name] = values
    if kept:
        constants = [
            BESIDE,
            *(f"    {name} = {dialect.from_file.format(name)}" for name in kept),
            *constants,
        ]
    text = "\n".join([*constants, *([""] * 2 if constants else []), *body])
    standard = ["import math"] * ("math." in text) + ["from pathlib import Path"] * bool(kept)
    third = {*imports, *(["import numpy as np"] if kept or "np." in _without(text, "jnp.") else [])}
    third |= {"import jax"} if "jax." in text else set()
    blocks = [documented(head), standard, sorted(third)]
    start = "\n\n".join("\n".join(block) for block in blocks if block)
    gap = "\n\n" if constants else "\n\n\n"
    return start + gap + text.rstrip("\n") + "\n", kept


def _without(text: str, part: str) -> str:
    return text.replace(part, "")


def title(program: ArrayProgram, more: str, language: str) -> str:
    """The first line of a module's documentation."""
    what = f"The loss of `{program.name}`" if program.name.isidentifier() else "A loss"
    return f"{what}{more}, in {language}."


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
