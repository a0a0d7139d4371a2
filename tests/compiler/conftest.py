"""Every test here may ask for `backend`: each one that is installed."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from micrograd.compiler import passes
from micrograd.compiler.programs import patience, programs

patience.FREE = sys.maxsize  # programs are what is tested: none waits

sys.path.insert(0, str(Path(__file__).parents[1]))  # the helpers that all tests share


BOTH = {"test_backends.py", "test_compiled_random.py", "test_quotients.py", "test_interrupts.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the backends are given is the same: a case runs on one of them, cases on one or other.

    In the files of `BOTH` each runs on each, as all do in make test-all.
    """
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    for item in here:
        if "backend" in getattr(item, "fixturenames", ()) and item.path.name not in BOTH:
            item.add_marker(pytest.mark.sampled)


@pytest.fixture(autouse=True)
def _checked(request: pytest.FixtureRequest) -> None:
    """What each pass makes is checked: in a third of the tests, in all of them in make test-all."""
    all_of_them = "not long" not in request.config.option.markexpr
    passes.CHECK = all_of_them or zlib.crc32(request.node.nodeid.encode()) % 3 == 0


@pytest.fixture
def in_order() -> Iterator[None]:
    """All programs are taken to have no arrays."""
    from passes import no_arrays

    with no_arrays():
        yield


@pytest.fixture(params=["numpy", "llvm"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "llvm":
        pytest.importorskip("llvmlite")
    return str(request.param)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All that is compiled in a test."""
    units: list[Any] = []
    compiled = programs.compiled
    monkeypatch.setattr(
        programs, "compiled", lambda unit, b: (units.append(unit), compiled(unit, b))[1]
    )
    return units
