"""The loss of `loss`, its gradient, and a step of SGD, in NumPy.

Shapes, for n samples: x (n, 2), y (n,), W1 (16, 2), b1 (16,), W2 (16, 16), b2 (16,), W3
(16,); a number each: b3.
"""

import numpy as np


def loss(parameters, x, y):
    """The loss: a number."""
    n = len(x)
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    H1 = np.maximum(x @ W1.T + b1, 0.0)  # (n, 16)
    H2 = np.maximum(H1 @ W2.T + b2, 0.0)  # (n, 16)
    H3 = np.maximum(1 - y * (H2 @ W3 + b3), 0.0)  # (n,)
    H4 = H3.sum()
    Z = np.sum(W1**2) + np.sum(b1**2) + np.sum(W2**2) + np.sum(b2**2)
    L = H4 / n + 0.0001 * (Z + np.sum(W3**2) + b3**2)
    return L


def loss_and_gradient(parameters, x, y):
    """The loss, and its derivative by each parameter: dA is that by A, in A's shape."""
    n = len(x)
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    H1 = np.maximum(x @ W1.T + b1, 0.0)  # (n, 16)
    H2 = np.maximum(H1 @ W2.T + b2, 0.0)  # (n, 16)
    H3 = np.maximum(1 - y * (H2 @ W3 + b3), 0.0)  # (n,)
    H4 = H3.sum()
    Z = np.sum(W1**2) + np.sum(b1**2) + np.sum(W2**2) + np.sum(b2**2)
    L = H4 / n + 0.0001 * (Z + np.sum(W3**2) + b3**2)
    dH4 = 1 / n
    dH3 = np.full((n,), dH4)  # (n,)
    dZ3 = dH3 * (H3 > 0) * -y  # (n,)
    dW3 = 0.0002 * W3 + dZ3 @ H2  # (16,)
    db3 = 0.0002 * b3 + dZ3.sum()
    dH2 = np.outer(dZ3, W3)  # (n, 16)
    dZ2 = dH2 * (H2 > 0)  # (n, 16)
    dW2 = 0.0002 * W2 + dZ2.T @ H1  # (16, 16)
    db2 = 0.0002 * b2 + dZ2.sum(axis=0)  # (16,)
    dH1 = dZ2 @ W2  # (n, 16)
    dZ1 = dH1 * (H1 > 0)  # (n, 16)
    dW1 = 0.0002 * W1 + dZ1.T @ x  # (16, 2)
    db1 = 0.0002 * b1 + dZ1.sum(axis=0)  # (16,)
    return L, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def step(parameters, x, y, lr=0.05):
    """The loss, and the parameters after one step of SGD."""
    L, gradient = loss_and_gradient(parameters, x, y)
    new = {name: p - lr * gradient[name] for name, p in parameters.items()}
    return L, new
