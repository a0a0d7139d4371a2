"""What is compared before each call: every way in which it may have become something else."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value
from micrograd.compiler.trace.world.surroundings import Surroundings
from micrograd.compiler.trace.world.watched import in_one_piece, watched
from micrograd.engine import same_all


def reshaped(x: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        x.shape = x.shape[::-1]


ARRAYS = {
    "numbers": np.arange(6.0).reshape(2, 3),
    "integers": np.arange(6).reshape(2, 3),
    "objects": np.array([[Value(float(k)) for k in range(3)] for _ in range(2)]),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "part": np.arange(12.0).reshape(2, 6)[:, ::2],
    "dates": np.array([["2020-01-01", "2020-01-02", "2020-01-03"]] * 2, "M8[D]"),
}
CHANGES: dict[str, Callable[[np.ndarray], Any]] = {
    "entry": lambda x: x.__setitem__((1, 2), x[0, 0]),
    "resized": lambda x: x.resize((1, 2), refcheck=False),
    "larger": lambda x: x.resize((20, 30), refcheck=False),
    "reshaped": reshaped,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("sort", ARRAYS)
def test_an_array_that_has_changed_in_place(sort: str, change: str) -> None:
    x = ARRAYS[sort].copy() if sort not in ("columns", "part") else ARRAYS[sort]
    if sort == "part":
        x = np.arange(12.0).reshape(2, 6)[:, ::2]
    elif sort == "columns":
        x = x.copy(order="F")
    around = Surroundings(lambda: x)
    assert around.same()
    try:
        CHANGES[change](x)
    except (ValueError, AttributeError):
        pytest.skip("NumPy does not do that with such an array")
    assert not around.same()
    if change == "entry" and sort != "objects":
        x[1, 2] = ARRAYS[sort][1, 2]
        assert around.same()


def test_arrays_that_the_core_compares_itself() -> None:
    assert in_one_piece(ARRAYS["numbers"])
    assert in_one_piece(ARRAYS["objects"])
    assert in_one_piece(np.zeros((0, 3)))
    assert in_one_piece(np.array(2.0))
    assert not in_one_piece(ARRAYS["part"])
    assert not in_one_piece(np.zeros((2, 3)).view(np.matrix))


class Slotted:
    __slots__ = ("a", "b")


def test_attributes_that_come_and_go() -> None:
    x = Slotted()
    x.a = "text"
    around = Surroundings(lambda: (x.a, x.b))
    assert around.same()
    del x.a
    assert not around.same()
    x.a = "text"
    assert around.same()
    x.b = 2.0
    assert not around.same()


def test_classes_cells_and_sizes() -> None:
    class Settings:
        rate = 0.5
        other = None

    names = {"a": 1}
    wide = 0.5

    def f() -> Any:
        return Settings.rate, Settings().other, names, wide

    around = Surroundings(f)
    assert around.same()
    Settings.rate = 0.25
    assert not around.same()
    Settings.rate = 0.5
    names["b"] = 2
    assert not around.same()
    del names["b"]
    wide = 0.25
    assert not around.same()


def test_an_equal_number_is_the_same() -> None:
    numbers, d = [1.5, 2.5], {"k": 0.5}
    around = Surroundings(lambda: (numbers, d))
    for _ in range(3):
        numbers[0], d["k"] = float("1.5"), float("0.5")
        assert around.same()
    d["k"] = 1
    assert not around.same()


def test_the_core_takes_nothing_else() -> None:
    before = watched([[1]], [({"k": None}, "k", None)])
    assert same_all(*before)
    with pytest.raises(TypeError):
        same_all(*before[:-1])


class Config:
    beta, sizes = 0.5, [1.0, 2.0]

    @staticmethod
    def scaled(x: float) -> float:
        return x * FACTOR[0]


FACTOR = [2.0]


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_attributes_of_a_class(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    w = Value(3.0)
    monkeypatch.setattr(Config, "beta", 0.5)
    f = micrograd.compile(
        lambda x: w * x * Config.beta + Config().sizes[1] + Config.scaled(x), backend=backend
    )
    for k in range(12):
        x = 1.0 + k
        assert f(x) == 3 * x * Config.beta + Config.sizes[1] + x * FACTOR[0]
        if k == 4:
            Config.sizes[1] = 7.0
        if k == 8:
            FACTOR[0] = 5.0
        if k % 2:
            Config.beta = 0.1 * k
    programs = len(f._decisions)
    Config.beta = 0.75
    assert f(2.0) == 4.5 + 7.0 + 10.0
    assert len(f._decisions) == programs  # a number there is an input by now
    Config.sizes[1], FACTOR[0] = 2.0, 2.0
