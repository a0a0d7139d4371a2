"""Every test here may ask for `backend`: each one that is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from micrograd.compiler import passes

passes.CHECK = True  # what each pass makes, in all tests

sys.path.insert(0, str(Path(__file__).parents[1]))  # the helpers that all tests share


@pytest.fixture(params=["numpy", "llvm"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "llvm":
        pytest.importorskip("llvmlite")
    return str(request.param)
