"""An optimiser's state between compiled steps: read, written and cleared, as between eager ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import eager_step

import micrograd
from micrograd import Value, optim

Change = Callable[[Any, list[Value]], None]


def read(optimizer: Any, leaves: list[Value]) -> None:
    optimizer.state_dict(), list(optimizer.state), optimizer.state.get(leaves[0])


def clear(optimizer: Any, leaves: list[Value]) -> None:
    optimizer.state.clear()


def forget_one(optimizer: Any, leaves: list[Value]) -> None:
    optimizer.state.pop(leaves[0], None)


def replace(optimizer: Any, leaves: list[Value]) -> None:
    optimizer.state = {}


def reload(optimizer: Any, leaves: list[Value]) -> None:
    optimizer.load_state_dict(optimizer.state_dict())


def options(**changed: Any) -> Change:
    def change(optimizer: Any, leaves: list[Value]) -> None:
        optimizer.param_groups[0].update(changed)

    return change


def loads_a_buffer(optimizer: Any, leaves: list[Value]) -> None:
    saved = optimizer.state_dict()
    saved["state"] = {0: {"momentum_buffer": np.array(0.5)}}
    optimizer.load_state_dict(saved)


def run(backend: str | None, rule: str, given: Any, changes: list[Change | None]) -> Any:
    """Steps of a loss that looks up rows, each after a change; all numbers after each."""
    leaves = [Value(1.0 + 0.25 * k) for k in range(4)]
    w = Value(0.5)
    optimizer = getattr(optim, rule)([*leaves, w], lr=0.05, **given)
    loss = lambda i: (leaves[i] * w - 0.3) ** 2 + leaves[0] * w  # noqa: E731
    f = micrograd.compile(loss, optimizer=optimizer, backend=backend or "numpy")
    seen = []
    for k, change in enumerate(changes):
        if change is not None:
            change(optimizer, leaves)
            seen.append(optimizer.state_dict()["state"] if change is read else {})
        if backend:
            f.step(3 if k % 3 else 2)
        else:
            optimizer.zero_grad()
            loss(3 if k % 3 else 2).backward()
            optimizer.step()
        seen.append({"data": np.array([v.data for v in (*leaves, w)])})
    return [*seen, optimizer.state_dict()["state"]]


def same(mine: Any, theirs: Any) -> None:
    assert type(mine) is type(theirs)
    if isinstance(mine, dict):
        assert mine.keys() == theirs.keys()
        for key in mine:
            same(mine[key], theirs[key])
    elif isinstance(mine, list):
        for a, b in zip(mine, theirs, strict=True):
            same(a, b)
    else:
        assert mine == pytest.approx(theirs, rel=1e-11, abs=1e-13)


RULES = [
    ("SGD", {"momentum": 0.9}), ("SGD", {"momentum": 0.9, "dampening": 0.5}),
    ("SGD", {"momentum": 0.5, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {"amsgrad": True}), ("Adagrad", {"initial_accumulator_value": 0.5}),
    ("RMSprop", {"centered": True, "momentum": 0.5}), ("SGD", {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "given"), RULES)
def test_reading_and_clearing(rule: str, given: Any, backend: str) -> None:
    changes = [None, read, None, None, clear, read, None, forget_one, None, read, replace, None,
               read, None, reload, None, None, clear, clear, None]  # fmt: skip
    same(run(backend, rule, given, changes), run(None, rule, given, changes))


@pytest.mark.parametrize(
    ("rule", "given", "off", "on"),
    [
        ("SGD", {"momentum": 0.9}, {"momentum": 0}, {"momentum": 0.9}),
        ("SGD", {"momentum": 0.9, "dampening": 0.5}, {"momentum": 0}, {"momentum": 0.9}),
        ("SGD", {"momentum": 0.9, "nesterov": True}, {"nesterov": False, "momentum": 0},
         {"nesterov": True, "momentum": 0.9}),
        ("SGD", {"weight_decay": 0.1, "momentum": 0.5}, {"weight_decay": 0}, {"weight_decay": 1}),
        ("Adam", {"amsgrad": True}, {"amsgrad": False}, {"amsgrad": True}),
        ("AdamW", {"weight_decay": 0.1}, {"weight_decay": 0}, {"weight_decay": 0.1}),
        ("RMSprop", {"centered": True, "momentum": 0.5}, {"centered": False, "momentum": 0},
         {"centered": True, "momentum": 0.5}),
    ],
)  # fmt: skip
def test_options_that_go_keep_what_they_remembered(
    rule: str, given: Any, off: Any, on: Any, backend: str
) -> None:
    changes = [None, None, None, options(**off), read, None, options(**on), None, read,
               options(**off), reload, options(**on), read]  # fmt: skip
    same(run(backend, rule, given, changes), run(None, rule, given, changes))


def test_state_of_names_that_no_rule_uses_yet(backend: str) -> None:
    changes = [None, loads_a_buffer, read, None, options(momentum=0.5), read, None]
    same(run(backend, "SGD", {}, changes), run(None, "SGD", {}, changes))


def test_two_programs_of_one_optimiser(backend: str) -> None:
    """What one program's step settles, the other one's held run must not forget."""

    def steps(compiled: bool) -> Any:
        a, b = Value(1.0), Value(2.0)
        sgd = optim.SGD([a, b], lr=0.1, momentum=0.9)
        losses = [lambda x: a * a * x, lambda x: b * b * x]
        fs = [micrograd.compile(fn, optimizer=sgd, backend=backend) for fn in losses]
        for k in (0, 0, 0, 1, 1, 1, -1, 1, 0, 0, -2, 1, 0, -2, 1, -2, 0):
            if k == -1:
                sgd.state.clear()
            elif k == -2:
                sgd.state_dict()
            elif compiled:
                fs[k].step(2.0)
            else:
                sgd.zero_grad()
                losses[k](2.0).backward()
                sgd.step()
        return [{"data": np.array([a.data, b.data])}, sgd.state_dict()["state"]]

    same(steps(True), steps(False))


def test_lists_that_are_gathered(backend: str) -> None:
    """Programs that read an argument here and there, of any length."""
    w = Value(1.5)
    for at in ([0, 7, 45], [1, 2, 4, 8, 16, 32, 63], [62, 0, 3, 61, 7]):
        f = micrograd.compile(lambda x, at=at: sum(w * x[i] for i in at), backend=backend)
        x = [0.5 + 0.1 * i for i in range(64)]
        value, gradient = f.value_and_grad(x)
        assert value == pytest.approx(1.5 * sum(x[i] for i in at), rel=1e-12)
        assert gradient == pytest.approx([sum(x[i] for i in at)], rel=1e-12)


def test_rates_that_come_back_are_those_of_every_program(backend: str) -> None:
    """Programs for two lengths share a memory: what one has taken over holds for the other."""

    def run(compiled: bool) -> list[float]:
        w = [Value(0.5), Value(0.3)]
        sgd = optim.SGD(w, lr=0.1, momentum=0.5)

        def loss(xs: list[float]) -> Value:
            return sum((a * x - 1.0) ** 2 for x in xs for a in w)

        f = micrograd.compile(loss, optimizer=sgd, backend=backend)
        for k in range(24):
            xs = [0.1 * k] * (1 + k % 2)
            sgd.param_groups[0]["lr"] = 0.03 if k > 20 else 0.01 if k % 2 else 0.05
            if compiled:
                f.step(xs)
            else:
                sgd.zero_grad()
                loss(xs).backward()
                sgd.step()
        return [v.data for v in w]

    assert run(True) == pytest.approx(run(False), rel=1e-12)


@pytest.mark.parametrize(("rule", "options"), [("SGD", {"momentum": 0.9}), ("Adam", {})])
def test_state_that_is_cleared_between_lists_of_other_lengths(
    rule: str, options: Any, backend: str
) -> None:
    """Programs of several lengths share an update, whose first step after it is one from none."""

    def numbers(compiled: bool, order: Iterable[int]) -> list[float]:
        w = Value(1.0)
        optimizer = getattr(optim, rule)([w], lr=0.05, **options)

        def loss(xs: list[float]) -> Value:
            return sum(((w * x - 1) ** 2 for x in xs), Value(0.0))

        f = micrograd.compile(loss, optimizer=optimizer, backend=backend)
        found = []
        for n in order:
            xs = [0.5 + 0.1 * k for k in range(n)]
            if not n:
                optimizer.state.clear()
            elif compiled:
                f.step(xs)
            else:
                eager_step(loss, optimizer, xs)
            found.append(w.data)
        return found

    for order in ((2, 0, 3, 0, 2), (2, 2, 0, 3, 3, 0, 2, 3), (1, 2, 3, 0, 3, 2, 0, 1, 0, 2)):
        np.testing.assert_allclose(numbers(True, order), numbers(False, order), 1e-12)


def test_a_step_with_another_rate_looks_at_nothing_else_again(backend: str) -> None:
    w = Value(1.0)
    sgd = optim.SGD([w], lr=0.1)
    f = micrograd.compile(lambda x: (w * x) ** 2, optimizer=sgd, backend=backend)
    f.step(1.5)
    f.step(1.5)
    sgd.param_groups[0]["lr"] = 0.2
    assert f._programs.again("step", (1.5,)) is f._programs.newest
    sgd.param_groups[0]["momentum"] = 0.5
    assert f._programs.again("step", (1.5,)) is None


def test_an_error_in_writing_gradients_is_raised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    v, u = Value(1.0), Value(2.0)
    f, g = (micrograd.compile(lambda x, w=w: w * x, optimizer=optim.SGD([w], lr=0.5),
                              backend="numpy") for w in (v, u))  # fmt: skip
    f.step(1.0)
    monkeypatch.setattr(f.ran(), "write_gradients", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        v.grad  # noqa: B018
    g.step(3.0)
    assert u.grad == 3.0
