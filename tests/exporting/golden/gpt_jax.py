"""The loss of `loss`, in JAX.

Shapes: tokens (9,), E1 (11, 8), b1 (64,), W1 (24, 8), W2 (8, 8), W3 (16, 8), W4 (8,
16), W5 (11, 8).

Derivatives are those of `jax.grad(loss)`. In double precision with
`jax.config.update("jax_enable_x64", True)` before anything else.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

with np.load(Path(__file__).with_name(f"{Path(__file__).stem}_constants.npz")) as kept:
    I1 = jnp.asarray(kept["I1"])
    I2 = jnp.asarray(kept["I2"])
    I3 = jnp.asarray(kept["I3"])
    I4 = jnp.asarray(kept["I4"])
    I5 = jnp.asarray(kept["I5"])
    I6 = jnp.asarray(kept["I6"])


def loss(parameters, tokens):
    """The loss: a number."""
    E1, b1 = parameters["E1"], parameters["b1"]
    W1, W2 = parameters["W1"], parameters["W2"]
    W3, W4 = parameters["W3"], parameters["W4"]
    W5 = parameters["W5"]
    H1 = E1[tokens[:8]] + b1.reshape(8, 8)  # (8, 8)
    H2 = (0.125 * jnp.sum(H1**2, axis=1) + 1e-05) ** -0.5  # (8,)
    H3 = H1 * H2[:, None]  # (8, 8)
    H4 = H3 @ W1.T  # (8, 24)
    H5 = 0.5 * jnp.sum(H4.reshape(-1)[I1] * H4.reshape(-1)[I2], axis=1)  # (72,)
    Z6 = jnp.full((16,), -jnp.inf).at[..., I3].max(jax.lax.stop_gradient(H5))  # (16,)
    H6 = jax.lax.stop_gradient(Z6)  # (16,)
    H7 = jnp.exp(H5 - H6[I3])  # (72,)
    H8 = jnp.zeros((16,)).at[..., I3].add(H7)  # (16,)
    H9 = H7 / H8[I3]  # (72,)
    H10 = jnp.zeros((64,)).at[..., I6].add(H4.reshape(-1)[I4] * H9[I5]).reshape(8, 8)
    H11 = H10 @ W2.T + H3  # (8, 8)
    H12 = (0.125 * jnp.sum(H11**2, axis=1) + 1e-05) ** -0.5  # (8,)
    H13 = H11 * H12[:, None]  # (8, 8)
    H14 = jax.nn.relu(H13 @ W3.T)  # (8, 16)
    H15 = H14 @ W4.T + H11  # (8, 8)
    H16 = H15 @ W5.T  # (8, 11)
    H17 = jax.lax.stop_gradient(jnp.max(jax.lax.stop_gradient(H16), axis=1))  # (8,)
    H18 = jnp.exp(H16 - H17[:, None])  # (8, 11)
    H19 = H18.sum(axis=1)  # (8,)
    H20 = H18 / H19[:, None]  # (8, 11)
    H21 = jnp.log(jnp.sum(jnp.eye(11)[tokens[1:]] * H20, axis=1))  # (8,)
    L = -0.125 * H21.sum()
    return L
