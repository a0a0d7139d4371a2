"""Sequences: padding, ends, embeddings, recurrences, alignments, n-grams."""

from __future__ import annotations

import random

from micrograd import Value

_r = random.Random(6)
PAD, EOS, VOCABULARY, WIDTH = 0, 1, 6, 2
E = [[Value(_r.gauss(0, 0.6)) for _ in range(WIDTH)] for _ in range(VOCABULARY)]
BIGRAM = [[Value(_r.gauss(0, 0.6)) for _ in range(VOCABULARY)] for _ in range(VOCABULARY)]
U = [Value(0.5), Value(-0.4), Value(0.3)]
P = [*(v for row in E for v in row), *(v for row in BIGRAM for v in row), *U]
COUNTS = [[_r.randrange(5) for _ in range(VOCABULARY)] for _ in range(VOCABULARY)]


def bag_of_words(tokens, label):
    score, n = 0.0, 0
    for t in tokens:
        if t == PAD:
            continue
        score = score + sum(e * u for e, u in zip(E[t], U, strict=False))
        n += 1
    score = score / (n or 1)
    return (score - label) ** 2


def until_the_end(tokens):
    h = U[0] * 0.0
    for t in tokens:
        if t == EOS:
            break
        h = (E[t][0] + U[1] * h).tanh()
    return h * h


def bigram(tokens):
    loss = 0.0
    for first, second in zip(tokens, tokens[1:], strict=False):  # noqa: RUF007
        row = BIGRAM[first]
        total = sum(v.exp() for v in row)
        loss = loss - (row[second].exp() / total).log()
    return loss / (len(tokens) - 1)


def bigram_pair(i, j):
    return (BIGRAM[i][j] - 1.0) ** 2 + BIGRAM[j][i] * 0.5


def counted_bigram(i, j):
    return (BIGRAM[i][j] - COUNTS[i][j]) ** 2


def last_token(tokens):
    return sum(v * v for v in E[tokens[-1]])


def running_maximum(xs):
    best = U[0] * xs[0]
    total = best
    for x in xs[1:]:
        v = U[0] * x + U[1]
        if v > best:
            best = v
        total = total + best
    return total


def gated(xs, resets):
    h = 0.0
    for x, reset in zip(xs, resets, strict=True):
        if reset:
            h = 0.0
        h = (U[0] * x + U[1] * h).tanh()
    return h * h + U[2]


def edit_like(xs, ys):
    previous = [U[2] * j for j in range(len(ys) + 1)]
    for i, x in enumerate(xs, 1):
        row = [U[2] * i]
        for j, y in enumerate(ys, 1):
            d = U[0] * (x - y) * (x - y)
            row.append(min(previous[j] + 0.5, row[j - 1] + 0.5, previous[j - 1] + d))
        previous = row
    return previous[-1]


def first_above(xs, limit):
    for i, x in enumerate(xs):
        if x > limit:
            return U[0] * x + i
    return U[1] * xs[0]


def smooth(xs, window=3):
    out = []
    for i in range(len(xs)):
        part = xs[max(0, i - window + 1) : i + 1]
        out.append(sum(part) / len(part) * U[0])
    return sum((o - x) ** 2 for o, x in zip(out, xs, strict=True))


def label_smoothing(token, eps=0.1):
    total = sum(v.exp() for v in BIGRAM[0])
    loss = 0.0
    for k, v in enumerate(BIGRAM[0]):
        target = 1 - eps if k == token else eps / (VOCABULARY - 1)
        loss -= target * (v.exp() / total).log()
    return loss


def tokens(r):
    return [r.randrange(VOCABULARY) for _ in range(5)]


def reals(r, n=5):
    return [r.gauss(0, 1) for _ in range(n)]


PROGRAMS = [
    (bag_of_words, lambda r: (tokens(r), r.gauss(0, 1))),
    (until_the_end, lambda r: (tokens(r),)),
    (bigram, lambda r: (tokens(r),)),
    (bigram_pair, lambda r: (r.randrange(6), r.randrange(6))),
    (counted_bigram, lambda r: (r.randrange(6), r.randrange(6))),
    (last_token, lambda r: (tokens(r),)),
    (running_maximum, lambda r: (reals(r),)),
    (gated, lambda r: (reals(r), [r.randrange(2) for _ in range(5)])),
    (edit_like, lambda r: (reals(r, 3), reals(r, 3))),
    (first_above, lambda r: (reals(r), 0.5)),
    (smooth, lambda r: (reals(r),)),
    (label_smoothing, lambda r: (r.randrange(6),)),
]
