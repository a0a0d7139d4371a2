"""How wide a text can be: its width in the widest of the fonts that readers commonly have.

Boxes of vector pictures are sized with these widths, so that a text fits its box whichever of the
fonts it is drawn with, and needs no stretching.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from viz.layout.widths import BOLD, REGULAR

UNITS_PER_EM = 1000
WIDE = 1000
UNKNOWN = 840  # as wide as most signs of mathematics


@cache
def _table(bold: bool) -> dict[str, int]:
    """The widths of `viz.layout.widths`, by character."""
    widths: dict[str, int] = {}
    point = 0
    for word in (BOLD if bold else REGULAR).split():
        if word.startswith("U+"):
            point = int(word[2:], 16)
            continue
        width, _, times = word.partition("*")
        for _ in range(int(times or 1)):
            widths[chr(point)] = int(width)
            point += 1
    return {character: width for character, width in widths.items() if width}


@cache
def character_width(character: str, bold: bool = False) -> int:
    """Return the width of one character in thousandths of the font size.

    Chinese, Japanese and Korean characters are as wide as the font size; an accented letter is as
    wide as its base letter.

    >>> character_width("i"), character_width("i", bold=True), character_width("中")
    (278, 343, 1000)
    """
    known = _table(bold).get(character)
    if known is not None:
        return known
    if unicodedata.category(character) in {"Mn", "Me", "Cf", "Cc"}:
        return 0
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return WIDE
    base = unicodedata.normalize("NFD", character)[0]
    if base != character:
        return character_width(base, bold)
    return UNKNOWN


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of `text` of `size` points, in points, in the widest font.

    >>> text_width("0.6319", 10.0)
    35.49
    """
    thousandths = sum(character_width(character, bold) for character in text)
    return thousandths * size / UNITS_PER_EM
