"""`make mutate`: what it would change, and the tests that it would run, are there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutants import MICROGRAD, chosen, mutants
from mutate import FILES, ROOMS, equivalent, modules
from reached import Reached
from warm import changed

ROOT = Path(__file__).parents[1]
SOURCE = '''
def f(a, b):
    """a - b."""
    if a < 1 and b:
        raise ValueError("a" + "b")
    return g(a, b) - a
'''


def test_what_is_changed() -> None:
    lines = {m.line for m in mutants("m", SOURCE)}
    assert lines == {
        "if (a <= 1) and b:", "if a < (2) and b:", "if (a < 1 or b):", "if (a < 1):",
        "return (g(a, b) + a)", "return (g(a, b))", "return (g(b, a)) - a",
    }  # fmt: skip
    for mutant in mutants("m", SOURCE):
        changed = mutant.of(SOURCE)
        assert mutant.line in changed
        assert changed.replace(mutant.line, mutant.was) == SOURCE


def test_a_seed_repeats_and_another_differs() -> None:
    assert chosen("gradients", 5, 1) == chosen("gradients", 5, 1) != chosen("gradients", 5, 2)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_there(room: str) -> None:
    assert modules([room])
    assert all((MICROGRAD / f"{module}.py").exists() for module in modules([room]))


def test_their_tests_are_there() -> None:
    assert all((ROOT / f"tests/test_{name}.py").exists() for name in FILES)


SMALL = {
    "micrograd/__init__.py": "",
    "micrograd/gain.py": "def gain(x):\n    if x > 1:\n        return 2\n    return x\n",
    "tests/test_gain.py": "from micrograd.gain import gain\n"
    "for _ in range(50): gain(1)\n"  # which changes its code, in some versions of Python
    "def test_small(): assert gain(1) == 1\n"
    "def test_large(): assert gain(3) == 2\n"
    "def test_wrong(): assert gain(3) == 3\n",
    "tests/test_all.py": "from micrograd.gain import gain\n"
    "def test_other(): assert gain(5) == 2\n"
    "def test_none(): pass\n",
}


def run_in(folder: Path, program: str) -> list[str]:
    """The lines that a program prints beside a small package and its tests."""
    for name, text in SMALL.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT / 'tests'}"},
    )  # fmt: skip
    return done.stdout.splitlines()


WATCH = """
from pathlib import Path
from reached import Watch
Watch(Path("map"), Path.cwd()).run(["-q", "-p", "no:cacheprovider", "tests"])
"""


def test_those_that_come_along_at_a_line_run_on_its_mutants(tmp_path: Path) -> None:
    pytest.importorskip("coverage")
    run_in(tmp_path, WATCH)
    reached = Reached(tmp_path / "map", pure=False)

    def names(first: int, last: int) -> tuple[list[str], ...]:
        tests = reached.at("gain", range(first, last + 1), SMALL["micrograd/gain.py"])
        turns = reached.turns("gain", tests)
        return tuple([test.node.rpartition("/test_")[2] for test in turn] for turn in turns)

    large, other = "gain.py::test_large", "all.py::test_other"
    assert names(3, 3) == ([large, other], [])  # its own first, and none that fails as it is
    assert names(4, 4) == (["gain.py::test_small"], [])
    near, rest = names(1, 1)  # the function is made for all of them
    assert {*near} == {"gain.py::test_small", large, other}
    assert rest == []
    source = SMALL["micrograd/gain.py"]
    beside = reached.beside("gain", source, reached.at("gain", range(3, 4), source))
    assert [test.node.rpartition("::")[2] for test in beside] == ["test_small"]
    assert reached.is_imported("gain", range(1, 2))
    assert not reached.is_imported("gain", range(3, 4))


WARM = """
from pathlib import Path
from warm import Warm, collected

def work(warm):
    path, nodes = Path.cwd() / "micrograd/gain.py", ["test_small", "test_large"]
    old, nodes = path.read_text(), [f"tests/test_gain.py::{name}" for name in nodes]
    for a, b in ("return 2", "return 3"), ("x > 1", "x >= 2"), ("return x", "while x: pass"):
        print("noticed", warm.fails(path, old, old.replace(a, b), nodes, 2))
    print("noticed", warm.fails(path, old, old, nodes, 20))
    wrong = ["tests/test_gain.py::test_wrong"]
    print("noticed", warm.fails(path, old, old.replace("x > 1", "x > 2"), wrong, 20), *warm.unfit)

collected(["-q", "-p", "no:cacheprovider", "tests"], Warm(Path.cwd(), work))
"""


def test_mutants_in_a_process_that_has_all_tests(tmp_path: Path) -> None:
    """Another result and a loop without end are noticed; the same and no change are not.

    Nor is it if what fails does so as it is.
    """
    lines = [line for line in run_in(tmp_path, WARM) if line.startswith("noticed")]
    assert lines[:4] == ["noticed True", "noticed False", "noticed True", "noticed False"]
    assert lines[4:] == ["noticed False tests/test_gain.py::test_wrong"]


def test_only_functions_can_change_in_it() -> None:
    source = "A = 1\nclass B:\n    c = 2\n    def d(self, e=3):\n        return lambda: e + 4\n"
    path = Path("m.py")
    inner = changed(path, source, source.replace("4", "5"))
    assert inner is not None
    assert sorted(code.co_name for code in inner) == ["<lambda>", "d"]
    for number in "123":
        assert changed(path, source, source.replace(number, "7")) is None


def test_what_makes_no_difference_is_there_as_it_is_written() -> None:
    """A mutant of code that has changed is no longer one: its line in the page must go."""
    for text in equivalent():
        module = text.partition(": `")[0]
        source = (MICROGRAD / f"{module}.py").read_text(encoding="utf-8")
        assert text in map(str, mutants(module, source)), text
