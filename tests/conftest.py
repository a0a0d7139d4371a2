"""Notebooks in Chinese have the code of the English ones: `make test-all` runs them."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`test_notebooks.py` compares the code of the two languages, cell by cell."""
    for item in items:
        if item.path.name.endswith(".zh-CN.ipynb"):
            item.add_marker(pytest.mark.long)
