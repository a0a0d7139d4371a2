"""What an argument brings along besides its numbers decides, as it does eagerly, at once."""

from __future__ import annotations

import collections
import enum
import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, optim
from micrograd.compiler.trace.world.surroundings import Surroundings
from micrograd.errors import ArgumentTypeError, ArgumentValueError, CompileError

W, B = Value(0.5), Value(-0.2)


def compare(loss: Callable[..., Any], calls: Sequence[tuple[Any, ...]], backend: str) -> None:
    """Calls of a compiled function give what eager ones do, and so do its steps."""
    optimizer = optim.SGD([W, B], lr=0.0)
    for run in (
        micrograd.compile(loss, parameters=[W, B], backend=backend),
        micrograd.compile(loss, optimizer=optimizer, backend=backend).step,
    ):
        for arguments in calls:
            assert run(*arguments) == pytest.approx(loss(*arguments).data, rel=1e-12)


@dataclass
class Squared:
    x: float

    def __post_init__(self) -> None:
        self.squared = self.x**2


@dataclass
class Scaled:
    x: float
    scale: InitVar[float] = 1.0

    def __post_init__(self, scale: float) -> None:
        self.squared = self.x * scale


@dataclass(slots=True)
class Slots:
    x: float
    squared: float


@dataclass
class Plain:
    gain = 2.0
    x: float


def slots(x: float) -> Slots:
    return Slots(x, x + 1.0)


def added(x: float) -> Plain:
    made = Plain(1.0)
    made.squared = x  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
@pytest.mark.parametrize("make", [Squared, lambda x: Scaled(1.0, x), slots, added])
def test_attributes_of_records(make: Callable[[float], Any], backend: str) -> None:
    calls = [make(x) for x in (1.0, 1.0, 1.0, 2.0, 3.0)]
    compare(lambda s: (W * s.x - s.squared) ** 2, [(s,) for s in calls], backend)
    rows = [([s, make(4.0)],) for s in calls]
    compare(lambda s: sum((W * r.squared - B for r in s), W * 0.0), rows, backend)


def test_an_attribute_that_comes_later() -> None:
    calls = [Plain(1.0), Plain(1.0), Plain(2.0), added(3.0), Plain(2.0), added(4.0)]
    compare(lambda s: W * s.x * getattr(s, "squared", 5.0), [(s,) for s in calls], "numpy")
    assert not hasattr(calls[2], "squared")


class Sort(enum.Enum):
    A = 1.0
    B = 2.0


class Named(str):
    gain: float


def named(gain: float) -> Named:
    made = Named("a")
    made.gain = gain
    return made


def test_classes_functions_and_texts_that_are_arguments() -> None:
    rate = [1.0]

    def act(v: Value) -> Value:
        return v * rate[0]

    loss = micrograd.compile(lambda f, s, k: f(W * s.x * s.gain + k.weight), backend="numpy")
    plain = Plain(1.0)
    for gain, r, weight in ((1.0, 1.0, 0.0), (1.0, 2.0, 0.0), (3.0, 2.0, 0.0), (3.0, 2.0, 4.0)):
        Plain.gain, rate[0], Sort.A.weight = gain, r, weight  # type: ignore[attr-defined]
        for _ in range(3):
            assert loss(act, plain, Sort.A) == pytest.approx(r * (0.5 * gain + weight))
    compare(lambda s: W * s.gain, [(named(1.0),), (named(1.0),), (named(2.0),)], "numpy")


def test_records_on_both_sides_of_a_branch() -> None:
    def loss(x: float) -> Any:
        made = Squared(x) if x > 0 else Squared(-2.0 * x)
        return W * made.squared + B * made.x

    compare(loss, [(1.0,), (-2.0,), (3.0,), (-1.0,)], "numpy")


@functools.singledispatch
def dispatched(x: Any) -> Any:
    return B * 1.0


@dispatched.register
def _(x: float) -> Any:
    return W * x


def matched(x: Any) -> Any:
    match x:
        case float(v):
            return W * v
        case [float(v), *_]:
            return W * v - B
        case _:
            return B * 1.0


TYPES: list[tuple[Callable[[Any], Any], Any]] = [
    (dispatched, 1.5),
    (matched, 1.5),
    (matched, [1.5, 2.0]),
    (lambda x: W * x if x.__class__ is float else B * 1.0, 1.5),
    (lambda x: W * x if np.isscalar(x) else B * 1.0, 1.5),
    (lambda x: B * 1.0 if hasattr(x, "data") else W * x, 1.5),
    (lambda x: W * x[0] if x.dtype.kind == "f" else B * x[0], np.array([1.5])),
    (lambda x: (B * x, W * x if x.__class__ is float else B * 1.0), 1.5),
    (lambda x: W * x if x.__class__ is float else micrograd.no_grad()(lambda: W * x)(), 1.5),
]


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
@pytest.mark.parametrize(("loss", "x"), TYPES)
def test_types_decide_in_the_first_call(loss: Any, x: Any, backend: str) -> None:
    w = [W.data, B.data]
    f = micrograd.compile(loss, optimizer=optim.SGD([W, B], lr=0.1), backend=backend)
    for run in (f.step, f, lambda x: f.value_and_grad(x)[0]):
        result = loss(x)
        wanted = tuple(v.data for v in (result if isinstance(result, tuple) else (result,)))
        try:
            found = run(x)
        except CompileError:
            assert [W.data, B.data] == w
            continue
        assert found == pytest.approx(wanted if isinstance(result, tuple) else wanted[0])
    W.data, B.data = w


def test_what_is_finite_by_itself_is_no_nan() -> None:
    loss, nan = (lambda x: W * max(0.25, x)), float("nan")
    assert loss(nan).data == 0.125
    with pytest.raises(CompileError):
        micrograd.compile(loss, backend="numpy")(nan)


def test_masked_arrays_are_refused() -> None:
    f = micrograd.compile(lambda x: W * x.sum(), backend="numpy")
    assert f(np.array([1.0, 2.0])) == pytest.approx(1.5)
    with pytest.raises(ArgumentTypeError, match=r"x\.filled\(0\.0\)"):
        f(np.ma.array([1.0, 2.0], mask=[False, True]))


def tree(x: Any) -> Any:
    match x:
        case {"k": float(v)}:
            return W * v
        case [float(p), float(q)] if p > q:
            return W * p
        case [float(p), float() as q]:
            return W * p + q * B
        case (int(p), *_):
            return W * p + B
        case bool():
            return B * 9
        case float() | int():
            return W * x
        case Squared(x=float(2.0)):
            return B * 7
        case (left, right):
            return tree(left) * tree(right)
        case _:
            return B * 1.0


def test_match_of_types_of_numbers(backend: str) -> None:
    calls = [{"k": 1.5}, {"k": 2}, [1.0, 2.0], [2.0, 1.0], (3, 4.0), True, 1.5, 3, None]
    calls += [Squared(2.0), Squared(3.0), ((1.0, 2.0), 3.0), ("a", [1.0, 3.0])]
    f = micrograd.compile(tree, parameters=[W, B], backend=backend)
    for x in calls + calls[::-1]:
        assert f(x) == pytest.approx(tree(x).data, rel=1e-12)


def test_a_refusal_lasts() -> None:
    world = [0.0]

    def hidden(x: float) -> Any:
        return W * x * micrograd.__dict__.get("_tests_factor", 1.0) + world[0]

    f = micrograd.compile(hidden, backend="numpy")
    assert f(1.0) == 0.5
    micrograd._tests_factor = 3.0  # type: ignore[attr-defined]  # nothing of ours is watched
    try:
        with pytest.raises(CompileError, match="changes from call to call") as first:
            f(2.0)
    finally:
        del micrograd._tests_factor  # type: ignore[attr-defined]
    for x in (1.0, 2.0):
        with pytest.raises(CompileError) as again:
            f(x)
        assert str(again.value) == str(first.value)


@pytest.mark.parametrize("options", [{"backend": "numpy"}, {"exact": True}, {"batch": True}])
def test_an_optimizer_of_nothing_that_is_used(options: dict[str, Any]) -> None:
    other = Value(1.0)
    f = micrograd.compile(lambda x: W * x, optimizer=optim.SGD([other], lr=0.1), **options)
    for _ in range(2):
        with pytest.raises(ArgumentValueError, match="the optimizer has none of the parameters"):
            f.step([1.0] if f.batch else 1.0)


def pairs(rows: list[list[float]]) -> Any:
    total = W * 0.0
    for a in rows:
        for b in rows:
            if a is b:
                continue
            total = total + W * a[0] * b[1] - B
    return total


def test_which_arguments_are_the_same() -> None:
    backend = "numpy"
    p, q, r = [1.0, 2.0], [3.0, 4.0], [5.0, 6.0]
    calls = [[p, q], [q, p], [p, p], [q, r], [p, list(p)], [p, q, p]]
    compare(pairs, [(rows,) for rows in calls], backend)
    compare(
        lambda x, y: W * x[0] if x is y else B * y[1], [(p, q), (p, p), (q, q), (r, p)], backend
    )
    records = [Squared(1.0), Squared(2.0)]
    chosen = [(records[0], records[0]), tuple(records), (records[1], records[1])]
    compare(lambda s, t: W * s.x if id(s) == id(t) else B * t.squared, chosen, backend)
    array = np.array(p)
    arrays = [(array, array.copy()), (array, array), (array, array.copy())]
    compare(lambda x, y: W * x[0] if x is not y else B * y[1], arrays, backend)


def test_samples_of_which_others_are_the_same() -> None:
    p, q = [1.0, 2.0], [3.0, 4.0]
    f = micrograd.compile(lambda x, y: W * x[0] if x is y else B * y[1], batch=True)
    assert f([p, q], [p, q]) == pytest.approx(0.5 * 2.0)
    with pytest.raises(CompileError, match="which of its arguments are the same"):
        f([p, q], [q, q])


@pytest.mark.parametrize(
    ("ask", "asks"),
    [
        (lambda x: x is None, False),
        (lambda x: x is Sort.A, False),
        (lambda x: x is W, False),
        (lambda x, y: x is not y, True),
        (lambda x, y: [a is y for a in x], True),
        (lambda x: id(x), True),
        (lambda x: x.a is x.b, True),
    ],
)
def test_code_that_asks_what_is_the_same(ask: Any, asks: bool) -> None:
    assert Surroundings(ask).asks_identity is asks


def last(xs: list[float], k: int) -> Any:
    return sum((W * x for x in collections.deque(xs, maxlen=k)), W * 0.0)


def last_by_index(xs: list[float], k: int) -> Any:
    return last(xs, operator.index(k))


def test_libraries_that_want_plain_numbers() -> None:
    with pytest.raises(CompileError, match=r"maxlen=operator\.index\(k\)"):
        micrograd.compile(last, backend="numpy")([1.0, 2.0], 1)
    compare(last_by_index, [([1.0, 2.0], 1), ([1.0, 3.0], 2), ([4.0, 2.0], 1)], "numpy")
    with pytest.raises(CompileError, match="`dtype=float` instead of float32"):
        micrograd.compile(lambda xs: W * np.asarray(xs, dtype=np.float32).sum())([1.0])
    with pytest.raises(CompileError, match=r"`\[0\.0\] \* n`, instead of `np\.zeros\(n\)`"):
        micrograd.compile(filled_in)([1.0])


def filled_in(xs: list[float]) -> Any:
    doubled = np.zeros(len(xs))
    for k, x in enumerate(xs):
        doubled[k] = 2 * x
    return W * doubled.sum()


def standardised(xs: Any) -> Any:
    x = np.array(xs, dtype=float)
    x = (x - x.mean()) / x.std()
    x[0] = 2.0
    positive = (np.asarray(xs) > 0).astype(int)
    return W * x[1], x, positive, positive.sum(), np.asarray([v > 0 for v in xs], dtype=float)


def by_built_ins(xs: Any) -> Any:
    largest = functools.reduce(max, map(float, xs))
    return W * largest, list(map(math.exp, xs)), list(map(float, xs)), list(map(bool, xs))


@pytest.mark.parametrize("xs", [[0.5, -1.0, 2.0], (1, 0, 3), np.array([1.0, 2.0, -0.5])])
@pytest.mark.parametrize("fn", [standardised, by_built_ins])
def test_conversions_of_traced_numbers(fn: Any, xs: Any, backend: str) -> None:
    f = micrograd.compile(fn, backend=backend)
    for given in (xs, xs[::-1], xs):
        loss, *aux = fn(given)
        made, *others = f(given)
        assert made == pytest.approx(loss.data, rel=1e-12)
        for a, b in zip(aux, others, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-12)
            assert np.asarray(a).dtype == np.asarray(b).dtype


@functools.cache
def remembered(x: Any) -> Any:
    return x * x + 1


class Table:
    @functools.cache  # noqa: B019
    def of(self, n: int) -> Any:
        return tuple(1.5 * k for k in range(n))


def of_memory(x: float, n: int, table: Any = Table()) -> Any:  # noqa: B008
    return W * remembered(x) * remembered(n) + sum(table.of(n)) + remembered(W.data)


def test_a_memory_keeps_no_numbers_of_a_trace(backend: str) -> None:
    remembered.cache_clear()
    f = micrograd.compile(of_memory, backend=backend)
    for x, n in ((1.0, 2), (2.0, 3), (2.5, 2), (1.0, 3)):
        assert f(x, n) == pytest.approx(of_memory(x, n).data, rel=1e-12)
    assert [type(remembered(x)) for x in (1.0, 2.0, 2.5)] == [float] * 3
    assert type(remembered(3)) is int


def test_a_batch_of_nothing() -> None:
    f = micrograd.compile(lambda x, y: W * x * y, batch=True, backend="numpy")
    with pytest.raises(ArgumentValueError, match="the batch has no samples"):
        f([], [])
    with pytest.raises(ArgumentValueError, match=r"equally many samples, got \[1, 2\]"):
        f([1.0], [1.0, 2.0])
