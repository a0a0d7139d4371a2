"""Nothing is kept from run to run, nor from test to test; notebooks in Chinese: make test-all."""

from __future__ import annotations

import gc
import os
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable

import hypothesis
import pytest

from micrograd.tensors.generator import follow_python

collect_ignore_glob = ["tests/conftest.py", "tests/*/conftest.py"]  # of one name, and no tests
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start Python a hundred times
if "PYTEST_XDIST_WORKER" not in os.environ:  # kernels of this run, and nothing of an earlier one
    KERNELS = tempfile.TemporaryDirectory(prefix="micrograd-kernels-")
    os.environ["MICROGRAD_CACHE"] = KERNELS.name
LONG_NOTEBOOKS = ("05_moons", "07_cluster")  # of which other tests see nearly all
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
        if item.path.name.endswith(".zh-CN.ipynb") or item.path.stem in LONG_NOTEBOOKS:
            item.add_marker(pytest.mark.long)
    seen: Counter[object] = Counter()
    for item in sorted(items, key=lambda item: zlib.crc32(item.nodeid.encode())):
        if item.get_closest_marker("long"):
            continue
        test = item.nodeid.partition("[")[0]
        if mark := item.get_closest_marker("some"):
            _keep(item, [test], seen, *mark.args)
        elif mark := item.get_closest_marker("sampled"):
            given = item.callspec.params  # type: ignore[attr-defined]
            values = [(test, name, id(value)) for name, value in given.items()]
            _keep(item, values, seen, *mark.args)


def _keep(item: pytest.Item, of: Iterable[object], seen: Counter[object], times: int = 1) -> None:
    """Leave a case in every run if one of the things that it is of has not come so often yet."""
    if all(seen[thing] >= times for thing in of):
        item.add_marker(pytest.mark.long)
    else:
        seen.update(of)


def pytest_collection_finish() -> None:
    """What is there before the first test stays: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
