"""Programs of statistics, physics and dynamic programming, written as loops over scalars.

Each is a function of parameters and arguments that runs on Values and on tensors of torch alike,
with numbers for both.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Program:
    """A loss of parameters and arguments; it is a sequence when compiled."""

    loss: Callable[..., Any]
    parameters: list[float]
    arguments: tuple[Any, ...]


def kalman(steps: int = 60) -> Program:
    """A local linear trend."""
    rng = random.Random(steps)

    def loss(p: Any, ys: Any) -> Any:
        q1, q2, r = [x.exp() for x in p]
        m0, m1, a, b, c, ll = ys[0], 0.0, 10.0, 0.0, 10.0, 0.0
        for y in ys[1:]:
            m0, a, b, c = m0 + m1, a + 2 * b + c + q1, b + c, c + q2
            s, e = a + r, y - m0
            k0, k1 = a / s, b / s
            ll = ll + s.log() + e * e / s
            m0, m1 = m0 + k0 * e, m1 + k1 * e
            c, b, a = c - k1 * b, b - k0 * b, a - k0 * a
        return ll / len(ys)

    return Program(loss, [-1.0, -2.0, 0.5], ([rng.gauss(0, 1) for _ in range(steps)],))


def holt_winters(steps: int = 80, season: int = 4) -> Program:
    rng = random.Random(1)

    def loss(p: Any, ys: Any) -> Any:
        a, b, g = [x.sigmoid() for x in p[:3]]
        level, trend, seasons, total = p[3], p[4], list(p[5:]), 0.0
        for t, y in enumerate(ys):
            s = seasons[t % season]
            total = total + (level + trend + s - y) ** 2
            new = a * (y - s) + (1 - a) * (level + trend)
            trend = b * (new - level) + (1 - b) * trend
            seasons[t % season] = g * (y - new) + (1 - g) * s
            level = new
        return total / len(ys)

    numbers = [rng.gauss(0, 0.5) for _ in range(5 + season)]
    return Program(loss, numbers, ([math.sin(t) + rng.gauss(0, 0.1) for t in range(steps)],))


def garch(steps: int = 120) -> Program:
    rng = random.Random(2)

    def loss(p: Any, ys: Any) -> Any:
        w, a, b = p[0].exp(), p[1].sigmoid(), p[2].sigmoid()
        h, total = 1.0, 0.0
        for y in ys:
            h = w + a * y * y + b * h
            total = total + h.log() + y * y / h
        return total / len(ys)

    return Program(loss, [-1.0, -1.0, 0.3], ([rng.gauss(0, 1) for _ in range(steps)],))


def pendulum(steps: int = 24) -> Program:
    """Runge and Kutta's method."""

    def loss(p: Any, seen: Any) -> Any:
        k, d, th, om = p
        h, error = 0.05, 0.0
        for y in seen:
            a1, b1 = om, -k * th.sin() - d * om
            a2, b2 = om + h / 2 * b1, -k * (th + h / 2 * a1).sin() - d * (om + h / 2 * b1)
            a3, b3 = om + h / 2 * b2, -k * (th + h / 2 * a2).sin() - d * (om + h / 2 * b2)
            a4, b4 = om + h * b3, -k * (th + h * a3).sin() - d * (om + h * b3)
            th = th + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
            om = om + h / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
            error = error + (th - y) ** 2
        return error

    seen = [math.cos(0.1 * t) for t in range(steps)]
    return Program(loss, [8.0, 0.1, 0.9, 0.1], (seen,))


def lotka_volterra(steps: int = 80) -> Program:
    def loss(p: Any, end: Any) -> Any:
        a, b, c, d = p
        x, y = 1.0, 0.5
        for _ in range(steps):
            x, y = x + 0.02 * x * (a - b * y), y + 0.02 * y * (c * x - d)
        return (x - end[0]) ** 2 + (y - end[1]) ** 2

    return Program(loss, [1.1, 0.4, 0.2, 0.5], ([1.5, 0.6],))


def cholesky(n: int = 14) -> Program:
    """A Gaussian process, by the factors of its kernel."""

    def loss(p: Any, xs: Any, ys: Any) -> Any:
        width, scale, noise = [x.exp() for x in p]
        low: list[list[Any]] = []
        for i in range(n):
            low.append([])
            for j in range(i + 1):
                t = scale * (-0.5 * ((xs[i] - xs[j]) / width) ** 2).exp()
                t = t + noise if i == j else t
                for k in range(j):
                    t = t - low[i][k] * low[j][k]
                low[i].append(t.sqrt() if i == j else t / low[j][j])
        z: list[Any] = []
        for i in range(n):
            z.append((ys[i] - sum(low[i][k] * z[k] for k in range(i))) / low[i][i])
        return 0.5 * sum(v * v for v in z) + sum(low[i][i].log() for i in range(n))

    xs = [i / 4 for i in range(n)]
    return Program(loss, [0.0, 0.1, -1.0], (xs, [math.sin(x) for x in xs]))


def edit_distance(n: int = 9) -> Program:
    """The soft one, of two words of an alphabet of three letters."""
    rng = random.Random(3)
    one, two = ([rng.randrange(3) for _ in range(n + k)] for k in (0, 1))

    def softmin(*xs: Any) -> Any:
        least = min(x.data for x in xs)
        return least - 0.3 * sum(((least - x) / 0.3).exp() for x in xs).log()

    def loss(p: Any, target: Any) -> Any:
        swap, put, drop = p[:9], p[9], p[10]
        above = [0.0 * put]
        for _ in two:
            above.append(above[-1] + put)
        for a in one:
            row = [above[0] + drop]
            for j, b in enumerate(two):
                row.append(softmin(above[j + 1] + drop, row[j] + put, above[j] + swap[3 * a + b]))
            above = row
        return (above[-1] - target) ** 2

    return Program(loss, [abs(rng.gauss(1, 0.2)) for _ in range(11)], (5.0,))


def alignment(steps: int = 24) -> Program:
    """Connectionist temporal classification of one word of three letters."""
    word = [0, 1, 0, 2, 0, 1, 0]

    def loss(p: Any, xs: Any) -> Any:
        paths: list[Any] = []
        for t, x in enumerate(xs):
            scores = [p[2 * k] * x + p[2 * k + 1] for k in range(3)]
            total = sum(s.exp() for s in scores)
            emit = [s.exp() / total for s in scores]
            if not t:
                paths = [emit[word[0]], emit[word[1]]] + [0.0 * emit[0]] * (len(word) - 2)
                continue
            new = []
            for k, letter in enumerate(word):
                come = paths[k] + paths[k - 1] if k else paths[k]
                if k > 1 and letter and letter != word[k - 2]:
                    come = come + paths[k - 2]
                new.append(come * emit[letter])
            paths = new
        return -(paths[-1] + paths[-2]).log()

    rng = random.Random(4)
    xs = [rng.gauss(0, 1) for _ in range(steps)]
    return Program(loss, [rng.gauss(0, 1) for _ in range(6)], (xs,))


def heat(steps: int = 16, cells: int = 8, ring: bool = False) -> Program:
    """Conductivities between the cells of a rod, whose ends may be joined."""

    def loss(p: Any, start: Any, end: Any) -> Any:
        k, u = [x.exp() for x in p], list(start)
        for _ in range(steps):
            if ring:
                flows = [k[i] * (u[(i + 1) % cells] - u[i]) for i in range(cells)]
                u = [u[i] + 0.3 * (flows[i] - flows[i - 1]) for i in range(cells)]
                continue
            flows = [k[i] * (u[i + 1] - u[i]) for i in range(cells - 1)]
            inner = [u[i] + 0.3 * (flows[i] - flows[i - 1]) for i in range(1, cells - 1)]
            u = [u[0] + 0.3 * flows[0], *inner, u[-1] - 0.3 * flows[-1]]
        return sum((a - b) ** 2 for a, b in zip(u, end, strict=True))

    rng = random.Random(5)
    numbers = [rng.gauss(-1, 0.2) for _ in range(cells if ring else cells - 1)]
    return Program(loss, numbers, ([rng.random() for _ in range(cells)], [0.5] * cells))


def bodies(steps: int = 8) -> Program:
    """Three of them, which attract each other, in a plane."""

    def loss(p: Any, far: Any) -> Any:
        xs, vs, masses = list(p[:6]), list(p[6:12]), p[12:15]
        for _ in range(steps):
            for i in range(3):
                for j in range(3):
                    if i == j:
                        continue
                    dx, dy = xs[2 * j] - xs[2 * i], xs[2 * j + 1] - xs[2 * i + 1]
                    pull = 0.01 * masses[j] * (dx * dx + dy * dy + 0.1) ** -1.5
                    vs[2 * i], vs[2 * i + 1] = vs[2 * i] + pull * dx, vs[2 * i + 1] + pull * dy
            xs = [x + 0.01 * v for x, v in zip(xs, vs, strict=True)]
        return (xs[0] - far) ** 2 + xs[3] * xs[3]

    rng = random.Random(6)
    return Program(loss, [rng.gauss(0, 1) for _ in range(12)] + [1.0, 0.8, 1.2], (0.3,))


def tree(leaves: int = 120) -> Program:
    """A random tree, whose inner nodes are neurons with the same weights."""

    def loss(p: Any, x: Any) -> Any:
        rng = random.Random(7)
        nodes = [p[3] * x + 0.01 * k for k in range(leaves)]
        while len(nodes) > 1:
            a, b = (nodes.pop(rng.randrange(len(nodes))) for _ in range(2))
            nodes.append((p[0] * a + p[1] * b + p[2]).tanh())
        return nodes[0] * nodes[0]

    return Program(loss, [0.6, -0.7, 0.1, 0.5], (0.4,))


def dag(nodes: int = 500) -> Program:
    """Random operations on random earlier results."""

    def loss(p: Any, x: Any) -> Any:
        rng = random.Random(8)
        v, used = [q * x for q in p], set()
        for k in range(len(v), nodes):
            sort, i, j = rng.randrange(5), rng.randrange(max(0, k - 60), k), rng.randrange(k)
            used |= {i, j} if sort < 3 else {i}
            a, b = v[i], v[j]
            v.append(
                (a + b) * 0.5 if sort == 0 else a * b if sort == 1 else (a - b).tanh()
                if sort == 2 else a.sin() if sort == 3 else (a * a + 1.0).log()
            )  # fmt: skip
        return sum(v[k] for k in range(len(v)) if k not in used)

    return Program(loss, [0.1 * k - 0.7 for k in range(12)], (0.5,))


def chain(links: int = 600) -> Program:
    def loss(p: Any, x: Any) -> Any:
        for _ in range(links // 2):
            x = x * p[0] + p[1]
        return x * x

    return Program(loss, [0.99, 0.01], (0.5,))


def recurrent(steps: int = 70) -> Program:
    """A cell of two units with gates."""

    def loss(p: Any, xs: Any) -> Any:
        h, c = [0.0, 0.0], [0.0, 0.0]
        for x in xs:
            sums = [p[4 * i] * x + p[4 * i + 1] * h[0] + p[4 * i + 2] * h[1] + p[4 * i + 3]
                    for i in range(6)]  # fmt: skip
            take, keep = [s.sigmoid() for s in sums[:2]], [s.sigmoid() for s in sums[2:4]]
            c = [k * old + t * s.tanh() for k, old, t, s in zip(keep, c, take, sums[4:])]  # noqa: B905
            h = [v.tanh() for v in c]
        return (h[0] - h[1]) ** 2

    rng = random.Random(9)
    numbers = [rng.gauss(0, 0.7) for _ in range(24)]
    return Program(loss, numbers, ([rng.gauss(0, 1) for _ in range(steps)],))


def gated(steps: int = 26, units: int = 6) -> Program:
    """A recurrent network whose units have a gate: the turns are of arrays."""

    def loss(p: Any, xs: Any) -> Any:
        rows = [p[k : k + units + 2] for k in range(0, 2 * units * (units + 2), units + 2)]
        h, total = [0.0] * units, 0.0
        for x in xs:
            z = [r[0] * x + r[1] + sum(w * v for w, v in zip(r[2:], h, strict=True)) for r in rows]
            gates = [v.sigmoid() for v in z[:units]]
            h = [g * v.tanh() + (1 - g) * o for g, v, o in zip(gates, z[units:], h, strict=True)]
            total = total + (h[0] - x) ** 2
        return total / len(xs)

    rng = random.Random(11)
    numbers = [rng.gauss(0, 0.5) for _ in range(2 * units * (units + 2))]
    return Program(loss, numbers, ([rng.gauss(0, 1) for _ in range(steps)],))


def rod() -> Program:
    """One of many cells, whose steps of time are a loop of arrays."""
    return heat(14, 70)


PROGRAMS: dict[str, Callable[[], Program]] = {
    "kalman": kalman, "holt_winters": holt_winters, "garch": garch, "pendulum": pendulum,
    "lotka_volterra": lotka_volterra, "cholesky": cholesky, "edit_distance": edit_distance,
    "alignment": alignment, "heat": heat, "ring": lambda: heat(ring=True), "bodies": bodies,
    "tree": tree, "dag": dag, "chain": chain, "recurrent": recurrent, "rod": rod,
    "gated": gated,
    "large_ring": lambda: heat(70, 66, ring=True),
}  # fmt: skip
