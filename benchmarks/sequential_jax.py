"""Programs of bench_sequential.py as JAX has them: one `scan`, differentiated and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Steps = Callable[[int], Any]


def _steps(make: Callable[[Any], Callable[..., Any]]) -> Callable[..., Steps | None]:
    """What runs steps of descent of the loss that `make` returns, if JAX is there.

    With a batch, an array an argument, it is the mean over samples.
    """

    def steps(program: Any, batch: Any = None) -> Steps | None:
        try:
            import jax
        except ImportError:
            return None
        jax.config.update("jax_enable_x64", True)
        loss = make(program)
        arguments = [np.array(x, float) for x in batch or program.arguments]
        if batch:
            of_each = jax.vmap(loss, (None, *[0] * len(batch)))
            loss = lambda p, *xs: of_each(p, *xs).mean()  # noqa: E731
        step = jax.jit(lambda p: p - 1e-12 * jax.grad(loss)(p, *arguments))
        start = jax.numpy.array(program.parameters)

        def run(count: int) -> None:
            p = start
            for _ in range(count):
                p = step(p)
            p.block_until_ready()

        run(1)
        return run

    return steps


def kalman(_: Any) -> Callable[..., Any]:
    from jax import lax
    from jax import numpy as jnp

    def loss(p: Any, ys: Any) -> Any:
        q1, q2, r = jnp.exp(p)

        def turn(state: Any, y: Any) -> Any:
            m0, m1, a, b, c, ll = state
            m0, a, b, c = m0 + m1, a + 2 * b + c + q1, b + c, c + q2
            s, e = a + r, y - m0
            k0, k1 = a / s, b / s
            ll = ll - 0.5 * (jnp.log(s) + e * e / s + 1.8378770664093453)
            state = m0 + k0 * e, m1 + k1 * e, a - k0 * a, b - k0 * b, c - k1 * b, ll
            return state, None

        return -lax.scan(turn, (ys[0], 0.0, 10.0, 0.0, 10.0, 0.0), ys[1:])[0][-1] / len(ys)

    return loss


def garch(_: Any) -> Callable[..., Any]:
    from jax import lax, nn
    from jax import numpy as jnp

    def loss(p: Any, ys: Any) -> Any:
        w, a, b = jnp.exp(p[0]), nn.sigmoid(p[1]), nn.sigmoid(p[2])

        def turn(state: Any, y: Any) -> Any:
            h = w + a * y * y + b * state[0]
            return (h, state[1] + jnp.log(h) + y * y / h), None

        return lax.scan(turn, (1.0, 0.0), ys)[0][1] / len(ys)

    return loss


def pendulum(_: Any) -> Callable[..., Any]:
    from jax import lax
    from jax import numpy as jnp

    def loss(p: Any, seen: Any) -> Any:
        k, d, dt = p[0], p[1], 0.02

        def slope(s: Any) -> Any:
            return jnp.array([s[1], -k * jnp.sin(s[0]) - d * s[1]])

        def turn(state: Any, y: Any) -> Any:
            s, error = state
            k1 = slope(s)
            k2 = slope(s + dt / 2 * k1)
            k3 = slope(s + dt / 2 * k2)
            s = s + dt / 6 * (k1 + 2 * k2 + 2 * k3 + slope(s + dt * k3))
            return (s, error + (s[0] - y) ** 2), None

        return lax.scan(turn, (p[2:4], 0.0), seen)[0][1] / len(seen)

    return loss


def lotka_volterra(steps: int) -> Callable[[Any], Callable[..., Any]]:
    def make(_: Any) -> Callable[..., Any]:
        from jax import lax

        def loss(p: Any, end: Any) -> Any:
            a, b, c, d = p

            def turn(_: Any, s: Any) -> Any:
                x, y = s
                return x + 0.02 * x * (a - b * y), y + 0.02 * y * (c * x - d)

            x, y = lax.fori_loop(0, steps, turn, (1.0, 0.5))
            return (x - end[0]) ** 2 + (y - end[1]) ** 2

        return loss

    return make


def heat(steps: int, ring: bool) -> Callable[[Any], Callable[..., Any]]:
    def make(_: Any) -> Callable[..., Any]:
        from jax import lax
        from jax import numpy as jnp

        def loss(p: Any, start: Any, end: Any) -> Any:
            k, h = jnp.exp(p), 0.3 if ring else 0.5

            def turn(_: Any, u: Any) -> Any:
                if ring:
                    flow = k * (jnp.roll(u, -1) - u)
                    return u + h * (flow - jnp.roll(flow, 1))
                flow = k * (u[1:] - u[:-1])
                return u.at[:-1].add(h * flow).at[1:].add(-h * flow)

            return jnp.sum((lax.fori_loop(0, steps, turn, start) - end) ** 2)

        return loss

    return make


def cholesky(_: Any) -> Callable[..., Any]:
    from jax import numpy as jnp
    from jax.scipy.linalg import solve_triangular

    def loss(p: Any, xs: Any, ys: Any) -> Any:
        width, scale, noise = jnp.exp(p)
        kernel = scale * jnp.exp(-0.5 * ((xs[:, None] - xs) / width) ** 2)
        low = jnp.linalg.cholesky(kernel + noise * jnp.eye(len(xs)))
        z = solve_triangular(low, ys, lower=True)
        return 0.5 * z @ z + jnp.sum(jnp.log(jnp.diag(low)))

    return loss


def lstm(_: Any) -> Callable[..., Any]:
    from jax import lax, nn
    from jax import numpy as jnp

    def loss(p: Any, xs: Any, ys: Any) -> Any:
        wx, wh = p[:96].reshape(32, 3), p[96:352].reshape(32, 8)
        b, out = p[352:384], p[384:]

        def turn(state: Any, given: Any) -> Any:
            h, c, total = state
            i, f, g, o = jnp.split(wx @ given[0] + wh @ h + b, 4)
            c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
            h = nn.sigmoid(o) * jnp.tanh(c)
            return (h, c, total + (out @ h - given[1]) ** 2), None

        start = jnp.zeros(8), jnp.zeros(8), 0.0
        return lax.scan(turn, start, (xs, ys))[0][2] / len(ys)

    return loss


def chain(links: int) -> Callable[[Any], Callable[..., Any]]:
    def make(_: Any) -> Callable[..., Any]:
        from jax import lax

        def loss(p: Any, x: Any) -> Any:
            x = lax.fori_loop(0, links // 2, lambda _, x: x * p[0] + p[1], x)
            return x * x

        return loss

    return make


SCANS: dict[str, Callable[[Any], Steps | None]] = {
    "Kalman 200": _steps(kalman),
    "Kalman 2,000": _steps(kalman),
    "GARCH 2,000": _steps(garch),
    "Runge-Kutta 100": _steps(pendulum),
    "Runge-Kutta 10,000": _steps(pendulum),
    "Lotka-Volterra 2,000": _steps(lotka_volterra(2000)),
    "Cholesky 32": _steps(cholesky),
    "Cholesky 64": _steps(cholesky),
    "LSTM 30": _steps(lstm),
    "LSTM 200": _steps(lstm),
    "heat 80×100": _steps(heat(80, ring=False)),
    "heat ring 80×100": _steps(heat(80, ring=True)),
    "chain 20,000": _steps(chain(20_000)),
    "chain 1,000,000": _steps(chain(1_000_000)),
}
