"""Nothing is kept from run to run; notebooks in Chinese run with `make test-all` only."""

from __future__ import annotations

import os

import pytest

os.environ["MICROGRAD_CACHE"] = "0"  # nothing of an earlier run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`test_notebooks.py` compares the code of the two languages, cell by cell."""
    for item in items:
        if item.path.name.endswith(".zh-CN.ipynb"):
            item.add_marker(pytest.mark.long)
