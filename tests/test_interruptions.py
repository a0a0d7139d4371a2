"""A KeyboardInterrupt at every line of saving, recording, drawing: all as before or as after."""

from __future__ import annotations

import gc
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from every_line import interrupted_at, positions

import viz
from micrograd import Value, load, nn, observers, optim, record_step, save
from micrograd.diagnosis.diagnose import diagnose
from micrograd.training.files import write_all

SOME = 25  # positions of a slow action that are tried; every one with the mark `long`
FILES = ["interrupts", "training/files", "training/saving"]
STEPS = ["interrupts", "observers", "steps/record", "steps/snapshot", "steps/calling",
         "tape/modules", "tape/tape", "optim/optimizer", "diagnosis/diagnose"]  # fmt: skip
DRAWING = ["viz/drawing/figure", "viz/layout/engine", "viz/layout/engine_process",
           "viz/layout/fit_text", "viz/layout/fonts", "training/files"]  # fmt: skip
some = pytest.mark.parametrize("most", [SOME, pytest.param(10**6, marks=pytest.mark.long)])


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sweep(action: Callable[[], object], modules: list[str], most: int, check: Any) -> int:
    """Interrupt an action at its positions, and check what it leaves; how many there were."""
    found = positions(action, *modules)
    tried = found[:: len(found) // most + 1]
    for position in tried:
        assert interrupted_at(action, position), position
        check(position)
    return len(tried)


@pytest.mark.parametrize("ending", ["json", "npz"])
def test_a_file_is_the_old_or_the_new_one(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"state.{ending}"
    old, new = {"w": np.zeros(3), "lr": 0.1}, {"w": np.arange(4.0), "betas": (0.9, 0.99)}
    before = umask()
    seen = set()

    def check(position: Any) -> None:
        assert os.listdir(tmp_path) == [path.name], position
        assert umask() == before, position
        seen.add(repr(load(path)))
        assert seen <= {repr(old), repr(new)}
        save(old, path)

    save(old, path)
    assert sweep(lambda: save(new, path), FILES, 10**6, check) > 60
    assert len(seen) == 2
    assert path.stat().st_mode & 0o777 == 0o666 & ~before


def test_several_files_are_all_old_or_all_new(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    old, new = (dict.fromkeys(names, text) for text in (b"old", b"new"))
    seen = set()

    def check(position: Any) -> None:
        assert sorted(os.listdir(tmp_path)) == [*names], position
        contents = {(tmp_path / name).read_bytes() for name in names}
        assert len(contents) == 1, position
        seen.update(contents)
        write_all(tmp_path, old)

    write_all(tmp_path, old)
    sweep(lambda: write_all(tmp_path, new), ["interrupts", "training/files"], 10**6, check)
    assert seen == {b"old", b"new"}


def trainer() -> tuple[nn.Sequential, optim.Optimizer]:
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
    model.load_state_dict(
        {"0.weight": [[0.5], [-0.25]], "0.bias": [0.5, 1.0], "2.weight": [[1.0, 2.0]],
         "2.bias": [0.0]}
    )  # fmt: skip
    return model, optim.Adam(model.parameters(), lr=0.1)


@some
@pytest.mark.parametrize("action", [record_step, diagnose])
def test_a_recorded_step_is_made_or_not(action: Any, most: int) -> None:
    def state() -> str:
        gradients = [p.grad for p in model.parameters()]
        return repr((model.state_dict(), adam.state_dict(), gradients))

    def run() -> None:
        if action is diagnose:
            diagnose(model, [[1.0]], [[2.0]], nn.MSELoss(), adam)
        else:
            record_step(model, nn.MSELoss(), adam, [[1.0]], [[2.0]])

    model, adam = trainer()
    before = state()
    run()
    after = state()
    assert (before == after) == (action is diagnose)
    model, adam = trainer()
    found = positions(run, *STEPS)
    for position in found[:: len(found) // most + 1]:
        model, adam = trainer()
        assert interrupted_at(run, position), position
        assert state() in (before, after), position
        assert observers.active == (), position


# A folder whose `with` was interrupted at its end is removed by the collector, which says so.
@pytest.mark.some(1)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
@some
@pytest.mark.parametrize("view", ["op_graph", "gradient_diagram", "layer_graph"])
def test_a_picture_is_drawn_or_not(
    view: str, most: int, tmp_path: Path, tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    model, adam = trainer()
    step = record_step(model, nn.MSELoss(), adam, [[1.0]], [[2.0]])
    path = tmp_path / "picture.svg"
    getattr(viz, view)(step).save(path)
    whole = path.read_bytes()
    path.write_text("before")

    def check(position: Any) -> None:
        assert os.listdir(tmp_path) == [path.name], position
        assert path.read_bytes() in (b"before", whole), position
        children = subprocess.run(
            ["ps", "--ppid", str(os.getpid()), "-o", "stat=,args="], capture_output=True, text=True
        ).stdout
        assert "draw_child" not in children, position

    sweep(lambda: getattr(viz, view)(step).save(path), DRAWING, most // 5, check)
    getattr(viz, view)(step).save(path)
    assert path.read_bytes() == whole
    gc.collect()
    assert os.listdir(temporary) == []


def test_a_value_is_drawn_after_an_interruption() -> None:
    a = Value(2.0, label="a")
    expected = viz.draw_dot(a * a).source
    modules = ["viz/views/draw_dot", "tape/tape"]
    sweep(lambda: viz.draw_dot(a * a), modules, 10**6, lambda _: None)
    assert viz.draw_dot(a * a).source == expected
    assert a.grad == 0.0
