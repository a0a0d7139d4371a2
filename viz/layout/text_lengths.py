"""Writes into an SVG picture how wide the layout engine took each text to be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

_TEXT = re.compile(r"<text(?P<attributes>[^>]*)>(?P<content>[^<]*)</text>")
_COORDINATE = re.compile(r' (?P<name>[xy])="(?P<value>[^"]*)"')
_DRAWN_TEXT_KEYS = ("_ldraw_", "_hldraw_", "_tldraw_")
_POSITION_TOLERANCE = 0.02

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"

_Placed = tuple[float, float, float]


def add_text_lengths(svg: str, layout: str) -> str:
    """Return `svg` with a `textLength` on each text, from the same picture's `-Tjson` output.

    The layout says for each text what width its box was sized for. A text that the layout does
    not have at the same place is left as it is.

    Raises:
        ValueError: `layout` is not JSON.

    >>> svg = '<text x="3" y="-4.5">ab</text>'
    >>> operation = {"op": "T", "pt": [3, 4.5], "align": "l", "width": 12.25, "text": "ab"}
    >>> add_text_lengths(svg, json.dumps({"_ldraw_": [operation]}))
    '<text x="3" y="-4.5" textLength="12.25">ab</text>'

    """
    places = _places_by_text(json.loads(layout))

    def with_length(match: re.Match[str]) -> str:
        attributes, content = match["attributes"], match["content"]
        coordinates = {
            part["name"]: float(part["value"]) for part in _COORDINATE.finditer(attributes)
        }
        for x, y, width in places.get(unbroken(unescape(content)), ()):
            off_x = abs(coordinates.get("x", 0.0) - x)
            off_y = abs(coordinates.get("y", 0.0) + y)
            if max(off_x, off_y) <= _POSITION_TOLERANCE:
                return f'<text{attributes} textLength="{width:g}">{content}</text>'
        return match[0]

    return _TEXT.sub(with_length, svg)


def _places_by_text(layout: Any) -> dict[str, list[_Placed]]:
    places: dict[str, list[_Placed]] = {}
    for operation in _text_operations(layout):
        x, y = operation["pt"][:2]
        placed = (float(x), float(y), float(operation["width"]))
        places.setdefault(unbroken(operation["text"]), []).append(placed)
    return places


def unbroken(text: str) -> str:
    """Text as it was given: Graphviz writes the second of two spaces as a no-break space in SVG."""
    return text.replace(_NO_BREAK_SPACE, " ")


def _text_operations(layout: Any) -> Iterator[dict[str, Any]]:
    drawn = [layout, *layout.get("objects", ()), *layout.get("edges", ())]
    for item in drawn:
        for key in _DRAWN_TEXT_KEYS:
            for operation in item.get(key, ()):
                if operation.get("op") == "T":
                    yield operation
