"""Mutants: a module with one operator, number or pair of operands changed (see `mutate.py`)."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

MICROGRAD = Path(__file__).parents[1] / "micrograd"

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.FloorDiv: "*", ast.Mod: "//",
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.And: "or", ast.Or: "and", ast.BitAnd: "|", ast.BitOr: "&", ast.Is: "is not",
    ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A module with `text` in place of what stands at one place of it."""

    module: str
    kind: str
    start: tuple[int, int]
    end: tuple[int, int]
    text: str
    was: str  # the line as it is
    line: str  # and as it becomes: this, and not its number, is what a mutant is known by

    def __str__(self) -> str:
        return f"{self.module}: `{self.was}` → `{self.line}`"

    def of(self, source: str) -> str:
        return _replaced(source, self.start, self.end, self.text)


def _replaced(source: str, start: tuple[int, int], end: tuple[int, int], text: str) -> str:
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    (a, i), (b, j) = start, end
    changed = lines[a - 1][:i] + text.encode() + lines[b - 1][j:]
    return b"".join([*lines[: a - 1], changed, *lines[b:]]).decode()


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module: see `_changes`."""
    lines = source.splitlines()
    for node in _code(ast.parse(source)):
        for kind, changed in _changes(node):
            old, new = ast.unparse(node), ast.unparse(changed)
            if old != new:
                start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
                assert end[0] is not None
                whole = _replaced(source, start, end, f"({new})").splitlines()
                rest = len(lines) - end[0]
                was, line = lines[start[0] - 1 : end[0]], whole[start[0] - 1 : len(whole) - rest]
                yield Mutant(module, kind, start, end, f"({new})", _short(was), _short(line))


def _short(lines: list[str]) -> str:
    return re.sub(r"\s+", " ", " ".join(lines)).strip().replace("`", "'")


TYPES = {"tuple", "dict", "list", "Callable", "Mapping", "Literal"}


def _code(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that run, without types, what errors say and what only asserts."""
    for name, value in ast.iter_fields(node):
        said = isinstance(node, ast.Raise | ast.JoinedStr) or getattr(node, "arg", "") == "strict"
        typed = isinstance(node, ast.Subscript) and getattr(node.value, "id", "") in TYPES
        if name in ("annotation", "returns", "msg", "decorator_list") or said or typed:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                if isinstance(child, ast.expr):
                    yield child
                yield from _code(child)


def _changes(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Another operator, a term dropped, a sign flipped, two operands swapped, a number one more."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            yield "operator", _parsed(left, OPERATORS[type(op)], right)
            if isinstance(op, ast.Add | ast.Sub):
                yield "drop", left
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            yield "compare", _parsed(left, OPERATORS[type(op)], right)
        case ast.BoolOp(op=op, values=[first, *rest]):
            yield "and, or", _parsed(first, OPERATORS[type(op)], ast.BoolOp(op, rest))
            yield "drop", first
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield "sign", operand
        case ast.Constant(value=bool(value)):
            yield "number", ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "number", ast.Constant(value + 1)
        case ast.Tuple(elts=[first, second, *rest], ctx=ast.Load()) if not _has_slices(node):
            yield "swap", ast.Tuple([second, first, *rest], ast.Load())
        case ast.Call(func=func, args=[first, second, *rest], keywords=keywords):
            yield "swap", ast.Call(func, [second, first, *rest], keywords)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "swap", ast.IfExp(test, orelse, body)


def _has_slices(node: ast.Tuple) -> bool:
    return any(isinstance(x, ast.Slice) for x in node.elts)


def _parsed(left: ast.expr, operator: str, right: ast.expr) -> ast.expr:
    return ast.parse(f"({ast.unparse(left)}) {operator} ({ast.unparse(right)})", mode="eval").body


def chosen(module: str, each: int, seed: int) -> list[Mutant]:
    """So many mutants of a module, the kinds in turn."""
    source = (MICROGRAD / f"{module}.py").read_text(encoding="utf-8")
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in mutants(module, source):
        by_kind.setdefault(mutant.kind, []).append(mutant)
    rng = random.Random(f"{module} {seed}")
    for own in by_kind.values():
        rng.shuffle(own)
    kinds = list(by_kind.values())
    rng.shuffle(kinds)
    return [own for turn in zip_longest(*kinds) for own in turn if own is not None][:each]
