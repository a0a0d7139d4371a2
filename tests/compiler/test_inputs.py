"""Arguments of every kind and shape, results of every kind, and what is said about wrong ones."""

from __future__ import annotations

import random
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import (
    assert_near,
    assert_same_result,
    eager_step,
    eager_value_and_grad,
    right_or_refused,
)
from programs_to_compile import network, numbers_of, table, values

import micrograd
from micrograd import Value, grad, optim
from micrograd.compiler.programs.traces import MOST_PROGRAMS, MOST_VARIANTS, keep

W, B = Value(0.0), Value(0.0)
X, Y = np.array(table(random.Random(59), 6, 2)), np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])


@pytest.fixture(autouse=True)
def _start() -> None:
    W.data, B.data = 0.8, -0.3


def squares(x, y):
    outputs = [(W * a + b).tanh() + B for a, b in x]
    return sum((o - t) ** 2 for o, t in zip(outputs, y, strict=True)) / len(y)


# ---- the same numbers in other clothes -----------------------------------------------------------

KINDS = {
    "arrays": (X, Y),
    "lists": (X.tolist(), Y.tolist()),
    "tuples": (tuple(map(tuple, X.tolist())), tuple(Y.tolist())),
    "rows that are arrays": (list(X), list(Y)),
    "Fortran order": (np.asfortranarray(X), Y),
    "every second": (np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 2)[::2]),
    "backwards": (X[::-1][::-1], Y[::-1][::-1]),
    "big-endian": (X.astype(">f8"), Y.astype(">f8")),
    "read-only": (np.frombuffer(X.tobytes()).reshape(6, 2), Y),
    "whole numbers": (X, Y.astype(int)),
    "small integers": (X, Y.astype(np.int8)),
    "a list of ints": (X, [int(t) for t in Y]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_lists_tuples_and_arrays_are_the_same_numbers(kind: str, backend: str) -> None:
    f = micrograd.compile(squares, parameters=[W, B], backend=backend)
    assert_same_result(f, squares, [W, B], *KINDS[kind])
    assert f(*KINDS[kind]) == pytest.approx(f(X, Y), rel=1e-12)


def test_kinds_may_change_from_call_to_call(backend: str) -> None:
    f = micrograd.compile(squares, parameters=[W, B], backend=backend)
    for kind in [*KINDS, *reversed(KINDS)]:
        W.data += 0.1
        assert_same_result(f, squares, [W, B], *KINDS[kind])


@pytest.mark.parametrize("x", [2, 2.5, True, np.float64(1.5), np.float32(0.5), np.int64(3)])
def test_plain_numbers(x: Any, backend: str) -> None:
    def loss(x):
        return W * x + B

    f = micrograd.compile(loss, parameters=[W, B], backend=backend)
    for number in (x, 0.5, 3, x):
        assert_same_result(f, loss, [W, B], number)


def test_an_array_changed_in_place_is_read_again(backend: str) -> None:
    x = X.copy()
    f = micrograd.compile(squares, parameters=[W, B], backend=backend)
    for _ in range(3):
        assert_same_result(f, squares, [W, B], x, Y)
        x *= -0.5
    assert (Y == [1, -1, 1, 1, -1, -1]).all()


def of_values(x):
    return sum(a * b for a, b in zip(map(Value, x), [W, B], strict=True))


def of_arithmetic(x):
    return W * (2 * x[0] - 1) + B * x[0] / x[1] - x[1] ** 2 + (x[0] + x[1])


def of_one_number_twice(x):
    return W * x[0] + B * x[0] + x[0]


def of_the_length(x):
    return (W * x[0] + B * len(x)) ** len(x)


def of_a_loop(x):
    v = W
    for i, number in enumerate(x):
        v = v * number + i * B
    return v


def of_a_copy(x):
    numbers = [float(a) for a in x]
    return W * numbers[0] + B * numbers[1]


def of_an_array(x):
    return (np.array([W, B], dtype=object) * np.array(x)).sum()


def of_numpy(x):
    return np.dot([W, B], x)


@pytest.mark.parametrize(
    "loss",
    [
        of_values,
        of_arithmetic,
        of_one_number_twice,
        of_the_length,
        of_a_loop,
        of_a_copy,
        of_an_array,
        of_numpy,
    ],
    ids=lambda f: f.__name__,
)
def test_ways_to_use_a_number(loss: Any, backend: str) -> None:
    calls = [([0.5, 2.0],), ([1.0, 1.0],), ([-3.0, 0.25],)]
    refused = right_or_refused(loss, [W, B], calls, backend)
    assert not (refused and loss in (of_values, of_one_number_twice, of_the_length, of_a_loop))


# ---- shapes --------------------------------------------------------------------------------------


def test_one_program_a_shape_and_each_is_kept(backend: str) -> None:
    runs = 0

    def loss(x, y):
        nonlocal runs
        runs += 1
        return squares(x, y)

    f = micrograd.compile(loss, parameters=[W, B], backend=backend)
    for _ in range(2):
        for n in (1, 2, 6):
            for _ in range(2):
                assert f(X[:n], Y[:n]) == pytest.approx(squares(X[:n], Y[:n]).data, rel=1e-12)
    traced, runs = runs, 0
    for n in (6, 1, 2, 6, 1):
        f(X[:n], Y[:n])
        f.value_and_grad(X[:n], Y[:n])
    assert (runs, traced > 0) == (1, True)  # before the 8th call all is looked at again


def test_many_shapes_one_after_the_other(backend: str) -> None:
    def loss(x):
        return (sum(W * a for a in x) + B) ** 2

    f = micrograd.compile(loss, parameters=[W, B], backend=backend)
    for n in [*range(40, 60), *range(59, 40, -3)]:
        W.data, B.data = 1 / n, 0.7
        assert_same_result(f, loss, [W, B], [0.5 - 0.01 * k for k in range(n)])


def test_as_many_programs_are_kept_as_it_says() -> None:
    """Of more keys the one that was made longest ago goes, of a key the last few stay."""
    programs: OrderedDict[int, list[int]] = OrderedDict()
    for k in range(MOST_PROGRAMS):
        keep(programs, k, k)
    assert list(programs) == list(range(MOST_PROGRAMS))
    for k in range(MOST_VARIANTS + 2):
        keep(programs, 0, -k)
    assert programs[0] == [-k for k in range(MOST_VARIANTS + 1, 1, -1)]
    keep(programs, -1, 7)
    assert len(programs) == MOST_PROGRAMS
    assert next(iter(programs)) == 1


def test_nested_and_ragged_shapes_are_told_apart(backend: str) -> None:
    def loss(rows):
        return sum(sum(W * a for a in row) ** 2 + B * len(row) for row in rows)

    calls = [([[1.0, 2.0], [3.0]],), ([[1.0], [2.0, 3.0]],), ([[1.0, 2.0, 3.0]],), ([[4.0], []],)]
    right_or_refused(loss, [W, B], calls, backend)


# ---- options and errors --------------------------------------------------------------------------


def test_float32_is_as_near_as_it_can_be(backend: str) -> None:
    def make() -> tuple[Any, Any, list[Value]]:
        model = network(random.Random(61), [2, 8, 1])
        sgd = optim.SGD(model.parameters(), lr=0.05)

        def loss(x, y):
            return sum((model(r) - t) ** 2 for r, t in zip(x, y, strict=True)) / len(y)

        return loss, sgd, model.parameters()

    loss, sgd, mine = make()
    other, reference, theirs = make()
    f = micrograd.compile(loss, optimizer=sgd, backend=backend, dtype="float32")
    value, gradient = f.value_and_grad(X, Y)
    assert type(value) is float
    order = [next(i for i, q in enumerate(mine) if q is p) for p in f.parameters]
    expected = eager_value_and_grad(loss, mine, X, Y)[1][order]
    assert_near(gradient, expected, 1e-5)
    assert (gradient != expected).any()
    for _ in range(50):
        assert f.step(X, Y) == pytest.approx(eager_step(other, reference, X, Y), rel=1e-4)
    assert_near(numbers_of(mine), numbers_of(theirs), 1e-4)
    assert type(mine[0].data) is float


def test_as_a_decorator() -> None:
    @micrograd.compile
    def plain(x):
        return W * x

    @micrograd.compile(backend="numpy", parameters=[B, W])
    def given(x):
        """What it says."""
        return W * x + B

    assert plain(2.0) == 1.6
    assert plain(np.float64(2.0)) == 1.6
    assert given.value_and_grad(2.0)[1].tolist() == [1.0, 2.0]
    assert given.parameters[0] is B


@pytest.mark.parametrize(
    "bad",
    [
        1j,
        pytest.param(object(), id="object"),
        [1.0, 2j],
        {"x": object()},
        np.array([1j, 2.0]),
        np.array(["1", "2"]),
        np.array([None, 1.0]),
    ],
    ids=lambda bad: repr(bad).partition(" at 0x")[0],
)
def test_arguments_of_a_wrong_type_are_one_clear_error(bad: Any, backend: str) -> None:
    def loss(x):
        return W * 2.0 + B

    f = micrograd.compile(loss, parameters=[W, B], backend=backend)
    for call in (f, f.value_and_grad):
        with pytest.raises(micrograd.MicrogradError) as caught:
            call(bad)
        assert str(caught.value).strip()
    assert f([1.0]) == pytest.approx(1.3)


ITERATORS = {
    "iter": lambda: iter([1.0, 2.0]),
    "generator": lambda: (a for a in (1.0, 2.0)),
    "map": lambda: map(float, (1, 2)),
    "zip": lambda: zip([1.0], [2.0], strict=True),
    "range": lambda: range(3),
}


@pytest.mark.parametrize("make", ITERATORS.values(), ids=ITERATORS)
def test_an_iterator_is_right_or_an_error(make: Any, backend: str) -> None:
    def loss(xs):
        return sum(W * (sum(x) if isinstance(x, tuple) else x) for x in xs) + B

    f = micrograd.compile(loss, parameters=[W, B], backend=backend)
    for _ in range(2):
        try:
            value = f(make())
        except micrograd.MicrogradError:
            continue
        assert value == pytest.approx(loss(make()).data, rel=1e-12)


def test_too_many_or_too_few_arguments(backend: str) -> None:
    f = micrograd.compile(squares, parameters=[W, B], backend=backend)
    for arguments in ((), (X,), (X, Y, Y)):
        with pytest.raises(TypeError):
            f(*arguments)
    assert_same_result(f, squares, [W, B], X, Y)


def test_samples_of_unequal_number_in_a_batch(backend: str) -> None:
    f = micrograd.compile(lambda x, y: W * x + y, parameters=[W], batch=True, backend=backend)
    for arguments in (([1.0, 2.0], [1.0]), (3.0, [1.0]), ([], [])):
        with pytest.raises(micrograd.MicrogradError):
            f(*arguments)
    assert f([1.0, 2.0], [0.0, 1.0]) == pytest.approx(1.7)


@pytest.mark.parametrize(
    "options",
    [
        {"backend": "fortran"},
        {"dtype": "int8"},
        {"parameters": [1.0]},
        {"optimizer": 0.1},
        {"threads": True},
        {"threads": 2.0},
        {"threads": "2"},
        {"threads": 0},
    ],
    ids=str,
)
def test_bad_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(micrograd.MicrogradError, match=next(iter(options))):
        micrograd.compile(lambda x: W * x, **options)(1.0)


def test_a_parameter_must_be_a_leaf() -> None:
    with pytest.raises(micrograd.MicrogradError, match="parameters"):
        micrograd.compile(lambda x: W * x, parameters=[W * 2])(1.0)


def test_a_step_needs_an_optimizer() -> None:
    f = micrograd.compile(lambda x: W * x, backend="numpy")
    with pytest.raises(micrograd.MicrogradError, match="optimizer"):
        f.step(1.0)


def test_arrays_of_values_as_parameters(backend: str) -> None:
    rows = values(random.Random(67), 2, 2)
    weight = micrograd.tensor(rows)

    def loss(x):
        return sum((a * x[0] + b * x[1]) ** 2 for a, b in rows)

    f = micrograd.compile(loss, parameters=[weight], backend=backend)
    assert_same_result(f, loss, [v for row in rows for v in row], [0.5, 2.0])


def test_other_numbers_in_the_same_structure_and_in_others(backend: str) -> None:
    """Each call is the plain function's, whatever came before: lists, arrays, floats, in turn."""
    w = [Value(0.5), Value(-1.5)]

    def loss(x: Any, y: Any) -> Value:
        whole = 10.0 if isinstance(x, tuple) else 1.0
        return whole * sum((w[0] * a + w[1] - b) ** 2 for a, b in zip(x, y, strict=True))

    f = micrograd.compile(loss, backend=backend)
    rng = np.random.default_rng(0)
    made = [
        lambda: rng.normal(size=3).tolist(),
        lambda: rng.normal(size=3),
        lambda: tuple(rng.normal(size=3).tolist()),
        lambda: rng.normal(size=6)[::2],
        lambda: rng.normal(size=3).astype(np.float32),
        lambda: [1, 2.5, 3],
        lambda: rng.normal(size=2).tolist(),
        lambda: [float("nan"), 1.0, 2.0],
    ]
    order = "000011110222203313414505666070"
    for k in map(int, order):
        x = made[k]()
        y = made[6]() if k == 6 else made[0]()
        expected = loss(x, y).data
        assert f(x, y) == pytest.approx(expected, nan_ok=True)
        value, gradient = f.value_and_grad(x, y)
        assert value == pytest.approx(expected, nan_ok=True)
        theirs = [g.data for g in grad(loss(x, y), w)]
        np.testing.assert_allclose(gradient, theirs, rtol=1e-9, atol=1e-12)


def test_arrays_and_lists_that_are_refilled_are_read_anew(backend: str) -> None:
    w = Value(2.0)
    f = micrograd.compile(lambda x, k: w * sum(x) * k, backend=backend)
    array, values = np.ones(3), [1.0, 1.0, 1.0]
    for i in range(12):
        array[0], values[1] = float(i), float(-i)
        assert f(array, 0.5 * i) == pytest.approx((i + 2) * i)
        assert f(values, 0.5 * i) == pytest.approx((2 - i) * i)


def test_a_call_that_is_refused_leaves_no_number_behind(backend: str) -> None:
    w = Value(2.0)
    f = micrograd.compile(lambda k, x: w * k * sum(x), backend=backend)
    k, x = 2.0, np.ones(3)
    for _ in range(4):
        assert f(k, x) == 12.0
    for other in (np.ones(3) * 1j, np.array([10**17, 1, 1])):
        with pytest.raises(micrograd.MicrogradError):
            f(3.0, other)
        assert f(k, x) == 12.0
