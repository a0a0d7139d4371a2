"""Machine code on disk: there in the next process, and for nobody but who made it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")
from micrograd.compiler.backends.llvm import objects

PROGRAM = """
import micrograd
from micrograd import Value, optim
from micrograd.compiler.backends.llvm.later import later
w = [Value(0.1 * k) for k in range(20)]
f = micrograd.compile(
    lambda x: sum((v * x).tanh() for v in w) ** 2, optimizer=optim.Adam(w, lr=0.01), backend="llvm"
)
f.step(0.5)
made = f._programs.newest.executable
print(made._is_good)
made._left = 0.0
for _ in range(3):
    f.step(0.5)
later.wait()
print(f.step(0.5), [v.data for v in w])
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MICROGRAD_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def run() -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_next_process_has_it_and_the_same_bits(home: Path) -> None:
    first, second = run(), run()
    assert (first[0], second[0]) == ("False", "True")
    assert first[1] == second[1]
    assert home.stat().st_mode & 0o777 == 0o700
    for path in home.iterdir():
        path.write_bytes(path.read_bytes()[:-1])  # not whole: made again
    assert run() == first


def test_what_was_stored_is_read(home: Path) -> None:
    key = objects.key_of("a", "b")
    assert key != objects.key_of("ab", "") != objects.key_of("a", "b ")
    assert objects.stored(key) is None
    objects.store(key, b"code")
    assert objects.stored(key) == b"code"
    assert [path.name for path in home.iterdir()] == [key + ".o"]
    path = home / (key + ".o")
    whole = path.read_bytes()
    for changed in (b"", whole[:-1], whole + b"x", b"X" + whole[1:], whole[:-2] + b"XX"):
        path.write_bytes(changed)
        assert objects.stored(key) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
@pytest.mark.parametrize("who", ["folder", "file"])
def test_what_others_can_write_is_not_read(home: Path, who: str) -> None:
    objects.store("k", b"code")
    path = home if who == "folder" else home / "k.o"
    path.chmod(0o777)
    assert objects.stored("k") is None
    if who == "folder":
        objects.store("other", b"code")
        assert not (home / "other.o").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
def test_what_others_have_written_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.store("k", b"code")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert objects.stored("k") is None


def test_a_folder_that_cannot_be_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MICROGRAD_CACHE", str(tmp_path / "file" / "folder"))
    objects.store("k", b"code")
    assert objects.stored("k") is None


@pytest.mark.parametrize("off", ["", "0"])
def test_it_can_be_switched_off(off: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRAD_CACHE", off)
    assert objects.folder() is None
    objects.store("k", b"code")
    assert objects.stored("k") is None


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MICROGRAD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert objects.folder() == tmp_path / "micrograd-tracer"


def test_old_ones_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "MOST_FILES", 3)
    for k in range(5):
        objects.store(str(k), b"code")
        os.utime(home / f"{k}.o", (k, k))
    assert sorted(path.name for path in home.iterdir()) == ["2.o", "3.o", "4.o"]
