"""Calls of a compiled function and its optimiser in any order, beside an eager shadow."""

from __future__ import annotations

import copy
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import micrograd
from micrograd import Value, load, nn, optim, save, tensor

RULES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.05}), ("SGD", {"lr": 0.02, "momentum": 0.9}),
    ("SGD", {"lr": 0.02, "momentum": 0.5, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.5}),
    ("Adagrad", {"lr": 0.05}), ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.5}),
    ("Adam", {"lr": 0.02}), ("Adam", {"lr": 0.02, "amsgrad": True}), ("AdamW", {"lr": 0.02}),
]  # fmt: skip
SCHEDULES = [
    None, lambda o: optim.lr_scheduler.StepLR(o, 2, gamma=0.5),
    lambda o: optim.lr_scheduler.ExponentialLR(o, 0.9),
    lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 5),
]  # fmt: skip
numbers = st.floats(-1.0, 1.0).map(lambda x: round(x, 3))


class Side:
    """A model, an optimiser, a schedule; compiled, or run eagerly."""

    def __init__(self, seed: int, which: Any, schedule: Any, backend: str | None) -> None:
        micrograd.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        self.table = [Value(0.1 * (i + 1)) for i in range(4)]
        self.factor = {"scale": 1.0}
        name, options = which
        first, last = self.model[0], self.model[2]
        self.groups = [
            {"params": [*first.parameters(), *self.table]},
            {"params": last.parameters(), "lr": options["lr"] / 2},
        ]
        self.optimizer = getattr(optim, name)(self.groups, **options)
        self.schedule = schedule and schedule(self.optimizer)
        self.f = backend and micrograd.compile(self.loss, optimizer=self.optimizer, backend=backend)
        self.saved: list[Any] = []

    def loss(self, x: Any, y: Any, i: int) -> Any:
        out = self.model(tensor(x))
        error = ((out - tensor(y)) ** 2).mean()
        total = error * self.factor["scale"] + self.table[i] ** 2
        return _value(total)

    def step(self, x: Any, y: Any, i: int) -> float:
        if self.f:
            return float(self.f.step(x, y, i))
        return self.eager_step(x, y, i)

    def eager_step(self, x: Any, y: Any, i: int) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(x, y, i)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss.data)

    def value(self, x: Any, y: Any, i: int) -> float:
        return float(self.f(x, y, i) if self.f else self.loss(x, y, i).data)

    def gradient(self, x: Any, y: Any, i: int) -> list[float]:
        leaves = self.leaves()
        if self.f:
            _, found = self.f.value_and_grad(x, y, i)
            known = dict(zip(self.f.parameters, map(float, found), strict=True))
            return [known.get(v, 0.0) for v in leaves]
        return [g.data for g in micrograd.grad(self.loss(x, y, i), leaves)]

    def leaves(self) -> list[Value]:
        arrays = [v for p in self.model.parameters() for v in p._values.ravel().tolist()]
        return [*arrays, *self.table]

    def data(self) -> list[float]:
        return [v.data for v in self.leaves()]


def _value(total: Any) -> Any:
    return total if isinstance(total, Value) else total._values.item()


def same(mine: Any, theirs: Any, where: str) -> None:
    """Equal but for rounding, of the same kinds and names."""
    assert type(mine) is type(theirs), where
    if isinstance(mine, dict):
        assert mine.keys() == theirs.keys(), (where, mine, theirs)
        for key in mine:
            same(mine[key], theirs[key], f"{where}.{key}")
    elif isinstance(mine, list | tuple):
        assert len(mine) == len(theirs), where
        for k, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            same(a, b, f"{where}[{k}]")
    elif isinstance(mine, float | np.ndarray):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10, err_msg=where)
    else:
        assert mine == theirs, where


class Sequences(RuleBasedStateMachine):
    """Every rule is carried out on both sides; then everything that can be seen is the same."""

    backend = "numpy"

    @initialize(
        seed=st.integers(0, 99), which=st.sampled_from(RULES), schedule=st.sampled_from(SCHEDULES)
    )
    def begin(self, seed: int, which: Any, schedule: Any) -> None:
        self.sides = [Side(seed, which, schedule, b) for b in (self.backend, None)]

    def both(self, action: Any) -> None:
        mine, theirs = (action(side) for side in self.sides)
        same(mine, theirs, "result")

    @rule(x=st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=1, max_size=3),
          y=numbers, i=st.integers(0, 3), times=st.integers(1, 3))  # fmt: skip
    def steps(self, x: Any, y: float, i: int, times: int) -> None:
        targets = [[y]] * len(x)
        for k in range(times):
            self.both(lambda side, k=k: side.step(x, targets, (i + k) % 4))

    @rule(x=st.lists(numbers, min_size=2, max_size=2), i=st.integers(0, 3))
    def step_eagerly_in_between(self, x: Any, i: int) -> None:
        self.both(lambda side: side.eager_step([x], [[0.5]], i))

    @rule(x=st.lists(numbers, min_size=2, max_size=2), i=st.integers(0, 3))
    def look(self, x: Any, i: int) -> None:
        self.both(lambda side: side.value([x], [[0.5]], i))
        self.both(lambda side: side.gradient([x], [[0.5]], i))

    @rule()
    def schedule(self) -> None:
        self.both(lambda side: side.schedule and side.schedule.step())

    @rule()
    def read_the_state(self) -> None:
        self.both(lambda side: side.optimizer.state_dict()["state"])

    @rule()
    def clear_the_state(self) -> None:
        self.both(lambda side: side.optimizer.state.clear())

    @rule(k=st.integers(0, 3))
    def forget_one(self, k: int) -> None:
        self.both(lambda side: side.optimizer.state.pop(side.table[k], None) is None)

    @rule(rate=st.sampled_from([0.0, 0.01, 0.1]), group=st.integers(0, 1))
    def set_a_rate(self, rate: float, group: int) -> None:
        """A rate of 0 freezes a group."""
        self.both(lambda side: side.optimizer.param_groups[group].update(lr=rate))

    @rule(k=st.integers(0, 3), x=numbers)
    def set_a_number(self, k: int, x: float) -> None:
        self.both(lambda side: setattr(side.table[k], "data", x))

    @rule(scale=st.sampled_from([0.5, 1.0, 2.0]))
    def change_what_is_around(self, scale: float) -> None:
        self.both(lambda side: side.factor.update(scale=scale))

    @rule()
    def keep(self) -> None:
        for side in self.sides:
            side.saved.append(copy.deepcopy((side.model.state_dict(), side.optimizer.state_dict())))

    @rule()
    def go_back(self) -> None:
        for side in self.sides:
            if side.saved:
                model, optimizer = side.saved[-1]
                side.model.load_state_dict(model)
                side.optimizer.load_state_dict(optimizer)

    @rule(ending=st.sampled_from(["json", "npz"]))
    def save_and_load(self, ending: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for k, side in enumerate(self.sides):
                path = Path(folder) / f"{k}.{ending}"
                save({"m": side.model.state_dict(), "o": side.optimizer.state_dict()}, path)
                found = load(path)
                side.model.load_state_dict(found["m"])
                side.optimizer.load_state_dict(found["o"])
            assert len(os.listdir(folder)) == 2

    @invariant()
    def the_numbers_are_the_same(self) -> None:
        if not hasattr(self, "sides"):
            return
        mine, theirs = self.sides
        same(mine.data(), theirs.data(), "data")
        assert all(type(v.data) is float for v in mine.leaves())
        rates = [[group["lr"] for group in side.optimizer.param_groups] for side in self.sides]
        same(rates[0], rates[1], "rates")


def run(backend: str, sequences: int, steps: int, shrink: bool = True) -> None:
    """Try so many sequences of so many calls."""
    machine = type("Sequences", (Sequences,), {"backend": backend})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=sequences, stateful_step_count=steps, derandomize=True,
            database=None, phases=[Phase.generate, *[Phase.shrink] * shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def skip_without(backend: str) -> None:
    if backend == "llvm":
        pytest.importorskip("llvmlite")
