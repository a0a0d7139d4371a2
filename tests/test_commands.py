"""`micrograd train` and `micrograd compare`, and what all commands share."""

import contextlib
import io
import os
import random
import re
import xml.etree.ElementTree as ElementTree
from statistics import median

import numpy as np
import pytest
import torch
from refusals import check_refused

from micrograd import Value, data, engine, fit, nn, optim, tensor
from micrograd.article import networks as article
from micrograd.article.comparison import METHODS, Method, Run, compare, comparison_table
from micrograd.article.dead import dead_units
from micrograd.commands.cli import main
from micrograd.nn.init import kaiming_uniform_
from micrograd.steps.tables import text_width
from micrograd.training.fit import History

SMALL = ["--samples", "40", "--test-samples", "20", "--epochs", "3"]


def numbers(text):
    return [float(x) for x in re.findall(r"\d+\.\d+", text)]


def test_train_prints_losses_and_draws_them(tmp_path, capsys):
    assert main(["train", *SMALL, "--batch-size", "8", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0].split() == ["epoch", "training", "loss", "validation", "loss"]
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    assert numbers(lines[3])[0] < numbers(lines[1])[0]
    assert sorted(os.listdir(tmp_path)) == ["loss_curve.png", "loss_curve.svg"]
    ElementTree.parse(tmp_path / "loss_curve.svg")


@pytest.mark.some(2)
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
def test_train_with_every_optimizer(optimizer, tmp_path, capsys):
    options = ["--optimizer", optimizer, "--lr", "0.01", "--activation", "tanh"]
    assert main(["train", *SMALL, *options, "--out", str(tmp_path)]) == 0
    assert len(numbers(capsys.readouterr().out)) == 2 * 3


def test_a_training_that_diverges_says_so_and_writes_nothing(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", *SMALL, "--lr", "1e200", "--out", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert "learning rate may be too large" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def compared(folder):
    """What `compare` prints, and the files that it writes."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        options = ["--seed", "1", "--runs", "3", "--out", str(folder)]
        assert main(["compare", *SMALL, *options]) == 0
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return said.getvalue().split("\n\n")[0], files


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    return compared(tmp_path_factory.mktemp("comparison"))


@pytest.mark.long
def test_compare_is_reproducible(comparison, tmp_path):
    assert compared(tmp_path) == comparison
    assert set(comparison[1]) == {
        "batch_and_stochastic.svg",
        "comparison.svg",
        "optimizer_paths.svg",
        "step_sizes.svg",
    }


@pytest.mark.long
def test_the_table_of_compare_is_what_was_trained(comparison):
    runs = compare(40, 20, 3, seeds=[1, 2, 3])
    lines = comparison[0].splitlines()[1:]
    assert lines[8] == "median (lowest – highest) of 3 runs"
    for line, method in zip(lines, METHODS, strict=False):
        histories = [run.history for run in runs[method.name]]
        steps = 3 * {None: 1, 1: 40, 32: 2}[method.batch_size]
        rate = method.optimizer([Value(0.0)]).lr
        assert line.split()[:4] == [
            method.name, f"{rate:g}", str(method.batch_size or 40), str(steps)
        ]  # fmt: skip
        wanted = [rate] if rate % 1 else []
        for losses in ([h.losses[-1] for h in histories], [h.validation[-1] for h in histories]):
            wanted += [round(x, 3) for x in (sorted(losses)[1], min(losses), max(losses))]
        assert numbers(line) == wanted


def test_compare_trains_as_fit_does():
    runs = compare(40, 20, 2, seeds=[4])
    x, y = data.article(60, 4)
    for method in METHODS:
        model = article.deep_network(4)
        history = fit(
            model,
            nn.MSELoss(),
            method.optimizer(model.parameters()),
            data.DataLoader(x[:40], y[:40], method.batch_size, seed=4),
            2,
            progress=False,
            validation=data.DataLoader(x[40:], y[40:], shuffle=False),
            compiled=False,
        )
        (run,) = runs[method.name]
        assert run.history.losses == pytest.approx(history.losses, rel=1e-9)
        assert run.history.validation == pytest.approx(history.validation, rel=1e-9)
        assert len(run.history.batch_losses) == len(history.batch_losses)
        assert run.dead[-1] == dead_units(model, x[:40])


def test_a_method_begins_anew_with_each_seed():
    adam = [method for method in METHODS if method.name == "Adam"]
    apart = [compare(40, 20, 2, seeds=[seed], methods=adam)["Adam"][0] for seed in (1, 2)]
    assert compare(40, 20, 2, seeds=[1, 2], methods=adam)["Adam"] == apart


def test_compare_says_which_runs_came_to_nothing(capsys):
    wild = Method("wild", None, lambda p: optim.SGD(p, lr=1e9))
    still = Method("still", None, lambda p: optim.SGD(p, lr=50.0))
    runs = compare(40, 20, 4, seeds=[0, 1], methods=[wild, still])
    table = comparison_table(runs)
    for run in runs["wild"]:
        ending = f"wild, seed {run.seed}: "
        assert ending in table
    dead = Run(
        3,
        32,
        History([1.0] * 2, [1.0] * 2, [1.0] * 2, [0.1] * 2),
        [(0, 1, 2), (0, 0, 3), (5, 0, 3)],
    )
    assert dead.dead_since == 1
    dead.dead.append((0, 4, 2))
    assert dead.dead_since is None
    dead.dead = [(5, 0, 0)] * 3
    assert dead.dead_since == 0
    assert "x, seed 3: a whole layer is dead before training" in comparison_table({"x": [dead]})
    assert "x，种子 3：训练前就有一整层死亡" in comparison_table({"x": [dead]}, "zh")


def test_dead_units_are_those_without_a_gradient():
    x, y = data.article(50, 0)
    model = article.deep_network(1)
    model.layer2.bias.data = [-100.0, 0.0, -100.0, 0.0, 0.0]
    loss = nn.MSELoss()(model(tensor(x)), tensor(y))
    loss.backward()
    counts = dead_units(model, x)
    assert counts[1] >= 2
    for k, count in enumerate(counts, start=1):
        still = np.all(np.array(getattr(model, f"layer{k}").weight.grad) == 0, axis=1)
        assert still.sum() >= count
    assert not np.array(model.layer2.weight.grad)[[0, 2]].any()
    with pytest.raises(TypeError, match="stack of Linear and ReLU, got a Tanh in it"):
        dead_units(article.deep_network(0, "tanh"), x)


def test_train_without_options_learns_from_every_start():
    """Far below the variance of y, which a network comes to that has learned nothing."""
    method = Method("train", 32, lambda p: optim.Adam(p, lr=0.01))
    runs = compare(800, 200, 50, seeds=range(8), methods=[method])["train"]
    validation = [run.history.validation[-1] for run in runs]
    variance = 6.08
    assert median(validation) < variance / 30
    assert max(validation) < variance / 5


def test_train_says_that_a_layer_is_dead(tmp_path, capsys, monkeypatch):
    options = ["--out", str(tmp_path), "--epochs", "1", "--samples", "40", "--test-samples", "9"]
    draw = article.deep_network

    def dead(*arguments):
        model = draw(*arguments)
        model.layer2.bias.data = [-100.0] * 5
        return model

    monkeypatch.setattr(article, "deep_network", dead)
    assert main(["train", *options]) == 0
    assert "all units of layer 2 are dead" in capsys.readouterr().out
    assert main(["train", *options, "--language", "zh"]) == 0
    assert "第 2 层的单元全部死亡" in capsys.readouterr().out


def test_starts_are_those_of_he_and_of_torch():
    torchs = article.deep_network(7, start="torch")
    random.seed(7)
    again = article.Network(article.DEEP_SIZES)
    for name, numbers_ in torchs.state_dict().items():
        assert (numbers_ == again.state_dict()[name]).all()
    torch.manual_seed(0)
    weight = torch.empty(400, 50)
    torch.nn.init.kaiming_uniform_(weight, nonlinearity="relu")
    layer = nn.Linear(50, 400)
    drawn = kaiming_uniform_(layer.weight).numpy()
    assert abs(drawn).max() == pytest.approx(float(weight.abs().max()), rel=1e-3)
    assert drawn.std() == pytest.approx(float(weight.std()), rel=2e-2)
    with pytest.raises(ValueError, match=r"shape \(out, in, …\) of weights, got \(400,\)"):
        kaiming_uniform_(layer.bias)


def test_train_in_chinese(tmp_path, capsys):
    assert main(["train", *SMALL, "--language", "zh", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["轮次", "训练损失", "验证损失"]
    assert len({text_width(line) for line in lines[:4]}) == 1


@pytest.mark.long
def test_compare_in_chinese(tmp_path, capsys):
    options = ["--runs", "1", "--language", "zh", "--out", str(tmp_path)]
    assert main(["compare", *SMALL, *options]) == 0
    lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
    heads = ["方法", "学习率", "批次大小", "步数", "训练损失", "验证损失", "死亡单元"]
    assert lines[0].split() == heads
    assert len({text_width(line) for line in lines[:8]}) == 1


def test_every_method_starts_at_the_same_parameters():
    runs = compare(32, 8, 1, seeds=[2])
    first = {name: run.history.batch_losses[0] for name, (run,) in runs.items()}
    assert first["batch"] == pytest.approx(first["mini-batch"], rel=1e-12)
    assert first["mini-batch"] == first["momentum"] == first["Adam"]


BAD = {
    "no epochs": ["train", "--epochs", "0"],
    "half a batch": ["train", "--batch-size", "0.5"],
    "momentum of adam": ["train", "--optimizer", "adam", "--momentum", "0.9"],
    "negative rate": ["train", "--lr", "-1"],
    "nan rate": ["train", "--lr", "nan"],
    "no samples": ["compare", "--samples", "0"],
    "more samples than there is memory for": ["train", "--samples", "1000000000000"],
    "seed below 0": ["train", "--seed", "-1"],
    "first seed below 0": ["compare", "--seed", "-1"],
    "no runs": ["compare", "--runs", "0"],
    "unknown language": ["train", "--language", "fr"],
    "unknown option": ["compare", "--optimizer", "adam"],
    "out is a file": ["compare", "--out", "file"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_bad_input(arguments, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    check_refused(arguments, tmp_path, monkeypatch, capsys)


HELP = {
    "step": "sizes x y lr activation loss optimizer parameters seed language out",
    "train": "optimizer lr momentum batch-size epochs samples test-samples activation start seed "
    "language out",
    "compare": "epochs samples test-samples runs seed language out",
}


@pytest.mark.parametrize("command", HELP)
def test_help_names_every_option(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for option in HELP[command].split():
        assert f"--{option} " in text


def test_info_says_which_core_is_used_and_why(capsys):
    assert main(["info"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(lines) == ["micrograd", "Python", "core", "compile", "layout"]
    assert lines["core"].split()[0] == engine.CORE
    assert engine.WHY_PYTHON in lines["core"]
