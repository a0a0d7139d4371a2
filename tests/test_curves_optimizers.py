"""Plots of optimisers and of a model: optimizer_paths, step_sizes and decision_regions."""

from __future__ import annotations

import math
import pickle
import random

import numpy as np
import pytest
import torch

from micrograd import MicrogradError, nn, optim
from micrograd.data import moons
from viz import curves
from viz.plots.factors import SLOPES
from viz.plots.valley import RULES

VALLEY, START, STEPS = (0.2, 20.0), (-9.0, 1.5), 60

TORCH_RULES = {
    "SGD, lr 0.095": lambda p: torch.optim.SGD(p, lr=0.095),
    "SGD, momentum 0.9, lr 0.02": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
    "Adagrad, lr 1": lambda p: torch.optim.Adagrad(p, lr=1.0),
    "RMSprop, lr 0.2": lambda p: torch.optim.RMSprop(p, lr=0.2, alpha=0.9),
    "Adam, lr 0.3": lambda p: torch.optim.Adam(p, lr=0.3),
}


def torch_path(rule) -> np.ndarray:
    a, b = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in START)
    optimizer = rule([a, b])
    points = [(a.item(), b.item())]
    for _ in range(STEPS):
        optimizer.zero_grad()
        ((VALLEY[0] * a * a + VALLEY[1] * b * b) / 2).backward()
        optimizer.step()
        points.append((a.item(), b.item()))
    return np.array(points)


def test_paths_are_those_of_torch() -> None:
    figure = curves.optimizer_paths()
    *panels, losses = figure.axes
    assert list(TORCH_RULES) == list(RULES)
    for axes, line, (name, rule) in zip(panels, losses.lines, TORCH_RULES.items(), strict=True):
        wanted = torch_path(rule)
        path = np.column_stack(axes.lines[0].get_data())
        assert path == pytest.approx(wanted, abs=1e-9)
        assert path[0].tolist() == list(START)
        loss = (VALLEY[0] * wanted[:, 0] ** 2 + VALLEY[1] * wanted[:, 1] ** 2) / 2
        assert line.get_ydata() == pytest.approx(loss, abs=1e-9)
        title = axes.get_title(loc="left")
        assert title == f"{name}\nL = {loss[-1]:.2g} after 60 steps"


def test_the_default_picture_shows_what_momentum_is_for() -> None:
    plain, momentum = curves.optimizer_paths().axes[:2]

    def turns(axes):
        return np.count_nonzero(np.diff(np.sign(axes.lines[0].get_ydata())))

    assert turns(momentum) < turns(plain) / 3
    assert abs(momentum.lines[0].get_xdata()[-1]) < abs(plain.lines[0].get_xdata()[-1]) / 10


def test_all_panels_have_the_same_axes_and_hold_the_minimum() -> None:
    *panels, _ = curves.optimizer_paths().axes
    assert len({(*axes.get_xlim(), *axes.get_ylim()) for axes in panels}) == 1
    left, right = panels[0].get_xlim()
    assert left < START[0] < 0 < right


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_optimizers(count: int) -> None:
    rules = dict(list(RULES.items())[:count])
    figure = curves.optimizer_paths(rules, steps=1)
    assert len(figure.axes) == count + 1
    figure.content("png")


@pytest.mark.parametrize("lr", [0.11, 5.0, 1e200])
def test_a_path_that_diverges_is_cut_off(lr: float) -> None:
    figure = curves.optimizer_paths({"SGD": lambda p: optim.SGD(p, lr=lr)}, steps=400)
    figure.content("svg")
    assert figure.axes[0].get_title(loc="left") == "SGD\ndiverged: L rose"
    assert max(np.abs(figure.axes[0].get_xlim())) < 20


@pytest.mark.parametrize("start", [(0.0, 1.0), (3.0, 0.0), (0.0, 0.0), (1e-6, 1e6)])
def test_any_start(start) -> None:
    rules = {"SGD": lambda p: optim.SGD(p, 0.05)}
    curves.optimizer_paths(rules, start=start, steps=3).content("png")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"optimizers": {}}, ValueError, "optimizers is empty"),
        ({"optimizers": [optim.SGD]}, TypeError, "optimizers must be a dict"),
        ({"optimizers": {"none": lambda p: None}}, TypeError, "must return an Optimizer, got None"),
        ({"optimizers": {"SGD": 1}}, TypeError, r"optimizers\['SGD'\] must be a function, got int"),
        ({"valley": (1.0,)}, ValueError, "valley must be two numbers"),
        ({"valley": (1.0, 0.0)}, ValueError, "valley must be two numbers above 0"),
        ({"valley": ("1", 2)}, TypeError, "valley must be a number, got str"),
        ({"start": (math.nan, 1.0)}, ValueError, "start must be two finite numbers"),
        ({"start": 3}, ValueError, "start must be two numbers, got 3"),
        ({"steps": 0}, ValueError, "steps must be a whole number from 1, got 0"),
        ({"steps": 2.0}, ValueError, "steps must be a whole number"),
    ],
)
def test_paths_that_cannot_be_drawn(arguments, error, words) -> None:
    with pytest.raises(error, match=words) as caught:
        curves.optimizer_paths(**arguments)
    assert isinstance(caught.value, MicrogradError)


# ---- step_sizes --------------------------------------------------------------------------------


def test_step_sizes_are_those_of_torch() -> None:
    rules = [
        lambda p: torch.optim.SGD(p, lr=0.1),
        lambda p: torch.optim.Adagrad(p, lr=0.1),
        lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.9),
        lambda p: torch.optim.Adam(p, lr=0.1),
    ]
    figure = curves.step_sizes(steps=30)
    for axes, rule in zip(figure.axes, rules, strict=True):
        p = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        slopes = torch.tensor(SLOPES, dtype=torch.float64)
        optimizer, factors = rule([p]), []
        for _ in range(30):
            before = p.detach().clone()
            optimizer.zero_grad()
            (slopes * p).sum().backward()
            optimizer.step()
            factors.append(((p.detach() - before).abs() / (0.1 * slopes)).tolist())
        for k in (0, 1):
            assert axes.lines[k].get_xdata().tolist() == list(range(1, 31))
            assert axes.lines[k].get_ydata() == pytest.approx([f[k] for f in factors], rel=1e-9)


def test_step_sizes_say_what_they_show() -> None:
    figure = curves.step_sizes(steps=100)
    sgd, adagrad, rmsprop, adam = (
        [line.get_ydata() for line in axes.lines] for axes in figure.axes
    )
    assert sgd[0] == pytest.approx(1.0)
    assert adagrad[0] == pytest.approx(0.1 / np.sqrt(np.arange(1, 101)))
    assert rmsprop[1][-20:] == pytest.approx(10.0, rel=1e-3)
    assert adam[1] == pytest.approx([10.0] * 100)
    assert curves.step_sizes(steps=1).content("png")
    with pytest.raises(ValueError, match="steps must be a whole number from 1, got True"):
        curves.step_sizes(steps=True)


# ---- decision_regions --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moon_model():
    rows, y = moons(40, seed=0)
    model = nn.Linear(2, 1)
    model.load_state_dict({"weight": [[0.5, -2.0]], "bias": [0.3]})
    return model, rows, y


def test_points_are_drawn_by_class(moon_model) -> None:
    model, rows, y = moon_model
    axes = curves.decision_regions(model, rows, y, resolution=20).axes[0]
    low, high = axes.lines
    assert np.column_stack(low.get_data()).tolist() == rows[y.ravel() < 0].tolist()
    assert np.column_stack(high.get_data()).tolist() == rows[y.ravel() > 0].tolist()
    assert low.get_marker() != high.get_marker()
    scores = rows @ [0.5, -2.0] + 0.3
    right = ((scores > 0) == (y.ravel() > 0)).sum()
    assert f"{right} of 40 samples" in axes.get_title(loc="left")


def test_the_boundary_is_where_the_score_is_0(moon_model) -> None:
    model, rows, y = moon_model
    fills, boundary = curves.decision_regions(model, rows, y, resolution=20).axes[0].collections
    points = np.concatenate([path.vertices for path in boundary.get_paths()])
    assert len(points) > 10
    assert points @ [0.5, -2.0] + 0.3 == pytest.approx(np.zeros(len(points)), abs=1e-9)
    assert len(fills.get_facecolor()) == 2


def test_karpathys_network_is_called_on_each_sample(moon_model) -> None:
    _, rows, y = moon_model
    random.seed(3)
    model = nn.MLP(2, [4, 1])
    before = pickle.dumps([p.data for p in model.parameters()])
    figure = curves.decision_regions(model, rows, y, resolution=5)
    right = sum((model(row).data > 0) == (k > 0) for row, k in zip(rows.tolist(), y, strict=True))
    assert f"{int(right[0])} of 40 samples" in figure.axes[0].get_title(loc="left")
    assert pickle.dumps([p.data for p in model.parameters()]) == before
    assert all(p.grad == 0 for p in model.parameters())


@pytest.mark.parametrize("y", [[0, 1, 1], [[-1.0], [1.0], [1.0]], [1, 1, 1], [0, 0, 0], [-1] * 3])
def test_classes_may_have_any_two_numbers(y) -> None:
    rows = [[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]]
    curves.decision_regions(nn.Linear(2, 1), rows, y, resolution=5).content("png")


@pytest.mark.parametrize("bias", [-100.0, 0.0, 100.0, math.nan, math.inf])
def test_a_model_without_a_boundary(bias: float) -> None:
    model = nn.Linear(2, 1)
    model.load_state_dict({"weight": [[0.0, 0.0]], "bias": [bias]})
    rows = [[0.0, 1.0], [1.0, 0.0]]
    curves.decision_regions(model, rows, [-1, 1], resolution=5).content("png")


@pytest.mark.parametrize(
    "rows", [[[0.0, 0.0]], [[0.0, 0.0], [1000.0, 1.0]], [[0.0, 0.0], [0.0, 9.0]]]
)
def test_samples_of_any_spread(rows) -> None:
    curves.decision_regions(nn.Linear(2, 1), rows, [1] * len(rows), resolution=5).content("png")


@pytest.mark.parametrize(
    ("model", "rows", "y", "error", "words"),
    [
        (lambda x: x, [[1.0, 2.0]], [1], TypeError, "model must be a Module, got function"),
        (nn.Linear(3, 1), [[1.0, 2.0, 3.0]], [1], ValueError, r"shape \(n, 2\)"),
        (nn.Linear(2, 1), [], [], ValueError, r"shape \(n, 2\)"),
        (nn.Linear(2, 1), [[1.0, 2.0]], [1, 2], ValueError, "one class for each of 1 samples"),
        (nn.Linear(2, 1), [[1.0, 2.0]] * 3, [1, 2, 3], ValueError, "two classes, got 3"),
        (nn.Linear(2, 1), [[1.0, math.nan]], [1], ValueError, "X must hold finite numbers"),
        (nn.Linear(2, 1), [["a", "b"]], [1], TypeError, "X: "),
        (nn.Linear(2, 2), [[1.0, 2.0]], [1], ValueError, "one score a sample"),
        (nn.MLP(2, [2]), [[1.0, 2.0]], [1], ValueError, "one Value for a sample, got list"),
    ],
)
def test_regions_that_cannot_be_drawn(model, rows, y, error, words) -> None:
    with pytest.raises(error, match=words) as caught:
        curves.decision_regions(model, rows, y)
    assert isinstance(caught.value, MicrogradError)


def test_resolution_is_checked(moon_model) -> None:
    with pytest.raises(ValueError, match="resolution must be a whole number from 2, got 1"):
        curves.decision_regions(*moon_model, resolution=1)
