"""The card that all pictures are made of: a titled frame around bands of numbers.

A card becomes an HTML-like label of Graphviz. Each band is one inner table with one background
(a fill for each cell would leave hairlines) and an id, so that a page can address it: the band
`h0-bwd` is the group `a_h0-bwd` of the SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from micrograd.steps.step import Floats
from micrograd.text.words import DIGITS
from viz.drawing.markup import font, text
from viz.drawing.matrix import matrix
from viz.drawing.palette import (
    NEURON_FRAME,
    OPERATOR_TEXT,
    SMALL_SIZE,
    SUBTITLE_TEXT,
    TITLE_SIZE,
    TITLE_TEXT,
    Role,
)

MOST_SIDE_BY_SIDE = 2  # columns of a matrix that stands beside others

ColouredText = tuple[str, str]  # a text and its colour


@dataclass(frozen=True)
class Row:
    """A line of a band: a name at the left, a number at the right.

    `west` and `east` are ports at its ends, for wires. `detail` is a line of small print below:
    texts, each with its colour; with `inline` it follows the name on the same line. `live` says how
    a page computes it again.
    """

    name: str
    value: str
    west: str = ""
    east: str = ""
    detail: tuple[ColouredText, ...] = ()
    inline: bool = False
    live: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Band:
    """Rows with one meaning, on one background; `part` tells it from others of that meaning."""

    role: Role
    rows: tuple[Row, ...]
    part: str = ""

    def roles(self) -> set[Role]:
        """The meanings that occur."""
        return {self.role}


@dataclass(frozen=True)
class Grid:
    """Columns side by side, each with a meaning of its own, one line an entry.

    A column is a header (which may be empty), a role and texts. `ports` name the left end of
    each line. `live` says how a page computes them again.
    """

    columns: tuple[tuple[str, Role, tuple[str, ...]], ...]
    names: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    live: Any = field(default=None, compare=False)

    def roles(self) -> set[Role]:
        """The meanings that occur."""
        return {role for _, role, _ in self.columns}


@dataclass(frozen=True)
class Matrices:
    """Matrices side by side, each with a header and a meaning of its own.

    `key` is for their ids, and `first` the number of the first, where a card has several of these.
    Numbers have `digits` decimals, all or those of each. Wide matrices, and `stacked` ones, are
    below each other.
    """

    columns: tuple[tuple[str, Role, Floats], ...]
    key: str = ""
    digits: int | tuple[int, ...] = DIGITS
    first: int = 0
    stacked: bool = False

    def roles(self) -> set[Role]:
        """The meanings that occur."""
        return {role for _, role, _ in self.columns}


@dataclass(frozen=True)
class Columns:
    """Parts in two columns, side by side."""

    left: tuple[Band | Grid | Matrices, ...]
    right: tuple[Band | Grid | Matrices, ...]

    def roles(self) -> set[Role]:
        """The meanings that occur."""
        return set().union(*(part.roles() for part in (*self.left, *self.right)))


@dataclass(frozen=True)
class Heading:
    """A line in the frame itself; `pieces` are texts, each with whether it is in small print.

    `port` is at both of its ends, for wires. A card that begins with one needs no title row.
    """

    lines: tuple[tuple[tuple[str, bool], ...], ...]
    port: str = ""

    def roles(self) -> set[Role]:
        """None."""
        return set()

    @property
    def text(self) -> str:
        """What it says."""
        return "".join(content for line in self.lines for content, _ in line)


@dataclass(frozen=True)
class Card:
    """A frame with a title, a subtitle in small print, and bands and grids."""

    key: str
    title: str
    subtitle: str
    parts: tuple[Band | Grid | Matrices | Columns | Heading, ...]
    frame: str = NEURON_FRAME

    def roles(self) -> set[Role]:
        """The meanings that occur."""
        return set().union(*(part.roles() for part in self.parts))

    def label(self, meanings: Mapping[Role, str]) -> str:
        """The card as an HTML-like label; a band says what it means when pointed at."""
        headed = isinstance(self.parts[0], Heading) if self.parts else False
        rows = [] if headed else [_title_row(self.title, self.subtitle)]
        for part in self.parts:
            if isinstance(part, Heading):
                rows.append(_heading(part))
                continue
            inner = _WRITERS[type(part)](self.key, part, meanings)
            rows.append(f'<TR><TD CELLPADDING="2">{inner}</TD></TR>')
        return (
            '<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" STYLE="ROUNDED"'
            f' BGCOLOR="{self.frame}">{"".join(rows)}'
            '<TR><TD HEIGHT="3" CELLPADDING="0"></TD></TR></TABLE>>'
        )


def operand(number: str) -> str:
    """A number within a formula: a negative one in brackets.

    >>> operand("-0.3607"), operand("2")
    ('(-0.3607)', '2')
    """
    return f"({number})" if number.startswith("-") else number


def product(role: Role, upstream: str, local_role: Role, local: str) -> tuple[ColouredText, ...]:
    """Small print: upstream times local, each in its colour."""
    return (
        (operand(upstream), role.text),
        (" × ", OPERATOR_TEXT),
        (operand(local), local_role.text),
    )


def plain(role: Role, content: str) -> tuple[ColouredText, ...]:
    """Small print in the colour of its band."""
    return ((content, role.text),)


def _title_row(title: str, subtitle: str) -> str:
    parts = [font(title, TITLE_TEXT, TITLE_SIZE, bold=True)] if title else []
    parts += [font(subtitle, SUBTITLE_TEXT, SMALL_SIZE)] if subtitle else []
    gap = font("  ", SUBTITLE_TEXT, SMALL_SIZE)
    return (
        '<TR><TD HEIGHT="4" CELLPADDING="0"></TD></TR>'
        f'<TR><TD CELLPADDING="4">{gap}{gap.join(parts)}{gap}</TD></TR>'
    )


def _heading(heading: Heading) -> str:
    port = f' PORT="{text(heading.port)}"' if heading.port else ""
    gap = font("  ", SUBTITLE_TEXT, SMALL_SIZE)
    lines = [
        "".join(
            font(content, SUBTITLE_TEXT, SMALL_SIZE)
            if small
            else font(content, TITLE_TEXT, TITLE_SIZE, bold=True)
            for content, small in line
        )
        for line in heading.lines
    ]
    inner = "<BR/>".join(f"{gap}{line}{gap}" for line in lines)
    return (
        '<TR><TD HEIGHT="4" CELLPADDING="0"></TD></TR>'
        f'<TR><TD CELLPADDING="4"{port}>{inner}</TD></TR>'
    )


def _band(key: str, band: Any, meanings: Mapping[Role, str]) -> str:
    cells = "".join(_row(band.role, row) for row in band.rows)
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"'
        f"{_fill(f'{key}-{band.part}' if band.part else key, band.role, meanings)}>{cells}</TABLE>"
    )


def _row(role: Role, row: Row) -> str:
    west = f' PORT="{row.west}"' if row.west else ""
    east = f' PORT="{row.east}"' if row.east else ""
    small = "".join(font(content, colour, SMALL_SIZE) for content, colour in row.detail)
    if not row.name and not row.value:
        return f'<TR><TD COLSPAN="2" ALIGN="TEXT"{west}{east}>{small}<BR ALIGN="LEFT"/></TD></TR>'
    name = font(row.name, role.text) + (font(" ", role.text) + small if row.inline else "")
    line = (
        f'<TR><TD ALIGN="TEXT"{west}>{name}<BR ALIGN="LEFT"/></TD>'
        f'<TD ALIGN="TEXT"{east}>{font(row.value, role.text, bold=True)}<BR ALIGN="RIGHT"/></TD>'
        "</TR>"
    )
    if not small or row.inline:
        return line
    return f'{line}<TR><TD COLSPAN="2" ALIGN="TEXT">{small}<BR ALIGN="LEFT"/></TD></TR>'


def _fill(key: str, role: Role, meanings: Mapping[Role, str]) -> str:
    tip = text(meanings.get(role, role.meaning))
    return f' BGCOLOR="{role.fill}" ID="{text(key)}-{role.key}" TOOLTIP="{tip}"'


def _grid(key: str, grid: Any, meanings: Mapping[Role, str]) -> str:
    cells = []
    for i, (header, role, entries) in enumerate(grid.columns):
        fill = _fill(f"{key}-{i}", role, meanings)
        names: Sequence[str] = grid.names if i == 0 else ()
        cells.append(f"<TD>{_column(fill, header, role, entries, names, grid.ports)}</TD>")
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="0"><TR>'
        f"{''.join(cells)}</TR></TABLE>"
    )


def _column(
    fill: str,
    header: str,
    role: Role,
    entries: Sequence[str],
    names: Sequence[str],
    ports: Sequence[str],
) -> str:
    span = ' COLSPAN="2"' if names else ""
    rows = [f"<TR><TD{span}>{font(header, role.text, SMALL_SIZE)}</TD></TR>"] if header else []
    for j, entry in enumerate(entries):
        port = f' PORT="{ports[j]}"' if names and ports else ""
        name = (
            f'<TD ALIGN="LEFT"{port}>{font(names[j], role.text, SMALL_SIZE)}</TD>' if names else ""
        )
        number = font(entry, role.text, SMALL_SIZE, bold=True)
        rows.append(f'<TR>{name}<TD ALIGN="RIGHT">{number}</TD></TR>')
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"'
        f"{fill}>{''.join(rows)}</TABLE>"
    )


def _matrices(key: str, matrices: Any, meanings: Mapping[Role, str]) -> str:
    """Side by side, with the headers above; wide ones below each other."""
    cells = []
    for i, (header, role, values) in enumerate(matrices.columns, matrices.first):
        name = f"<TD>{font(header, SUBTITLE_TEXT, SMALL_SIZE)}</TD>" if header else ""
        fill = _fill(f"{matrices.key or key}-{i}", role, meanings)
        own = matrices.digits
        digits = own if isinstance(own, int) else own[i - matrices.first]
        table = f"<TD>{matrix(values, role, fill, digits)}</TD>"
        cells.append((name, table))
    if matrices.stacked or any(
        values.ndim > 1 and values.shape[-1] > MOST_SIDE_BY_SIDE for *_, values in matrices.columns
    ):
        lines = [line for cell in cells for line in cell]
    else:
        lines = ["".join(line) for line in zip(*cells, strict=True)]
    rows = "".join(f"<TR>{line}</TR>" for line in lines if line)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="1">{rows}</TABLE>'


def _columns(key: str, columns: Any, meanings: Mapping[Role, str]) -> str:
    cells = []
    for parts in (columns.left, columns.right):
        rows = "".join(
            f"<TR><TD>{_WRITERS[type(part)](key, part, meanings)}</TD></TR>" for part in parts
        )
        table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="0">{rows}</TABLE>'
        cells.append(f'<TD VALIGN="TOP">{table}</TD>')
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
        f"<TR>{''.join(cells)}</TR></TABLE>"
    )


_WRITERS: dict[type, Callable[[str, Any, Mapping[Role, str]], str]] = {
    Band: _band,
    Grid: _grid,
    Matrices: _matrices,
    Columns: _columns,
}
