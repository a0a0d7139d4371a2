"""The loss of `loss`, its gradient, and a step of Adam, in NumPy.

Shapes: tokens (9,), E1 (11, 8), b1 (64,), W1 (24, 8), W2 (8, 8), W3 (16, 8), W4 (8,
16), W5 (11, 8).
"""

from pathlib import Path

import numpy as np

with np.load(Path(__file__).with_name(f"{Path(__file__).stem}_constants.npz")) as kept:
    I1 = kept["I1"]
    I2 = kept["I2"]
    I3 = kept["I3"]
    I4 = kept["I4"]
    I5 = kept["I5"]
    I6 = kept["I6"]


def loss(parameters, tokens):
    """The loss: a number."""
    E1, b1 = parameters["E1"], parameters["b1"]
    W1, W2 = parameters["W1"], parameters["W2"]
    W3, W4 = parameters["W3"], parameters["W4"]
    W5 = parameters["W5"]
    H1 = E1[tokens[:8]] + b1.reshape(8, 8)  # (8, 8)
    H2 = (0.125 * np.sum(H1**2, axis=1) + 1e-05) ** -0.5  # (8,)
    H3 = H1 * H2[:, None]  # (8, 8)
    H4 = H3 @ W1.T  # (8, 24)
    H5 = 0.5 * np.sum(H4.reshape(-1)[I1] * H4.reshape(-1)[I2], axis=1)  # (72,)
    H6 = np.maximum.reduceat(H5, np.unique(I3, return_index=True)[1], axis=-1)  # (16,)
    H7 = np.exp(H5 - H6[I3])  # (72,)
    H8 = np.bincount(I3, weights=H7, minlength=16)  # (16,)
    H9 = H7 / H8[I3]  # (72,)
    Z10 = H4.reshape(-1)[I4]  # (288,)
    H10 = np.bincount(I6, weights=Z10 * H9[I5], minlength=64).reshape(8, 8)  # (8, 8)
    H11 = H10 @ W2.T + H3  # (8, 8)
    H12 = (0.125 * np.sum(H11**2, axis=1) + 1e-05) ** -0.5  # (8,)
    H13 = H11 * H12[:, None]  # (8, 8)
    H14 = np.maximum(H13 @ W3.T, 0.0)  # (8, 16)
    H15 = H14 @ W4.T + H11  # (8, 8)
    H16 = H15 @ W5.T  # (8, 11)
    H17 = H16.max(axis=1)  # (8,)
    H18 = np.exp(H16 - H17[:, None])  # (8, 11)
    H19 = H18.sum(axis=1)  # (8,)
    H20 = H18 / H19[:, None]  # (8, 11)
    H21 = np.log(np.sum(np.eye(11)[tokens[1:]] * H20, axis=1))  # (8,)
    L = -0.125 * H21.sum()
    return L


def loss_and_gradient(parameters, tokens):
    """The loss, and its derivative by each parameter: dA is that by A, in A's shape."""
    E1, b1 = parameters["E1"], parameters["b1"]
    W1, W2 = parameters["W1"], parameters["W2"]
    W3, W4 = parameters["W3"], parameters["W4"]
    W5 = parameters["W5"]
    H1 = E1[tokens[:8]] + b1.reshape(8, 8)  # (8, 8)
    Z2 = 0.125 * np.sum(H1**2, axis=1) + 1e-05  # (8,)
    H2 = Z2**-0.5  # (8,)
    H3 = H1 * H2[:, None]  # (8, 8)
    H4 = H3 @ W1.T  # (8, 24)
    Z5 = H4.reshape(-1)[I1]  # (72, 4)
    Z5_2 = H4.reshape(-1)[I2]  # (72, 4)
    H5 = 0.5 * np.sum(Z5 * Z5_2, axis=1)  # (72,)
    H6 = np.maximum.reduceat(H5, np.unique(I3, return_index=True)[1], axis=-1)  # (16,)
    H7 = np.exp(H5 - H6[I3])  # (72,)
    H8 = np.bincount(I3, weights=H7, minlength=16)  # (16,)
    H9 = H7 / H8[I3]  # (72,)
    Z10 = H4.reshape(-1)[I4]  # (288,)
    H10 = np.bincount(I6, weights=Z10 * H9[I5], minlength=64).reshape(8, 8)  # (8, 8)
    H11 = H10 @ W2.T + H3  # (8, 8)
    Z12 = 0.125 * np.sum(H11**2, axis=1) + 1e-05  # (8,)
    H12 = Z12**-0.5  # (8,)
    H13 = H11 * H12[:, None]  # (8, 8)
    H14 = np.maximum(H13 @ W3.T, 0.0)  # (8, 16)
    H15 = H14 @ W4.T + H11  # (8, 8)
    H16 = H15 @ W5.T  # (8, 11)
    H17 = H16.max(axis=1)  # (8,)
    H18 = np.exp(H16 - H17[:, None])  # (8, 11)
    H19 = H18.sum(axis=1)  # (8,)
    H20 = H18 / H19[:, None]  # (8, 11)
    Z21 = np.eye(11)[tokens[1:]]  # (8, 11)
    Z21_2 = np.sum(Z21 * H20, axis=1)  # (8,)
    H21 = np.log(Z21_2)  # (8,)
    L = -0.125 * H21.sum()
    dH21 = np.full((8,), -0.125)  # (8,)
    dH20 = (dH21 / Z21_2)[:, None] * Z21  # (8, 11)
    dH19 = np.sum(-dH20 * (H18 / H19[:, None] / H19[:, None]), axis=1)  # (8,)
    dH18 = dH20 / H19[:, None] + np.broadcast_to(dH19[:, None], (8, 11))  # (8, 11)
    dH16 = dH18 * H18  # (8, 11)
    dW5 = dH16.T @ H15  # (11, 8)
    dH15 = dH16 @ W5  # (8, 8)
    dW4 = dH15.T @ H14  # (8, 16)
    dH14 = dH15 @ W4  # (8, 16)
    dZ14 = dH14 * (H14 > 0)  # (8, 16)
    dW3 = dZ14.T @ H13  # (16, 8)
    dH13 = dZ14 @ W3  # (8, 8)
    dH12 = np.sum(dH13 * H11, axis=1)  # (8,)
    dZ11 = 0.125 * (dH12 * (-0.5 * Z12**-1.5))  # (8,)
    dH11 = dH15 + dH13 * H12[:, None] + dZ11[:, None] * (2 * H11)  # (8, 8)
    dW2 = dH11.T @ H10  # (8, 8)
    dH10 = dH11 @ W2  # (8, 8)
    part = np.zeros(192)
    dZ10 = dH10.reshape(-1)[I6]  # (288,)
    np.add.at(part, I4, dZ10 * H9[I5])
    dH9 = np.zeros(72)
    np.add.at(dH9, I5, dZ10 * Z10)
    dH8 = np.zeros(16)
    np.add.at(dH8, I3, -dH9 * (H7 / H8[I3] / H8[I3]))
    dH7 = dH9 / H8[I3] + dH8[I3]  # (72,)
    dH5 = dH7 * H7  # (72,)
    part_2 = np.zeros(192)
    dZ5 = 0.5 * dH5  # (72,)
    np.add.at(part_2, I1, dZ5[:, None] * Z5_2)
    part_3 = np.zeros(192)
    np.add.at(part_3, I2, dZ5[:, None] * Z5)
    dH4 = part.reshape(8, 24) + part_2.reshape(8, 24) + part_3.reshape(8, 24)  # (8, 24)
    dW1 = dH4.T @ H3  # (24, 8)
    dH3 = dH11 + dH4 @ W1  # (8, 8)
    dH2 = np.sum(dH3 * H1, axis=1)  # (8,)
    dH1 = dH3 * H2[:, None] + (0.125 * (dH2 * (-0.5 * Z2**-1.5)))[:, None] * (2 * H1)
    dE1 = np.zeros((11, 8))
    np.add.at(dE1, tokens[:8], dH1)
    db1 = dH1.reshape(-1)  # (64,)
    return L, {
        "E1": dE1,
        "b1": db1,
        "W1": dW1,
        "W2": dW2,
        "W3": dW3,
        "W4": dW4,
        "W5": dW5,
    }


def initial_state(parameters):
    """What Adam keeps for each parameter, at the start."""
    return {
        name: {
            "step": np.zeros_like(p),
            "exp_avg": np.zeros_like(p),
            "exp_avg_sq": np.zeros_like(p),
        }
        for name, p in parameters.items()
    }


def step(parameters, state, tokens, lr=0.01):
    """The loss, and the parameters and the state after one step of Adam."""
    L, gradient = loss_and_gradient(parameters, tokens)
    new, kept = {}, {}
    for name, p in parameters.items():
        g = gradient[name]
        steps = state[name]["step"]
        exp_avg = state[name]["exp_avg"]
        exp_avg_sq = state[name]["exp_avg_sq"]
        steps = steps + 1
        exp_avg = exp_avg + 0.15000000000000002 * (g - exp_avg)
        exp_avg_sq = 0.99 * exp_avg_sq + g * g / 100
        Z = np.sqrt(exp_avg_sq) / np.sqrt(1 - 0.99**steps) + 1e-08
        new[name] = p - lr * (exp_avg / Z / (1 - 0.85**steps))
        kept[name] = {"step": steps, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    return L, new, kept
