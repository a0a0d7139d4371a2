"""The site's source: the API that it names is there, and the gallery's pictures are drawn."""

import importlib
import re
import runpy
from pathlib import Path

import pytest

import viz

SITE = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "site.py"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "site"
    SITE["write"](folder)
    return folder


@pytest.mark.long
def test_the_source_is_whole(site):
    pages, settings = site / "docs", (site / "mkdocs.yml").read_text("utf-8")
    shown = (pages / "gallery.md").read_text("utf-8")
    for k, (title, code) in enumerate(SITE["GALLERY"]):
        assert f"## {title}" in shown
        assert code in shown
        found = list(pages.glob(f"picture{k:02d}.*")) or [pages / "moving.svg"]
        assert "<svg" in found[0].read_text("utf-8")[:2000] or found[0].suffix == ".html"
    for line in settings.partition("nav:")[2].splitlines():
        if line.strip():
            assert (pages / line.rpartition(": ")[2]).exists()


def test_no_picture_is_missing_from_the_gallery():
    code = "".join(code for _, code in SITE["GALLERY"])
    pictures = {n for n in viz.__all__ if n.islower()} - {"trace", "enable_display", "compare"}
    for name in [*pictures, *(f"curves.{n}" for n in viz.curves.__all__ if n.islower())]:
        assert f"viz.{name}(" in code, name


@pytest.mark.long
def test_links_lead_to_pages(site):
    pages = site / "docs"
    for page in pages.glob("*.md"):
        text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (pages / link).exists(), (page.name, link)


def test_the_api_that_it_names_is_there():
    for module, names in SITE["API"].items():
        assert all(hasattr(importlib.import_module(module), name) for name in names)
