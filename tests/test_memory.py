"""Deep graphs without recursion, no reference cycles, few bytes a node, an untouched collector."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from micrograd import (
    Value,
    detect_anomaly,
    engine,
    grad,
    hessian,
    maximum,
    nn,
    no_grad,
    optim,
    tensor,
)
from micrograd.core.notes import More
from micrograd.core.walk import topological_order
from micrograd.tape.tape import take

DEFAULT_RECURSION_LIMIT = 1000


@pytest.fixture
def _shallow() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(DEFAULT_RECURSION_LIMIT)
    yield
    sys.setrecursionlimit(limit)


def chain(n: int, x: Value) -> Value:
    """n operations in a row, of several kinds; the value stays finite, the derivative 1 or -1."""
    steps: list[Callable[[Value], Value]] = [lambda v: v + x, lambda v: v - x, lambda v: -v]
    v = x
    for i in range(n):
        v = steps[i % 3](v)
    return v


@pytest.mark.usefixtures("_shallow")
def test_a_chain_of_a_million_operations() -> None:
    x = Value(0.5)
    root = x
    for _ in range(500_000):
        root = root * 0.999999 + x
    root.backward()
    assert root.data == pytest.approx(0.5 * sum(0.999999**i for i in range(500_001)), rel=1e-9)
    assert x.grad == pytest.approx(root.data / 0.5, rel=1e-9)
    del root  # frees the whole graph: a recursive free would overflow the C stack here


@pytest.mark.usefixtures("_shallow")
def test_other_walks_of_a_long_chain() -> None:
    n = 40_000
    x = Value(0.5)
    root = chain(n, x)
    (slope,) = grad(root, [x])
    order = topological_order(root)
    tape, position = take(root)
    assert len(order) == len(tape.nodes) == n + 1
    assert (position[x], position[root], tape.nodes[-1].value) == (0, n, root.data)
    root.backward()
    assert slope.data == x.grad


@pytest.mark.usefixtures("_shallow")
def test_a_long_chain_of_slow_nodes() -> None:
    """Made by hand, watched by an observer, and differentiated as a graph."""
    x = Value(0.5)
    root = x
    for _ in range(20_000):
        root = Value(root.data, (root,), "same")
    root.backward()
    assert root._inputs[0].grad == 0.0
    with detect_anomaly():
        root = chain(20_000, x)
        root.backward()
        (slope,) = grad(chain(5_000, x), [x], create_graph=True)
    assert slope.data == grad(chain(5_000, x), [x])[0].data
    assert x.grad == grad(root, [x])[0].data


# ---- reference cycles ----------------------------------------------------------------------------


def collected(run: Callable[[], Any]) -> int:
    """How many objects the cycle collector finds after `run`, whose result is dropped."""
    run()  # what is made once: caches, lazy imports
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # what is there already is not looked at again
    try:
        run()
        return gc.collect()
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def scalar_graph() -> None:
    a, b = Value(2.0), Value(-3.0)
    root = (a * b + a**2 - 3 / b).tanh() + maximum(a, b) + a.leaky_relu() + a**b
    root.backward()
    root.backward()
    grad(root, [a, b])
    hessian(root, [a, b])
    take(root)
    root._backward()
    with no_grad():
        _ = root * 2
    with detect_anomaly():
        (a * b).backward()


def training_steps() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss = nn.MSELoss()
    for _ in range(3):
        optimizer.zero_grad()
        result = loss(model(tensor([[1.0, 2.0], [3.0, 4.0]])), tensor([[1.0], [2.0]]))
        result.backward()
        optimizer.step()
    repr(model), repr(result), model.state_dict(), optimizer.zero_grad()


def karpathy_steps() -> None:
    model = nn.MLP(2, [3, 1])
    for _ in range(3):
        loss = sum((model([x, 1.0]) - x) ** 2 for x in (0.5, -0.5))
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad


def tensor_code() -> None:
    x, w = tensor([[1.0, 2.0], [3.0, 4.0]]), nn.Parameter([[0.5], [-0.5]])
    y = ((x @ w - 1) ** 2).mean() + abs(w).sum() / x.T.reshape(4).exp().sum()
    y.backward()
    assert w.grad is not None
    repr(y), repr(w.grad), y.detach(), y.item(), x[0], np.exp(x._values)


@pytest.mark.parametrize("run", [scalar_graph, training_steps, karpathy_steps, tensor_code])
def test_nothing_is_left_to_the_cycle_collector(run: Callable[[], None]) -> None:
    assert collected(run) == 0


def test_the_count_would_find_a_cycle() -> None:
    """A hand-written closure over its own node is a cycle, as in the lectures."""

    def by_hand() -> None:
        out = Value(1.0, (Value(1.0),), "mine")
        out._backward = lambda: out.grad

    assert collected(by_hand) > 0


def test_a_graph_dies_with_its_last_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    died: list[str] = []

    class Watched(More):
        __slots__ = ("__weakref__",)

    monkeypatch.setattr("micrograd.core.scalar.More", Watched)
    x = Value(2.0)
    inner = x * 3
    inner.label = "inner"
    weakref.finalize(inner._more, died.append, "inner")
    root = inner.exp() + x
    root.backward()
    del inner
    assert died == []
    del root
    assert died == ["inner"]


# ---- bytes ---------------------------------------------------------------------------------------


def test_bytes_a_node() -> None:
    n = 30_000
    x = Value(0.5)
    held = [Value(0.0) for _ in range(100_001)]  # so that no dead node is there to be used again
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        root = chain(n, x)
        root.backward()
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    most = 96 if engine.CORE == "native" else 160
    assert 64 < used / n <= most
    assert len(held) == 100_001


# ---- the collector's settings --------------------------------------------------------------------

UNTOUCHED = """
import gc
before = gc.get_threshold(), gc.isenabled(), gc.get_debug(), gc.get_freeze_count(), gc.callbacks[:]
import micrograd, micrograd.nn as nn, micrograd.optim as optim
model = nn.Linear(1, 1)
optimizer = optim.SGD(model.parameters(), lr=0.1)
loss = nn.MSELoss()(model(micrograd.tensor([[1.0]])), micrograd.tensor([[1.0]]))
loss.backward(); optimizer.step()
v = micrograd.Value(1.0)
for i in range(10_000):
    v = v * 1.0
v.backward()
micrograd.grad(v, [v])
after = gc.get_threshold(), gc.isenabled(), gc.get_debug(), gc.get_freeze_count(), gc.callbacks[:]
print(before == after, before[1])
"""


@pytest.mark.parametrize("setting", ["pass", "gc.disable()", "gc.set_threshold(123, 4, 5)"])
def test_the_collector_is_left_as_it_is(setting: str) -> None:
    code = f"import gc; {setting}\n{UNTOUCHED}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", str("disable" not in setting)]
