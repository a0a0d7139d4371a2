"""Numbers of several types as arguments: what a function sees of them, and NumPy's narrow ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import CompileError, Value

W = Value(0.5)
THREES = [3, 3.0, np.int64(3), np.float64(3.0), True, np.int32(3), np.float32(3.0), np.bool_(True)]


def by_isinstance(x):
    return W * x if isinstance(x, int) else W * (x + 1.0)


def by_float(x):
    return W * x if isinstance(x, float) else W * (x + 1.0)


def by_type(x):
    return W * x if type(x) is int else W * (x + 1.0)


def by_name(x):
    return W * x if type(x).__name__ in ("int", "int64") else W * (x + 1.0)


def by_number(x):
    return W * x if isinstance(x, Integral) and not isinstance(x, np.integer) else W * (x + 1.0)


def by_attribute(x):
    return W * x if hasattr(x, "dtype") else W * (x + 1.0)


def by_match(x):
    match x:
        case bool():
            return W * 7.0
        case int():
            return W * x
        case _:
            return W * (x + 1.0)


ASKING = [by_isinstance, by_float, by_type, by_name, by_number, by_attribute, by_match]


def right_or_refused(f: Any, fn: Any, *given: Any) -> bool:
    """Whether it is what it is eagerly; else it must be refused."""
    try:
        found = f(*given)
    except CompileError:
        return False
    assert found == fn(*given).data, given
    return True


@pytest.mark.parametrize("fn", ASKING)
def test_a_type_that_a_function_asks_for_is_that_of_the_call(
    fn: Callable[..., Any], backend: str
) -> None:
    for order in (THREES, THREES[::-1]):
        f = micrograd.compile(fn, backend=backend)
        right = [right_or_refused(f, fn, x) for x in (*order, *order)]
        assert sum(right) >= 12, right  # of NumPy's float32 plus 1.0 is none


def test_a_truth_of_numpy_is_one_of_each_call(backend: str) -> None:
    f = micrograd.compile(lambda t, x: W * x if t else W * 2.0, backend=backend)
    g = micrograd.compile(lambda t: (W, t, not t), backend=backend)
    for t in (np.bool_(True), np.bool_(False), True, False, np.True_):
        assert f(t, 3.0) == (1.5 if t else 1.0)
        assert g(t) == (0.5, t, not t)


def test_types_in_lists_and_dicts(backend: str) -> None:
    def loss(xs: list[Any], d: dict[str, Any]) -> Any:
        own = [isinstance(x, int) for x in (*xs, d["a"])]
        return W * sum(float(x) * (2 if i else 1) for x, i in zip([*xs, d["a"]], own, strict=True))

    one, other = np.int64(3), np.float64(4.0)
    f = micrograd.compile(loss, backend=backend)
    for xs in ([3, 4], [3.0, 4.0], [one, one], [other, 2.0], [3, 4.0], [True, 4], [3, 4]):
        for a in (3, one, 2.5):
            right = right_or_refused(f, loss, xs, {"a": a})
            assert right or 4.0 in xs  # integers among floats are floats


NARROW: dict[str, Callable[..., Any]] = {
    "a sum": lambda a: W * (a[0] + a[1]),
    "a difference": lambda a: W * (a[0] - a[1]),
    "a product": lambda a: W * (a[0] * a[1]),
    "a constant": lambda a: W * (a[0] + 100),
    "a power": lambda a: W * (a[0] ** 2),
    "of Values": lambda a: W * a[0] + W * a[1] * a[2],
    "of floats": lambda a: W * (float(a[0]) + float(a[1]) * 0.1),
    "of integers": lambda a: W * (int(a[0]) + int(a[1]) * 100),
    "a quotient": lambda a: W * (a[0] / a[1]),
    "the largest": lambda a: W * (max(a) + 0.5),
    "a branch": lambda a: W if a[0] > a[1] else W * 2.0,
    "all": lambda a: W * a.sum(),
    "a function": lambda a: W * math.sqrt(a[0]) + W * (a[0] > 0.5),
    "comparisons": lambda a: W * ((a[0] > 1) + (a[1] > 1) + (a[2] == 0)),
}
CONTENTS = [[100, 7, 3], [200, 100, 3], [7, 100, 0], [1, 1, 0]]


@pytest.mark.parametrize("sort", ["uint8", "int8", "int32", "uint64", "bool", "float32"])
@pytest.mark.parametrize("name", NARROW)
def test_narrow_numbers_are_as_numpy_has_them(name: str, sort: str, backend: str) -> None:
    fn = NARROW[name]
    arrays = [np.array(x).astype(sort) for x in CONTENTS]
    for order in (arrays, arrays[::-1]):
        f = micrograd.compile(fn, backend=backend)
        for a in (*order, *order):
            try:
                with np.errstate(all="ignore"):
                    fn(a)
            except (TypeError, ValueError):
                continue  # of truths there is no difference, of -56 no root
            with np.errstate(all="ignore"):
                right = right_or_refused(f, fn, a)
            alone = name not in ("of Values", "of floats", "of integers", "a function", "a branch")
            assert right or (sort.startswith("float") and alone), name


def test_floats_of_another_precision_say_what_to_write(backend: str) -> None:
    f = micrograd.compile(NARROW["a sum"], backend=backend)
    array = np.array([0.1, 0.2], np.float32)
    with pytest.raises(CompileError, match=r"float32 here.*\n.*\n.*xs\.astype\(float\)"):
        f(array)
    assert f(array.astype(float)) == NARROW["a sum"](array.astype(float)).data
    w = Value(0.5)
    f = micrograd.compile(lambda a: w * (a[0] + a[1]), backend=backend, dtype="float32")
    assert f(array) == pytest.approx(0.15, rel=1e-6)
    g = micrograd.compile(lambda x, y: W if x > y else W * 2.0, backend=backend)
    with pytest.raises(CompileError, match="as which NumPy rounds it"):
        g(np.float32(0.1), 0.1)
    h = micrograd.compile(lambda x: W if x > 0.1 else W * 2.0, backend=backend)
    assert h(np.float32(0.1)) == 1.0  # 0.1 is rounded, too
