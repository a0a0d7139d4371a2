"""Pictures and derivations of a step of many samples, whose loss is a sum of as many terms."""

import pytest

import viz
from micrograd import derivation, nn, optim, record_step

SAMPLES = 400  # deeper than a recursion may be


@pytest.fixture(scope="module")
def step():
    model = nn.Linear(1, 1)
    model.load_state_dict({"weight": [[0.5]], "bias": [0.25]})
    x = [[k / SAMPLES] for k in range(SAMPLES)]
    sgd = optim.SGD(model.parameters(), lr=0.1)
    return record_step(model, nn.MSELoss(), sgd, x, [[1.0]] * SAMPLES)


@pytest.mark.parametrize("view", [viz.gradient_diagram, viz.op_graph, viz.stepper])
def test_a_view_is_drawn(step, view):
    assert len(view(step).source) > 1000


def test_a_derivation_is_written(step):
    found = derivation(step, "weight[0,0]")
    gradient = float(step.parameter("weight").gradient[0, 0])
    assert found.number_of_paths == SAMPLES
    assert f"{gradient:.4f}" in found.text
    assert r"\sum" in found.latex
