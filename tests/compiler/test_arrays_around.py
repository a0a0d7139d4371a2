"""Arrays around a function, and numbers around a function of samples: inputs, where they change."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, optim

WEIGHTS = np.array([1.0, 2.0, 3.0])


def kinds() -> dict[str, tuple[Any, Any]]:
    """Functions of an array around them, and what gives it other contents."""
    w = [Value(0.5), Value(-1.25), Value(2.0)]
    kept = SimpleNamespace(scale=np.array([1.0, 0.5, 0.25]), table=np.arange(6.0).reshape(2, 3))
    entries = {"mask": np.ones(3), "name": "m"}
    inner = np.zeros(3)

    def of_global(x: float) -> Value:
        return sum(a * c * x for a, c in zip(w, WEIGHTS, strict=True)) ** 2

    def of_attribute(x: float) -> Value:
        return sum((a * x - c) ** 2 for a, c in zip(w, kept.scale, strict=True))

    def of_two(x: float) -> Value:
        return sum(a * kept.table[i, j] * x for i in range(2) for j, a in enumerate(w)) ** 2

    def of_entry(x: float) -> Value:
        return sum((a * c).tanh() for a, c in zip(w, entries["mask"] * x, strict=True)) ** 2

    def of_variable(x: float) -> Value:
        return (w[0] * x - np.dot(inner, [1.0, 2.0, 3.0])) ** 2 + w[1] * inner[0]

    def replace(k: float) -> None:
        kept.scale = np.array([k, 1.0, -k])

    return {
        "global": (of_global, lambda k: WEIGHTS.__setitem__(0, k)),
        "attribute": (of_attribute, replace),
        "two axes": (of_two, lambda k: kept.table.__setitem__((1, 1), k)),
        "entry": (of_entry, lambda k: entries.__setitem__("mask", np.array([k, 0.0, 1.0]))),
        "variable": (of_variable, lambda k: inner.fill(k)),
    }


@pytest.mark.parametrize("way", ["call", "value_and_grad"])
@pytest.mark.parametrize("kind", kinds())
def test_other_contents_compile_once(kind: str, way: str, backend: str, built: list[Any]) -> None:
    fn, change = kinds()[kind]
    f = micrograd.compile(fn, backend=backend)
    for k in range(20):
        if k > 1:
            change(0.25 * k - 1)
        found = f(0.5 * k) if way == "call" else f.value_and_grad(0.5 * k)[0]
        assert found == pytest.approx(fn(0.5 * k).data, rel=1e-12, abs=1e-14)
    assert len(built) <= 3


def test_another_shape_is_another_program(backend: str) -> None:
    w, kept = Value(0.5), SimpleNamespace(c=np.ones(2))
    f = micrograd.compile(lambda x: sum(w * c * x for c in kept.c), backend=backend)
    for k in range(12):
        kept.c = np.arange(1.0, 3.0 + k % 3)
        assert f(2.0) == pytest.approx(kept.c.sum(), rel=1e-14)
    kept.c = np.array([1, 2])  # of integers
    assert f(2.0) == 3
    kept.c = [1.0, 5.0]
    assert f(2.0) == 6


def test_an_array_that_a_list_holds_too_is_never_stale(backend: str) -> None:
    w, c = Value(0.5), np.ones(2)
    held = [c]
    f = micrograd.compile(lambda x: w * x * c[0] + held[0][1], backend=backend)
    for k in range(12):
        c[:] = [k, 2 * k]
        assert f(2.0) == k + 2 * k


def test_what_numbers_in_an_array_decide(backend: str) -> None:
    w, c = Value(0.5), np.array([1.0, 2.0])
    f = micrograd.compile(lambda x: w * x if c[0] > 0 else -w * c[1], backend=backend)
    for k in range(12):
        c[:] = [(-1) ** k, k]
        assert f(2.0) == (1.0 if k % 2 == 0 else -0.5 * k)


def test_means_kept_in_arrays_are_state(backend: str) -> None:
    def made() -> tuple[Any, Any]:
        w = [Value(0.5), Value(-0.25)]
        kept = SimpleNamespace(mean=np.zeros(2))

        def loss(x: float) -> Value:
            z = [a * x for a in w]
            kept.mean = 0.9 * kept.mean + 0.1 * np.array([v.data for v in z])
            return sum((v - m) ** 2 for v, m in zip(z, kept.mean, strict=True))

        return loss, kept

    (mine, kept), (theirs, expected) = made(), made()
    f = micrograd.compile(mine, backend=backend)
    for k in range(20):
        assert f(0.1 * k) == pytest.approx(theirs(0.1 * k).data, rel=1e-12, abs=1e-15)
        np.testing.assert_allclose(kept.mean, expected.mean, rtol=1e-12)
        assert kept.mean.dtype == np.float64


@pytest.mark.parametrize("way", ["step", "call", "value_and_grad"])
def test_numbers_around_a_function_of_samples(way: str, backend: str, built: list[Any]) -> None:
    settings = {"beta": 1.0}
    pairs = []
    for _ in range(2):
        w = [Value(0.5), Value(-0.5)]

        def loss(x: list[float], y: float, w: Any = w) -> Value:
            return (w[0] * x[0] * settings["beta"] + w[1] * x[1] - y) ** 2

        pairs.append((w, loss, optim.SGD(w, lr=0.05)))
    (w, loss, sgd), (v, eager, other) = pairs
    f = micrograd.compile(loss, optimizer=sgd, batch=True, backend=backend)
    rng = np.random.default_rng(0)
    for k in range(24):
        n = 5 if k % 4 else 7
        x, y = rng.normal(size=(n, 2)), rng.normal(size=n)
        settings["beta"] = 1.0 + 0.1 * k
        found = f(x, y) if way == "call" else getattr(f, way)(x, y)
        total = sum(eager(list(a), b) for a, b in zip(x, y, strict=True)) / n
        other.zero_grad()
        total.backward()
        if way == "value_and_grad":
            found, gradient = found
            np.testing.assert_allclose(gradient, [p.grad for p in v], rtol=1e-10)
        if way == "step":
            other.step()
        assert found == pytest.approx(total.data, rel=1e-11)
        assert [p.data for p in w] == pytest.approx([p.data for p in v], rel=1e-11)
    assert len(built) <= 8  # for two sizes, each with another update in steps


def test_integers_of_samples_beside_numbers_around(backend: str) -> None:
    table, kept = [Value(0.1 * k) for k in range(5)], SimpleNamespace(beta=1.0)
    f = micrograd.compile(lambda i: table[i] * kept.beta, batch=True, backend=backend)
    for k in range(10):
        kept.beta = 0.5 * k
        ids = [k % 5, (k + 2) % 5, 4]
        assert f(ids) == pytest.approx(sum(0.1 * i for i in ids) / 3 * kept.beta, rel=1e-12)


def test_not_finite_in_a_batch_is_what_it_is_eagerly(backend: str) -> None:
    w, kept = Value(0.5), SimpleNamespace(beta=1.0)
    f = micrograd.compile(lambda x: (w * x * kept.beta).exp(), batch=True, backend=backend)
    for beta in (1.0, 2.0, 1e6, 0.5):
        kept.beta = beta
        expected = sum((w * x * beta).exp() for x in (1.0, 2.0)) / 2
        assert f([1.0, 2.0]) == pytest.approx(expected.data, rel=1e-12)
