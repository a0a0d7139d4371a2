"""The steps in JAX, as its users write them: one jitted function, parameters donated to it.

Its work is dispatched asynchronously, the default. With "jax_cpu_enable_async_dispatch" off it is
up to a quarter faster on one core, where nothing is gained by not waiting.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from workloads import ALPHA, BETAS, EPS, Floats, Peer, Workload

jax.config.update("jax_enable_x64", True)

Parameters = list[Array]


def mlp(parameters: Parameters, x: Array) -> Array:
    """One output for each row of x."""
    *hidden, (w, b) = zip(parameters[::2], parameters[1::2], strict=True)
    for v, c in hidden:
        x = jax.nn.relu(x @ v.T + c)
    return (x @ w.T + b)[:, 0]


def squared_error(parameters: Parameters, x: Array, y: Array) -> Array:
    return jnp.mean((mlp(parameters, x) - y) ** 2)


def hinge(parameters: Parameters, x: Array, y: Array) -> Array:
    margin = jax.nn.relu(1 - y * mlp(parameters, x))
    return margin.mean() + ALPHA * sum(jnp.sum(p * p) for p in parameters)


def rmsnorm(x: Array) -> Array:
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=1, keepdims=True) + 1e-5)


def surprise(parameters: Parameters, tokens: Array) -> Array:
    """The loss of the example's GPT."""
    wte, wpe, lm_head, query, key, value, output, fc1, fc2 = parameters
    ids, targets = tokens[:-1], tokens[1:]
    n = len(ids)
    x = rmsnorm(wte[ids] + wpe[:n])
    normed = rmsnorm(x)
    q, k, v = ((normed @ w.T).reshape(n, 4, 4) for w in (query, key, value))
    scores = jnp.einsum("thj,uhj->htu", q, k) / 2
    scores = jnp.where(jnp.tri(n, dtype=bool), scores, -jnp.inf)
    mixed = jnp.einsum("htu,uhj->thj", jax.nn.softmax(scores), v)
    x = x + mixed.reshape(n, 16) @ output.T
    x = x + jax.nn.relu(rmsnorm(x) @ fc1.T) @ fc2.T
    log_probabilities = jax.nn.log_softmax(x @ lm_head.T)
    return -log_probabilities[jnp.arange(n), targets].mean()


def peer(workload: Workload) -> Peer:
    """The step of this workload."""
    parameters = [jnp.array(part) for part in workload.split(workload.start)]
    state: Any
    if workload.tokens:
        zeros = [jnp.zeros_like(p) for p in parameters]
        state = parameters, zeros, [jnp.zeros_like(p) for p in parameters], jnp.zeros(())
        args = (jnp.array(workload.tokens),)
        update = jax.jit(lambda state, tokens: adam(state, workload.lr, tokens), donate_argnums=0)
    else:
        state = (parameters,)
        args = jnp.array(workload.x), jnp.array(workload.y)
        loss = hinge if workload.hinge else squared_error
        update = jax.jit(lambda state, x, y: sgd(loss, state, workload.lr, x, y), donate_argnums=0)

    def step(*inputs: Array) -> Array:
        nonlocal state
        state, value = update(state, *inputs)
        return value.block_until_ready()  # one program: the parameters are ready, too

    def now() -> Floats:
        return np.concatenate([np.ravel(p) for p in state[0]])

    return Peer(step, args, now)


def sgd(loss: Any, state: Any, lr: float, x: Array, y: Array) -> Any:
    """The parameters after a step, and the loss."""
    (parameters,) = state
    value, gradient = jax.value_and_grad(loss)(parameters, x, y)
    return ([p - lr * g for p, g in zip(parameters, gradient, strict=True)],), value


def adam(state: Any, lr: float, tokens: Array) -> Any:
    """Parameters, both means and the step count after a step, and the loss."""
    parameters, means, squares, t = state
    value, gradient = jax.value_and_grad(surprise)(parameters, tokens)
    beta1, beta2 = BETAS
    t = t + 1
    tree = jax.tree.map
    means = tree(lambda m, g: beta1 * m + (1 - beta1) * g, means, gradient)
    squares = tree(lambda v, g: beta2 * v + (1 - beta2) * g * g, squares, gradient)

    def moved(p: Array, m: Array, v: Array) -> Array:
        return p - lr * (m / (1 - beta1**t)) / (jnp.sqrt(v / (1 - beta2**t)) + EPS)

    return (tree(moved, parameters, means, squares), means, squares, t), value
