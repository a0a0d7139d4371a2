"""Plots of runs: loss_curves and comparison."""

from __future__ import annotations

import math

import numpy as np
import pytest
from plots import RUNS, history, legend_texts

from micrograd import MicrogradError, Value, fit, nn, optim
from micrograd.data import DataLoader
from micrograd.training.fit import History
from viz import curves
from viz.plots.contest import epochs_to_reach, usual_target
from viz.plots.losses import mean_window, running_mean, steps_per_epoch
from viz.plots.runs import median_losses


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


@pytest.mark.some(5)
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
        (
            {"SGD": [1.0]},
            TypeError,
            "must be a History or a list of them, got a float",
        ),
        ({1: history()}, TypeError, "name of a run must be a str, got 1"),
        ({"SGD": 1.0}, TypeError, "must be a History or a list of them, got float"),
        ({"SGD": []}, ValueError, r"histories\['SGD'\] is empty"),
        ({"SGD": [history(), History()]}, ValueError, r"histories\['SGD'\] has no losses"),
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
    losses = {"a": [4.0, 3.0], "b": [4.0, 2.0], "c": [4.0, math.nan]}
    stuck = {name: [History(numbers)] for name, numbers in losses.items()}
    assert usual_target(stuck) == 2.0
    assert epochs_to_reach(losses["b"], 2.0) == 2
    assert epochs_to_reach(losses["c"], 2.0) is None
    curves.comparison(stuck).content("png")
    nothing = {"a": [History([math.nan])]}
    assert math.isfinite(usual_target(nothing))
    assert [t.get_text() for t in curves.comparison(nothing).axes[1].texts] == ["not a number"]


@pytest.mark.parametrize("target", [math.nan, math.inf])
def test_the_target_must_be_finite(target: float) -> None:
    with pytest.raises(ValueError, match="target must be a finite number"):
        curves.comparison(RUNS, target=target)
    with pytest.raises(TypeError, match="target must be a number, got Value"):
        curves.comparison(RUNS, target=Value(1.0))


def test_several_starts_are_drawn_as_their_median_and_spread() -> None:
    starts = [History([8.0, 4.0, 0.5]), History([7.0, 1.0, 0.2]), History([9.0, 0.1, 5.0])]
    figure = curves.comparison({"Adam": starts, "SGD": History([8.0, 6.0, 5.0])}, target=0.5)
    above, finals, arrivals = figure.axes
    assert above.lines[0].get_ydata().tolist() == [8.0, 1.0, 0.5]
    assert above.get_title(loc="left") == "Loss in each epoch, median of 3 runs"
    spread, ticks, middle, single = finals.lines
    assert list(spread.get_xdata()) == [0.2, 5.0]
    assert list(ticks.get_xdata()) == [0.5, 0.2, 5.0]
    assert list(middle.get_xdata()) == [0.5]
    assert list(single.get_xdata()) == [5.0]
    assert [bar.get_width() for bar in arrivals.patches] == [3]
    assert [text.get_text() for text in arrivals.texts] == ["3", "not reached"]


def test_most_runs_decide_whether_a_target_is_reached() -> None:
    good, bad = History([8.0, 0.4]), History([8.0, math.nan])
    texts = [
        curves.comparison({"Adam": runs}, target=0.5).axes[2].texts[0].get_text()
        for runs in ([good, good, bad], [good, bad, bad], [bad, bad])
    ]
    assert texts == ["2 (2 of 3 runs)", "not reached by most runs", "not reached"]


def test_a_run_that_diverged_counts_as_the_highest() -> None:
    runs = [History([3.0, math.nan]), History([2.0, 1.0, 0.5]), History([4.0, 2.0, 1.0])]
    assert median_losses(runs) == [3.0, 2.0, 1.0]
    assert math.isnan(median_losses([runs[0], runs[0], runs[1]])[2])


def test_steps_are_drawn_of_one_run() -> None:
    with pytest.raises(ValueError, match="must be one History to draw its steps, got 2"):
        curves.loss_curves({"SGD": [history(0), history(1)]}, steps=True)
