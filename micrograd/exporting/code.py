"""Lines of code before they are text: assignments, additions and loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from micrograd.exporting.expressions import AxisSize, Expr, PartOfAxis, Turn


@dataclass(frozen=True, slots=True, eq=False)
class CodeLine:
    """`name = value`; or, with `at` or `parts`, what is added to a part of an array, or set."""

    name: str
    value: Expr
    at: Expr | None = None  # indices along `axis`
    axis: int = 0
    parts: tuple[PartOfAxis | int | Turn, ...] | None = None  # of a slice
    of: str = ""  # the statement whose adjoint is handed on
    sets: bool = False  # whether what is there is replaced


@dataclass(frozen=True, slots=True, eq=False)
class CodeTuple:
    """`a, b = x, y`: names that get what the values are before any of them changes."""

    names: tuple[str, ...]
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CodeText:
    """A line as it is."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class CodeLoop:
    """Lines that run turn by turn, from the last turn to the first if `backwards`."""

    index: str
    count: AxisSize
    lines: tuple[CodePart, ...]
    backwards: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CodeScan:
    """A turn as a function from names to names, and what each turn makes besides."""

    index: str
    count: AxisSize
    carried: tuple[str, ...]
    lines: tuple[CodePart, ...]
    updates: tuple[Expr, ...]
    kept: tuple[tuple[str, Expr], ...]


CodePart = CodeLine | CodeTuple | CodeText | CodeLoop | CodeScan


def values_in(lines: tuple[CodePart, ...] | list[CodePart]) -> Iterator[Expr]:
    """The expressions of lines, and of those in loops."""
    for line in lines:
        if isinstance(line, CodeLine):
            yield line.value
            if line.at is not None:
                yield line.at
        elif isinstance(line, CodeTuple):
            yield from line.values
        elif isinstance(line, CodeLoop):
            yield from values_in(line.lines)
        elif isinstance(line, CodeScan):
            yield from values_in(line.lines)
            yield from (*line.updates, *(value for _, value in line.kept))
