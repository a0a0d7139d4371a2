"""Lists whose length depends on numbers, and functions of Python on what is computed."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import defaultdict
from functools import partial, reduce

import numpy as np

from micrograd import Value

P = [Value(0.6), Value(-0.3), Value(0.8)]
a, b, c = P


def sum_from(x, k):
    return a * sum([v for v in x if v > 0], 0.0)


def filtered(x, k):
    return sum(map(lambda v: a * v, filter(lambda v: v > 0, x))) + b  # noqa: C417


def least_positive(x, k):
    return a * min((v for v in x if v > 0), default=1.0)


def largest_by_key(x, k):
    return a * max([v for v in x if v < 1], key=lambda v: (v - 0.3) ** 2, default=0.0)


def mean_of_positive(x, k):
    kept = [a * v for v in x if v > 0]
    return sum(kept) / max(len(kept), 1)


def if_any_kept(x, k):
    kept = []
    for v in x:
        if v > 0:
            kept.append(a * v)
    return sum(kept) / len(kept) if kept else b * 1.0


def two_lists(x, k):
    high, low = [], []
    for v in x:
        (high if v > 0 else low).append(v)
    return a * sum(high) + b * sum(low) + len(high) * c


def by_truth(x, k):
    groups = defaultdict(list)
    for v in x:
        groups[v > 0].append(v)
    return a * sum(groups[True]) + b * sum(groups[False])


def entries(x, k):
    kept = {i: a * v for i, v in enumerate(x) if v > 0}
    return sum(kept.values()) + b * len(kept) + (c if 2 in kept else 0.0)


def numbered(x, k):
    return sum(i * v * a for i, v in enumerate([v for v in x if v > -0.5])) + b


def in_pairs(x, k):
    kept = [v for v in x if v > 0]
    return sum(p * q for p, q in zip(kept, [a * v for v in kept], strict=True)) + b


def first_kept(x, k):
    kept = [v for v in x if v > 0]
    return a * kept[0] + b * kept[-1] if kept else c * x[0]


def first_of(x, k):
    return a * next((v for v in x if v > 0), 0.5) + b


def with_one_more(x, k):
    kept = [0.5]
    for v in x:
        if v > 0:
            kept = [*kept, v * a]
    return sum(v * b for v in kept)


def twice_filtered(x, k):
    kept = [v for v in x if v > -1]
    return sum(a * v for v in kept if v < 1) + b * len([v for v in kept if v > 0])


def any_and_all(x, k):
    kept = [v for v in x if v > -0.5]
    yes = any(v > 1 for v in kept) or all(v < 0.5 for v in kept)
    return a * x[0] if yes else b * x[1]


def generated(x, k):
    def positive():
        for v in x:
            if v > 0:
                yield a * v

    return sum(positive()) + b


def grown_in_a_loop(x, k):
    seen = []
    for v in x:
        if v > 1:
            break
        if v < -1:
            continue
        seen.append(v)
        if v > 0:
            seen.append(v * v)
    return a * sum(seen) + b * len(seen)


def spread(x, k):
    return a * statistics.mean(x) + b * statistics.stdev(x) + c * statistics.median(x)


def of_kept(x, k):
    kept = [v for v in x if v > -2] + [0.1]
    return a * statistics.fmean(kept) + b * math.fsum(kept) + c * math.prod(kept)


def of_math(x, k):
    y = math.hypot(x[0], x[1]) + math.copysign(0.5, x[2]) + math.dist(x[:2], x[2:])
    return a * y + b * math.log1p(abs(x[0])) + c * math.cosh(x[1]) + math.cbrt(x[3]) * a


def of_numpy(x, k):
    return a * np.mean(x) + b * np.max(x) + c * np.std(x) + a * np.argmax(x) * b


def index_of(x, k):
    at = x.index(max(x))
    return a * at + b * x[at]


def remainder(x, k):
    return a * (min(max(x[0], -1.4), 1.4) % 1.0) + b


def as_text(x, k):
    return a * x[0] * len(f"{k:03d}") + b * len(str(k))


def may_fail(x, k):
    try:
        return a * math.sqrt(x[0])
    except ValueError:
        return b * x[0]


def folded(x, k):
    scaled = partial(lambda s, v: s * v, a)
    return reduce(lambda t, v: t + (scaled(v) if v > 0 else b * v), x, 0.0)


def running(x, k):
    return sum(a * v for v in itertools.accumulate(x)) + b * max(itertools.accumulate(x, max))


def guards(x, k):
    t = 0.0
    for v in x:
        if v > 2.5:
            continue
        if v < -2.5:
            continue
        if -0.1 < v < 0.1:
            continue
        if v > 1.5:
            t = t + a
            continue
        if v < -1.5:
            t = t - a
            continue
        if v > 1:
            t = t + b
            continue
        if v < -1:
            t = t - b
            continue
        if v > 0.5:
            t = t + a * v
            continue
        if v < -0.5:
            t = t - b * v
            continue
        if v > 0.25:
            break
        if v < -0.25:
            return t
        t = t + c * v
    return t


def _given(r):
    return [r.gauss(0, 1) for _ in range(4)], r.randrange(4)


SEVERAL = [may_fail, remainder, as_text]  # of which there are several programs
ONE = [sum_from, filtered, least_positive, largest_by_key, mean_of_positive, if_any_kept,
       two_lists, by_truth, entries, numbered, in_pairs, first_kept, first_of, with_one_more,
       twice_filtered, any_and_all, generated, grown_in_a_loop, spread, of_kept, of_math, of_numpy,
       index_of, folded, running, guards]  # fmt: skip
PROGRAMS = [(f, _given) for f in (*ONE, *SEVERAL)]
