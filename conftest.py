"""Nothing is kept from run to run, nor from test to test; notebooks in Chinese: make test-all."""

from __future__ import annotations

import gc
import os
import tempfile

import hypothesis
import pytest

from micrograd.tensors.generator import follow_python

collect_ignore_glob = ["tests/conftest.py", "tests/*/conftest.py"]  # of one name, and no tests
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start Python a hundred times
if "PYTEST_XDIST_WORKER" not in os.environ:  # kernels of this run, and nothing of an earlier one
    KERNELS = tempfile.TemporaryDirectory(prefix="micrograd-kernels-")
    os.environ["MICROGRAD_CACHE"] = KERNELS.name
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Files that take longest, which two workers begin with; a file is never shared between workers.
SLOW = ()


@pytest.fixture(autouse=True)
def _unseeded() -> None:
    """Random numbers are from Python's `random`, whatever another test has seeded."""
    follow_python()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`test_notebooks.py` compares the code of the two languages, cell by cell."""
    for item in items:
        if item.path.name.endswith(".zh-CN.ipynb"):
            item.add_marker(pytest.mark.long)
    first = {name: k for k, name in enumerate(SLOW)}
    items.sort(key=lambda item: first.get(item.path.name, len(SLOW)))


def pytest_collection_finish() -> None:
    """What is there before the first test stays: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
