"""Makes an SVG picture by `dot` look the same whatever fonts its reader has.

`dot` sizes a box for one font, and the reader's program draws another. Here each text is told how
long to be (`textLength`), so that it fills the width that its box was sized for: numbers that were
set flush right end where they should, and nothing runs over an edge.
"""

from __future__ import annotations

from xml.dom import minidom
from xml.parsers.expat import ExpatError

from micrograd.errors import ArgumentValueError
from viz.layout.text_metrics import text_width

SANS_SERIF = (
    "Helvetica, Arial, 'Liberation Sans', Arimo, 'Nimbus Sans', 'DejaVu Sans Condensed', "
    "'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'WenQuanYi Zen Hei', sans-serif"
)

_HELVETICA_LIKE = ("helvetica", "arial", "sans")
_LIKELY_RATIOS = (0.8, 1.25)
_LIKELY_RATIOS_BEYOND_ASCII = (0.9, 1.1)
_LINKS = ("href", "xlink:href")


def fit(svg: str, title: str | None = None) -> str:
    """Return `svg`, a picture by `dot`, with each text fitted to the box that was sized for it.

    A text takes the width that the layout engine assumed (the `textLength` that
    `viz.layout_engine.render` puts in), unless that is far from its width in Helvetica, as when an
    engine without fonts guesses at ∂ or at Chinese: then, as without that attribute, its width in
    Helvetica. The picture is as many pixels wide as it has points, or as wide as the page where
    that is less. Comments, scripts and links to scripts are left out. `title` is what a
    screen reader says.

    The result begins with `<svg`, so it can stand in a page or in a file of its own, encoded as
    UTF-8.

    Raises:
        ArgumentValueError: `svg` is not well-formed, or has no `viewBox`.

    >>> fit('<svg viewBox="0 0 9 5"><text font-family="Helvetica" font-size="10">0.5</text></svg>')
    ... # doctest: +ELLIPSIS
    '<svg viewBox="0 0 9 5" ...textLength="13.90" lengthAdjust="spacingAndGlyphs">0.5</text></svg>'

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
    picture.setAttribute("role", "img")
    if title is not None:
        picture.setAttribute("aria-label", title)
    for text in picture.getElementsByTagName("text"):
        _fit_one(text)
    return picture.toxml()


def _size_to_page(picture: minidom.Element) -> None:
    """Keep a size of its own, which an `<img>` needs, and shrink with a narrow page."""
    box = picture.getAttribute("viewBox").split()
    if len(box) != 4:
        raise ArgumentValueError("svg has no viewBox")
    width, height = box[2:]
    picture.setAttribute("width", f"{float(width):g}")
    picture.setAttribute("height", f"{float(height):g}")
    picture.setAttribute("style", "max-width:100%;height:auto")


def _fit_one(text: minidom.Element) -> None:
    content = "".join(node.data for node in text.childNodes if isinstance(node, minidom.Text))
    length = _assumed_length(text)
    family = text.getAttribute("font-family").lower()
    if any(name in family for name in _HELVETICA_LIKE):
        text.removeAttribute("font-family")
        size = float(text.getAttribute("font-size") or 14.0)
        natural = text_width(content, size, text.getAttribute("font-weight") == "bold")
        low, high = _LIKELY_RATIOS if content.isascii() else _LIKELY_RATIOS_BEYOND_ASCII
        if length is None or not low * natural <= length <= high * natural:
            length = natural
    if length is None or not content.strip():
        return
    text.setAttribute("xml:space", "preserve")
    text.setAttribute("textLength", f"{length:.2f}")
    text.setAttribute("lengthAdjust", "spacingAndGlyphs")


def _assumed_length(text: minidom.Element) -> float | None:
    stated = text.getAttribute("textLength")
    return float(stated) if stated else None


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
