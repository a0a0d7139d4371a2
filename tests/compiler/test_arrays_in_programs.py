"""What functions of arrays do with numbers and integers that a program knows at run time only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, nn, tensor
from micrograd.nn import functional

ROWS = [[1.0, 2.0, -3.0], [0.5, -1.0, 2.0]]
OTHER = [[1.5, 0.0, -2.7], [0.0, 3.2, 1.0]]
W = Value(0.3)


@pytest.fixture
def linear() -> nn.Linear:
    micrograd.manual_seed(3)
    return nn.Linear(3, 4)


def gathered(linear, xs, a):
    return linear(tensor(xs)).gather(1, tensor(a).unsqueeze(1)).sum()


def gathered_long(linear, xs, a):
    return linear(tensor(xs)).log_softmax(1).gather(1, tensor(a).long().unsqueeze(1)).sum()


def one_hot(linear, xs, a):
    return (linear(tensor(xs)) * functional.one_hot(tensor(a), 4)).sum()


def one_hot_long(linear, xs, a):
    return (linear(tensor(xs)) * functional.one_hot(tensor(a).long(), num_classes=4).float()).sum()


def scattered(linear, xs, a):
    mask = tensor(np.zeros((2, 4))).scatter_(1, tensor(a).unsqueeze(1), 1.0)
    return (mask * linear(tensor(xs))).sum()


INDEXING = [gathered, gathered_long, one_hot, one_hot_long, scattered]


@pytest.mark.sampled
@pytest.mark.parametrize("f", INDEXING, ids=lambda f: f.__name__)
@pytest.mark.parametrize("given", [list, np.array], ids=["lists", "arrays"])
def test_integers_choose_in_arrays(f: Any, given: Any, linear: nn.Linear) -> None:
    compiled = micrograd.compile(
        lambda xs, a: f(linear, xs, a), parameters=list(linear.parameters())
    )
    for xs in (ROWS, OTHER):
        for a in ([1, 3], [0, 2], [2, 2], [3, 0]):
            loss, gradient = compiled.value_and_grad(given(xs), given(a))
            expected = f(linear, xs, a)
            assert loss == pytest.approx(expected.item(), rel=1e-12)
            linear.zero_grad()
            expected.backward()
            eager = np.concatenate([p.grad.numpy().ravel() for p in linear.parameters()])
            assert gradient == pytest.approx(eager, rel=1e-12)


@pytest.mark.parametrize("f", [gathered, one_hot], ids=lambda f: f.__name__)
def test_a_class_that_there_is_not_is_an_error(f: Any, linear: nn.Linear) -> None:
    compiled = micrograd.compile(lambda a: f(linear, ROWS, a))
    compiled([1, 3]), compiled([0, 2])
    with pytest.raises((ValueError, IndexError)):
        compiled([1, 4])


def test_one_hot_of_unknown_integers_needs_the_number_of_classes() -> None:
    with pytest.raises(ValueError, match="num_classes=…"):
        micrograd.compile(lambda a: (functional.one_hot(tensor(a)) * W).sum())([1, 2])


def kinds(xs):
    x = tensor(xs)
    return (x.long().float() * W).sum() + 10 * (x.bool().float() * W).sum()


def in_place(xs):
    x = tensor(xs)
    x[0] = 2.0
    x += 1
    return (x * W).sum()


def of_numbers(xs):
    return (tensor(xs) * W).sum() * (2 if tensor(xs).requires_grad else 3)


def out_of_arrays(xs):
    x = tensor(xs)
    return W * x.numpy().sum() + W**2 * x.sum().item() + x.tolist()[1][2] * W**3


@pytest.mark.parametrize("f", [kinds, in_place, of_numbers, out_of_arrays])
def test_kinds_and_numbers_of_arrays(f: Any) -> None:
    compiled = micrograd.compile(f, parameters=[W])
    for xs in (ROWS, OTHER, ROWS, [[0.0, -0.5, 1.0], [7.0, 0.2, -1.9]]):
        expected = f(xs)
        expected = expected.item() if isinstance(expected, micrograd.Tensor) else expected.data
        assert compiled(xs) == pytest.approx(expected, rel=1e-12)


def test_a_number_that_is_read_for_a_report_has_no_gradient() -> None:
    def loss(xs):
        y = (tensor(xs) * W).sum()
        return y * y.item(), {"y": y.item()}

    value, seen = micrograd.compile(loss, parameters=[W])(ROWS)
    (_, gradient) = micrograd.compile(loss, parameters=[W]).value_and_grad(ROWS)
    y = W.data * np.sum(ROWS)
    assert value == pytest.approx(y * y)
    assert seen["y"] == pytest.approx(y)
    assert gradient == pytest.approx([np.sum(ROWS) * y])


def test_whole_numbers_are_whole_while_a_step_is_recorded() -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter([0.5])

        def forward(self, x):
            return (x.long().float() * self.w).sum()

    model = Whole()
    sgd = micrograd.optim.SGD(model.parameters(), lr=0.1)
    micrograd.record_step(model, lambda out, y: (out - y) ** 2, sgd, [[1.7, -2.2]], [0.0])
    assert model.w.item() == pytest.approx(0.5 - 0.1 * 2 * (0.5 * (1 - 2)) * (1 - 2))


def test_running_statistics_are_those_of_eager_calls() -> None:
    norm, eager = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    f = micrograd.compile(lambda xs: (norm(tensor(xs)) ** 2 * W).sum())
    for xs in (ROWS, OTHER, ROWS):
        assert f(xs) == pytest.approx((eager(tensor(xs)) ** 2 * W).sum().item(), rel=1e-12)
        np.testing.assert_allclose(norm.running_mean.tolist(), eager.running_mean.tolist())
        np.testing.assert_allclose(norm.running_var.tolist(), eager.running_var.tolist())
    assert norm.num_batches_tracked.item() == 3
    norm.eval()
    for xs in (ROWS, OTHER):
        assert f(xs) == pytest.approx((norm(tensor(xs)) ** 2 * W).sum().item(), rel=1e-12)


def test_norms_of_a_batch_compile() -> None:
    norm = nn.BatchNorm1d(3, track_running_stats=False)
    f = micrograd.compile(lambda xs: (norm(tensor(xs)) ** 4 * W).sum())
    for xs in (ROWS, OTHER, ROWS):
        assert f(xs) == pytest.approx((norm(tensor(xs)) ** 4 * W).sum().item(), rel=1e-9)
