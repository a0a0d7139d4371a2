"""What a newcomer meets first: what there is, likely mistakes, and the command's options."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import webbrowser
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from refusals import check_refused

import micrograd
import viz
from micrograd import MicrogradError, Value, nn, optim, record_step
from micrograd.article import networks as article
from micrograd.commands.cli import _parser, main
from micrograd.data import DataLoader

ROOT = Path(__file__).parent.parent
MODEL = article.network()
SGD = optim.SGD(MODEL.parameters(), lr=0.1)
MSE = nn.MSELoss()


@pytest.mark.parametrize("package", [micrograd, viz])
def test_dir_lists_what_there_is(package):
    names = [name for name in dir(package) if not name.startswith("__")]
    assert set(package.__all__) <= set(names)
    assert all(getattr(package, name) is not None for name in names if name != "newaxis")


def test_dir_lists_what_is_not_loaded_yet_and_loads_nothing():
    code = (
        "import micrograd, sys; print(*dir(micrograd)); print('micrograd.training' in sys.modules)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    names, loaded = printed.stdout.splitlines()
    assert {"fit", "nn", "optim", "data", "record_steps", "compile", "__version__"} <= {
        *names.split()
    }
    assert loaded == "False"
    assert "curves" in dir(viz)


def test_the_version(capsys):
    assert re.fullmatch(r"\d+\.\d+\.\d+", micrograd.__version__)
    for arguments in (["--version"], ["--version", "step"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert capsys.readouterr().out == f"micrograd {micrograd.__version__}\n"


def step():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    return micrograd.record_step(model, MSE, sgd, article.X, article.Y)


loss = MSE(MODEL(article.X), article.Y)
loader = DataLoader([[1.0]], [[2.0]])
MISTAKES = {
    "diagram of a model": (lambda: viz.gradient_diagram(MODEL), "pass record_step(model, loss"),
    "diagram of arrays": (lambda: viz.gradient_diagram(MODEL([[1.0], [2.0]])), "needs one element"),
    "diagram of steps": (lambda: viz.gradient_diagram([step()]), "pass one of them"),
    "layers of a model": (lambda: viz.layer_graph(MODEL), "pass record_step(model, loss"),
    "operations of a model": (lambda: viz.op_graph(MODEL), "pass record_step(model, loss"),
    "operations of a number": (lambda: viz.op_graph(3.0), "op_graph draws a Value or a Step, got"),
    "layers of an array": (
        lambda: viz.layer_graph(MODEL([[1.0], [2.0]])),
        "needs one element, the array has shape (2, 1): take its sum(), or an element",
    ),
    "a function of rows": (
        lambda: record_step(lambda row: row[0] * 2.0, nn.MSELoss(), SGD, [[1.0], [2.0]], [1.0]),
        "a function of one row goes in as lambda x: [model(row) for row in x]",
    ),
    "a rate for defaults": (
        lambda: optim.Optimizer(MODEL.parameters(), 0.1),
        'got float: call super().__init__(params, {"lr": lr})',
    ),
    "operations of an array": (lambda: viz.op_graph(MODEL([[1.0], [2.0]])), "needs one element"),
    "graph of a model": (lambda: viz.draw_dot(MODEL), "draw_dot draws a Value, got Network"),
    "unknown format": (
        lambda: viz.op_graph(Value(1.0)).save("a.gif"),
        "path must end in one of .svg",
    ),
    "no format": (lambda: viz.op_graph(Value(1.0)).save("picture"), "path must end in one of .svg"),
    "optimiser of a model": (lambda: optim.SGD(MODEL, lr=0.1), "pass model.parameters()"),
    "of a Sequential": (lambda: optim.SGD(nn.Sequential(MODEL)), "pass model.parameters()"),
    "of a list of models": (lambda: optim.SGD([MODEL]), "pass model.parameters()"),
    "of a parameter": (lambda: optim.SGD(Value(1.0)), "pass it in a list"),
    "of named parameters": (lambda: optim.SGD(MODEL.named_parameters()), "without the names"),
    "fit in a wrong order": (lambda: micrograd.fit(MODEL, SGD, MSE, loader, 1), "loss must be"),
    "fit with a model twice": (
        lambda: micrograd.fit(MODEL, MSE, MODEL, loader, 1),
        "such as optim.SGD(model.parameters(), lr=0.01), got Network",
    ),
    "fit without a loader": (
        lambda: micrograd.fit(MODEL, MSE, SGD, np.ones((3, 1)), 1, progress=False),
        "such as DataLoader(X, y), got ndarray",
    ),
    "fit with a pair of arrays": (
        lambda: micrograd.fit(
            MODEL, MSE, SGD, (np.ones((3, 1)), np.ones((3, 1))), 1, progress=False
        ),
        "such as DataLoader(X, y), got ndarray",
    ),
    "a class for a loss": (lambda: micrograd.fit(MODEL, nn.MSELoss, SGD, loader, 1), "the class"),
    "an unknown parameter": (lambda: step().parameter("w"), "name must be one of layer1.weight"),
}


@pytest.mark.parametrize(("call", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_likely_mistake_says_in_one_line_what_to_pass(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MicrogradError, match=re.escape(message)) as error:
        call()
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []


def test_a_loss_of_arrays_draws():
    assert viz.gradient_diagram(loss).source == viz.gradient_diagram(loss._only("")).source
    picture = viz.op_graph(loss).source
    assert picture == viz.op_graph(loss._only("")).source
    assert viz.draw_dot(loss).source == viz.draw_dot(loss._only("")).source


# ---- the command's options -----------------------------------------------------------------------


def run_step(out, *arguments):
    assert main(["step", *map(str, arguments), "--out", str(out)]) == 0
    return sorted(os.listdir(out))


def test_steps_are_numbered(tmp_path, capsys):
    names = run_step(tmp_path, "--steps", 3, "--momentum", 0.9, "--format", "svg")
    views = ("gradient_diagram", "layer_graph", "op_graph")
    assert names == [f"{view}.step{i}.svg" for view in views for i in (1, 2, 3)]
    printed = capsys.readouterr().out
    assert [f"== step {i} of 3 ==" in printed for i in (1, 2, 3)] == [True] * 3
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=article.LEARNING_RATE, momentum=0.9)
    steps = micrograd.record_steps(model, MSE, sgd, [(article.X, article.Y)] * 3)
    assert all(step.tables() in printed for step in steps)
    for name in names:
        assert f"{tmp_path}/{name}\n" in printed
        ElementTree.parse(tmp_path / name)
    svg = (tmp_path / "gradient_diagram.step3.svg").read_text(encoding="utf-8")
    assert f"{steps[2].parameter('layer2.bias').before.item():.4f}" in svg


def test_formats(tmp_path):
    formats = "pdf,svg,dot,png,svg"
    names = run_step(tmp_path, "--format", formats)
    assert len(names) == 3 * 4
    assert (tmp_path / "op_graph.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "op_graph.png").read_bytes().startswith(b"\x89PNG")
    assert "digraph" in (tmp_path / "op_graph.dot").read_text(encoding="utf-8")


def test_digits(tmp_path, capsys):
    run_step(tmp_path, "--digits", 7, "--format", "dot")
    assert "0.6318516" in capsys.readouterr().out
    views = [viz.gradient_diagram, viz.layer_graph, viz.op_graph]
    with_digits = [v.__name__ for v in views if "digits" in inspect.signature(v).parameters]
    assert "gradient_diagram" in with_digits
    for view in with_digits:
        assert "0.6318516" in (tmp_path / f"{view}.dot").read_text(encoding="utf-8")


def test_the_sample_that_is_shown(tmp_path):
    arguments = ["--x", 2, "--x", 3.25, "--y", 4, "--y", 1, "--format", "dot"]
    for sample, x in ((1, "2.0000"), (2, "3.2500")):
        run_step(tmp_path / str(sample), *arguments, "--sample", sample)
        source = (tmp_path / str(sample) / "gradient_diagram.dot").read_text(encoding="utf-8")
        assert f"sample {sample} of 2" in source
        assert x.rstrip("0").rstrip(".") in source


def test_small_negative_numbers(tmp_path, capsys):
    run_step(tmp_path, "--x", "-1e-3", "--y", "-.5", "--format", "dot")
    assert "-0.0010" in capsys.readouterr().out


def test_open(tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or len(opened) < 2)
    run_step(tmp_path, "--open", "--format", "svg,dot")
    assert opened == [(tmp_path / "stepper.html").as_uri()]
    assert capsys.readouterr().err == ""
    run_step(tmp_path, "--open", "--format", "svg")
    assert capsys.readouterr().err.count("\n") == 1


SAVED = {
    "article": lambda: article.Network((2, 3, 1)),
    "one layer": lambda: article.Network((4, 2)),
    "Sequential": lambda: nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)),
}


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("kind", ["saved.json", "saved.npz", "plain.json"])
def test_saved_parameters_give_the_sizes(name, kind, tmp_path, capsys):
    model = SAVED[name]()
    file = tmp_path / kind
    state = model.state_dict()
    if kind == "plain.json":
        file.write_text(json.dumps({key: numbers.tolist() for key, numbers in state.items()}))
    else:
        micrograd.save(state, file)
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    x = [0.5] * linear[0].in_features
    y = [1.0] * linear[-1].out_features
    run_step(tmp_path / "out", "--parameters", file, "--x", *x, "--y", *y, "--format", "dot")
    printed = capsys.readouterr().out
    assert repr(MSE(model([x]), [y]).item()) in printed
    for p in model.parameters():
        assert f"{p.numpy().flat[0]:.4f}" in printed
    sizes = [str(linear[0].in_features), *(str(m.out_features) for m in linear)]
    run_step(tmp_path / "b", "--parameters", file, "--sizes", *sizes, "--format", "dot")


BAD = {
    "no steps": ["step", "--steps", "0"],
    "no digits": ["step", "--digits", "0"],
    "many digits": ["step", "--digits", "18"],
    "no format": ["step", "--format", ""],
    "unknown format": ["step", "--format", "svg,gif"],
    "no such sample": ["step", "--sample", "2"],
    "sample 0": ["step", "--sample", "0"],
    "momentum of adam": ["step", "--optimizer", "adam", "--momentum", "0.9"],
    "negative momentum": ["step", "--momentum", "-1"],
    "nan momentum": ["step", "--momentum", "nan"],
    "x for three units": ["step", "--sizes", "2", "1", "--x", "1", "2", "3"],
    "other sizes than the file's": ["step", "--parameters", "good.json", "--sizes", "1", "3", "1"],
    "an optimiser's state": ["step", "--parameters", "optimizer.json"],
    "a damaged archive": ["step", "--parameters", "damaged.npz"],
    "nan in an archive": ["step", "--parameters", "nan.npz"],
    "layers that do not fit": ["step", "--parameters", "apart.json"],
    "a list": ["step", "--parameters", "list.json"],
    "no such file": ["step", "--parameters", "none.npz"],
    "empty": ["step", "--parameters", "empty.json"],
    "no rows": ["step", "--parameters", "flat.json"],
    "sizes with commas": ["step", "--sizes", "2,3,1"],
    "x with commas": ["step", "--sizes", "2", "1", "--x", "1,2"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_bad_input(arguments, tmp_path, monkeypatch, capsys):
    micrograd.save(article.network().state_dict(), tmp_path / "good.json")
    micrograd.save(SGD.state_dict(), tmp_path / "optimizer.json")
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 and no more")
    micrograd.save({"layer1.weight": np.array([[np.nan]])}, tmp_path / "nan.npz")
    apart = {
        "layer1.weight": [[1.0]],
        "layer1.bias": [0],
        "layer2.weight": [[1, 2]],
        "layer2.bias": [1],
    }
    (tmp_path / "apart.json").write_text(json.dumps(apart))
    micrograd.save([1.0], tmp_path / "list.json")
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "flat.json").write_text('{"layer1.weight": [1, 2], "layer1.bias": [0]}')
    check_refused(arguments, tmp_path, monkeypatch, capsys)


@pytest.mark.some(1)
@pytest.mark.parametrize("both", [False, True], ids=["stdout", "stdout and stderr"])
def test_a_closed_pipe_loses_no_picture_and_prints_no_traceback(both, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-u", "-m", "micrograd", "step", "--out", str(tmp_path / "out")]
    error = writer if both else subprocess.PIPE
    done = subprocess.run(command, stdout=writer, stderr=error, check=False, timeout=120)
    os.close(writer)
    assert done.returncode == 0
    assert not done.stderr
    assert len(os.listdir(tmp_path / "out")) == 5


EVERY = [pytest.param(f"README{x}.md", 99, marks=pytest.mark.long) for x in ("", ".zh-CN")]


@pytest.mark.parametrize(("name", "most"), [("README.md", 2), *EVERY])
def test_the_commands_of_the_readme_run_as_printed(name, most, tmp_path, monkeypatch, capsys):
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    commands = re.findall(r"^(\S*micrograd) (.*)$", blocks, re.MULTILINE)
    assert len(commands) >= 5
    monkeypatch.chdir(tmp_path)
    micrograd.save(article.network().state_dict(), "mine.json")
    for program, rest in commands:
        assert program == ".venv/bin/micrograd"
        arguments = shlex.split(rest, comments=True)
        assert _parser().parse_args(arguments).run
        most -= arguments[0] == "step"
        if arguments[0] == "step" and most >= 0:
            assert main([argument for argument in arguments if argument != "--open"]) == 0
    assert os.listdir("out")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["step", "--sizes", "2,3,1"], "write 2 3 1"),
        (["step", "--size", "2", "1"], "--sizes is there"),
        (["train", "--epoch", "2"], "--epochs is there"),
    ],
)
def test_a_slip_is_told_what_to_write(arguments, advice, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert advice in capsys.readouterr().err


def test_names_may_be_written_as_classes_are(tmp_path, capsys):
    names = ["--optimizer", "Adam", "--activation", "ReLU", "--loss", "MSE", "--format", "dot"]
    assert main(["step", *names, "--out", str(tmp_path)]) == 0
    assert "Adam" in capsys.readouterr().out


def test_an_equation_is_asked_of_one_number():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    weight = record_step(model, nn.MSELoss(), sgd, [[1.0]], [[2.0]]).parameter("layer1.weight")
    for index in ((3, 3), 0, (0.5, 0)):
        with pytest.raises(MicrogradError, match=r"layer1.weight, whose shape is \(2, 1\)"):
            weight.equations(index)
