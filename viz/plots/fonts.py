"""Fonts for the Chinese words of a plot."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib import font_manager

from micrograd.errors import FontWarning

LATIN = "DejaVu Sans"  # comes with matplotlib, which draws English with it
CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Source Han Sans SC",
)
MISSING = (
    "no font has the Chinese characters of this plot, which shows boxes in their place; "
    "install one (Debian and Ubuntu: apt install fonts-noto-cjk)"
)


def installed() -> set[str]:
    """The names of all font families that matplotlib knows."""
    return {entry.name for entry in font_manager.fontManager.ttflist}


def families(language: str) -> list[str]:
    """The font families for a language, the first that has a character first.

    >>> families("en")
    ['DejaVu Sans']
    """
    if language == "en":
        return [LATIN]
    known = installed()  # matplotlib logs a message each time it looks for another one
    return [LATIN, *(name for name in CHINESE if name in known)]


def lacks_font(language: str) -> bool:
    """Whether the words of the language would be boxes."""
    return language != "en" and len(families(language)) == 1


def warn_of_boxes(language: str, stacklevel: int) -> None:
    """Warn (FontWarning) if the words of the language would be boxes."""
    if lacks_font(language):
        warnings.warn(MISSING, FontWarning, stacklevel=stacklevel + 1)


@contextmanager
def said_once(language: str) -> Iterator[None]:
    """A context without matplotlib's warning for each box, if `warn_of_boxes` has said it all."""
    with warnings.catch_warnings():
        if lacks_font(language):
            warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from", UserWarning)
        yield
