"""Numbers around a compiled function: those that change are inputs, and change nothing else."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, nn, optim

TEMPERATURE = 1.0


class Model:
    """Numbers wherever an object keeps them."""

    def __init__(self) -> None:
        self.w = [Value(0.5), Value(-1.25)]
        self.beta = 1.0
        self.config: dict[str, Any] = {"rate": 0.5, "inner": {"rate": 2.0}, "name": "m"}
        self.shifts = [0.25, -0.5]

    def loss(self, x: Any) -> Any:
        a, b = self.w
        total = (a * x[0] * self.beta + self.shifts[0]) ** 2 + (b * x[1] + self.shifts[1]) ** 2
        return total * self.config["rate"] - a * self.config["inner"]["rate"] / (1 + self.beta)


class Scaled(nn.Module):
    """A module with a number."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.mlp.Neuron(2)
        self.scale = 1.0

    def forward(self, x: Any) -> Any:
        return self.w(x) * self.scale + TEMPERATURE


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "TEMPERATURE", 1.0)


def kinds() -> dict[str, tuple[Callable[[Any], Any], Callable[[float], Any]]]:
    """Functions, and what changes a number around them."""
    model, module, w = Model(), Scaled(), Value(0.75)
    space, table = SimpleNamespace(k=1.0), {"k": np.float64(1.0)}
    cell = 1.0

    def closure(x: Any) -> Any:
        return (w * x[0] - cell) ** 2

    def set_cell(k: float) -> None:
        nonlocal cell
        cell = k

    def refill(k: float) -> None:
        model.shifts[:] = [k, 2 * k]

    def of_global(x: Any) -> Any:
        return (w * x[0] - x[1]) ** 2 / TEMPERATURE

    return {
        "an attribute": (model.loss, lambda k: setattr(model, "beta", k)),
        "an entry of a dict": (model.loss, lambda k: model.config.__setitem__("rate", k)),
        "one deeper": (model.loss, lambda k: model.config["inner"].__setitem__("rate", k)),
        "a list": (model.loss, refill),
        "two at once": (model.loss, lambda k: (refill(k), setattr(model, "beta", -k))),
        "a module": (lambda x: module(x), lambda k: setattr(module, "scale", k)),
        "a cell": (closure, set_cell),
        "a global": (of_global, partial(globals().__setitem__, "TEMPERATURE")),
        "a namespace": (lambda x: (w * x[0]).tanh() * space.k, partial(setattr, space, "k")),
        "a number of NumPy": (
            lambda x: w * x[0] * table["k"],
            lambda k: table.__setitem__("k", np.float64(k)),
        ),
        "an argument of a partial": (
            partial(lambda c, x: w * x[0] * c["k"], c := {"k": 1.0}),
            lambda k: c.__setitem__("k", k),
        ),
    }


def check(f: Any, fn: Any, x: Any) -> None:
    """The compiled function does what the function does."""
    expected = fn(x)
    value, gradient = f.value_and_grad(x)
    assert value == pytest.approx(expected.data, rel=1e-12)
    exact = micrograd.grad(expected, list(f.parameters))
    np.testing.assert_allclose(gradient, [g.data for g in exact], rtol=1e-11, atol=1e-13)
    assert f(x) == pytest.approx(expected.data, rel=1e-12)


@pytest.mark.parametrize("name", kinds())
def test_a_number_that_changes_compiles_once_more(
    name: str, built: list[Any], backend: str
) -> None:
    fn, change = kinds()[name]
    f = micrograd.compile(fn, backend=backend)
    check(f, fn, [0.5, 2.0])
    change(1.5)
    check(f, fn, [0.5, 2.0])
    known = len(built)
    for k in range(12):
        change(0.3 + 0.1 * k)
        check(f, fn, [0.5 + k, 2.0])
    assert len(built) == known


def test_steps_with_a_number_that_changes_each_time(backend: str, built: list[Any]) -> None:
    ours, eager = Model(), Model()
    adam = optim.Adam(ours.w, lr=0.05)
    theirs = optim.Adam(eager.w, lr=0.05)
    f = micrograd.compile(ours.loss, optimizer=adam, backend=backend)
    for k in range(30):
        x = [math.sin(k), 1.0]
        for model in (ours, eager):
            model.beta = 0.99**k
            if k > 10:
                model.config["rate"] = 1.0 / k
            if k > 15:
                model.shifts = [0.1 * k, -0.5]
        theirs.zero_grad()
        loss = eager.loss(x)
        loss.backward()
        theirs.step()
        assert f.step(x) == pytest.approx(loss.data, rel=1e-12)
        assert [p.data for p in ours.w] == pytest.approx([p.data for p in eager.w], rel=1e-12)
    assert ours.beta == 0.99**29


DECIDING: dict[str, Callable[[Any, Any], Any]] = {
    "a branch": lambda s, w: w * 2.0 if s.k > 1.0 else w * w,
    "a truth": lambda s, w: w * 3.0 if s.k else w,
    "a slope": lambda s, w: (w - 1.0).leaky_relu(s.k),
    "an exponent": lambda s, w: (w * w) ** s.k,
    "a count": lambda s, w: sum(w * i for i in range(int(s.k * 4))) + w,
    "a function of numbers": lambda s, w: w * math.exp(s.k),
    "text": lambda s, w: w * len(f"{s.k}"),
    "a sort": lambda s, w: w * (2.0 if isinstance(s.k, float) else 3.0),
    "a key": lambda s, w: w * {0.5: 2.0}.get(s.k, 3.0),
    "a maximum": lambda s, w: w * max(s.k, 1.0),
    "a rounded number": lambda s, w: w * round(s.k, 1),
    "a remainder": lambda s, w: w * (s.k % 1.0),
    "a float of it": lambda s, w: w * float(s.k),
}


@pytest.mark.parametrize("name", DECIDING)
def test_numbers_that_decide_something(name: str, backend: str) -> None:
    space, w = SimpleNamespace(k=0.5), Value(1.25)

    def fn(x: Any) -> Any:
        return DECIDING[name](space, w) * x[0]

    f = micrograd.compile(fn, backend=backend)
    for k in (0.5, 1.5, 0.25, 0.0, 2.0, 1.5, 0.5, math.pi):
        space.k = k
        check(f, fn, [0.5, k])
        assert space.k == k


def test_what_is_no_number_any_more(backend: str) -> None:
    space, w = SimpleNamespace(k=0.5), Value(1.25)

    def fn(x: Any) -> Any:
        return w * x[0] * (1.0 if space.k is None else space.k)

    f = micrograd.compile(fn, backend=backend)
    for k in (0.5, 1.5, 2, 0.25, None, 0.75, True, 0.5, Value(3.0), 1.25):
        space.k = k
        check(f, fn, [0.5, 1.0])
    del space.k
    with pytest.raises(AttributeError, match="k"):
        f([0.5, 1.0])


def test_other_changes_at_the_same_time(backend: str) -> None:
    model = Model()
    f = micrograd.compile(model.loss, backend=backend)
    for k in range(1, 10):
        model.beta = 0.5 * k
        if k % 3 == 0:
            model.w[0] = Value(0.1 * k)
        if k % 4 == 0:
            model.shifts.append(1.0)
        check(f, model.loss, [0.5, float(k)] if k % 2 else [0.5, float(k), 3.0])


def test_numbers_are_put_back_after_an_error(backend: str) -> None:
    space, w = SimpleNamespace(k=0.5, fails=False), Value(1.25)

    def fn(x: Any) -> Any:
        if len(x) > 2:
            raise KeyError("three")
        return w * x[0] * space.k

    f = micrograd.compile(fn, backend=backend)
    check(f, fn, [0.5, 1.0])
    space.k = 0.75
    check(f, fn, [0.5, 1.0])
    with pytest.raises(KeyError, match="three"):
        f([0.5, 1.0, 2.0])
    assert space.k == 0.75
    assert type(space.k) is float
    space.k = 2.0
    check(f, fn, [0.25, 1.0])


def test_nan_and_infinity_as_numbers(backend: str) -> None:
    space, w = SimpleNamespace(k=0.5), Value(1.25)
    f = micrograd.compile(lambda x: w * x * space.k, backend=backend)
    for k in (0.5, 1.5, math.inf, 0.25, math.nan, -0.0, 1.0):
        space.k = k
        assert f(2.0) == pytest.approx(2.5 * k, nan_ok=True)


def test_a_batch_keeps_numbers_as_constants(backend: str) -> None:
    space, w = SimpleNamespace(k=0.5), Value(1.25)
    f = micrograd.compile(lambda x: w * x * space.k, backend=backend, batch=True)
    for k in (0.5, 1.5, 0.25):
        space.k = k
        assert f([1.0, 3.0]) == pytest.approx(2.5 * k)


def test_two_functions_around_one_number(backend: str) -> None:
    space, w = SimpleNamespace(k=0.5), Value(1.25)
    f, g = (micrograd.compile(lambda x, n=n: w * x * space.k + n, backend=backend) for n in (0, 1))
    for k in (0.5, 1.5, 0.25, 2.0):
        space.k = k
        assert (f(2.0), g(3.0)) == (2.5 * k, 3.75 * k + 1)


def test_explained_by_name(backend: str) -> None:
    model = Model()
    f = micrograd.compile(model.loss, backend=backend)
    for k in (1.0, 2.0):
        model.beta = k
        f([0.5, 2.0])
    assert "beta" in f.explain()
    assert "x1" not in f.explain()


def test_exported_as_it_is_now() -> None:
    space, w = SimpleNamespace(k=0.5), Value(1.25)

    def fn(x: float) -> Value:
        return w * x * space.k

    f = micrograd.compile(fn, backend="numpy")
    for k in (0.5, 1.5, 0.25):
        space.k = k
        f(2.0)
    exported = micrograd.export(f, to="numpy")
    assert float(exported.load()(exported.parameters, 2.0)) == 2.0 * 1.25 * 0.25


def test_other_threads_meet_numbers_while_a_function_is_traced(backend: str) -> None:
    settings, w = {"beta": 0.5}, Value(2.0)
    seen: list[tuple[Any, ...]] = []

    def look() -> None:
        b: Any = settings["beta"]
        seen.append((
            f"{b:.2f}", str(b), b * 2, 1 - b, b + b, b**2, -b, abs(b), b < 0.9, b == b, bool(b),
            int(b), round(b, 1), math.exp(b), (w * b).data, sorted([b, 0.1])[0], {b: 1}[float(b)],
        ))  # fmt: skip

    def loss(x: Any) -> Any:
        other = threading.Thread(target=look)
        other.start()
        other.join()
        return (w * settings["beta"] - x) ** 2

    f = micrograd.compile(loss, backend=backend)
    for beta in (0.5, 0.625, 0.75):
        settings["beta"] = beta
        assert f(1.0) == (2.0 * beta - 1.0) ** 2
        traced = seen[-1]
        look()
        assert traced in (seen[-1], seen[0])
        assert all(type(x) is type(y) for x, y in zip(traced, seen[-1], strict=True))


@dataclass(slots=True)
class Settings:
    """Numbers in slots."""

    beta: float = 0.5
    shift: float = 0.25
    name: str = "a"


class Frozen:
    """A slot that is set in its own way only."""

    __slots__ = ("beta",)

    def __init__(self) -> None:
        object.__setattr__(self, "beta", 0.5)

    def __setattr__(self, name: str, x: Any) -> None:
        raise AttributeError(name)


@pytest.mark.parametrize("kind", [Settings, Frozen])
def test_numbers_in_slots_are_inputs(kind: Any, built: list[Any], backend: str) -> None:
    settings, w = kind(), Value(1.5)

    def loss(x: float) -> Any:
        return (w * settings.beta - x) ** 2 + getattr(settings, "shift", 0.0)

    f = micrograd.compile(loss, backend=backend)
    for k in range(12):
        object.__setattr__(settings, "beta", 0.5 + k / 8)
        if kind is Settings and k > 6:
            settings.shift = k / 4
        assert f(2.0) == pytest.approx(loss(2.0).data, rel=1e-12)
        assert type(settings.beta) is float
    assert len(built) <= 3


def test_a_slot_that_holds_something_else_is_part_of_the_program(backend: str) -> None:
    settings, w = Settings(), Value(1.5)

    def loss(x: float) -> Any:
        return w * settings.beta * x if settings.name == "a" else w * x - settings.beta

    f = micrograd.compile(loss, backend=backend)
    for k, name in enumerate("aabbabab"):
        settings.name, settings.beta = name, 0.5 + k / 4
        assert f(2.0) == pytest.approx(loss(2.0).data, rel=1e-12)
    settings.beta = Value(3.0)
    assert f(2.0) == pytest.approx(loss(2.0).data, rel=1e-12)
    settings.beta = 2
    assert f(2.0) == pytest.approx(loss(2.0).data, rel=1e-12)
