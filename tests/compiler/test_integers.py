"""Integers that are known at run time only, above all as indices of Python lists."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import right_or_refused
from programs_to_compile import table, values

import micrograd
from micrograd.errors import ArgumentValueError

ROWS = values(random.Random(29), 7, 2)
LEAVES = [v for row in ROWS for v in row]
TOKENS = [([0, 1, 2],), ([3, 3, 3],), ([2, 3, 5],), ([6, 0, 6],), ([4, 5, 4],), ([1, 6, 3],)]


def total(rows):
    return sum((a - 0.3) * (b + 1) for a, b in rows) * 1.0


SHUFFLED = [ROWS[i] for i in (0, 1, 2, 5, 4, 3, 6)]
SHARED = [ROWS[i] for i in (0, 1, 2, 3, 2, 5, 0)]
PADDED = [*ROWS[:5], [0.5, 0.25], ROWS[6]]
LONGER = [*ROWS[:6], ROWS[0] + ROWS[6]]
SCALES = [1.0, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0]
ID_PROGRAMS: dict[str, Callable[..., Any]] = {
    "rows": lambda ids: total(ROWS[i] for i in ids),
    "rows in another order": lambda ids: total(SHUFFLED[i] for i in ids),
    "rows that are shared": lambda ids: total(SHARED[i] for i in ids),
    "a row of constants": lambda ids: total(PADDED[i] for i in ids),
    "a longer row": lambda ids: sum(sum(v * v for v in LONGER[i]) for i in ids),
    "numbers": lambda ids: sum(ROWS[0][0] * SCALES[i] for i in ids),
    "the row before": lambda ids: total(ROWS[i - 1] for i in ids),
    "the remainder": lambda ids: total(ROWS[i % 3] for i in ids),
    "the square": lambda ids: total(ROWS[min(i * i, 6)] for i in ids),
    "from the end": lambda ids: total(ROWS[-i - 1] for i in ids),
    "row and column": lambda ids: sum(ROWS[i][j % 2] * k for i, j, k in [ids]),
    "index and factor": lambda ids: total([ROWS[i][0], ROWS[i][1] * i] for i in ids),
    "as numbers": lambda ids: ROWS[0][0] * ids[0] + ROWS[0][1] / (1 + ids[1] + ids[2]),
    "a power": lambda ids: ROWS[0][0] ** ids[0] + ROWS[0][1],
    "how often": lambda ids: sum((ROWS[0][0] * k for k in range(ids[0])), ROWS[0][1]),
    "a slice": lambda ids: total(ROWS[: ids[0] + 1]),
    "a branch": lambda ids: total(ROWS[1 if i == 3 else i] for i in ids),
    "a comparison": lambda ids: total(ROWS[i if i < 4 else 0] for i in ids),
    "one equal to the next": lambda ids: ROWS[0][0] * (2.0 if ids[0] == ids[1] else 3.0),
    "a set": lambda ids: ROWS[0][0] * len(set(ids)),
    "a dict": lambda ids: sum(ROWS[0][0] * {i: i * i for i in range(7)}[i] for i in ids),
    "a dict of rows": lambda ids: total(dict(enumerate(ROWS))[i] for i in ids),
    "membership": lambda ids: ROWS[0][0] * (2.0 if 3 in ids else 3.0),
    "the largest": lambda ids: total([ROWS[max(ids)]]),
    "sorted": lambda ids: sum(ROWS[i][0] * k for k, i in enumerate(sorted(ids))),
    "text": lambda ids: ROWS[0][0] * float(str(ids[0])),
    "an array": lambda ids: total(np.array(ROWS, dtype=object)[i] for i in ids),
}
MUST_COMPILE = {"rows"}


@pytest.mark.parametrize("name", ID_PROGRAMS)
def test_run_time_integers_are_right_or_refused(name: str, backend: str) -> None:
    for p, x in zip(LEAVES, table(random.Random(31), 1, len(LEAVES))[0], strict=True):
        p.data = x
    refused = right_or_refused(ID_PROGRAMS[name], LEAVES, TOKENS, backend)
    assert not (refused and name in MUST_COMPILE)


@pytest.mark.parametrize("bad", [7, 99, 10**9, -8, -(10**9), 2**62])
def test_an_integer_out_of_range_is_an_error(bad: int, backend: str) -> None:
    f = micrograd.compile(ID_PROGRAMS["rows"], parameters=LEAVES, backend=backend)
    for first in ([0, 1, 2], [4, 4, 6]):
        f(first)
    for ids in ([1, 2, bad], [bad, 0, 0]):
        for call in (f, f.value_and_grad):
            with pytest.raises((IndexError, micrograd.MicrogradError)):
                call(ids)


def test_a_negative_integer_counts_from_the_end_or_is_refused(backend: str) -> None:
    calls = [([0, 1, 2],), ([4, -1, 2],), ([-7, 3, -2],)]
    right_or_refused(ID_PROGRAMS["rows"], LEAVES, calls, backend)


def test_a_trace_tries_many_integers_that_are_new(backend: str) -> None:
    rows = values(random.Random(37), 40, 2)
    runs: list[int] = []

    def program(ids: Any) -> Any:
        runs.append(len(ids))
        return total(rows[i] for i in ids)

    f = micrograd.compile(program, parameters=[v for row in rows for v in row], backend=backend)
    for k in range(40):
        ids = [k, k // 2, 3, 7]
        assert f(ids) == pytest.approx(total(rows[i] for i in ids).data, rel=1e-12)
    assert len(runs) < 25


def test_integers_that_no_call_has_may_be_wrong(backend: str) -> None:
    def program(ids: Any) -> Any:
        picked = [ROWS[i] for i in ids]
        return total(picked) / (1.0 if picked[0] is not ROWS[6] else 0.0)

    f = micrograd.compile(program, parameters=LEAVES, backend=backend)
    for ids in ([0, 1, 2], [3, 1, 0], [4, 2, 2], [5, 0, 3], [2, 4, 5]):
        try:
            loss = f(ids)
        except micrograd.CompileError:
            return  # a program that asks which row it has may be refused, but not later be wrong
        assert loss == pytest.approx(program(ids).data, rel=1e-12)


class Guarded(list[Any]):
    """A list that looks up in its own way."""

    def __getitem__(self, k: Any) -> Any:
        if int(k) == 3:
            raise KeyError("three")
        return list.__getitem__(self, k)


def test_a_list_that_looks_up_in_its_own_way(backend: str) -> None:
    guarded = Guarded(ROWS)
    f = micrograd.compile(
        lambda ids: total(guarded[i] for i in ids), parameters=LEAVES, backend=backend
    )
    for ids in ([0, 1, 2], [4, 3, 1], [0, 1, 2], [3, 3, 5], [6, 5, 4]):
        if 3 in ids:
            with pytest.raises(KeyError, match="three"):
                f(ids)
        else:
            assert f(ids) == pytest.approx(total(ROWS[i] for i in ids).data, rel=1e-12)


@pytest.mark.parametrize("sort", [list, np.array], ids=["lists", "arrays"])
def test_integers_that_look_up_and_decide_are_those_of_each_call(sort: Any, backend: str) -> None:
    def loss(ids: Any, label: float) -> Any:
        score = 0.0
        for i in ids:
            if i == 0:
                continue
            score = score + sum(ROWS[i]) * (i + 1)
        return (score - label) ** 2

    r = random.Random(5)
    f = micrograd.compile(loss, backend=backend)
    for _ in range(12):
        ids = sort([r.randrange(7) for _ in range(4)])
        label = r.random()
        assert f(ids, label) == pytest.approx(loss(ids, label).data, rel=1e-12)
    for bad, error in ((7, IndexError), (-8, IndexError), (2**53 + 1, ArgumentValueError)):
        with pytest.raises(error):
            f(sort([1, bad, 0, 2]), 0.5)
    assert f(sort([1, 2, 0, 2]), 0.5) == pytest.approx(loss([1, 2, 0, 2], 0.5).data, rel=1e-12)


@pytest.mark.parametrize("sort", ["rows", "numbers"])
def test_integers_may_choose_otherwise_in_lists_of_another_length(sort: str, backend: str) -> None:
    def loss(ids: list[int]) -> Any:
        order = list(range(7))
        if len(ids) == 4:
            order[4:6] = 5, 4
        if sort == "rows":
            return sum(sum(ROWS[order[i]]) * (k + 1) for k, i in enumerate(ids))
        return sum(ROWS[0][0] * SCALES[order[i]] * (k + 1) for k, i in enumerate(ids))

    r = random.Random(7)
    f = micrograd.compile(loss, backend=backend)
    calls = [[r.randrange(7) for _ in range(n)] for n in (3, 5, 3, 5, 5, 3)]
    calls += [[1, 2, 3, 0], *([r.randrange(7) for _ in range(4)] for _ in range(6)), [6, 5, 4]]
    for ids in calls:
        assert f(ids) == pytest.approx(loss(ids).data, rel=1e-12)


def test_a_count_is_not_tried_until_it_takes_for_ever(backend: str) -> None:
    w, steps = ROWS[0][0], 0.0

    def loss(n: int, x: float) -> Any:
        nonlocal steps
        steps += int(n) ** 2
        return w * x / sum(1 for i in range(n) for _ in range(i))

    f = micrograd.compile(loss, backend=backend)
    for n in (5, 9, 5, 2):
        assert f(n, 1.5) == pytest.approx(loss(n, 1.5).data, rel=1e-12)
    assert steps < 50_000_000  # of integers up to 2**24 they would be 10**14


def test_long_tables_are_found_in_few_trials(backend: str) -> None:
    table = values(random.Random(3), 3000)
    runs = 0

    def loss(i: int, x: float) -> Any:
        nonlocal runs
        runs += 1
        return (table[i] - x) ** 2

    f = micrograd.compile(loss, backend=backend)
    for i in (5, 2999, 0):
        assert f(i, 0.5) == pytest.approx(loss(i, 0.5).data, rel=1e-12)
    assert runs < 40
    with pytest.raises(IndexError):
        f(3000, 0.5)


def _caught(find: Callable[..., Any], error: type[Exception], otherwise: Any) -> Callable[..., Any]:
    def loss(*given: Any) -> Any:
        try:
            found = find(*given)
        except error:
            found = otherwise
        return ROWS[0][0] * found

    return loss


CAUGHT = {
    "numbers": (_caught(lambda t: SCALES[:3][t], IndexError, 9.0), [0, 2, 3, 7, -1, -4]),
    "leaves": (_caught(lambda t: LEAVES[:3][t], LookupError, ROWS[6][0]), [0, 3, -1, -4, 2]),
    "a dict": (_caught({1: 2.0, 4: 3.0}.__getitem__, KeyError, 9.0), [1, 2, 4, 0]),
    "the first": (_caught(lambda k: next(x for x in SCALES if x > k), StopIteration, 9.0),
                  [1, 9, 3, 8]),
    "a place": (_caught(lambda k: [1, 2, 3].index(k), ValueError, 9.0), [2, 5, 3, 0]),
}  # fmt: skip


@pytest.mark.parametrize("order", [1, -1, 0])
@pytest.mark.parametrize("name", CAUGHT)
def test_an_error_that_is_caught_is_of_the_numbers_that_raise_it(
    name: str, order: int, backend: str
) -> None:
    loss, calls = CAUGHT[name]
    f = micrograd.compile(loss, backend=backend)
    for t in calls[:: order or 1] if order else [*calls[1::2], *calls[::2], calls[1]]:
        assert f(t) == loss(t).data


def test_several_lookups_of_which_some_are_caught(backend: str) -> None:
    def loss(ts: list[int]) -> Any:
        return sum(_caught(SCALES[:3].__getitem__, IndexError, 9.0)(t) for t in ts)

    for calls in ([[0, 1, 2], [0, 1, 5], [7, 8, 9]], [[5, 1, 1], [1, 5, 1], [2, 2, 2]]):
        f = micrograd.compile(loss, backend=backend)
        for ts in calls:
            assert f(ts) == pytest.approx(loss(ts).data, rel=1e-12)


def _ratio(a: float, b: float) -> Any:
    try:
        found = 1 / (1 + a / b)
    except ZeroDivisionError:
        found = 5.0
    return ROWS[0][0] * found


def _root(x: float) -> Any:
    try:
        found = math.sqrt(x)
    except ValueError:
        found = 7.0
    return ROWS[0][0] if found > 1 else ROWS[6][0] * 2.0


def _power(x: float) -> Any:
    try:
        found = 1 / (1 + math.exp(x))
    except OverflowError:
        found = -3.0
    return ROWS[0][0] * found


RAISED = {
    "ratio": (_ratio, [(1, 2), (1, 0), (4.0, 2.0), (-2, 2), (0.0, 0.0)]),
    "root": (_root, [(1.0,), (-1.0,), (9.0,), (4,)]),
    "power": (_power, [(1.0,), (1000.0,), (-1000.0,)]),
}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", RAISED)
def test_what_numbers_of_python_raise_is_caught(name: str, order: int, backend: str) -> None:
    loss, calls = RAISED[name]
    f = micrograd.compile(loss, backend=backend)
    for call in [*calls[::order], *calls]:
        assert f(*call) == pytest.approx(loss(*call).data, rel=1e-12)
