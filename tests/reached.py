"""Which tests come along at a line of the package, and how long each of them takes."""

from __future__ import annotations

import ast
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pytest

PER_FILE = 4.0  # seconds of a file's tests before those of the next one
NEAR = 5  # files that are tried first
ENOUGH = 12.0  # seconds of tests, as they were measured, that a mutant has to survive,
PATIENT = 120.0  # and, if it does, as many more that come along at its line

# Files of tests that are about modules of other names.
ABOUT = {
    "nn": ("losses", "compiled_losses"),
    "core": ("engine", "ops", "cores", "backward"),
    "compiler/trace/world": ("never_stale", "watched", "around_compiled", "numbers_around"),
    "compiler/trace/rewritten": ("one_program", "language_forms", "marked_source", "where"),
    "compiler/trace/numbers": ("one_program", "language_forms", "integers", "refusals"),
    "compiler/trace/arguments": ("given", "inputs", "records", "left_behind"),
    "compiler/trace": ("tracing", "refusals", "integers", "one_program", "corners"),
    "compiler/sequential": ("sums_over_turns", "sequences", "turns", "rows_of_sums", "apart"),
    "compiler/optimise": ("turns", "fusion", "blocking", "batched_sequences", "threads"),
    "compiler/arrays": ("layout", "schedule", "kernels", "inputs", "lanes"),
    "compiler/nest": ("verify", "kernels", "sums_over_turns", "batched_sequences"),
    "compiler/update": ("optimizer_memory", "touched", "compiled_optimizers", "state"),
    "compiler/running": ("every_line", "compiled_steps", "given", "nan_parameters"),
    "compiler/programs": ("rebuilds", "patience", "inputs", "alternating", "numbers_around"),
    "compiler/backends/numpy": (
        "numpy_calls",
        "numpy_peephole",
        "corners",
        "turns",
        "batched_sequences",
    ),
    "compiler/backends/llvm": ("vector_functions", "packing", "sequences", "combined", "backends"),
}


@dataclass(frozen=True)
class Test:
    """A test by its node id, with the core in Python or as it is, and its seconds."""

    node: str
    pure: bool
    seconds: float

    @property
    def file(self) -> str:
        return self.node.partition("::")[0]


class Watch:
    """A plugin: what each test reaches, in the file of a `Reached`."""

    def __init__(self, path: Path, root: Path) -> None:
        from coverage import Coverage  # the extra `trust`

        self.coverage = Coverage(str(path), config_file=False, include=[f"{root}/micrograd/*"])
        self.path = path
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        start = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - start
            self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)

    def run(self, arguments: Iterable[str]) -> int:
        self.coverage.start()
        pytest.main([*arguments], plugins=[self])
        self.coverage.stop()
        self.coverage.save()
        passed = {node: s for node, s in self.seconds.items() if node not in self.failed}
        self.path.with_suffix(".json").write_text(json.dumps(passed), encoding="utf-8")
        return 0


class Reached:
    """What `Watch` has written of a run of the tests."""

    def __init__(self, path: Path, pure: bool) -> None:
        from coverage import CoverageData

        seconds = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        self.tests = {node: Test(node, pure, s) for node, s in seconds.items()}
        self.sizes = Counter(test.file for test in self.tests.values())
        self.data = CoverageData(str(path))
        self.data.read()
        self.files = {
            file.rpartition("/micrograd/")[2]: file for file in self.data.measured_files()
        }

    def at(self, module: str, lines: range, source: str) -> list[Test]:
        """Tests that come along at these lines; else in the function around them, or the module."""
        contexts = self.data.contexts_by_lineno(self.files.get(f"{module}.py", ""))
        whole = range(1, source.count("\n") + 2)
        for part in (lines, _function(source, lines) or whole, whole):
            nodes = {node for line in part for node in contexts.get(line, ())}
            if found := [self.tests[node] for node in sorted(nodes) if node in self.tests]:
                return found
        return []

    def is_imported(self, module: str, lines: range) -> bool:
        """Whether something comes along at these lines before any test does."""
        contexts = self.data.contexts_by_lineno(self.files.get(f"{module}.py", ""))
        return any("" in contexts.get(line, ()) for line in lines)

    def turns(self, module: str, tests: list[Test]) -> list[list[Test]]:
        """Those of the files that are about this module, quick ones first; then of each file some.

        A file is the more about a module the more words their names share, and the larger the part
        of its tests that comes along there; `ABOUT` names some.
        """
        own: dict[str, list[Test]] = {}
        for test in sorted(tests, key=lambda test: test.seconds):
            own.setdefault(test.file, []).append(test)
        words = _words(module)
        named = next((names for room, names in ABOUT.items() if module.startswith(room)), ())

        def about(file: str) -> tuple[float, float]:
            is_named = Path(file).stem.removeprefix("test_") in named
            part = len(own[file]) / self.sizes[file]
            return len(words & _words(file)) + 2 * is_named + part, -self.sizes[file]

        near = [
            test for file in sorted(own, key=about, reverse=True)[:NEAR]
            for test in _until(PER_FILE, own[file])
        ]  # fmt: skip
        near_by = set(near)
        left = ([test for test in some if test not in near_by] for some in own.values())
        in_turn = [test for turn in zip_longest(*left) for test in turn if test is not None]
        return [near, _until(ENOUGH, in_turn)]

    def rest(self, tests: list[Test], chosen: Iterable[Test]) -> list[Test]:
        """Quick ones of those that have not been chosen, for a mutant that these do not notice."""
        left = {*tests} - {*chosen}
        return _until(PATIENT, sorted(left, key=lambda test: (test.seconds, test.node)))

    def beside(self, module: str, source: str, chosen: Iterable[Test]) -> list[Test]:
        """Tests of files about a module that come along elsewhere in it: results are kept."""
        chosen = set(chosen)
        whole = self.at(module, range(1, source.count("\n") + 2), source)
        return [test for test in self.turns(module, whole)[0] if test not in chosen]


def _until(seconds: float, tests: list[Test]) -> list[Test]:
    """The first ones that take no longer together."""
    taken: list[Test] = []
    for test in tests:
        if test.seconds <= seconds or not taken:
            seconds -= test.seconds
            taken.append(test)
    return taken


def _words(path: str) -> set[str]:
    """Words of a file's name and of its folders, without plurals."""
    words = re.findall(r"[a-z]+", path.removesuffix(".py").lower())
    return {word.rstrip("s") for word in words} - {"test", "micrograd", "compiler", "of", "core"}


def _function(source: str, lines: range) -> range | None:
    """The lines of the innermost function around some lines."""
    around = [
        range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.lineno <= lines.start and lines.stop <= (node.end_lineno or 0) + 1
    ]  # fmt: skip
    return min(around, key=len, default=None)
