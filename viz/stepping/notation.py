"""Equations as plain data for a page: expressions as trees of rows, quantities by number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from micrograd.ops import OPS
from micrograd.text.equations import Applied, Quantity
from micrograd.text.latex import name as latex_name
from micrograd.text.words import exact

Source = list[Any]  # a letter, and what it is about: ["v", 3] is the value of node 3 of the tape
Data = Any  # what JSON can hold


def encoded(x: float) -> float | str:
    """A number that JSON can hold; others as words.

    >>> encoded(0.5), encoded(float("-inf"))
    (0.5, '-inf')
    """
    return x if math.isfinite(x) else str(x)


class Notation:
    """Numbers quantities and rows as they come up; `rate` finds the place of a learning rate."""

    def __init__(self, rate: Callable[[int], int]) -> None:
        self.rate = rate
        self.rows: list[Data] = []  # of the op table, with their static parameter
        self.quantities: list[Data] = []  # name, name in LaTeX, whether it is shown in full, source
        self._row_of: dict[tuple[str, float | None], int] = {}
        self._number_of: dict[str, int] = {}

    def expression(self, x: Any, parameter: int = -1) -> Data:
        """A tree: [row, operands…], a quantity as {"q": its number}, or a plain number."""
        if isinstance(x, Quantity):
            return {"q": self.quantity(x, parameter)}
        if not isinstance(x, Applied):
            return encoded(float(x))
        operands = [self.expression(y, parameter) for y in x.operands]
        return [self.row(x.op.name, x.static), *operands]

    def quantity(self, q: Quantity, parameter: int = -1) -> int:
        """The number of a quantity; `parameter` is the one that an optimiser's equation is for."""
        entry = [q.name, latex_name(q.name) if q.name else "", int(q.exact),
                 self.source(q, parameter)]  # fmt: skip
        key = repr(entry)
        if key not in self._number_of:
            self._number_of[key] = len(self.quantities)
            self.quantities.append(entry)
        return self._number_of[key]

    def source(self, q: Quantity, parameter: int = -1) -> Source:
        """Where a page has the number from."""
        if q.source is None:
            if isinstance(q.tag, int):
                return ["v", q.tag]
            positions = getattr(q.tag, "positions", ())
            return ["sum", *positions] if positions else ["k", encoded(q.value)]
        kind, *about = q.source
        return _SOURCES[kind](self, q, parameter, *about)

    def slope(self, line: Any, by: Quantity) -> Source:
        """A local derivative: of which line, and by what."""
        return ["s", line.position, self.quantity(by)]

    def row(self, name: str, static: float | None) -> int:
        """The number of a row with its static parameter."""
        key = (name, static)
        if key not in self._row_of:
            row = OPS[name]
            given = () if static is None else (exact(static),)
            entry = {
                "f": name,
                "t": _parts(row.text, row.arity, given),
                "l": _parts(row.latex, row.arity, given),
                "b": row.binds,
                "n": list(row.needs),
            }
            if static is not None:
                entry["k"] = encoded(static)
            self._row_of[key] = len(self.rows)
            self.rows.append(entry)
        return self._row_of[key]


def _parts(write: Callable[..., str], arity: int, static: tuple[str, ...]) -> list[str | int]:
    """What stands before, between and after the operands, which are numbers."""
    holes = [f"\0{i}\0" for i in range(arity)]
    pieces = re.split("\0(\\d)\0", write(*holes, *static))
    return [int(p) if i % 2 else p for i, p in enumerate(pieces) if i % 2 or p]


_SOURCES: dict[str, Callable[..., Source]] = {
    "value": lambda n, q, parameter, position: ["v", position],
    "gradient": lambda n, q, parameter, position: ["g", position],
    "slope": lambda n, q, parameter, line, by: n.slope(line, by),
    "equation": lambda n, q, parameter, expression: ["e", n.expression(expression, parameter)],
    "chosen": lambda n, q, parameter, symbol: (
        ["lr", n.rate(parameter)] if symbol == "lr" else ["k", encoded(q.value)]
    ),
    "before": lambda n, q, parameter, state: ["b", parameter, state, encoded(q.value)],
    "after": lambda n, q, parameter, state: ["a", parameter, state],
    "new": lambda n, q, parameter: ["n", parameter],
    "one": lambda n, q, parameter: ["k", 1.0],
}
