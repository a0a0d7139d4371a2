"""The loss of `loss` and its gradient, in NumPy.

Shapes, for n samples: X (n, 2), y (n,), weight_ih_l0 (12, 2), bias_ih_l0 (12,),
weight_hh_l0 (12, 3), bias_hh_l0 (12,), weight_ih_l1 (12, 3), bias_ih_l1 (12,),
weight_hh_l1 (12, 3), bias_hh_l1 (12,), weight (3,); a number each: bias.
"""

import numpy as np


def loss(parameters, X, y):
    """The loss: a number."""
    n = len(X)
    weight_ih_l0, bias_ih_l0 = parameters["weight_ih_l0"], parameters["bias_ih_l0"]
    weight_hh_l0, bias_hh_l0 = parameters["weight_hh_l0"], parameters["bias_hh_l0"]
    weight_ih_l1, bias_ih_l1 = parameters["weight_ih_l1"], parameters["bias_ih_l1"]
    weight_hh_l1, bias_hh_l1 = parameters["weight_hh_l1"], parameters["bias_hh_l1"]
    weight, bias = parameters["weight"], parameters["bias"]
    c = np.zeros(3)
    h = np.zeros(3)
    hs = np.zeros((n, 3))
    for t in range(n):
        H1 = weight_ih_l0 @ X[t] + weight_hh_l0 @ h + bias_ih_l0 + bias_hh_l0  # (12,)
        Z = 1.0 / (1.0 + np.exp(-H1[:3])) * np.tanh(H1[6:9])  # (3,)
        c = c * (1.0 / (1.0 + np.exp(-H1[3:6]))) + Z  # (3,)
        h = 1.0 / (1.0 + np.exp(-H1[9:])) * np.tanh(c)  # (3,)
        hs[t] = h
    c2 = np.zeros(3)
    h2 = np.zeros(3)
    hs1 = np.zeros((n, 3))
    for t in range(n):
        H2 = weight_ih_l1 @ hs[t] + weight_hh_l1 @ h2 + bias_ih_l1 + bias_hh_l1  # (12,)
        Z2 = 1.0 / (1.0 + np.exp(-H2[:3])) * np.tanh(H2[6:9])  # (3,)
        c2 = c2 * (1.0 / (1.0 + np.exp(-H2[3:6]))) + Z2  # (3,)
        h2 = 1.0 / (1.0 + np.exp(-H2[9:])) * np.tanh(c2)  # (3,)
        hs1[t] = h2
    H3 = hs1 @ weight + bias - y  # (n,)
    L = np.sum(H3**2) / n
    return L


def loss_and_gradient(parameters, X, y):
    """The loss, and its derivative by each parameter: dA is that by A, in A's shape."""
    n = len(X)
    weight_ih_l0, bias_ih_l0 = parameters["weight_ih_l0"], parameters["bias_ih_l0"]
    weight_hh_l0, bias_hh_l0 = parameters["weight_hh_l0"], parameters["bias_hh_l0"]
    weight_ih_l1, bias_ih_l1 = parameters["weight_ih_l1"], parameters["bias_ih_l1"]
    weight_hh_l1, bias_hh_l1 = parameters["weight_hh_l1"], parameters["bias_hh_l1"]
    weight, bias = parameters["weight"], parameters["bias"]
    c = np.zeros((n + 1, 3))
    h = np.zeros((n + 1, 3))
    z_6 = np.zeros((n, 3))
    z_7 = np.zeros((n, 3))
    z_8 = np.zeros((n, 3))
    z_9 = np.zeros((n, 3))
    z_10 = np.zeros((n, 3))
    hs = np.zeros((n, 3))
    for t in range(n):
        H1 = weight_ih_l0 @ X[t] + weight_hh_l0 @ h[t] + bias_ih_l0 + bias_hh_l0
        z_6[t] = 1.0 / (1.0 + np.exp(-H1[3:6]))
        z_7[t] = 1.0 / (1.0 + np.exp(-H1[:3]))
        z_8[t] = np.tanh(H1[6:9])
        c[t + 1] = c[t] * z_6[t] + z_7[t] * z_8[t]
        z_9[t] = 1.0 / (1.0 + np.exp(-H1[9:]))
        z_10[t] = np.tanh(c[t + 1])
        h[t + 1] = z_9[t] * z_10[t]
        hs[t] = h[t + 1]
    c2 = np.zeros((n + 1, 3))
    h2 = np.zeros((n + 1, 3))
    z = np.zeros((n, 3))
    z_2 = np.zeros((n, 3))
    z_3 = np.zeros((n, 3))
    z_4 = np.zeros((n, 3))
    z_5 = np.zeros((n, 3))
    hs1 = np.zeros((n, 3))
    for t in range(n):
        H2 = weight_ih_l1 @ hs[t] + weight_hh_l1 @ h2[t] + bias_ih_l1 + bias_hh_l1
        z[t] = 1.0 / (1.0 + np.exp(-H2[3:6]))
        z_2[t] = 1.0 / (1.0 + np.exp(-H2[:3]))
        z_3[t] = np.tanh(H2[6:9])
        c2[t + 1] = c2[t] * z[t] + z_2[t] * z_3[t]
        z_4[t] = 1.0 / (1.0 + np.exp(-H2[9:]))
        z_5[t] = np.tanh(c2[t + 1])
        h2[t + 1] = z_4[t] * z_5[t]
        hs1[t] = h2[t + 1]
    H3 = hs1 @ weight + bias - y  # (n,)
    L = np.sum(H3**2) / n
    dH3 = 2 * H3 / n  # (n,)
    dweight = dH3 @ hs1  # (3,)
    dbias = dH3.sum()
    dc2 = np.zeros(3)
    dh2 = np.zeros(3)
    dhs1 = np.outer(dH3, weight)  # (n, 3)
    dweight_ih_l1 = np.zeros((12, 3))
    dhs = np.zeros((n, 3))
    dweight_hh_l1 = np.zeros((12, 3))
    dbias_ih_l1 = np.zeros(12)
    dbias_hh_l1 = np.zeros(12)
    for t in reversed(range(n)):
        dh2 = dh2 + dhs1[t]  # (3,)
        dc2 = dc2 + dh2 * z_4[t] * (1 - z_5[t] * z_5[t])  # (3,)
        dH2 = np.zeros(12)
        dH2[9:] += dh2 * z_5[t] * (1 - z_4[t]) * z_4[t]
        dH2[3:6] += dc2 * c2[t] * (1 - z[t]) * z[t]
        dH2[:3] += dc2 * z_3[t] * (1 - z_2[t]) * z_2[t]
        dH2[6:9] += dc2 * z_2[t] * (1 - z_3[t] * z_3[t])
        dweight_ih_l1 += np.outer(dH2, hs[t])
        dhs[t] += dH2 @ weight_ih_l1
        dweight_hh_l1 += np.outer(dH2, h2[t])
        dbias_ih_l1 += dH2
        dbias_hh_l1 += dH2
        dc2 = dc2 * z[t]  # (3,)
        dh2 = dH2 @ weight_hh_l1  # (3,)
    dc = np.zeros(3)
    dh = np.zeros(3)
    dweight_ih_l0 = np.zeros((12, 2))
    dweight_hh_l0 = np.zeros((12, 3))
    dbias_ih_l0 = np.zeros(12)
    dbias_hh_l0 = np.zeros(12)
    for t in reversed(range(n)):
        dh = dh + dhs[t]  # (3,)
        dc = dc + dh * z_9[t] * (1 - z_10[t] * z_10[t])  # (3,)
        dH1 = np.zeros(12)
        dH1[9:] += dh * z_10[t] * (1 - z_9[t]) * z_9[t]
        dH1[3:6] += dc * c[t] * (1 - z_6[t]) * z_6[t]
        dH1[:3] += dc * z_8[t] * (1 - z_7[t]) * z_7[t]
        dH1[6:9] += dc * z_7[t] * (1 - z_8[t] * z_8[t])
        dweight_ih_l0 += np.outer(dH1, X[t])
        dweight_hh_l0 += np.outer(dH1, h[t])
        dbias_ih_l0 += dH1
        dbias_hh_l0 += dH1
        dc = dc * z_6[t]  # (3,)
        dh = dH1 @ weight_hh_l0  # (3,)
    return L, {
        "weight_ih_l0": dweight_ih_l0,
        "bias_ih_l0": dbias_ih_l0,
        "weight_hh_l0": dweight_hh_l0,
        "bias_hh_l0": dbias_hh_l0,
        "weight_ih_l1": dweight_ih_l1,
        "bias_ih_l1": dbias_ih_l1,
        "weight_hh_l1": dweight_hh_l1,
        "bias_hh_l1": dbias_hh_l1,
        "weight": dweight,
        "bias": dbias,
    }
