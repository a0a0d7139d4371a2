"""Parameters and the optimiser's state: one truth, whoever reads, writes or steps."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import (
    assert_near,
    assert_same_parameters,
    assert_same_result,
    assert_same_state,
    eager_step,
    eager_value_and_grad,
    right_or_refused,
)
from programs_to_compile import network, table, values

import micrograd
from micrograd import Value, nn, optim, tensor

Step = Callable[..., float]


class Both:
    """The same losses and optimisers twice: compiled, and eager."""

    def __init__(self, backend: str, make: Callable[[], Any], rule: str = "SGD", **options: Any):
        self.backend = backend
        self.losses = make(), make()  # each: (parameters, loss, loss, ...)
        if rule == "SGD":
            options = {"lr": 0.05, "momentum": 0.9, **options}
        self.optimizers = [getattr(optim, rule)(p, **options) for p, *_ in self.losses]
        self.functions = [
            micrograd.compile(loss, optimizer=self.optimizers[0], backend=backend)
            for loss in self.losses[0][1:]
        ]

    def step(self, which: int, *arguments: Any) -> None:
        """One step of each; the losses are the same."""
        mine = self.functions[which].step(*arguments)
        loss = self.losses[1][1 + which]
        assert mine == pytest.approx(eager_step(loss, self.optimizers[1], *arguments), rel=1e-9)

    def step_eagerly(self, which: int, *arguments: Any) -> None:
        for (_, *losses), optimizer in zip(self.losses, self.optimizers, strict=True):
            eager_step(losses[which], optimizer, *arguments)

    def check(self) -> None:
        assert_same_parameters(self.losses[0][0], self.losses[1][0])
        assert_same_state(*self.optimizers)


def two_losses() -> Any:
    """Parameters, and two functions that share some of them."""
    a, b, c, d = (Value(x) for x in (0.5, -0.3, 0.8, 0.1))

    def first(x, y):
        return ((a * x + b).tanh() * c - y) ** 2

    def second(x, y):
        return ((c * x).tanh() * d + b - y) ** 2

    return [a, b, c, d], first, second


POINTS = table(random.Random(41), 60, 2)


def test_two_functions_share_parameters_and_state(backend: str) -> None:
    both = Both(backend, two_losses, "Adam", lr=0.02)
    for i, point in enumerate(POINTS):
        both.step((i // 3) % 2, *point)
        both.check()


def test_two_optimizers_may_move_the_same_parameters(backend: str) -> None:
    runs = []
    for compiled in (True, False):
        parameters, first, second = two_losses()
        adam, sgd = optim.Adam(parameters[:3], lr=0.02), optim.SGD(parameters[1:], lr=0.1)
        if compiled:
            steps = [
                micrograd.compile(loss, optimizer=o, backend=backend).step
                for loss, o in ((first, adam), (second, sgd))
            ]
        else:
            steps = [
                lambda *a: eager_step(first, adam, *a),  # noqa: B023
                lambda *a: eager_step(second, sgd, *a),  # noqa: B023
            ]
        for i, point in enumerate(POINTS):
            steps[i % 2](*point)
        runs.append(parameters)
    assert_same_parameters(*runs)


def test_a_number_written_by_hand_is_what_the_next_call_uses(backend: str) -> None:
    both = Both(backend, two_losses)
    for i, point in enumerate(POINTS):
        if i % 7 == 3:
            for parameters, *_ in both.losses:
                parameters[i % 4].data = 3.0 / i
        if i % 7 == 5:
            for parameters, *_ in both.losses:
                for p in parameters:
                    p.data -= 0.01 * p.data
        both.step(0, *point)
    both.check()
    parameters, loss, _ = both.losses[0]
    parameters[0].data = 2
    assert parameters[0].data == 2.0
    assert_same_result(both.functions[0], loss, both.functions[0].parameters, 0.5, 1.0)


def test_data_read_after_each_step_is_the_new_number(backend: str) -> None:
    both = Both(backend, two_losses)
    (mine, *_), (theirs, *_) = both.losses
    seen = set()
    for point in POINTS:
        both.step(0, *point)
        assert type(mine[0].data) is float
        assert [float(p) for p in mine] == pytest.approx([p.data for p in theirs], rel=1e-9)
        assert repr(mine[0]) == f"Value(data={mine[0].data}, grad={mine[0].grad})"
        seen.add(mine[0].data)
    assert len(seen) == len(POINTS)


def test_parameters_outlive_the_compiled_function(backend: str) -> None:
    both = Both(backend, two_losses)
    for point in POINTS:
        both.step(0, *point)
    both.functions.clear()
    gc.collect()
    both.check()
    both.step_eagerly(1, 0.2, 0.3)
    both.check()


def test_eager_use_of_compiled_parameters(backend: str) -> None:
    both = Both(backend, two_losses)
    f = both.functions[0]
    for point in POINTS[:20]:
        both.step(0, *point)
        value, gradient = f.value_and_grad(*point)
        expected, eager = eager_value_and_grad(both.losses[0][1], f.parameters, *point)
        assert_near(value, expected)
        assert_near(gradient, eager)
    for p in f.parameters:
        p.grad = 7.0
    f(0.1, 0.2)
    f.value_and_grad(0.1, 0.2)
    assert [p.grad for p in f.parameters] == [7.0] * len(f.parameters)


def test_eager_steps_between_compiled_ones(backend: str) -> None:
    both = Both(backend, two_losses, "Adam", lr=0.02)
    for i, point in enumerate(POINTS):
        (both.step_eagerly if i % 5 in (2, 3) else both.step)(i % 2, *point)
        both.check()


@pytest.mark.parametrize("rule", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_a_state_dict_taken_between_compiled_steps_goes_on(rule: str, backend: str) -> None:
    both = Both(backend, two_losses, rule)
    for point in POINTS[:10]:
        both.step(0, *point)
    kept = [o.state_dict() for o in both.optimizers]
    numbers = [[p.data for p in parameters] for parameters, *_ in both.losses]
    for point in POINTS[10:20]:
        both.step(0, *point)
    for o, state in zip(both.optimizers, kept, strict=True):
        o.load_state_dict(state)
    for (parameters, *_), saved in zip(both.losses, numbers, strict=True):
        for p, x in zip(parameters, saved, strict=True):
            p.data = x
    both.check()
    for point in POINTS[20:40]:
        both.step(0, *point)
    both.check()


# ---- which parameters ----------------------------------------------------------------------------


def test_parameters_come_in_the_order_they_are_met() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    f = micrograd.compile(lambda x: c * x + a * (b * x), backend="numpy")
    assert_near(f.value_and_grad(2.0)[1], {(c, a, b): [2, 4, 2], (c, b, a): [2, 2, 4]}[
        tuple(f.parameters)
    ])  # fmt: skip
    assert f.parameters[0] is c
    given = micrograd.compile(lambda x: c * x + a, parameters=[a, b, c], backend="numpy")
    assert_near(given.value_and_grad(2.0)[1], [1.0, 0.0, 2.0])
    assert all(p is q for p, q in zip(given.parameters, [a, b, c], strict=True))


def test_only_the_optimizers_parameters_move(backend: str) -> None:
    """Others are followed all the same."""
    a, b = Value(0.5), Value(-0.3)

    def loss(x):
        return (a * x + b) ** 2

    f = micrograd.compile(loss, optimizer=optim.SGD([a], lr=0.1), backend=backend)
    for x in (1.0, 2.0, -1.0):
        before = a.data
        assert_near(f.step(x), (before * x + b.data) ** 2)
        assert_near(a.data, before - 0.2 * x * (before * x + b.data))
        b.data += 1.0
    assert b.data == 2.7


def test_a_parameter_that_a_shape_does_not_use_stays_as_it_is(backend: str) -> None:
    """Neither its number nor its state changes, though it has momentum."""

    def make() -> Any:
        a, b, c = Value(0.5), Value(-0.3), Value(0.7)

        def loss(xs):
            y = sum(a * x for x in xs)
            return (y + b * xs[1] - c if len(xs) > 1 else y) ** 2

        return [a, b, c], loss

    both = Both(backend, make, "Adam", lr=0.05, weight_decay=0.1)
    for n in (1, 1, 2, 1, 3, 1, 2, 2, 1):
        both.step(0, [0.5 * n] * n)
        both.check()


def test_rows_that_no_id_names_stay_as_they_are(backend: str) -> None:
    """As in eager, where each is a parameter of its own; or it is refused."""

    def make() -> Any:
        rows = [[Value(0.1 * i + 0.3 * j) for j in range(2)] for i in range(5)]

        def loss(ids):
            return sum((rows[i][0] - 1) ** 2 + rows[i][0] * rows[i][1] for i in ids)

        return [v for row in rows for v in row], loss

    both = Both(backend, make)
    for ids in ([0, 1], [3, 3], [4, 0], [2, 1], [0, 0]):
        try:
            both.step(0, ids)
        except micrograd.CompileError:
            return
        both.check()


def test_a_row_of_a_tensor_moves_with_the_whole_of_it(backend: str) -> None:
    def make() -> Any:
        rows = [[Value(0.1 * i + 0.3 * j) for j in range(2)] for i in range(5)]

        def loss(ids):
            return sum((rows[i][0] - 1) ** 2 + rows[i][0] * rows[i][1] for i in ids)

        return [tensor(rows)], loss

    both = Both(backend, make)
    for ids in ([0, 1], [3, 3], [4, 0], [2, 1], [0, 0]):
        both.step(0, ids)
        mine, theirs = (p.data for (p,), _ in both.losses)
        assert_near(mine, theirs)
        assert_same_state(*both.optimizers)


def test_a_model_of_arrays(backend: str) -> None:
    """Linear layers and a loss on arrays train as eagerly, or are refused; `.data` is new."""
    x, y = np.array(table(random.Random(43), 6, 2)), np.array(table(random.Random(47), 6, 1))
    runs = []
    for compiled in (True, False):
        micrograd.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        sgd = optim.SGD(model.parameters(), lr=0.1)

        def loss(x, y, model=model):
            return nn.MSELoss()(model(tensor(x)), tensor(y))

        if compiled:
            step: Step = micrograd.compile(loss, optimizer=sgd, backend=backend).step
        else:

            def step(x, y, model=model, sgd=sgd):
                sgd.zero_grad()
                result = nn.MSELoss()(model(tensor(x)), tensor(y))
                result.backward()
                sgd.step()
                return result.item()

        try:
            losses = [step(x, y) for _ in range(20)]
        except micrograd.CompileError:
            return
        runs.append([losses, *(np.ravel(p.data) for p in model.parameters())])
    for mine, theirs in zip(*runs, strict=True):
        assert_near(mine, theirs, 1e-11)


def test_hand_written_numbers_of_any_kind_are_live(backend: str) -> None:
    rng = random.Random(53)
    model = network(rng, [2, 3, 1])
    parameters = model.parameters()
    calls = [([0.5, -1.0],), ([2.0, 0.0],), ([0.0, 0.0],)]
    assert not right_or_refused(lambda x: model(x) * 1.0, parameters, calls, backend)
    f = micrograd.compile(lambda x: model(x).tanh(), parameters=parameters, backend=backend)
    for number in (1, np.float64(0.5), np.float32(0.25), True, -0.0):
        parameters[-1].data = number
        assert_same_result(f, lambda x: model(x).tanh(), parameters, [0.5, -1.0])
    w = values(rng, 2)
    g = micrograd.compile(lambda: w[0] * w[1], parameters=w, backend=backend)
    w[0].data, w[1].data = float("inf"), 2.0
    assert g() == float("inf")
    w[0].data = 3.0
    assert g() == 6.0
