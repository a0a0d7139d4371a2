"""The command: its files, and one clear line with exit status 2 for each kind of bad input."""

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from refusals import check_refused

from micrograd.article import networks as article
from micrograd.commands.cli import main

FILES = [
    "gradient_diagram.png",
    "gradient_diagram.svg",
    "layer_graph.svg",
    "op_graph.svg",
    "stepper.html",
]


def run(*arguments, cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "micrograd", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )


def test_step_writes_its_pictures_and_says_where(tmp_path):
    done = run("step", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "out")) == FILES
    for name in FILES:
        assert os.path.join("out", name) in done.stdout
    for name in FILES[1:-1]:
        ElementTree.parse(tmp_path / "out" / name)


@pytest.mark.long
def test_a_second_run_writes_the_same_bytes(tmp_path):
    runs = []
    for _ in range(2):
        assert main(["step", "--out", str(tmp_path)]) == 0
        runs.append({name: (tmp_path / name).read_bytes() for name in FILES})
    assert runs[0] == runs[1]


def test_parameters_from_a_file(tmp_path, capsys):
    file = tmp_path / "p.json"
    state = {name: (array * 2).tolist() for name, array in article.network().state_dict().items()}
    file.write_text(json.dumps(state))
    assert main(["step", "--parameters", str(file), "--out", str(tmp_path / "a")]) == 0
    assert "1.2637" in capsys.readouterr().out


def test_a_seed_repeats_and_another_differs(tmp_path, capsys):
    printed = []
    for seed in (1, 1, 2):
        arguments = ["step", "--sizes", "2", "3", "1", "--seed", str(seed)]
        assert main([*arguments, "--format", "svg", "--out", str(tmp_path)]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_samples_losses_and_activations(tmp_path, capsys):
    arguments = ["step", "--sizes", "2", "2", "1", "--activation", "tanh", "--loss", "l1"]
    arguments += ["--x", "1", "-2", "--x", "0.5", "3", "--y", "1", "--y", "-1", "--lr", "0.5"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    assert "2 samples, L1Loss, SGD, learning rate 0.5" in capsys.readouterr().out


def test_chinese(tmp_path, capsys):
    assert main(["step", "--language", "zh", "--out", str(tmp_path)]) == 0
    assert "初始参数" in capsys.readouterr().out
    assert "隐藏层神经元" in (tmp_path / "gradient_diagram.svg").read_text(encoding="utf-8")


BAD = {
    "no command": [],
    "unknown command": ["stop"],
    "unknown option": ["step", "--size", "1"],
    "not a number": ["step", "--x", "two"],
    "nan": ["step", "--x", "nan"],
    "infinite": ["step", "--y", "inf"],
    "nan rate": ["step", "--lr", "nan"],
    "negative rate": ["step", "--lr", "-0.1"],
    "no units": ["step", "--sizes", "2", "0", "1"],
    "half a unit": ["step", "--sizes", "2", "1.5"],
    "one layer": ["step", "--sizes", "3"],
    "x too wide": ["step", "--x", "1", "2"],
    "y too wide": ["step", "--y", "1", "2"],
    "more x than y": ["step", "--x", "1", "--x", "2", "--y", "1"],
    "activation": ["step", "--activation", "step"],
    "loss": ["step", "--loss", "huge"],
    "optimizer": ["step", "--optimizer", "magic"],
    "language": ["step", "--language", "fr"],
    "seed": ["step", "--seed", "x"],
    "seed below 0": ["step", "--seed", "-1"],
    "x too narrow for many units": ["step", "--sizes", "3000", "3000", "--x", "1", "2"],
    "momentum of no use": ["step", "--optimizer", "adam", "--momentum", "0.9"],
    "a device": ["step", "--parameters", "/dev/zero"],
    "no such file": ["step", "--parameters", "none.json"],
    "a folder as a file": ["step", "--parameters", "."],
    "no path": ["step", "--parameters", "a\0b"],
    "no folder": ["step", "--out", "a\0b"],
    "out is a file": ["step", "--out", "file"],
    "out below a file": ["step", "--out", "file/below"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_bad_input(arguments, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    check_refused(arguments, tmp_path, monkeypatch, capsys)


BAD_FILES = {
    "broken": '{"layer1.weight": [[1]',
    "empty": "",
    "binary": "\udcff\udcfe",
    "a list": "[1, 2]",
    "nan": '{"layer1.weight": [[NaN], [1]]}',
    "other names": '{"weight": [[1], [2]]}',
    "other sizes": json.dumps({**article.PARAMETERS, "layer1.bias": [1.0]}),
    "text": json.dumps({**article.PARAMETERS, "layer1.bias": [1.0, "2"]}),
    "ragged": json.dumps({**article.PARAMETERS, "layer1.weight": [[1.0], [2.0, 3.0]]}),
    "null": json.dumps({**article.PARAMETERS, "layer1.bias": None}),
    "too deep": "[" * 100_000,
    "too large": json.dumps({**article.PARAMETERS, "layer2.bias": [0]}).replace("[0]", "[1e999]"),
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_bad_parameter_files(content, tmp_path, monkeypatch, capsys):
    (tmp_path / "p.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    check_refused(["step", "--parameters", "p.json"], tmp_path, monkeypatch, capsys)


def test_a_folder_that_cannot_be_written(tmp_path):
    if os.geteuid() == 0:
        folder = "/proc/micrograd"
    else:
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
    done = run("step", "--out", folder)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_failing_layout_engine_leaves_no_file(tmp_path):
    done = run("step", cwd=tmp_path, MICROGRAD_DOT=sys.executable)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_earlier_files_stay_when_a_later_run_fails(tmp_path):
    assert main(["step", "--out", str(tmp_path / "out")]) == 0
    before = {name: (tmp_path / "out" / name).read_bytes() for name in FILES}
    done = run("step", "--lr", "0.5", cwd=tmp_path, MICROGRAD_DOT=sys.executable)
    assert done.returncode == 2
    assert before == {name: (tmp_path / "out" / name).read_bytes() for name in FILES}


def test_checks_come_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(article, "Network", None)  # calling it would be a TypeError
    for name in ("x too narrow for many units", "momentum of no use", "more x than y"):
        check_refused(BAD[name], tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_is_closed(stream, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, stream, None)
    assert main(["step", "--format", "svg", "--out", str(tmp_path)]) == 0
    assert "op_graph.svg" in os.listdir(tmp_path)


@pytest.mark.parametrize("command", [["info"], ["step", "--format", "svg"], ["--help"]])
def test_a_reader_that_has_gone(command, tmp_path):
    """As with `micrograd info | head -1`: the work is done, and nothing is said."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "micrograd", *command], cwd=tmp_path, stdout=writer,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("op_graph.svg" in os.listdir(tmp_path / "out")) if command[0] == "step" else True


def test_a_backend_that_matplotlib_does_not_have(tmp_path):
    small = ["--epochs", 1, "--samples", 8, "--test-samples", 2, "--eager"]
    done = run("train", *small, "--out", tmp_path, MPLBACKEND="nonsense")
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)


def test_ctrl_c_is_one_line(tmp_path, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("micrograd.commands.step.record_steps", interrupt)
    assert main(["step", "--out", str(tmp_path / "new")]) == 130
    printed = capsys.readouterr()
    assert printed.err.split("\n") == ["", "micrograd: interrupted", ""]
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr("micrograd.commands.step.record_steps", lambda *_: [0.0] * 10**18)
    with pytest.raises(SystemExit) as stop:
        main(["step", "--out", str(tmp_path / "new")])
    assert (stop.value.code, "memory" in capsys.readouterr().err) == (2, True)


def test_steps_are_written_one_by_one_and_a_seed_of_no_use_is_refused(
    tmp_path, monkeypatch, capsys
):
    drawn = []

    def pictures(step, *_):
        if drawn:
            raise KeyboardInterrupt
        drawn.append(step)
        return {"first.svg": b""}

    monkeypatch.setattr("micrograd.commands.step._pictures", pictures)
    assert main(["step", "--steps", "3", "--out", str(tmp_path)]) == 130
    assert os.listdir(tmp_path) == ["first.svg"]
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps(article.PARAMETERS))
    with pytest.raises(SystemExit):
        main(["step", "--parameters", str(path), "--seed", "3"])
    assert "leave one of them out" in capsys.readouterr().err


def test_ctrl_c_in_the_first_epoch_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "micrograd.training.fit._epoch", lambda *_: signal.raise_signal(signal.SIGINT)
    )
    assert main(["train", "--samples", "8", "--out", str(tmp_path / "new")]) == 130
    assert capsys.readouterr().err.endswith("\nmicrograd: interrupted\n")
    assert not (tmp_path / "new").exists()


def test_a_number_with_an_exponent_is_no_option(tmp_path, capsys):
    assert main(["step", "--x", "-1e-3", "--format", "svg", "--out", str(tmp_path)]) == 0
    assert "-0.0010" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--parameters", "--out"])
def test_names_that_no_file_can_have(option, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["step", "--sizes", "1", "1", option, "\ud800"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(r"micrograd: error: no file can be called '\ud800")
