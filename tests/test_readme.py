"""What the README says is so: its code runs, and its picture is the one that is drawn today."""

import contextlib
import io
import re
import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_runs_and_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 7
    printed = io.StringIO()
    names = {}
    with contextlib.redirect_stdout(printed):
        for block in blocks:
            exec(block, names)
    assert printed.getvalue().startswith("4.0 0.0\n")
    assert "layer2.bias" in printed.getvalue()
    assert {"graph.svg", "loss.svg", "network.json"} <= {p.name for p in tmp_path.iterdir()}


def texts(svg):
    return [t.text for t in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_pictures_are_todays():
    drawn = runpy.run_path(str(ROOT / "docs" / "draw.py"))["pictures"]()
    assert {p.name for p in (ROOT / "docs").glob("*.svg")} == set(drawn)
    for name, figure in drawn.items():
        kept = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert texts(kept) == texts(figure.svg()), f"{name}: make pictures"


def test_the_neuron_in_architecture_is_todays():
    pytest.importorskip("llvmlite")
    written = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert runpy.run_path(str(ROOT / "docs" / "neuron.py"))["text"]() in written, "make pictures"


def test_every_file_that_is_named_is_there():
    chinese = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", README + chinese):
        assert (ROOT / target).exists()
