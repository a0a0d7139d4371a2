"""Integers that are computed from arguments: exact, however large, and integers in results."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, optim
from micrograd.errors import CompileWarning

W = Value(0.5)
LEAVES = [Value(0.1 * k) for k in range(5)]
LARGE = 10**9 + 7
TABLE = [LARGE, 3, LARGE + 5]


def in_turn(numbers: list[int]) -> Any:
    product = 1
    for n in numbers:
        product = product * n
    return W * (product + 1 - product)


def generated(seed: int) -> Any:
    for _ in range(3):
        seed = (seed * 6364136223846793005 + 1) % 2**64
    return W * (seed / 2**64)


def rising(x: float, n: int) -> Any:
    total = 0
    for k in range(3):
        if x > k:
            total = total + n * n
    return W * (total + 1 - total)


EXACT: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]]]] = {
    "a square": (lambda n: W * (n * n + 1 - n * n), [(LARGE,), (3,), (-LARGE,), (2**26,)]),
    "powers": (lambda n, k: W * (n**5 - n**k + n**3 % 7), [(LARGE, 5), (3, 2), (2, -1)]),
    "a power of two": (lambda n: W * (2**n + 1 - 2**n), [(60,), (5,), (-1,)]),
    "a sum": (lambda ns: W * (sum(ns) - sum(ns[:-1])), [([2**52] * 3 + [1],), ([1, 2, 3, 4],)]),
    "a product": (in_turn, [([10**6] * 4,), ([1, 2, 3, 4],)]),
    "the largest": (lambda n, m: W * (max(n, m) * -n + 1 + max(n, m) * n), [(LARGE, 3), (4, 5)]),
    "a branch": (lambda n: W if n * n + 1 > n * n else -W, [(LARGE,), (3,), (-LARGE,)]),
    "a quotient": (lambda n: W * (n * n // 2 - (n * n - 2) // 2), [(LARGE,), (3,)]),
    "an array": (lambda a: W * (a[0] * a[1] + 1 - a[0] * a[1]),
                 [(np.array([LARGE, LARGE]),), (np.array([3, 4]),)]),
    "a record": (lambda d: W * (d["n"] ** 2 + 1 - d["n"] ** 2), [({"n": LARGE},), ({"n": 2},)]),
    "entries of a table": (lambda i: W * (TABLE[i] * TABLE[i] + 1 - TABLE[i] * TABLE[i]) + W * i,
                           [(1,), (0,), (2,)]),
    "a constant": (lambda n: W * (n * 10**17 + 1 - n * 10**17), [(1,), (2,), (0,)]),
    "a generator": (generated, [(1,), (2,)]),
    "a count": (rising, [(1.5, LARGE), (2.5, 3), (2.5, LARGE)]),
}  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", EXACT)
def test_integers_are_those_of_python(name: str, order: int, backend: str) -> None:
    fn, calls = EXACT[name]
    f = micrograd.compile(fn, backend=backend)
    for call in [*calls[::order], *calls]:
        assert f(*call) == fn(*call).data


def test_large_integers_are_for_the_function_as_it_is(backend: str) -> None:
    runs = 0

    def loss(n: int, x: float) -> Any:
        nonlocal runs
        runs += 1
        return p * (n * n + 1 - n * n) * x

    p = Value(0.5)
    f = micrograd.compile(loss, optimizer=optim.SGD([p], lr=0.25), backend=backend)
    with pytest.warns(CompileWarning, match="runs"):
        steps = [f.step(n, 2.0) for n in (3, LARGE, 4, 2**26, -LARGE)]
    assert steps == [1.0, 0.0, -1.0, -2.0, -3.0]
    before = runs
    assert f.value_and_grad(5, 2.0)[1].tolist() == f.value_and_grad(LARGE, 2.0)[1].tolist() == [2.0]
    assert [f(n, 1.0) for n in (3, 2**25, 7)] == [-2.0] * 3
    assert runs < before + 8
    g = micrograd.compile(lambda n: W * (n * n + 1 - n * n), backend=backend)
    with pytest.raises(micrograd.CompileError, match=r"reaches 2\*\*53.*\n.*\n.*float\(n\)"):
        g.value_and_grad(LARGE)  # which parameters there are is not known
    assert g.value_and_grad(3)[1].tolist() == g.value_and_grad(LARGE)[1].tolist() == [1.0]


def counted(xs: list[float]) -> Any:
    n, best = 0, 0
    for k, x in enumerate(xs):
        n += x > 0
        if x > xs[best]:
            best = k
    return W * n, {"n": n, "best": best, "kept": len([x for x in xs if x > 0])}


RESULTS: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]]]] = {
    "arithmetic": (lambda n: (W * n, [n + 1, 2 * n - 1, -n, abs(n), n**2, +n, n / 2, n * 1.0]),
                   [(1,), (-2,), (5,)]),
    "division": (lambda n: (W * n, n // 2, n % 3, *divmod(n * n, 3)), [(1,), (7,)]),
    "several": (lambda n, m: (W * n, max(n, m), min(n, m), max(n, 3), sum([n, m])),
                [(1, 4), (5, 5)]),
    "truths": (lambda x: (W * x, x > 1, int(x > 1), (x > 1) + (x > 2), 3 if x > 1 else 4),
               [(0.5,), (1.5,), (2.5,)]),
    "counts": (counted, [([1.0, -2.0],), ([3.0, 4.0],), ([-1.0, -1.0],)]),
    "tables": (lambda i: (W * i, [3, 5, 7][i], {0: 3, 1: 5, 2: 7}[i], "abc"[i]),
               [(0,), (2,), (1,)]),
    "the place of the largest": (
        lambda x: (W * x, max(range(3), key=lambda i: LEAVES[i + 1].data * x),
                   [v.data * x for v in LEAVES].index(max(v.data * x for v in LEAVES))),
        [(1.0,), (-1.0,)]),
    "conversions": (lambda n: (W * n, float(n), int(n), round(n), math.floor(n + 1), float(n + 1)),
                    [(1,), (3,)]),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_integers_in_results_are_integers(name: str, backend: str) -> None:
    fn, calls = RESULTS[name]
    f = micrograd.compile(fn, backend=backend)
    for call in [*calls, *calls[::-1]]:
        loss, *aux = fn(*call)
        assert repr(f(*call)) == repr((loss.data, *aux))


def test_arrays_in_results_have_numbers_of_their_kind(backend: str) -> None:
    rows = micrograd.tensor([[1.0, -2.0], [0.5, 3.0]], requires_grad=True)

    def loss(x: Any, classes: Any) -> Any:
        scores = rows @ micrograd.tensor(x)
        best, right = scores.argmax(), scores.argmax() == micrograd.tensor(classes)
        plain = best.item(), (scores > 0).tolist(), right.sum().item(), right.numpy()
        return scores.sum(), best, right, right.sum(), scores > 0, best + 1, *plain

    f = micrograd.compile(loss, backend=backend)
    for x, k in (([1.0, 2.0], [0, 1]), ([-1.0, 0.5], [1, 1]), ([1.0, 0.5], [0, 0])):
        for made, own in zip(f(x, k)[1:], loss(x, k)[1:], strict=True):
            assert repr(made) == repr(own.numpy() if hasattr(own, "numpy") else own)


def test_integers_in_single_precision(backend: str) -> None:
    w = Value(0.5)
    f = micrograd.compile(lambda n: (w * n, n * n + 1), backend=backend, dtype="float32")
    for n in (3, 4097, 10**6, -(10**9), 7):
        assert f(n)[1] == n * n + 1


def chosen(x: float) -> Any:
    scores = [v * x for v in LEAVES[1:]]
    best, order = max(scores), sorted(range(4), key=lambda i: scores[i].data)
    aux = {"best": scores.index(best), "order": order, "least": scores.index(min(scores))}
    return best + LEAVES[order[0]], aux, best in scores, best is scores[0]


def test_the_place_of_the_largest_value(backend: str) -> None:
    f = micrograd.compile(chosen, backend=backend)
    for x in (1.0, -1.0, 2.0, -3.0):
        loss, *others = chosen(x)
        assert repr(f(x)) == repr((loss.data, *others))


def test_what_has_no_other_numbers_is_not_compared_with_them() -> None:
    runs = []

    def loss(n: int, x: float = 2.0) -> Any:
        runs.append(n)
        return W * sum(1 for _ in range(n)) * x

    f = micrograd.compile(lambda n: loss(n), backend="numpy")
    assert f(40) == 40.0
    assert len(runs) < 12
