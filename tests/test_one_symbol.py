"""One symbol, one number: what two lines of a picture or a derivation call the same is the same."""

from __future__ import annotations

import math
import random
import re

import pytest
import recorded_models

import micrograd
from micrograd import Value, derivation, nn, optim, record_step
from micrograd.nn import MLP
from viz.diagram.diagram import diagram_of_step, diagram_of_value
from viz.diagram.rows import Rows
from viz.drawing.cards import Band, Columns
from viz.stepping.page import page_data

STEPS = recorded_models.steps()
EVERY = 4  # of the models in each run
ENGLISH = Rows(4, "en")


def softmax():
    z = [Value(v, label=f"z{i}") for i, v in enumerate((1.0, -0.5, 2.0))]
    e = [q.exp() for q in z]
    return -(e[1] / sum(e)).log(), z


def skip():
    x = Value(0.5, label="x")
    h = x.tanh()
    return h * 2.0 + h.exp() * x + x, [x]


def infinite():
    a, b, c = Value(0.0, label="a"), Value(-1.0, label="b"), Value(800.0, label="c")
    return (a.log() * 0.5 + c.exp()) * b + b.log() + a / 1, [a, b, c]


def regularised():
    random.seed(2)
    model = MLP(2, [2, 1])

    def loss(out, y):
        return (out - y) ** 2 + 0.1 * sum(p * p for p in model.parameters())

    return record_step(model, loss, optim.SGD(model.parameters(), lr=0.1), [0.5, -1.0], 1.0)


def bands(parts):
    for part in parts:
        if isinstance(part, Columns):
            yield from bands((*part.left, *part.right))
        elif isinstance(part, Band):
            yield part


def derivatives(diagram):
    """Each derivative that is named, and its numbers; W is what a card is about."""
    diagram.figure()
    found = {}
    for card in diagram.drawing.cards.values():
        for band in bands(card.parts):
            for row in band.rows:
                name = row.live.result.name.partition(" = ")[0] if row.live else ""
                if name.startswith("∂") and not re.search(r"/∂W\b(?!\d)", name):
                    found.setdefault(name, []).append(row.live.result.value)
    return found


def same(a, b):
    return a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-9)


def check(diagram):
    found = derivatives(diagram)
    several = {name: x for name, x in found.items() if not all(same(x[0], y) for y in x)}
    assert not several
    return found


@pytest.mark.parametrize(
    "name",
    [n if k % EVERY == 0 else pytest.param(n, marks=pytest.mark.long) for k, n in enumerate(STEPS)],
)
def test_in_the_diagram_of_a_step(name):
    diagram = diagram_of_step(STEPS[name](), 0, ENGLISH)
    if diagram is not None:
        assert check(diagram)


@pytest.mark.parametrize("make", [softmax, skip, infinite])
def test_in_the_diagram_of_a_value(make):
    root, _ = make()
    diagram = diagram_of_value(root, ENGLISH, anew=True)
    found = check(diagram)
    marked = {name for name in found if name.endswith("|direct")}
    assert marked
    assert {name.removesuffix("|direct") for name in marked} <= found.keys()
    (note,) = diagram.drawing.notes[1:]
    assert marked & {note.partition(":")[0]}
    data = page_data(diagram)
    assert data["direct"] == sorted(diagram.reading.root.lines[-1].direct)


def test_of_a_penalty_on_the_weights():
    found = check(diagram_of_step(regularised(), 0, ENGLISH))
    assert found


def test_there_is_no_mark_where_there_is_one_path():
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    diagram = diagram_of_value((w * x).tanh() ** 2 + x * 0, ENGLISH, anew=True)
    alone = diagram_of_value((w * x).tanh() ** 2, ENGLISH, anew=True)
    assert any("|direct" in name for name in check(diagram))
    assert not any("|direct" in name for name in check(alone))
    assert len(alone.drawing.notes) == 1


def test_in_a_derivation():
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    h = w * x
    found = derivation(h * h + x, x)
    assert "∂L/∂x = ∂L/∂h · ∂h/∂x + ∂L/∂x|direct" in found.text
    tex = r"\left.\frac{\partial L}{\partial x}\right|_{\text{direct}}"
    assert tex in found.latex
    assert tex in found.markdown
    assert "|direct" not in derivation(h * h, x).text
    assert "∂L/∂x|直接" in derivation(h * h + x, x, language="zh").text
    assert r"\text{直接}" in derivation(h * h + x, x, language="zh").latex


def test_the_mark_is_explained_where_it_stands():
    x = Value(2.0, label="x")
    h = x.exp()
    assert "|direct:" in derivation(h * x, x).text
    assert "|direct:" not in derivation(h * 2.0, x).text


def test_the_layers_of_a_derivation_have_names_of_their_own():
    micrograd.manual_seed(4)

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.ih, self.hh, self.out = nn.Linear(1, 2), nn.Linear(2, 2), nn.Linear(2, 1)

        def forward(self, x):
            h = micrograd.zeros(1, 2)
            for t in range(x.shape[1]):
                h = micrograd.tanh(self.ih(x[:, t : t + 1]) + self.hh(h))
            return self.out(h)

    model = Recurrent()
    rule = optim.RMSprop(model.parameters(), lr=0.01)
    step = record_step(model, nn.MSELoss(), rule, [[0.5, -1.0, 0.25, 1.5]], [[0.7]])
    for name in ("hh.weight[0,0]", "ih.weight", "hh.weight"):
        found = derivation(step, name)
        names = [layer.name for layer in found.layers]
        assert len(set(names)) == len(names)
        assert not any(":" in layer.text for layer in found.layers)
