"""`micrograd export MODULE:FUNCTION`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from micrograd.commands.cli import main

MODULE = """
from micrograd import Value
w = [Value(0.5), Value(-1.0)]
X, y = [[1.0, 2.0], [0.5, -1.0], [2.0, 0.1]], [1.0, 2.0, 0.5]

def loss(X, y):
    return sum((sum(a * b for a, b in zip(w, row)) - t) ** 2 for row, t in zip(X, y)) / len(X)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exported_module.py").write_text(MODULE)
    return tmp_path


def test_it_prints_and_it_writes(here: Path, capsys: Any) -> None:
    given = ["export", "exported_module:loss", "--inputs", "X, y"]
    assert main(given) == 0
    assert "H1 = X @ w - y" in capsys.readouterr().out
    assert main([*given, "--to", "torch", "--out", "net.py"]) == 0
    assert sorted(capsys.readouterr().out.split()) == ["net.py", "net.safetensors"]
    assert "class Loss" in (here / "net.py").read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["exported_module:loss"], "call the function first"),
        (["exported_module:y"], "must be a function"),
        (["exported_module"], "export takes MODULE:EXPRESSION"),
        (["exported_module:loss", "--inputs", "X, z"], "NameError"),
        (["exported_module:loss", "--inputs", "X, y", "--out", "net.txt"], "write 'net.py'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    here: Path, capsys: Any, given: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["export", *given])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert [p.name for p in here.iterdir() if p.suffix != ".py" or p.stem == "net"] in (
        [], ["__pycache__"],
    )  # fmt: skip
