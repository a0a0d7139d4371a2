"""`Tensor` against torch float64: arithmetic, shapes, gradients, and Values mixed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from micrograd import FloatTensor, MicrogradError, Tensor, Value, nn, tensor
from micrograd.ops import OPS

Function = Callable[[Any, Any], Any]
METHODS = [row.name for row in OPS.values() if row.method and not row.has_static]

# Each is run on (x, y): first ours, then torch's. The shapes are (2, 3) and (3,), (2, 1), (3, 2) …
OPERATIONS: list[tuple[Function, tuple[int, ...]]] = [
    (lambda x, y: x + y, (2, 3)),
    (lambda x, y: x - y, (3,)),
    (lambda x, y: y - x, (2, 1)),
    (lambda x, y: x * y, (4, 1, 3)),
    (lambda x, y: x / y, ()),
    (lambda x, y: y / x, (1,)),
    (lambda x, y: x**y, (3,)),
    (lambda x, y: 2 - x * 3 + 1 / y, (3,)),
    (lambda x, y: 2**y - x**2 + (-x) + abs(y), (3,)),
    (lambda x, y: x @ y, (3, 2)),
    (lambda x, y: x @ y, (3,)),
    (lambda x, y: x.matmul(y.T), (5, 3)),
    (lambda x, y: x @ y, (4, 3, 2)),
    (lambda x, y: x.sum() * y.mean(), (3,)),
    (lambda x, y: x.sum(0) + x.mean(1).sum() + y, (3,)),
    (lambda x, y: x.sum(-1, keepdim=True) * y.mean(dim=0, keepdim=True), (2, 3)),
    (lambda x, y: x.mean(dim=1) / y.sum(dim=1), (2, 3)),
    (lambda x, y: x[0] * y[:, 1], (3, 2)),
    (lambda x, y: x[:, 1:][1, -1] * y[None, ::2], (3,)),
    (lambda x, y: x[[1, 0, 1]] * y, (3, 1)),
    (lambda x, y: x.reshape(3, 2) @ y.view(-1, 1), (2,)),
    (lambda x, y: x.reshape((6,)) * y.flatten(), (3, 2)),
    (lambda x, y: x.T * y.unsqueeze(1), (3,)),
    (lambda x, y: x.unsqueeze(0) + y.squeeze(), (1, 3, 1)),
    (lambda x, y: x * y.squeeze(0) + y.squeeze(1), (1, 3)),
    (lambda x, y: x.relu() + x.tanh() * y.sigmoid(), (3,)),
    (lambda x, y: x.exp() / y.relu() + x.sin() * y.cos(), (3,)),
    (lambda x, y: abs(x).sqrt() + abs(y).log() + x.abs(), (3,)),
    (lambda x, y: sum(row.sum() for row in x) * y, (3,)),
    (lambda x, y: len(x) * x.size(1) * y + x.dim() + x.numel() + y.ndim, (3,)),
]


@pytest.mark.parametrize("case", OPERATIONS, ids=range(len(OPERATIONS)))
def test_results_and_gradients_are_torchs(case: tuple[Function, tuple[int, ...]]) -> None:
    function, shape = case
    rng = np.random.default_rng(0)
    numbers = [rng.uniform(0.5, 2, (2, 3)), rng.uniform(0.5, 2, shape)]
    mine = [tensor(x, requires_grad=True) for x in numbers]
    theirs = [torch.tensor(x, requires_grad=True) for x in numbers]
    result, expected = function(*mine), function(*theirs)
    assert result.shape == tuple(expected.shape)
    assert np.allclose(result.numpy(), expected.detach().numpy(), rtol=1e-12, atol=0)
    assert result.requires_grad
    weights = rng.normal(size=result.shape)
    (result * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    for a, b in zip(mine, theirs, strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            assert np.allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_those_of_each_value(name: str) -> None:
    numbers = [[0.5, 1.5], [2.5, 0.25]]
    made = getattr(tensor(numbers, requires_grad=True), name)()
    assert made.tolist() == [[OPS[name].f(x) for x in row] for row in numbers]
    assert made._values[0, 0]._row is OPS[name]
    assert made.requires_grad


def test_leaky_relu() -> None:
    assert tensor([-2.0, 3.0]).leaky_relu().tolist() == [-0.02, 3.0]
    assert tensor([-2.0, 3.0]).leaky_relu(0.5).tolist() == [-1.0, 3.0]


def test_sums_run_from_left_to_right() -> None:
    numbers = [1e16, 1.0, -1e16, 1.0]
    assert tensor(numbers).sum().item() == ((1e16 + 1.0) - 1e16) + 1.0
    assert tensor([numbers]).sum(1).item() == ((1e16 + 1.0) - 1e16) + 1.0


def test_empty_arrays() -> None:
    x = tensor(np.zeros((0, 3)))
    assert (x.shape, x.numel(), len(x)) == ((0, 3), 0, 0)
    assert x.sum().item() == 0.0
    assert x.sum(0).tolist() == [0.0, 0.0, 0.0]
    assert (x * 2 + 1).shape == (0, 3)
    assert np.isnan(x.mean().item())


def test_making_arrays() -> None:
    for data in ([[1, 2], [3, 4]], ((1.0, 2), (3, 4)), np.array([[1, 2], [3, 4]], np.int8)):
        for make in (tensor, FloatTensor):
            assert make(data).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert tensor([True, False]).tolist() == [1.0, 0.0]
    assert tensor(3).shape == ()
    assert tensor(np.float32(0.1)).item() == float(np.float32(0.1))
    assert tensor([]).shape == (0,)
    assert tensor([tensor([1.0, 2.0]), tensor([3.0, 4.0])]).shape == (2, 2)
    assert tensor([1, 2], dtype="float32").numpy().dtype == np.float64
    v = Value(2.0)
    assert tensor([v, 1.0])._values[0] is v


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ([[1.0, 2.0], [3.0]], ValueError, "data must be a rectangular array"),
        ("12", TypeError, "data must hold numbers or Values, got <U2"),
        (["a"], TypeError, "data must hold numbers or Values"),
        ([1.0, None], TypeError, "got NoneType: None"),
        ([1j], TypeError, "got complex128"),
        ({"a": 1}, TypeError, "got dict"),
    ],
)
def test_what_is_no_array_of_numbers(data: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        tensor(data)
    assert isinstance(caught.value, MicrogradError)


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda x: x + tensor([1.0, 2.0]), ValueError, r"shapes \(2, 3\) and \(2,\)"),
        (lambda x: x @ x, ValueError, r"shapes \(2, 3\) and \(2, 3\)"),
        (lambda x: x.reshape(4), ValueError, "shape: cannot reshape"),
        (lambda x: x.item(), ValueError, r"item\(\) needs one element.* shape \(2, 3\)"),
        (lambda x: float(x), ValueError, "needs one element"),
        (lambda x: (x * 2).backward(), ValueError, r"backward\(\) needs one element"),
        (lambda x: tensor([1.0]).backward(), RuntimeError, "does not depend on any parameter"),
        (lambda x: x.detach().sum().backward(), RuntimeError, "does not depend on any"),
        (lambda x: len(x.sum()), TypeError, "array without axes"),
        (lambda x: x + "a", TypeError, "numbers or Values"),
    ],
)
def test_errors_say_what_is_wrong(
    act: Callable[[Tensor], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        act(tensor(np.ones((2, 3)), requires_grad=True))
    assert isinstance(caught.value, MicrogradError)


# ---- a Value, an ndarray and a Tensor together ---------------------------------------------------


@pytest.mark.parametrize(
    "other", [Value(2.0), np.array([2.0, 4.0]), np.float64(2), 2, [2.0, 4.0], tensor([2.0, 4.0])]
)
def test_any_kind_on_either_side(other: Any) -> None:
    x = nn.Parameter([3.0, 5.0])
    n = np.array(float(other)) if isinstance(other, Value) else np.array(other, dtype=float)
    m = np.array([3.0, 5.0])
    for result, expected in (
        (x + other, m + n), (other + x, n + m), (x - other, m - n), (other - x, n - m),
        (x * other, m * n), (other * x, n * m), (x / other, m / n), (other / x, n / m),
        (other**x, n**m),
    ):  # fmt: skip
        assert type(result) is Tensor
        assert result.tolist() == expected.tolist()
        assert result.requires_grad
    assert x.grad is None
    (other * x).sum().backward()
    assert x.grad.tolist() == (n * np.ones(2)).tolist()


def test_powers_with_arrays() -> None:
    x = tensor([2.0, 3.0], requires_grad=True)
    assert (x**2)._values[0]._op == "**2"
    for exponent in (Value(2.0), np.array([2.0, 2.0]), tensor([2.0, 2.0])):
        assert (x**exponent).tolist() == [4.0, 9.0]
        assert (x**exponent)._values[0]._op == "**"


@pytest.mark.parametrize(
    "compute",
    [
        lambda x, v: x * v,
        lambda x, v: v * x,
        lambda x, v: [v, v] * x,
        lambda x, v: np.array([v, v]) * x,
        lambda x, v: tensor([v, v * 1]) * x.numpy(),
        lambda x, v: tensor([x * v, x]) - x,
        lambda x, v: tensor(np.array([v])) * x,
        lambda x, v: nn.ReLU()([v, v]) * x,
        lambda x, v: nn.L1Loss("none")([v + 9, v + 9], [0, 0]) * x,
    ],
)
def test_the_gradient_of_a_value_among_arrays(compute: Callable[[Tensor, Value], Tensor]) -> None:
    v = Value(2.0)
    compute(tensor([1.0, 3.0]), v).sum().backward()
    assert v.grad == 4.0


def test_conversion_to_numpy() -> None:
    x = tensor([[1.0, 2.0]], requires_grad=True)
    for array in (x.numpy(), np.asarray(x), x.data.numpy()):
        assert array.dtype == np.float64
        array[0, 0] = 9.0
    assert x.tolist() == [[1.0, 2.0]]
    assert np.array(x, dtype=np.float32).dtype == np.float32
    assert f"{x.sum():.2f}" == "3.00"
    assert f"{x}" == repr(x)


def test_gradients_of_values_and_arrays_are_clipped_together() -> None:
    v, p = Value(1.0), nn.Parameter([1.0, 1.0])
    (12.0 * v + (p * tensor([3.0, 4.0])).sum()).backward()
    assert nn.utils.clip_grad_norm_([v, p], 1.0).item() == pytest.approx(13.0)
    assert v.grad == pytest.approx(12 / 13, rel=1e-6)
    assert p.grad.numpy() == pytest.approx(np.array([3, 4]) / 13, rel=1e-6)
    assert nn.utils.clip_grad_norm_(v, 0.5).item() == pytest.approx(12 / 13, rel=1e-6)
    assert v.grad == pytest.approx(0.5, rel=1e-5)
    nn.utils.clip_grad_value_([v, p], 0.25)
    assert (v.grad, *p.grad.tolist()) == pytest.approx((0.25, 3 / 13, 0.25), rel=1e-6)
    with pytest.raises(TypeError, match="got float"):
        nn.utils.clip_grad_norm_([1.0], 1.0)
