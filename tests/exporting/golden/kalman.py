"""The loss of `negative_log_likelihood` and its gradient, in NumPy.

Shapes, for n samples: y (n,); a number each: q, r.
"""

import numpy as np


def loss(parameters, y):
    """The loss: a number."""
    n = len(y)
    q, r = parameters["q"], parameters["r"]
    m = 0.0
    p = 1.0
    total = 0.0
    for t in range(n):
        prior = p + q**2
        e = y[t] - m
        s = r**2 + prior
        k = prior / s
        m = m + e * k
        p = prior * (1 - k)
        total = total + 0.5 * (np.log(s) + e**2 / s)
    return total


def loss_and_gradient(parameters, y):
    """The loss, and its derivative by each parameter: dA is that by A, in A's shape."""
    n = len(y)
    q, r = parameters["q"], parameters["r"]
    m = 0.0
    p = 1.0
    total = 0.0
    prior = np.zeros(n)
    e = np.zeros(n)
    s = np.zeros(n)
    k = np.zeros(n)
    z = np.zeros(n)
    for t in range(n):
        prior[t] = p + q**2
        e[t] = y[t] - m
        s[t] = r**2 + prior[t]
        k[t] = prior[t] / s[t]
        m = m + e[t] * k[t]
        p = prior[t] * (1 - k[t])
        z[t] = e[t] ** 2
        total = total + 0.5 * (np.log(s[t]) + z[t] / s[t])
    dm = 0
    dp = 0
    dtotal = 1
    dq = 0
    dr = 0
    for t in reversed(range(n)):
        dk = dm * e[t] - dp * prior[t]
        dZ = 0.5 * dtotal
        ds = dZ / s[t] - dZ * (z[t] / s[t] / s[t]) - dk * (prior[t] / s[t] / s[t])
        de = dZ / s[t] * (2 * e[t]) + dm * k[t]
        dprior = dp * (1 - k[t]) + dk / s[t] + ds
        dq += dprior * (2 * q)
        dr += ds * (2 * r)
        dm = dm - de
        dp = dprior
    return total, {"q": dq, "r": dr}
