"""Nothing is kept from run to run, nor from test to test; notebooks in Chinese: make test-all."""

from __future__ import annotations

import os

import hypothesis
import pytest

from micrograd.tensors.generator import follow_python

collect_ignore_glob = ["tests/conftest.py", "tests/*/conftest.py"]  # of one name, and no tests
os.environ["MICROGRAD_CACHE"] = "0"  # nothing of an earlier run
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _unseeded() -> None:
    """Random numbers are from Python's `random`, whatever another test has seeded."""
    follow_python()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`test_notebooks.py` compares the code of the two languages, cell by cell."""
    for item in items:
        if item.path.name.endswith(".zh-CN.ipynb"):
            item.add_marker(pytest.mark.long)
