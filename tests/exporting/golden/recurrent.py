"""The loss of `loss` and its gradient, in NumPy.

Shapes, for n samples: X (n, 3), y (n,), W (4, 3), U (4, 4), b (4,), v (4,).
"""

import numpy as np


def loss(parameters, X, y):
    """The loss: a number."""
    n = len(X)
    W, U = parameters["W"], parameters["U"]
    b, v = parameters["b"], parameters["v"]
    h = np.zeros(4)
    total = 0.0
    for t in range(n):
        h = np.tanh(W @ X[t] + U @ h + b)  # (4,)
        total = total + (v @ h - y[t]) ** 2
    L = total / n
    return L


def loss_and_gradient(parameters, X, y):
    """The loss, and its derivative by each parameter: dA is that by A, in A's shape."""
    n = len(X)
    W, U = parameters["W"], parameters["U"]
    b, v = parameters["b"], parameters["v"]
    total = 0.0
    h = np.zeros((n + 1, 4))
    z = np.zeros(n)
    for t in range(n):
        h[t + 1] = np.tanh(W @ X[t] + U @ h[t] + b)
        z[t] = v @ h[t + 1] - y[t]
        total = total + z[t] ** 2
    L = total / n
    dh = np.zeros(4)
    dtotal = 1 / n
    dW = np.zeros((4, 3))
    dU = np.zeros((4, 4))
    db = np.zeros(4)
    dv = np.zeros(4)
    for t in reversed(range(n)):
        dZ = dtotal * (2 * z[t])
        dh = dh + dZ * v  # (4,)
        dZ_2 = dh * (1 - h[t + 1] * h[t + 1])  # (4,)
        dW += np.outer(dZ_2, X[t])
        dU += np.outer(dZ_2, h[t])
        db += dZ_2
        dv += dZ * h[t + 1]
        dh = dZ_2 @ U  # (4,)
    return L, {"W": dW, "U": dU, "b": db, "v": dv}
