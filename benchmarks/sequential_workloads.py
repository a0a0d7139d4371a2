"""The programs of bench_sequential.py: loops over scalars, as one would write them."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "compiler"))

import sequential_programs as small
from sequential_programs import Program


@dataclass
class Case:
    """A program, and how the function in C is called: its name, and what comes before p."""

    program: Program
    peer: str = ""
    given: tuple[Any, ...] = ()  # lists of floats or integers, and numbers
    after: tuple[Any, ...] = ()  # what comes between p and the rate


def kalman(steps: int) -> Case:
    """A local linear trend."""
    rng = random.Random(0)

    def loss(p: Any, ys: Any) -> Any:
        q1, q2, r = [x.exp() for x in p]
        m0, m1, a, b, c, ll = ys[0], 0.0, 10.0, 0.0, 10.0, 0.0
        for y in ys[1:]:
            m0, a, b, c = m0 + m1, a + 2 * b + c + q1, b + c, c + q2
            s, e = a + r, y - m0
            k0, k1 = a / s, b / s
            ll = ll - 0.5 * (s.log() + e * e / s + 1.8378770664093453)
            m0, m1 = m0 + k0 * e, m1 + k1 * e
            c, b, a = c - k1 * b, b - k0 * b, a - k0 * a
        return -ll / len(ys)

    ys = [rng.gauss(0, 1) for _ in range(steps)]
    return Case(Program(loss, [-3.0, -5.0, 0.0], (ys,)), "kf_steps", (ys, steps))


def garch(steps: int) -> Case:
    program = small.garch(steps)
    return Case(program, "garch_steps", (program.arguments[0], steps))


def lotka_volterra(steps: int) -> Case:
    program = small.lotka_volterra(steps)
    return Case(program, "lotka_steps", (steps, program.arguments[0]))


def pendulum(steps: int) -> Case:
    """Runge and Kutta's method."""
    dt = 0.02

    def loss(p: Any, seen: Any) -> Any:
        k, d, th, om = p
        error = 0.0
        for y in seen:
            a1, b1 = om, -k * th.sin() - d * om
            th2, om2 = th + dt / 2 * a1, om + dt / 2 * b1
            a2, b2 = om2, -k * th2.sin() - d * om2
            th3, om3 = th + dt / 2 * a2, om + dt / 2 * b2
            a3, b3 = om3, -k * th3.sin() - d * om3
            th4, om4 = th + dt * a3, om + dt * b3
            a4, b4 = om4, -k * th4.sin() - d * om4
            th = th + dt / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
            om = om + dt / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
            error = error + (th - y) ** 2
        return error / len(seen)

    seen = [math.cos(3 * t * dt) for t in range(steps)]
    return Case(Program(loss, [8.0, 0.1, 0.9, 0.1], (seen,)), "pend_steps", (seen, steps, dt))


def cholesky(n: int) -> Case:
    program = small.cholesky(n)
    return Case(program, "chol_steps", (n, *program.arguments))


def edit_distance(n: int) -> Case:
    """The soft one, of two words of eight letters."""
    rng, letters, g = random.Random(0), 8, 0.3
    one, two = ([rng.randrange(letters) for _ in range(n)] for _ in range(2))

    def softmin(*v: Any) -> Any:
        m = min(x.data for x in v)
        return m - g * sum((-(x - m) / g).exp() for x in v).log()

    def loss(p: Any, target: Any) -> Any:
        put, drop = p[-2:]
        above = [0.0 * put]
        for _ in two:
            above.append(above[-1] + put)
        for a in one:
            row = [above[0] + drop]
            for j, b in enumerate(two):
                swap = p[letters * a + b]
                row.append(softmin(above[j + 1] + drop, row[j] + put, above[j] + swap))
            above = row
        return (above[-1] - target) ** 2

    numbers = [abs(rng.gauss(1, 0.2)) for _ in range(letters**2)] + [1.0, 1.0]
    peer = (one, n, two, n, 5.0, g)
    return Case(Program(loss, numbers, (5.0,)), "soft_steps", peer, (letters,))


def lstm(steps: int, units: int = 8, inputs: int = 3) -> Case:
    rng, rows = random.Random(0), 4 * units
    numbers = [rng.gauss(0, 0.3) for _ in range(rows * (inputs + units + 1) + units)]

    def loss(p: Any, xs: Any, ys: Any) -> Any:
        wx, wh = p[: rows * inputs], p[rows * inputs : rows * (inputs + units)]
        b, out = p[rows * (inputs + units) : -units], p[-units:]
        h, c, total = [0.0] * units, [0.0] * units, 0.0
        for x, y in zip(xs, ys, strict=True):
            z = [
                sum(wx[j * inputs + i] * x[i] for i in range(inputs))
                + sum(wh[j * units + i] * h[i] for i in range(units)) + b[j]
                for j in range(rows)
            ]  # fmt: skip
            i, f = ([v.sigmoid() for v in z[k * units : (k + 1) * units]] for k in (0, 1))
            g, o = [v.tanh() for v in z[2 * units : 3 * units]], [v.sigmoid() for v in z[-units:]]
            c = [f[k] * c[k] + i[k] * g[k] for k in range(units)]
            h = [o[k] * c[k].tanh() for k in range(units)]
            total = total + (sum(w * v for w, v in zip(out, h, strict=True)) - y) ** 2
        return total / len(ys)

    xs = [[rng.gauss(0, 1) for _ in range(inputs)] for _ in range(steps)]
    ys = [rng.gauss(0, 1) for _ in range(steps)]
    flat = [x for row in xs for x in row]
    return Case(Program(loss, numbers, (xs, ys)), "lstm_steps", (flat, ys, steps))


def heat(steps: int, cells: int) -> Case:
    """A rod with closed ends."""
    rng = random.Random(0)

    def loss(p: Any, start: Any, end: Any) -> Any:
        k, u = [v.exp() for v in p], list(start)
        for _ in range(steps):
            fl = [k[i] * (u[i + 1] - u[i]) for i in range(cells - 1)]
            inner = [u[i] + 0.5 * (fl[i] - fl[i - 1]) for i in range(1, cells - 1)]
            u = [u[0] + 0.5 * fl[0], *inner, u[-1] - 0.5 * fl[-1]]
        return sum((a - b) ** 2 for a, b in zip(u, end, strict=True))

    arguments = [rng.random() for _ in range(cells)], [0.5] * cells
    numbers = [rng.gauss(-1, 0.1) for _ in range(cells - 1)]
    return Case(Program(loss, numbers, arguments), "heat_steps", (steps, cells, *arguments))


def holt_winters(steps: int, season: int = 4) -> Case:
    program = small.holt_winters(steps, season)
    return Case(program, "holt_steps", (program.arguments[0], steps, season))


def alignment(steps: int) -> Case:
    program = small.alignment(steps)
    return Case(program, "ctc_steps", (program.arguments[0], steps, [0, 1, 0, 2, 0, 1, 0], 7, 3))


def ring(steps: int, cells: int) -> Case:
    program = small.heat(steps, cells, ring=True)
    return Case(program, "ring_steps", (steps, cells, *program.arguments))


def bodies(steps: int) -> Case:
    program = small.bodies(steps)
    return Case(program, "body_steps", (steps, *program.arguments))


def tree(leaves: int) -> Case:
    """The same choices as the program makes, as tables of nodes."""
    rng, nodes, pairs = random.Random(7), list(range(leaves)), [(0, 0)] * leaves
    while len(nodes) > 1:
        pairs.append((nodes.pop(rng.randrange(len(nodes))), nodes.pop(rng.randrange(len(nodes)))))
        nodes.append(len(pairs) - 1)
    one, two = ([pair[k] for pair in pairs] for k in (0, 1))
    return Case(small.tree(leaves), "tree_steps", (leaves, one, two, 0.4))


def chain(links: int) -> Case:
    program = small.chain(links)
    return Case(program, "chain_steps", (links // 2, 0.5))


def dag(nodes: int) -> Case:
    """Random operations on results of a short while ago."""
    rng = random.Random(1)
    plan = [(rng.randrange(4), rng.randrange(max(0, k - 1000), k),
             rng.randrange(max(0, k - 1000), k)) for k in range(50, nodes)]  # fmt: skip
    used = {i for sort, a, b in plan for i in ((a, b) if sort < 3 else (a,))}
    ends = [k for k in range(nodes) if k not in used]

    def loss(p: Any, x: Any) -> Any:
        v = [q * x for q in p]
        for sort, i, j in plan:
            a, b = v[i], v[j]
            v.append((a + b) * 0.5 if sort == 0 else a * b if sort == 1
                     else (a - b).tanh() if sort == 2 else a.sin())  # fmt: skip
        return sum(v[k] for k in ends)

    columns = [[0] * 50 + [row[k] for row in plan] for k in range(3)]
    numbers = [rng.gauss(0, 0.3) for _ in range(50)]
    given = (nodes, *columns, len(ends), ends, 0.5)
    return Case(Program(loss, numbers, (0.5,)), "dag_steps", given)


CASES: dict[str, Callable[[], Case]] = {
    "Kalman 200": lambda: kalman(200),
    "Kalman 2,000": lambda: kalman(2000),
    "Holt-Winters 500": lambda: holt_winters(500),
    "GARCH 2,000": lambda: garch(2000),
    "Runge-Kutta 100": lambda: pendulum(100),
    "Runge-Kutta 10,000": lambda: pendulum(10_000),
    "Lotka-Volterra 2,000": lambda: lotka_volterra(2000),
    "Cholesky 32": lambda: cholesky(32),
    "Cholesky 64": lambda: cholesky(64),
    "edit distance 32×32": lambda: edit_distance(32),
    "CTC 100": lambda: alignment(100),
    "LSTM 30": lambda: lstm(30),
    "LSTM 200": lambda: lstm(200),
    "heat 80×100": lambda: heat(80, 100),
    "heat ring 80×100": lambda: ring(80, 100),
    "three bodies 200": lambda: bodies(200),
    "tree 2,000": lambda: tree(2000),
    "random graph 50,000": lambda: dag(50_000),
    "random graph 100,000": lambda: dag(100_000),
    "chain 20,000": lambda: chain(20_000),
    "chain 1,000,000": lambda: chain(1_000_000),
}
