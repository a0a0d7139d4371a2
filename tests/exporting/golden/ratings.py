"""The loss of `ratings` and its gradient, in NumPy.

Shapes: examples_0 (6,), examples_1 (6,), examples_2 (6,), USERS_ITEMS (22,).
"""

from pathlib import Path

import numpy as np

with np.load(Path(__file__).with_name(f"{Path(__file__).stem}_constants.npz")) as kept:
    I1 = kept["I1"]
    I3 = kept["I3"]
    I4 = kept["I4"]
I2 = np.array([0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11])
I5 = np.array([[3, 5], [6, 7], [8, 10], [2, 4], [9, 11], [0, 1]])
I6 = np.array([[18, 19], [13, 16], [22, 23], [14, 17], [12, 15], [20, 21]])


def loss(parameters, examples_0, examples_1, examples_2):
    """The loss: a number."""
    USERS_ITEMS = parameters["USERS_ITEMS"]
    Z1 = np.eye(7)[np.concatenate([examples_0, examples_1])[I2]]  # (12, 7)
    H1 = np.bincount(I4, weights=USERS_ITEMS[I1] * Z1.reshape(-1)[I3], minlength=24)
    H2 = np.sum(H1[I5] * H1[I6], axis=1) - examples_2  # (6,)
    L = np.sum(H2**2) / 6
    return L


def loss_and_gradient(parameters, examples_0, examples_1, examples_2):
    """The loss, and its derivative by each parameter: dA is that by A, in A's shape."""
    USERS_ITEMS = parameters["USERS_ITEMS"]
    Z1 = np.eye(7)[np.concatenate([examples_0, examples_1])[I2]].reshape(-1)[I3]
    H1 = np.bincount(I4, weights=USERS_ITEMS[I1] * Z1, minlength=24)  # (24,)
    H2 = np.sum(H1[I5] * H1[I6], axis=1) - examples_2  # (6,)
    L = np.sum(H2**2) / 6
    dH2 = H2 / 3  # (6,)
    dH1 = np.zeros(24)
    np.add.at(dH1, I5, dH2[:, None] * H1[I6])
    np.add.at(dH1, I6, dH2[:, None] * H1[I5])
    dUSERS_ITEMS = np.zeros(22)
    np.add.at(dUSERS_ITEMS, I1, dH1[I4] * Z1)
    return L, {"USERS_ITEMS": dUSERS_ITEMS}
