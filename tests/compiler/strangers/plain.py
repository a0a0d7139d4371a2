"""Combinatorics, and Python for its own sake: classes, closures, flags, dicts, recursion."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field
from enum import Enum

from micrograd import Value

P = [Value(0.6), Value(-0.3), Value(0.8)]
a, b, c = P
BIASES = {1: a, 5: b, 7: c}
USERS = [[Value(0.1 * i + 0.2), Value(0.3 - 0.1 * i)] for i in range(4)]
ITEMS = [[Value(0.2 * i - 0.1), Value(0.05 * i)] for i in range(7)]
P += [v for row in USERS + ITEMS for v in row]


class Kind(Enum):
    LINEAR = 1
    SQUARE = 2


@dataclass(frozen=True)
class Options:
    kind: Kind = Kind.LINEAR
    scale: float = 1.0
    names: tuple = ()


@dataclass
class Record:
    features: list = field(default_factory=list)
    target: float = 0.0
    weight: float | None = None


def rating(example):
    user, item, stars = example
    guess = sum(u * i for u, i in zip(USERS[user], ITEMS[item], strict=True))
    return (guess - stars) ** 2


def ratings(examples):
    return sum(rating(e) for e in examples) / len(examples)


def record_loss(record):
    guess = a * record.features[0] + b * record.features[1]
    loss = (guess - record.target) ** 2
    return loss if record.weight is None else record.weight * loss


def with_options(x, options):
    y = a * x if options.kind is Kind.LINEAR else a * x * x
    return (options.scale * y - b) ** 2


def from_dict(sample):
    guess = a * sample["x"] + b * sample.get("z", 0.0)
    return (guess - sample["y"]) ** 2


def by_id(user, x):
    return (BIASES[user] * x - 1) ** 2


def polynomial(x, degree):
    return sum(a * x**k if k % 2 else b * x**k for k in range(degree + 1)) ** 2


def factorial_series(x, n):
    term, total = 1.0, a * 0
    for k in range(1, n + 1):
        term = term * x / k
        total = total + a * term
    return total


def pairs_above(xs, limit=0.0):
    total = 0.0
    for x, y in itertools.combinations(xs, 2):
        v = a * x * y
        if v > limit:
            total = total + v
    return total + b


def power(v, n):
    if n == 0:
        return 1.0
    half = power(v, n // 2)
    return half * half * (v if n % 2 else 1.0)


def recursive(x, n):
    return power(a * x, n) + b


def clamp(v, low=-0.5, high=0.5):
    return low if v < low else high if v > high else v


def folded(xs):
    return functools.reduce(lambda acc, x: clamp(acc + a * x), xs, 0.0 * a)


class Scorer:
    def __init__(self, weight, threshold):
        self.weight = weight
        self.threshold = threshold

    @property
    def doubled(self):
        return self.weight * 2

    def __call__(self, x):
        score = self.doubled * x
        if score > self.threshold:
            return score - self.threshold
        return 0.0 * score


scorer = Scorer(a, 0.4)


def by_object(xs):
    return sum(scorer(x) for x in xs)


def knapsack(values, weights, room):
    total, used = 0.0, 0.0
    for v, w in sorted(zip(values, weights, strict=True), reverse=True):
        if used + w <= room:
            used += w
            total += a * v
    return total + b


def majority(votes):
    yes = sum(1 for v in votes if v > 0)
    return a * yes if yes * 2 > len(votes) else b * (len(votes) - yes)


def swapped(x, y):
    if x > y:
        x, y = y, x
    return a * x + b * y


def state_machine(xs):
    state, total = 0, 0.0
    for x in xs:
        if state == 0 and x > 0:
            state = 1
        elif state == 1 and x < -0.5:
            state = 0
        total = total + (a * x if state else b * x)
    return total


def in_a_set(token, x):
    return a * x if token in {1, 3, 4} else b * x * x


def truthy(xs, bias=None, debug=False):
    total = sum(a * x for x in xs if x) or 0.0
    if bias is not None:
        total = total + bias
    assert len(xs) > 0
    return total * total if not debug else total


def walrus(x):
    if (v := a * x) > 0.2:
        return v
    return b * v * v


def reals(r, n=5):
    return [r.gauss(0, 1) for _ in range(n)]


PROGRAMS = [
    (rating, lambda r: ((r.randrange(4), r.randrange(7), r.gauss(3, 1)),)),
    (ratings, lambda r: ([(r.randrange(4), r.randrange(7), r.gauss(3, 1)) for _ in range(3)],)),
    (record_loss, lambda r: (Record(reals(r, 2), r.gauss(0, 1), r.choice([None, 0.5])),)),
    (with_options, lambda r: (r.gauss(0, 1), Options(r.choice(list(Kind)), r.random()))),
    (from_dict, lambda r: ({"x": r.gauss(0, 1), "y": r.gauss(0, 1)},)),
    (by_id, lambda r: (r.choice([1, 5, 7]), r.gauss(0, 1))),
    (polynomial, lambda r: (r.gauss(0, 1), r.choice([2, 3]))),
    (factorial_series, lambda r: (r.gauss(0, 1), r.choice([3, 5]))),
    (pairs_above, lambda r: (reals(r, 4),)),
    (recursive, lambda r: (r.gauss(0, 1), r.choice([2, 5]))),
    (folded, lambda r: (reals(r),)),
    (by_object, lambda r: (reals(r),)),
    (knapsack, lambda r: ([r.random() for _ in range(4)], [r.random() for _ in range(4)], 1.5)),
    (majority, lambda r: (reals(r),)),
    (swapped, lambda r: tuple(reals(r, 2))),
    (state_machine, lambda r: (reals(r),)),
    (in_a_set, lambda r: (r.randrange(6), r.gauss(0, 1))),
    (truthy, lambda r: ([r.choice([0.0, 1.0, -2.0]) for _ in range(4)],)),
    (walrus, lambda r: (r.gauss(0, 1),)),
]
