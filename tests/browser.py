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
    """Opens pages, and notes what goes wrong in them."""

    def __init__(self, chromium) -> None:
        self.chromium = chromium

    @contextmanager
    def page(self, path: Path, width=1280, height=900, theme="light", motion="no-preference",
             step="", permissions=()):  # fmt: skip
        """A page at a size and in a theme; an error or a request of it fails the test."""
        context = self.chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme,
            reduced_motion=motion, permissions=list(permissions),
        )  # fmt: skip
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(f"request: {request.url}")
                if not request.url.startswith(path.as_uri()) else None)  # fmt: skip
        context.set_offline(True)
        page.goto(path.as_uri() + (f"#{step}" if step != "" else ""))
        try:
            yield page
            assert wrong == []
        finally:
            context.close()


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
