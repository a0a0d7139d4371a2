"""Arguments that a function changes in place are refused by name and line, and are as they were."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field
from heapq import heappush
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import CompileError, Value, optim, tensor

W = Value(0.7)


@dataclass
class Point:
    x: float
    seen: list[float] = field(default_factory=list)


def divided(xs):
    xs /= 10  # here
    return sum((W * x - 1) ** 2 for x in xs)


def one_by_one(xs):
    for i in range(len(xs)):
        xs[i] = xs[i] / 10  # here
    return sum((W * x - 1) ** 2 for x in xs)


def emptied(stack):
    total = 0.0
    while stack:
        total = total * W + stack.pop()  # here
    return total


def appended(q, x):
    q.append(W * x)  # here
    return q[-1] ** 2


def kept(out, x):
    out["y"] = W * x  # here
    return out["y"] ** 2


def of_a_row(rows):
    rows[1].append(W * rows[0][0])  # here
    return sum(rows[1])


def attribute(p):
    p.x = p.x * 2  # here
    return W * p.x


def in_attribute(p):
    p.seen.append(p.x)  # here
    return W * p.x


def sorted_in_place(xs):
    xs.sort()  # here
    return W * xs[0] + xs[1]


def reversed_in_place(xs):
    xs.reverse()  # here
    return W * xs[0] + xs[1]


def without_the_first(xs):
    del xs[0]  # here
    return W * xs[0]


def shuffled(xs):
    random.shuffle(xs)  # here
    return W * xs[0]


def by_a_view(xs):
    first = xs.reshape(-1)[:1]
    first[:] = 0.5  # here
    return W * xs.sum()


def in_a_side(xs):
    if xs[0] > 0:
        xs.append(1.0)  # here
    return W * sum(xs)


def in_a_set(names, x):
    names.add("b")  # here
    return W * x * len(names)


def by_another_function(xs):
    def add(to):
        to.append(2.0)  # here

    add(xs)
    return W * sum(xs)


def by_the_library(xs):
    heappush(xs, W.data)  # here
    return W * xs[0]


def of_a_tensor(xs):
    xs += 1.0  # here
    return (W * xs).sum()


CHANGING: list[tuple[Any, tuple[Any, ...], str]] = [
    (divided, (np.array([1.0, 2.0]),), "`xs`, an array given"),
    (one_by_one, ([1.0, 2.0],), "`xs`, a list given"),
    (emptied, ([1.0, 2.0, 3.0],), "`stack`, a list given"),
    (appended, ([], 2.0), "`q`, a list given"),
    (kept, ({}, 2.0), "`out`, a dict given"),
    (of_a_row, ([[1.0], [2.0, 3.0]],), r"`rows\[1\]`, a list given"),
    (attribute, (Point(2.0),), "`p`, an object given"),
    (in_attribute, (Point(2.0, [1.0]),), r"`p\.seen`, a list given"),
    (sorted_in_place, ([3.0, 1.0, 2.0],), "`xs`, a list given"),
    (sorted_in_place, (np.array([3.0, 1.0, 2.0]),), "`xs`, an array given"),
    (reversed_in_place, ([3.0, 1.0],), "`xs`, a list given"),
    (without_the_first, ([3.0, 1.0],), "`xs`, a list given"),
    (shuffled, ([*map(float, range(20))],), "`xs`, a list given"),
    (by_a_view, (np.array([[3.0], [1.0]]),), "`xs`, an array given"),
    (in_a_side, ([3.0, 1.0],), "`xs`, a list given"),
    (in_a_side, ([-3.0, 1.0],), "`xs`, a list given"),
    (in_a_set, ({"a"}, 2.0), "`names`, a set given"),
    (by_another_function, ([3.0, 1.0],), "`xs`, a list given"),
    (by_the_library, ([3.0, 1.0],), "`xs`, a list given"),
    (of_a_tensor, (tensor([1.0, 2.0]),), "`xs`, an array given"),
]


@pytest.mark.parametrize(
    ("fn", "given", "words"), CHANGING, ids=[f"{c[0].__name__}-{k}" for k, c in enumerate(CHANGING)]
)
@pytest.mark.parametrize("method", ["__call__", "value_and_grad", "step"])
def test_a_changed_argument_is_refused_and_as_it_was(fn, given, words, method) -> None:
    before = copy.deepcopy(given)
    compiled = micrograd.compile(fn, optimizer=optim.SGD([W], lr=0.0))
    for _ in range(2):
        with pytest.raises(CompileError, match=words) as refused:
            getattr(compiled, method)(*given)
        assert "changed in place" in str(refused.value)
        assert "# here" in str(refused.value)
        assert "instead: " in str(refused.value)
        assert repr(given) == repr(before)


def test_keywords_are_named() -> None:
    def by_name(*, rate, xs):
        xs[0] = rate
        return W * xs[0]

    with pytest.raises(CompileError, match="`xs`, a list given as an argument"):
        micrograd.compile(by_name)(rate=1.0, xs=[2.0])


def swapped_back(xs):
    xs[0], xs[1] = xs[1], xs[0]
    y = W * xs[0]
    xs[0], xs[1] = xs[1], xs[0]
    return y + xs[0]


def on_a_copy(xs):
    stack, total = list(xs), 0.0
    while stack:
        total = total * W + stack.pop()
    return total


def on_a_dict(d, x):
    d = {**d, "y": W * x}
    return d["y"] * d["a"]


def on_an_array(xs):
    xs = xs.copy()
    xs /= 10
    return sum((W * x - 1) ** 2 for x in xs)


@pytest.mark.parametrize(
    ("fn", "given"),
    [
        (swapped_back, ([2.0, 3.0],)), (on_a_copy, ([1.0, 2.0],)),
        (on_a_dict, ({"a": 2.0}, 3.0)), (on_an_array, (np.array([1.0, 2.0]),)),
    ],
)  # fmt: skip
def test_what_is_put_back_or_a_copy_compiles(fn, given) -> None:
    compiled = micrograd.compile(fn, parameters=[W])
    wanted, before = fn(*copy.deepcopy(given)).data, repr(given)
    for _ in range(4):
        assert compiled(*given) == pytest.approx(wanted, rel=1e-12)
        assert repr(given) == before
