"""The loss of `loss`, its gradient, and a step of SGD, in NumPy.

Shapes, for n samples: x (n, 3), y (n,), W1 (5, 3), b1 (5,), W2 (5, 5), b2 (5,), W3 (3,
5), b3 (3,), W4 (3,); a number each: b4.
"""

import numpy as np


def loss(parameters, x, y):
    """The loss: a number."""
    n = len(x)
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    W4, b4 = parameters["W4"], parameters["b4"]
    H1 = np.maximum(x @ W1.T + b1, 0.0)  # (n, 5)
    H2 = np.maximum(H1 @ W2.T + b2, 0.0)  # (n, 5)
    H3 = np.maximum(H2 @ W3.T + b3, 0.0)  # (n, 3)
    H4 = H3 @ W4 + b4 - y  # (n,)
    L = np.sum(H4**2) / n
    return L


def loss_and_gradient(parameters, x, y):
    """The loss, and its derivative by each parameter: dA is that by A, in A's shape."""
    n = len(x)
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    W4, b4 = parameters["W4"], parameters["b4"]
    H1 = np.maximum(x @ W1.T + b1, 0.0)  # (n, 5)
    H2 = np.maximum(H1 @ W2.T + b2, 0.0)  # (n, 5)
    H3 = np.maximum(H2 @ W3.T + b3, 0.0)  # (n, 3)
    H4 = H3 @ W4 + b4 - y  # (n,)
    L = np.sum(H4**2) / n
    dH4 = 2 * H4 / n  # (n,)
    dW4 = dH4 @ H3  # (3,)
    db4 = dH4.sum()
    dH3 = np.outer(dH4, W4)  # (n, 3)
    dZ3 = dH3 * (H3 > 0)  # (n, 3)
    dW3 = dZ3.T @ H2  # (3, 5)
    db3 = dZ3.sum(axis=0)  # (3,)
    dH2 = dZ3 @ W3  # (n, 5)
    dZ2 = dH2 * (H2 > 0)  # (n, 5)
    dW2 = dZ2.T @ H1  # (5, 5)
    db2 = dZ2.sum(axis=0)  # (5,)
    dH1 = dZ2 @ W2  # (n, 5)
    dZ1 = dH1 * (H1 > 0)  # (n, 5)
    dW1 = dZ1.T @ x  # (5, 3)
    db1 = dZ1.sum(axis=0)  # (5,)
    return L, {
        "W1": dW1,
        "b1": db1,
        "W2": dW2,
        "b2": db2,
        "W3": dW3,
        "b3": db3,
        "W4": dW4,
        "b4": db4,
    }


def step(parameters, x, y, lr=0.05):
    """The loss, and the parameters after one step of SGD."""
    L, gradient = loss_and_gradient(parameters, x, y)
    new = {name: p - lr * gradient[name] for name, p in parameters.items()}
    return L, new
