"""A font of blank glyphs with the widths of the widest fonts, written as a TrueType file.

A layout engine sizes boxes by the fonts that it finds, so the same graph comes out different on
every machine. The layout of a vector picture needs no glyphs, only widths: laid out with this
font alone it is the same everywhere, fits whatever font a reader has, and needs none installed.
It calls itself Helvetica, as that is what pictures ask for.

The tables are those of the OpenType specification, version 1.9:
https://learn.microsoft.com/typography/opentype/spec/
"""

from __future__ import annotations

import math
import struct
from functools import cache, lru_cache

from viz.layout.text_metrics import UNITS_PER_EM, UNKNOWN, WIDE, character_width

FAMILY = "Helvetica"
_SIZES = (10, 11, 12, 13, 14, 15)  # points, of the texts of our pictures
_PIXELS_PER_POINT = 96 / 72
_MOST_SHORT = 0.2  # pixels
_ASCENT = 905
_DESCENT = 212
_ALWAYS = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x180))))  # letters of Europe
_WIDE_BLOCKS = (
    range(0x3100, 0xD800),
    range(0x1F300, 0x1FB00),
    range(0x20000, 0x30000),
)
_HEAD_MAGIC = 0x5F0F3CF5
_CHECKSUM_MAGIC = 0xB1B0AFBA
_CHECKSUM_OFFSET_IN_HEAD = 8


def blank_font(text: str = "", bold: bool = False) -> bytes:
    """Return a TrueType file of the family Helvetica that has all of a text, in blank glyphs.

    There is one glyph for each width; every character is mapped to the glyph of its width.

    >>> blank_font("∂L/∂w")[:4].hex()
    '00010000'
    """
    return _blank_font(_ALWAYS.union(text), bold)


@lru_cache(maxsize=16)
def _blank_font(characters: frozenset[str], bold: bool) -> bytes:
    width_of = {
        ord(c): _advance(character_width(c, bold))
        for c in characters
        if c >= " " and not any(ord(c) in block for block in _WIDE_BLOCKS)
    }
    advances = [UNKNOWN, *sorted({*width_of.values(), WIDE})]
    glyph_of = {advance: glyph for glyph, advance in enumerate(advances) if glyph > 0}
    groups = _runs({point: glyph_of[width] for point, width in width_of.items()})
    groups += [(block.start, block.stop - 1, glyph_of[WIDE]) for block in _WIDE_BLOCKS]
    return _font_file(
        {
            b"OS/2": _os2_table(bold),
            b"cmap": _cmap_table(sorted(groups)),
            b"glyf": b"\0",
            b"head": _head_table(bold),
            b"hhea": _hhea_table(advances),
            b"hmtx": b"".join(struct.pack(">Hh", advance, 0) for advance in advances),
            b"loca": bytes(2 * (len(advances) + 1)),
            b"maxp": struct.pack(">IH13H", 0x10000, len(advances), *[0] * 13),
            b"name": _name_table("Bold" if bold else "Regular"),
            b"post": struct.pack(">IIhhIIIII", 0x30000, 0, -100, 50, 0, 0, 0, 0, 0),
        }
    )


@cache
def _advance(width: int) -> int:
    """The least advance from `width` on that is not lost when it is rounded.

    Pango rounds every advance to whole pixels; at each size no glyph may come out much narrower.
    """
    advance = width
    while any(
        math.floor(advance * pixels / UNITS_PER_EM + 0.5)
        < width * pixels / UNITS_PER_EM - _MOST_SHORT
        for pixels in (size * _PIXELS_PER_POINT for size in _SIZES)
    ):
        advance += 1
    return advance


def _runs(glyph_of: dict[int, int]) -> list[tuple[int, int, int]]:
    """Merge neighbouring characters with one glyph into (first, last, glyph)."""
    runs: list[tuple[int, int, int]] = []
    for point, glyph in sorted(glyph_of.items()):
        if runs and runs[-1][1] == point - 1 and runs[-1][2] == glyph:
            runs[-1] = (runs[-1][0], point, glyph)
        else:
            runs.append((point, point, glyph))
    return runs


def _cmap_table(groups: list[tuple[int, int, int]]) -> bytes:
    """Map each run of characters to one glyph: subtable format 13, "many-to-one range"."""
    packed = b"".join(struct.pack(">III", *group) for group in groups)
    subtable = struct.pack(">HHIII", 13, 0, 16 + len(packed), 0, len(groups))
    windows_unicode_full = (3, 10)
    header = struct.pack(">HHHHI", 0, 1, *windows_unicode_full, 12)
    return header + subtable + packed


def _head_table(bold: bool) -> bytes:
    flags, created, modified = 0, 0, 0
    mac_style = int(bold)
    bounds = (0, -_DESCENT, UNITS_PER_EM, _ASCENT)
    smallest_size, direction, short_offsets, glyph_format = 8, 2, 0, 0
    return struct.pack(
        ">IIIIHHqqhhhhHHhhh",
        *(0x10000, 0x10000, 0, _HEAD_MAGIC, flags, UNITS_PER_EM, created, modified, *bounds),
        *(mac_style, smallest_size, direction, short_offsets, glyph_format),
    )


def _hhea_table(advances: list[int]) -> bytes:
    line_gap, left, right, extent = 0, 0, 0, UNITS_PER_EM
    return struct.pack(
        ">IhhhHhhh8hH",
        *(0x10000, _ASCENT, -_DESCENT, line_gap, max(advances), left, right, extent),
        *(1, 0, 0, 0, 0, 0, 0, 0, len(advances)),
    )


def _os2_table(bold: bool) -> bytes:
    version, embedding = 4, 0
    weight, width = (700 if bold else 400), 5
    subscript_and_superscript = (650, 600, 0, 75, 650, 600, 0, 350)
    strikeout = (50, 250)
    bold_bit, regular_bit = 0x20, 0x40
    return struct.pack(
        ">HhHHHhhhhhhhhhhh10sIIII4sHHHhhhHHIIhhHHH",
        *(version, UNKNOWN, weight, width, embedding, *subscript_and_superscript, *strikeout),
        *(0, bytes(10), 0, 0, 0, 0, b"NONE", bold_bit if bold else regular_bit),
        *(0x20, 0xFFFF, _ASCENT, -_DESCENT, 0, _ASCENT, _DESCENT),
        *(1, 0, 519, 716, 0, 0x20, 0),
    )


def _name_table(style: str) -> bytes:
    names = {
        1: FAMILY,
        2: style,
        3: f"{FAMILY} {style} blank",
        4: f"{FAMILY} {style}",
        5: "Version 1.000",
        6: f"{FAMILY}-{style}",
    }
    windows_unicode_english = (3, 1, 0x409)
    records, strings = b"", b""
    for identifier, text in names.items():
        encoded = text.encode("utf-16-be")
        records += struct.pack(
            ">HHHHHH", *windows_unicode_english, identifier, len(encoded), len(strings)
        )
        strings += encoded
    return struct.pack(">HHH", 0, len(names), 6 + len(records)) + records + strings


def _font_file(tables: dict[bytes, bytes]) -> bytes:
    count = len(tables)
    power = count.bit_length() - 1
    header = struct.pack(">IHHHH", 0x10000, count, 16 << power, power, 16 * count - (16 << power))
    directory, body = b"", b""
    start = len(header) + 16 * count
    for tag, table in sorted(tables.items()):
        offset = start + len(body)
        directory += struct.pack(">4sIII", tag, _checksum(table), offset, len(table))
        body += table + bytes(-len(table) % 4)
        if tag == b"head":
            adjustment_at = offset + _CHECKSUM_OFFSET_IN_HEAD
    font = header + directory + body
    adjustment = (_CHECKSUM_MAGIC - _checksum(font)) & 0xFFFFFFFF
    return font[:adjustment_at] + struct.pack(">I", adjustment) + font[adjustment_at + 4 :]


def _checksum(data: bytes) -> int:
    padded = data + bytes(-len(data) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF
