"""`micrograd train` and `micrograd compare`, and what all commands share."""

import os
import re
import xml.etree.ElementTree as ElementTree

import pytest
from refusals import check_refused

from micrograd.cli import main
from micrograd.comparison import METHODS, compare
from micrograd.tables import text_width

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


def test_compare_is_reproducible(tmp_path, capsys):
    runs = []
    for name in ("a", "b"):
        assert main(["compare", *SMALL, "--out", str(tmp_path / name)]) == 0
        files = sorted((tmp_path / name).iterdir())
        table = capsys.readouterr().out.split("\n\n")[0]
        runs.append((table, {path.name: path.read_bytes() for path in files}))
    assert runs[0] == runs[1]
    assert set(runs[0][1]) == {
        "batch_and_stochastic.svg",
        "comparison.svg",
        "optimizer_paths.svg",
        "step_sizes.svg",
    }


def test_the_table_of_compare_is_what_was_trained(tmp_path, capsys):
    assert main(["compare", *SMALL, "--seed", "1", "--out", str(tmp_path)]) == 0
    histories = compare(40, 20, 3, seed=1)
    lines = capsys.readouterr().out.split("\n\n")[0].splitlines()[1:]
    assert len(lines) == len(METHODS) == 7
    for line, method in zip(lines, METHODS, strict=True):
        history = histories[method.name]
        steps = 3 * {None: 1, 1: 40, 32: 2}[method.batch_size]
        assert line.split()[:3] == [method.name, str(method.batch_size or 40), str(steps)]
        assert numbers(line) == [round(history.losses[-1], 4), round(history.validation[-1], 4)]


def test_train_in_chinese(tmp_path, capsys):
    assert main(["train", *SMALL, "--language", "zh", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["轮次", "训练损失", "验证损失"]
    assert len({text_width(line) for line in lines[:4]}) == 1


def test_compare_in_chinese(tmp_path, capsys):
    assert main(["compare", *SMALL, "--language", "zh", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert lines[0].split() == ["方法", "批次大小", "步数", "训练损失", "验证损失"]
    assert len({text_width(line) for line in lines[:8]}) == 1


def test_every_method_starts_at_the_same_parameters():
    histories = compare(32, 8, 1, seed=2)
    first = {name: history.batch_losses[0] for name, history in histories.items()}
    assert first["batch"] == pytest.approx(first["mini-batch"], rel=1e-12)
    assert first["mini-batch"] == first["momentum"] == first["Adam"]


BAD = {
    "no epochs": ["train", "--epochs", "0"],
    "half a batch": ["train", "--batch-size", "0.5"],
    "momentum of adam": ["train", "--optimizer", "adam", "--momentum", "0.9"],
    "negative rate": ["train", "--lr", "-1"],
    "nan rate": ["train", "--lr", "nan"],
    "no samples": ["compare", "--samples", "0"],
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
    "train": "optimizer lr momentum batch-size epochs samples test-samples activation seed "
    "language out",
    "compare": "epochs samples test-samples seed language out",
}


@pytest.mark.parametrize("command", HELP)
def test_help_names_every_option(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for option in HELP[command].split():
        assert f"--{option} " in text
