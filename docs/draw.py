"""The pictures in docs/: `make pictures` draws them anew; a test sees that they are today's."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import micrograd
import viz
from micrograd import data, nn, optim, record_step
from micrograd.article import networks as article


def pictures() -> dict[str, Any]:
    """Each picture by the name of its file."""
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=article.LEARNING_RATE)
    step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)
    return {
        "gradient_diagram.svg": viz.gradient_diagram(step),
        "gradient_diagram.zh-CN.svg": viz.gradient_diagram(step, language="zh"),
        "recovered.svg": viz.layer_graph(_compiled()),
        "moving.svg": Moving(viz.stepper(step)),
        "moving.zh-CN.svg": Moving(viz.stepper(step, language="zh")),
    }


def pages() -> dict[str, viz.Figure]:
    """The live pages, by the names of their files."""
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=article.LEARNING_RATE)
    step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)
    return {"step.html": viz.stepper(step), "step.zh-CN.html": viz.stepper(step, language="zh")}


class Moving:
    """The picture of a page that goes through its stages by itself."""

    def __init__(self, stepper: viz.Stepper) -> None:
        self.stepper = stepper

    def svg(self) -> str:
        """The SVG, which has its own style."""
        return self.stepper.moving()

    def save(self, path: Path) -> None:
        """Write it."""
        path.write_text(self.svg(), "utf-8")


def _compiled() -> Any:
    """The compiled function of the README, called once."""
    random.seed(0)
    network = nn.MLP(3, [5, 5, 3, 1])
    inputs, targets = data.article(800, seed=0)

    def loss(X, y):  # noqa: N803  (as the README has it)
        return sum((network(row) - t) ** 2 for row, t in zip(X, y, strict=True)) / len(X)

    compiled = micrograd.compile(loss, parameters=network.parameters())
    compiled(inputs, targets[:, 0].copy())
    return compiled


if __name__ == "__main__":
    for name, figure in {**pictures(), **pages()}.items():
        figure.save(Path(__file__).parent / name)
