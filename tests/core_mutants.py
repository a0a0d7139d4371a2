"""Change the engine, gradients, optimisers, losses and saving in small ways: `make mutate`.

What `compiler/mutants.py` does for the passes, for what they rest on. The engine runs in
Python, for a changed table has no compiled core.

    python tests/core_mutants.py nn/losses optim/sgd --each 20
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "compiler"))
import mutants as passes

TESTS = {
    "ops": ("ops", "engine", "equations", "random_programs", "conformance"),
    "core/python_core": (
        "engine",
        "backward",
        "cores",
        "karpathy",
        "memory",
        "compiler/never_stale",
        "compiler/around_compiled",
        "compiler/inputs",
    ),
    "core/scalar": ("engine", "backward", "karpathy", "checks"),
    "core/walk": ("engine", "backward", "memory"),
    "core/copies": ("cores", "memory"),
    "observers": ("checks", "cores", "gradients", "record_steps"),
    "gradients": ("gradients", "checks", "conformance"),
    "checks": ("checks", "gradients"),
    "optim/optimizer": ("optim", "optimizers", "optimizer_equations"),
    "optim/sgd": ("optim", "optimizers", "optimizer_equations"),
    "optim/adam": ("optim", "optimizers", "optimizer_equations"),
    "optim/adagrad": ("optim", "optimizers", "optimizer_equations"),
    "optim/rmsprop": ("optim", "optimizers", "optimizer_equations"),
    "optim/lr_scheduler": ("optim", "optimizers"),
    "optim/state": ("optim", "optimizers"),
    "nn/losses": ("losses", "nn", "step"),
    "training/saving": ("saving",),
    "training/files": ("saving", "interruptions"),
    "diagnosis/findings": ("diagnose",),
}


def _tests(module: str) -> list[str]:
    names = (name.rpartition("/") for name in TESTS[module])
    return [f"tests/{folder}{slash}test_{name}.py" for folder, slash, name in names]


def noticed(copy: Path, mutant: passes.Mutant) -> bool:
    """Whether one of the tests of its module fails on a mutant, or does not end."""
    path = copy / "micrograd" / f"{mutant.module}.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(mutant.of(source), encoding="utf-8")
    tests = _tests(mutant.module)
    try:
        return passes._fails(copy, [str(path), *tests])
    finally:
        path.write_text(source, encoding="utf-8")


def main() -> int:
    os.environ["MICROGRAD_PURE"] = "1"
    passes.COMPILER = "micrograd"
    parser = argparse.ArgumentParser(description="Do the tests notice when the core is wrong?")
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="as optim/sgd")
    parser.add_argument("--each", type=int, default=6, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    alive, count = [], 0
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in (*passes.COPIED, "docs"):
            source = passes.ROOT / part
            ignored = shutil.ignore_patterns("__pycache__", "*.so")
            if source.is_dir():
                shutil.copytree(source, copy / part, ignore=ignored)
            else:
                shutil.copy(source, copy / part)
        for module in options.modules:
            if passes._fails(copy, _tests(module)):
                sys.exit(f"the tests of {module} fail as it is: run make test first")
            for mutant in passes.chosen(module, options.each, options.seed):
                found = noticed(copy, mutant)
                print(f"{'found' if found else 'NOT FOUND'}: {mutant}", flush=True)
                count += 1
                alive += [] if found else [mutant]
    print(f"{count} mutants: {len(alive)} not found")
    return len(alive) > 0


if __name__ == "__main__":
    sys.exit(main())
