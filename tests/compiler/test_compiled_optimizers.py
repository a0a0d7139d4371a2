"""Every optimiser, its options and schedules, in compiled steps against eager ones."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import (
    STEPS,
    assert_same_parameters,
    assert_same_state,
    eager_step,
    train,
)
from programs_to_compile import Workload, table, values

import micrograd
from micrograd import Value, optim
from micrograd.optim import lr_scheduler

RULES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "dampening": 0.3}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("Adagrad", {"lr": 0.05}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("RMSprop", {"lr": 0.01, "weight_decay": 0.01}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "centered": True}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.5, "centered": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01, "betas": (0.8, 0.9), "amsgrad": True}),
]


def smooth() -> Workload:
    """A small network of tanh units, with another batch at each step."""
    rng = random.Random(19)
    w, b, out = values(rng, 3, 2), values(rng, 3), values(rng, 3)
    batches = [(np.array(table(rng, 4, 2)), np.array(table(rng, 1, 4)[0])) for _ in range(7)]

    def loss(x, y):
        total = 0.0
        for row, target in zip(x, y, strict=True):
            h = [
                (sum(a * c for a, c in zip(wi, row, strict=True)) + bi).tanh()
                for wi, bi in zip(w, b, strict=True)
            ]
            total += (sum(a * c for a, c in zip(out, h, strict=True)) - target) ** 2
        return total / len(y)

    parameters = [p for part in (*w, b, out) for p in part]
    return Workload(loss, parameters, lambda step: batches[step % 7])


@pytest.mark.parametrize(("rule", "options"), RULES, ids=str)
def test_every_optimizer_does_what_it_does_eagerly(
    rule: str, options: dict[str, Any], backend: str
) -> None:
    mine, theirs = smooth(), smooth()
    ours = getattr(optim, rule)(mine.parameters, **options)
    reference = getattr(optim, rule)(theirs.parameters, **options)
    f = micrograd.compile(mine.loss, optimizer=ours, backend=backend)
    train(f.step, mine, STEPS)
    train(lambda *a: eager_step(theirs.loss, reference, *a), theirs, STEPS)
    assert_same_parameters(mine.parameters, theirs.parameters)
    assert_same_state(ours, reference)


class Runs:
    """A loss that counts how often it is run as Python."""

    def __init__(self, loss: Any) -> None:
        self.loss, self.count = loss, 0

    def __call__(self, x: Any, y: Any) -> Value:
        self.count += 1
        result: Value = self.loss(x, y)
        return result


def test_a_schedule_does_not_compile_again(backend: str) -> None:
    mine, theirs = smooth(), smooth()
    ours, reference = (optim.Adam(w.parameters, lr=0.02) for w in (mine, theirs))
    schedules = [lr_scheduler.CosineAnnealingLR(o, T_max=50) for o in (ours, reference)]
    runs = Runs(mine.loss)

    def loss(x, y):
        return runs(x, y)

    f = micrograd.compile(loss, optimizer=ours, backend=backend)
    for i in range(50):
        found = f.step(*mine.arguments(i))
        assert found == pytest.approx(eager_step(theirs.loss, reference, *theirs.arguments(i)))
        for schedule in schedules:
            schedule.step()
        if i == 2:
            runs.count, program = 0, f._programs.newest
    assert f._programs.newest is program
    assert runs.count == 2  # looked at again before the 8th and the 32nd call
    assert_same_parameters(mine.parameters, theirs.parameters)


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1, momentum=0.9), optim.Adam])
def test_parameters_taken_out_of_a_group_and_put_back(make: Any, backend: str) -> None:
    def run(compiled_step: bool) -> list[float]:
        a, b = Value(1.0), Value(2.0)
        optimizer = make([a, b])
        f = micrograd.compile(lambda x: (a * x + b * b - 1.0).tanh() ** 2, optimizer=optimizer,
                              backend=backend)  # fmt: skip
        found = []
        for i in range(14):
            if i in (5, 9):
                group = optimizer.param_groups[0]["params"]
                group.remove(b) if i == 5 else group.append(b)
            if compiled_step:
                f.step(0.3)
            else:
                eager_step(f.fn, optimizer, 0.3)
            found += [a.data, b.data]
        return found

    assert run(True) == pytest.approx(run(False), rel=1e-12)


def test_options_set_between_steps_count_at_once(backend: str) -> None:
    def run(step_with: Any) -> list[Value]:
        workload = smooth()
        sgd = optim.SGD(workload.parameters, lr=0.05, momentum=0.9)
        step = step_with(workload.loss, sgd)
        for i in range(30):
            if i == 10:
                sgd.lr = 0.01
            if i == 15:
                sgd.param_groups[0]["weight_decay"] = 0.1
            if i == 20:
                sgd.param_groups[0]["momentum"] = 0.5
            if i == 25:
                sgd.param_groups[0]["nesterov"] = True
            step(*workload.arguments(i))
        return workload.parameters

    mine = run(lambda loss, sgd: micrograd.compile(loss, optimizer=sgd, backend=backend).step)
    theirs = run(lambda loss, sgd: lambda *a: eager_step(loss, sgd, *a))
    assert_same_parameters(mine, theirs)


def test_groups_have_rates_of_their_own(backend: str) -> None:
    def run(step_with: Any) -> list[Value]:
        workload = smooth()
        p = workload.parameters
        groups = [{"params": p[4:], "lr": 0.03}, {"params": p[1:4], "momentum": 0.9}]  # p[0]: none
        sgd = optim.SGD(groups, lr=0.01)
        step = step_with(workload.loss, sgd)
        for i in range(STEPS):
            if i == 100:
                sgd.param_groups[1]["lr"] = 0.002
            step(*workload.arguments(i))
        return p

    mine = run(lambda loss, sgd: micrograd.compile(loss, optimizer=sgd, backend=backend).step)
    theirs = run(lambda loss, sgd: lambda *a: eager_step(loss, sgd, *a))
    assert_same_parameters(mine, theirs)
    assert mine[0].data == smooth().parameters[0].data
    assert mine[1].data != smooth().parameters[1].data


def test_gradients_are_of_the_parameters_that_the_step_had(backend: str) -> None:
    first, second, third = Value(0.5), Value(-1.0), Value(2.0)
    sgd = optim.SGD([first, second], lr=0.1)
    f = micrograd.compile(lambda x: (first * x - second) ** 2, optimizer=sgd, backend=backend)
    f.step(2.0)
    sgd.add_param_group({"params": [third]})  # known to no program
    assert (first.grad, second.grad, third.grad) == (8.0, -4.0, 0.0)
    third.grad = 3.0
    first.data, second.data = 0.5, -1.0
    f.step(1.0)
    sgd.param_groups[0]["params"] = [second]
    assert (first.grad, second.grad) == (3.0, -3.0)
