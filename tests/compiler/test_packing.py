"""Large matrix products, panel by panel: the same numbers, whatever comes after them."""

from __future__ import annotations

from typing import Any

import interpret
import numpy as np
import pytest

from micrograd.compiler.nest.ir import TERM, WORK, Affine, Nest, Program, Statement

llvm = pytest.importorskip("micrograd.compiler.backends.llvm")
tiling = pytest.importorskip("micrograd.compiler.backends.llvm.tiling")


@pytest.fixture(autouse=True)
def small_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panels, blocks of rows and parts of sums wherever there can be some."""
    monkeypatch.setattr(tiling, "FAR_BYTES", 0)
    monkeypatch.setattr(tiling, "DEPTH", 8)
    monkeypatch.setattr(tiling, "BLOCK_BYTES", 1024)


def product(
    rows: int, columns: int, depth: int, transposed: bool, accumulate: bool, after: bool
) -> Program:
    """`out (+)= 0.5 · Σ A · B`, and relu of it plus a bias, if that comes after."""
    a, b, bias, out = 0, rows * (depth + 1), 0, 0
    bias = b + depth * columns
    out = bias + rows
    of_a = (1, 0, rows) if transposed else (depth + 1, 0, 1)
    term = Statement(
        TERM, Affine(WORK, out, (columns, 1, 0)),
        (Affine(WORK, a, of_a), Affine(WORK, b, (0, 1, columns))), None, 0.5, accumulate,
    )  # fmt: skip
    body = [term]
    if after:
        there = Affine(WORK, out, (columns, 1, 0))
        body = [
            Statement(TERM, term.out, term.inputs, None, 0.5, accumulate, kept=False),
            Statement(TERM, there, (Affine(WORK, bias, (1, 0, 0)),), accumulate=True, kept=False),
            Statement("relu", there, (there,)),
        ]
    size = out + rows * columns
    work = np.random.default_rng(rows).normal(size=size)
    return Program((Nest((rows, columns, depth), tuple(body), "add"),), work, {}, size - 1,
                   kept=((out, rows * columns),))  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "shape", [(24, 8, 8), (31, 13, 20), (60, 3, 33), (48, 40, 9), (25, 16, 64)]
)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("accumulate", "after"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_products(
    shape: tuple[int, int, int], transposed: bool, accumulate: bool, after: bool, dtype: str
) -> None:
    given = product(*shape, transposed, accumulate, after)
    expected: Any = {WORK: given.work.copy()}
    interpret.run(given, expected)
    executable = llvm.load(given, dtype)
    assert "alloca" in executable.source
    executable.run()
    base, length = given.kept[0]
    np.testing.assert_allclose(
        executable.work[base : base + length], expected[WORK][base : base + length],
        rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-4 if dtype == "float32" else 1e-12,
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(7, 10, 33), (32, 32, 64), (5, 3, 40)])
def test_strips(shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    rows, columns, depth = shape
    reduction = pytest.importorskip("micrograd.compiler.backends.llvm.reduction")
    b, out = rows * depth, (rows + columns) * depth
    term = Statement(
        TERM, Affine(WORK, out, (2 * columns, 2, 0)),
        (Affine(WORK, 0, (depth, 0, 1)), Affine(WORK, b, (0, depth, 1))),
    )  # fmt: skip
    work = np.random.default_rng(0).normal(size=out + 2 * rows * columns)
    given = Program((Nest(shape, (term,), "add"),), work, {}, out, kept=((out, 1),))
    whole = llvm.load(given, "float64").source
    monkeypatch.setattr(reduction, "LARGE", 0)
    monkeypatch.setattr(reduction, "STRIP_BYTES", 0)
    executable = llvm.load(given, "float64")
    assert executable.source != whole or min(shape) < 9
    expected: Any = {WORK: given.work.copy()}
    interpret.run(given, expected)
    executable.run()
    np.testing.assert_allclose(executable.work[out:], expected[WORK][out:], rtol=1e-12, atol=1e-12)


def test_small_products_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert "alloca" not in llvm.load(product(64, 64, 64, False, False, True), "float64").source
