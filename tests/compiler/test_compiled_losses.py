"""Losses that are hardly programs, what comes back with one, and odd numbers in it."""

from __future__ import annotations

import math
import random
from typing import Any, NamedTuple

import numpy as np
import pytest
from checks_of_compiled import assert_near, eager_step, eager_value_and_grad
from programs_to_compile import table

import micrograd
from micrograd import Value, maximum, optim

W, B = Value(0.0), Value(0.0)
X, Y = np.array(table(random.Random(59), 6, 2)), np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])


@pytest.fixture(autouse=True)
def _start() -> None:
    W.data, B.data = 0.8, -0.3


def test_losses_that_are_hardly_programs(backend: str) -> None:
    rows: list[list[Value]] = [[], [W], [W, B], [W, W]]
    losses: list[Any] = [
        lambda: W,
        lambda: W + 0,
        lambda: -W,
        lambda: W - W,
        lambda: W * 0,
        lambda: W * W * W / W,
        lambda: Value(3.0) * 2 + 1,
        lambda: Value(3.0),
        lambda: sum([W]),
        lambda: sum([], W),
        lambda: sum([W, B], Value(0.5)),
        lambda: sum([]) + W,
        lambda: B * sum([]) + W,
        lambda: sum(sum(row) for row in rows),
        lambda: sum([W] * 50) * sum([B] * 3),
        lambda: W + (B + (W + (B + 1.0))),
        lambda: maximum(W, W) + maximum(W, 0.8) + abs(W - 0.8),
        lambda: W**2 + 2**W + W**W + W**0 + W**-1,
        lambda: (B * 0).relu() + (B * 0).abs() + (W - 0.8).sqrt() * 0,
    ]
    for number, loss in enumerate(losses):
        f = micrograd.compile(loss, parameters=[W, B], backend=backend)
        expected, gradient = eager_value_and_grad(loss, [W, B])
        value, mine = f.value_and_grad()
        np.testing.assert_allclose([value, *mine], [expected, *gradient], 1e-12, 1e-15, str(number))


def test_a_step_on_a_loss_without_parameters_changes_nothing(backend: str) -> None:
    sgd = optim.SGD([W], lr=0.1, momentum=0.9, weight_decay=0.1)
    f = micrograd.compile(lambda: Value(3.0) + 1, optimizer=sgd, backend=backend)
    assert (f.step(), W.data, sgd.state_dict()["state"]) == (4.0, 0.8, {})


def demo(x, y):
    """Karpathy's: the loss, and the part of the samples on the right side."""
    scores = [W * a + b + B for a, b in x]
    loss = sum((1 + -yi * s).relu() for yi, s in zip(y, scores, strict=True)) / len(y)
    right = [(yi > 0) == (s.data > 0) for yi, s in zip(y, scores, strict=True)]
    return loss, sum(right) / len(right)


def nested(x, y):
    scores = [W * a + b + B for a, b in x]
    loss = sum((s - t) ** 2 for s, t in zip(scores, y, strict=True))
    first = scores[0]
    return loss, {"scores": scores, "first": (first.data, [first * 2]), "loss": loss, "none": []}


class Seen(NamedTuple):
    loss: Any
    right: Any
    scores: Any


class Score(NamedTuple):
    mean: Any
    of: Any


def several(x, y):
    loss, right = demo(x, y)
    return loss, right, loss * W, B


def named(x, y):
    loss, right = demo(x, y)
    return Seen(loss, right, Score(loss * B, [W, 2.0]))


def alone(x, y):
    return (demo(x, y)[0],)


def plain(aux: Any) -> Any:
    """The numbers in their structure."""
    if isinstance(aux, dict):
        return {key: plain(part) for key, part in aux.items()}
    if isinstance(aux, list | tuple):
        parts = [plain(part) for part in aux]
        return type(aux)(*parts) if hasattr(aux, "_fields") else type(aux)(parts)
    assert isinstance(aux, Value | float)
    return float(aux)


def assert_alike(mine: Any, theirs: Any) -> None:
    assert type(mine) is type(theirs)
    if isinstance(theirs, dict):
        assert list(mine) == list(theirs)
        mine, theirs = list(mine.values()), list(theirs.values())
    if isinstance(theirs, list | tuple):
        for a, b in zip(mine, theirs, strict=True):
            assert_alike(a, b)
    else:
        assert mine == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("batch", [False, True])
def test_named_tuples_of_samples_are_means(batch: bool, backend: str) -> None:
    def one(x):
        return Seen((W * x - 1) ** 2, x, Score(W * x, [B]))

    f = micrograd.compile(one, parameters=[W, B], batch=batch, backend=backend)
    x = np.array([1.0, 2.0, 6.0]) if batch else 3.0
    loss = sum((0.8 * v - 1) ** 2 for v in np.ravel(x)) / np.size(x)
    seen = f(x)
    assert_alike(seen, Seen(seen.loss, 3.0, Score(2.4000000000000004, [-0.3])))
    assert_near(seen.loss, loss)
    W.data = math.nan  # so that the function itself is run
    mine = f(x)
    assert type(mine) is Seen
    assert type(mine.scores) is Score
    assert mine.scores.of == [-0.3]


@pytest.mark.parametrize("loss", [demo, nested, several, named, alone], ids=lambda f: f.__name__)
def test_what_comes_with_the_loss(loss: Any, backend: str) -> None:
    sgd = optim.SGD([W, B], lr=0.3)
    f = micrograd.compile(loss, parameters=[W, B], optimizer=sgd, backend=backend)
    seen = set()
    for x in (X, -X, 3 * X, X[::-1].copy()):
        value, gradient = eager_value_and_grad(lambda x, y: loss(x, y)[0], [W, B], x, Y)
        result = plain(loss(x, Y))
        seen.add(str(result))
        mine, mine_gradient = f.value_and_grad(x, Y)
        assert_near(mine[0], value)
        assert_near(mine_gradient, gradient)
        assert_alike(mine, result)
        for call in (f, f.step):
            assert_alike(call(x, Y), result)
    assert len(seen) > 1


# ---- odd numbers ---------------------------------------------------------------------------------


def wide(x, y):
    return (W * x).exp() + (B * y).tanh() + maximum(W * x, y).relu()


def divided(x, y):
    return W * x / (B * y) + (W * x).log() * y


def folded(x, y):
    return 1 / (1 + (W * x).exp()) + B * y


def masked(x, y):
    return (W * x).relu() * y + (B * y).sigmoid() + 2 * (B * x).softplus()


ODD = [0.0, -0.0, 1e308, -1e308, 1e-320, 1000.0, -1000.0, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("loss", [wide, divided, folded, masked], ids=lambda f: f.__name__)
def test_nan_and_infinity_flow_as_they_do_eagerly(loss: Any, backend: str) -> None:
    f = micrograd.compile(loss, parameters=[W, B], backend=backend)
    for x in ODD:
        for y in (1.0, x, ODD[1 - ODD.index(x)]):
            expected, gradient = eager_value_and_grad(loss, [W, B], x, y)
            value, mine = f.value_and_grad(x, y)
            np.testing.assert_allclose([value, *mine], [expected, *gradient], 1e-11)
            np.testing.assert_allclose(f(x, y), expected, 1e-11)


@pytest.mark.parametrize("x", [2000.0, math.inf, math.nan])
def test_a_step_on_a_loss_that_overflows_is_eagers(x: float, backend: str) -> None:
    runs = []
    for compiled in (True, False):
        w, b = Value(0.8), Value(-0.3)

        def loss(x, y, w=w, b=b):
            return (w * x).exp() + b * y

        adam = optim.Adam([w, b], lr=0.01)
        if compiled:
            step = micrograd.compile(loss, optimizer=adam, backend=backend).step
        else:

            def step(*arguments, loss=loss, adam=adam):
                return eager_step(loss, adam, *arguments)

        losses = [step(1.0, 2.0), step(x, 1.0), step(1.0, 2.0)]
        runs.append([*losses, w.data, b.data])
    np.testing.assert_allclose(*runs, rtol=1e-11)
    assert not math.isfinite(runs[0][1])


def counted(k, x):
    """A Poisson likelihood with all its terms."""
    rate = W.exp()
    terms = [math.lgamma(i + 1) for i in k] + [math.lgamma(x)]
    return sum(rate - i * W for i in k) + sum(terms), terms


@pytest.mark.parametrize("x", [1e-300, 1e-3, 0.5, 1.0, 2.0, 7.9999, 8.0, 1e10, 1e300])
def test_log_gamma(x: float, backend: str) -> None:
    f = micrograd.compile(counted, parameters=[W], backend=backend)
    for k in ([0, 1, 2], [6, 7, 8], [9, 100, 10**6]):
        expected = [*map(math.lgamma, [k[0] + 1, k[1] + 1, k[2] + 1, x])]
        np.testing.assert_allclose(f(k, x)[1], expected, 1e-15, 1e-14)


def test_log_gamma_of_what_is_not_positive_is_refused(backend: str) -> None:
    f = micrograd.compile(counted, parameters=[W], backend=backend)
    f([0, 1, 2], 0.5)
    with pytest.raises(micrograd.CompileError, match="for positive ones"):
        f([0, 1, 2], -0.5)
    for x in (0.0, -3.0):  # as it does eagerly
        with pytest.raises(ValueError, match="domain"):
            f([0, 1, 2], x)
    assert f([0, 1, 2], 1.0)[1] == pytest.approx([0.0, 0.0, math.log(2.0), 0.0], abs=1e-14)
