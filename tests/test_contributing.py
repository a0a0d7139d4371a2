"""What CONTRIBUTING shows: the row, the optimiser and the view that it writes out are run."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import Picture

import micrograd
from micrograd import Value, nn, record_step, tensor
from micrograd.compiler.backends.llvm.rows import computed
from micrograd.compiler.backends.numpy.rows import call_of, each
from micrograd.errors import CompileError
from micrograd.ops import OPS
from micrograd.optim import Optimizer

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL
)
TABLE = "micrograd/ops.py"
CELU = """_op("celu", 1, lambda x, k: x if x > 0.0 else k * math.expm1(x / k),
    lambda m, g, y, x, k: (m.select(m.less(0.0, x), g, g * m.exp(m.div(x, k))),),
    static="alpha", static_default=1.0, static_samples=(1.0, 0.5, 2.0))
"""  # what neither has under that name: two branches, a parameter, a function of `math`
ATAN = """_op("atan", 1, math.atan, lambda m, g, y, x: (m.div(g, x * x + 1.0),))
"""  # NumPy has it under another name, LLVM from the C library


def block(start: str) -> str:
    (found,) = [text for text in BLOCKS if start in text]
    return str(found)


# ---- an operation ------------------------------------------------------------------------------


def run(code: list[str], checkout: Path, pure: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout), "MICROGRAD_PURE": pure}
    done = subprocess.run([sys.executable, *code], cwd=checkout, env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize(
    ("row", "name", "static"),
    [
        (block("_op("), "erf", []),
        pytest.param(CELU, "celu", ["0.5"], marks=pytest.mark.long),
        pytest.param(ATAN, "atan", [], marks=pytest.mark.long),
    ],
)
def test_a_row_is_all_it_takes(row: str, name: str, static: list[str], tmp_path: Path) -> None:
    for part in ("micrograd", "viz", "csrc"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignored)
    for part in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, tmp_path)
    table = (tmp_path / TABLE).read_text(encoding="utf-8")
    without = table.replace(block("_op(").replace("  # fmt: skip", ""), "")
    assert without != table, "the row that CONTRIBUTING shows is not in the table"
    before = without.index('_op("softplus"')
    (tmp_path / TABLE).write_text(without[:before] + row + without[before:], encoding="utf-8")

    script = [str(ROOT / "tests" / "new_row.py"), name, *static]
    assert run(script, tmp_path, "1").split() == [str(tmp_path / "micrograd/__init__.py"), "Python"]
    run(["setup.py", "--quiet", "build_ext", "--inplace"], tmp_path, "")
    if list(tmp_path.glob("micrograd/_native*")):  # there is a compiler, and Python's headers
        assert run(script, tmp_path, "").endswith(" native\n")


def test_a_function_that_c_has_not_is_computed_number_by_number_or_refused() -> None:
    row = replace(OPS["erf"], name="digits", f=math.degrees, compiled=math.degrees)
    OPS["digits"] = row
    try:
        assert call_of("digits", ()).lines == ("{out}[...] = each('digits')({0})",)
        assert each("digits")(np.array([math.pi, 0.0])).tolist() == [180.0, 0.0]
        with pytest.raises(CompileError, match="digits: C has no function degrees"):
            computed(None, "digits", ["x"], None)  # type: ignore[arg-type]
    finally:
        del OPS["digits"]


# ---- an optimiser ------------------------------------------------------------------------------


def lion() -> Any:
    names: dict[str, Any] = {}
    exec(block("class Lion"), names)
    return names["Lion"]


def by_hand(p: np.ndarray, gradients: list[np.ndarray], lr: float, decay: float) -> np.ndarray:
    m = np.zeros_like(p)
    for g in gradients:
        c = 0.9 * m + 0.1 * g
        p, m = p - lr * (np.sign(c) + decay * p), 0.99 * m + 0.01 * g
    return p


@pytest.mark.parametrize("backend", ["eager", "numpy", "llvm"])
def test_the_optimiser_is_the_papers(backend: str) -> None:
    start, slopes = np.array([0.5, -1.5, 2.0]), np.array([1.0, -2.0, 0.5])
    w = [Value(x) for x in start]
    optimizer: Optimizer = lion()(w, lr=0.01, weight_decay=0.1)

    def loss(slopes: Any) -> Value:
        return sum((a * s for a, s in zip(w, slopes, strict=True)), Value(0.0))

    given = [slopes, -3 * slopes, slopes, slopes[::-1].copy(), 0 * slopes]
    step = None if backend == "eager" else micrograd.compile(loss, optimizer=optimizer,
                                                             backend=backend).step  # fmt: skip
    for g in given:
        if step is not None:
            step(g)
            continue
        optimizer.zero_grad()
        loss(g.tolist()).backward()
        optimizer.step()
    expected = by_hand(start, given, 0.01, 0.1)
    np.testing.assert_allclose([v.data for v in w], expected, rtol=1e-14)


def test_a_step_of_the_optimiser_is_recorded() -> None:
    micrograd.manual_seed(0)
    model = nn.Linear(2, 1)
    step = record_step(
        model, nn.MSELoss(), lion()(model.parameters(), lr=0.1), tensor([[1.0, 2.0]]),
        tensor([[3.0]]),
    )  # fmt: skip
    weight = step.parameters[0]
    np.testing.assert_allclose(abs(weight.before - weight.after), 0.1)
    assert [e.text() for e in weight.equations((0, 0))] == ["new = p − lr × d"]
    assert step.rule == "d"


# ---- a view ------------------------------------------------------------------------------------


def test_the_view_counts_operations() -> None:
    names: dict[str, Any] = {}
    exec(block("def operation_counts"), names)
    a = Value(2.0, label="a")
    picture = Picture(names["operation_counts"]((a * a + a * 3.0).relu()))
    assert picture.texts("a_counts-sca") == ["*", "2", "+", "1", "ReLU", "1"]
