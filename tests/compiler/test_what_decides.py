"""What an argument brings along besides its numbers decides, as it does eagerly, at once."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass
from typing import Any

import pytest

import micrograd
from micrograd import Value, optim

W, B = Value(0.5), Value(-0.2)


def compare(loss: Callable[..., Any], calls: Sequence[tuple[Any, ...]], backend: str) -> None:
    """Calls of a compiled function give what eager ones do, and so do its steps."""
    optimizer = optim.SGD([W, B], lr=0.0)
    for run in (
        micrograd.compile(loss, parameters=[W, B], backend=backend),
        micrograd.compile(loss, optimizer=optimizer, backend=backend).step,
    ):
        for arguments in calls:
            assert run(*arguments) == pytest.approx(loss(*arguments).data, rel=1e-12)


@dataclass
class Squared:
    x: float

    def __post_init__(self) -> None:
        self.squared = self.x**2


@dataclass
class Scaled:
    x: float
    scale: InitVar[float] = 1.0

    def __post_init__(self, scale: float) -> None:
        self.squared = self.x * scale


@dataclass(slots=True)
class Slots:
    x: float
    squared: float


@dataclass
class Plain:
    gain = 2.0
    x: float


def slots(x: float) -> Slots:
    return Slots(x, x + 1.0)


def added(x: float) -> Plain:
    made = Plain(1.0)
    made.squared = x  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
@pytest.mark.parametrize("make", [Squared, lambda x: Scaled(1.0, x), slots, added])
def test_attributes_of_records(make: Callable[[float], Any], backend: str) -> None:
    calls = [make(x) for x in (1.0, 1.0, 1.0, 2.0, 3.0)]
    compare(lambda s: (W * s.x - s.squared) ** 2, [(s,) for s in calls], backend)
    rows = [([s, make(4.0)],) for s in calls]
    compare(lambda s: sum((W * r.squared - B for r in s), W * 0.0), rows, backend)


def test_an_attribute_that_comes_later() -> None:
    calls = [Plain(1.0), Plain(1.0), Plain(2.0), added(3.0), Plain(2.0), added(4.0)]
    compare(lambda s: W * s.x * getattr(s, "squared", 5.0), [(s,) for s in calls], "numpy")
    assert not hasattr(calls[2], "squared")


class Sort(enum.Enum):
    A = 1.0
    B = 2.0


class Named(str):
    gain: float


def named(gain: float) -> Named:
    made = Named("a")
    made.gain = gain
    return made


def test_classes_functions_and_texts_that_are_arguments() -> None:
    rate = [1.0]

    def act(v: Value) -> Value:
        return v * rate[0]

    loss = micrograd.compile(lambda f, s, k: f(W * s.x * s.gain + k.weight), backend="numpy")
    plain = Plain(1.0)
    for gain, r, weight in ((1.0, 1.0, 0.0), (1.0, 2.0, 0.0), (3.0, 2.0, 0.0), (3.0, 2.0, 4.0)):
        Plain.gain, rate[0], Sort.A.weight = gain, r, weight  # type: ignore[attr-defined]
        for _ in range(3):
            assert loss(act, plain, Sort.A) == pytest.approx(r * (0.5 * gain + weight))
    compare(lambda s: W * s.gain, [(named(1.0),), (named(1.0),), (named(2.0),)], "numpy")


def test_records_on_both_sides_of_a_branch() -> None:
    def loss(x: float) -> Any:
        made = Squared(x) if x > 0 else Squared(-2.0 * x)
        return W * made.squared + B * made.x

    compare(loss, [(1.0,), (-2.0,), (3.0,), (-1.0,)], "numpy")
