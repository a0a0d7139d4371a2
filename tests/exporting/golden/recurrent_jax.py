"""The loss of `loss`, in JAX.

Shapes, for n samples: X (n, 3), y (n,), W (4, 3), U (4, 4), b (4,), v (4,).

Derivatives are those of `jax.grad(loss)`. In double precision with
`jax.config.update("jax_enable_x64", True)` before anything else.
"""

import jax
import jax.numpy as jnp


def loss(parameters, X, y):
    """The loss: a number."""
    n = len(X)
    W, U = parameters["W"], parameters["U"]
    b, v = parameters["b"], parameters["v"]
    X = jnp.asarray(X)
    y = jnp.asarray(y)
    h = jnp.zeros(4)
    total = 0.0

    def turn(states, t):
        (h, total) = states
        h = jnp.tanh(W @ X[t] + U @ h + b)  # (4,)
        total = total + (v @ h - y[t]) ** 2
        return (h, total), None

    (h, total), _ = jax.lax.scan(turn, (h, total), jnp.arange(n))
    L = total / n
    return L
