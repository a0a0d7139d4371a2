"""`max`, `min` and NumPy's like them where a nan comes, first or later: as Python and NumPy do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value
from micrograd.compiler.trace.extremes import _passing
from micrograd.errors import CompileError

W = Value(1.5)
NAN = math.nan
NUMBERS = [2.0, 3.0, -1.0, NAN, 2.5, -0.0, 0.0, math.inf, NAN, 4.0]
LISTS = [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, NAN, 2.0], [NAN, 1.0, 2.0], [2.0, 1.0, NAN]]
ARRAYS = [*map(np.array, LISTS), np.array([-0.0, 0.0, -1.0])]
TABLES = [np.arange(6.0).reshape(2, 3), np.array([[1.0, NAN, 2.0], [3.0, 1.0, 2.0]])]


def compare(f: Callable[..., Any], calls: list[Any], backend: str) -> None:
    compiled = micrograd.compile(f, parameters=[W], backend=backend)
    for x in calls:
        W.grad = 0.0
        result = f(x)
        loss, *aux = result if isinstance(result, tuple) else (result,)
        loss.backward()
        found, gradient = compiled.value_and_grad(x)
        mine, *others = found if isinstance(found, tuple) else (found,)
        np.testing.assert_array_equal([mine, *gradient], [loss.data, W.grad], str(x))
        assert str(others) == str(aux), x


@pytest.mark.parametrize(
    "f",
    [
        lambda x: W * max(0.5, x),
        lambda x: W * max(x, 0.5),
        lambda x: W * min(0.5, x),
        lambda x: W * max(0.0, min(1.0, x)),
        lambda x: W * 2.0 if max(0.5, x) > 0.6 else W,
        lambda x: (W * x, max(0.5, x)),
        lambda x: (W * 2.0, max(0.5, x)),
        lambda x: W * math.copysign(1.0, max(x, 0.0)),
    ],
)
def test_of_two(f: Callable[..., Any]) -> None:
    compare(f, NUMBERS, "numpy")


@pytest.mark.parametrize(
    "f",
    [
        lambda xs: W * max(xs),
        lambda xs: W * (1.0 / max(0.25, max(xs))),
        lambda xs: W * [4.0, 5.0, 6.0][int(max(xs) > 2.5)],
        lambda xs: sum((W * x - max(xs)).exp() for x in xs),
    ],
)
def test_of_lists(f: Callable[..., Any]) -> None:
    compare(f, LISTS, "numpy")


def test_in_a_table() -> None:
    compiled = micrograd.compile(lambda xs, k: W * [max(xs), 1.0, 2.0][k], backend="numpy")
    for xs in LISTS[:3]:
        for k in (0, 1, 2):
            assert compiled(xs, k) == 1.5 * [max(xs), 1.0, 2.0][k]


def test_of_lists_llvm() -> None:
    compare(lambda xs: W * min(max(xs), 2.0), LISTS, "llvm")


@pytest.mark.parametrize(
    "f",
    [
        lambda a: W * a.max(),
        lambda a: (W * np.clip(a, 0.5, 1.5)).sum(),
        lambda a: (W * a.clip(min=0.5)).sum(),
        lambda a: (W * np.maximum(a, [0.5, 2.5, 1.0])).sum(),
        lambda a: W * a[a.argmax()],
        lambda a: (W * np.where(np.isnan(a), 0.0, a)).sum(),
        lambda a: W * (2.0 if np.isfinite(a).all() else 1.0),
        lambda a: (W * a[~np.isnan(a)]).sum(),
        lambda a: (W * np.nan_to_num(a, nan=0.5)).sum(),
    ],
)
def test_of_arrays(f: Callable[..., Any]) -> None:
    compare(f, ARRAYS, "numpy")


def test_along_an_axis() -> None:
    compare(lambda a: (W * a.max(axis=1)).sum() + np.min(a, axis=0)[0], TABLES, "numpy")


def test_arrays_of_floats() -> None:
    compare(
        lambda a: (W * a.astype(float) / 2).sum(), [np.array([1, 2]), np.array([3, -2])], "numpy"
    )
    compare(lambda xs: (W * np.array(xs, float)).sum(), LISTS[:2], "numpy")


@pytest.mark.parametrize(
    "f",
    [
        lambda x: W * (x % 2.0),
        lambda x: W * 2.0 if math.isclose(x, 3.0) else W,
        lambda x: W * math.floor(x if math.isfinite(x) else 0.5),
    ],
)
def test_what_has_no_integer(f: Callable[..., Any]) -> None:
    compare(f, NUMBERS, "numpy")


def test_which_rows_keep_nan() -> None:
    lost = {name for name, keeps in zip(micrograd.ops.OPS, _passing(), strict=False) if not keeps}
    assert lost == {"pow", "less", "less_equal", "equal", "select"}


SINGLE, TABLE = np.float32(0.1), np.array([0.1, 0.2], np.float32)


@pytest.mark.parametrize("f", [lambda x: W * (SINGLE * x), lambda x: (W * (TABLE * x)).sum()])
def test_constants_of_another_precision(f: Callable[..., Any]) -> None:
    with pytest.raises(CompileError, match="NumPy computes float32 here"):
        micrograd.compile(f)(2.5)


def test_operators_of_numpy() -> None:
    third = np.float64(3.0)
    compare(lambda x: W * (third / (1.0 + x * x)) + third - x, [1.0, 2.0, -3.0], "numpy")
    compare(lambda x: W * (np.array([1.0, 2.0, 3.0]) < x).sum(), [1.5, 2.5, 0.0], "numpy")


@pytest.mark.parametrize(
    "f",
    [
        lambda a: (W * a.sum(), f"{a.dtype}"),
        lambda a: (W * a.sum(), repr(a[0])),
        lambda a: (W * a.sum(), a.flags.owndata),
        lambda a: (W * a.sum(), a.strides),
    ],
)
def test_facts_about_arrays_beside_the_loss(f: Callable[..., Any]) -> None:
    compiled = micrograd.compile(f, backend="numpy")
    for a in (np.array([1.0, 2.0]), np.array([1.0, 2.0])[::-1], np.ones((4, 2))[::2, 1]):
        try:
            found = compiled(a)[1]
        except CompileError:
            continue
        assert found == f(a)[1]


ROWS = [1.0, 2.0]


def test_an_argument_that_is_a_list_around() -> None:
    compiled = micrograd.compile(lambda xs: W * (2.0 if xs is ROWS else 1.0))
    assert compiled([1.0, 2.0]) == 1.5
    with pytest.raises(CompileError, match="finds around itself; pass a copy"):
        compiled(ROWS)
    assert compiled([1.0, 2.0]) == 1.5
