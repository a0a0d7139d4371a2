"""The plots show the numbers they were given, can be read, and leave nothing behind."""

from __future__ import annotations

import math
import os
import pickle
import random
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure

from micrograd import MicrogradError, Value, fit, nn, optim
from micrograd.data import DataLoader, moons
from micrograd.loop import History
from viz import curves
from viz.plots.contest import epochs_to_reach, usual_target
from viz.plots.factors import SLOPES
from viz.plots.losses import mean_window, running_mean, steps_per_epoch
from viz.plots.valley import RULES

VALLEY, START, STEPS = (0.2, 20.0), (-9.0, 1.5), 60
SMALLEST_TEXT = 9.0


def history(seed: int = 0, epochs: int = 6, per_epoch: int = 10) -> History:
    """A run whose losses fall, with noise from step to step."""
    rng = np.random.default_rng(seed)
    falling = 5.0 * 0.98 ** np.arange(epochs * per_epoch)
    batches = falling * rng.uniform(0.5, 1.5, epochs * per_epoch)
    losses = batches.reshape(epochs, per_epoch).mean(axis=1)
    return History(losses.tolist(), [], batches.tolist(), [0.1] * epochs)


RUNS = {"SGD": history(0), "Adam": history(1)}


@pytest.fixture(scope="module")
def moon_model():
    rows, y = moons(40, seed=0)
    model = nn.Linear(2, 1)
    model.load_state_dict({"weight": [[0.5, -2.0]], "bias": [0.3]})
    return model, rows, y


def every_figure():
    rows, y = moons(20, seed=0)
    return {
        "loss": lambda: curves.loss_curves(RUNS),
        "linear": lambda: curves.loss_curves(RUNS, log=False),
        "steps": lambda: curves.loss_curves(RUNS, steps=True),
        "paths": lambda: curves.optimizer_paths(steps=8),
        "factors": lambda: curves.step_sizes(steps=8),
        "regions": lambda: curves.decision_regions(nn.Linear(2, 1), rows, y, resolution=8),
        "comparison": lambda: curves.comparison(RUNS),
    }


FIGURES = every_figure()


def legend_texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


# ---- every figure ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES)
def test_figure_has_title_labels_and_legend(name: str) -> None:
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    assert figure.get_suptitle() or figure.axes[0].get_title(loc="left")
    for axes in figure.axes:
        assert axes.get_xlabel()
        shares_labels = name in ("factors", "comparison")
        assert axes.get_ylabel() or shares_labels, axes
    assert all(legend_texts(figure))


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_small_or_cut_off(name: str) -> None:
    figure = FIGURES[name]()
    figure.canvas.draw()
    width, height = figure.bbox.size
    for text in figure.findobj(matplotlib.text.Text):
        if not text.get_text().strip() or not text.get_visible():
            continue
        assert text.get_fontsize() >= SMALLEST_TEXT or "$" in text.get_text()
    for artist in [*figure.legends, *(axes.title for axes in figure.axes), *figure.texts]:
        box = artist.get_window_extent()
        assert box.x0 >= 0, artist
        assert box.x1 <= width, artist
        assert box.y0 >= 0, artist
        assert box.y1 <= height, artist


@pytest.mark.parametrize("name", FIGURES)
def test_legend_covers_no_axes(name: str) -> None:
    figure = FIGURES[name]()
    figure.canvas.draw()
    for legend in figure.legends:
        for axes in figure.axes:
            assert not legend.get_window_extent().overlaps(axes.get_window_extent())


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_the_same_input_gives_the_same_bytes(format: str) -> None:
    first, second = FIGURES["paths"](), FIGURES["paths"]()
    content = first.content(format)
    assert content == second.content(format)
    assert content == first.content(format)


def test_the_users_settings_change_nothing() -> None:
    plain = FIGURES["steps"]().content("svg")
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 30, "axes.unicode_minus": False, "lines.marker": "x"}):
        assert FIGURES["steps"]().content("svg") == plain
    assert dict(matplotlib.rcParams) == before


def test_save(tmp_path) -> None:
    figure = FIGURES["loss"]()
    path = figure.save(tmp_path / "loss.SVG")
    assert path.read_bytes() == figure.content("svg")
    assert figure.save(str(tmp_path / "loss.pdf")).read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match="svg, png, pdf, got 'jpg'"):
        figure.save(tmp_path / "loss.jpg")
    assert sorted(os.listdir(tmp_path)) == ["loss.SVG", "loss.pdf"]


def test_a_notebook_shows_the_figure_without_pyplot() -> None:
    data, metadata = DisplayFormatter().format(FIGURES["loss"]())
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"] == {"width": 720, "height": 420}


WITHOUT_PYPLOT = """
import sys
import viz
assert "matplotlib" not in sys.modules, "import viz"
from micrograd.loop import History
figure = viz.curves.loss_curves({"SGD": History([2.0, 1.0])})
figure.content("png")
assert "matplotlib.pyplot" not in sys.modules
import matplotlib.pyplot
assert matplotlib.pyplot.get_fignums() == []
"""


def test_import_viz_loads_no_matplotlib_and_pyplot_knows_no_figure() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT_PYPLOT], check=True)


WITHOUT_MATPLOTLIB = """
import sys
sys.modules["matplotlib"] = None
import viz
from micrograd import MicrogradError
for ask in (lambda: viz.curves, lambda: __import__("viz.curves")):
    try:
        ask()
    except ImportError as error:
        assert isinstance(error, MicrogradError)
        assert 'pip install "micrograd-tracer[plot]"' in str(error), error
    else:
        raise AssertionError("no error")
"""


def test_without_matplotlib_the_error_names_the_pip_command() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_MATPLOTLIB], check=True)


def test_viz_has_no_other_attributes() -> None:
    import viz

    assert viz.curves is curves
    with pytest.raises(AttributeError, match="no attribute 'curvs'"):
        _ = viz.curvs


# ---- loss_curves -------------------------------------------------------------------------------


@pytest.mark.parametrize("log", [True, False])
def test_loss_curves_plots_the_losses(log: bool) -> None:
    figure = curves.loss_curves(RUNS, log=log)
    axes = figure.axes[0]
    assert axes.get_yscale() == ("log" if log else "linear")
    assert len(axes.lines) == len(RUNS)
    for line, (name, run) in zip(axes.lines, RUNS.items(), strict=True):
        assert line.get_label() == name
        assert line.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
        assert line.get_ydata().tolist() == run.losses
    assert legend_texts(figure) == ["SGD", "Adam"]


def test_runs_differ_in_more_than_colour() -> None:
    runs = {str(i): history(i) for i in range(20)}
    lines = curves.loss_curves(runs).axes[0].lines
    looks = {(line.get_color(), line.get_marker()) for line in lines}
    assert len(looks) == len(runs)


@pytest.mark.parametrize("steps", [False, True])
def test_many_runs_with_long_names_leave_room_for_the_axes(steps: bool) -> None:
    figure = curves.loss_curves({f"{i:2d} " + "m" * 50: history(i) for i in range(30)}, steps)
    figure.canvas.draw()
    assert figure.axes[0].get_window_extent().height > 250  # pixels


def test_steps_share_an_axis_in_epochs() -> None:
    batch = History([3.0, 2.0, 1.0], [], [3.0, 2.0, 1.0], [0.1] * 3)
    stochastic = history(2, epochs=3, per_epoch=20)
    figure = curves.loss_curves({"batch": batch, "stochastic": stochastic}, steps=True)
    smooth, raw, mean = figure.axes[0].lines
    assert smooth.get_xdata().tolist() == [0, 1, 2]
    assert smooth.get_ydata().tolist() == batch.batch_losses
    assert raw.get_xdata() == pytest.approx(np.arange(60) / 20)
    assert raw.get_ydata().tolist() == stochastic.batch_losses
    window = mean_window(60, 20)
    assert mean.get_ydata() == pytest.approx(running_mean(np.array(raw.get_ydata()), window))
    assert mean.get_linewidth() > raw.get_linewidth()
    assert f"stochastic: mean of {window} steps" in legend_texts(figure)


def test_running_mean() -> None:
    numbers = np.random.default_rng(0).normal(size=40)
    numbers[[3, 4, 5, 20]] = math.nan
    means = running_mean(numbers, 3)
    for i in range(40):
        near = numbers[max(0, i - 1) : i + 2]
        there = near[~np.isnan(near)]
        wanted = there.mean() if there.size else math.nan
        assert means[i] == pytest.approx(wanted, nan_ok=True)


def test_an_interrupted_run_keeps_its_epochs() -> None:
    whole = history(3, epochs=5, per_epoch=40)
    cut = History(whole.losses[:3], [], whole.batch_losses[: 3 * 40 + 25], [0.1] * 4)
    assert steps_per_epoch(whole) == 40
    assert steps_per_epoch(cut) == 40
    early = History(whole.losses[:1], [], whole.batch_losses[: 40 + 39], [0.1] * 2)
    assert steps_per_epoch(early) == 40


@pytest.mark.parametrize("steps", [False, True])
def test_losses_that_cannot_be_drawn_leave_gaps(steps: bool) -> None:
    losses = [4.0, math.nan, math.inf, 1.0, 0.0]
    runs = {"odd": History(losses, [], losses, [0.1] * 5)}
    figure = curves.loss_curves(runs, steps)
    drawn = figure.axes[0].lines[0].get_ydata()
    assert drawn == pytest.approx([4.0, math.nan, math.nan, 1.0, math.nan], nan_ok=True)
    assert (
        "(2 of 5 nan or beyond ±1e100: gap) (1 of 5 below 1e-100: gap)" in legend_texts(figure)[0]
    )
    figure.content("png")
    linear = curves.loss_curves(runs, steps, log=False)
    assert linear.axes[0].lines[0].get_ydata()[-1] == 0.0
    assert "(2 of 5 nan or beyond ±1e100: gap)" in legend_texts(linear)[0]


@pytest.mark.parametrize(
    "losses", [[1.0], [0.0], [math.nan] * 3, [2.0] * 4, [-1.0, -2.0], [1e300, 1e-300, 1e99, 1e-99]]
)
@pytest.mark.parametrize("draw", [curves.loss_curves, curves.comparison])
def test_odd_losses_are_drawn_without_warnings(draw, losses) -> None:
    draw({"odd": History(losses, [], losses)}).content("png")


def test_names_are_shown_as_they_are() -> None:
    names = ["_hidden", "$x$ costs $2", "100 % {a}", "n" * 200, "<b>", "a\\b"]
    figure = curves.loss_curves({name: history() for name in names})
    figure.content("png")
    assert [text.strip()[:3] for text in legend_texts(figure)] == [
        "_hi", "\\$x", "100", "nnn", "<b>", "a\\b",
    ]  # fmt: skip
    curves.comparison({name: history() for name in names}).content("svg")


@pytest.mark.parametrize("draw", [curves.loss_curves, curves.comparison])
@pytest.mark.parametrize(
    ("histories", "error", "words"),
    [
        ({}, ValueError, "histories is empty"),
        ([history()], TypeError, "must be a dict from names"),
        ({"SGD": [1.0]}, TypeError, r"histories\['SGD'\] must be a History, got list"),
        ({1: history()}, TypeError, "name of a run must be a str, got 1"),
        ({"SGD": History()}, ValueError, r"histories\['SGD'\] has no losses"),
    ],
)
def test_histories_that_cannot_be_drawn(draw, histories, error, words) -> None:
    with pytest.raises(error, match=words) as caught:
        draw(histories)
    assert isinstance(caught.value, MicrogradError)


def test_steps_need_batch_losses() -> None:
    with pytest.raises(ValueError, match="has no batch_losses"):
        curves.loss_curves({"SGD": History([1.0])}, steps=True)


def test_a_real_run_is_drawn() -> None:
    model = nn.Linear(1, 1)
    loader = DataLoader([[0.0], [1.0]], [[1.0], [3.0]], batch_size=1, seed=0)
    sgd = optim.SGD(model.parameters(), lr=0.1)
    run = fit(model, nn.MSELoss(), sgd, loader, epochs=30, progress=False)
    raw = curves.loss_curves({"SGD": run}, steps=True).axes[0].lines[0]
    assert raw.get_ydata().tolist() == run.batch_losses
    assert raw.get_xdata().tolist() == [i / 2 for i in range(60)]


# ---- optimizer_paths ---------------------------------------------------------------------------

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
    curves.optimizer_paths(start=start, steps=3).content("png")


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
    sgd, adagrad, rmsprop = ([line.get_ydata() for line in axes.lines] for axes in figure.axes)
    assert sgd[0] == pytest.approx(1.0)
    assert adagrad[0] == pytest.approx(0.1 / np.sqrt(np.arange(1, 101)))
    assert rmsprop[1][-20:] == pytest.approx(10.0, rel=1e-3)
    assert curves.step_sizes(steps=1).content("png")
    with pytest.raises(ValueError, match="steps must be a whole number from 1, got True"):
        curves.step_sizes(steps=True)


# ---- decision_regions --------------------------------------------------------------------------


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


# ---- comparison --------------------------------------------------------------------------------


def test_comparison_shows_losses_finals_and_arrivals() -> None:
    runs = {"slow": History([8.0, 6.0, 5.0]), "fast": History([8.0, 0.8, 0.2])}
    figure = curves.comparison(runs)
    above, finals, arrivals = figure.axes
    assert [line.get_ydata().tolist() for line in above.lines] == [r.losses for r in runs.values()]
    assert [float(line.get_xdata()[0]) for line in finals.lines] == [5.0, 0.2]
    assert [label.get_text() for label in finals.get_yticklabels()] == ["slow", "fast"]
    assert [bar.get_width() for bar in arrivals.patches] == [2]
    assert [text.get_text() for text in arrivals.texts] == ["not reached", "2"]
    assert arrivals.get_title(loc="left") == "Epochs until loss ≤ 0.8"
    assert legend_texts(figure) == ["slow", "fast"]


def test_the_usual_target() -> None:
    stuck = {"a": History([4.0, 3.0]), "b": History([4.0, 2.0]), "c": History([4.0, math.nan])}
    assert usual_target(stuck) == 2.0
    assert epochs_to_reach(stuck["b"], 2.0) == 2
    assert epochs_to_reach(stuck["c"], 2.0) is None
    curves.comparison(stuck).content("png")
    nothing = {"a": History([math.nan])}
    assert math.isfinite(usual_target(nothing))
    assert [t.get_text() for t in curves.comparison(nothing).axes[1].texts] == ["not a number"]


@pytest.mark.parametrize("target", [math.nan, math.inf])
def test_the_target_must_be_finite(target: float) -> None:
    with pytest.raises(ValueError, match="target must be a finite number"):
        curves.comparison(RUNS, target=target)
    with pytest.raises(TypeError, match="target must be a number, got Value"):
        curves.comparison(RUNS, target=Value(1.0))
