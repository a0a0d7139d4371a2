"""What `SECURITY.md` promises: nothing is sent, pages load nothing, and each row has its tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

WATCHED = """
import sys

def hook(event, args):
    if event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib.")):
        raise SystemExit(f"{event}: {args}")

sys.addaudithook(hook)
"""
EVERYTHING = """
import micrograd, viz
from micrograd import article, nn, optim, record_step
from micrograd.commands.cli import main

model = article.network()
sgd = optim.SGD(model.parameters(), lr=0.01)
f = micrograd.compile(lambda x, y: (model(x) - y) ** 2, optimizer=sgd)
f.step(article.X[0], article.Y[0])
micrograd.save(model.state_dict(), "model.json")
model.load_state_dict(micrograd.load("model.json"))
step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)
viz.op_graph(step).save("graph.svg")
viz.gradient_diagram(step).save("step.svg")
viz.stepper(step).save("step.html")
micrograd.diagnose(model, article.X, article.Y)
micrograd.export(f).save("exported.py")
assert main(["info"]) == main(["step", "--out", "out"]) == 0
assert main(["train", "--epochs", "1", "--samples", "8", "--out", "out"]) == 0
print("\\ndone")
"""
ELSEWHERE = re.compile(
    r"""(?:src|href|action)\\?=\\?["'](?!#|data:)|url\((?!#)|@import|\bfetch\(|XMLHttpRequest|"""
    r"WebSocket|sendBeacon|EventSource|import\("
)


def watched(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WATCHED + program], cwd=folder, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a program that does a little of everything has left its files."""
    folder = tmp_path_factory.mktemp("watched")
    done = watched(EVERYTHING, folder)
    assert done.stdout.endswith("\ndone\n"), done.stderr
    return folder


def test_nothing_is_sent(folder: Path) -> None:
    assert (folder / "step.html").exists()


def test_pages_and_pictures_load_nothing(folder: Path) -> None:
    drawn = [*folder.rglob("*.html"), *folder.rglob("*.svg")]
    assert {path.suffix for path in drawn} == {".html", ".svg"}
    for path in drawn:
        assert not ELSEWHERE.search(path.read_text(encoding="utf-8")), path.name


def test_what_is_sent_and_loaded_would_be_found(tmp_path: Path) -> None:
    sent = watched("import socket; socket.socket()", tmp_path)
    assert "socket.__new__" in sent.stderr
    for text in ('<img src="http://x">', "url(http://x)", "fetch('x')", '<a href="x">'):
        assert ELSEWHERE.search(text)
    assert not ELSEWHERE.search('<a href="#b"/><path fill="url(#c)"/>')


def test_each_promise_names_tests_that_are_there() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 8
    for row in rows:
        files = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert files, row
        assert all((ROOT / file).exists() for file in files), row
