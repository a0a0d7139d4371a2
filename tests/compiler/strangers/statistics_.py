"""Estimation: likelihoods, robust losses, mixtures, ordinal and censored data."""

from __future__ import annotations

import math
from collections import namedtuple

from micrograd import Value

P = [Value(0.3), Value(-0.2), Value(0.7), Value(0.1)]
a, b, s, c = P
Point = namedtuple("Point", "x y weight")


def sigmoid(v):
    return 1 / (1 + (-v).exp())


def logistic(xs, labels):
    total = 0.0
    for x, label in zip(xs, labels, strict=True):
        p = sigmoid(a * x + b)
        if label == 1:
            total -= p.log()
        else:
            total -= (1 - p).log()
    return total / len(xs)


def huber(xs, ys, delta=1.0):
    total = 0
    for x, y in zip(xs, ys, strict=True):
        e = a * x + b - y
        total += 0.5 * e * e if abs(e) <= delta else delta * (abs(e) - 0.5 * delta)
    return total / len(xs)


def quantile(xs, ys, *, q=0.9):
    loss = a * 0
    for x, y in zip(xs, ys, strict=True):
        r = y - (a * x + b)
        if r.data >= 0:  # noqa: SIM108
            loss = loss + q * r
        else:
            loss = loss + (q - 1) * r
    return loss


def hinge(points):
    losses = []
    for p in points:
        margin = 1 - (1 if p.y > 0 else -1) * (a * p.x + b)
        losses.append(p.weight * (margin if margin > 0 else 0 * margin))
    return sum(losses) / len(losses)


def censored(times, died):
    """Exponential survival: who has not died yet has lived longer."""
    rate = a * a + 0.5
    total = 0.0
    for t, d in zip(times, died, strict=True):
        t = abs(t) + 0.1
        if d:  # noqa: SIM108
            total = total + rate.log() - rate * t
        else:
            total = total - rate * t
    return -total


def zero_inflated(counts):
    lam = a.exp()
    pi = sigmoid(b)
    ll = 0.0
    for k in counts:
        if k == 0:
            ll += (pi + (1 - pi) * (-lam).exp()).log()
        else:
            ll += (1 - pi).log() - lam + k * lam.log()
    return -ll / len(counts)


def mixture(xs):
    out = 0.0
    for x in xs:
        one = (-0.5 * (x - a) ** 2).exp()
        two = (-0.5 * (x - b) ** 2).exp()
        w = sigmoid(s)
        out = out - (w * one + (1 - w) * two + 1e-9).log()
    return out


def trimmed_mean(xs):
    scores = sorted([(a * x + b) ** 2 for x in xs], key=lambda v: v.data)
    kept = scores[1:-1]
    return sum(kept) / len(kept)


def winsorised(xs, low, high):
    total = 0.0
    for x in xs:
        v = a * x + b
        if v < low:
            v = low
        elif v > high:
            v = high
        total += (v - c) ** 2
    return total


def ordinal(xs, grades):
    cuts = [b, b + s * s]
    loss = 0.0
    for x, g in zip(xs, grades, strict=True):
        if g == 0:
            p = sigmoid(cuts[0] - a * x)
        elif g == 1:
            p = sigmoid(cuts[1] - a * x) - sigmoid(cuts[0] - a * x)
        else:
            p = 1 - sigmoid(cuts[1] - a * x)
        loss -= (p + 1e-6).log()
    return loss


def normal_pdf(x, mu=0.0, sigma=1.0):
    z = (x - mu) / sigma
    return math.exp(-0.5 * z * z) / (sigma * math.sqrt(2 * math.pi))


def weighted_by_density(xs, ys):
    return sum(normal_pdf(x) * (a * x + b - y) ** 2 for x, y in zip(xs, ys, strict=True))


def accuracy_too(xs, labels):
    loss, right = 0.0, 0
    for x, y in zip(xs, labels, strict=True):
        score = a * x + b
        loss += (1 + (-score * (2 * y - 1)).exp()).log()
        if (score > 0) == (y == 1):
            right += 1
    return loss, {"accuracy": right / len(xs)}


def reals(r, n=6):
    return [r.gauss(0, 1.5) for _ in range(n)]


def bits(r, n=6):
    return [float(r.random() < 0.5) for _ in range(n)]


PROGRAMS = [
    (logistic, lambda r: (reals(r), [int(x) for x in bits(r)])),
    (huber, lambda r: (reals(r), reals(r))),
    (quantile, lambda r: (reals(r), reals(r))),
    (hinge, lambda r: ([Point(r.gauss(0, 2), r.choice([-1, 1]), r.random()) for _ in range(5)],)),
    (censored, lambda r: (reals(r), [r.random() < 0.5 for _ in range(2)] * 3)),
    (zero_inflated, lambda r: ([r.randrange(3) for _ in range(6)],)),
    (mixture, lambda r: (reals(r),)),
    (trimmed_mean, lambda r: (reals(r),)),
    (winsorised, lambda r: (reals(r), -0.5, 0.6)),
    (ordinal, lambda r: (reals(r), [r.randrange(3) for _ in range(6)])),
    (weighted_by_density, lambda r: (reals(r), reals(r))),
    (accuracy_too, lambda r: (reals(r), bits(r))),
]
