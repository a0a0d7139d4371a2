"""Some of each attack with random input in every run; `make fuzz` goes on for an hour."""

from __future__ import annotations

import json
import random
from pathlib import Path

import fuzzing
import pytest

from micrograd import load, save

COUNTS = {"files": 60, "command lines": 80, "labels": 3, "environment": 1}
LONG = {"files": 8000, "command lines": 10_000, "labels": 200, "environment": 40}


@pytest.mark.parametrize("name", fuzzing.ATTACKS)
def test_attacks(name: str) -> None:
    assert fuzzing.attacked(name, range(COUNTS[name])) == COUNTS[name]


@pytest.mark.long
@pytest.mark.parametrize("name", fuzzing.ATTACKS)
def test_many_attacks(name: str) -> None:
    fuzzing.attacked(name, range(COUNTS[name], LONG[name]))


# ---- the attacks reach what they are meant to reach ----------------------------------------------


def test_most_changes_damage_a_file_and_some_do_not(tmp_path: Path) -> None:
    """Both answers are seen of files without a sum: some are refused, and some are read."""
    rng, path, answers = random.Random(0), tmp_path / "state.json", set()
    save(fuzzing.state(rng), path)
    document = json.loads(path.read_bytes())
    del document["crc32"]
    content = json.dumps(document).encode("ascii")
    for _ in range(100):
        path.write_bytes(fuzzing.mutated(rng, content))
        try:
            load(path)
            answers.add("read")
        except ValueError:
            answers.add("refused")
    assert answers == {"read", "refused"}


def test_a_traceback_of_a_command_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> float:
        raise KeyError(text)

    monkeypatch.setattr("micrograd.commands.step.record_steps", lambda *_: 1 / 0)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        fuzzing.attacked("command lines", range(400))


def test_a_file_that_takes_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "MOST_MEMORY", 1000)
    with pytest.raises(AssertionError, match=r"files, seed 0: .* bytes of memory"):
        fuzzing.attacked("files", range(1))


def test_a_picture_that_loads_something_is_found() -> None:
    for inner in ("<script/>", '<a href="http://x"/>', '<g onclick="x"/>', "<image/>"):
        with pytest.raises(AssertionError):
            fuzzing.check_svg(f'<svg xmlns="http://www.w3.org/2000/svg">{inner}</svg>')
    fuzzing.check_svg('<svg xmlns="http://www.w3.org/2000/svg"><a href="#b"/></svg>')
