"""Integration in time, collisions, look-up of materials, iteration until it converges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from micrograd import Value

P = [Value(0.9), Value(0.4), Value(0.25), Value(1.2)]
k, drag, g, m = P


@dataclass
class Shot:
    angle: float
    speed: float
    wind: float = 0.0


def bouncing(height, steps):
    y, v = Value(height), Value(0.0)
    for _ in range(steps):
        v = v - 0.1 * g
        y = y + 0.1 * v
        if y < 0:
            y = -y
            v = -k * v
    return y * y


def shot(s):
    x, y = 0.0, 0.0
    vx = s.speed * math.cos(s.angle) * m
    vy = s.speed * math.sin(s.angle) * m
    for _ in range(8):
        x = x + 0.1 * (vx + s.wind)
        y = y + 0.1 * vy
        vy = vy - 0.1 * g
        if y < 0:
            break
    return x


def newton_root(a):
    x = m * 1.0
    error = x * x - a
    while abs(error.data) > 1e-8:
        x = x - error / (2 * x)
        error = x * x - a
    return x * k


def spring_energy(xs, rest=1.0):
    e = 0.0
    for i in range(len(xs)):
        for j in range(i + 1, len(xs)):
            d = abs(xs[i] - xs[j])
            if d < rest:
                e = e + k * (rest - d) ** 2
    return e + 0 * k


def lennard_jones(positions, cutoff):
    e = 0.0 * m
    for i, p in enumerate(positions):
        for q in positions[:i]:
            r2 = (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + 0.3
            if r2 > cutoff**2:
                continue
            s6 = (m / r2) ** 3
            e += 4 * k * (s6 * s6 - s6)
    return e


MATERIALS = {"steel": 7.8, "wood": 0.7, "cork": 0.2}


def floats(material, volume):
    density = MATERIALS[material]
    depth = density * volume * m
    return depth if depth < volume else volume + 0.1 * (depth - volume)


def friction(vs, static=0.3):
    total = 0.0
    for v in vs:
        u = v * m
        force = -drag * u if abs(u) > static else -u
        total = total + force * force
    return total


def heat(u, steps=3, *, insulated=False):
    u = [x * k for x in u]
    for _ in range(steps):
        new = u[:]
        for i in range(1, len(u) - 1):
            new[i] = u[i] + drag * (u[i - 1] - 2 * u[i] + u[i + 1])
        if insulated:
            new[0], new[-1] = new[1], new[-2]
        u = new
    return sum(x * x for x in u)


def saturating(signal):
    out = np.array([min(max(k * x, -0.5), 0.5) for x in signal], dtype=object)
    return (out * out).sum()


def adaptive(t_end):
    t, x, h = 0.0, m * 1.0, 0.2
    while t < t_end:
        h = min(h, t_end - t)
        x = x + h * (-k * x)
        t += h
    return x


def sign(v):
    if v > 0:
        return 1
    if v < 0:
        return -1
    return 0


def coulomb(velocities):
    return sum((k * v - drag * sign(v)) ** 2 for v in velocities)


def reals(r, n=5):
    return [r.gauss(0, 1) for _ in range(n)]


PROGRAMS = [
    (bouncing, lambda r: (r.uniform(0.1, 1.0), 12)),
    (shot, lambda r: (Shot(r.uniform(0.2, 1.3), r.uniform(0.5, 4), r.gauss(0, 0.1)),)),
    (newton_root, lambda r: (r.uniform(0.5, 3),)),
    (spring_energy, lambda r: (reals(r),)),
    (lennard_jones, lambda r: ([(r.uniform(0, 2), r.uniform(0, 2)) for _ in range(4)], 1.1)),
    (floats, lambda r: (r.choice(["steel", "wood", "cork"]), r.uniform(0.5, 2))),
    (friction, lambda r: (reals(r),)),
    (heat, lambda r: (reals(r),)),
    (saturating, lambda r: (reals(r),)),
    (adaptive, lambda r: (r.choice([0.3, 0.7]),)),
    (coulomb, lambda r: ([*reals(r), 0.0],)),
]
