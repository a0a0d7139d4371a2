"""What a picture says to who cannot see it: its cards and wires in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd.text.words import number, word
from viz.drawing.cards import Band, Card, Columns, Grid, Heading, Matrices, Row
from viz.drawing.markup import one_line
from viz.drawing.palette import Role

MOST_NUMBERS = 6  # of a matrix; a larger one is said by its shape
MOST_CARDS = 20  # that are said whole
MOST_NAMES = 100  # of further cards
LONGEST = 2000  # characters of a card

Meanings = Mapping[Role, str]


@dataclass(frozen=True)
class Wire:
    """From card to card, by their keys; what it carries, in words."""

    key: str
    tail: str
    head: str
    carries: str


def card_in_words(card: Card, meanings: Meanings) -> str:
    """A card's title and all that stands on it.

    >>> from viz.drawing.palette import FORWARD
    >>> band = Band(FORWARD, (Row("z", "0.9030"), Row("h", "0.9030")))
    >>> card_in_words(Card("h0", "h0", "hidden neuron", (band,)), {FORWARD: "forward value"})
    'h0, hidden neuron. forward value: z 0.9030, h 0.9030'
    """
    said = [name_of(card)]
    for part in card.parts:
        said += _WORDS[type(part)](part, meanings)
    return one_line(". ".join(said), LONGEST)


def name_of(card: Card) -> str:
    """A card's title and subtitle."""
    return one_line(", ".join(part for part in (card.title, card.subtitle) if part))


def wire_in_words(wire: Wire, cards: Mapping[str, Card], language: str) -> str:
    """From where to where a wire goes, and what it carries."""
    tail, head = (_short(cards[key]) if key in cards else key for key in (wire.tail, wire.head))
    return one_line(f"{word('{a} to {b}', language, a=tail, b=head)}: {wire.carries}", LONGEST)


def picture_in_words(cards: Sequence[Card], wires: int, meanings: Meanings, language: str) -> str:
    """How many cards and wires there are, and the cards: some whole, some by name."""
    said = [word("{n} cards, {m} wires", language, n=len(cards), m=wires)]
    said += [card_in_words(card, meanings) for card in cards[:MOST_CARDS]]
    names = [name_of(card) for card in cards[MOST_CARDS:]]
    if names:
        said.append("; ".join(names[:MOST_NAMES]))
    if len(names) > MOST_NAMES:
        said.append(word("and {n} more", language, n=len(names) - MOST_NAMES))
    return ".\n".join(said) + "."


def _short(card: Card) -> str:
    return card.title or card.subtitle


def _band(band: Any, meanings: Meanings) -> Iterator[str]:
    yield f"{_meaning(band.role, meanings)}: {', '.join(map(_row, band.rows))}"


def _row(row: Row) -> str:
    detail = "".join(content for content, _ in row.detail)
    return " ".join(part for part in (row.name, row.value, detail) if part)


def _grid(grid: Any, meanings: Meanings) -> Iterator[str]:
    for header, role, entries in grid.columns:
        names = grid.names or ("",) * len(entries)
        pairs = (f"{name} {entry}".strip() for name, entry in zip(names, entries, strict=True))
        yield f"{header or _meaning(role, meanings)}: {', '.join(pairs)}"


def _columns(columns: Any, meanings: Meanings) -> Iterator[str]:
    for part in (*columns.left, *columns.right):
        yield from _WORDS[type(part)](part, meanings)


def _matrices(matrices: Any, meanings: Meanings) -> Iterator[str]:
    for header, role, values in matrices.columns:
        yield f"{header or _meaning(role, meanings)}: {_numbers(values)}"


def _numbers(values: Any) -> str:
    flat = np.ma.ravel(values)
    if len(flat) > MOST_NUMBERS:
        return "×".join(map(str, values.shape))
    return ", ".join(number(x) for x in flat)


def _heading(heading: Any, meanings: Meanings) -> Iterator[str]:
    yield heading.text


def _meaning(role: Role, meanings: Meanings) -> str:
    return meanings.get(role, role.meaning)


_WORDS: dict[type, Callable[[Any, Meanings], Iterator[str]]] = {
    Band: _band,
    Grid: _grid,
    Matrices: _matrices,
    Columns: _columns,
    Heading: _heading,
}
