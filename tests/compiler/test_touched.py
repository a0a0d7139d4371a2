"""A step updates what an eager backward pass reaches, whatever run-time integers choose."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import micrograd
from micrograd import Value, optim


class Lion(optim.Optimizer):
    """A stranger's own: steps of the sign of a mean."""

    def __init__(self, params: Any, lr: float = 1e-2, weight_decay: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def initial_state(self, options: Any) -> dict[str, float | None]:
        return {"mean": 0.0}

    def direction(self, m: Any, p: Any, g: Any, state: Any, options: Any) -> Any:
        mean = state.get("mean", 0.0)
        c = 0.9 * mean + 0.1 * g
        state["mean"] = 0.99 * mean + 0.01 * g
        sign = m.select(m.less(c, 0.0), -1.0, m.select(m.less(0.0, c), 1.0, 0.0))
        return sign + options["weight_decay"] * p


RULES: list[tuple[str, Callable[[Any], optim.Optimizer]]] = [
    ("sgd", lambda p: optim.SGD(p, lr=0.05)),
    ("decay", lambda p: optim.SGD(p, lr=0.05, weight_decay=0.1)),
    ("momentum", lambda p: optim.SGD(p, lr=0.02, momentum=0.9)),
    ("dampened", lambda p: optim.SGD(p, lr=0.02, momentum=0.9, dampening=0.3)),
    ("nesterov", lambda p: optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True)),
    ("adam", lambda p: optim.Adam(p, lr=0.02, weight_decay=0.01, amsgrad=True)),
    ("adamw", lambda p: optim.AdamW(p, lr=0.02)),
    ("rmsprop", lambda p: optim.RMSprop(p, lr=0.01, centered=True, momentum=0.5)),
    ("adagrad", lambda p: optim.Adagrad(p, lr=0.05, lr_decay=0.1, weight_decay=0.01)),
    ("lion", Lion),
]

Program = Callable[[list[Value]], Callable[..., Value]]


def of_results(w: list[Value]) -> Callable[..., Value]:
    """Results of different parameters."""

    def f(i: int, x: float) -> Value:
        made = [w[0] * x, w[1] + x, w[2] * w[3]]
        return (made[i] - 1.0) ** 2

    return f


def nested(w: list[Value]) -> Callable[..., Value]:
    """A choice among choices: w[4] only through one branch."""

    def f(i: int, j: int, x: float) -> Value:
        inner = [w[0] * w[4], w[1] + x, w[2] * x]
        outer = [inner[j] * 2.0, w[3] * x]
        return (outer[i] - w[5]) ** 2

    return f


def same_index_twice(w: list[Value]) -> Callable[..., Value]:
    """One integer in two tables: w[1] is needed whatever it is."""

    def f(i: int, x: float) -> Value:
        a, b = [w[0] * x, w[1] * x], [w[1] + x, w[2] - x]
        return (a[i] * b[i] - 0.5) ** 2

    return f


def unused_choice(w: list[Value]) -> Callable[..., Value]:
    """What is chosen first does not reach the loss."""

    def f(i: int, j: int, x: float) -> Value:
        lost = [w[0] * x, w[1] * x][i]
        lost = lost * 2.0
        return ([w[2] * x, w[3] + x][j] - 1.0) ** 2

    return f


def deep_before_the_table(w: list[Value]) -> Callable[..., Value]:
    """What all entries share lies many operations below them."""

    def f(i: int, x: float) -> Value:
        shared = w[0] * x
        for _ in range(12):
            shared = (shared + 0.1).tanh()
        entries = []
        for k in range(3):
            y = shared * w[1 + k]
            for _ in range(9):
                y = (y * 0.9).tanh()
            entries.append(y)
        return (entries[i] - 0.3) ** 2

    return f


def chain(w: list[Value]) -> Callable[..., Value]:
    """Every choice is among results of the one before; skipping leaves earlier ones out."""

    def f(i: int, j: int, k: int, x: float) -> Value:
        a = [w[0] * x, w[1] + x][i]
        b = [a * w[2], w[3] * x][j]
        c = [b + a, b * w[4], w[5] * x][k]
        return (c - 1.0) ** 2

    return f


def lookup_and_results(w: list[Value]) -> Callable[..., Value]:
    """A table of parameters, and one of results of some of them."""

    def f(i: int, j: int, x: float) -> Value:
        return (w[i] * x + [w[0] * w[5], w[1].tanh(), w[2] * x][j] - 1.0) ** 2

    return f


def detached(w: list[Value]) -> Callable[..., Value]:
    """One entry gives no derivative."""

    def f(i: int, x: float) -> Value:
        return ([w[0].detach() * w[1], w[2] * x][i] - 1.0) ** 2 + w[3] * w[3]

    return f


def in_two_tables(w: list[Value]) -> Callable[..., Value]:
    """One parameter is in two tables, in each of which two entries are looked up."""

    def f(i: int, j: int, k: int, n: int, x: float) -> Value:
        a, b = [w[0] * x, w[1], w[2] + x], [w[0] + x, w[3], w[4] * x]
        return (a[i] * a[j] + b[k] * b[n] - 1.0) ** 2

    return f


PROGRAMS: list[tuple[Program, tuple[int, ...]]] = [
    (of_results, (3,)), (nested, (2, 3)), (same_index_twice, (2,)), (unused_choice, (2, 2)),
    (deep_before_the_table, (3,)), (chain, (2, 2, 3)), (lookup_and_results, (6, 3)),
    (detached, (2,)), (in_two_tables, (3, 3, 3, 3)),
]  # fmt: skip


def parameters() -> list[Value]:
    """Seven numbers; no program uses the last."""
    return [Value(x) for x in (0.5, -0.3, 0.8, 1.1, -0.7, 0.2, 0.9)]


def drawn(rng: random.Random, sizes: tuple[int, ...]) -> tuple[Any, ...]:
    """The arguments of one call."""
    return (*[rng.randrange(n) for n in sizes], rng.uniform(0.2, 1.5))


def trained(program: Program, sizes: Any, rule: Any, batch: int, compiled: bool) -> Any:
    """Parameters and state after 50 steps, with a schedule."""
    w, rng = parameters(), random.Random(3)
    optimizer = rule(w)
    schedule = optim.lr_scheduler.StepLR(optimizer, 10, gamma=0.8)
    f = program(w)
    if compiled:
        fast = micrograd.compile(f, optimizer=optimizer, batch=batch > 0, backend="numpy")
    for _ in range(50):
        calls = [drawn(rng, sizes) for _ in range(max(batch, 1))]
        if compiled:
            fast.step(*(zip(*calls, strict=True) if batch else calls[0]))
        else:
            optimizer.zero_grad()
            loss = f(*calls[0])
            for call in calls[1:]:
                loss = loss + f(*call)
            (loss / float(len(calls))).backward()
            optimizer.step()
        schedule.step()
    return [v.data for v in w], [dict(optimizer.state.get(v, {})) for v in w]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("batch", [0, 3])
@pytest.mark.parametrize(("name", "rule"), RULES)
@pytest.mark.parametrize(("program", "sizes"), PROGRAMS)
def test_as_eager(program: Any, sizes: Any, name: str, rule: Any, batch: int) -> None:
    numbers, states = trained(program, sizes, rule, batch, compiled=True)
    wanted, wanted_states = trained(program, sizes, rule, batch, compiled=False)
    assert numbers == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert numbers[6] == 0.9
    assert not states[6]
    for state, other in zip(states, wanted_states, strict=True):
        assert state == pytest.approx(other, rel=1e-9, abs=1e-12)
