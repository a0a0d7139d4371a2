"""What stands in a picture: its cards, their rows and matrices, its wires, from the SVG alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from formula_parser import PRINTED_NUMBER

SVG = "{http://www.w3.org/2000/svg}"
MISSING = "–"
SAME_LINE = 2.5  # how far apart the baselines of one line can be
_CELL = re.compile(rf"(?:{PRINTED_NUMBER.pattern}|\d+(?:×\d+)+|–|…|⋮|⋯)")


@dataclass(frozen=True)
class Piece:
    """One text element."""

    x: float
    y: float
    bold: bool
    text: str

    @property
    def is_cell(self) -> bool:
        return self.bold and _CELL.fullmatch(self.text.strip()) is not None


@dataclass
class Line:
    """What stands side by side in a band: words, and the bold numbers beside them."""

    pieces: list[Piece]

    @property
    def cells(self) -> list[str]:
        return [p.text.strip() for p in self.pieces if p.is_cell]

    @property
    def text(self) -> str:
        """The words; bold ones stand apart."""
        words = [p for p in self.pieces if not p.is_cell and p.text.strip()]
        whole = ""
        for before, piece in zip([None, *words], words, strict=False):
            whole += " | " if before and before.bold != piece.bold else ""
            whole += piece.text
        return " ".join(whole.split())

    @property
    def chunks(self) -> list[str]:
        """What stands apart by two spaces."""
        whole = "".join(p.text for p in self.pieces)
        return [chunk.strip() for chunk in re.split(r"\s{2,}", whole) if chunk.strip()]

    @property
    def bold_words(self) -> str:
        return " ".join("".join(p.text for p in self.pieces if p.bold and not p.is_cell).split())

    def __str__(self) -> str:
        return " ".join([self.text, *self.cells]).strip()


@dataclass
class Card:
    """A node of the picture: its heading, and its bands from top to bottom."""

    key: str
    heading: list[Line] = field(default_factory=list)
    bands: dict[str, list[Line]] = field(default_factory=dict)
    sides: dict[str, tuple[float, float]] = field(default_factory=dict)  # left and right of a band

    def role(self, band: str) -> str:
        return band.rpartition("-")[2]

    def matrices(self) -> list[tuple[str, list[Line]]]:
        """The bands that are nothing but numbers, in order, and their lines."""
        return [
            (band, lines)
            for band, lines in self.bands.items()
            if lines and all(line.cells and not line.text for line in lines)
        ]

    def label(self, band: str) -> tuple[str, int]:
        """What stands over the numbers, and the place of the title above it in the heading."""
        top = self.bands[band][0].pieces[0].y
        left, right = self.sides.get(band, (-np.inf, np.inf))
        above = [i for i, line in enumerate(self.heading) if line.pieces[0].y < top]
        titles = [i for i in above if self.heading[i].bold_words]
        labels = [
            piece.text.strip()
            for i in above
            if i not in titles and i > (titles[-1] if titles else 0)
            if not self.heading[i].text.startswith("= ")
            for piece in self.heading[i].pieces
            if left <= piece.x <= right
        ]
        return labels[-1] if labels else "", titles[-1] if titles else 0


class Printed:
    """A picture, read back."""

    def __init__(self, svg: str) -> None:
        root = ElementTree.fromstring(svg)
        self.cards: dict[str, Card] = {}
        self.edges: list[tuple[str, str]] = []
        self.captions: list[Line] = []
        self.unread_edges: list[str] = []
        loose: list[Piece] = []
        edges = []
        for group, inside in _groups(root):
            if group.get("class") == "node":
                self._card(group)
            elif (group.get("class") or "").split()[:1] == ["edge"]:
                edges.append(group)
            elif not inside:
                loose += _pieces(group, into=False)
        self.captions = _lines(loose)
        for group in edges:
            self._edge(group)
        self._before: dict[str, set[str]] = {key: set() for key in self.cards}
        self._after: dict[str, set[str]] = {key: set() for key in self.cards}
        for a, b in self.edges:
            self._before[b].add(a)
            self._after[a].add(b)

    def _card(self, group: ElementTree.Element) -> None:
        card = Card(group.get("id") or "")
        card.heading = _lines(_pieces(group, into=False))
        for inner in group.iter(f"{SVG}g"):
            if inner is not group:
                key = inner.get("id") or f"band{len(card.bands)}"
                pieces = _pieces(inner, into=False)
                if pieces:
                    card.bands[key] = _lines(pieces)
                    card.sides[key] = _sides(inner)
        self.cards[card.key] = card

    def _edge(self, group: ElementTree.Element) -> None:
        key = (group.get("id") or "").removeprefix("e-")
        parts = key.split("-")
        for i in range(1, len(parts)):
            ends = "-".join(parts[:i]), "-".join(parts[i:])
            if all(end in self.cards for end in ends):
                self.edges.append((ends[0], ends[1]))
                return
        title = group.findtext(f"{SVG}title") or ""
        ends = tuple(end.split(":")[0].strip() for end in title.split("->"))
        if len(ends) == 2 and all(end in self.cards for end in ends):
            self.edges.append((ends[0], ends[1]))
        else:
            self.unread_edges.append(f"{group.get('id')} {title}")

    def says(self, name: str) -> bool:
        """Whether a caption says what a name is."""
        return any(re.search(rf"{re.escape(name)}\s*=", str(line)) for line in self.captions)

    def parts(self) -> list[set[str]]:
        """The cards that hang together."""
        whole = {key: {key} for key in self.cards}
        for a, b in self.edges:
            if whole[a] is not whole[b]:
                whole[a] |= whole[b]
                for key in whole[b]:
                    whole[key] = whole[a]
        return list({id(part): part for part in whole.values()}.values())

    def before(self, key: str) -> set[str]:
        """The cards that a card's wires come from."""
        return self._before[key]

    def neighbours(self, key: str) -> set[str]:
        """The cards at the other ends of a card's wires."""
        return self._before[key] | self._after[key]


def _groups(
    element: ElementTree.Element, inside: bool = False
) -> Iterator[tuple[ElementTree.Element, bool]]:
    for child in element:
        if child.tag in (f"{SVG}g", f"{SVG}a", f"{SVG}svg"):
            yield child, inside
            yield from _groups(child, inside or child.get("class") in ("node", "edge"))


def _pieces(group: ElementTree.Element, into: bool) -> list[Piece]:
    """The texts of a group, but of no group in it."""
    found: list[Piece] = []
    for child in group:
        if child.tag == f"{SVG}text":
            found += _texts(child)
        elif child.tag == f"{SVG}a" and group.tag == f"{SVG}g":
            found += _pieces(child, into)
    return found


def _texts(text: ElementTree.Element) -> Iterator[Piece]:
    spans = [text, *text.iter(f"{SVG}tspan")]
    x, y = _number(text.get("x")), _number(text.get("y"))
    for span in spans:
        x, y = _number(span.get("x"), x), _number(span.get("y"), y)
        bold = (span.get("font-weight") or text.get("font-weight")) == "bold"
        content = (span.text or "").replace("\N{NO-BREAK SPACE}", " ")
        if content:
            yield Piece(x, y, bold, content)


def _sides(group: ElementTree.Element) -> tuple[float, float]:
    """How far the background of a band reaches."""
    points = " ".join(p.get("points") or "" for p in group.iter(f"{SVG}polygon")).split()
    across = [float(point.split(",")[0]) for point in points]
    return (min(across), max(across)) if across else (-np.inf, np.inf)


def _number(text: str | None, otherwise: float = 0.0) -> float:
    return otherwise if text is None else float(text)


def _lines(pieces: list[Piece]) -> list[Line]:
    lines: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda p: p.y):
        if lines and piece.y - lines[-1][0].y <= SAME_LINE:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    found = [Line(sorted(line, key=lambda p: p.x)) for line in lines]
    return [line for line in found if str(line)]
