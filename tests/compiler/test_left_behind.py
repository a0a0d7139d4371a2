"""What a function leaves in attributes: numbers where it left numbers, and a warning for counts."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest

import micrograd
from micrograd import Value, optim
from micrograd.errors import CompileError, CompileWarning


def test_numbers_are_numbers_of_that_call(backend: str) -> None:
    """Those that were read, compared, or given, in lists, too; Values stay Values."""
    w, table = Value(0.5), [Value(0.1 * k) for k in range(4)]
    kept = SimpleNamespace(x=None, i=None, xs=None, read=None, above=None, both=None, out=None)

    def loss(to: Any, x: float, i: int, xs: list[float]) -> Value:
        out = w * x * table[i]
        to.x, to.i, to.xs, to.read = x, i, xs, out.data
        to.above, to.both = out.data > 0.1, {"pair": (out.data, out)}
        to.out = out
        return out**2 + sum(xs) * w

    f = micrograd.compile(
        lambda *given: loss(kept, *given), optimizer=optim.SGD([w, *table], lr=0.01),
        backend=backend,
    )  # fmt: skip
    for k in range(12):
        given = (0.3 * k, k % 4, [1.0 * k, 2.0])
        expected = SimpleNamespace()
        loss(expected, *given)
        f.step(*given)
        assert (kept.x, kept.i, kept.xs) == given
        assert [type(n) for n in (kept.x, kept.i, kept.read, kept.above)] == [
            float, int, float, bool,
        ]  # fmt: skip
        assert kept.read == pytest.approx(expected.read, rel=1e-12, abs=1e-300)
        assert kept.above is expected.above
        number, node = kept.both["pair"]
        assert type(number) is float
        assert type(kept.out) is type(node) is Value
        assert number == kept.out.data == node.data == kept.read


@pytest.mark.parametrize("way", ["step", "call", "value_and_grad", "attempt"])
def test_in_every_way_of_calling(way: str, backend: str) -> None:
    w, kept = Value(0.5), SimpleNamespace(read=0.0)

    def loss(x: float) -> Value:
        kept.read = (w * x).data
        return (w * x) ** 2

    f = micrograd.compile(loss, optimizer=optim.SGD([w], lr=0.1), backend=backend)
    call = f if way == "call" else getattr(f, way)
    for k in range(9):
        before = w.data
        call(1.0 + k)
        assert kept.read == pytest.approx(before * (1.0 + k), rel=1e-14)


def test_a_refused_call_has_changed_nothing(backend: str) -> None:
    """A node is read in the next call: it should be an argument and a result."""
    w, kept = Value(0.5), SimpleNamespace(mean=Value(0.0), count=0)
    seen: list[float] = []

    def loss(x: float) -> Value:
        kept.count += 1
        kept.mean = 0.9 * kept.mean + 0.1 * (w * x)
        kept.new = x
        return (w * x - kept.mean) ** 2

    f = micrograd.compile(loss, optimizer=optim.SGD([w], lr=0.1), backend=backend)
    f.step(1.0)
    assert (kept.mean.data, kept.count, kept.new) == (pytest.approx(0.05), 1, 1.0)
    before = dict(vars(kept)), w.data
    for _ in range(3):
        with pytest.raises(CompileError):
            f.step(2.0)
        assert (dict(vars(kept)), w.data) == before
    assert seen == []


def test_a_first_call_that_fails_has_changed_nothing(backend: str) -> None:
    w, kept, rows = Value(0.5), SimpleNamespace(a=1), [1.0]

    def loss(x: float) -> Value:
        nonlocal count
        count += 1
        kept.a, kept.b = x, 2
        rows[0] += 1
        raise KeyError

    count = 0
    f = micrograd.compile(loss, optimizer=optim.SGD([w], lr=0.1), backend=backend)
    with pytest.raises(KeyError):
        f.step(1.0)
    assert type(kept.a) in (int, float)  # as it was, or as the function itself leaves it
    assert all(type(x) is float for x in rows)


@pytest.mark.filterwarnings("always::micrograd.errors.CompileWarning")
def test_counts_are_named_once() -> None:
    w, kept = Value(0.5), SimpleNamespace(calls=0, mask=None)
    entries = {"seen": 0}

    def loss(x: float) -> Value:
        if kept.mask is None:
            kept.mask = [1.0]  # made once: nothing to warn of
        kept.calls += 1
        entries["seen"] += 1
        return (w * x * kept.mask[0]) ** 2

    f = micrograd.compile(loss, optimizer=optim.SGD([w], lr=0.1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CompileWarning)
        for k in range(40):
            f.step(1.0 + k % 3)
    (warning,) = caught
    text = str(warning.message)
    assert "kept.calls" in text
    assert "entries['seen']" in text
    assert "mask" not in text
    assert warning.filename == __file__


@pytest.mark.parametrize("decided", [False, True])
def test_what_is_left_in_some_calls_stays_in_others(decided: bool, backend: str) -> None:
    w, kept = Value(0.5), {"hit": None, "count": 1.0}

    def loss(x: float) -> Value:
        y = w * x
        if round(3 * x) % 2 if decided else x > 0:
            kept["hit"] = y * 2
        return (y - 1) ** 2

    f = micrograd.compile(loss, parameters=[w], backend=backend)
    expected = None
    for k in range(9):
        x = [1.9, -0.4, 4.0, 2.4, -1.4, -3.9, 0.9, 3.8, -3.7][k]
        f(x)
        if round(3 * x) % 2 if decided else x > 0:
            expected = x
        assert (None if kept["hit"] is None else kept["hit"].data) == pytest.approx(expected)
