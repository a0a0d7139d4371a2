"""Layers, activations and losses against torch float64; what a module owns; errors."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from micrograd import MicrogradError, Value, hessian, manual_seed, nn, no_grad, tensor
from micrograd.tensors.generator import follow_python

RNG_SHAPES = [(4, 3), (1, 3), (3,), (2, 5, 3)]


def torch_linear(layer: nn.Linear) -> torch.nn.Linear:
    """A torch layer with the same weights."""
    has_bias = layer.bias is not None
    twin = torch.nn.Linear(layer.in_features, layer.out_features, has_bias, dtype=torch.float64)
    twin.load_state_dict({k: torch.tensor(v.numpy()) for k, v in layer.state_dict().items()})
    return twin


def assert_close(mine: Any, theirs: Any) -> None:
    a, b = mine.numpy(), theirs.detach().numpy()
    assert a.shape == b.shape
    assert np.allclose(a, b, rtol=1e-12, atol=1e-13)


# ---- layers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", RNG_SHAPES)
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_torchs(shape: tuple[int, ...], bias: bool) -> None:
    layer = nn.Linear(3, 2, bias=bias)
    twin = torch_linear(layer)
    numbers = np.random.default_rng(0).normal(size=shape)
    x, t = tensor(numbers, requires_grad=True), torch.tensor(numbers, requires_grad=True)
    y, expected = layer(x), twin(t)
    assert_close(y, expected)
    weights = np.random.default_rng(1).normal(size=y.shape)
    (y * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    pairs = [(x, t), *zip(layer.parameters(), twin.parameters(), strict=True)]
    for mine, theirs in pairs:
        assert_close(mine.grad, theirs.grad)


def test_linear_sums_from_left_to_right_and_then_adds_the_bias() -> None:
    layer = nn.Linear(3, 1)
    layer.load_state_dict({"weight": [[1e16, 1.0, -1e16]], "bias": [1.0]})
    y = layer(tensor([[1.0, 1.0, 1.0]]))
    assert y.item() == ((1e16 + 1.0) - 1e16) + 1.0
    assert y._values.item()._inputs[1] is layer.bias._values[0]


def test_linear_takes_lists_arrays_and_empty_batches() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": [[3.0, 4.0]], "bias": [5.0]})
    for x in ([[1.0, 2.0]], np.array([[1, 2]]), tensor([[1.0, 2.0]]), [[Value(1.0), 2.0]]):
        assert layer(x).tolist() == [[16.0]]
    assert layer(tensor(np.zeros((0, 2)))).shape == (0, 1)


@pytest.mark.parametrize("shape", [(3, 4), (4,), (), (2, 3, 1), (3, 0)])
def test_linear_refuses_the_wrong_width(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="takes rows of 3 numbers, got the shape") as caught:
        nn.Linear(3, 1)(tensor(np.ones(shape)))
    assert isinstance(caught.value, MicrogradError)


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (-1, 1), (1.5, 1), (1, "2")])
def test_linear_refuses_sizes_that_are_none(sizes: tuple[Any, Any]) -> None:
    with pytest.raises(MicrogradError, match="_features must be a whole number from 1, got "):
        nn.Linear(*sizes)


def test_the_initial_distribution_is_torchs() -> None:
    """U(-1/sqrt(in), 1/sqrt(in)): the bounds, the mean, the variance; and it repeats by seed."""
    random.seed(0)
    layer = nn.Linear(16, 250)
    for parameter in layer.parameters():
        numbers = parameter.numpy()
        assert 0.24 < np.abs(numbers).max() <= 0.25
    weights = layer.weight.numpy()
    n = weights.size
    assert abs(weights.mean()) < 5 * 0.25 / math.sqrt(3 * n)
    assert weights.var() == pytest.approx(0.25**2 / 3, rel=0.05)
    histogram, _ = np.histogram(weights, bins=10, range=(-0.25, 0.25))
    assert np.abs(histogram - n / 10).max() < 5 * math.sqrt(n / 10)
    random.seed(0)
    assert nn.Linear(16, 250).weight.tolist() == weights.tolist()
    assert nn.Linear(16, 250).weight.tolist() != weights.tolist()


def test_manual_seed_seeds_what_draws_the_weights() -> None:
    manual_seed(3)
    first = nn.Linear(2, 2).weight.tolist(), nn.MLP(2, [2]).state_dict()["layers.0.neurons.0.w.0"]
    manual_seed(np.int64(3))
    assert nn.Linear(2, 2).weight.tolist() == first[0]
    assert nn.MLP(2, [2]).state_dict()["layers.0.neurons.0.w.0"] == first[1]
    follow_python()
    random.seed(3)
    second = nn.Linear(2, 2).weight.tolist()
    random.seed(3)
    assert nn.Linear(2, 2).weight.tolist() == second != first[0]
    for wrong in (1.5, "1", None):
        with pytest.raises(TypeError, match="n must be a whole number, got ") as caught:
            manual_seed(wrong)
        assert isinstance(caught.value, MicrogradError)


def test_a_network_is_torchs() -> None:
    random.seed(1)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))
    twin = torch.nn.Sequential(
        torch_linear(model[0]), torch.nn.Tanh(), torch_linear(model[2]), torch.nn.ReLU(),
        torch_linear(model[4]),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    loss = nn.MSELoss()(model(tensor(x)), tensor(y))
    expected = torch.nn.MSELoss()(twin(torch.tensor(x)), torch.tensor(y))
    loss.backward()
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    assert repr(model) == repr(twin)
    assert len(model) == 5
    for (name, p), (other, q) in zip(
        model.named_parameters(), twin.named_parameters(), strict=True
    ):
        assert name == other
        assert_close(p.grad, q.grad)


# ---- activations and losses ----------------------------------------------------------------------

ACTIVATIONS = [
    (nn.ReLU(), torch.nn.ReLU()),
    (nn.LeakyReLU(), torch.nn.LeakyReLU()),
    (nn.LeakyReLU(0.2), torch.nn.LeakyReLU(0.2)),
    (nn.Tanh(), torch.nn.Tanh()),
    (nn.Sigmoid(), torch.nn.Sigmoid()),
    (nn.Softplus(), partial(torch.nn.functional.softplus, threshold=40)),
]


@pytest.mark.parametrize(("mine", "theirs"), ACTIVATIONS)
def test_activations_are_torchs(mine: nn.Activation, theirs: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for numbers in (rng.normal(0, 3, (3, 4)), np.array([[0.0, -0.0, 25.0]]), np.float64(0.5)):
        x, t = tensor(numbers, requires_grad=True), torch.tensor(numbers, requires_grad=True)
        y, expected = mine(x), theirs(t)
        assert_close(y, expected)
        weights = rng.normal(size=y.shape)
        (y * weights).sum().backward()
        (expected * torch.tensor(weights)).sum().backward()
        assert_close(x.grad, t.grad)
    assert not mine(tensor([1.0])).requires_grad
    if isinstance(theirs, torch.nn.Module):
        assert repr(mine) == repr(theirs)


SHAPES_AND_AXES = [
    ((4, 3), 1), ((4, 3), 0), ((4, 3), -1), ((4, 3), -2), ((2, 3, 4), 1), ((2, 3, 4), 0),
    ((5,), 0), ((1,), 0), ((3, 1), 1), ((), 0), ((), -1), ((0, 3), 1), ((0, 3), 0), ((3, 0), 1),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "dim"), SHAPES_AND_AXES)
def test_softmax_is_torchs(shape: tuple[int, ...], dim: int) -> None:
    rng = np.random.default_rng(0)
    compare_softmax(rng.normal(0, 5, shape), dim)
    assert repr(nn.Softmax(dim)) == repr(torch.nn.Softmax(dim))


@pytest.mark.parametrize(
    "row",
    [
        [1e300, -1e300, 0.0],
        [800.0, 800.0, -800.0],
        [-1000.0, -1001.0, -1002.0],
        [2.0, 2.0, 2.0],
        [0.0, -np.inf, 1.0],
        [np.nan, 1.0, 2.0],
        [np.inf, 1.0, 2.0],
        [-np.inf, -np.inf, -np.inf],
    ],
)
def test_softmax_of_huge_numbers_ties_and_infinities(row: list[float]) -> None:
    compare_softmax(np.array([row, row]), 1)


def compare_softmax(numbers: Any, dim: int) -> None:
    x, t = tensor(numbers, requires_grad=True), torch.tensor(numbers, requires_grad=True)
    y, expected = nn.Softmax(dim)(x), torch.nn.Softmax(dim)(t)
    assert y.shape == tuple(expected.shape)
    np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    if not y.numel():
        return
    assert y.requires_grad
    weights = np.random.default_rng(1).normal(size=y.shape)
    (y * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-12, atol=1e-14)


def test_softmax_has_second_derivatives_at_a_tie() -> None:
    row = [Value(1.0), Value(1.0), Value(0.5)]
    t = torch.tensor([1.0, 1.0, 0.5], dtype=torch.float64)
    weights = [1.0, -2.0, 3.0]
    y = (nn.Softmax(0)(row) * weights).sum()
    expected = torch.autograd.functional.hessian(
        lambda t: (torch.softmax(t, 0) * torch.tensor(weights)).sum(), t
    )
    mine = np.array(hessian(y._only("y"), row), dtype=float)
    assert np.allclose(mine, expected.numpy(), rtol=1e-12, atol=1e-13)


def test_softmax_refuses_an_axis_that_is_none() -> None:
    for shape, dim in (((2, 3), 2), ((2, 3), -3), ((), 1)):
        with pytest.raises(ValueError, match=r"dim must be from -\d to \d for the shape") as caught:
            nn.Softmax(dim)(np.ones(shape))
        assert isinstance(caught.value, MicrogradError)
    with pytest.raises(TypeError, match="dim must be a whole number, got '1'"):
        nn.Softmax("1")
    assert not nn.Softmax(0)([1.0, 2.0]).requires_grad
    with no_grad():
        assert not nn.Softmax(0)(nn.Parameter([1.0, 2.0])).requires_grad


LOSSES = [(nn.MSELoss, torch.nn.MSELoss), (nn.L1Loss, torch.nn.L1Loss)]


@pytest.mark.parametrize(("mine", "theirs"), LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(4, 2), (5,), (1, 1), ()])
def test_losses_are_torchs(
    mine: type[nn.Loss], theirs: type[Any], reduction: str, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    numbers = [rng.normal(size=shape), rng.normal(size=shape)]
    inputs = [tensor(x, requires_grad=True) for x in numbers]
    tensors = [torch.tensor(x, requires_grad=True) for x in numbers]
    loss, expected = mine(reduction=reduction)(*inputs), theirs(reduction=reduction)(*tensors)
    assert_close(loss, expected)
    loss.sum().backward()
    expected.sum().backward()
    for x, t in zip(inputs, tensors, strict=True):
        assert_close(x.grad, t.grad)
    assert mine(reduction)(numbers[0], numbers[0].tolist()).sum().item() == 0.0
    assert repr(mine()) == repr(theirs())


@pytest.mark.parametrize("loss", [nn.MSELoss, nn.L1Loss])
def test_losses_refuse_what_does_not_fit(loss: type[nn.Loss]) -> None:
    with pytest.raises(ValueError, match=r"the batch is empty: its shape is \(0, 1\)") as caught:
        loss()(tensor(np.ones((0, 1))), tensor(np.ones((0, 1))))
    assert isinstance(caught.value, MicrogradError)
    for shape in ((3,), (1, 3), (1, 1)):
        other = getattr(torch.nn, loss.__name__)()
        with pytest.warns(UserWarning, match="target size") as mine:
            result = loss()(tensor(np.ones((3, 1))), tensor(np.zeros(shape)))
        with pytest.warns(UserWarning, match="target size") as theirs:
            expected = other(torch.ones((3, 1)), torch.zeros(shape))
        assert str(mine[0].message) == str(theirs[0].message)
        assert mine[0].filename == __file__
        assert result.item() == expected.item()
    with pytest.warns(UserWarning, match="target size"), pytest.raises(ValueError, match="shapes"):
        loss()(tensor(np.ones((3, 1))), tensor(np.ones((2, 2, 2))))
    with pytest.raises(MicrogradError, match="one of mean, sum, none, got 'average'"):
        loss(reduction="average")
