"""`micrograd draw MODULE:EXPRESSION`."""

import pytest

from micrograd.commands.cli import main

MODULE = """
from micrograd import Value
a = Value(2.0, label="a")
loss = a * a + 1.0
def power(n):
    return a ** n
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawn_module.py").write_text(MODULE)
    return tmp_path


@pytest.mark.parametrize(
    ("what", "view", "name"),
    [
        ("drawn_module:loss", "op_graph", "op_graph.svg"),
        ("drawn_module:power(3)", "stepper", "stepper.html"),
        ("drawn_module.py:loss * 2", "gradient_diagram", "gradient_diagram.svg"),
        ("./drawn_module:loss", "op_graph", "op_graph.svg"),
        ("../{folder}/drawn_module:loss", "op_graph", "op_graph.svg"),
        ("{path}/my module.py:loss", "op_graph", "op_graph.svg"),
    ],
)
def test_it_draws(here, capsys, what, view, name):
    (here / "my module.py").write_text(MODULE)
    where = what.format(folder=here.name, path=here)
    assert main(["draw", where, "--view", view]) == 0
    assert (here / "out" / name).stat().st_size > 1000
    assert name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("drawn_module", "MODULE:EXPRESSION"),
        ("nowhere:loss", "No module named 'nowhere'"),
        ("./nowhere:loss", "No module named 'nowhere'"),
        ("/nowhere/at/all:loss", "there is no file /nowhere/at/all.py"),
        ("drawn_module:los", "NameError"),
        ("drawn_module:3", "got int"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(here, capsys, what, said):
    with pytest.raises(SystemExit) as stopped:
        main(["draw", what])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (here / "out").exists()
