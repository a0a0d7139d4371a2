"""Networks by hand: activations, masks, mini-batches by index, dropout masks, attention."""

from __future__ import annotations

import math
import random

import numpy as np

from micrograd import Value
from micrograd.nn import MLP

_r = random.Random(4)
W1 = [[Value(_r.gauss(0, 0.5)) for _ in range(2)] for _ in range(3)]
B1 = [Value(0.1 * i) for i in range(3)]
W2 = [Value(_r.gauss(0, 0.5)) for _ in range(3)]
MODEL = MLP(2, [3, 1])
P = [*(w for row in W1 for w in row), *B1, *W2, *MODEL.parameters()]
XS = [[_r.gauss(0, 1), _r.gauss(0, 1)] for _ in range(12)]
YS = [float(x[0] * x[1] > 0) for x in XS]
ARRAY = np.array(XS)
TARGETS = np.array(YS)


def relu(v):
    return v if v.data > 0 else v * 0.0


def leaky(v, slope=0.1):
    if v.data > 0:
        return v
    return slope * v


def elu(v):
    return v if v > 0 else v.exp() - 1


def hidden(x, act):
    return [act(sum(w * xi for w, xi in zip(row, x, strict=True)) + b)
            for row, b in zip(W1, B1, strict=True)]  # fmt: skip


def output(x, act):
    return sum(w * h for w, h in zip(W2, hidden(x, act), strict=True))


def with_relu(x, y):
    return (output(x, relu) - y) ** 2


def with_leaky(xs, ys):
    return sum((output(x, leaky) - y) ** 2 for x, y in zip(xs, ys, strict=True)) / len(xs)


def chosen_activation(x, y, activation="tanh"):
    act = {"tanh": Value.tanh, "elu": elu, "relu": relu}[activation]
    return (output(x, act) - y) ** 2


def batch_by_index(batch):
    total = 0.0
    for i in batch:
        total += (output(XS[i], leaky) - YS[i]) ** 2
    return total / len(batch)


def batch_by_index_of_arrays(batch):
    total = 0.0
    for i in batch:
        score = output(ARRAY[i], Value.tanh)
        total += (score - TARGETS[i]) ** 2
    return total / len(batch)


def batch_with_labels(batch):
    losses = []
    for i in batch:
        p = 1 / (1 + (-output(XS[i], Value.tanh)).exp())
        losses.append(-p.log() if YS[i] == 1 else -(1 - p).log())
    return sum(losses) / len(losses)


def model_hinge(x, label):
    score = MODEL(x)
    margin = 1 - label * score
    return margin if margin.data > 0 else margin * 0.0


def one_hot_loss(x, label):
    logits = hidden(x, Value.tanh)
    target = [1.0 if i == label else 0.0 for i in range(3)]
    return sum((o - t) ** 2 for o, t in zip(logits, target, strict=True))


def stable_cross_entropy(x, label):
    logits = hidden(x, Value.tanh)
    top = max(v.data for v in logits)
    total = sum((v - top).exp() for v in logits)
    return total.log() + top - logits[label]


def predicted(x, label):
    logits = hidden(x, Value.tanh)
    best = max(range(3), key=lambda i: logits[i].data)
    loss = sum((v - (i == label)) ** 2 for i, v in enumerate(logits))
    return loss, best == label


def masked_attention(queries, mask):
    scores = [sum(w * q for w, q in zip(W2, query, strict=True)) for query in queries]
    weights = [s.exp() if keep else 0.0 for s, keep in zip(scores, mask, strict=True)]
    total = sum(weights) + 1e-6
    return sum(w * q[0] for w, q in zip(weights, queries, strict=True)) / total


def clipped(x, y, limit=0.5):
    out = output(x, relu)
    out = max(-limit, min(limit, out))
    return (out - y) ** 2


def dropped(x, y, keep):
    h = [v if k else 0.0 for v, k in zip(hidden(x, relu), keep, strict=True)]
    return (sum(w * v for w, v in zip(W2, h, strict=True)) / 0.5 - y) ** 2


def gelu(v):
    return 0.5 * v * (1 + (math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)).tanh())


def with_gelu(x, y):
    return (output(x, gelu) - y) ** 2


def vector(r, n=2):
    return [r.gauss(0, 1) for _ in range(n)]


def indices(r):
    return [r.randrange(12) for _ in range(4)]


PROGRAMS = [
    (with_relu, lambda r: (vector(r), r.gauss(0, 1))),
    (with_leaky, lambda r: ([vector(r) for _ in range(4)], vector(r, 4))),
    (chosen_activation, lambda r: (vector(r), r.gauss(0, 1), r.choice(["tanh", "elu", "relu"]))),
    (batch_by_index, lambda r: (indices(r),)),
    (batch_by_index_of_arrays, lambda r: (indices(r),)),
    (batch_with_labels, lambda r: (indices(r),)),
    (model_hinge, lambda r: (vector(r), r.choice([-1.0, 1.0]))),
    (one_hot_loss, lambda r: (vector(r), r.randrange(3))),
    (stable_cross_entropy, lambda r: (vector(r), r.randrange(3))),
    (predicted, lambda r: (vector(r), r.randrange(3))),
    (masked_attention, lambda r: ([vector(r, 3) for _ in range(3)], [1, 0, r.randrange(2)])),
    (clipped, lambda r: (vector(r), r.gauss(0, 1))),
    (dropped, lambda r: (vector(r), 0.3, [r.randrange(2) for _ in range(3)])),
    (with_gelu, lambda r: (vector(r), 0.3)),
]
