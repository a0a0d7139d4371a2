"""Formulas as pieces of text and views, put together with the brackets they need."""

from __future__ import annotations

from dataclasses import dataclass

from micrograd.compiler.explain.views import View
from micrograd.ops import ATOM, LOOSE, OPS, PRODUCT, SUM
from micrograd.text.words import exact


@dataclass(frozen=True, slots=True)
class Marked:
    """A view within a formula; `transposed` if its axes are the other way round there."""

    view: View
    transposed: bool = False


Pieces = tuple["str | Marked", ...]
Formula = tuple[Pieces, int]  # with how tightly it holds together: a level of the op table


def held(formula: Formula, level: int) -> Pieces:
    """The pieces, in brackets unless they hold together as tightly as asked."""
    pieces, own = formula
    return pieces if own >= level else ("(", *pieces, ")")


def added(parts: list[tuple[float, Pieces, int]]) -> Formula:
    """The sum of formulas, each times a number."""
    pieces: list[str | Marked] = []
    level = SUM
    for c, factor, own in parts:
        sign = "−" if c < 0 else "+"
        scaled, own = _scaled(abs(c), (factor, own))
        if not pieces:
            pieces += ["−"] if sign == "−" else []
            level = own if sign == "+" else SUM
        else:
            pieces.append(f" {sign} ")
            level = SUM
        least = PRODUCT if sign == "−" else SUM if len(parts) > 1 else LOOSE
        pieces += held((scaled, own), least)
    return tuple(pieces), level


def _scaled(c: float, formula: Formula) -> Formula:
    if not formula[0]:
        return (exact(c),), ATOM
    if c == 1:
        return formula
    if formula[0][0] == "−":
        return ("−", *_scaled(c, (formula[0][1:], PRODUCT))[0]), SUM
    if 0 < c < 1 and abs(round(1 / c) * c - 1) < 1e-12:
        return (*held(formula, PRODUCT), f" / {round(1 / c):,}"), PRODUCT
    return (f"{exact(c)} · ", *held(formula, PRODUCT)), PRODUCT


def applied(name: str, static: float, arguments: list[Formula]) -> Formula:
    """A row of the op table on formulas."""
    op = OPS[name]
    given = () if static != static else (exact(static),)
    prefix, binds = op.prefixes.get(static, ("", ATOM))
    if prefix:
        sums = prefix.endswith(" ") and arguments[0][0][0] == "Σ "
        return (prefix, *held(arguments[0], PRODUCT if sums else ATOM)), binds
    if len(arguments) == 1 and op.binds == ATOM:
        return (f"{name}(", *arguments[0][0], *[f", {k}" for k in given], ")"), ATOM
    parts = op.text(*[f"\0{i}\0" for i in range(len(arguments))], *given).split("\0")
    pieces: list[str | Marked] = []
    for i, part in enumerate(parts):
        if i % 2:
            pieces += held(arguments[int(part)], op.needs[int(part)])
        elif part:
            pieces.append(part)
    return tuple(pieces), op.binds
