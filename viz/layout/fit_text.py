"""Makes an SVG picture by `dot` look the same whatever fonts its reader has, and say what it shows.

Boxes are sized for the widest of the common fonts. In a narrower one, what was set flush right or
centred must still be so: each text is anchored where its cell says, and the texts of one line
become one, so that no gaps open between them.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from micrograd.errors import ArgumentValueError
from viz.layout.alignment import Placed, Texts
from viz.layout.text_lengths import unbroken
from viz.layout.text_metrics import text_width

SANS_SERIF = (
    "Helvetica, Arial, 'Liberation Sans', Arimo, 'Nimbus Sans', 'DejaVu Sans', Verdana, "
    "'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'WenQuanYi Zen Hei', sans-serif"
)

_HELVETICA_LIKE = ("helvetica", "arial", "sans")
_LEAST_OF_WIDEST = 0.93  # a box of less was not sized for the widest font, but for a guess
_LINKS = ("href", "xlink:href")
_PARTS = {"graph", "node", "edge", "cluster"}  # classes that the engine gives to groups
_OF_PIECES = ("fill", "fill-opacity", "font-size", "font-weight", "font-style")


def fit(
    svg: str,
    title: str | None = None,
    description: str = "",
    *,
    words: Mapping[str, str] | None = None,
    aligned: Mapping[Texts, Sequence[Placed]] | None = None,
) -> str:
    """Return `svg`, a picture by `dot`, with texts that stay in place in any font.

    `aligned` says how the texts of a label are set (`viz.layout.alignment.alignments`). Only where
    an engine cannot measure, and sized a box for less than the widest font, is the text told how
    long to be. The picture is as many pixels wide as it has points, or as wide as the page where
    that is less. Comments, scripts and links to scripts are left out.

    A screen reader says `title` and `description`; pointing at a part says what `words` has for
    its id. Names of nodes in the graph's source are left out.

    The result begins with `<svg`, so it can stand in a page or in a file of its own, encoded as
    UTF-8.

    Raises:
        ArgumentValueError: `svg` is not well-formed, or has no `viewBox`.

    >>> svg = '<svg viewBox="0 0 9 5"><g class="node" id="a"><title>n0</title></g></svg>'
    >>> '<g class="node" id="a"><title>a card</title></g>' in fit(svg, words={"a": "a card"})
    True

    """
    try:
        document = minidom.parseString(svg.encode("utf-8"))
    except ExpatError as error:
        raise ArgumentValueError(f"svg is not well-formed: {error}") from None
    picture = document.documentElement
    assert picture is not None
    _remove_what_is_not_drawn(picture)
    _size_to_page(picture)
    picture.setAttribute("font-family", SANS_SERIF)
    picture.setAttribute("text-rendering", "geometricPrecision")
    for group in reversed(picture.getElementsByTagName("g")):
        if _is_part(group):
            _say_in_words(group, words or {})
            _align(_texts(group), aligned or {})
    for text in picture.getElementsByTagName("text"):
        _settle(text)
    _describe(picture, title, description)
    return picture.toxml()


# ---- the page and its readers --------------------------------------------------------------------


def _size_to_page(picture: minidom.Element) -> None:
    """Keep a size of its own, which an `<img>` needs, and shrink with a narrow page."""
    box = picture.getAttribute("viewBox").split()
    if len(box) != 4:
        raise ArgumentValueError("svg has no viewBox")
    width, height = box[2:]
    picture.setAttribute("width", f"{float(width):g}")
    picture.setAttribute("height", f"{float(height):g}")
    picture.setAttribute("style", "max-width:100%;height:auto")


def _describe(picture: minidom.Element, title: str | None, description: str) -> None:
    """Title and description, under ids that no other picture on the page has."""
    picture.setAttribute("role", "img")
    if title is None:
        return
    said = {"title": title, "desc": description}
    key = f"{zlib.crc32(picture.toxml().encode() + repr(said).encode()):08x}"
    labels = [(tag, content, f"{tag}-{key}") for tag, content in said.items() if content]
    for tag, content, name in reversed(labels):
        element = _element(picture, tag, content)
        element.setAttribute("id", name)
        picture.insertBefore(element, picture.firstChild)
    picture.setAttribute("aria-labelledby", " ".join(name for *_, name in labels))


def _say_in_words(group: minidom.Element, words: Mapping[str, str]) -> None:
    """Replace the name that a part has in the graph's source."""
    for child in list(group.childNodes):
        if isinstance(child, minidom.Element) and child.tagName == "title":
            name = _content(child)
            said = words.get(group.getAttribute("id")) or words.get(name)
            if said:
                group.replaceChild(_element(group, "title", said), child)
            else:
                group.removeChild(child)


def _element(near: minidom.Element, tag: str, content: str) -> minidom.Element:
    document = near.ownerDocument
    assert document is not None
    element = document.createElement(tag)
    element.appendChild(document.createTextNode(content))
    return element


# ---- texts ---------------------------------------------------------------------------------------


def _texts(group: minidom.Element) -> list[minidom.Element]:
    """The texts of one label: not those of the parts within, which have been seen before."""
    found: list[minidom.Element] = []
    for child in group.childNodes:
        if isinstance(child, minidom.Element):
            if child.tagName == "text":
                found.append(child)
            elif not _is_part(child):
                found += _texts(child)
    return found


def _is_part(element: minidom.Element) -> bool:
    return not _PARTS.isdisjoint(element.getAttribute("class").split())


def _align(texts: list[minidom.Element], aligned: Mapping[Texts, Sequence[Placed]]) -> None:
    placed = aligned.get(tuple(unbroken(_content(text)) for text in texts))
    if placed is None or not all(map(_was_measured, texts)):
        return
    for (anchor, _), line in groupby(zip(placed, texts, strict=True), key=lambda pair: pair[0]):
        pieces = [text for _, text in line]
        width = sum(_length(text) for text in pieces)
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        x = float(pieces[0].getAttribute("x")) + share * width
        pieces[0].setAttribute("x", f"{x:.2f}")
        pieces[0].setAttribute("text-anchor", anchor)
        if len(pieces) > 1:
            _join(pieces)


def _join(pieces: list[minidom.Element]) -> None:
    """One text of several pieces, each in its own colour and size, that follow one another."""
    first = pieces[0]
    parts = []
    for piece in pieces:
        part = _element(first, "tspan", _content(piece))
        for name in _OF_PIECES:
            if piece.hasAttribute(name):
                part.setAttribute(name, piece.getAttribute(name))
        parts.append(part)
        if piece is not first:
            assert piece.parentNode is not None
            piece.parentNode.removeChild(piece)
    for name in (*_OF_PIECES, "textLength"):
        if first.hasAttribute(name):
            first.removeAttribute(name)
    for child in list(first.childNodes):
        first.removeChild(child)
    for part in parts:
        first.appendChild(part)


def _settle(text: minidom.Element) -> None:
    """Leave the font to the picture, and the length to the font."""
    if _is_helvetica(text):
        text.removeAttribute("font-family")
        guessed = text.hasAttribute("textLength") and not _was_measured(text)
        if guessed and _content(text).strip():
            text.setAttribute("lengthAdjust", "spacingAndGlyphs")
        elif text.hasAttribute("textLength"):
            text.removeAttribute("textLength")
    text.setAttribute("xml:space", "preserve")


def _was_measured(text: minidom.Element) -> bool:
    """Whether the engine took the text to be as wide as it is in the widest font."""
    size = float(text.getAttribute("font-size") or 14.0)
    widest = text_width(_content(text), size, text.getAttribute("font-weight") == "bold")
    return _length(text) >= _LEAST_OF_WIDEST * widest


def _length(text: minidom.Element) -> float:
    return float(text.getAttribute("textLength") or 0.0)


def _is_helvetica(text: minidom.Element) -> bool:
    family = text.getAttribute("font-family").lower()
    return any(name in family for name in _HELVETICA_LIKE)


def _content(element: minidom.Element) -> str:
    return "".join(node.data for node in element.childNodes if isinstance(node, minidom.Text))


# ---- what does not belong in a picture -----------------------------------------------------------


def _remove_what_is_not_drawn(picture: minidom.Element) -> None:
    for element in [picture, *picture.getElementsByTagName("*")]:
        _remove_script_attributes(element)
        for child in list(element.childNodes):
            if isinstance(child, minidom.Comment | minidom.ProcessingInstruction) or (
                isinstance(child, minidom.Element) and child.tagName.rpartition(":")[2] == "script"
            ):
                element.removeChild(child)


def _remove_script_attributes(element: minidom.Element) -> None:
    for name, value in list(element.attributes.items()):
        target = "".join(value.split()).lower()
        runs = name in _LINKS and target.startswith(("javascript:", "data:text/html"))
        if runs or name.lower().startswith("on"):
            element.removeAttribute(name)
