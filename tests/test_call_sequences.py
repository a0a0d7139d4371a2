"""Sequences of calls on a compiled function and its optimiser are what an eager shadow does."""

from __future__ import annotations

from typing import Any

import pytest
from conformance import sequences
from conformance.sequences import run, skip_without

from micrograd import Value
from micrograd.compiler.update.memory import Memory

BOTH = pytest.mark.parametrize("backend", ["numpy", "llvm"])


@BOTH
def test_sequences(backend: str) -> None:
    skip_without(backend)
    run(backend, {"numpy": 5, "llvm": 2}[backend], 12)


@pytest.mark.long
@BOTH
def test_1000_sequences(backend: str) -> None:
    skip_without(backend)
    run(backend, 500, 25)


@pytest.mark.long
def test_a_memory_that_forgets_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken as it once was: what is cleared comes back."""
    monkeypatch.setattr(Memory, "clear", lambda self: None)
    with pytest.raises(AssertionError):
        run("numpy", 40, 20, shrink=False)


def test_numbers_that_are_not_the_same_are_found() -> None:
    a: dict[str, Any] = {"x": [1.0, 2.0], "n": 3}
    sequences.same(a, {"x": [1.0, 2.0 + 1e-12], "n": 3}, "here")
    for b in ({"x": [1.0, 2.001], "n": 3}, {"x": [1.0], "n": 3}, {"x": [1.0, 2.0]}, [Value(1.0)]):
        with pytest.raises(AssertionError):
            sequences.same(a, b, "here")
