"""Models from torch and to torch: the same numbers, the same gradients, the same names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn as tnn

import micrograd
import micrograd.nn.functional as F  # noqa: N812
import viz
from micrograd import MicrogradError, from_torch, nn, optim, record_step, tensor, to_torch
from micrograd.article import networks

torch.manual_seed(0)


class Residual(tnn.Module):
    def __init__(self):
        super().__init__()
        self.first = tnn.Linear(3, 4)
        self.block = tnn.Sequential(tnn.Linear(4, 4), tnn.GELU(), tnn.Dropout(0.5))
        self.last = tnn.Linear(4, 2)
        self.scale = tnn.Parameter(torch.tensor([0.5, 2.0]))
        self.register_buffer("shift", torch.tensor([1.0, -1.0]))

    def forward(self, x, weight=2.0):
        h = torch.relu(self.first(x))
        h = h + self.block(h) * weight
        a, b = h[:, :2], h[:, 2:]
        h = torch.cat([a.tanh(), b - b.mean(dim=1, keepdim=True)], dim=1)
        return tnn.functional.leaky_relu(self.last(h), 0.1) * self.scale + self.shift


class Tied(tnn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = tnn.Linear(2, 2), tnn.Linear(2, 2)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.b(self.a(x).sigmoid()).view(-1, 2)


class Nested(tnn.Module):
    def __init__(self):
        super().__init__()
        self.parts = tnn.ModuleList([Tied() for _ in range(2)])

    def forward(self, x):
        for part in self.parts:
            x = part(x) + x
        return x.sum(-1)


MODULES = [
    Residual(), Tied(), Nested(),
    tnn.Linear(2, 3, bias=False),
    tnn.Sequential(tnn.Linear(2, 3), tnn.Tanh(), tnn.Sequential(tnn.Linear(3, 1), tnn.Sigmoid())),
    tnn.Sequential(tnn.Conv2d(1, 2, 3, padding=1), tnn.ReLU(), tnn.MaxPool2d(2), tnn.Flatten(),
                   tnn.Linear(32, 2), tnn.LogSoftmax(dim=1)),
    tnn.Sequential(tnn.Embedding(5, 3), tnn.Flatten(), tnn.Linear(6, 2)),
    tnn.Sequential(
        tnn.Linear(2, 3), tnn.BatchNorm1d(3), tnn.LayerNorm(3), tnn.PReLU(), tnn.ELU(0.5)
    ),
    tnn.LSTM(2, 3, num_layers=2, batch_first=True, bidirectional=True),
    tnn.GRU(2, 2), tnn.RNN(2, 2, nonlinearity="relu"),
]  # fmt: skip


@pytest.mark.parametrize("module", MODULES, ids=lambda m: type(m).__name__)
def test_a_module_of_torchs_comes_and_goes(module: tnn.Module) -> None:
    mine = from_torch(module)
    assert list(mine.state_dict()) == list(module.state_dict())
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in module.named_parameters()]
    assert all(p.grad is None for p in mine.parameters())
    assert mine.training is module.training
    if type(module).__module__.startswith("torch"):
        back = to_torch(mine)
        assert repr(back) == repr(module)
        for p, q in zip(back.parameters(), module.parameters(), strict=True):
            assert torch.equal(p, q.double())


def test_a_step_of_a_module_of_torchs_is_drawn_and_compared() -> None:
    theirs = Residual().eval()
    model = from_torch(theirs, example=torch.randn(2, 3))
    x, y = np.random.default_rng(0).normal(size=(2, 3)), np.ones((2, 2))
    sgd = optim.SGD(model.parameters(), lr=0.1)
    step = record_step(model, nn.MSELoss(), sgd, x, y)
    for view in (viz.gradient_diagram, viz.layer_graph, viz.op_graph):
        assert view(step).source
    compared = viz.compare(step, theirs)
    assert len(compared.rows) == sum(p.numel() for p in theirs.parameters())
    assert compared.largest < 1e-14
    assert "first.weight[0, 0]" in str(compared)
    assert compared._repr_html_().count("<tr>") == len(compared.rows) + 2
    wrong = Residual().eval()
    wrong.register_buffer("shift", torch.tensor([5.0, 5.0]))
    assert viz.compare(step, wrong).largest > 1
    summed = record_step(model, nn.MSELoss("sum"), sgd, x, y)
    assert viz.compare(summed, theirs, tnn.MSELoss(reduction="sum")).largest < 1e-13


def test_a_classifier_is_compared() -> None:
    theirs = tnn.Sequential(tnn.Linear(2, 3))
    model = from_torch(theirs)
    sgd = optim.SGD(model.parameters(), lr=0.1)
    step = record_step(model, nn.CrossEntropyLoss(), sgd, [[1.0, 2.0], [0.0, 1.0]], [0, 2])
    assert viz.compare(step, theirs).largest < 1e-14


class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 3), nn.Linear(3, 1)
        self.gain = nn.Parameter([2.0])
        self.factor = 0.5
        self.register_buffer("mask", tensor([1.0, 0.0, 1.0]))

    def hidden(self, x):
        return F.relu(self.a(x)) * self.mask

    def forward(self, x):
        return micrograd.tanh(self.b(self.hidden(x))) * self.gain * self.factor


def test_a_class_of_ones_own_goes_to_torch() -> None:
    for model in (Mine(), networks.network(), nn.Sequential(Mine(), nn.Tanh())):
        theirs = to_torch(model)
        assert list(theirs.state_dict()) == list(model.state_dict())
        width = 1 if isinstance(model, networks.Network) else 2
        x = np.random.default_rng(0).normal(size=(2, width))
        assert np.allclose(theirs(torch.tensor(x)).detach().numpy(), model(tensor(x)).numpy())


class Deciding(tnn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Reaching(tnn.Module):
    def __init__(self):
        super().__init__()
        self.norm = tnn.GroupNorm(1, 2)

    def forward(self, x):
        return torch.fft.rfft(self.norm(x)).abs().erfinv()


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: from_torch(3), "module must be a torch.nn.Module, got int"),
        (lambda: from_torch(tnn.Sequential(tnn.GroupNorm(1, 2), tnn.Bilinear(1, 1, 1), tnn.GLU())),
         "not here: the module GroupNorm; the module GLU"),
        (lambda: from_torch(Reaching()),
         "fft_rfft; the method Tensor.erfinv; the module GroupNorm"),
        (lambda: from_torch(Deciding()), "torch.fx cannot follow Deciding"),
        (lambda: from_torch(tnn.MaxPool2d(2, ceil_mode=True)), r"MaxPool2d\(ceil_mode=True\)"),
        (lambda: from_torch(tnn.Linear(2, 1), torch.zeros(1, 3)), "example must be an input"),
        (lambda: to_torch(nn.Sequential(nn.MLP(2, [2]), nn.HingeLoss())), "have MLP, HingeLoss"),
        (lambda: to_torch(tnn.Linear(1, 1)), "model must be a Module, got Linear"),
    ],
)  # fmt: skip
def test_what_cannot_be_exchanged_is_named(act, text) -> None:
    with pytest.raises(MicrogradError, match=text):
        act()
