"""The loss of `loss`, its gradient, and a step of SGD, in NumPy.

Shapes, for n samples: x (n, 15), y (n,), filters (4, 3).
"""

import numpy as np

I1 = np.arange(0, 14, 2)[:, None] + np.arange(3)


def loss(parameters, x, y):
    """The loss: a number."""
    filters = parameters["filters"]
    H1 = np.maximum(np.einsum("jl,ikl->ijk", filters, x[:, I1]), 0.0)  # (n, 4, 7)
    H2 = np.sum(H1.reshape(-1, 28), axis=1) - y  # (n,)
    L = np.sum(H2**2) / 50
    return L


def loss_and_gradient(parameters, x, y):
    """The loss, and its derivative by each parameter: dA is that by A, in A's shape."""
    n = len(x)
    filters = parameters["filters"]
    H1 = np.maximum(np.einsum("jl,ikl->ijk", filters, x[:, I1]), 0.0)  # (n, 4, 7)
    H2 = np.sum(H1.reshape(-1, 28), axis=1) - y  # (n,)
    L = np.sum(H2**2) / 50
    dH2 = 0.04 * H2  # (n,)
    dH1 = np.broadcast_to(dH2[:, None], (n, 28)).reshape(-1, 4, 7)  # (n, 4, 7)
    dfilters = np.einsum("ijk,ikl->jl", dH1 * (H1 > 0), x[:, I1])  # (4, 3)
    return L, {"filters": dfilters}


def step(parameters, x, y, lr=0.01):
    """The loss, and the parameters after one step of SGD."""
    L, gradient = loss_and_gradient(parameters, x, y)
    new = {name: p - lr * gradient[name] for name, p in parameters.items()}
    return L, new
