"""A real browser for tests of pages: what they look like, say and compute."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ASSETS = Path(__file__).parents[1] / "build" / "browser"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"
)


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a network."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield Browser(chromium)
        finally:
            chromium.close()


class Browser:
    """Opens pages, and notes what goes wrong in them.

    One tab shows them all, one after the other: a new one each would cost more than most tests.
    """

    def __init__(self, chromium) -> None:
        self.chromium = chromium
        self.tab = None
        self.opened = 0

    @contextmanager
    def page(self, path: Path, width=1280, height=900, theme="light", motion="no-preference",
             step="", permissions=()):  # fmt: skip
        """A page at a size and in a theme; an error or a request of it fails the test."""
        page = self.tab or self.chromium.new_context(offline=True).new_page()
        self.tab = None  # a tab in which a test has failed shows no other page
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme, reduced_motion=motion)
        page.context.clear_permissions()
        page.context.grant_permissions(list(permissions))
        wrong: list[str] = []
        heard = {
            "console": lambda message: wrong.append(f"{message.type}: {message.text}"),
            "pageerror": lambda error: wrong.append(str(error)),
            "request": lambda request: (
                wrong.append(f"request: {request.url}")
                if not request.url.startswith(path.as_uri())
                else None
            ),
        }
        for event, listener in heard.items():
            page.on(event, listener)
        self.opened += 1  # a question, as for another part of the same page nothing is loaded
        page.goto(f"{path.as_uri()}?{self.opened}" + (f"#{step}" if step != "" else ""))
        yield page
        assert wrong == []
        for event, listener in heard.items():
            page.remove_listener(event, listener)
        self.tab = page


def axe() -> str:
    """The source of axe-core, which npm fetches once; without it the test is skipped."""
    kept = ASSETS / "axe.min.js"
    if not kept.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed, and axe-core comes with it")
        ASSETS.mkdir(parents=True, exist_ok=True)
        run = subprocess.run([npm, "pack", "--silent", "axe-core@4"], cwd=ASSETS,
                             capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
        if run.returncode:
            pytest.skip(f"npm cannot fetch axe-core: {run.stderr.strip()[-200:]}")
        with tarfile.open(ASSETS / run.stdout.split()[-1]) as archive:
            kept.write_bytes(archive.extractfile("package/axe.min.js").read())
    return kept.read_text("utf-8")
