"""Everything that follows from a row of the op table, tried on one: `new_row.py NAME [STATIC]`.

Run with a checkout that has the row: it names no operation itself.
"""

from __future__ import annotations

import math
import struct
import sys
from typing import Any

import numpy as np

import micrograd
import viz
from micrograd import Value, grad, gradcheck, nn, optim, record_step, tensor
from micrograd.compiler.trace.numbers.reads import Read
from micrograd.core import python_core
from micrograd.ops import FLOATS, OPS

NAME = sys.argv[1] if __name__ == "__main__" else ""
STATIC = tuple(map(float, sys.argv[2:])) if NAME else ()
POINTS = [-3.0, -0.7, -1e-9, 0.3, 1.0, 2.5]
EDGES = [math.nan, math.inf, -math.inf, 0.0, -0.0, 30.0, -30.0]


def call(x: Any) -> Any:
    return getattr(x, NAME)(*STATIC)


class Applied(nn.Module):
    """A layer with the row behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, x: Any) -> Any:
        return call(self.layer(x))


def same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def eager() -> None:
    row = OPS[NAME]
    for x in (*POINTS, *EDGES):
        leaf = Value(x)
        y = call(leaf)
        assert same(y.data, row.f(x, *STATIC)), x
        y.backward()
        (slope,) = row.vjp(FLOATS, 1.0, y.data, x, *STATIC)
        assert same(leaf.grad, slope), x
    assert call(tensor(POINTS)).tolist() == [row.f(x, *STATIC) for x in POINTS]
    assert hasattr(Read, NAME)
    for x in POINTS:
        if row.kink is None or abs(row.kink(x, *STATIC)) > 1e-3:
            assert gradcheck(call, [x])
            assert gradcheck(lambda v: grad(call(v) ** 2, [v], create_graph=True)[0], [x])


def core() -> None:
    """The core in use says what the one in Python does, to the bit."""
    row = OPS[NAME]
    for x in (*POINTS, *EDGES):
        found = []
        for which in (python_core, micrograd.engine):
            leaf = which.make_leaf(x)  # type: ignore[attr-defined]
            node = which.compute(row, (leaf,), *STATIC)  # type: ignore[attr-defined]
            (node * -0.75).backward()
            numbers = [math.nan if z != z else z for z in (node.data, leaf.grad)]
            found.append(struct.pack("<2d", *numbers))
        assert found[0] == found[1], x


def pictures() -> None:
    micrograd.manual_seed(0)
    model = Applied()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    step = record_step(model, nn.MSELoss(), sgd, tensor([[0.5, -1.0]]), tensor([[0.1, 0.2, 0.3]]))
    shown = OPS[NAME].text("\0", *[f"{k:g}" for k in STATIC]).split("\0")[0]
    for view in (viz.gradient_diagram, viz.layer_graph, viz.op_graph):
        svg = view(step if view is not viz.op_graph else call(Value(0.5))).svg()
        assert (OPS[NAME].symbol if view is viz.op_graph else shown) in svg, view.__name__


def compiled(backend: str, dtype: str, tolerance: float) -> None:
    rows = np.array([POINTS, POINTS[::-1]])
    w = [Value(x) for x in (0.3, -0.8, 1.1, 0.7, -0.2, 0.4)]

    def loss(x: Any) -> Value:
        total = sum((call(a * b) for a, b in zip(w, x, strict=True)), Value(0.0))
        return total * total

    f = micrograd.compile(loss, batch=True, backend=backend, dtype=dtype)
    value, gradient = f.value_and_grad(rows)
    mean = sum((loss(x.tolist()) for x in rows), Value(0.0)) / len(rows)
    expected = [x.data for x in grad(mean, list(f.parameters))]
    np.testing.assert_allclose(value, mean.data, rtol=tolerance)
    np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance)


if __name__ == "__main__":
    eager()
    core()
    pictures()
    for backend in ("numpy", "llvm"):
        compiled(backend, "float64", 1e-12)
        compiled(backend, "float32", 1e-5)
    print(micrograd.__file__, micrograd.engine.CORE)
