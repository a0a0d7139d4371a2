"""What every command does with bad input."""

from __future__ import annotations

import os

import pytest

from micrograd.commands.cli import main


def check_refused(arguments, tmp_path, monkeypatch, capsys):
    """One line that begins with the command's name, exit status 2, and nothing written."""
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("micrograd")
    assert printed.err.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == before
