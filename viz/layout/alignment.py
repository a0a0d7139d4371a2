"""How the texts of HTML-like labels are aligned in their cells.

A layout engine gives the left end of every text, for the widths that it knows. In a font of other
widths a text that was set flush right or centred must be anchored there, and what stands on one
line must flow; that is read from the labels themselves.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping

from viz.layout.text_lengths import unbroken

Texts = tuple[str, ...]
Placed = tuple[str, int]  # "start", "middle" or "end", and a number for each line of a label

_ANCHORS = {"LEFT": "start", "CENTER": "middle", "RIGHT": "end"}
_START = "label=<"
_BRACKET = re.compile("[<>]")


def alignments(source: str) -> dict[Texts, tuple[Placed, ...]]:
    """For the texts of every HTML-like label of a graph, how each is aligned, and on which line.

    A label that is not well-formed is left out.

    >>> alignments('a [label=<<TABLE><TR><TD ALIGN="RIGHT">1</TD><TD>2</TD></TR></TABLE>>]')
    {('1', '2'): (('end', 0), ('middle', 1))}
    """
    found: dict[Texts, tuple[Placed, ...]] = {}
    for label in _labels(source):
        try:
            root = ElementTree.fromstring(f"<TD>{label}</TD>")
        except ElementTree.ParseError:
            continue
        lines = [line for line in _lines(root, {}) if line[1]]
        texts = tuple(unbroken(text) for _, line in lines for text in line)
        found[texts] = tuple((anchor, k) for k, (anchor, line) in enumerate(lines) for _ in line)
    return found


def _labels(source: str) -> Iterator[str]:
    """The contents of `label=<…>`: brackets are balanced, as those of texts are entities."""
    at = source.find(_START)
    while at >= 0:
        begin = end = at + len(_START)
        depth = 1
        while depth and (bracket := _BRACKET.search(source, end)):
            depth += 1 if bracket[0] == "<" else -1
            end = bracket.end()
        yield source[begin : end - 1]
        at = source.find(_START, end)


def _lines(cell: ElementTree.Element, style: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """The lines of a cell and of the tables in it: how each is aligned, and its texts."""
    usual = _ANCHORS.get(style.get("ALIGN", "").upper(), "middle")
    texts: list[str] = []
    for tag, content, element in _pieces(cell):
        if tag == "text":
            texts.append(content)
        elif tag == "BR":
            yield _ANCHORS.get(element.get("ALIGN", "").upper(), usual), texts
            texts = []
        else:
            for inner in element.findall("TR/TD"):
                yield from _lines(inner, inner.attrib)
    yield usual, texts


def _pieces(
    element: ElementTree.Element,
) -> Iterator[tuple[str, str, ElementTree.Element]]:
    """Texts, line breaks and tables, in order; fonts are looked through."""
    if element.text:
        yield "text", element.text, element
    for child in element:
        if child.tag in ("BR", "TABLE"):
            yield child.tag, "", child
        else:
            yield from _pieces(child)
        if child.tail:
            yield "text", child.tail, child
