"""Change the code in small ways, and see whether a test notices: `make mutate`.

A mutant is the checkout with one operator, number or pair of operands changed in one module. First
all tests run once, as they are, and what lines each comes along at is noted (`reached.py`). Those
that come along at the changed line run on the mutant: quick ones of the files that are about that
module, then some of the other files, then two minutes of what is left, until one fails. What no
test notices is printed: a test is missing, or the change makes no difference; then
`docs/mutants.md` may name it, with a reason. `--write` puts the table of a run into that page. The
seed says which mutants are tried; with names, only those of these rooms or modules; with a folder,
the run can be gone on with:

    python tests/mutate.py core optim/sgd compiler/graph --each 6 --seed 0 --folder build/mutants
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import llvmlite.binding  # noqa: F401  (before the forks, once for all mutants)
import numpy  # noqa: F401  (all of these are what tests import)
import pytest
import torch  # noqa: F401
from mutants import MICROGRAD, Mutant, chosen
from reached import Reached, Test, Watch
from warm import Place, Warm, changed, collected, in_child

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "mutants.md"
COPIED = ("micrograd", "viz", "csrc", "tests", "examples", "docs", "setup.cfg", "conftest.py",
          "README.md", "LICENSE", "setup.py", "pyproject.toml")  # fmt: skip
MADE = re.compile(r"(?<=<!-- made by make mutate -->\n).*(?=<!-- end -->)", re.DOTALL)

ROOMS = (
    "ops", "symbolic", "core", "engine", "observers", "interrupts", "gradients", "checks", "optim",
    "nn/losses", "nn/classification", "training/saving", "training/files", "diagnosis/findings",
    *("compiler/" + room for room in (
        "trace", "graph", "arrays", "sequential", "nest", "optimise", "update", "backends/numpy",
        "backends/llvm", "backends/recipes", "running", "programs", "passes", "store", "codes",
        "compiled", "options",
    )),
)  # fmt: skip
ENGINE = ("engine", "backward", "gradients", "memory", "arrays", "checks", "karpathy")
FILES = (*ENGINE, "ops", "cores", "conformance", "call_sequences", "fit", "losses", "nn", "module",
         "optim", "optimizers", "optimizer_equations", "parameters", "random_programs", "saving",
         "interruptions", "diagnose", "equations", "record_steps")  # fmt: skip
PURE = ("ops", "core/", "engine", "observers", "checks", "gradients")  # over the core in Python too


def modules(names: Sequence[str]) -> list[str]:
    """The modules of rooms, in the order of `ROOMS`, each once."""
    found: dict[str, None] = {}
    for name in names:
        path = MICROGRAD / name
        inside = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        for module in inside:
            found.setdefault(module.relative_to(MICROGRAD).with_suffix("").as_posix())
    return [module for module in found if not module.endswith("__init__")]


def arguments(pure: bool) -> list[str]:
    """The tests that run once, as they are."""
    files = [f"tests/test_{name}.py" for name in (ENGINE if pure else FILES)]
    return [*OPTIONS, *files, *([] if pure else ["micrograd", "tests/compiler"])]


# ---- tests on them -----------------------------------------------------------------------------

OPTIONS = ["-q", "-p", "no:cacheprovider", "-p", "no:nbmake", "-m", "not long",
           "--override-ini=addopts=--doctest-modules",
           "-W", "ignore::coverage.exceptions.CoverageWarning"]  # fmt: skip


@dataclass
class Picked:
    """A plugin: these tests and no others, in this order."""

    order: dict[str, int]
    place: Place  # of the one that runs

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        picked = [item for item in items if item.nodeid in self.order]
        items[:] = sorted(picked, key=lambda item: self.order[item.nodeid])

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.place(self.order[item.nodeid])


def prepared(folder: Path) -> Path:
    """A copy of the checkout in a folder, beside what tests reach there; both may be there."""
    copy = folder / "checkout"
    if not copy.exists():
        for part in COPIED:
            source, target = ROOT / part, copy / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
    for pure in (False, True):
        path = folder / f"{pure}.reached"
        if not path.with_suffix(".json").exists() and not in_child(
            lambda path=path, pure=pure: at_home(copy, pure, Watch(path, copy).run), 36_000
        ):
            sys.exit("the tests do not run: run make test first")
    return copy


def at_home(copy: Path, pure: bool, run: Callable[[list[str]], int]) -> int:
    """Run this with the tests of a core, in the copy."""
    os.chdir(copy)
    sys.path[:0] = [str(copy), str(copy / "tests")]
    os.environ |= {"PYTHONPATH": str(copy), **({"MICROGRAD_PURE": "1"} if pure else {})}
    return run(arguments(pure))


@dataclass
class Run:
    """A copy of the checkout, in which mutants live."""

    copy: Path
    jobs: int

    def __post_init__(self) -> None:
        folder = self.copy.parent
        self.reached = [Reached(folder / f"{pure}.reached", pure) for pure in (False, True)]
        self.unfit: set[str] = set()
        self.path = folder / "found.txt"
        self.path.touch()

    def left(self, mutants: Sequence[Mutant]) -> list[Mutant]:
        """Those that no test has noticed yet, without those that make no difference."""
        done = equivalent() | set(self.path.read_text(encoding="utf-8").splitlines())
        return [mutant for mutant in mutants if str(mutant) not in done]

    def note(self, mutant: Mutant) -> None:
        print(f"found: {mutant}", flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{mutant}\n")

    def file(self, mutant: Mutant) -> Path:
        return self.copy / "micrograd" / f"{mutant.module}.py"

    def turns(self, mutant: Mutant, pure: bool) -> list[list[Test]]:
        """What may notice, quick ones first."""
        source, reached = self.file(mutant).read_text(encoding="utf-8"), self.reached[pure]
        turns = reached.turns(mutant.module, reached.at(mutant.module, _lines(mutant), source))
        return [*turns, reached.beside(mutant.module, source, chain(*turns))]

    def rest(self, mutant: Mutant, pure: bool) -> list[list[Test]]:
        """What else comes along at its line."""
        source, reached = self.file(mutant).read_text(encoding="utf-8"), self.reached[pure]
        there = reached.at(mutant.module, _lines(mutant), source)
        return [reached.rest(there, chain(*self.turns(mutant, pure)))]

    def warm(self, mutants: Sequence[Mutant], pure: bool, of: Choice) -> None:
        """Try all in a process that has imported everything once, with tests of a choice."""
        turns = {mutant: of(self, mutant, pure) for mutant in mutants}

        def one(warm: Warm, mutant: Mutant) -> bool:
            path = self.file(mutant)
            old = path.read_text(encoding="utf-8")
            return any(
                warm.fails(path, old, mutant.of(old), [test.node for test in tests], limit(tests))
                for tests in turns[mutant]
            )

        def work(warm: Warm) -> None:
            for k in range(self.jobs):
                if os.fork():
                    continue
                for mutant in mutants[k :: self.jobs]:
                    if one(warm, mutant):
                        self.note(mutant)
                    else:
                        print(f"not yet: {mutant}", flush=True)
                os._exit(0)
            for _ in range(self.jobs):
                os.wait()

        if not os.fork():
            at_home(self.copy, pure, lambda tests: collected(tests, Warm(self.copy, work)))
            os._exit(0)
        os.wait()

    def matters_at_import(self, mutant: Mutant) -> bool:
        """Whether it changes more than functions, or one that runs where modules are imported."""
        path = self.file(mutant)
        source = path.read_text(encoding="utf-8")
        other = changed(path, source, mutant.of(source)) is None
        return other or self.reached[False].is_imported(mutant.module, _lines(mutant))

    def afresh(self, mutant: Mutant) -> None:
        """Try one with everything imported anew, which changes tables and constants, too."""
        path = self.file(mutant)
        source = path.read_text(encoding="utf-8")
        cores = (False, True) if mutant.module.startswith(PURE) else (False,)
        for tests in [tests for pure in cores for tests in self.turns(mutant, pure)]:
            left = [test for test in tests if test.node not in self.unfit]
            while failed := self._first_to_fail(left, path, mutant.of(source)):
                if not self._first_to_fail([failed], path, source):
                    self.note(mutant)
                    return
                self.unfit.add(failed.node)
                left.remove(failed)

    def _first_to_fail(self, tests: list[Test], path: Path, text: str) -> Test | None:
        """The first of these tests that fails with this as the text of a file."""
        if not tests:
            return None
        place = Place()
        picked = Picked({test.node: k for k, test in enumerate(tests)}, place)
        files = dict.fromkeys(test.file for test in tests)

        def run(_: list[str]) -> int:
            sys.dont_write_bytecode = True
            code = int(pytest.main([*OPTIONS, "-x", *files], plugins=[picked]))
            return 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else code

        source, before = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(text, encoding="utf-8")
        try:
            passed = in_child(lambda: at_home(self.copy, tests[0].pure, run), limit(tests))
        finally:
            path.write_text(source, encoding="utf-8")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as its bytecode says
        return None if passed else tests[place.read()]


Choice = Callable[[Run, Mutant, bool], list[list[Test]]]


def _lines(mutant: Mutant) -> range:
    return range(mutant.start[0], mutant.end[0] + 1)


def limit(tests: Sequence[Test]) -> float:
    """Seconds after which tests are taken not to end."""
    return 60 + 5 * sum(test.seconds for test in tests)


# ---- the report --------------------------------------------------------------------------------


def equivalent() -> set[str]:
    """The mutants that the page says make no difference."""
    text = PAGE.read_text(encoding="utf-8").partition("## What makes no difference")[2]
    return set(re.findall(r"^- (\S+: `.*` → `.*`)$", text, re.MULTILINE))


def report(results: dict[Mutant, bool], options: argparse.Namespace) -> str:
    """How many mutants of each room were found, and those that were not, as Markdown."""
    known, rooms = equivalent(), Counter[tuple[str, str]]()
    alive = []
    for mutant, found in results.items():
        room = mutant.module.rpartition("/")[0] or mutant.module
        kind = "found" if found else "equivalent" if str(mutant) in known else "not found"
        rooms[room, kind] += 1
        alive += [mutant] if kind == "not found" else []
    kinds = ("found", "equivalent", "not found")
    total = {kind: sum(n for (_, k), n in rooms.items() if k == kind) for kind in kinds}
    rate = total["found"] / max(1, total["found"] + total["not found"])
    lines = [
        f"{len(results)} mutants, {time.strftime('%d %B %Y').lstrip('0')}, seed"
        f" {', '.join(map(str, options.seeds))}, {options.each} of each module:"
        f" {100 * rate:.1f} % of those that make a difference are found.", "",
        "| room | mutants | found | make no difference | not found |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for room in dict.fromkeys(room for room, _ in rooms):
        counts = [rooms[room, kind] for kind in kinds]
        lines.append(f"| `{room}` | {sum(counts)} | {' | '.join(map(str, counts))} |")
    lines.append(f"| all | {len(results)} | {' | '.join(str(total[k]) for k in kinds)} |")
    if alive:
        lines += ["", "Not found:", "", *(f"- {mutant}" for mutant in alive)]
    return "\n".join([*lines, ""])


def tried(mutants: Sequence[Mutant], folder: Path, jobs: int) -> dict[Mutant, bool]:
    """Which of them tests notice; what is in the folder of an earlier run is not tried again."""
    run = Run(prepared(folder), jobs)
    for of in (Run.turns, Run.rest):
        if left := run.left(mutants):
            run.warm(left, False, of)
        if left := [m for m in run.left(mutants) if m.module.startswith(PURE)]:
            run.warm(left, True, of)
    for mutant in run.left(mutants):
        if run.matters_at_import(mutant):
            run.afresh(mutant)
    alive = {*run.left(mutants)}
    known = equivalent()
    return {m: m not in alive and str(m) not in known for m in mutants}


def main() -> int:
    parser = argparse.ArgumentParser(description="Do the tests notice when the code is wrong?")
    parser.add_argument("names", nargs="*", default=ROOMS, help="rooms or modules: optim/sgd")
    parser.add_argument("--each", type=int, default=1, help="mutants of each module and seed")
    parser.add_argument("--seed", type=int, nargs="*", default=[0], dest="seeds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="the table into docs/mutants.md")
    parser.add_argument("--folder", type=Path, help="where a run is that is gone on with")
    options = parser.parse_args()
    mutants = dict.fromkeys(
        m for name in modules(options.names) for seed in options.seeds
        for m in chosen(name, options.each, seed)
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = tried(list(mutants), folder.resolve(), options.jobs)
    text = report(results, options)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(MADE.sub(lambda _: text, page), encoding="utf-8")
    return "Not found:" in text


if __name__ == "__main__":
    sys.exit(main())
