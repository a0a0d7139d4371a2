"""Every program that the compiler is tested with, in every target: it agrees, or is refused."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from golden_programs import FOLDER, PROGRAMS, text
from programs_to_compile import WORKLOADS
from strangers import networks, physics, plain, sequences, statistics_

import micrograd
from micrograd import CompileError
from micrograd.exporting.targets import TARGETS

MODULES = [statistics_, physics, networks, sequences, plain]
STRANGERS = {f.__name__: (f, given, m.P) for m in MODULES for f, given in m.PROGRAMS}
# What decides how the program goes on, or counts: several programs.
REFUSED = {"bouncing", "newton_root", "adaptive", "polynomial", "factorial_series", "recursive"}
QUICK = [name for name in WORKLOADS if "16 tokens" not in name and "800" not in name]


def exported(fn: Any, parameters: Any, arguments: Any, to: str) -> Any:
    """An export that has agreed with eager."""
    f = micrograd.compile(fn, parameters=parameters, backend="numpy")
    result = f(*arguments)
    return micrograd.export(f, *arguments, to=to), result


def check(fn: Any, parameters: Any, arguments: Any, to: str) -> None:
    pytest.importorskip("onnxruntime" if to == "onnx" else to)
    written, result = exported(fn, parameters, arguments, to)
    assert "micrograd" not in written.source
    assert written.parameters or not parameters
    assert np.isfinite(result[0] if isinstance(result, tuple) else result)


@pytest.mark.some(4)
@pytest.mark.parametrize("name", QUICK)
def test_workloads_in_numpy(name: str) -> None:
    workload = WORKLOADS[name]()
    check(workload.loss, workload.parameters, workload.arguments(0), "numpy")


@pytest.mark.long
@pytest.mark.parametrize("to", [to for to in ("jax", "torch", "onnx") if to in TARGETS])
@pytest.mark.parametrize("name", QUICK)
def test_workloads(name: str, to: str) -> None:
    workload = WORKLOADS[name]()
    check(workload.loss, workload.parameters, workload.arguments(0), to)


def stranger(name: str, to: str) -> None:
    fn, given, parameters = STRANGERS[name]
    before = [p.data for p in parameters]
    try:
        if name in REFUSED:
            with pytest.raises(CompileError, match=rf"{name} is several programs(.|\n)*\.py:\d+"):
                exported(fn, parameters, given(random.Random(11)), to)
        else:
            check(fn, parameters, given(random.Random(11)), to)
    finally:
        for p, x in zip(parameters, before, strict=True):
            p.data = x


@pytest.mark.some(8)
@pytest.mark.parametrize("name", list(STRANGERS)[::3])
def test_strangers_in_numpy(name: str) -> None:
    stranger(name, "numpy")


@pytest.mark.long
@pytest.mark.parametrize("to", [to for to in ("numpy", "jax", "torch", "onnx") if to in TARGETS])
@pytest.mark.parametrize("name", STRANGERS)
def test_strangers(name: str, to: str) -> None:
    stranger(name, to)


@pytest.mark.some(3)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_text_is_what_was_reviewed(name: str) -> None:
    to = PROGRAMS[name][1]
    pytest.importorskip(to)
    kept = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert text(name) == kept, f"read it, and run python tests/exporting/golden_programs.py {name}"


def test_it_is_as_ruff_formats_it() -> None:
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", str(FOLDER)]
    run = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    checked = [sys.executable, "-m", "ruff", "check", "--isolated", str(FOLDER)]
    run = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_there_is_nothing_else_beside() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(PROGRAMS)
    assert not [p for p in FOLDER.glob("*.py") if re.search(r"/(root|tmp|work)/", p.read_text())]
