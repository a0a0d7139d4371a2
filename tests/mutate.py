"""Change the code in small ways, and see whether a test notices: `make mutate`.

A mutant is the checkout with one operator, number or pair of operands changed in one module. The
tests of that module run on it, those of a compiler's pass followed by those of whole programs. What
no test notices is printed: a test is missing, or the change makes no difference; then
`docs/mutants.md` may name it, with a reason. `--write` puts the table of a run into that page.
The seed says which mutants are tried; with names, only those of these rooms or modules:

    python tests/mutate.py core optim/sgd compiler/graph --each 6 --seed 0 --jobs 2
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import llvmlite.binding  # noqa: F401  (before the forks, once for all mutants)
import numpy  # noqa: F401  (all of these are what tests import)
import pytest
import torch  # noqa: F401
from mutants import MICROGRAD, Mutant, chosen

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "mutants.md"
COPIED = ("micrograd", "viz", "csrc", "tests", "examples", "docs", "setup.cfg", "conftest.py")
SECONDS = 200  # for the tests of one mutant: who does not end is found
MADE = re.compile(r"(?<=<!-- made by make mutate -->\n).*(?=<!-- end -->)", re.DOTALL)

# Rooms and modules, and the tests of each, those that end soonest first; the first that fits.
TESTS = {
    "ops": ("ops", "engine", "equations", "random_programs", "conformance"),
    "core/python_core": ("engine", "backward", "karpathy", "memory", "compiler/never_stale",
                         "compiler/around_compiled", "compiler/inputs", "compiler/store"),
    "core/native_core": ("cores",),
    "core": ("engine", "backward", "karpathy", "checks", "memory", "parameters"),
    "engine": ("engine", "cores"),
    "observers": ("checks", "gradients", "record_steps"),
    "gradients": ("gradients", "checks", "conformance"),
    "checks": ("checks", "gradients"),
    "optim/lr_scheduler": ("optim", "optimizers"),
    "optim": ("optim", "optimizers", "optimizer_equations", "parameters"),
    "nn/losses": ("losses", "nn", "step"),
    "nn/classification": ("losses", "nn"),
    "training/saving": ("saving",),
    "training/files": ("saving", "interruptions"),
    "diagnosis/findings": ("diagnose",),
    "compiler/graph": ("graph", "normal", "gradient", "schedule", "safe_sides", "quotients"),
    "compiler/arrays": ("schedule", "layout", "kernels", "lanes", "inputs"),
    "compiler/sequential": ("sequences", "rows_of_sums", "recovered"),
    "compiler/nest": ("verify", "fusion", "blocking", "sequences"),
    "compiler/optimise": ("fusion", "blocking", "threads"),
    "compiler/update": ("touched", "optimizer_memory"),
    "compiler/backends/numpy": ("numpy_calls", "numpy_peephole", "backends"),
    "compiler/backends/llvm": ("vector_functions", "backends", "packing", "shared_kernels",
                               "objects", "better_code", "threads", "sequences"),
}  # fmt: skip
WHOLE_PROGRAMS = ("compiled_steps", "compiled_random", "compiled_optimizers", "choices", "lanes")


def modules(names: Sequence[str]) -> list[str]:
    """The modules of rooms, in the order of `TESTS`, each once."""
    found: dict[str, None] = {}
    for name in names:
        path = MICROGRAD / name
        inside = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        for module in inside:
            found.setdefault(module.relative_to(MICROGRAD).with_suffix("").as_posix())
    return [module for module in found if not module.endswith("__init__")]


def own_tests(module: str) -> list[str]:
    """The files with the tests of a module."""
    room = next(name for name in TESTS if f"{module}/".startswith(f"{name}/"))
    inside = "compiler/" if room.startswith("compiler/") else ""
    names = ((inside + name).rpartition("/") for name in TESTS[room])
    return [f"tests/{folder}{slash}test_{name}.py" for folder, slash, name in names]


# ---- tests on them -----------------------------------------------------------------------------


@dataclass
class Worker:
    """A copy of the checkout in which mutants live, one after the other."""

    copy: Path

    def notices(self, mutant: Mutant) -> bool:
        """Whether a test fails on a mutant, or does not end."""
        path = self.copy / "micrograd" / f"{mutant.module}.py"
        source = path.read_text(encoding="utf-8")
        path.write_text(mutant.of(source), encoding="utf-8")
        own = [str(path), *own_tests(mutant.module)]
        pure = not mutant.module.startswith("compiler/")
        try:
            if self.fails(own, pure):
                return True
            if mutant.module.startswith(
                ("core/", "observers")
            ):  # with the other core there to compare with
                return self.fails(["tests/test_cores.py"], pure=False)
            return not pure and self.fails(
                [f"tests/compiler/test_{name}.py" for name in WHOLE_PROGRAMS], pure=False
            )
        finally:
            path.write_text(source, encoding="utf-8")

    def fails(self, tests: list[str], pure: bool, seconds: int = SECONDS) -> bool:
        """Run tests in a child, which has what takes long to import already."""
        child = os.fork()
        if not child:
            try:
                _run(self.copy, tests, pure, seconds)
            finally:
                os._exit(1)
        return os.waitpid(child, 0)[1] != 0


def _run(copy: Path, tests: list[str], pure: bool, seconds: int) -> NoReturn:
    os.setsid()
    signal.alarm(seconds)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONPATH": str(copy), **({"MICROGRAD_PURE": "1"} if pure else {})}
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbmake", "-m", "not long"]
    os._exit(int(pytest.main([*options, "--override-ini=addopts=--doctest-modules", *tests])))


_worker: Worker


def _start(folder: str) -> None:
    global _worker
    _worker = Worker(Path(tempfile.mkdtemp(dir=folder)))
    for part in COPIED:
        source, target = ROOT / part, _worker.copy / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def _notices(mutant: Mutant) -> tuple[Mutant, bool]:
    return mutant, _worker.notices(mutant)


def _fails_as_it_is(tests: list[str]) -> bool:
    return _worker.fails(tests, pure="/compiler/" not in tests[0], seconds=3600)


# ---- the report --------------------------------------------------------------------------------


def equivalent() -> set[str]:
    """The mutants that the page says make no difference."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
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


def main() -> int:
    parser = argparse.ArgumentParser(description="Do the tests notice when the code is wrong?")
    parser.add_argument("names", nargs="*", default=list(TESTS), help="rooms or modules: optim/sgd")
    parser.add_argument("--each", type=int, default=4, help="mutants of each module and seed")
    parser.add_argument("--seed", type=int, nargs="*", default=[0], dest="seeds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="the table into docs/mutants.md")
    parser.add_argument("--found", type=Path, help="a file of those found before: not tried again")
    options = parser.parse_args()
    mutants = dict.fromkeys(
        m for name in modules(options.names) for seed in options.seeds
        for m in chosen(name, options.each, seed)
    )  # fmt: skip
    before, known = set(), equivalent()
    if options.found:
        options.found.touch()
        before = set(options.found.read_text(encoding="utf-8").splitlines())
    results = {m: str(m) in before for m in mutants}
    left = [m for m, found in results.items() if not found and str(m) not in known]
    context = multiprocessing.get_context("fork")
    with (
        tempfile.TemporaryDirectory() as folder,
        context.Pool(options.jobs, _start, [folder]) as pool,
    ):
        files = sorted({test for m in left for test in own_tests(m.module)})
        halves = [[t for t in files if ("/compiler/" in t) == own] for own in (False, True)]
        if any(pool.map(_fails_as_it_is, filter(None, halves))):
            sys.exit("tests fail as it is: run make test first")
        for mutant, found in pool.imap_unordered(_notices, left):
            print(f"{'found' if found else 'NOT FOUND'}: {mutant}", flush=True)
            results[mutant] = found
            if found and options.found:
                with options.found.open("a", encoding="utf-8") as file:
                    file.write(f"{mutant}\n")
    text = report(results, options)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(MADE.sub(lambda _: text, page), encoding="utf-8")
    return "Not found:" in text


if __name__ == "__main__":
    sys.exit(main())
