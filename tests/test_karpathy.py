"""Karpathy's micrograd as people use it: his two tests written anew, and both notebooks' code.

Sources: github.com/karpathy/micrograd (tests, demo notebook) and the lecture "The spelled-out intro
to neural networks and backpropagation", whose programs are retold here; the oracle is torch.
"""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch

from micrograd import tensor
from micrograd.engine import Value
from micrograd.nn import MLP, Layer, Module, Neuron

# ---- his tests -----------------------------------------------------------------------------------


def leaf(x: float) -> torch.Tensor:
    return torch.tensor([x], dtype=torch.float64, requires_grad=True)


def test_sanity_check() -> None:
    def compute(x: object) -> tuple[object, object]:
        z = 2 * x + 2 + x
        q = z.relu() + z * x
        h = (z * z).relu()
        return z, h + q + q * x

    x, t = Value(-4.0), leaf(-4.0)
    (_, y), (_, expected) = compute(x), compute(t)
    y.backward()
    expected.backward()
    assert y.data == expected.item()
    assert x.grad == t.grad.item()


def test_more_ops() -> None:
    def compute(a: object, b: object) -> object:
        c = a + b
        d = a * b + b**3
        c += c + 1
        c += 1 + c + (-a)
        d += d * 2 + (b + a).relu()
        d += 3 * d + (b - a).relu()
        e = c - d
        f = e**2
        g = f / 2.0
        g += 10.0 / f
        return g

    a, b, s, t = Value(-4.0), Value(2.0), leaf(-4.0), leaf(2.0)
    g, expected = compute(a, b), compute(s, t)
    g.backward()
    expected.backward()
    assert g.data == pytest.approx(expected.item(), rel=1e-12)
    assert f"{g.data:.4f} {a.grad:.4f} {b.grad:.4f}" == "24.7041 138.8338 645.5773"
    assert a.grad == pytest.approx(s.grad.item(), rel=1e-12)
    assert b.grad == pytest.approx(t.grad.item(), rel=1e-12)


# ---- micrograd.nn --------------------------------------------------------------------------------


def test_weights_are_drawn_neuron_by_neuron() -> None:
    random.seed(1337)
    model = MLP(2, [3, 2, 1])
    random.seed(1337)
    sizes = [2, 3, 2, 1]
    for layer, nin, nout in zip(model.layers, sizes[:-1], sizes[1:], strict=True):
        assert len(layer.neurons) == nout
        for neuron in layer.neurons:
            assert [w.data for w in neuron.w] == [random.uniform(-1, 1) for _ in range(nin)]
            assert neuron.b.data == 0.0
            assert neuron.nonlin is (layer is not model.layers[-1])
    in_order = [p for y in model.layers for n in y.neurons for p in [*n.w, n.b]]
    assert [id(p) for p in model.parameters()] == [id(p) for p in in_order]


def test_modules_print_as_his_do() -> None:
    assert repr(Neuron(3)) == "ReLUNeuron(3)"
    assert repr(Neuron(3, nonlin=False)) == "LinearNeuron(3)"
    assert repr(Layer(2, 2)) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    assert repr(MLP(2, [2, 1])) == (
        "MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]"
    )


def test_outputs_are_single_or_lists() -> None:
    assert type(Layer(2, 1)([1.0, 2.0])) is Value
    assert [type(v) for v in Layer(2, 3)([1.0, 2.0])] == [Value] * 3
    assert type(MLP(2, [1, 1, 1])([1.0, 2.0])) is Value
    assert len(MLP(3, [4, 4, 1]).parameters()) == 41


def test_his_own_kind_of_module_works() -> None:
    """A subclass that defines `__call__` and `parameters`, as his modules do."""

    class Scale(Module):
        def __init__(self) -> None:
            self.k = Value(3.0)

        def __call__(self, x: Value) -> Value:
            return self.k * x

        def parameters(self) -> list[Value]:
            return [self.k]

    scale = Scale()
    scale(Value(2.0)).backward()
    assert scale.k.grad == 2.0
    scale.zero_grad()
    assert scale.k.grad == 0


def test_a_layer_of_one_neuron_hands_on_an_array_as_it_does_a_list() -> None:
    mlp = MLP(1, [1, 1])
    assert mlp(tensor([2.0])).item() == mlp([2.0]).item()


def test_a_neuron_refuses_the_wrong_number_of_inputs() -> None:
    with pytest.raises(ValueError, match="takes 3 numbers, got 2"):
        Neuron(3)([1.0, 2.0])


# ---- the demo notebook ---------------------------------------------------------------------------


def moons(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    t = rng.uniform(0, math.pi, n)
    upper = rng.integers(0, 2, n)
    x = np.where(upper, np.cos(t), 1 - np.cos(t))
    y = np.where(upper, np.sin(t), 0.5 - np.sin(t))
    return np.stack([x, y], axis=1) + rng.normal(0, 0.1, (n, 2)), 2 * upper - 1


def test_the_moons_demo_against_torch() -> None:
    """MLP(2, [16, 16, 1]), hinge loss + L2, SGD with a falling rate: 20 steps."""
    random.seed(1337)
    X, y = moons(30)  # noqa: N806
    model = MLP(2, [16, 16, 1])
    tensors = [
        [
            torch.tensor([[w.data for w in n.w] for n in layer.neurons], dtype=torch.float64),
            torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64),
        ]
        for layer in model.layers
    ]

    def loss() -> tuple[Value, float]:
        inputs = [list(map(Value, xrow)) for xrow in X]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        alpha = 1e-4
        reg_loss = alpha * sum(p * p for p in model.parameters())
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores, strict=True)]
        return data_loss + reg_loss, sum(accuracy) / len(accuracy)

    def torch_loss() -> torch.Tensor:
        h = torch.tensor(X)
        for i, (w, b) in enumerate(tensors):
            h = h @ w.T + b
            h = h.relu() if i < 2 else h
        hinge = (1 - torch.tensor(y) * h[:, 0]).relu().mean()
        return hinge + 1e-4 * sum((p * p).sum() for layer in tensors for p in layer)

    accuracies = []
    for k in range(20):
        total_loss, accuracy = loss()
        model.zero_grad()
        total_loss.backward()
        rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= rate * p.grad

        for p in (p for layer in tensors for p in layer):
            p.requires_grad_(True)
            p.grad = None
        expected = torch_loss()
        expected.backward()
        with torch.no_grad():
            for p in (p for layer in tensors for p in layer):
                p -= rate * p.grad
        assert total_loss.data == pytest.approx(expected.item(), rel=1e-9)
        accuracies.append(accuracy)

    for layer, (w, b) in zip(model.layers, tensors, strict=True):
        mine = [[p.data for p in n.w] for n in layer.neurons]
        assert np.allclose(mine, w.detach().numpy(), rtol=0, atol=1e-9)
        assert np.allclose([n.b.data for n in layer.neurons], b.detach().numpy(), rtol=0, atol=1e-9)
    assert accuracies[-1] > max(0.75, accuracies[0])


# ---- the lecture ---------------------------------------------------------------------------------


def test_the_lecture_by_hand() -> None:
    a = Value(2.0, label="a")
    b = Value(-3.0, label="b")
    c = Value(10.0, label="c")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    f = Value(-2.0, label="f")
    L = d * f  # noqa: N806
    L.label = "L"
    assert repr(L) == "Value(data=-8.0, grad=0.0)"
    assert (d._prev, d._op) == ({e, c}, "+")

    L.grad = 1.0
    f.grad, d.grad = d.data, f.data
    c.grad = e.grad = d.grad
    a.grad, b.grad = b.data * e.grad, a.data * e.grad
    by_hand = [v.grad for v in (a, b, c, d, e, f)]
    for v in (a, b, c, d, e, f):
        v.zero_grad()
    L.backward()
    assert [v.grad for v in (a, b, c, d, e, f)] == by_hand == [6.0, -4.0, -2.0, -2.0, -2.0, 4.0]

    for v in (a, b, c, f):
        v.data += 0.01 * v.grad
    assert ((a * b + c) * f).data == pytest.approx(-7.286496, abs=1e-12)


def test_the_lecture_neuron() -> None:
    """x1 w1 + x2 w2 + b through tanh: once as tanh, once from exp, once backwards step by step."""

    def forward() -> tuple[list[Value], list[Value]]:
        x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
        w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
        b = Value(6.8813735870195432, label="b")
        x1w1, x2w2 = x1 * w1, x2 * w2
        x1w1x2w2 = x1w1 + x2w2
        n = x1w1x2w2 + b
        return [x1, w1, x2, w2], [n, x1w1x2w2, x2w2, x1w1, b]

    expected = pytest.approx([-1.5, 1.0, 0.5, 0.0], rel=1e-12)
    leaves, (n, *_) = forward()
    o = n.tanh()
    o.backward()
    assert o.data == pytest.approx(math.sqrt(0.5), rel=1e-12)
    assert [v.grad for v in leaves] == expected

    leaves, (n, *_) = forward()
    e = (2 * n).exp()
    o = (e - 1) / (e + 1)
    o.backward()
    assert [v.grad for v in leaves] == expected

    leaves, (n, x1w1x2w2, x2w2, x1w1, b) = forward()
    o = n.tanh()
    o.grad = 1.0
    for v in (o, n, b, x1w1x2w2, x2w2, x1w1):
        v._backward()
    assert [v.grad for v in leaves] == expected


def test_the_lecture_mlp() -> None:
    """Four samples, squared loss, 20 steps of gradient descent bring the loss down."""
    random.seed(1337)
    n = MLP(3, [4, 4, 1])
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [1.0, -1.0, -1.0, 1.0]
    losses = []
    for _ in range(20):
        ypred = [n(x) for x in xs]
        loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred, strict=True))
        for p in n.parameters():
            p.grad = 0.0
        loss.backward()
        for p in n.parameters():
            p.data += -0.01 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.5 * losses[0]
