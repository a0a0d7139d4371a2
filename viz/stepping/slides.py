"""Slides: the page printed by Chromium, a stage on each sheet of 16:9."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from micrograd.errors import LayoutError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 180
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def printed(page: str) -> bytes:
    """The slides of a page, as PDF; a LayoutError if no browser can print them."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise LayoutError(
            "slides in PDF are printed by Chromium, and none was found: install it (apt-get "
            "install chromium), print the page from your browser, or use save_stages"
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "page.html"), Path(folder, "slides.pdf")
        source.write_text(page, "utf-8")
        command = [browser, *FLAGS, f"--user-data-dir={folder}/profile",
                   f"--print-to-pdf={target}", f"{source.as_uri()}#slides"]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise LayoutError(f"Chromium did not print the slides within {SECONDS} s") from None
        if not target.exists():
            said = done.stderr.decode(errors="replace").strip()[-200:]
            raise LayoutError(f"Chromium did not print the slides: {said}")
        return target.read_bytes()
