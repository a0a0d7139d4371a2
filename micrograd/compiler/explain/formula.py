"""Formulas as pieces of text and views, put together with the brackets they need."""

from __future__ import annotations

from dataclasses import dataclass

from micrograd.compiler.explain.views import View
from micrograd.ops import OPS
from micrograd.text.words import exact

SUMS, PRODUCTS, ATOM = range(3)  # how tightly a formula holds together
LEVELS = (SUMS, SUMS, PRODUCTS, ATOM, ATOM)  # the same, of the op table's levels


@dataclass(frozen=True, slots=True)
class Marked:
    """A view within a formula; `transposed` if its axes are the other way round there."""

    view: View
    transposed: bool = False


Pieces = tuple["str | Marked", ...]
Formula = tuple[Pieces, int]


def held(formula: Formula, level: int) -> Pieces:
    """The pieces, in brackets unless they hold together as tightly as asked."""
    pieces, own = formula
    return pieces if own >= level else ("(", *pieces, ")")


def added(parts: list[tuple[float, Pieces, int]]) -> Formula:
    """The sum of formulas, each times a number."""
    pieces: list[str | Marked] = []
    level = SUMS
    for c, factor, own in parts:
        sign = "−" if c < 0 else "+"
        scaled, own = _scaled(abs(c), (factor, own))
        if not pieces:
            pieces += ["−"] if sign == "−" else []
            level = own if sign == "+" else SUMS
        else:
            pieces.append(f" {sign} ")
            level = SUMS
        pieces += scaled if sign == "+" or own > SUMS else ("(", *scaled, ")")
    return tuple(pieces), level


def _scaled(c: float, formula: Formula) -> Formula:
    if not formula[0]:
        return (exact(c),), ATOM
    if c == 1:
        return formula
    if formula[0][0] == "−":
        return ("−", *_scaled(c, (formula[0][1:], PRODUCTS))[0]), SUMS
    if 0 < c < 1 and abs(round(1 / c) * c - 1) < 1e-12:
        return (*held(formula, PRODUCTS), f" / {round(1 / c):,}"), PRODUCTS
    return (f"{exact(c)} · ", *held(formula, PRODUCTS)), PRODUCTS


def applied(name: str, static: float, arguments: list[Formula]) -> Formula:
    """A row of the op table on formulas."""
    roots = {-1.0: "1 / ", -0.5: "1 / √", 0.5: "√"}
    if name == "pow_static" and static in roots:
        enough = PRODUCTS if static == -1 and arguments[0][0][0] == "Σ " else ATOM
        return (roots[static], *held(arguments[0], enough)), PRODUCTS if static < 0 else ATOM
    if name == "pow_static":
        return (*held(arguments[0], ATOM), f"^{exact(static)}"), ATOM
    if len(arguments) == 1:
        extra = () if static != static else (f", {exact(static)}",)
        return (f"{name}(", *arguments[0][0], *extra, ")"), ATOM
    op = OPS[name]
    parts = op.text(*[f"\0{i}\0" for i in range(len(arguments))]).split("\0")
    pieces: list[str | Marked] = []
    for i, part in enumerate(parts):
        if i % 2:
            pieces += held(arguments[int(part)], LEVELS[op.needs[int(part)]])
        elif part:
            pieces.append(part)
    return tuple(pieces), LEVELS[op.binds]
