"""What is compared before each call: every way in which it may have become something else."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, engine
from micrograd.compiler.trace.world import words
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


class Rated:
    __slots__ = ("other", "rate")
    if TYPE_CHECKING:
        rate: Any
        other: Any


def whose_rate_is(value: Any, other: Any = None) -> Rated:
    x = Rated()
    x.rate, x.other = value, other
    return x


@pytest.mark.parametrize(
    "change",
    [
        lambda x: setattr(x, "rate", 0.25),
        lambda x: delattr(x, "rate"),
        lambda x: setattr(Rated, "rate", property(lambda self: 0.25)),
    ],
    ids=["value", "none", "descriptor of the class"],
)
def test_an_attribute_in_a_slot(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rated, "rate", vars(Rated)["rate"])  # put back at the end
    x = whose_rate_is(rate := float("0.5"))
    before = watched([], [], [(x, "rate", rate)])
    assert same_all(*before)
    x.other = 3
    assert same_all(*before)
    change(x)
    assert not same_all(*before)


def test_the_class_of_an_object() -> None:
    class Other:
        __slots__ = ("other", "rate")

    x = whose_rate_is(0.5)
    around, before = Surroundings(lambda: x.rate), watched([], [], [(x, "rate", x.rate)])
    assert around.same()
    x.__class__ = Other  # type: ignore[assignment]
    assert not around.same()
    assert engine.CORE != "native" or not same_all(*before)
    assert around.changes() == ["x.__class__"]


def test_where_attributes_are() -> None:
    marker = object()
    alone, twice = whose_rate_is(marker), whose_rate_is(marker, marker)
    known = engine.CORE == "native"
    assert (words.place_of(alone, "rate", marker)[0] > 0) is known
    assert words.place_of(twice, "rate", marker) == (-1, [])  # which of the two is not known

    class Named(Rated):
        rate = 0.5

    x = Named()
    assert words.place_of(x, "rate", x.rate) == (-1, [])


@pytest.mark.parametrize("name", ["__code__", "__defaults__", "__kwdefaults__"])
def test_attributes_of_functions(name: str) -> None:
    def f(a: int = 1, *, b: int = 2) -> int:
        return a + b

    def g() -> int:
        return 3

    for x, other in ((f, g), (g, f)):
        before = watched([], [], [(x, name, getattr(x, name))])
        assert same_all(*before)
        held = getattr(x, name)
        setattr(x, name, getattr(other, name))
        assert not same_all(*before)
        setattr(x, name, held)
        assert same_all(*before)
