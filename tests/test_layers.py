"""Imports point one way, down a list of layers; `import micrograd` loads little."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import micrograd

ROOT = Path(micrograd.__file__).parents[1]

# A module imports from those before it only. A new module is added where it belongs.
LAYERS = [
    "errors", "interrupts", "ops", "lost", "observers", "walk", "notes", "copies", "scalar",
    "python_core", "native_core", "engine", "functions", "gradients",
    "checks", "elements", "printing", "arrays", "paths", "recording", "tape", "words", "equations",
    "files", "tables", "step", "nn.parameter", "nn.module", "nn.init", "nn.activations",
    "nn.layers", "nn.losses", "nn.mlp", "nn", "optim.state", "optim.equation", "optim.optimizer",
    "optim.sgd", "optim.adagrad", "optim.rmsprop", "optim.adam", "optim.lr_scheduler", "optim",
    "mistakes",
    "compiler", "compiler.program", "compiler.graph", "compiler.store", "compiler.tracing",
    "compiler.arguments", "compiler.recording", "compiler.integers", "compiler.reachable",
    "compiler.results", "compiler.watching", "compiler.traced", "compiler.builder",
    "compiler.normal", "compiler.gradient", "compiler.schedule", "compiler.layout",
    "compiler.kernels", "compiler.lanes", "compiler.rules", "compiler.memory", "compiler.update",
    "compiler.touched", "compiler.sources", "compiler.pipeline", "compiler.spans",
    "compiler.axes", "compiler.backends", "compiler.backends.llvm.ir",
    "compiler.backends.llvm.functions", "compiler.backends.llvm.elementwise",
    "compiler.backends.llvm.tiling", "compiler.backends.llvm.contraction",
    "compiler.backends.llvm.regular", "compiler.backends.llvm.listed",
    "compiler.backends.llvm.module", "compiler.backends.llvm.packing",
    "compiler.backends.llvm.render", "compiler.backends.llvm.execution",
    "compiler.backends.llvm", "compiler.backends.numpy_names", "compiler.backends.numpy_rows",
    "compiler.backends.numpy_sums", "compiler.backends.numpy_terms", "compiler.touches",
    "compiler.backends.numpy_calls", "compiler.backends.numpy",
    "compiler.backends.numpy_peephole", "compiler.rows", "compiler.scratch",
    "compiler.blocking", "compiler.checkers", "compiler.eager", "compiler.naming",
    "compiler.fusion", "compiler.runner", "compiler.programs", "compiler.forward",
    "compiler.views", "compiler.formula", "compiler.inlining", "compiler.products",
    "compiler.expressions", "compiler.recovered", "compiler.recurring",
    "compiler.report", "compiler.compiled", "compiler.interpret", "compiler.verify", "saving",
    "data", "loop", "article", "dead", "comparison", "calling", "snapshot", "parameter_names",
    "train",
]  # fmt: skip
COMMANDS = [
    "commands", "commands.arguments", "commands.parameter_file", "commands.step", "commands.train",
    "commands.compare", "commands.info",
]  # fmt: skip
ORDER = [f"micrograd.{name}" for name in LAYERS] + ["micrograd"]
ORDER += [f"micrograd.{name}" for name in [*COMMANDS, "cli", "__main__"]]
DRAWS = {f"micrograd.{name}" for name in [*COMMANDS, "cli", "__main__"]}  # who may import viz


def modules(package: str) -> dict[str, Path]:
    """Every module of a package that is in the checkout, by its full name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules("micrograd") | modules("viz")


def imports(name: str) -> set[str]:
    """The modules of ours that a module imports when it runs, at the top or inside functions."""
    return imported(MODULES[name].read_text(encoding="utf-8"))


def imported(source: str) -> set[str]:
    found = set()
    for node in _running(ast.parse(source)):
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


def test_every_module_has_a_layer() -> None:
    assert sorted(modules("micrograd")) == sorted(ORDER)


@pytest.mark.parametrize("name", [name for name in ORDER if name in MODULES])
def test_imports_point_down(name: str) -> None:
    below = set(ORDER[: ORDER.index(name)])
    ours = {module for module in imports(name) if module.startswith("micrograd")}
    assert ours <= below, f"{name} imports from above: {sorted(ours - below)}"
    pictures = {module for module in imports(name) if module.startswith("viz")}
    assert name in DRAWS or not pictures, f"{name} imports {sorted(pictures)}"


def test_viz_has_no_import_cycles() -> None:
    left = {name: imports(name) for name in modules("viz")}
    while left:
        ready = [name for name, needs in left.items() if not needs & left.keys() - {name}]
        assert ready, f"a cycle among {sorted(left)}"
        for name in ready:
            del left[name]


def test_viz_does_not_import_the_command_line() -> None:
    for name in modules("viz"):
        assert not imports(name) & set(DRAWS), name


def test_every_way_of_importing_is_seen() -> None:
    assert imported("from micrograd import observers") == {"micrograd.observers"}
    assert imported("from micrograd import Value") == {"micrograd"}
    assert imported("import micrograd.engine, math") == {"micrograd.engine"}
    assert imported("def f():\n    if True:\n        import viz") == {"viz"}
    assert imported("if TYPE_CHECKING:\n    from micrograd.engine import Value") == set()


@pytest.mark.parametrize("package", ["micrograd", "micrograd.nn", "micrograd.optim", "viz"])
def test_no_module_has_the_name_of_something_public(package: str) -> None:
    public = importlib.import_module(package)
    names = {name.rpartition(".")[2] for name in MODULES if name.startswith(f"{package}.")}
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
