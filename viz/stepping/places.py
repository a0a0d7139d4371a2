"""Where each number stands in a picture: its band, its line, and what it is computed from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from micrograd.text.equations import Quantity
from viz.diagram.rows import Live, LiveGrid
from viz.drawing.cards import Band, Card, Columns, Grid, Row
from viz.drawing.palette import UPDATE, Role
from viz.stepping.notation import Data, Notation

Place = tuple[int, int]  # a band and a line of it


@dataclass(frozen=True)
class _Found:
    band: str  # its id in the picture
    role: Role
    card: str
    rows: tuple[Data, ...]


class Places:
    """The bands of all cards, and the places of what is computed.

    `of` has the places by what stands there: ("v", 3), ("g", 3), ("s", line, by), and ("upd", 3)
    for all that an optimiser made of a parameter.
    """

    def __init__(self, cards: Iterable[Card], notation: Notation) -> None:
        self.notation = notation
        self.bands: list[_Found] = []
        self.grids: list[Data] = []
        self.of: dict[tuple[Any, ...], list[Place]] = defaultdict(list)
        self.notes: dict[Place, tuple[Any, ...]] = {}  # sentences, and what number is in each
        for card in cards:
            for part in _parts(card.parts):
                (self._grid if isinstance(part, Grid) else self._band)(card, part)

    def data(self) -> Data:
        """For the page: [id, meaning, card, lines] of each band."""
        return [[b.band, b.role.key, b.card, list(b.rows)] for b in self.bands]

    # ---- bands -----------------------------------------------------------------------------------

    def _band(self, card: Card, band: Any) -> None:
        rows = []
        for r, row in enumerate(band.rows):
            self._note(row.live, (len(self.bands), r), band.role)
            rows.append(self._row(row))
        key = f"{card.key}-{band.part}" if band.part else card.key
        self.bands.append(_Found(f"a_{key}-{band.role.key}", band.role, card.key, tuple(rows)))

    def _row(self, row: Row) -> Data:
        """How many texts it has, and how to make them anew."""
        live: Live | None = row.live
        named = bool(row.name or row.value)
        said: dict[str, Any] = {"t": 2 * named + bool(row.detail and not row.inline)}
        if live is None:
            return said
        n, parameter = self.notation, live.position
        if live.after:
            return said | {"note": [live.before, n.quantity(live.result, parameter), live.after]}
        said["q"] = n.quantity(live.result, parameter)
        if live.formula is not None:
            said["f"] = n.expression(live.formula, parameter)
        if live.detail is not None and row.detail:
            said["d"] = n.expression(live.detail, parameter)
        if live.whole:
            said["w"] = 1
        if live.before:
            said["s"] = live.before
        return said

    def _note(self, live: Live | None, place: Place, role: Role) -> None:
        if live is None:
            return
        if live.after:
            self.notes[place] = key_of(live.result)
            return
        self._at(live.result, place)
        if role is UPDATE:
            self.of["upd", live.position].append(place)

    def _at(self, q: Quantity, place: Place) -> None:
        key = key_of(q)
        if key:
            self.of[key].append(place)

    # ---- grids -----------------------------------------------------------------------------------

    def _grid(self, card: Card, grid: Any) -> None:
        live: LiveGrid | None = grid.live
        for c, (header, role, entries) in enumerate(grid.columns):
            rows: list[Data] = [{"t": 1}] if header else []
            for j in range(len(entries)):
                q = live.columns[c][j] if live else None
                row: dict[str, Any] = {"t": 2 if grid.names and c == 0 else 1, "n": 1}
                place = (len(self.bands), len(rows))
                if q is not None and live is not None:
                    row |= {"q": self.notation.quantity(q, live.positions[j]),
                            "grid": len(self.grids)}  # fmt: skip
                    self._at(q, place)
                    if role is UPDATE:
                        self.of["upd", live.positions[j]].append(place)
                    elif q.source and q.source[0] == "equation":
                        self.of["share", card.key, live.positions[j]].append(place)
                rows.append(row)
            self.bands.append(_Found(f"a_{card.key}-{c}-{role.key}", role, card.key, tuple(rows)))
        if live:
            self.grids.append([
                [[self.notation.expression(e, live.positions[j]),
                  self.notation.quantity(q, live.positions[j])]
                 for j, (e, q) in enumerate(same)]
                for same in live.lines
            ])  # fmt: skip


def key_of(q: Quantity) -> tuple[Any, ...]:
    """What stands where a quantity is shown; () for what nothing else is about."""
    if q.source is None:
        return ("v", q.tag) if isinstance(q.tag, int) else ()
    kind, *about = q.source
    if kind in ("value", "gradient"):
        return (kind[0], *about)
    if kind == "slope":
        line, by = about
        return ("s", line.position, by.tag)
    return ()


def _parts(parts: Iterable[Any]) -> Iterator[Band | Grid]:
    for part in parts:
        if isinstance(part, Columns):
            yield from _parts((*part.left, *part.right))
        elif isinstance(part, Band | Grid):
            yield part
