"""The site's source: the API that it names is there, and the gallery's pictures are drawn."""

import importlib
import runpy
from pathlib import Path

SITE = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "site.py"))


def test_the_source_is_whole(tmp_path):
    SITE["write"](tmp_path / "site")
    pages = tmp_path / "site" / "docs"
    settings = (tmp_path / "site" / "mkdocs.yml").read_text("utf-8")
    for name in SITE["GALLERY"]:
        assert list(pages.glob(f"{name}.*"))
    for line in settings.partition("nav:")[2].splitlines():
        if line.strip():
            assert (pages / line.rpartition(": ")[2]).exists()


def test_the_api_that_it_names_is_there():
    for module, names in SITE["API"].items():
        assert all(hasattr(importlib.import_module(module), name) for name in names)
