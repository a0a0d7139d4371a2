"""Forms of the language of which one program holds both sides: no call is of another program."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import assert_near, eager_value_and_grad
from test_language_forms import W

import micrograd
from micrograd import Value

P = [Value(0.5), Value(0.5), Value(-0.3)]  # of which two are equal numbers


def only_continue(x):
    total = 0.0
    for v in x:
        if v < 0:
            continue
        total = total + v * P[0]
    return total


def caught_on_its_side(x):
    if x[0] > 0:
        try:
            r = {}["missing"]
        except KeyError:
            r = x[1] * P[0]
    else:
        r = x[2] * P[2]
    return r


def equal_parameters(x):
    return P[0] + x[1] if x[0] > 0 else P[1] + x[2]


def equal_parameters_that_grow(x):
    total = P[0] if x[0] > 0 else P[1]
    for v in x:
        if v > 0.2:
            total = total + v * P[2]
    return total


def what_both_begin_with(x):
    total = P[0] * x[0]
    if x[1] > 0:
        total = total + P[1] * x[1] - P[2]
    elif x[1] < -1:
        total = total - x[2]
    return total


def among_none(x):
    return P[0] * x[1] if x[0] in (None, "a", x[2]) else P[1] * x[2]


def among_plain(x):
    return P[0] * x[1] if 2.0 in (x[0], 2.0) else P[1] * x[2]


def not_among(x):
    y = x[0] if x[0] > 0 else 3.0
    return P[0] * x[1] if y not in (3.0, 4.0) else P[1] * x[2]


def a_chain(x):
    return P[0] * x[1] if -0.5 < x[0] <= x[2] < 2 else P[1]


def not_and_or(x):
    return P[0] if not (x[0] > 0 and x[1] > 0) or x[2] > 1 else P[1] * x[3]


def is_false(x):
    return P[0] * x[1] if (x[0] > 0) is False else P[2]


def is_not_true(x):
    return P[0] * x[1] if (x[0] > 0) is not True else P[2]


def any_of_them(x):
    return P[0] if any(v > 1 for v in x) else P[1] * x[0]


def all_of_them(x):
    return P[0] if all(v > -1 for v in x) else P[1] * x[0]


def sorted_by_two_keys(x):
    a, b, *_ = sorted(x, key=lambda v: (v > 0, -v))
    return P[0] * a + P[1] * b


def sorted_among_plain(x):
    words = sorted(["b", "a"], reverse=True)
    return P[0] * sorted([x[0], 0.25, x[1]])[1] + len(words[0])


def the_first(x):
    return P[0] * next((v for v in x if v > 0), 4.0)


def by_filter_and_map(x):
    return sum(map(lambda v: v * P[0], filter(lambda v: v > 0, x)), P[1])  # noqa: C417


def lists_that_grow(x):
    low: list[Any] = []
    high: list[Any] = []
    for v in x:
        if v > 0:
            high.extend([v * P[0], v])
        elif v < -1:
            low.append(v)
    return sum(high) + len(high) * P[1] - sum(low)


def pairs(x):
    return sum(a * b * P[0] for a, b in zip(x, x[1:], strict=False) if a < b)  # noqa: RUF007


def by_numpy(x):
    return P[0] * np.max(np.array(x)) - P[1] * x[int(np.argmin([1, 0, 2]))] + P[2] * np.min(x)


def the_median(x):
    return P[0] * statistics.median(x)


def clamped(x):
    return sum(min(max(v, -0.5), 0.5) * P[k % 3] for k, v in enumerate(x))


def a_tuple_or_another(x):
    a, (b, c) = (P[0], (x[1], 2.0)) if x[0] > 0 else (x[2], (P[1], 3.0))
    return a * b + c


def a_dict_or_another(x):
    chosen = {"a": P[0], "b": x[1]} if x[0] > 0 else {"a": x[2], "b": P[1]}
    return chosen["a"] * chosen["b"]


def branches_in_branches(x):
    y = x[3]
    if x[0] > 0:
        if x[1] > 0:
            return P[0] * x[1]
        y = P[1]
    elif x[2] > 0:
        y = P[2] * x[2]
    else:
        return P[0] - x[3]
    return y * x[4]


def a_value_or_a_number(x):
    v = P[0] * x[0] if x[0] > 0 else 0.0
    return v + 1 if v else P[1] * 3


def a_loop_that_breaks(x):
    total = 0.0
    for v in x:
        if v > 1:
            break
        total = total + v * P[0]
        if total.data > 100:
            total = total * 2
    else:
        total = total + P[1]
    return total + 0


def swapped_elements(x):
    h = [P[0] * x[1], P[1] * x[2]]
    if x[0] > 0:
        h[0], h[1] = h[1], h[0]
    return h[0] - 2 * h[1]


def a_pair_as_an_element(x):
    h = [(x[1], P[0]), (x[2], P[1])]
    if x[0] > 0:
        h[0] = (x[3], P[2])
    return h[0][0] * h[0][1] + h[1][0]


def numbers_are_not_true(x):
    k = 1
    first = P[0] if k is True else P[1] * x[1]
    return first + (P[2] if x[0] is True else x[2]) - (x[3] if None is False else P[0])


def plain_choices_by_key(x):
    return P[0] * max(3.0, -5.0, key=abs) + P[1] * min([2.0, -1.0], key=abs) + x[0] * max([1.5])


def of_its_name():
    def act(x):
        return P[0] * x[0] if x[0] > 0 else P[1]

    return act


def another_of_its_name():
    def act(x):
        return P[2] if x[0] > 0.5 else P[1] * x[1]

    return act


MORE: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        only_continue, caught_on_its_side, equal_parameters, equal_parameters_that_grow,
        what_both_begin_with, among_none, among_plain, not_among, a_chain, not_and_or, is_false,
        is_not_true, any_of_them, all_of_them, sorted_by_two_keys, sorted_among_plain, the_first,
        by_filter_and_map, lists_that_grow, pairs, by_numpy, the_median, clamped,
        a_tuple_or_another, a_dict_or_another, branches_in_branches, a_value_or_a_number,
        a_loop_that_breaks, swapped_elements, a_pair_as_an_element, numbers_are_not_true,
        plain_choices_by_key,
    )
}  # fmt: skip
MORE |= {"of its name": of_its_name(), "another of its name": another_of_its_name()}


@pytest.mark.parametrize("name", MORE)
def test_value_and_gradient_of_one_program(name: str, built: list[Any]) -> None:
    form = MORE[name]

    def loss(x):
        return W * form(x) + W

    f = micrograd.compile(loss, parameters=[W, *P], backend="numpy")
    r = random.Random(5)
    for _ in range(12):
        x = [round(r.gauss(0, 1), 3) for _ in range(5)]
        value, gradient = f.value_and_grad(x)
        expected, theirs = eager_value_and_grad(loss, [W, *P], x)
        assert_near(value, expected)
        assert_near(gradient, theirs)
    assert len(built) == 1


DECIDED: dict[str, Callable[..., Any]] = {
    "a remainder": lambda x: x[0] % 0.7,
    "of a plain number": lambda x: 2.5 % (abs(x[0]) + 0.8),
    "whole times": lambda x: x[0] // 0.7 + 2.5 // (abs(x[1]) + 0.8),
    "both": lambda x: sum(k * v for k, v in enumerate(divmod(x[0] * 2, 0.7), 1)),
    "an integer": lambda x: x[int(abs(x[0])) % 5] + int(x[1]) / 4,
    "rounded": lambda x: x[round(abs(x[0]))] + math.floor(x[1]) + math.ceil(x[2]) * 3,
}


@pytest.mark.parametrize("name", DECIDED)
def test_what_is_decided_is_right_in_every_call(name: str, built: list[Any]) -> None:
    f = micrograd.compile(lambda x: W * DECIDED[name](x), parameters=[W], backend="numpy")
    r = random.Random(7)
    for _ in range(12):
        x = [round(r.gauss(0, 1), 3) for _ in range(5)]
        assert_near(f(x), (W * DECIDED[name](x)).data)
    assert 1 < len(built) <= 12


def caught(make: Callable[[Any], Any]) -> Callable[[list[float]], Any]:
    def form(x: list[float]) -> Any:
        try:
            made = make(x[0])
        except Exception:  # of the function; what is refused is refused nevertheless
            return x[1]
        return x[2] if made is not None else x[3]

    return form


@pytest.mark.parametrize(
    "make",
    [lambda v: f"{v:.3f}", lambda v: f"{v}", np.float64, lambda v: {0.5: 1}.get(v, 2), complex,
     lambda v: round(v, 2), lambda v: [1, 2][v]],
)  # fmt: skip
def test_what_is_refused_is_not_caught_by_the_function(make: Any) -> None:
    form = caught(make)
    f = micrograd.compile(lambda x: W * form(x), parameters=[W], backend="numpy")
    for x in ([0.25, 2.0, 3.0, 5.0], [0.75, -2.0, -3.0, 7.0]):
        try:
            assert_near(f(x), (W * form(x)).data)
        except micrograd.CompileError:
            return
