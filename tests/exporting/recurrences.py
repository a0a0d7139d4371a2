"""Programs that repeat themselves turn by turn: filters, recurrent networks, simulations."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from micrograd import Value, nn, tensor

Made = tuple[Callable[..., Any], tuple[Any, ...]]


def values(rng: random.Random, *shape: int) -> Any:
    """Nested lists of parameters."""
    if not shape:
        return Value(rng.gauss(0, 0.5))
    return [values(rng, *shape[1:]) for _ in range(shape[0])]


def numbers(rng: random.Random, *shape: int) -> Any:
    return [numbers(rng, *shape[1:]) for _ in range(shape[0])] if shape else rng.gauss(0, 1)


def smoothing(rng: random.Random) -> Made:
    alpha, level = Value(0.3, label="alpha"), Value(0.1, label="start")

    def loss(y):
        s, total = level, 0.0
        for x in y:
            total = total + (x - s) ** 2
            s = alpha * x + (1 - alpha) * s
        return total / len(y)

    return loss, (numbers(rng, 12),)


def kalman(rng: random.Random) -> Made:
    q, r = Value(0.3, label="q"), Value(0.5, label="r")

    def negative_log_likelihood(y):
        m, p, total = 0.0, 1.0, 0.0
        for x in y:
            prior = p + q * q
            s = prior + r * r
            k = prior / s
            e = x - m
            m = m + k * e
            p = (1 - k) * prior
            total = total + 0.5 * (s.log() + e * e / s)
        return total

    return negative_log_likelihood, (numbers(rng, 12),)


def holt_winters(rng: random.Random) -> Made:
    alpha, beta, gamma = Value(0.3), Value(0.2), Value(0.1)

    def loss(y):
        m = 4
        level, trend = sum(y[:m]) / m, (sum(y[m : 2 * m]) - sum(y[:m])) / m**2
        season = [v - level for v in y[:m]]
        total = 0.0
        for t in range(m, len(y)):
            total = total + (y[t] - level - trend - season[t % m]) ** 2
            new = alpha * (y[t] - season[t % m]) + (1 - alpha) * (level + trend)
            trend = beta * (new - level) + (1 - beta) * trend
            season[t % m] = gamma * (y[t] - new) + (1 - gamma) * season[t % m]
            level = new
        return total

    return loss, ([math.sin(1.57 * t) + 0.1 * t for t in range(20)],)


def moving_average(rng: random.Random) -> Made:
    a, b = Value(0.3, label="a"), Value(0.2, label="b")

    def loss(y):
        e1 = e2 = total = 0.0
        for x in y:
            e = x - a * e1 - b * e2
            e1, e2 = e, e1
            total = total + e**2
        return total

    return loss, (numbers(rng, 12),)


def recurrent(rng: random.Random) -> Made:
    W, U, b, v = values(rng, 4, 3), values(rng, 4, 4), values(rng, 4), values(rng, 4)  # noqa: N806

    def loss(X, y):  # noqa: N803
        h, total = [0.0] * 4, 0.0
        for x, t in zip(X, y, strict=True):
            h = [(sum(map(mul, W[i], x)) + sum(map(mul, U[i], h)) + b[i]).tanh() for i in range(4)]
            total = total + (sum(map(mul, v, h)) - t) ** 2
        return total / len(y)

    return loss, (numbers(rng, 8, 3), numbers(rng, 8))


def mul(a: Any, b: Any) -> Any:
    return a * b


def characters(rng: random.Random) -> Made:
    E, U, O = values(rng, 5, 4), values(rng, 4, 4), values(rng, 5, 4)  # noqa: E741, N806

    def loss(text):
        h, total = [0.0] * 4, 0.0
        for now, following in pairwise(text):
            h = [(E[now][i] + sum(map(mul, U[i], h))).tanh() for i in range(4)]
            z = [sum(map(mul, row, h)) for row in O]
            total = total + sum(v.exp() for v in z).log() - z[following]
        return total / (len(text) - 1)

    return loss, ([rng.randrange(5) for _ in range(9)],)


def hidden_markov(rng: random.Random) -> Made:
    A, mu = values(rng, 3, 3), values(rng, 3)  # noqa: N806

    def loss(y):
        P = [[a.exp() / sum(b.exp() for b in row) for a in row] for row in A]  # noqa: N806
        alpha, total = [1 / 3] * 3, 0.0
        for x in y:
            alpha = [
                (-0.5 * (x - mu[j]) ** 2).exp() * sum(alpha[i] * P[i][j] for i in range(3))
                for j in range(3)
            ]
            c = sum(alpha)
            total = total - c.log()
            alpha = [a / c for a in alpha]
        return total

    return loss, (numbers(rng, 8),)


def lotka_volterra(rng: random.Random) -> Made:
    a, b, c, d = Value(1.1), Value(0.4), Value(0.4), Value(0.1)

    def slope(x, y):
        return a * x - b * x * y, d * x * y - c * y

    def loss(seen):
        x, y, h, total = 1.0, 0.5, 0.1, 0.0
        for o in seen:
            k1 = slope(x, y)
            k2 = slope(x + h / 2 * k1[0], y + h / 2 * k1[1])
            k3 = slope(x + h / 2 * k2[0], y + h / 2 * k2[1])
            k4 = slope(x + h * k3[0], y + h * k3[1])
            x = x + h / 6 * (k1[0] + 2 * k2[0] + 2 * k3[0] + k4[0])
            y = y + h / 6 * (k1[1] + 2 * k2[1] + 2 * k3[1] + k4[1])
            total = total + (x - o) ** 2
        return total

    return loss, (numbers(rng, 7),)


def heat(rng: random.Random) -> Made:
    k = Value(0.2, label="k")

    def loss(u, target):
        n = len(u)
        for _ in range(9):
            inner = [u[i] + k * (u[i - 1] - 2 * u[i] + u[i + 1]) for i in range(1, n - 1)]
            u = [u[0], *inner, u[-1]]
        return sum((a - b) ** 2 for a, b in zip(u, target, strict=True))

    return loss, (numbers(rng, 9), numbers(rng, 9))


def of_layer(name: str, **more: Any) -> Callable[[random.Random], Made]:
    """A recurrent layer, and a linear one on all its outputs."""

    def make(rng: random.Random) -> Made:
        layer = getattr(nn, name)(2, 3, **more)
        out = nn.Linear(3, 1)

        def loss(X, y):  # noqa: N803
            h, _ = layer(tensor(X))
            return ((out(h).squeeze(1) - tensor(y)) ** 2).mean()

        return loss, (numbers(rng, 6, 2), numbers(rng, 6))

    return make


RECURRENCES: dict[str, Callable[[random.Random], Made]] = {
    f.__name__: f
    for f in (
        smoothing, kalman, holt_winters, moving_average, recurrent, characters, hidden_markov,
        lotka_volterra, heat,
    )
} | {
    "LSTM, two layers": of_layer("LSTM", num_layers=2),
    "GRU": of_layer("GRU"),
}  # fmt: skip
ANY_LENGTH = ["smoothing", "kalman", "recurrent", "hidden_markov", "lotka_volterra",
              "LSTM, two layers", "GRU"]  # fmt: skip


def recurrence(name: str) -> Made:
    """A function that is always the same, and its arguments."""
    random.seed(3)
    return RECURRENCES[name](random.Random(3))
