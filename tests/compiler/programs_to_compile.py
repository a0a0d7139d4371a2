"""Losses in plain scalar Python, each with parameters, inputs and an optimiser.

Nothing in here knows that it will be compiled: the same function runs on Values, one at a time. To
make a workload twice gives twins, equal number by number.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from micrograd import Value, nn, optim, tensor


@dataclass(frozen=True)
class Workload:
    """A loss, the parameters in its own order, and the arguments of each step."""

    loss: Callable[..., Value]
    parameters: list[Value]
    arguments: Callable[[int], tuple[Any, ...]]
    torch_loss: Callable[..., torch.Tensor] | None = None  # of one flat tensor of all parameters
    rule: str = "SGD"
    options: dict[str, Any] = field(default_factory=dict)
    members: list[Any] = field(default_factory=list)  # what the optimiser is given, if not Values

    def optimizer(self) -> optim.Optimizer:
        return getattr(optim, self.rule)(self.members or self.parameters, **self.options)


def numbers_of(parameters: Sequence[Value]) -> np.ndarray:
    return np.array([p.data for p in parameters])


def values(rng: random.Random, *shape: int, scale: float = 1.0) -> Any:
    """Nested lists of normal Values."""
    if not shape:
        return Value(rng.gauss(0, scale))
    return [values(rng, *shape[1:], scale=scale) for _ in range(shape[0])]


def table(rng: random.Random, rows: int, columns: int) -> list[list[float]]:
    return [[rng.gauss(0, 1) for _ in range(columns)] for _ in range(rows)]


def flat(nested: Any) -> list[Value]:
    return [v for part in nested for v in flat(part)] if isinstance(nested, list) else [nested]


# ---- networks of dense layers --------------------------------------------------------------------


def network(rng: random.Random, sizes: Sequence[int]) -> nn.MLP:
    """Karpathy's MLP, biases too drawn at random."""
    model = nn.MLP(sizes[0], list(sizes[1:]))
    for layer, fan_in in zip(model.layers, sizes, strict=False):
        for p in layer.parameters():
            p.data = rng.gauss(0, fan_in**-0.5)
    return model


def torch_network(parameters: torch.Tensor, sizes: Sequence[int], x: Any) -> torch.Tensor:
    """The same network; the parameters lie neuron by neuron, weights and then the bias."""
    start, h = 0, torch.as_tensor(np.asarray(x), dtype=torch.float64)
    for k, (n_in, n_out) in enumerate(pairwise(sizes), start=2):
        block = parameters[start : start + n_out * (n_in + 1)].view(n_out, n_in + 1)
        start += block.numel()
        h = h @ block[:, :-1].T + block[:, -1]
        h = h.relu() if k < len(sizes) else h
    return h[:, 0]


def regression(sizes: Sequence[int], samples: int, lr: float) -> Workload:
    """Mean squared error over a batch of rows of floats."""
    rng = random.Random(len(sizes) * samples)
    model = network(rng, sizes)
    x, y = table(rng, samples, sizes[0]), [rng.gauss(0, 1) for _ in range(samples)]
    arguments = np.array(x), np.array(y)

    def loss(x, y):
        return sum((model(row) - target) ** 2 for row, target in zip(x, y, strict=True)) / len(y)

    def torch_loss(parameters, x, y):
        return ((torch_network(parameters, sizes, x) - torch.as_tensor(y)) ** 2).mean()

    options = {"lr": lr}
    return Workload(loss, model.parameters(), lambda _: arguments, torch_loss, options=options)


def classification() -> Workload:
    """Karpathy's demo: the hinge loss of 100 rows of Values, and the squares of all parameters."""
    rng, sizes = random.Random(3), [2, 16, 16, 1]
    model = network(rng, sizes)
    x, y = np.array(table(rng, 100, 2)), np.array([rng.choice([-1.0, 1.0]) for _ in range(100)])

    def loss(x, y):
        inputs = [list(map(Value, row)) for row in x]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        return data_loss + 1e-4 * sum(p * p for p in model.parameters())

    def torch_loss(parameters, x, y):
        margins = torch.as_tensor(y) * torch_network(parameters, sizes, x)
        return (1 - margins).relu().mean() + 1e-4 * (parameters**2).sum()

    options = {"lr": 0.05}
    return Workload(loss, model.parameters(), lambda _: (x, y), torch_loss, options=options)


# ---- a GPT ---------------------------------------------------------------------------------------

VOCABULARY, WIDTH, HEADS, CONTEXT = 11, 8, 2, 16
HEAD = WIDTH // HEADS


def linear(weight, x):
    return [sum(w * xi for w, xi in zip(row, x, strict=True)) for row in weight]


def rmsnorm(x):
    scale = (sum(xi * xi for xi in x) / len(x) + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def softmax(logits):
    largest = max(v.data for v in logits)
    exps = [(v - largest).exp() for v in logits]
    total = sum(exps)
    return [e / total for e in exps]


def attend(query, keys, rows):
    """Causal: as many scores as there are tokens so far."""
    scores = [sum(q * k for q, k in zip(query, key, strict=True)) / HEAD**0.5 for key in keys]
    weights = softmax(scores)
    return [
        sum(w * v for w, v in zip(weights, column, strict=True))
        for column in zip(*rows, strict=True)
    ]


def gpt(length: int) -> Workload:
    """The mean surprise at each next token of `length`; token ids are run-time inputs."""
    rng = random.Random(length)
    shapes = [(VOCABULARY, WIDTH), (CONTEXT, WIDTH), *[(WIDTH, WIDTH)] * 4]
    shapes += [(2 * WIDTH, WIDTH), (WIDTH, 2 * WIDTH), (VOCABULARY, WIDTH)]
    matrices = [values(rng, *shape, scale=0.3) for shape in shapes]
    tokens = [[rng.randrange(VOCABULARY) for _ in range(length + 1)] for _ in range(10)]

    def loss(tokens):
        embedding, positions, wq, wk, wv, wo, up, down, head = matrices
        keys, rows, losses = [], [], []
        for position, (token, target) in enumerate(pairwise(tokens)):
            pairs = zip(embedding[token], positions[position], strict=True)
            x = rmsnorm([a + b for a, b in pairs])
            query = linear(wq, x)
            keys.append(linear(wk, x))
            rows.append(linear(wv, x))
            mixed = []
            for start in range(0, WIDTH, HEAD):
                part = slice(start, start + HEAD)
                mixed += attend(query[part], [k[part] for k in keys], [v[part] for v in rows])
            x = [a + b for a, b in zip(linear(wo, mixed), x, strict=True)]
            hidden = [h.relu() for h in linear(up, rmsnorm(x))]
            x = [a + b for a, b in zip(linear(down, hidden), x, strict=True)]
            losses.append(-softmax(linear(head, x))[target].log())
        return sum(losses) / len(losses)

    return Workload(
        loss,
        flat(matrices),
        lambda step: (tokens[step % len(tokens)],),
        lambda parameters, tokens: torch_gpt(parameters, shapes, tokens),
        rule="Adam",
        options={"lr": 0.01, "betas": (0.85, 0.99)},
        members=[tensor(matrix) for matrix in matrices],
    )


def torch_gpt(parameters, shapes, tokens):
    def norm(x):
        return x * ((x * x).mean(-1, keepdim=True) + 1e-5) ** -0.5

    def heads(weight, x):
        return (x @ weight.T).view(len(x), HEADS, HEAD).transpose(0, 1)

    parts = parameters.split([rows * columns for rows, columns in shapes])
    matrices = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
    embedding, positions, wq, wk, wv, wo, up, down, head = matrices
    n = len(tokens) - 1
    x = norm(embedding[tokens[:-1]] + positions[:n])
    future = torch.full((n, n), -torch.inf, dtype=torch.float64).triu(1)
    scores = heads(wq, x) @ heads(wk, x).transpose(1, 2) / HEAD**0.5 + future
    mixed = (scores.softmax(-1) @ heads(wv, x)).transpose(0, 1).reshape(n, WIDTH)
    x = mixed @ wo.T + x
    x = (norm(x) @ up.T).relu() @ down.T + x
    return cross_entropy(x @ head.T, torch.tensor(tokens[1:]))


# ---- programs with little or odd structure -------------------------------------------------------


def sampled_with_replacement() -> Workload:
    """The data are constants, and some rows come twice."""
    rng = random.Random(5)
    model = network(rng, [3, 4, 1])
    x, y = table(rng, 10, 3), [rng.gauss(0, 1) for _ in range(10)]
    drawn = [rng.randrange(10) for _ in range(14)]

    def loss():
        return sum((model(x[i]) - y[i]) ** 2 for i in drawn) / len(drawn)

    return Workload(loss, model.parameters(), lambda _: (), options={"lr": 0.01})


def sparse() -> Workload:
    """Neurons with one to six inputs, drawn at random."""
    rng = random.Random(7)
    wires = [[rng.randrange(8) for _ in range(rng.randint(1, 6))] for _ in range(12)]
    weights = [values(rng, len(wire), scale=0.5) for wire in wires]
    x, y = np.array(table(rng, 6, 8)), np.array([rng.gauss(0, 1) for _ in range(6)])

    def unit(row, wire, weight):
        return sum(w * row[i] for w, i in zip(weight, wire, strict=True)).tanh()

    def loss(x, y):
        outputs = [sum(map(unit, [row] * len(wires), wires, weights)) for row in x]
        return sum((o - target) ** 2 for o, target in zip(outputs, y, strict=True)) / len(y)

    return Workload(loss, flat(weights), lambda _: (x, y), options={"lr": 0.01})


def recurrent() -> Workload:
    """The same weights 30 times in a row."""
    rng = random.Random(11)
    w, u = values(rng, 4, 4, scale=0.4), values(rng, 4)
    series = [[rng.gauss(0, 1) for _ in range(30)] for _ in range(10)]

    def loss(xs):
        h = [0.1] * 4
        for x in xs:
            h = [
                (sum(a * b for a, b in zip(row, h, strict=True)) + ui * x).tanh()
                for row, ui in zip(w, u, strict=True)
            ]
        return sum(a * a for a in h)

    parameters = flat([w, u])
    return Workload(loss, parameters, lambda step: (series[step % 10],), options={"lr": 0.01})


def convolution() -> Workload:
    """Four filters of width 3 in one dimension, stride 2, summed."""
    rng = random.Random(13)
    filters = values(rng, 4, 3, scale=0.5)
    x, y = np.array(table(rng, 5, 15)), np.array([rng.gauss(0, 1) for _ in range(5)])

    def output(row):
        starts = range(0, len(row) - 2, 2)
        windows = [row[start : start + 3] for start in starts]
        return sum(sum(map(lambda k, x: k * x, f, w)).relu() for f in filters for w in windows)

    def loss(x, y):
        return sum((output(row) - target) ** 2 for row, target in zip(x, y, strict=True)) / 50

    return Workload(loss, flat(filters), lambda _: (x, y), options={"lr": 0.01})


def shuffled() -> Workload:
    """The neurons of a layer are computed in another order for each sample."""
    rng = random.Random(17)
    model = network(rng, [3, 8, 1])
    x, y = np.array(table(rng, 6, 3)), np.array([rng.gauss(0, 1) for _ in range(6)])
    orders = [rng.sample(range(8), 8) for _ in x]

    def output(row, order):
        h = {i: model.layers[0].neurons[i](row) for i in order}
        return model.layers[1].neurons[0]([h[i] for i in range(8)])

    def loss(x, y):
        return sum((output(r, o) - t) ** 2 for r, o, t in zip(x, orders, y, strict=True)) / len(y)

    return Workload(loss, model.parameters(), lambda _: (x, y), options={"lr": 0.01})


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "1-2-1, one sample": lambda: regression([1, 2, 1], 1, 0.05),
    "3-5-5-3-1, 800 samples": lambda: regression([3, 5, 5, 3, 1], 800, 0.05),
    "2-16-16-1, hinge and L2": classification,
    "7-11-13-1, 37 samples": lambda: regression([7, 11, 13, 1], 37, 0.02),
    "GPT, 8 tokens": lambda: gpt(8),
    "GPT, 16 tokens": lambda: gpt(16),
    "sampled with replacement": sampled_with_replacement,
    "sparse": sparse,
    "recurrent": recurrent,
    "convolution": convolution,
    "shuffled": shuffled,
}
WITH_TORCH = [name for name, make in WORKLOADS.items() if make().torch_loss]
SMALL = ["1-2-1, one sample", *[name for name in WORKLOADS if name not in WITH_TORCH]]
