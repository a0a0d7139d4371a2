"""Tells a whole picture from half of one."""

from __future__ import annotations

from xml.parsers import expat

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"


def is_whole(picture: bytes, file_format: str) -> bool:
    """Return whether `picture` is complete, for the formats svg, png and pdf.

    >>> is_whole(b"<svg xmlns='http://www.w3.org/2000/svg'><g/></svg>", "svg")
    True
    >>> is_whole(b"<svg xmlns='http://www.w3.org/2000/svg'><g>", "svg")
    False
    """
    if file_format == "png":
        return picture.startswith(_PNG_START) and picture.endswith(_PNG_END)
    if file_format == "pdf":
        return picture.startswith(b"%PDF") and picture.rstrip().endswith(b"%%EOF")
    return picture.rstrip().endswith(b"</svg>") and _is_well_formed(picture)


def _is_well_formed(document: bytes) -> bool:
    try:
        expat.ParserCreate().Parse(document, True)
    except expat.ExpatError:
        return False
    return True
