"""Which characters the fonts in a folder can draw, read from the fonts' `cmap` tables.

The tables are those of the OpenType specification, version 1.9:
https://learn.microsoft.com/typography/opentype/spec/cmap
"""

from __future__ import annotations

import os
import struct
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_CMAP_TAG = int.from_bytes(b"cmap", "big")
_UNICODE = {(0, code) for code in (0, 1, 2, 3, 4, 6)} | {(3, 1), (3, 10)}


@dataclass(frozen=True)
class Coverage:
    """What was found: whether there is any font, and the characters that no font has."""

    any_font: bool
    missing: str


def coverage(text: str, folders: Iterable[Path]) -> Coverage:
    """Look for fonts that have the characters of `text`, in `folders` and the folders in them.

    Fonts that cannot be read are passed over, and so are character maps of format 13, which belong
    to "last resort" fonts that have a box for every character. The search ends with the first
    fonts that together have every character.

    >>> coverage("ab", [])
    Coverage(any_font=False, missing='ab')
    """
    wanted = {ord(character) for character in text if _is_drawn(character)}
    any_font = False
    for path in _font_files(folders):
        try:
            with path.open("rb") as file:
                wanted -= _characters(file, wanted)
        except (OSError, struct.error, IndexError):
            continue
        any_font = True
        if not wanted:
            break
    return Coverage(any_font, "".join(map(chr, sorted(wanted))))


def _is_drawn(character: str) -> bool:
    if character.isspace() or not character.isprintable():
        return False
    return not unicodedata.name(character, "").startswith("VARIATION SELECTOR")


def _font_files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for parent, subfolders, names in os.walk(folder):
            subfolders.sort()
            for name in sorted(names):
                if name.lower().endswith(_SUFFIXES):
                    yield Path(parent, name)


def _read(file: BinaryIO, offset: int, layout: str) -> tuple[int, ...]:
    file.seek(offset)
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _characters(file: BinaryIO, wanted: set[int]) -> set[int]:
    """Return those of the `wanted` code points that the font file has."""
    file.seek(0)
    faces: tuple[int, ...] = (0,)
    if file.read(4) == b"ttcf":
        (count,) = _read(file, 8, ">I")
        faces = _read(file, 12, f">{count}I")
    found: set[int] = set()
    for face in faces:
        found |= _characters_of_face(file, face, wanted - found)
        if found == wanted:
            break
    return found


def _characters_of_face(file: BinaryIO, face: int, wanted: set[int]) -> set[int]:
    (table_count,) = _read(file, face + 4, ">H")
    for index in range(table_count):
        tag, _, offset, length = _read(file, face + 12 + 16 * index, ">IIII")
        if tag == _CMAP_TAG:
            file.seek(offset)
            return _characters_of_cmap(file.read(length), wanted)
    return set()


def _characters_of_cmap(cmap: bytes, wanted: set[int]) -> set[int]:
    (count,) = struct.unpack_from(">H", cmap, 2)
    found: set[int] = set()
    for index in range(count):
        platform, encoding, offset = struct.unpack_from(">HHI", cmap, 4 + 8 * index)
        if (platform, encoding) not in _UNICODE:
            continue
        (table_format,) = struct.unpack_from(">H", cmap, offset)
        if table_format == 4:
            found |= _format_4(cmap, offset, wanted - found)
        elif table_format == 12:
            found |= _format_12(cmap, offset, wanted - found)
    return found


def _format_4(cmap: bytes, offset: int, wanted: set[int]) -> set[int]:
    """Segments of the Basic Multilingual Plane; glyph 0 means that the character is missing."""
    (doubled,) = struct.unpack_from(">H", cmap, offset + 6)
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", cmap, offset + 14)
    starts = struct.unpack_from(f">{count}H", cmap, offset + 16 + doubled)
    deltas = struct.unpack_from(f">{count}H", cmap, offset + 16 + 2 * doubled)
    range_offsets_at = offset + 16 + 3 * doubled
    range_offsets = struct.unpack_from(f">{count}H", cmap, range_offsets_at)
    found = set()
    for code in wanted:
        segment = bisect_left(ends, code)
        if segment == count or starts[segment] > code:
            continue
        glyph = code
        if range_offsets[segment]:
            step = range_offsets[segment] + 2 * (code - starts[segment])
            (glyph,) = struct.unpack_from(">H", cmap, range_offsets_at + 2 * segment + step)
            if glyph == 0:
                continue
        if (glyph + deltas[segment]) % 0x10000 != 0:
            found.add(code)
    return found


def _format_12(cmap: bytes, offset: int, wanted: set[int]) -> set[int]:
    """Groups of (first character, last character, glyph of the first)."""
    (count,) = struct.unpack_from(">I", cmap, offset + 12)

    def ends(group: int) -> tuple[int, int]:
        first, last = struct.unpack_from(">II", cmap, offset + 16 + 12 * group)
        return last, first

    found = set()
    for code in wanted:
        group = bisect_left(range(count), (code, 0), key=ends)
        if group < count and ends(group)[1] <= code:
            found.add(code)
    return found
