"""Functions that would be compiled in nearly every call run as they are until it is worth it."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import assert_near, eager_step, eager_value_and_grad

import micrograd
from micrograd import Value, optim
from micrograd.compiler.compilation import Compilation
from micrograd.compiler.programs import patience
from micrograd.compiler.programs.patience import ANOTHER_WAY, Patience


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def taking(self, seconds: float) -> Any:
        def run() -> str:
            self.now += seconds
            return "done"

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(patience, "FREE", 2)
    made = Clock()
    monkeypatch.setattr(patience, "thread_time", made)
    return made


def test_a_program_is_made_once_running_without_it_has_cost_a_part_of_it(clock: Clock) -> None:
    known = Patience()
    for _ in range(2):
        assert not known.waits("first shapes")
        known.tracing("first shapes", clock.taking(0.25))
        known.building(clock.taking(0.75))
    waited = 0
    while known.waits("a shape") and waited < 100:
        assert known.instead(clock.taking(0.015)) == "done"
        waited += 1
    # The last time it is the next call that would make it a fifth of a second.
    assert waited == 13
    assert known.waits("another shape")
    known.instead(clock.taking(0.5))
    assert not known.waits("large ones")  # where a run takes that long


def test_another_number_of_samples_waits_after_the_first_ones(clock: Clock) -> None:
    known = Patience()
    known.tracing("a sample", clock.taking(9.0))
    for size in (1, 2):
        assert not known.waits(size, traced=True)
        known.building(clock.taking(1.0), size)
    waited = 0
    while known.waits(3, traced=True) and waited < 100:
        known.instead(clock.taking(0.015))
        waited += 1
    assert waited == 13
    known.building(clock.taking(1.0), 3)
    assert known.waits(4, traced=True)


@pytest.mark.parametrize("mode", ["call", "value and gradient", "step"])
def test_batches_of_ever_other_sizes_run_as_they_are(
    mode: str, backend: str, built: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FREE", 2)
    monkeypatch.setattr(patience, "WORTH", 0)
    w = Value(0.5)

    def loss(xs: list[float]) -> Value:
        h: Any = 0.0
        for x in xs:
            h = (h * w + x).tanh()
        return h * h

    rule = optim.SGD([w], lr=0.01)
    f = micrograd.compile(loss, batch=True, optimizer=rule, backend=backend)
    r = random.Random(2)
    for size in (3, 4, 5, 6, 7, 3, 4, 5):
        samples = [[r.random() for _ in range(6)] for _ in range(size)]
        mean = sum(loss(xs) for xs in samples) / size
        (slope,) = micrograd.grad(mean, [w])
        expected, before = mean.data, w.data
        if mode == "call":
            assert f(samples) == pytest.approx(expected, rel=1e-12)
        elif mode == "step":
            assert f.step(samples) == pytest.approx(expected, rel=1e-12)
            assert w.data == pytest.approx(before - 0.01 * slope.data, rel=1e-12)
        else:
            value, gradient = f.value_and_grad(samples)
            assert [value, *gradient] == pytest.approx([expected, slope.data], rel=1e-12)
    assert sum(isinstance(unit, Compilation) for unit in built) == 2  # others are updates


def test_programs_that_are_soon_made_do_not_wait(clock: Clock) -> None:
    known = Patience()
    for _ in range(2):
        known.tracing("a shape", clock.taking(0.02))
        known.building(clock.taking(0.03))
    known.alone(clock.taking(0.01))  # forwards; back again it is more
    assert not known.waits("a shape")


def test_another_way_waits_anew_after_each_program(clock: Clock) -> None:
    known = Patience()
    for _ in range(3):
        known.tracing("a shape", clock.taking(1.0))
        known.building(clock.taking(0.0))
        known.runs += 10
        if known.waits(ANOTHER_WAY):
            known.instead(clock.taking(0.19))
            assert not known.waits(ANOTHER_WAY)


# ---- compiled functions --------------------------------------------------------------------------

W, B = Value(0.0), Value(0.0)


def of_lengths(xs: list[float], ys: list[float]) -> Value:
    total = B * 0.1
    for x in xs:
        total = (total + W * x).tanh()
    return sum(((total - y) ** 2 for y in ys), B * B)


def by_digits(xs: list[float], ys: list[float]) -> Value:
    return sum((W * round(10 * x) - y) ** 2 for x, y in zip(xs, ys, strict=False)) + B * len(xs)


SEEN: list[float] = []


def beside_a_list(xs: list[float], ys: list[float]) -> Value:
    return (W * sum(SEEN) * xs[0] - ys[0]) ** 2 + B * len(SEEN)


@pytest.mark.parametrize("worth", [0.0, 1e9])  # nothing more is ever made, or all at once
@pytest.mark.parametrize("loss", [of_lengths, by_digits, beside_a_list], ids=lambda f: f.__name__)
def test_numbers_are_the_same_with_programs_and_without(
    loss: Any, worth: float, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FREE", 2)
    monkeypatch.setattr(patience, "WORTH", worth)

    def trained(compiled: bool) -> tuple[list[float], int]:
        W.data, B.data = 0.8, -0.3
        SEEN[:] = [0.5]
        rng = random.Random(3)
        adam = optim.Adam([W, B], lr=0.05)
        f = micrograd.compile(loss, optimizer=adam, backend=backend)
        numbers: list[float] = []
        for k in range(14):
            given = [[rng.uniform(-1, 1) for _ in range(rng.randint(1, 5))] for _ in range(2)]
            SEEN.append(0.1 * k)
            if not compiled:
                numbers.append(eager_step(loss, adam, *given))
                continue
            value, gradient = f.value_and_grad(*given)
            expected, slopes = eager_value_and_grad(loss, [W, B], *given)
            assert_near(value, expected)
            assert_near(gradient, slopes)
            assert f(*given) == pytest.approx(expected, rel=1e-12)
            numbers.append(f.step(*given))
        state = adam.state_dict()["state"]
        numbers += [float(np.ravel(x)[0]) for s in state.values() for x in s.values()]
        return [*numbers, W.data, B.data], len(f._decisions)

    mine, programs = trained(True)
    theirs, _ = trained(False)
    np.testing.assert_allclose(mine, theirs, 1e-11)
    assert programs <= 8 if worth == 0.0 else programs > 8


@pytest.mark.parametrize("worth", [0.0, 1e9])
def test_what_a_function_leaves_is_left_with_programs_and_without(
    worth: float, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FREE", 1)
    monkeypatch.setattr(patience, "WORTH", worth)

    def trained(compiled: bool) -> list[Any]:
        kept = SimpleNamespace(mean=0.0, mode="a", out=None, seen=None)
        running = Value(0.25)  # as the statistics of a norm: not trained

        def loss(xs: list[float]) -> Value:
            hidden = [(W * x).tanh() for x in xs]
            kept.out, kept.seen = hidden, hidden[0].data
            kept.mean = 0.9 * kept.mean + 0.1 * sum(xs) / len(xs)
            if kept.mode == "aaa":
                kept.once = hidden[-1] + B
            z = sum(hidden) - running.data
            running.data = 0.5 * running.data + 0.5 * hidden[0].data
            return (z * kept.mean - len(kept.mode)) ** 2 + B * B

        W.data, B.data = 0.5, -0.25
        adam = optim.Adam([W, B], lr=0.05)
        f = micrograd.compile(loss, optimizer=adam, backend=backend)
        found: list[Any] = []
        for k in range(1, 13):
            xs = [0.5 * i - 0.3 * (k % 3) for i in range(1 + k % 2)]
            for call in range(3):
                if call < 2:
                    found.append(f(xs) if compiled else loss(xs).data)
                else:
                    found.append(f.step(xs) if compiled else eager_step(loss, adam, xs))
                found += [kept.mean, kept.seen, running.data, running.grad, W.data]
                found += [v.data for v in kept.out]
                found.append(kept.once.data if hasattr(kept, "once") else 99.0)
            kept.mode += "a" if k % 4 else ""
        found.append(len(f._decisions))
        return found

    *mine, programs = trained(True)
    *theirs, _ = trained(False)
    assert mine == pytest.approx(theirs, rel=1e-10, abs=1e-14)
    assert programs == 2 if worth == 0.0 else programs > 8


def test_what_changes_at_every_call_waits_for_longer_each_time(clock: Clock) -> None:
    known = Patience()
    for _ in range(2):
        known.tracing("a shape", clock.taking(1.0))
    waited = []
    for _ in range(7):
        waited.append(0)
        while known.waits("a shape"):
            known.instead(clock.taking(0.125))
            waited[-1] += 1
        known.tracing("a shape", clock.taking(1.0))
        known.runs += 2  # and it is not used again
    assert waited == [3, 6, 12, 25, 25, 25, 25]
    known.runs += 100  # this one is
    known.tracing("a shape", clock.taking(1.0))
    while known.waits("a shape"):
        known.instead(clock.taking(0.125))
        waited[-1] += 1
    assert waited[-1] == 26


def test_a_config_entry_that_changes_at_every_call_is_not_compiled_at_each(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FREE", 2)
    config: dict[str, Any] = {"step": 0}

    def loss(xs: list[float]) -> Value:
        config["out"] = hidden = [W * x for x in xs]
        return sum(hidden) * [0.5, 0.25, 0.125][config["step"] % 3] + B * config["step"]

    W.data, B.data = 0.5, 0.25
    f = micrograd.compile(loss, parameters=[W, B], backend=backend)
    for k in range(60):
        config["step"] = k
        assert f([1.0, 2.0]) == pytest.approx(1.5 * [0.5, 0.25, 0.125][k % 3] + 0.25 * k)
        assert [v.data for v in config["out"]] == [0.5, 1.0]
    assert len(f._decisions) < 20
