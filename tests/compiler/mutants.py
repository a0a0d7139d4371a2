"""Change each pass in small ways, and see whether a test notices: `make mutate`.

A mutant is the checkout with one operator, number or pair of operands changed in one module of a
pass. The tests of that pass run on it, then those of whole programs. Those that nothing notices are
printed: a test is missing, or the change makes no difference. With names of modules, only of these:

    python tests/compiler/mutants.py graph/gradient optimise/fusion --each 6 --seed 0
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import NoReturn

import llvmlite.binding  # noqa: F401  (before the fork, once for all mutants)
import numpy  # noqa: F401  (all of these are what tests import)
import pytest
import torch  # noqa: F401

ROOT = Path(__file__).parents[2]
COMPILER = "micrograd/compiler"
COPIED = ("micrograd", "viz", "csrc", "tests", "examples", "setup.cfg")
SECONDS = 150  # for the tests of one mutant: who does not end is found

# A pass: its modules, and the tests of it, those that end soonest first.
GRAPHS = ("graph", "normal", "gradient")
TESTS = {
    "graph/graph": (*GRAPHS, "schedule"),
    "graph/builder": GRAPHS,
    "graph/normal_form": GRAPHS,
    "graph/gradient": ("gradient",),
    "arrays/schedule": ("schedule", "kernels"),
    "arrays/layout": ("layout", "kernels"),
    "arrays/loops": ("kernels", "layout", "lanes"),
    "arrays/batch": ("lanes",),
    "arrays/inputs": ("inputs",),
    "nest/axes": ("fusion", "blocking", "verify"),
    "nest/spans": ("verify", "fusion"),
    "nest/touches": ("fusion", "blocking"),
    "nest/verify": ("verify",),
    "optimise/fusion": ("fusion",),
    "optimise/blocking": ("blocking",),
    "optimise/runs": ("blocking",),
    "optimise/scratch": ("blocking",),
    "update/touched": ("touched",),
    "update/memory": ("optimizer_memory",),
    "update/rules": ("optimizer_memory",),
    "update/update": ("optimizer_memory",),
    "backends/numpy/calls": ("numpy_calls", "backends"),
    "backends/numpy/rows": ("numpy_calls", "numpy_peephole"),
    "backends/numpy/terms": ("numpy_calls", "backends"),
    "backends/numpy/names": ("numpy_calls", "backends"),
    "backends/numpy/peephole": ("numpy_peephole", "backends"),
    "backends/llvm/elementwise": ("backends", "vector_functions"),
    "backends/llvm/functions": ("vector_functions", "backends"),
    "backends/llvm/ir": ("backends", "vector_functions"),
    "backends/llvm/listed": ("backends",),
    "backends/llvm/module": ("backends", "vector_functions"),
    "backends/llvm/polynomials": ("vector_functions",),
    "backends/llvm/reduction": ("backends",),
    "backends/llvm/regular": ("backends",),
    "backends/llvm/render": ("backends",),
    "backends/llvm/rows": ("vector_functions", "backends"),
    "backends/llvm/tiling": ("backends",),
}
WHOLE_PROGRAMS = ("compiled_steps", "compiled_random", "compiled_optimizers", "choices", "lanes")

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

    def __str__(self) -> str:
        return f"{self.module}.py:{self.start[0]}: {self.kind}: {self.text}"

    def of(self, source: str) -> str:
        lines = [line.encode() for line in source.splitlines(keepends=True)]
        (a, i), (b, j) = self.start, self.end
        changed = lines[a - 1][:i] + self.text.encode() + lines[b - 1][j:]
        return b"".join([*lines[: a - 1], changed, *lines[b:]]).decode()


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module: see `_changes`."""
    for node in _code(ast.parse(source)):
        for kind, changed in _changes(node):
            old, new = ast.unparse(node), ast.unparse(changed)
            if old != new:
                start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
                yield Mutant(module, kind, start, end, f"({new})")


def _code(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that run, without annotations, what errors say and what only asserts."""
    for name, value in ast.iter_fields(node):
        said = isinstance(node, ast.Raise | ast.JoinedStr) or getattr(node, "arg", "") == "strict"
        if name in ("annotation", "returns", "msg", "decorator_list") or said:
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
    source = (ROOT / COMPILER / f"{module}.py").read_text(encoding="utf-8")
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in mutants(module, source):
        by_kind.setdefault(mutant.kind, []).append(mutant)
    shuffle = random.Random(f"{module} {seed}").shuffle
    for own in by_kind.values():
        shuffle(own)
    turns = [own for turn in zip_longest(*by_kind.values()) for own in turn if own is not None]
    return turns[:each]


def noticed(copy: Path, mutant: Mutant, tests: Sequence[str]) -> bool:
    """Whether one of the tests fails on a mutant, or does not end."""
    path = copy / COMPILER / f"{mutant.module}.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(mutant.of(source), encoding="utf-8")
    try:
        return _fails(copy, [str(path), *(f"tests/compiler/test_{name}.py" for name in tests)])
    finally:
        path.write_text(source, encoding="utf-8")


def _fails(copy: Path, tests: list[str]) -> bool:
    """Run tests in a child, which has what takes long to import already."""
    child = os.fork()
    if not child:
        try:
            _run(copy, tests)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] != 0


def _run(copy: Path, tests: list[str]) -> NoReturn:
    os.setsid()
    signal.alarm(SECONDS)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    sys.dont_write_bytecode = True
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbmake", "-m", "not long"]
    os._exit(int(pytest.main([*options, "--override-ini=addopts=--doctest-modules", *tests])))


def main() -> int:
    parser = argparse.ArgumentParser(description="Do the tests notice when a pass is wrong?")
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="as graph/gradient")
    parser.add_argument("--each", type=int, default=6, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--own", action="store_true", help="the tests of the pass only")
    options = parser.parse_args()
    every = [m for name in options.modules for m in chosen(name, options.each, options.seed)]
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in COPIED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / part)
        if _fails(copy, ["tests/compiler/test_verify.py", "tests/compiler/test_graph.py"]):
            sys.exit("tests fail as it is: run make test first")
        left = []
        for mutant in every:
            found = noticed(copy, mutant, TESTS[mutant.module])
            print(f"{'found' if found else 'not found by its own tests'}: {mutant}", flush=True)
            left += [] if found else [mutant]
        whole = [] if options.own else WHOLE_PROGRAMS
        alive = [m for m in left if not (whole and noticed(copy, m, whole))]
    for mutant in alive:
        print(f"NOT FOUND: {mutant}")
    print(f"{len(every)} mutants: {len(left)} not found by the tests of their pass, "
          f"{len(alive)} by none")  # fmt: skip
    return len(alive) > 0


if __name__ == "__main__":
    sys.exit(main())
