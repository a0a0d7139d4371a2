"""The article's network as C: net.c and net.h, its data as data.h, and where training ends here.

    python examples/c/export.py FOLDER
    cc -std=c99 -O2 examples/c/train.c FOLDER/net.c -IFOLDER -lm -o train && ./train

Both print the last loss and then all parameters.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import micrograd
from micrograd import data, nn, optim

STEPS = 200


def main(folder: Path) -> None:
    """Write the files, and train."""
    micrograd.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3), nn.ReLU(),
        nn.Linear(3, 1),
    )  # fmt: skip
    X, y = (np.array(x) for x in data.article(100, seed=0))  # noqa: N806
    criterion = nn.MSELoss()

    def loss(X, y):  # noqa: N803
        return criterion(model(micrograd.tensor(X)), micrograd.tensor(y))

    net = micrograd.compile(loss, optimizer=optim.Adam(model.parameters(), lr=0.01))
    micrograd.export(net, X, y, to="c").save(folder / "net.c")
    numbers = [
        f"static const double {name}[] = {{{', '.join(map(repr, x.ravel().tolist()))}}};"
        for name, x in (("X", X), ("y", y))
    ]
    (folder / "data.h").write_text("\n".join([*numbers, f"enum {{ STEPS = {STEPS} }};", ""]))
    for _ in range(STEPS):
        last = net.step(X, y)
    print(repr(float(last)))
    for p in model.parameters():
        print(*(repr(x) for x in np.ravel(p.detach().numpy()).tolist()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
