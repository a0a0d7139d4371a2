"""Models of every kind, as steps that are recorded: what pictures have to be true for."""

from __future__ import annotations

import random

import numpy as np

import micrograd
from micrograd import Value, nn, optim, record_step, tensor


class Built(nn.Module):
    """Modules by name, and a forward function on them and the input."""

    def __init__(self, run, **modules):
        super().__init__()
        self.run = run
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *x):
        return self.run(self, *x)


def linear(*sizes):
    return nn.Linear(*sizes)


def functional():
    return Built(
        lambda m, x: m.fc2(m.fc1(x).relu()), fc1=nn.Linear(3, 5), fc2=nn.Linear(5, 1)
    )  # fmt: skip


def deep():
    return Built(
        lambda m, x: m.d(m.c(m.b(m.a(x).relu()).relu()).relu()),
        a=nn.Linear(3, 5), b=nn.Linear(5, 5), c=nn.Linear(5, 3), d=nn.Linear(3, 1),
    )  # fmt: skip


def narrow():
    return nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))


def residual():
    def run(m, x):
        h = m.fc1(x).tanh()
        return m.fc3(h + m.fc2(h).relu())

    return Built(run, fc1=nn.Linear(3, 4), fc2=nn.Linear(4, 4), fc3=nn.Linear(4, 2))


def shared():
    def run(m, x):
        return m.last(m.fc(m.fc(m.first(x).tanh()).tanh()).tanh())

    return Built(run, first=nn.Linear(3, 4), fc=nn.Linear(4, 4), last=nn.Linear(4, 2))


def two_parts():
    def run(m, x):
        return m.o(m.a(x[:, :2]).tanh() * m.b(x[:, 2:]).sigmoid())

    return Built(run, a=nn.Linear(2, 3), b=nn.Linear(1, 3), o=nn.Linear(3, 1))


def siamese():
    def run(m, x):
        return m.o(m.a(x[:, :2]).tanh() - m.a(x[:, 2:]).tanh())

    return Built(run, a=nn.Linear(2, 3), o=nn.Linear(3, 1))


def two_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.o = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 1)

        def forward(self, left, right):
            return self.o(self.a(left) * self.b(right))

    return Two()


def two_outputs():
    def run(m, x):
        h = m.trunk(x).relu()
        return m.mean(h), m.spread(h)

    return Built(run, trunk=nn.Linear(3, 4), mean=nn.Linear(4, 1), spread=nn.Linear(4, 1))


def classifier():
    return Built(
        lambda m, x: m.fc2(m.fc1(x).relu()), fc1=nn.Linear(3, 5), fc2=nn.Linear(5, 3)
    )  # fmt: skip


def softmax():
    return Built(
        lambda m, x: nn.Softmax(1)(m.fc2(m.fc1(x).relu())), fc1=nn.Linear(3, 5), fc2=nn.Linear(5, 3)
    )


def recurrent():
    def run(m, x):
        h = tensor([[0.0] * 3] * x.shape[0])
        for t in range(x.shape[1]):
            h = (m.wx(x[:, t : t + 1]) + m.wh(h)).tanh()
        return m.o(h)

    return Built(run, wx=nn.Linear(1, 3), wh=nn.Linear(3, 3, bias=False), o=nn.Linear(3, 1))


def attention():
    def run(m, x):
        weights = nn.Softmax(1)(m.q(x) @ m.k(x).T / 2.0)
        return m.o(weights @ m.v(x))

    parts = {name: nn.Linear(3, 4) for name in "qkv"}
    return Built(run, **parts, o=nn.Linear(4, 1))


def gated():
    def run(m, x):
        h = m.a(x) * m.scale
        return m.o(h / (1 + abs(h)))

    model = Built(run, a=nn.Linear(3, 4), o=nn.Linear(4, 1))
    model.scale = nn.Parameter(np.array([1.0, 2.0, 3.0, 4.0]))
    return model


class Scalars:
    """Plain code on lists of Values."""

    def __init__(self):
        rng = random.Random(1)
        self.w = [[Value(rng.uniform(-1, 1)) for _ in range(3)] for _ in range(4)]
        self.v = [Value(rng.uniform(-1, 1)) for _ in range(4)]

    def parameters(self):
        return [p for row in [*self.w, self.v] for p in row]

    def __call__(self, x):
        hidden = [sum(a * b for a, b in zip(row, x, strict=True)).tanh() for row in self.w]
        return sum(a * b for a, b in zip(self.v, hidden, strict=True))


def karpathy(sizes=(4, 4, 1)):
    random.seed(3)
    return nn.MLP(3, list(sizes))


def mean_square(outputs, y):
    """Over lists, as scalar code has it."""
    return sum((o - t) ** 2 for o, t in zip(outputs, y, strict=True)) / len(outputs)


def of_both(output, y):
    """A loss of two outputs."""
    return ((output[0] - y) ** 2).mean() + 0.5 * ((output[1] - y) ** 2).mean()


def with_penalty(model):
    """The mean square, and all parameters squared."""

    def loss(output, y):
        penalty = sum(v * v for p in model.parameters() for v in p._values.flat)
        return ((output - y) ** 2).mean() + 0.01 * penalty

    return loss


def step(model, loss, x, y, optimizer=optim.SGD, **options):
    """One recorded step."""
    return record_step(model, loss, optimizer(model.parameters(), **{"lr": 0.1, **options}), x, y)


def numbers(*shape, seed=0):
    """Random numbers of a shape."""
    return np.random.default_rng(seed).normal(size=shape).round(2)


def classes(n, count):
    return np.random.default_rng(1).integers(0, count, n)


def steps():
    """Functions that record a step, by name."""
    x3, x4, y1 = numbers(6, 3), numbers(6, 4), numbers(6, 1, seed=1)
    signs = np.where(y1 > 0, 1.0, -1.0)
    mse = nn.MSELoss()
    return {
        "functional": lambda: step(functional(), mse, x3, y1),
        "one sample": lambda: step(functional(), mse, x3[:1], y1[:1]),
        "no batch axis": lambda: step(functional(), mse, x3[0], y1[0]),
        "1-2-1": lambda: step(narrow(), mse, [[2.0]], [[4.0]]),
        "1-2-1, batch": lambda: step(narrow(), mse, x3[:, :1], y1),
        "3-5-5-3-1": lambda: step(deep(), mse, x3[:1], y1[:1]),
        "3-5-5-3-1, batch": lambda: step(deep(), mse, x3, y1),
        "residual": lambda: step(residual(), mse, x3, numbers(6, 2)),
        "shared": lambda: step(shared(), mse, x3, numbers(6, 2)),
        "parts of x": lambda: step(two_parts(), mse, x3, y1),
        "siamese": lambda: step(siamese(), mse, x4, y1),
        "two inputs": lambda: step(two_inputs(), mse, (x3[:, :2], x3), y1),
        "two outputs": lambda: step(two_outputs(), of_both, x3, y1),
        "cross entropy": lambda: step(classifier(), nn.CrossEntropyLoss(), x3, classes(6, 3)),
        "probabilities": lambda: step(
            classifier(), nn.CrossEntropyLoss(), x3, np.full((6, 3), 1 / 3)
        ),
        "softmax": lambda: step(softmax(), mse, x3, numbers(6, 3)),
        "binary": lambda: step(functional(), nn.BCEWithLogitsLoss(), x3, (signs + 1) / 2),
        "hinge": lambda: step(functional(), nn.HingeLoss(), x3, signs),
        "absolute": lambda: step(functional(), nn.L1Loss(), x3, y1),
        "total": lambda: step(functional(), nn.MSELoss(reduction="sum"), x3, y1),
        "recurrent": lambda: step(recurrent(), mse, numbers(4, 6), y1[:4]),
        "attention": lambda: step(attention(), mse, x3[:4], y1[:4]),
        "gated": lambda: step(gated(), mse, x3[:4], y1[:4]),
        "penalty": lambda: step(model := functional(), with_penalty(model), x3, y1),
        "scalars": lambda: step(Scalars(), mean_square, x3[:5], y1[:5, 0]),
        "Karpathy's": lambda: step(karpathy(), mean_square, x3[:5], y1[:5, 0]),
        "Karpathy's, one": lambda: step(
            karpathy((5, 1)), lambda o, y: (o - y) ** 2, [1.0, -2.0, 0.5], 1.0
        ),
    }


def seeded(make):
    """The result of a function after micrograd's generator was seeded."""
    micrograd.manual_seed(0)
    return make()
