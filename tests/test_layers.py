"""Imports point one way, down a list of layers; `import micrograd` loads little."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import micrograd

ROOT = Path(micrograd.__file__).parents[1]

# Rooms, in the order in which data goes through them: a folder, or a module that is alone. A room
# imports from those before it only, and within a room there are no cycles.
ROOMS = [
    "micrograd.errors", "micrograd.interrupts", "micrograd.ops", "micrograd.symbolic",
    "micrograd.observers",
    "micrograd.core", "micrograd.engine", "micrograd.functions", "micrograd.gradients",
    "micrograd.grad_mode", "micrograd.checks", "micrograd.tensors", "micrograd.tape",
    "micrograd.text", "micrograd.nn", "micrograd.optim", "micrograd.data", "micrograd.utils",
    "micrograd.autograd", "micrograd.steps", "micrograd.reading",
    "micrograd.derivations", "micrograd.diagnosis",
    "micrograd.compiler", "micrograd.compiler.codes", "micrograd.compiler.store",
    "micrograd.compiler.trace.numbers", "micrograd.compiler.trace.world",
    "micrograd.compiler.trace.rewritten", "micrograd.compiler.trace.arguments",
    "micrograd.compiler.trace", "micrograd.compiler.graph", "micrograd.compiler.nest",
    "micrograd.compiler.arrays", "micrograd.compiler.sequential", "micrograd.compiler.optimise",
    "micrograd.compiler.update", "micrograd.compiler.backends",
    "micrograd.compiler.compilation", "micrograd.compiler.passes",
    "micrograd.compiler.running", "micrograd.compiler.programs", "micrograd.compiler.explain",
    "micrograd.compiler.methods", "micrograd.compiler.options",
    "micrograd.compiler.compiled", "micrograd.compiler.api",
    "micrograd.training", "micrograd.exporting", "micrograd.article", "micrograd.names",
    "micrograd.cuda",
    "micrograd.backends", "micrograd", "micrograd.exchange",
    "viz.layout", "viz.drawing", "viz.diagram", "viz.operations", "viz.arrays",
    "viz.stepping", "viz.views",
    "viz.plots", "viz.curves", "viz",
    "micrograd.commands", "micrograd.__main__",
]  # fmt: skip


def modules(package: str) -> dict[str, Path]:
    """Every module of a package that is in the checkout, by its full name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules("micrograd") | modules("viz")
parsed = cache(ast.parse)


@cache
def imports(name: str) -> set[str]:
    """The modules of ours that a module imports when it runs, at the top or inside functions."""
    return imported(MODULES[name].read_text(encoding="utf-8"))


def imported(source: str) -> set[str]:
    found = set()
    for node in _running(parsed(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else str(node.module))
    return {module for module in found if module.split(".")[0] in ("micrograd", "viz")}


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below, without what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def room(module: str) -> str:
    """The folder that a module is in, or itself if it is alone."""
    while module not in ROOMS:
        module = module.rpartition(".")[0]
    return module


def test_every_module_is_in_a_room() -> None:
    alone = {name for name in MODULES if room(name) in ("micrograd", "micrograd.compiler", "viz")}
    assert alone == {"micrograd", "micrograd.compiler", "viz"}
    assert {room(name) for name in MODULES} == set(ROOMS)


@pytest.mark.parametrize("own", ROOMS)
def test_imports_point_down(own: str) -> None:
    below = {own, *ROOMS[: ROOMS.index(own)]}
    for name in MODULES:
        if room(name) == own:
            above = sorted(module for module in imports(name) if room(module) not in below)
            assert not above, f"{name} imports from above: {above}"


@pytest.mark.parametrize("own", ROOMS)
def test_no_import_cycles_in_a_room(own: str) -> None:
    left = {name: imports(name) for name in MODULES if room(name) == own}
    while left:
        ready = [name for name, needs in left.items() if not needs & left.keys() - {name}]
        assert ready, f"a cycle among {sorted(left)}"
        for name in ready:
            del left[name]


def test_every_way_of_importing_is_seen() -> None:
    assert imported("from micrograd import observers") == {"micrograd.observers"}
    assert imported("from micrograd import Value") == {"micrograd"}
    assert imported("import micrograd.engine, math") == {"micrograd.engine"}
    assert imported("def f():\n    if True:\n        import viz") == {"viz"}
    assert imported("if TYPE_CHECKING:\n    from micrograd.engine import Value") == set()


def types_in(source: str) -> Iterator[tuple[str, ast.AST]]:
    """The names of classes, and of types at the top; each with what it stands for."""
    tree = parsed(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node
    for node in tree.body:
        if isinstance(node, ast.Assign) and re.fullmatch(r"_?[A-Z]+[a-z]\w*", name_of(node)):
            yield name_of(node), node.value


def name_of(node: ast.Assign) -> str:
    """What is assigned to, if that is one name."""
    return node.targets[0].id if isinstance(node.targets[0], ast.Name) else ""


def test_a_name_of_a_type_has_one_meaning() -> None:
    meanings: dict[str, list[ast.AST]] = {}
    for path in MODULES.values():
        for name, meaning in types_in(path.read_text(encoding="utf-8")):
            meanings.setdefault(name, []).append(meaning)
    twice = {name for name, of in meanings.items() if len(set(map(ast.unparse, of))) > 1}
    assert twice == {"DataLoader"}  # of utils.data, with the name and arguments that torch has


def test_types_are_found() -> None:
    source = (
        "class A:\n    class _B: ...\nC = _D = int\n_Pair = tuple[A, A]\nONE, x = 1, 2\ny.Z = 3"
    )
    assert dict(types_in(source)).keys() == {"A", "_B", "_Pair"}


LONGEST = 50  # lines of a function, without its documentation; ruff counts its branches


def lengths(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = ast.get_docstring(node) is not None
            words = first.end_lineno - first.lineno + 1 if documented else 0
            yield node.name, node.end_lineno - node.lineno + 1 - words


def test_functions_are_short() -> None:
    long = {
        f"{module}.{name}": lines
        for module, path in MODULES.items()
        for name, lines in lengths(path.read_text(encoding="utf-8"))
        if lines > LONGEST
    }
    assert not long


def test_lines_are_counted() -> None:
    source = 'def f():\n    """Says."""\n    def g():\n        return 1\n    return g'
    assert dict(lengths(source)) == {"f": 4, "g": 2}


@pytest.mark.parametrize("package", ["micrograd", "micrograd.nn", "micrograd.optim", "viz"])
def test_nothing_public_is_hidden_by_a_module(package: str) -> None:
    """A module with the name of something public would take its place when it is imported."""
    public = importlib.import_module(package)
    names = {name.rpartition(".")[2] for name in MODULES if room(name) == package}
    assert not names & set(public.__all__)


LOADED = """
import sys
before = set(sys.modules)
import micrograd
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_import_loads_the_standard_library_and_numpy_only() -> None:
    run = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {"micrograd", "numpy"} <= loaded
    assert loaded - set(sys.stdlib_module_names) == {"micrograd", "numpy"}
    assert not loaded & {"argparse", "subprocess", "unittest", "multiprocessing"}
