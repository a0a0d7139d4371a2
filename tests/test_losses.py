"""The losses of classification against torch float64: values, gradients, edges, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import micrograd
from micrograd import MicrogradError, Value, nn, tensor

REDUCTIONS = ["mean", "sum", "none"]
HUGE = [0.0, -0.0, 1.0, -1.0, 19.0, 21.0, -21.0, 40.0, -40.0, 800.0, -800.0, 1e300, -1e300]
logits = st.floats(-1e6, 1e6) | st.sampled_from(HUGE)


class TorchHinge(torch.nn.Module):
    """Karpathy's loss, which torch has only for pairs of vectors."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        losses = torch.relu(1 - target * output)
        return losses if self.reduction == "none" else getattr(losses, self.reduction)()


def compare(
    mine: Callable[..., Any],
    theirs: Callable[..., Any],
    output: Any,
    target: Any,
    target_has_gradient: bool = True,
    atol: float = 1e-13,
) -> None:
    """The same loss within `atol`, and the same gradients of its weighted sum, on both."""
    x, t = tensor(output, requires_grad=True), torch.tensor(output, requires_grad=True)
    y, u = tensor(target), torch.tensor(target)
    if target_has_gradient:
        y, u = tensor(target, requires_grad=True), u.requires_grad_()
    loss, expected = mine(x, y), theirs(t, u)
    assert loss.requires_grad
    close(loss.numpy(), expected.detach().numpy(), atol)
    weights = np.random.default_rng(0).normal(size=loss.shape)
    (loss * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    close(x.grad.numpy(), t.grad.numpy())
    if target_has_gradient:
        close(y.grad.numpy(), u.grad.numpy())


def close(a: Any, b: Any, atol: float = 1e-13) -> None:
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=atol)


# ---- binary cross entropy ------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 2), (5,), (1, 1), ()])
def test_binary_cross_entropy_is_torchs(reduction: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    output, target = rng.normal(0, 5, shape), rng.uniform(size=shape)
    loss = nn.BCEWithLogitsLoss(reduction=reduction)
    compare(loss, torch.nn.BCEWithLogitsLoss(reduction=reduction), output, target)
    assert repr(loss) == repr(torch.nn.BCEWithLogitsLoss())


@pytest.mark.parametrize("y", [0.0, 1.0, 0.25])
def test_binary_cross_entropy_of_huge_logits_and_of_zero(y: float) -> None:
    mine, theirs = nn.BCEWithLogitsLoss("none"), torch.nn.BCEWithLogitsLoss(reduction="none")
    output = np.array(HUGE)
    compare(mine, theirs, output, np.full_like(output, y))


@given(arrays(np.float64, 4, elements=logits), arrays(np.float64, 4, elements=st.floats(0, 1)))
def test_binary_cross_entropy_of_anything(output: Any, target: Any) -> None:
    """Torch's value is off by cancellation: (1 - y) x - log sigmoid(x) for x < 0 and y near 0."""
    atol = 1e-13 + 1e-15 * np.abs(output).max()
    compare(nn.BCEWithLogitsLoss(), torch.nn.BCEWithLogitsLoss(), output, target, atol=atol)


def test_a_tiny_binary_cross_entropy_keeps_its_digits() -> None:
    """Where torch's own value is 0 by cancellation for one of the two classes."""
    loss = nn.BCEWithLogitsLoss("none")([40.0, -40.0], [1.0, 0.0])
    assert loss.tolist() == [math.log1p(math.exp(-40.0))] * 2


@pytest.mark.parametrize("x", [0.0, -0.0, 3.0, -3.0, 50.0, -50.0])
def test_binary_cross_entropy_has_second_derivatives(x: float) -> None:
    """sigmoid(x) (1 - sigmoid(x)), at 0 too, where max and abs have kinks."""
    v = Value(x)
    loss = nn.BCEWithLogitsLoss()(v, 1.0)
    (first,) = micrograd.grad(loss._only("loss"), [v], create_graph=True)
    (second,) = micrograd.grad(first, [v])
    s = 1 / (1 + math.exp(-x))
    assert first.data == pytest.approx(-1 / (1 + math.exp(x)), rel=1e-12)
    assert second.data == pytest.approx(s / (1 + math.exp(x)), rel=1e-12)


# ---- cross entropy -------------------------------------------------------------------------------


def both_targets(rng: np.random.Generator, n: int, classes: int) -> list[tuple[Any, bool]]:
    """Classes, and probabilities; whether the target has a gradient."""
    return [(rng.integers(classes, size=n), False), (rng.dirichlet([1.0] * classes, n), True)]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("n", "classes"), [(4, 3), (1, 5), (6, 2), (3, 1)])
def test_cross_entropy_is_torchs(reduction: str, n: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    output = rng.normal(0, 5, (n, classes))
    loss = nn.CrossEntropyLoss(reduction=reduction)
    twin = torch.nn.CrossEntropyLoss(reduction=reduction)
    for target, has_gradient in both_targets(rng, n, classes):
        compare(loss, twin, output, target, has_gradient)
    assert repr(loss) == repr(twin)


OPTIONS: list[dict[str, Any]] = [
    {"label_smoothing": 0.1},
    {"label_smoothing": 1.0},
    {"weight": [0.5, 2.0, 0.0, 1.5]},
    {"weight": [0.5, 2.0, 0.0, 1.5], "label_smoothing": 0.25},
    {"ignore_index": 2},
    {"ignore_index": 2, "weight": [0.5, 2.0, 7.0, 1.5], "label_smoothing": 0.25},
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_cross_entropy_with_options_is_torchs(reduction: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    output = rng.normal(0, 5, (6, 4))
    theirs = {k: torch.tensor(x) if k == "weight" else x for k, x in options.items()}
    loss = nn.CrossEntropyLoss(reduction=reduction, **options)
    twin = torch.nn.CrossEntropyLoss(reduction=reduction, **theirs).double()
    probabilities = rng.dirichlet([1.0] * 4, 6), True
    targets = [(np.array([0, 1, 3, 2, 2, 1]), False)]
    for target, has_gradient in [*targets, *([] if "ignore_index" in options else [probabilities])]:
        compare(loss, twin, output, target, has_gradient)


@pytest.mark.parametrize(
    "row",
    [
        [1e300, -1e300, 0.0],
        [800.0, 799.0, -800.0],
        [-1000.0, -1001.0, -1002.0],
        [2.0, 2.0, 2.0],
        [7.0, 7.0, -7.0],
        [0.0, -0.0, 0.0],
    ],
)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_huge_logits_and_ties(row: list[float], reduction: str) -> None:
    mine, theirs = nn.CrossEntropyLoss(reduction), torch.nn.CrossEntropyLoss(reduction=reduction)
    output = np.array([row] * 3)
    compare(mine, theirs, output, np.arange(3), False)
    compare(mine, theirs, output, np.array([[0.5, 0.25, 0.25]] * 3))


@given(
    arrays(np.float64, (2, 3), elements=logits), st.lists(st.integers(0, 2), min_size=2, max_size=2)
)
def test_cross_entropy_of_anything(output: Any, classes: list[int]) -> None:
    compare(nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(), output, classes, False)


def test_cross_entropy_with_a_class_ruled_out() -> None:
    output = np.array([[0.0, -math.inf, 1.0]])
    mine, theirs = nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss()
    compare(mine, theirs, output, np.array([2]), False)
    assert mine(tensor(output), [1]).item() == math.inf


def test_cross_entropy_of_one_class_is_zero() -> None:
    x = tensor([[5.0], [-1e300]], requires_grad=True)
    loss = nn.CrossEntropyLoss()(x, [0, 0])
    loss.backward()
    assert loss.item() == 0.0
    assert x.grad.tolist() == [[0.0], [0.0]]


def test_classes_can_be_given_in_many_ways() -> None:
    output = [[1.0, 2.0], [3.0, -4.0]]
    expected = nn.CrossEntropyLoss()(output, [[0.0, 1.0], [1.0, 0.0]]).item()
    for target in ([1, 0], np.array([1, 0], np.uint8), tensor([1.0, 0.0]), [True, False]):
        assert nn.CrossEntropyLoss()(output, target).item() == expected


def test_cross_entropy_has_second_derivatives() -> None:
    """The Hessian by the logits: diag(p) - p pᵀ, at a tie."""
    row = [Value(1.0), Value(1.0), Value(-2.0)]
    loss = nn.CrossEntropyLoss()([row], [1])
    p = np.exp([1.0, 1.0, -2.0]) / np.exp([1.0, 1.0, -2.0]).sum()
    hessian = np.array(micrograd.hessian(loss._only("loss"), row), dtype=float)
    close(hessian, np.diag(p) - np.outer(p, p))


# ---- hinge ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 2), (5,), (1, 1), ()])
def test_hinge_is_karpathys(reduction: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    target = rng.choice([-1.0, 1.0], shape)
    compare(nn.HingeLoss(reduction), TorchHinge(reduction), rng.normal(0, 2, shape), target)


@given(arrays(np.float64, 3, elements=logits))
def test_hinge_of_anything(output: Any) -> None:
    compare(nn.HingeLoss(), TorchHinge(), output, np.array([1.0, -1.0, 1.0]))


def test_hinge_at_the_margin() -> None:
    x = tensor([1.0, -1.0, 1e300], requires_grad=True)
    loss = nn.HingeLoss("sum")(x, [1.0, -1.0, -1.0])
    loss.backward()
    assert loss.item() == 1e300
    assert x.grad.tolist() == [0.0, 0.0, 1.0]


def test_hinge_of_single_values_trains_karpathys_network() -> None:
    micrograd.manual_seed(0)
    model = nn.MLP(2, [4, 1])
    xs, ys = [[2.0, 3.0], [3.0, -1.0], [0.5, 1.0], [1.0, 1.0]], [1.0, -1.0, -1.0, 1.0]
    losses = []
    for _ in range(200):
        loss = nn.HingeLoss()([model(x) for x in xs], ys)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


# ---- what does not fit ---------------------------------------------------------------------------

REFUSED = [
    (nn.BCEWithLogitsLoss, np.ones((3, 1)), np.ones(3), r"target must .* \(3, 1\), got \(3,\)"),
    (nn.BCEWithLogitsLoss, np.ones((0, 1)), np.ones((0, 1)), r"the batch is empty: .*\(0, 1\)"),
    (nn.BCEWithLogitsLoss, np.ones(2), np.array([1.0, 2.0]), r"probabilities .*labels .*got 2$"),
    (nn.BCEWithLogitsLoss, np.ones(1), np.array([-0.5]), r"probabilities .*got -0.5$"),
    (nn.BCELoss, np.full(2, 0.5), np.array([1.0, 2.0]), r"probabilities .*labels .*got 2$"),
    (nn.BCELoss, np.array([0.5, 1.5]), np.ones(2), r"1\.5"),
    (nn.HingeLoss, np.ones(2), np.ones((1, 2)), r"target must .* \(2,\), got \(1, 2\)"),
    (nn.HingeLoss, np.ones(0), np.ones(0), r"the batch is empty: its shape is \(0,\)"),
    (nn.HingeLoss, np.ones(2), np.array([0.0, 1.0]), r"target must hold -1 and 1 only, got 0"),
    (nn.HingeLoss, np.ones(1), np.array([math.nan]), r"target must hold -1 and 1 only, got nan"),
    (nn.CrossEntropyLoss, np.ones(3), [1], r"target must .* shape \(\), .*got \(1,\)"),
    (
        nn.CrossEntropyLoss,
        np.ones((2, 3, 1)),
        [1, 1],
        r"target must .* shape \(2, 1\), .*got \(2,\)",
    ),
    (nn.CrossEntropyLoss, np.ones((2, 3)), [1], r"shape \(2,\), .*\(2, 3\), .* got \(1,\)"),
    (nn.CrossEntropyLoss, np.ones((2, 3)), [[1], [1]], r"target must .* got \(2, 1\)"),
    (nn.CrossEntropyLoss, np.ones((2, 3)), [0, 3], r"from 0 to 2, got 3 for sample 1"),
    (nn.CrossEntropyLoss, np.ones((2, 3)), [-1, 0], r"from 0 to 2, got -1 for sample 0"),
    (nn.CrossEntropyLoss, np.ones((2, 3)), [0, 1.5], r"whole numbers, got 1.5 for sample 1"),
    (nn.CrossEntropyLoss, np.ones((1, 3)), [math.nan], r"whole numbers, got nan"),
    (nn.CrossEntropyLoss, np.ones((1, 3)), [math.inf], r"whole numbers, got inf"),
    (nn.CrossEntropyLoss, np.ones((0, 3)), np.ones(0), r"the batch is empty: .*\(0, 3\)"),
    (nn.CrossEntropyLoss, np.ones((2, 0)), [0, 0], r"the batch is empty: .*\(2, 0\)"),
]


@pytest.mark.parametrize(("loss", "output", "target", "text"), REFUSED)
def test_what_does_not_fit_is_refused(
    loss: type[nn.Loss], output: Any, target: Any, text: str
) -> None:
    for reduction in REDUCTIONS:
        with pytest.raises(ValueError, match=text) as caught:
            loss(reduction)(tensor(output), tensor(target))
        assert isinstance(caught.value, MicrogradError)


@pytest.mark.parametrize("loss", [nn.BCEWithLogitsLoss, nn.CrossEntropyLoss, nn.HingeLoss])
def test_an_unknown_reduction_is_refused(loss: type[nn.Loss]) -> None:
    with pytest.raises(MicrogradError, match="one of mean, sum, none, got 'average'"):
        loss(reduction="average")


@pytest.mark.parametrize("loss", [nn.BCEWithLogitsLoss, nn.CrossEntropyLoss, nn.HingeLoss])
def test_a_loss_says_what_it_is_for_pictures(loss: type[nn.Loss]) -> None:
    assert loss.formula != nn.Loss.formula
    assert loss.derivative != nn.Loss.derivative


# ---- losses of regression ------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 2), (5,), (1, 1), ()])
@pytest.mark.parametrize("name", ["MSELoss", "L1Loss"])
def test_losses_of_regression_are_torchs(name: str, reduction: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    output, target = rng.normal(0, 5, shape), rng.normal(0, 5, shape)
    loss, theirs = (getattr(module, name)(reduction=reduction) for module in (nn, torch.nn))
    compare(loss, theirs, output, target)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_how_many_losses_the_mean_is_over(reduction: str) -> None:
    mean = reduction == "mean"
    assert nn.MSELoss(reduction).terms((4, 2)) == (8 if mean else 1)
    assert nn.CrossEntropyLoss(reduction).terms((4, 3)) == (4 if mean else 1)
