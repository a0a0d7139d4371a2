"""A matrix within a card: its numbers, or where there are many, a heat map."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd.steps.step import Floats
from micrograd.text.words import DIGITS, MISSING, number
from viz.drawing.markup import font
from viz.drawing.palette import Role

MOST_ROWS = 8
MOST_COLUMNS = 6
MOST_CELLS = 1024  # of a heat map; a larger matrix is shown by its shape and range
MOST_SHADES = 64  # of a heat map, one below the other or side by side
NEGATIVE = "#5B6770"
_CELL = 9  # points


def matrix(values: Floats, role: Role, tag: str, digits: int = DIGITS) -> str:
    """An HTML-like table of a matrix; a vector is a column. `tag` is its attributes."""
    rows = values.reshape(-1, 1) if values.ndim < 2 else values.reshape(-1, values.shape[-1])
    if len(rows) <= MOST_ROWS and rows.shape[1] <= MOST_COLUMNS:
        cells = "".join(
            "<TR>"
            + "".join(f'<TD ALIGN="RIGHT">{_number(x, role, digits)}</TD>' for x in row)
            + "</TR>"
            for row in rows
        )
        return _table(tag, 4, cells)
    finite = np.ma.compressed(np.ma.masked_invalid(rows))
    if rows.size > MOST_CELLS or max(rows.shape) > MOST_SHADES or not finite.size:
        shape = "×".join(map(str, values.shape))
        return _table(tag, 4, _range(shape, finite, role, digits))
    return _heat_map(rows, float(np.abs(finite).max()), role, tag, digits)


def _number(x: float, role: Role, digits: int) -> str:
    return font(number(x, digits), role.text, 12, bold=True)


def _table(tag: str, padding: int, rows: str) -> str:
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}" {tag}>'
        f"{rows}</TABLE>"
    )


def _range(shape: str, finite: Floats, role: Role, digits: int) -> str:
    if not finite.size:
        return f"<TR><TD>{font(MISSING, role.text)}</TD></TR>"
    lines = (("min", finite.min()), ("mean", finite.mean()), ("max", finite.max()))
    return f'<TR><TD COLSPAN="2" ALIGN="LEFT">{font(shape, role.text, 11)}</TD></TR>' + "".join(
        f'<TR><TD ALIGN="LEFT">{font(name, role.text, 11)}</TD>'
        f'<TD ALIGN="RIGHT">{_number(x, role, digits)}</TD></TR>'
        for name, x in lines
    )


def _heat_map(rows: Floats, most: float, role: Role, tag: str, digits: int) -> str:
    """Darker is larger; positive in the colour of the role, negative in grey."""
    lines = []
    for row in rows:
        cells = "".join(
            f'<TD WIDTH="{_CELL}" HEIGHT="{_CELL}" CELLPADDING="0" '
            f'BGCOLOR="{_shade(x, most, role)}"></TD>'
            for x in row
        )
        lines.append(f"<TR>{cells}</TR>")
    grid = (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{"".join(lines)}</TABLE>'
    )
    key = font(f"|max| {number(most, digits)}", role.text, 10)
    return _table(tag, 0, f"<TR><TD>{grid}</TD></TR><TR><TD>{key}</TD></TR>")


def _shade(x: Any, most: float, role: Role) -> str:
    if x is np.ma.masked or not np.isfinite(x):
        return "#FFFFFF"
    share = abs(x) / most if most else 0.0
    light, dark = _rgb(role.fill), _rgb(role.text if x >= 0 else NEGATIVE)
    mixed = [round(a + (b - a) * share) for a, b in zip(light, dark, strict=True)]
    return "#{:02X}{:02X}{:02X}".format(*mixed)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
