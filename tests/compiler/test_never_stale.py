"""A change of the world around a compiled function is seen at the next call, whichever that is."""

from __future__ import annotations

import os
import random
from argparse import Namespace
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, nn, optim

RATE = 0.5
CONFIG = {"model": {"beta": 2.0, "layers": [1, 2]}, "on": True}


class Settings:
    """What classes hold."""

    power = 2
    shift = 0.25


class Narrow(Settings):
    """What a class inherits, until it has its own."""


class Plain:
    """An object that is no Module."""

    def __init__(self) -> None:
        self.w = [[Value(0.5), Value(-1.0)], [Value(2.0), Value(0.25)]]
        self.beta = 3.0
        self.inner = Settings()
        self.seen: list[float] = []  # by who trains: nothing that the function names
        self.count = 0

    def loss(self, x: Any) -> Value:
        rows = [sum(w * a for w, a in zip(row, x, strict=True)) for row in self.w]
        return sum((row * self.beta + self.inner.shift) ** self.inner.power for row in rows)


class Dropped(nn.Module):
    """A module that computes differently in training."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.mlp.Layer(2, 2)
        self.scale = 1.0
        self.extra = Value(0.75)

    def forward(self, x: Any) -> Any:
        out = sum(self.layer(x)) * self.scale
        return (out * 2.0 if self.training else out) + self.extra**2


def set_class(name: str, value: Any) -> None:
    setattr(Settings, name, value)


def make_closure() -> tuple[Callable[[Any], Value], dict[str, Callable[[float], Any]]]:
    a, table, numbers = Value(1.5), [Value(0.5), Value(2.0)], [0.1, 0.2]
    array, chosen = np.array([1.0, -2.0]), {"k": 3.0, "of": [Value(1.0)]}
    kept = {"a": a}

    def loss(x: Any) -> Value:
        total = kept["a"] * x[0] + sum(t * n for t, n in zip(table, numbers, strict=True))
        total = total + float(array[0]) * a * x[1] + chosen["k"] * chosen["of"][0]
        return (total * RATE) ** 2 + CONFIG["model"]["beta"] * a * len(CONFIG["model"]["layers"])

    return loss, {
        "an entry of a list of Values": lambda k: table.__setitem__(1, Value(k)),
        "a number in a list": lambda k: numbers.__setitem__(0, k),
        "a list refilled": lambda k: numbers.__setitem__(slice(None), [k, -k]),
        "an array refilled": lambda k: array.__setitem__(0, k),
        "an entry of a dict": lambda k: chosen.__setitem__("k", k),
        "a list in a dict": lambda k: chosen["of"].__setitem__(0, Value(k)),
        "a Value in a dict": lambda k: kept.__setitem__("a", Value(k)),
        "a nested dict of globals": lambda k: CONFIG["model"].__setitem__("beta", k),
        "a list in globals": lambda k: CONFIG["model"]["layers"].append(k),
        "a global": lambda k: globals().__setitem__("RATE", k),
    }


def make_method() -> tuple[Callable[[Any], Value], dict[str, Callable[[float], Any]]]:
    plain = Plain()
    return plain.loss, {
        "an attribute": lambda k: setattr(plain, "beta", k),
        "a row of an attribute": lambda k: plain.w.__setitem__(0, [Value(k), Value(1.0)]),
        "a Value of a row": lambda k: plain.w[1].__setitem__(0, Value(k)),
        "an attribute of a class": lambda k: set_class("shift", k),
        "an attribute over that of a class": lambda k: setattr(plain.inner, "shift", k),
        "an object": lambda k: setattr(plain, "inner", Plain().inner),
    }


class Slotted:
    """An object with slots."""

    __slots__ = ("k", "w")

    def __init__(self) -> None:
        self.k, self.w = 1.0, Value(0.5)


class Listed(list):  # type: ignore[type-arg]
    """A list of one's own."""


def make_containers() -> tuple[Callable[[Any], Value], dict[str, Callable[[float], Any]]]:
    a = Value(1.5)
    space, arguments = SimpleNamespace(k=1.0, inner=SimpleNamespace(w=Value(2.0))), Namespace(k=0.5)
    slotted, listed, chosen = Slotted(), Listed([1.0, 2.0]), defaultdict(float, k=1.0)
    ordered, queue, members = OrderedDict(k=1.0), deque([1.0, 2.0]), {1, 2}
    late: dict[str, float] = {}
    narrow, filled, counted = Narrow(), dict[str, float](), defaultdict(lambda: 1.0)
    scaled = partial(lambda k, x: k["by"] * x, {"by": 2.0})

    def loss(x: Any) -> Value:
        total = a * space.k + space.inner.w * arguments.k + slotted.w * slotted.k + listed[0]
        total = total + chosen["k"] + ordered["k"] * a + sum(queue) + len(members)
        total = (
            total
            + late.get("k", 1.0)
            + getattr(space, "late", 0.0)
            + scaled(a)
            + sum(late.values())
        )
        try:
            total = total * space.missing
        except AttributeError:
            total = total + narrow.shift
        total = total + filled.setdefault("k", 1.0) * counted["k"]
        return (total * x[0] + x[1]) ** 2

    return loss, {
        "an attribute of a subclass": lambda k: setattr(Narrow, "shift", k),
        "an attribute that was missed": lambda k: setattr(space, "missing", k),
        "what was set by default": lambda k: filled.__setitem__("k", k),
        "what a defaultdict had made": lambda k: counted.__setitem__("k", k),
        "an attribute of a namespace": lambda k: setattr(space, "k", k),
        "a Value of a nested namespace": lambda k: setattr(space.inner, "w", Value(k)),
        "an attribute of parsed arguments": lambda k: setattr(arguments, "k", k),
        "a slot": lambda k: setattr(slotted, "k", k),
        "a Value in a slot": lambda k: setattr(slotted, "w", Value(k)),
        "an entry of a subclass of list": lambda k: listed.__setitem__(0, k),
        "an entry of a defaultdict": lambda k: chosen.__setitem__("k", k),
        "an entry of an OrderedDict": lambda k: ordered.__setitem__("k", k),
        "an entry of a deque": lambda k: queue.append(k),
        "a member of a set": lambda k: members.add(int(10 * k)),
        "a key that comes later": lambda k: late.__setitem__("k", k),
        "an attribute that comes later": lambda k: setattr(space, "late", k),
        "an argument of a partial": lambda k: scaled.args[0].__setitem__("by", k),
    }


def make_module() -> tuple[Callable[[Any], Any], dict[str, Callable[[float], Any]]]:
    random.seed(1)
    module = Dropped()
    return (lambda x: module(x)), {
        "eval()": lambda k: module.eval(),
        "train() and eval()": lambda k: module.train(int(10 * k) % 2 == 0),
        "a number of a module": lambda k: setattr(module, "scale", k),
        "a Value of a module": lambda k: setattr(module, "extra", Value(k)),
        "a parameter of a layer": lambda k: setattr(module.layer.neurons[0], "b", Value(k)),
        "a weight of a layer": lambda k: module.layer.neurons[1].w.__setitem__(0, Value(k)),
        "a layer": lambda k: setattr(module, "layer", nn.mlp.Layer(2, 2)),
    }


KINDS = [
    (make, name)
    for make in (make_closure, make_method, make_containers, make_module)
    for name in make()[1]
]


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "RATE", 0.5)
    monkeypatch.setitem(globals(), "CONFIG", {"model": {"beta": 2.0, "layers": [1, 2]}})
    monkeypatch.setattr(Settings, "shift", 0.25)
    monkeypatch.setattr(Narrow, "shift", 0.5)
    monkeypatch.delattr(Narrow, "shift")


@pytest.mark.sampled(2)
@pytest.mark.parametrize("before", [1, 2, 3, 5, 8, 10])
@pytest.mark.parametrize(("make", "name"), KINDS, ids=[name for _, name in KINDS])
def test_a_change_is_seen_at_the_next_call(make: Any, name: str, before: int) -> None:
    fn, changes = make()
    f = micrograd.compile(fn, backend="numpy")
    rng = np.random.default_rng(0)
    for call in range(13):
        if call in (before, before + 2):
            changes[name](0.5 + 0.1 * call)
        x = rng.normal(size=2)
        expected = fn(x)
        value, gradient = f.value_and_grad(x)
        assert value == pytest.approx(expected.data, rel=1e-12), f"call {call}"
        for p in f.parameters:
            p.grad = 0.0
        expected.backward()
        np.testing.assert_allclose(gradient, [p.grad for p in f.parameters], rtol=1e-9, atol=1e-12)


def test_steps_follow_a_frozen_and_a_replaced_parameter(backend: str) -> None:
    def run(compiled: bool) -> list[float]:
        plain = Plain()
        sgd = optim.SGD([w for row in plain.w for w in row], lr=0.01, momentum=0.9)
        f = micrograd.compile(plain.loss, optimizer=sgd, backend=backend)
        found = []
        for i in range(12):
            if i == 6:
                plain.beta = 0.5
            if compiled:
                f.step([1.0, -0.5])
            else:
                sgd.zero_grad()
                plain.loss([1.0, -0.5]).backward()
                sgd.step()
            plain.seen.append(float(i))
            plain.count += 1
            found += [w.data for row in plain.w for w in row]
        return found

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_what_the_function_does_not_name_is_not_looked_at() -> None:
    """Counting and keeping a history while training compiles nothing again."""
    plain = Plain()
    f = micrograd.compile(plain.loss, backend="numpy")
    programs = set()
    for i in range(12):
        plain.seen.append(f([1.0, float(i)]))
        plain.count += 1
        programs.add(id(f._programs.newest))
    assert len(programs) == 1


def test_equal_numbers_are_no_change() -> None:
    plain = Plain()
    f = micrograd.compile(plain.loss, backend="numpy")
    programs = set()
    for i in range(12):
        plain.beta = float(str(3.0 + 0.0 * i))  # another object each time
        f([1.0, float(i)])
        programs.add(id(f._programs.newest))
    assert len(programs) == 1
    plain.beta = -0.0
    assert f([1.0, 2.0]) == plain.loss([1.0, 2.0]).data
    plain.beta = 0.0
    assert f([1.0, 2.0]) == plain.loss([1.0, 2.0]).data


def _members(make: Any, change: Callable[[list[dict[str, Any]], Value, Value], Any], backend: str,
             compiled: bool) -> list[float]:  # fmt: skip
    a, b, c = Value(1.0), Value(1.0), Value(0.5)
    optimizer = make([a, b])
    f = micrograd.compile(
        lambda x: (a * x + b + c * c - 3.0) ** 2, optimizer=optimizer, backend=backend
    )
    for i in range(12):
        if i == 4:
            change(optimizer.param_groups, b, c)
        if compiled:
            f.step(1.0)
        else:
            optimizer.zero_grad()
            f.fn(1.0).backward()
            optimizer.step()
    return [a.data, b.data, c.data]


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1), lambda p: optim.Adam(p, lr=0.1)])
@pytest.mark.parametrize(
    "change",
    [
        lambda groups, b, c: groups[0].__setitem__("params", [b]),
        lambda groups, b, c: groups[0]["params"].__setitem__(slice(None), [c]),
        lambda groups, b, c: groups[0]["params"].__setitem__(0, c),
        lambda groups, b, c: groups[0]["params"].__setitem__(slice(None), [b, c]),
        lambda groups, b, c: groups.__setitem__(0, dict(groups[0], params=[b])),
    ],
    ids=["another list", "one other", "one in its place", "others", "another group"],
)
def test_who_is_in_a_group_is_seen_at_the_next_step(make: Any, change: Any, backend: str) -> None:
    eager = _members(make, change, backend, compiled=False)
    assert _members(make, change, backend, compiled=True) == pytest.approx(eager, rel=1e-12)


def test_a_module_of_the_user(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users_settings.py").write_text("temperature = 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    import users_settings  # type: ignore[import-not-found]

    w = Value(2.0)
    f = micrograd.compile(lambda x: w * x * users_settings.temperature, backend="numpy")
    for i in range(6):
        users_settings.temperature = 1.0 + (i > 3)
        assert f(3.0 + i) == pytest.approx(2.0 * (3.0 + i) * (1.0 + (i > 3)))


def test_true_among_integers_that_are_indices(backend: str) -> None:
    table = [Value(0.0), Value(1.0), Value(2.0)]

    def loss(ids: Any) -> Value:
        return sum((table[i] - 1.0) ** 2 for i in ids)

    f = micrograd.compile(loss, backend=backend)
    for ids in ([True, 1, 2], [1, 2, True], [0, 2, True]):
        assert f(ids) == loss(ids).data


def test_what_comes_back_is_not_compiled_again(backend: str) -> None:
    module = Dropped()
    f = micrograd.compile(module, backend=backend)
    counts = []
    for _ in range(6):
        for training in (True, False):
            module.train(training)
            assert f([1.0, -0.5]) == pytest.approx(module([1.0, -0.5]).data, rel=1e-12)
        counts.append(len(f._programs))
    assert counts[0] == counts[-1] == 2


def test_an_equal_number_that_is_shared_is_no_change(backend: str) -> None:
    """One object of a float is one constant of a program, equal ones are several."""
    plain, one = SimpleNamespace(a=1.0, b=1.0), Value(2.0)
    f = micrograd.compile(lambda x: one * plain.a + one * plain.b * x, backend=backend)
    for a in (1.0, float("1"), 0.5, float("1.0"), float("1e0")):
        plain.a = a
        for x in (0.1, 0.2):
            assert f(x) == pytest.approx(2.0 * a + 2.0 * x)


@pytest.mark.parametrize(
    "read",
    [
        lambda: float(os.environ["MICROGRAD_RATE"]),
        lambda: float(os.environ.get("MICROGRAD_RATE", "9")),
        lambda: float(os.getenv("MICROGRAD_RATE") or 9),
        lambda: 3.0 if "MICROGRAD_RATE" in os.environ else 9.0,
    ],
)
def test_the_environment_of_the_process(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    w = Value(0.5)
    f = micrograd.compile(lambda x: w * x * read(), backend="numpy")
    for value in ("1", "2", "3"):
        monkeypatch.setenv("MICROGRAD_RATE", value)
        assert [f(x) for x in (1.0, 2.0, 3.0)] == [0.5 * x * read() for x in (1.0, 2.0, 3.0)]
