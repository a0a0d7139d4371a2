"""`make mutate`: what it would change, and the tests that it would run, are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutants import MICROGRAD, chosen, mutants
from mutate import TESTS, WHOLE_PROGRAMS, equivalent, modules, own_tests

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


@pytest.mark.parametrize("room", TESTS)
def test_rooms_and_their_tests_are_there(room: str) -> None:
    found = modules([room])
    assert found
    assert all((MICROGRAD / f"{module}.py").exists() for module in found)
    for file in own_tests(found[0]):
        assert (ROOT / file).exists(), file


def test_own_tests_whole_programs_are_there() -> None:
    assert all((ROOT / f"tests/compiler/test_{name}.py").exists() for name in WHOLE_PROGRAMS)


def test_what_makes_no_difference_is_there_as_it_is_written() -> None:
    """A mutant of code that has changed is no longer one: its line in the page must go."""
    for text in equivalent():
        module = text.partition(": `")[0]
        source = (MICROGRAD / f"{module}.py").read_text(encoding="utf-8")
        assert text in map(str, mutants(module, source)), text
