"""The stages of a page: forward card by card, backward a product at a time, then the update."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from micrograd.ops import OPS
from micrograd.optim.equation import NEW
from micrograd.reading.reading import Use
from micrograd.reading.units import INPUT, TARGET, Unit
from micrograd.text.equations import Applied, Quantity
from viz.diagram.diagram import Diagram
from viz.drawing.palette import FORWARD, GRADIENT, LOCAL, UPDATE, Role
from viz.stepping.notation import Data
from viz.stepping.places import Place, Places

FORWARDS, BACKWARDS, UPDATES = range(3)  # phases


@dataclass
class Stage:
    """One step of the page: what it says, which places fill, which wires and cards light up."""

    phase: int
    title: str
    equations: list[tuple[str, Any, Quantity, int]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    wires: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    note: str = ""


class Stages:
    """Makes the stages of one diagram."""

    def __init__(self, diagram: Diagram, places: Places) -> None:
        self.diagram, self.places = diagram, places
        self.reading, self.cards = diagram.reading, diagram.cards
        self.say = diagram.rows.say
        self._waiting = Counter({i: len(uses) for i, uses in self.reading.uses.items()})

    def data(self) -> list[Data]:
        """All stages for the page; every place of the picture fills in one of them."""
        stages = [*self.forward(), *self.backward(), *self.updates()]
        self._add_the_rest(stages)
        n = self.places.notation
        return [
            {
                "p": s.phase,
                "h": s.title,
                "e": [[lhs, None if e is None else n.expression(e, i), n.quantity(q, i)]
                      for lhs, e, q, i in s.equations],
                "x": [list(place) for place in s.places],
                "w": list(dict.fromkeys(s.wires)),
                "c": list(dict.fromkeys(s.cards)),
                "n": s.note,
            }
            for s in stages
        ]  # fmt: skip

    def links(self) -> dict[str, Data]:
        """The wires by which each line reads each quantity: for values, and back for gradients."""
        found = {}
        for position, uses in self.reading.uses.items():
            unit = self.reading.of.get(position)
            for use in uses:
                card = unit.key if unit else self._card_of(position, use.unit)
                wires = [self._wires(card, use.unit.key, FORWARD),
                         self._wires(use.unit.key, card, GRADIENT)]  # fmt: skip
                if any(wires):
                    found[f"{use.line.position},{position}"] = wires
        return found

    def _add_the_rest(self, stages: list[Stage]) -> None:
        """Let what no stage has named fill with the last of its card, or of its phase."""
        phase_of = {FORWARD: FORWARDS, LOCAL: BACKWARDS, GRADIENT: BACKWARDS, UPDATE: UPDATES}
        shown = {place for stage in stages for place in stage.places}
        for b, band in enumerate(self.places.bands):
            phase = [s for s in stages if s.phase == phase_of[band.role]] or stages
            own = [s for s in phase if any(p[0] == b for p in s.places)]
            own = own or [s for s in phase if band.card in s.cards] or phase
            for r in range(len(band.rows)):
                if (b, r) in self.places.notes:
                    number = self.places.of[self.places.notes[b, r]]
                    known = [s for s in phase if any(p in number for p in s.places)]
                    (known or own)[-1].places.append((b, r))
                elif (b, r) not in shown:
                    static = "q" not in band.rows[r]
                    (own[0] if static else own[-1]).places.append((b, r))

    # ---- forward ---------------------------------------------------------------------------------

    def forward(self) -> Iterator[Stage]:
        """The inputs, then each card from left to right: its sum, then its activation."""
        keys = self.diagram.key_of
        given = [leaf for leaf in self.reading.leaves.values() if leaf.kind == INPUT]
        if given:
            stage = Stage(FORWARDS, self.say("The inputs"))
            for leaf in given:
                q = self._value(leaf.position, leaf.name)
                stage.equations.append(("", None, q, -1))
                stage.places += self.places.of["v", leaf.position]
                stage.cards.append(keys[leaf.position])
            yield stage
        for unit in self.reading.units:
            yield from self._forward(unit)

    def _forward(self, unit: Unit) -> Iterator[Stage]:
        line, name = unit.before, unit.result.name
        title = self.say("{name}: what comes in, times the weights", name=name)
        stage = Stage(FORWARDS, title if unit.linear else self.say("{name} is computed", name=name))
        stage.equations.append((line.result.name, line.formula, line.result, -1))
        for k, product in enumerate(self.cards.weighted(unit)):
            stage.places += self.places.of["v", product.weight.tag]
            key = self.diagram.weight_key.get((unit.position, k))
            if key is not None:
                stage.cards.append(key)
                stage.wires += self._into(key, FORWARD)
        stage.cards.append(unit.key)
        for q in self._read(unit):
            stage.places += self.places.of["v", q]
        stage.places += self.places.of["v", line.position]
        stage.wires += self._into(unit.key, FORWARD)
        yield stage
        if unit.activation:
            a = unit.activation
            yield Stage(
                FORWARDS,
                self.say("{name}: the activation", name=name),
                [(a.result.name, a.formula, a.result, -1)],
                list(self.places.of["v", a.position]),
                cards=[unit.key],
            )

    def _read(self, unit: Unit) -> list[int]:
        """Biases, targets and shared parameters: leaves whose values a unit's line reads."""
        uses = self.reading.uses
        return [i for i in self.reading.leaves
                if any(use.unit is unit for use in uses.get(i, ()))]  # fmt: skip

    def _into(self, key: str, role: Any) -> list[str]:
        kind = self.diagram.drawing.meaning(role)
        return [w.key for w in self.diagram.drawing.wires if w.head == key and w.carries == kind]

    # ---- backward --------------------------------------------------------------------------------

    def backward(self) -> Iterator[Stage]:
        """From the result back: each gradient as upstream times local, added where paths meet."""
        root = self.reading.root
        if self.reading.gradient(root.position) is None:
            return
        name = self.diagram.cards.gradients.by(root.result.name)
        one = Quantity(name, 1.0, source=("one",))
        places = self._of_root(root)
        yield Stage(
            BACKWARDS, self.say("The backward pass starts at the end"), [(name, None, one, -1)],
            places, cards=[root.key],
        )  # fmt: skip
        yield from self._done(root)
        place = self.diagram.place
        for unit in sorted(self.reading.units, key=lambda unit: -place[unit.position]):
            if unit is not root:
                yield from self._unit_back(unit)

    def _of_root(self, root: Unit) -> list[Place]:
        return [
            (b, r)
            for b, band in enumerate(self.places.bands)
            if band.card == root.key and band.role is GRADIENT
            for r in range(len(band.rows))
        ]

    def _unit_back(self, unit: Unit) -> Iterator[Stage]:
        yield from self._gradient(unit.position, unit.result.name, unit.key)
        if unit.activation:
            a, z = unit.activation, unit.before
            if self.reading.gradient(z.position) is not None:
                by = self.cards.gradients.by
                slope = self.cards.gradients.slope(a, z.result)
                up = self._gradient_of(a.position, by(a.result.name))
                q = self._gradient_of(z.position, by(z.result.name))
                places = [*self.places.of["s", a.position, z.position],
                          *self.places.of["g", z.position]]  # fmt: skip
                title = self.say("Back through the activation of {name}", name=unit.result.name)
                yield Stage(
                    BACKWARDS, title, [(q.name, _product(up, slope), q, -1)], places,
                    cards=[unit.key],
                )  # fmt: skip
        yield from self._done(unit)

    def _done(self, unit: Unit) -> Iterator[Stage]:
        """The gradients of the leaves that a unit is the last to read."""
        for position, leaf in self.reading.leaves.items():
            uses = [use for use in self.reading.uses.get(position, ()) if use.unit is unit]
            if not uses or leaf.kind == TARGET:
                continue
            self._waiting[position] -= len(uses)
            if self._waiting[position] == 0 and self._is_shown(position, unit):
                yield from self._gradient(position, leaf.name, self._card_of(position, unit))

    def _is_shown(self, position: int, unit: Unit) -> bool:
        """Whether a leaf's gradient stands somewhere: itself, as a share, or as that of z."""
        of, bias = self.places.of, self.cards.bias(unit)
        return bool(
            of.get(("g", position))
            or of.get(("share", unit.key, position))
            or (bias is not None and bias.tag == position)
        )

    def _card_of(self, position: int, unit: Unit) -> str:
        for k, product in enumerate(self.cards.weighted(unit)):
            key = self.diagram.weight_key.get((unit.position, k))
            if product.weight.tag == position and key is not None:
                return key
        return self.diagram.key_of.get(position, unit.key)

    def _gradient(self, position: int, name: str, card: str) -> Iterator[Stage]:
        """How a gradient comes about: a stage for each path that leads here, and their sum."""
        uses = [u for u in self.reading.uses.get(position, ())
                if self.reading.gradient(u.line.position) is not None]  # fmt: skip
        if self.reading.gradient(position) is None or not uses:
            return
        by = self.cards.gradients.by(name)
        total = self._gradient_of(position, by)
        hidden = self.reading.sample.count > 1 and self.reading.hidden_uses(position)
        shares = [self._share(use) for use in uses]
        for k, (use, share) in enumerate(zip(uses, shares, strict=True), 1):
            alone = len(uses) == 1 and not hidden
            lhs = by if alone else self.say("path {k}", k=k) if len(uses) > 1 else self.say("share")
            title = self.say("The gradient of {name}", name=name)
            if len(uses) > 1:
                through = use.line.result.name
                title += self.say(": path {k} of {n}, through {through}", k=k, n=len(uses),
                                  through=through)  # fmt: skip
            q = total if alone else share
            stage = Stage(BACKWARDS, title, [(lhs, share.source[1], q, -1)], cards=[card])
            stage.places += self.places.of["s", use.line.position, position]
            stage.places += self.places.of.get(("share", use.unit.key, position), [])
            stage.wires += self._wires(use.unit.key, card, GRADIENT)
            if len(uses) == 1:
                self._close(stage, position, by, total, [], hidden)
            yield stage
        if len(uses) > 1:
            stage = Stage(
                BACKWARDS, self.say("The paths to {name} meet: they are added", name=name)
            )
            stage.cards.append(card)
            self._close(stage, position, by, total, shares, hidden)
            yield stage

    def _close(
        self, stage: Stage, position: int, by: str, total: Quantity, shares: Sequence[Quantity],
        hidden: Any,
    ) -> None:  # fmt: skip
        """The end of a gradient: its number is shown."""
        own = self.places.of.get(("g", position))
        above = self.reading.uses[position][0].line.position  # a bias stands with its z
        stage.places += own or self.places.of.get(("g", above), [])
        if hidden:
            n = self.reading.sample.count
            stage.note = self.say("This is the share of one sample; the gradient is the sum over "
                                  "all {n}.", n=n)  # fmt: skip
            stage.equations.append((by, None, total, -1))
        elif shares:
            stage.equations.append((by, _sum(shares), total, -1))

    def _share(self, use: Use) -> Quantity:
        by = self.cards.gradients.by(use.line.result.name)
        product = _product(
            self._gradient_of(use.line.position, by),
            self.cards.gradients.slope(use.line, use.quantity),
        )
        name = self.say("via {name}", name=use.line.result.name)
        return Quantity(name, float(product), source=("equation", product))

    def _wires(self, tail: str, head: str, role: Role) -> list[str]:
        """The wires of a kind from one card to another, also those by way of a weight."""
        kind = self.diagram.drawing.meaning(role)
        wires = [w for w in self.diagram.drawing.wires if w.carries == kind]
        direct = [w.key for w in wires if (w.tail, w.head) == (tail, head)]
        if direct:
            return direct
        return [
            w.key
            for first in wires
            if first.tail == tail
            for second in wires
            if (second.tail, second.head) == (first.head, head)
            for w in (first, second)
        ]

    # ---- update ----------------------------------------------------------------------------------

    def updates(self) -> Iterator[Stage]:
        """What the optimiser makes of each parameter, by its own equations."""
        for position, leaf in self.reading.leaves.items():
            places = self.places.of.get(("upd", position))
            equations = self.cards.updates.equations(position, leaf.name)
            if not places or not equations:
                continue
            stage = Stage(UPDATES, self.say("The update of {name}", name=leaf.name))
            for e in equations:
                lhs = f"{leaf.name} {self.say('new')}" if e.name == NEW else e.name
                stage.equations.append((lhs, e.expression, e.result, position))
            stage.places += places
            stage.cards.append(self.places.bands[places[0][0]].card)
            yield stage

    # ---- quantities ------------------------------------------------------------------------------

    def _value(self, position: int, name: str) -> Quantity:
        return Quantity(name, self.reading.tape.nodes[position].value, position)

    def _gradient_of(self, position: int, name: str) -> Quantity:
        value = self.reading.gradient(position)
        return Quantity(name, value or 0.0, source=("gradient", position))


def _product(upstream: Quantity, local: Quantity) -> Any:
    return Applied(OPS["mul"], (upstream, local))


def _sum(shares: Sequence[Quantity]) -> Any:
    total: Any = shares[0]
    for share in shares[1:]:
        total = Applied(OPS["add"], (total, share))
    return total
