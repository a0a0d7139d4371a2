"""The cards of a gradient diagram: inputs, units, weights, and parameters that units share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_letters
from typing import Any

from micrograd.reading.indices import listed, vector
from micrograd.reading.reading import Reading
from micrograd.reading.units import (
    LONGEST_FORMULA,
    PARAMETER,
    TARGET,
    Hidden,
    Leaf,
    Line,
    Product,
    Unit,
    products,
    terms,
)
from micrograd.text.equations import Quantity, quantities, symbolic
from viz.diagram.rows import Live, LiveGrid, Rows
from viz.diagram.updates import GRADIENT_OF_IT, WEIGHT, Column, Updates, digits_of, text
from viz.diagram.upstream import Upstream
from viz.diagram.weight_lines import Weight, weight_lines
from viz.drawing.cards import Band, Card, Columns, Grid, Row
from viz.drawing.palette import FORWARD, GRADIENT, LOCAL, WEIGHT_FRAME

MOST_TERMS = 8  # of a sum that is written out
MOST_NAMED_TERMS = 2  # a sum of more terms is written with vectors: W2[0]·h1


@dataclass(frozen=True)
class Cards:
    """Makes the cards of one reading; `apart` are the linear units whose weights have cards."""

    reading: Reading
    rows: Rows
    gradients: Upstream
    updates: Updates
    apart: frozenset[int]  # by position
    own: frozenset[int]  # positions of parameters that one unit has to itself

    # ---- leaves ------------------------------------------------------------------------------

    def leaf(self, leaf: Leaf, key: str, with_gradient: bool) -> Card:
        """An input: its value, and its gradient where that is asked for."""
        value = self.reading.tape.nodes[leaf.position].value
        live = Live(Quantity(leaf.name, value, leaf.position))
        parts = [Band(FORWARD, (Row(leaf.name, self.rows.number(value), "fw", "fe", live=live),))]
        if with_gradient:
            row = self.gradients.row(self.gradients.by(leaf.name), leaf.position, "bw", "ge")
            parts.append(Band(GRADIENT, (row,)))
        return Card(key, leaf.name, self.rows.say("input"), tuple(parts))

    def weight(self, unit: Unit, product: Product, key: str) -> Card:
        """A weight between two units, with what it means for both."""
        w, x = product.weight, product.unit
        slope = unit.before.local(w)
        of_w = self.gradients.slope(unit.before, w).source
        by_w = self.gradients.slope_name(unit.before, w, "W")
        local = [self.rows.equation(by_w, slope, float(slope), LOCAL, source=of_w)]
        if self.has_gradient_row(x):
            back = self.gradients.slope(unit.before, x)
            local.append(
                Row(f"{back.name} = W", self.rows.number(back.value), "lw", "le", live=Live(back))
            )
        return Card(
            key,
            w.name,
            self.rows.say("weight"),
            (
                Band(FORWARD, (self._value(w.tag, w.name),)),
                Band(LOCAL, tuple(local)),
                Band(GRADIENT, (self.gradients.row(self.gradients.by("W"), w.tag, "bw", "be"),)),
                *self.updates.bands(w.tag),
            ),
            WEIGHT_FRAME,
        )

    def _value(self, position: int, name: str) -> Row:
        """The row of a parameter's value."""
        value = self.reading.tape.nodes[position].value
        live = Live(Quantity(name, value, position))
        return Row(self.rows.say("value"), self.rows.number(value), "fw", "fe", live=live)

    def shared(self, positions: Sequence[int], title: str, key: str) -> Card:
        """A parameter that several units use, or that is used in another way than as a weight."""
        if len(positions) == 1:
            return self._single(positions[0], key)
        nodes = self.reading.tape.nodes
        found = self.updates.of(positions)
        given = [
            [(e.expression, e.result) for e in same] for same in zip(*found, strict=True)
        ]  # the digits that the optimiser's equations need
        digits = digits_of(given, self.rows.digits)
        values = [Quantity(WEIGHT, nodes[i].value, i) for i in positions]
        slopes = [self.reading.gradient(i) for i in positions]
        gradients = [
            None if g is None else Quantity(GRADIENT_OF_IT, g, source=("gradient", i))
            for g, i in zip(slopes, positions, strict=True)
        ]
        columns: list[Column] = [
            (self.rows.say("value"), FORWARD, self._texts(values, digits)),
            (
                self.gradients.by(title),
                GRADIENT,
                tuple(
                    self.rows.number(None) if g is None else self._texts([g], digits)[0]
                    for g in gradients
                ),
            ),
            *self.updates.columns(found, digits),
        ]
        n = len({id(use.unit) for i in positions for use in self.reading.uses[i]})
        note = self.rows.say("Σ over {n} uses", n=n)
        if self.reading.sample.count > 1:
            note = self.rows.say("Σ over {n} samples", n=self.reading.sample.count)
        port = Band(GRADIENT, (Row(self.gradients.by(title), note, "fw", "ge"),))
        live = LiveGrid([values, gradients, *self.updates.quantities(found)], given, positions)
        names = tuple(self.reading.leaves[i].name for i in positions)
        grid = Grid(tuple(columns), names, live=live)
        return Card(key, title, self.rows.say("shared parameter"), (grid, port), WEIGHT_FRAME)

    def _texts(self, found: Sequence[Quantity], digits: Mapping[str, int]) -> tuple[str, ...]:
        return tuple(text(q, digits, self.rows.digits) for q in found)

    def _single(self, position: int, key: str) -> Card:
        name = self.reading.leaves[position].name
        gradient = self.gradients.row(self.gradients.by(name), position, "bw", "ge")
        parts = (
            Band(FORWARD, (self._value(position, name),)),
            Band(GRADIENT, (gradient,)),
            *self.updates.bands(position, name),
        )
        return Card(key, name, self.rows.say("parameter"), parts, WEIGHT_FRAME)

    # ---- units -------------------------------------------------------------------------------

    def has_gradient_row(self, q: Quantity) -> bool:
        """Whether a quantity's card shows a gradient, so that a wire may end there."""
        if not isinstance(q.tag, int):
            return False
        leaf = self.reading.leaves.get(q.tag)
        return leaf is None or leaf.kind == PARAMETER

    def unit(self, unit: Unit) -> Card:
        """A neuron or another expression."""
        parts: list[Any] = [self._forward(unit)]
        local = tuple(self._locals(unit))
        gradients = Band(GRADIENT, tuple(self._gradients(unit)))
        bands = (Band(LOCAL, local), gradients) if local else (gradients,)
        if self.in_lines(unit):
            parts.append(Columns(self._lines(unit), bands))
        else:
            bias = self.bias(unit)
            parts += [*bands, *(self.updates.bands(bias.tag, bias.name) if bias else ())]
        return Card(unit.key, unit.result.name, self._subtitle(unit), tuple(parts))

    def _lines(self, unit: Unit) -> tuple[Grid | Band, ...]:
        pairs = self.weighted(unit)
        weights = [Weight(p.weight, p.unit.name, p.unit.value) for p in pairs]
        weights += [Weight(q, "", 1.0) for q in self._single_terms(unit)
                    if q.tag in self.reading.parameters]  # fmt: skip
        own = all(w.parameter.tag in self.own for w in weights)
        return weight_lines(unit, weights, self.gradients, self.updates, own)

    def _subtitle(self, unit: Unit) -> str:
        said = self.rows.say(self._kind_of(unit))
        function = _function(unit.activation)
        separator = "," if self.rows.language == "en" else ""
        return f"{said}{separator} {function}" if function else said

    def _kind_of(self, unit: Unit) -> str:
        if unit is self.reading.root:
            return "loss" if self.updates.trained else "result"
        if unit.position in self.reading.outputs:
            return "output neuron" if unit.linear else "output"
        if not unit.linear:
            return "computed"
        return "hidden neuron" if unit.activation else "neuron"

    def in_lines(self, unit: Unit) -> bool:
        """Whether the weights of a unit are lines of its card."""
        return unit.linear and unit.position not in self.apart

    def bias(self, unit: Unit) -> Quantity | None:
        """The one parameter that is added and is this unit's own."""
        single = [q for q in self._single_terms(unit) if q.tag in self.own]
        return single[0] if len(single) == 1 else None

    def weighted(self, unit: Unit) -> list[Product]:
        """The terms of a linear unit that have a weight."""
        found = products(unit.before.formula, self.reading.parameters) if unit.linear else None
        return found[0] if found else []

    def _single_terms(self, unit: Unit) -> list[Quantity]:
        found = products(unit.before.formula, self.reading.parameters) if unit.linear else None
        return found[1] if found else []

    def _forward(self, unit: Unit) -> Band:
        rows = []
        for q in self._beside(unit):
            rows.append(Row(q.name, self.rows.number(q.value), live=Live(q)))
        bias = self.bias(unit)
        if bias is not None and not self.in_lines(unit):
            rows.append(Row(bias.name, self.rows.number(bias.value), live=Live(bias)))
        line = unit.before
        first = self.rows.equation(
            line.result.name, line.formula, line.result.value, FORWARD, west="fw",
            east="" if unit.activation else "fe", source=("value", line.position),
        )  # fmt: skip
        sum_of_many = "" if unit.linear else self._ends(line)
        short = self._vectors(unit) or sum_of_many
        if short:
            title = f"{line.result.name} = {short}"
            first = replace(first, name=title, live=replace(first.live, formula=None))
        if self.in_lines(unit) or sum_of_many:
            first = replace(first, detail=(), live=replace(first.live, detail=None))
        rows.append(first)
        if unit.activation:
            a = unit.activation
            rows.append(
                self.rows.equation(
                    a.result.name,
                    a.formula,
                    a.result.value,
                    FORWARD,
                    west="aw",
                    east="ae",
                    beside=True,
                    source=("value", a.position),
                )
            )
        return Band(FORWARD, tuple(rows))

    def _ends(self, line: Line) -> str:
        """p² + … + q²: a sum of many terms, if that is shorter."""
        parts = terms(line.formula)
        if len(parts) <= MOST_TERMS:
            return ""
        ends = (symbolic(x, self.rows.digits) for x in (parts[0], parts[-1]))
        first, last = ("".join(text for text, _ in pieces) for pieces in ends)
        return f"{first} + … + {last}"

    def _vectors(self, unit: Unit) -> str:
        """W2[0]·h1 + b: a sum of many products, or with long names, written with vectors."""
        pairs = self.weighted(unit)
        said = "".join(name for name, _ in symbolic(unit.before.formula, self.rows.digits))
        if (len(pairs) <= MOST_NAMED_TERMS and len(said) <= LONGEST_FORMULA) or len(pairs) < 2:
            return ""
        w, x = (vector([q.name for q in found]) for found in zip(
            *((p.weight, p.unit) for p in pairs), strict=True
        ))  # fmt: skip
        head = f"{w or 'Σ W'}·{x or listed([p.unit.name for p in pairs])}"
        said_of = [symbolic(q, self.rows.digits) for q in self._single_terms(unit)]
        names = ["".join(name for name, _ in pieces) for pieces in said_of]
        first = terms(unit.before.formula)[0]
        leading = isinstance(first, Quantity)
        return " + ".join([*names[:leading], head, *names[leading:]])

    def _beside(self, unit: Unit) -> list[Quantity]:
        """Targets, and what comes from other samples: neither has a card of its own."""
        found = quantities(unit.before.formula)
        return [q for q in found if isinstance(q.tag, Hidden) or self._kind(q) == TARGET]

    def _kind(self, q: Quantity) -> str:
        leaf = self.reading.leaves.get(q.tag) if isinstance(q.tag, int) else None
        return leaf.kind if leaf else ""

    def variables(self, unit: Unit) -> list[Quantity]:
        """What a unit is computed from, apart from its weights, what they weigh and its bias."""
        pairs = self.weighted(unit)
        weighed = {q for p in pairs for q in (p.weight, p.unit)}
        return [
            q
            for q in quantities(unit.before.formula)
            if isinstance(q.tag, int)
            and self._kind(q) != TARGET
            and q not in weighed
            and not (unit.linear and q.tag in self.reading.parameters)
        ]

    def _locals(self, unit: Unit) -> Iterator[Row]:
        line = unit.before
        for k, q in enumerate(self.variables(unit)):
            slope = line.local(q)
            of = self.gradients.slope(line, q)
            yield self.rows.equation(
                of.name, slope, float(slope), LOCAL, west=f"l{k}", whole=True, source=of.source
            )
        if unit.activation:
            a = unit.activation
            slope = a.local(line.result)
            of = self.gradients.slope(a, line.result)
            row = self.rows.equation(
                of.name, slope, float(slope), LOCAL, whole=True, beside=True, source=of.source
            )
            function = _function(a)
            if not quantities(slope) and function:
                row = Row(f"{of.name} = {function}′({line.result.name})", row.value, live=row.live)
            yield row

    def _gradients(self, unit: Unit) -> Iterator[Row]:
        by, line, a = self.gradients.by, unit.before, unit.activation
        if unit is self.reading.root:
            live = Live(Quantity(by(unit.result.name), 1.0, source=("one",)), whole=True)
            yield Row(by(unit.result.name), "1", "bw", "be", live=live)
            return
        bias = None if self.in_lines(unit) else self.bias(unit)
        west = "" if self.in_lines(unit) else "bw"
        name = by(line.result.name)
        if bias is not None and self.reading.sample.count == 1:
            name = f"{name} = {by(bias.name)}"
        if a is None:
            yield self.gradients.row(name, line.position, west, "ge")
        else:
            yield self.gradients.row(by(a.result.name), a.position, "gw", "ge")
            slope = self.gradients.slope(a, line.result)
            yield self.gradients.through(name, a.position, slope, line.position, west)
        if bias is not None and self.reading.sample.count > 1:
            yield self.gradients.row(by(bias.name), bias.tag, "", "")

    def shared_weights(self, unit: Unit) -> list[int]:
        """The parameters of a linear unit that have cards elsewhere."""
        if not unit.linear:
            return []
        found = [q.tag for q in quantities(unit.before.formula)]
        return [i for i in found if i in self.reading.parameters and i not in self.own]

    def _added(self, unit: Unit) -> list[Quantity]:
        """The parameters that are added to the products of a linear unit."""
        found = products(unit.before.formula, self.reading.parameters)
        return [q for q in found[1] if q.tag in self.reading.parameters] if found else []


def _function(line: Line | None) -> str:
    """The name of the function that a line applies; "" for what is no function of one number."""
    if line is None:
        return ""
    static = () if line.formula.static is None else ("",)
    said = line.formula.op.text("(", *static)
    return str(said.partition("(")[0]) if said.startswith(tuple(ascii_letters)) else ""
