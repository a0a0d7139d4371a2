"""The order of a page's stages: nothing is shown before what it is computed from."""

from __future__ import annotations

import random

import pytest
import recorded_models

from micrograd import Value, nn, optim, record_step
from micrograd.nn import MLP
from viz.diagram.diagram import diagram_of_step, diagram_of_value
from viz.diagram.rows import Rows
from viz.stepping.page import page_data

ROWS = Rows(4, "en")
STEPS = recorded_models.steps()
EVERY = 4  # of the models in each run


def regularised():
    random.seed(1)
    model = MLP(2, [3, 2, 1])

    def hinge(out, y):
        data = sum((1 - t * s).relu() for s, t in zip(out, y, strict=True)) / len(y)
        return data + 0.01 * sum(p * p for p in model.parameters())

    rule = optim.SGD(model.parameters(), lr=0.1)
    return record_step(model, hinge, rule, [[1.0, -1.0], [0.5, 2.0]], [1.0, -1.0])


def gradients_in(data, expression):
    """The nodes whose gradients an expression reads."""
    if isinstance(expression, list):
        return {i for x in expression[1:] for i in gradients_in(data, x)}
    if not isinstance(expression, dict):
        return set()
    kind, *about = data["q"][expression["q"]][3]
    if kind == "e":
        return gradients_in(data, about[0])
    return {about[0]} if kind == "g" else set()


def check(diagram):
    diagram.figure()
    data = page_data(diagram)
    known = {diagram.reading.root.position}
    for stage in data["stages"]:
        if stage["p"] != 1:
            continue
        for _, expression, q in stage["e"]:
            assert gradients_in(data, expression) <= known, stage["h"]
            known |= gradients_in(data, {"q": q})
        for b, r in stage["x"]:
            row = data["bands"][b][3][r]
            said = row.get("q") if "note" not in row else row["note"][1]
            shown = [] if said is None else [{"q": said}]
            for x in shown:
                assert gradients_in(data, x) <= known, (stage["h"], row)
    return len(data["stages"])


@pytest.mark.parametrize(
    "name",
    [n if k % EVERY == 0 else pytest.param(n, marks=pytest.mark.long) for k, n in enumerate(STEPS)],
)
def test_a_gradient_is_there_before_it_is_read(name):
    diagram = diagram_of_step(STEPS[name](), 0, ROWS)
    if diagram is not None:
        assert check(diagram) > 2


def test_a_share_is_said_when_the_gradient_above_is_known():
    assert check(diagram_of_step(regularised(), 0, ROWS)) > 60


def test_of_a_value():
    x = Value(0.5, label="x")
    h = (x * 3).exp()
    assert check(diagram_of_value(h * x + h.log() + x, ROWS, anew=True)) > 4


def test_tied_weights():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(2, 1))
    rule = optim.Adam(model.parameters(), lr=0.1)
    step = record_step(model, nn.MSELoss(), rule, [[1.0, -1.0]], [[0.5]])
    assert check(diagram_of_step(step, 0, ROWS)) > 10
