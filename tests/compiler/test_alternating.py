"""Calls that go other ways in turn: each finds its program at once, and is what eager code is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, optim
from micrograd.compiler.programs.decisions import Guesses
from micrograd.compiler.programs.programs import Programs


@dataclass(frozen=True)
class Bond:
    coupon: float
    years: int


def by_integers(w: list[Value], bonds: Any, price: float) -> Value:
    total = sum(
        (b.coupon * (-w[0] * year).exp() for b in bonds for year in range(1, b.years + 1)), w[1]
    )
    return (total - price) ** 2


def by_levels(w: list[Value], levels: Any, price: float) -> Value:
    loss = w[1] * 0.1
    for level in levels:
        loss = loss + (w[0].sigmoid() if level == 0 else (w[0] * level + w[1]).tanh() ** 2)
    return (loss - price) ** 2


def by_numbers(w: list[Value], xs: Any, price: float) -> Value:
    kept = [x for x in xs if x > 0.5]
    return sum(((w[0] * x + w[1] - price) ** 2 for x in kept), w[0] * 0.0) / (len(kept) + 1)


def bonds(k: int) -> list[Bond]:
    return [Bond(0.5 + 0.1 * k, 1 + (k + j) % 3) for j in range(2)]


PROGRAMS: dict[str, tuple[Callable[..., Value], Callable[[int], Any]]] = {
    "records": (by_integers, bonds),
    "integers in a list": (by_levels, lambda k: [k % 3, (k + 1) % 3, k % 2]),
    "integers in an array": (by_levels, lambda k: np.array([k % 3, (k + 1) % 3, k % 2])),
    "floats": (by_numbers, lambda k: [0.2 + 0.1 * ((k * j) % 7) for j in range(1, 5)]),
    "float32": (by_numbers, lambda k: np.array([0.2, 0.3 * k, 0.9, 1.1 - 0.2 * k], np.float32)),
}


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_call_finds_its_program_at_once(
    name: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, argument = PROGRAMS[name]
    calls = [(argument(k), 1.0 + 0.1 * k) for k in range(6)]
    w = [Value(0.3), Value(-0.2)]
    own = copy.deepcopy(w)
    ran = []

    def noted(*given: Any) -> Value:
        ran.append(given)
        return loss(w, *given)

    adam, eager = optim.Adam(w, lr=0.01), optim.Adam(own, lr=0.01)
    f = micrograd.compile(noted, optimizer=adam, backend=backend)
    tried: list[int] = []
    again = Programs.again

    def counted(self: Programs, *args: Any) -> Any:
        tried[-1] += 1
        return again(self, *args)

    monkeypatch.setattr(Programs, "again", counted)
    for k in range(60):
        tried.append(0)
        if k == 30:
            ran.clear()
        found = f.step(*calls[k % 6])
        value = loss(own, *calls[k % 6])
        eager.zero_grad()
        value.backward()
        eager.step()
        assert found == pytest.approx(value.data, rel=1e-11)
    assert [v.data for v in w] == pytest.approx([v.data for v in own], rel=1e-10)
    assert len(ran) <= 3  # programs are checked again from time to time
    assert sorted(tried[30:])[-4] <= 3


def test_a_wrong_guess_is_no_more_than_a_guess() -> None:
    """The parameter decides, and the arguments are the same."""
    w = Value(1.0)
    sgd = optim.SGD([w], lr=0.3)
    f = micrograd.compile(lambda x: (w * x if w.data > 0 else -2 * w) ** 2, optimizer=sgd)
    own = Value(1.0)
    for k in range(40):
        x = [1.0, 2.0, 1.5][k % 3]
        value = (own * x if own.data > 0 else -2 * own) ** 2
        own.grad = 0.0
        value.backward()
        assert f.step(x) == pytest.approx(value.data, rel=1e-12)
        own.data -= 0.3 * own.grad
        assert w.data == pytest.approx(own.data, rel=1e-12)


def test_integers_that_no_float_holds_are_refused_each_time() -> None:
    w = Value(0.5)
    for given in ([1, 2], np.array([1, 2])):
        f = micrograd.compile(lambda xs: sum(w * x for x in xs))
        for _ in range(4):
            assert f(given) == 1.5
        for large in (2**53 + 1, -(2**53) - 1):
            other = [large, 2] if isinstance(given, list) else np.array([large, 2])
            with pytest.raises(ValueError, match=r"2\*\*53|9007199254740992"):
                f(other)
        assert f(given) == 1.5


def test_guesses_forget() -> None:
    guesses = Guesses()
    for k in range(5000):
        guesses.note(guesses.key((k,)), k)
    assert guesses.get(guesses.key((4999,))) == 4999
    assert guesses.get(guesses.key((0,))) is None
    assert guesses.key((object(),)) is None
    assert guesses.key((np.zeros(5000),)) is None
    assert guesses.key(([[1, 2], [3]], "a", None)) != guesses.key(([[1, 2], [4]], "a", None))
