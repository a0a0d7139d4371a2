"""The weights of a unit as lines of its card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from micrograd.reading.units import Line, Unit
from micrograd.text.equations import Expression, Quantity
from viz.diagram.rows import Live, LiveGrid
from viz.diagram.updates import GRADIENT_OF_IT, WEIGHT, Assignment, Column, Updates, digits_of, text
from viz.diagram.upstream import Upstream
from viz.drawing.cards import Band, ColouredText, Grid, Row, operand, plain
from viz.drawing.palette import FORWARD, GRADIENT, LOCAL, UPDATE

SLOPE, SHARE, UP = "slope", "share", "up"


@dataclass(frozen=True)
class Weight:
    """A parameter of a linear unit, and what it is the weight of; "" for one that is added."""

    parameter: Quantity
    unit: str
    value: float


def weight_lines(
    unit: Unit, weights: Sequence[Weight], gradients: Upstream, updates: Updates, own: bool
) -> tuple[Grid | Band, ...]:
    """A line for each weight and what is made of it, with the digits that all equations need.

    Where other units or samples have a share in the gradient of a weight, the share of this unit
    has a column; unless the weights are the unit's `own`, what is made of them stands elsewhere.
    """
    reading, rows = gradients.reading, gradients.rows
    z = unit.before
    upstream = reading.gradient(z.position)
    positions = [w.parameter.tag for w in weights]
    alone = own and reading.sample.count == 1
    w = [Quantity(WEIGHT, x.parameter.value, x.parameter.tag) for x in weights]
    x = [gradients.slope(z, x.parameter, SLOPE) for x in weights]
    up = gradients.of(z.position, UP)
    shares = [] if upstream is None else [_share(up * q, alone) for q in x]
    g = [gradients.of(i, GRADIENT_OF_IT) for i in positions]
    found = updates.of(positions) if own and upstream is not None else []

    total = sum((a * b for a, b in zip(w[1:], x[1:], strict=True)), w[0] * x[0])
    lines: list[Sequence[Assignment]] = [[(total, Quantity("z", z.result.value, z.position))]]
    if shares:
        exact = g if alone else shares
        lines.append([(up * b, share) for b, share in zip(x, exact, strict=True)])
    lines += [[(e.expression, e.result) for e in same] for same in zip(*found, strict=True)]
    digits = digits_of(lines, rows.digits)

    def texts(found: Sequence[Quantity]) -> tuple[str, ...]:
        return tuple(text(q, digits, rows.digits) for q in found)

    slope = gradients.slope_name(z, _marked(z, weights), "W")
    live: list[Sequence[Quantity | None]] = [w, x]
    columns: list[Column] = [(rows.say("weights"), FORWARD, texts(w)), (slope, LOCAL, texts(x))]
    if shares and not alone:
        columns.append((rows.say("share"), GRADIENT, texts(shares)))
        live.append(shares)
    if own:
        shown = tuple(rows.number(None) for _ in g) if upstream is None else texts(g)
        several = "g = " if found and len(found[0]) > 1 else ""
        title = several + gradients.by("W")
        columns += [(title, GRADIENT, shown), *updates.columns(found, digits)]
        live += [g if upstream is not None else [None] * len(g), *updates.quantities(found)]
    names = tuple(f"{x.unit} ·" if x.unit else x.parameter.name for x in weights)
    grid = Grid(tuple(columns), names, tuple(f"w{j}" for j in range(len(names))),
                live=LiveGrid(live, lines, positions))  # fmt: skip

    notes = []
    if shares:
        said = gradients.by("W") if alone else rows.say("share")
        notes.append(_said(said, up, texts([up])[0], slope))
    if own and not alone:
        over = rows.say("Σ over {n} samples", n=reading.sample.count)
        notes.append((f"{gradients.by('W')}: {over}", None))
    return grid, *_notes(notes, updates.notes(found, gradients.by("W")))


def _marked(z: Line, weights: Sequence[Weight]) -> Quantity:
    """One of the weights: if there is one, one that has a second way to the result."""
    parameters = [x.parameter for x in weights]
    return next((q for q in parameters if q.tag in z.direct), parameters[0])


def _share(product: Expression, alone: bool) -> Quantity:
    """What one line adds to the gradient of its weight: all of it, if it is alone."""
    name = GRADIENT_OF_IT if alone else SHARE
    return Quantity(name, product.value, source=("equation", product))


def _said(name: str, up: Quantity, number: str, slope: str) -> tuple[str, Live | None]:
    """The sentence that gives the gradients of all lines, and how a page makes it anew."""
    live = Live(up, before=f"{name} = ", after=f" × {slope}")
    return f"{name} = {operand(number)} × {slope}", live


def _notes(
    gradients: Sequence[tuple[str, Live | None]], rules: Sequence[tuple[ColouredText, ...]]
) -> Iterator[Band]:
    """Small print: how gradients come about, and what the optimiser does with them."""
    if gradients:
        rows = tuple(
            Row("", "", "" if k else "bw", detail=plain(GRADIENT, said), live=live)
            for k, (said, live) in enumerate(gradients)
        )
        yield Band(GRADIENT, rows, "lines")
    if rules:
        yield Band(UPDATE, tuple(Row("", "", detail=x) for x in rules), "lines")
