"""The loss of `loss`, in JAX.

Shapes, for n samples: x (n, 3), y (n,), W1 (5, 3), b1 (5,), W2 (5, 5), b2 (5,), W3 (3,
5), b3 (3,), W4 (3,); a number each: b4.

Derivatives are those of `jax.grad(loss)`. In double precision with
`jax.config.update("jax_enable_x64", True)` before anything else.
"""

import jax
import jax.numpy as jnp


def loss(parameters, x, y):
    """The loss: a number."""
    n = len(x)
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    W4, b4 = parameters["W4"], parameters["b4"]
    H1 = jax.nn.relu(x @ W1.T + b1)  # (n, 5)
    H2 = jax.nn.relu(H1 @ W2.T + b2)  # (n, 5)
    H3 = jax.nn.relu(H2 @ W3.T + b3)  # (n, 3)
    H4 = H3 @ W4 + b4 - y  # (n,)
    L = jnp.sum(H4**2) / n
    return L
