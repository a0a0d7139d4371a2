"""Layers, activations and losses against torch float64; what a module owns; errors."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from micrograd import MicrogradError, Value, nn, tensor

RNG_SHAPES = [(4, 3), (1, 3), (3,), (2, 5, 3)]


def torch_linear(layer: nn.Linear) -> torch.nn.Linear:
    """A torch layer with the same weights."""
    has_bias = layer.bias is not None
    twin = torch.nn.Linear(layer.in_features, layer.out_features, has_bias, dtype=torch.float64)
    twin.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
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
    assert layer(tensor([[1.0, 1.0, 1.0]])).item() == ((1e16 + 1.0) - 1e16) + 1.0


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
    (nn.Softplus(), torch.nn.functional.softplus),
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
    for output, target, text in (
        (np.ones((3, 1)), np.ones(3), r"shape of the output, \(3, 1\), got \(3,\)"),
        (np.ones((3, 1)), np.ones((1, 3)), r"got \(1, 3\)"),
        (np.ones((0, 1)), np.ones((0, 1)), r"the batch is empty: its shape is \(0, 1\)"),
    ):
        with pytest.raises(ValueError, match=text) as caught:
            loss()(tensor(output), tensor(target))
        assert isinstance(caught.value, MicrogradError)
    with pytest.raises(MicrogradError, match="one of mean, sum, none, got 'average'"):
        loss(reduction="average")
