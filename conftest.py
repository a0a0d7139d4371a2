"""Nothing is kept from run to run, nor from test to test; notebooks in Chinese: make test-all."""

from __future__ import annotations

import gc
import os
import tempfile
import zlib
from collections import Counter

import hypothesis
import pytest

from micrograd.tensors.generator import follow_python

collect_ignore_glob = ["tests/conftest.py", "tests/*/conftest.py"]  # of one name, and no tests
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start Python a hundred times
if "PYTEST_XDIST_WORKER" not in os.environ:  # kernels of this run, and nothing of an earlier one
    KERNELS = tempfile.TemporaryDirectory(prefix="micrograd-kernels-")
    os.environ["MICROGRAD_CACHE"] = KERNELS.name
hypothesis.settings.register_profile("all", deadline=None)
hypothesis.settings.register_profile("some", deadline=None, max_examples=40)


def pytest_configure(config: pytest.Config) -> None:
    """As many examples as Hypothesis usually tries where all tests are run."""
    hypothesis.settings.load_profile("some" if "not long" in config.option.markexpr else "all")


@pytest.fixture(autouse=True)
def _unseeded() -> None:
    """Random numbers are from Python's `random`, whatever another test has seeded."""
    follow_python()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`test_notebooks.py` compares the code of the two languages, cell by cell."""
    for item in items:
        if item.path.name.endswith(".zh-CN.ipynb"):
            item.add_marker(pytest.mark.long)
    seen: Counter[object] = Counter()
    for item in sorted(items, key=lambda item: zlib.crc32(item.nodeid.encode())):
        mark = item.get_closest_marker("sampled")
        if mark and not item.get_closest_marker("long"):
            _sample(item, seen, *mark.args)


def _sample(item: pytest.Item, seen: Counter[object], times: int = 1) -> None:
    """Of a grid of cases, those stay in which a value of a parameter comes for the first times."""
    test, given = item.nodeid.partition("[")[0], item.callspec.params  # type: ignore[attr-defined]
    values = [(test, name, id(value)) for name, value in given.items()]
    if all(seen[value] >= times for value in values):
        item.add_marker(pytest.mark.long)
    else:
        seen.update(values)


def pytest_collection_finish() -> None:
    """What is there before the first test stays: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
