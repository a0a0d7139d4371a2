"""Arguments that are records are read at once, and nothing else is taken for one of them."""

from __future__ import annotations

import math
import re
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value
from micrograd.compiler.trace.arguments.flattening import flattener
from micrograd.errors import ArgumentTypeError

W = Value(0.5)
TABLE = [Value(0.1 * k) for k in range(5)]
Pair = namedtuple("Pair", "x y")


@dataclass
class Sample:
    x: float
    y: Any
    name: str = "plain"


LIKE = [
    ((1, 2, 3.5), (0, 4, -1.0), [0, 4, -1.0], [0, 4, 0]),
    (Pair(1.0, 2.0), Pair(3.0, 4.0), [3.0, 4.0], [0, 0]),
    ({"x": 1.0, "on": True}, {"x": 2.0, "on": True}, [2.0], [0]),
    (Sample(1.0, [2.0, 3.0]), Sample(4.0, [5.0, math.inf]), [4.0, 5.0, math.inf], [0, 0, 0]),
    ([(1, 2.0), (3, 4.0)], [(5, 6.0), (7, 8.0)], [5, 6.0, 7, 8.0], [5, 0, 7, 0]),
    (SimpleNamespace(x=1.0, k=2), SimpleNamespace(x=3.0, k=4), [3.0, 4], [0, 4]),
    ("a", "a", [], []),
    (None, None, [], []),
]
UNLIKE = [
    ((1, 2.0), [1, 2.0]),
    ((1, 2.0), (1.0, 2.0)),
    ((1, 2.0), (1, 2.0, 3.0)),
    ((1, 2.0), (2**53 + 1, 2.0)),
    ((1, 2.0), (1, True)),
    (Pair(1.0, 2.0), (1.0, 2.0)),
    ({"x": 1.0, "y": 2.0}, {"y": 2.0, "x": 1.0}),
    ({"x": 1.0}, {"x": np.float64(1.0)}),
    ({"x": 1.0, "on": True}, {"x": 1.0, "on": False}),
    (Sample(1.0, 2.0), Sample(1.0, 2.0, "other")),
    (Sample(1.0, [2.0]), Sample(1.0, [2.0, 3.0])),
    ("a", "b"),
    (None, 0.0),
]


@pytest.mark.parametrize(("x", "other", "numbers", "integers"), LIKE)
def test_what_is_like_it(x: Any, other: Any, numbers: list[Any], integers: list[int]) -> None:
    read = flattener(x, 0, {})
    assert read is not None
    assert read(other) == (numbers, integers)
    assert [type(n) for n in read(other)[0]] == [type(n) for n in numbers]


@pytest.mark.parametrize(("x", "other"), UNLIKE)
def test_what_is_not(x: Any, other: Any) -> None:
    read = flattener(x, 0, {})
    assert read is not None
    assert read(other) is None


def test_integers_that_were_not_tried() -> None:
    read = flattener((1, 2.0), 0, {(0, 0): {1, 2}})
    assert read is not None
    assert read((2, 0.5)) == ([2, 0.5], [2, 0])
    assert read((3, 0.5)) is None


def test_what_there_is_no_function_for() -> None:
    assert flattener([(1.0, 2)] * 300, 0, {}) is None
    assert flattener({"x": np.zeros(3)}, 0, {}) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda k: (k % 5, 1.0 + k),
        lambda k: Sample(1.0 + k, k % 5),
        lambda k: Pair(1.0 + k, (k * 3) % 5),
        lambda k: {"x": 0.5 * k, "y": k % 5},
    ],
)
def test_calls_are_eagers(make: Any) -> None:
    def loss(s: Any) -> Any:
        x, y = (s[1], s[0]) if type(s) is tuple else (
            (s["x"], s["y"]) if isinstance(s, dict) else (s.x, s.y))  # fmt: skip
        return (W * x - TABLE[y]) ** 2

    f = micrograd.compile(loss, backend="numpy")
    for k in range(40):
        assert f(make(k)) == pytest.approx(loss(make(k)).data, rel=1e-12)


def test_records_that_take_turns() -> None:
    def loss(s: Sample) -> Any:
        scaled = W * s.x if s.y is None else W * s.x * s.y
        return (scaled - 1.0) ** 2 if s.name == "plain" else scaled

    f = micrograd.compile(loss, backend="numpy")
    for k in range(48):
        s = Sample(0.1 * k, None if k % 3 else 0.5 * k, "plain" if k % 2 else "other")
        assert f(s) == pytest.approx(loss(s).data, abs=1e-12)
    found = [
        f._programs.again("value", (s,))
        for s in (Sample(0.5, 2.0, "other"), Sample(0.5, None), Sample(0.5, None, "a third"))
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0] is not found[1]
    assert found[2] is None


def test_names_and_places_of_arguments() -> None:
    def loss(x: float, y: float = 2.0, *, z: float = 3.0) -> Any:
        return W * x - y * z

    f = micrograd.compile(loss, backend="numpy")
    for k in range(20):
        x = 0.1 * k
        for found in (f(x), f(x=x), f(x, y=2.0), f(x, z=3.0), f(z=3.0, x=x, y=2.0)):
            assert found == pytest.approx(0.5 * x - 6.0, abs=1e-12)
    with pytest.raises(ArgumentTypeError, match="unexpected keyword argument 'q'"):
        f(1.0, q=2.0)


class Sign(Enum):
    PLUS = 1
    MINUS = 2


@dataclass(frozen=True, slots=True)
class Found:
    scores: Any
    sign: Sign


def in_kinds(x: float) -> Any:
    by_name: Any = defaultdict(list)
    by_name["x"].append(W * x)
    counts: Any = Counter(most=W.data * x)
    counts["least"] -= x
    found = Found([W * x, x], Sign.PLUS if x > 0 else Sign.MINUS)
    return W * x, found, by_name, counts, OrderedDict(z=x, y=Sample(W * x, None))


def test_results_are_of_the_kinds_that_the_function_returns(backend: str) -> None:
    f = micrograd.compile(in_kinds, backend=backend)
    for x in (1.0, -2.0, 3.0):
        with micrograd.no_grad():
            expected = re.sub(r"Value\(data=([-\d.]+), grad=0.0\)", r"\1", repr(in_kinds(x)))
        assert repr(f(x)) == expected
    f = micrograd.compile(lambda x: (W * x, Sample(W * x, x)), batch=True, backend=backend)
    assert f([1.0, 2.0]) == (0.75, Sample(0.75, 1.5))


def test_namespaces(backend: str) -> None:
    f = micrograd.compile(lambda o: W * o.x * getattr(o, "k", 1.0) + sum(o.xs), backend=backend)
    given = [SimpleNamespace(x=1.0, xs=[1.0]), SimpleNamespace(x=2.0, xs=[3.0])]
    given += [SimpleNamespace(x=2.0, xs=[3.0], k=5.0), SimpleNamespace(x=4.0, xs=[1.0, 2.0])]
    for o in [*given, *given]:
        assert f(o) == (W * o.x * getattr(o, "k", 1.0) + sum(o.xs)).data
