"""Samples with `batch=True`: integers among floats, from the end, flags that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import CompileError, Value, optim
from micrograd.errors import ArgumentTypeError, ArgumentValueError

LEAVES = [Value(0.1 * k) for k in range(5)]
W, TABLE = Value(0.5), [0.1, 0.2, 0.3, 0.7]


def flagged(x: float, mode: str = "", flip: bool = False, *, more: str | None = None) -> Any:
    y = W * x * x if mode == "square" else W * x
    y = -y if flip else y
    return y if more is None else y + 1.0


def of_integers(n: int) -> Any:
    return W * n if isinstance(n, int) else W * n * n


BATCHES: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]]]] = {
    "integers among floats": (lambda x: W * x * x, [([1, 2.5, 3],), ([1.5, 2, 3],), ([1, 2, 3],)]),
    "in rows": (lambda x: W * x[0] * x[1], [([[1, 2], [2.5, 3]],), ([[1.5, 2], [3, 4]],)]),
    "in records": (lambda d: LEAVES[d["i"]] * d["x"],
                   [([{"i": 1, "x": 2}, {"i": 2, "x": 2.5}],), ([{"i": -1, "x": 2.5}] * 2,)]),
    "in tuples": (lambda p: LEAVES[p[0]] * sum(p[1]),
                  [([(0, [1, 2.5]), (1, [2.0, 3.0])],), ([(0, [1, 2]), (1, [2, 3])],)]),
    "from the end": (lambda i: LEAVES[i] * TABLE[i], [([-1, 0, 2],), ([0, 1, 2],), ([1, -2, -4],)]),
    "of an array": (lambda i: LEAVES[i] * TABLE[i],
                    [(np.array([0, 1, 2]),), (np.array([0, -1, 2]),), (np.array([0, 3, -4]),)]),
    "of several": (lambda i, j: LEAVES[i] * TABLE[j],
                   [([0, 1], [2, 3]), ([-1, 1], [2, 3]), ([0, 1], [2, -3]), ([0, -1], [-2, 3])]),
    "in lists": (lambda ids: sum(LEAVES[i] * TABLE[i] for i in ids),
                 [([[0, 1], [2, 3]],), ([[0, -1], [2, 3]],), ([[0, 1], [-2, 3]],)]),
    "signed": (lambda n: W * n * n, [([0, 1],), ([0, -1],), ([-3, 2],)]),
    "large": (lambda n: W * (n * n + 1 - n * n), [([3, 1],), ([10**9, 1],), ([-3, 2],)]),
    "narrow": (lambda a: W * (a[0] + a[1]),
               [(np.array([[k, 2], [3, 4]], np.uint8),) for k in (1, 255)]),
    "truths": (lambda t: W if t else W * 2.0,
               [(np.array([True, False]),), (np.array([False, False]),)]),
    "types": (of_integers, [([1, 2],), ([1.5, 2.0],)]),
    "flags": (flagged, [([1.0, 2.0],), ([1.0, 2.0], "square"), ([1.0, 3.0], "", True)]),
}  # fmt: skip


def mean_of(fn: Callable[..., Any], call: tuple[Any, ...]) -> float:
    size = len(call[0])
    columns = [x if isinstance(x, list | np.ndarray) else [x] * size for x in call]
    return sum(fn(*sample).data for sample in zip(*columns, strict=True)) / size


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", BATCHES)
def test_samples_are_what_they_are_one_by_one(name: str, order: int, backend: str) -> None:
    fn, calls = BATCHES[name]
    f = micrograd.compile(fn, batch=True, backend=backend)
    with np.errstate(over="ignore"):  # of NumPy's narrow integers
        for call in [*calls[::order], *calls]:
            assert f(*call) == pytest.approx(mean_of(fn, call), rel=1e-12, abs=1e-15)


def test_flags_by_name(backend: str) -> None:
    w = Value(0.5)
    f = micrograd.compile(
        lambda x, *, square=False: w * x * x if square else w * x,
        batch=True, optimizer=optim.SGD([w], lr=0.0), backend=backend,
    )  # fmt: skip
    for step in (f, f.step, lambda *x, **named: f.value_and_grad(*x, **named)[0]):
        assert [step([1.0, 2.0], square=True), step([1.0, 2.0])] == [1.25, 0.75]
    with pytest.raises(ArgumentTypeError, match="samples are given by position, got square="):
        f([1.0, 2.0], square=[1.0, 2.0])


def test_what_samples_cannot_decide_says_what_to_write(backend: str) -> None:
    for fn in (lambda n: W if n % 2 else W * 2.0, lambda n: sum(W * i for i in range(n))):
        with pytest.raises(CompileError, match=r"all samples have one program.*\[n % 2 for n in"):
            micrograd.compile(fn, batch=True, backend=backend)([1, 2, 3])
    f = micrograd.compile(lambda x: W if x else W * 2.0, batch=True, backend=backend)
    with pytest.raises(ArgumentValueError, match=r"np\.array\(flags\)"):
        f([True, False])
    assert f(np.array([True, False])) == 0.75
    f = micrograd.compile(of_integers, batch=True, backend=backend)
    f([1, 2])
    with pytest.raises(ArgumentValueError, match=r"\[float\(x\) for x in xs\]"):
        f([1, 2.5])


SIGN, SWITCH = lambda x: W if x > 1 else W * 2.0, lambda x: W * 3.0 if x > 1 else W  # fmt: skip


@pytest.mark.parametrize(
    ("fn", "mean"),
    [(SIGN, 0.75), (SWITCH, 1.0), ((lambda x: (lambda y: y * W if y > 1 else W)(x)), 0.75),
     (
         lambda x:
         W if x > 1
         else W * 2.0, 0.75,
     )],
)  # fmt: skip
def test_lambdas_that_branch_are_found_by_where_their_code_is(fn: Any, mean: float) -> None:
    assert micrograd.compile(fn, batch=True)([0.5, 2.0]) == mean
