"""Cards and wires of the units of a reading: a gradient diagram being put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from micrograd.core.walk import topological_order
from micrograd.engine import Value
from micrograd.gradients import grad
from micrograd.ops import OPS
from micrograd.reading.called import called, labelled
from micrograd.reading.names import key, unused
from micrograd.reading.reading import Reading, read, read_graph
from micrograd.reading.units import INPUT, PARAMETER, Product, TooManyUnitsError, Unit
from micrograd.steps.step import Step
from micrograd.tape.tape import Tape, check_current, take
from micrograd.text.equations import quantities
from viz.diagram.owners import own_parameters, with_weight_cards
from viz.diagram.rows import Rows
from viz.diagram.unit_cards import Cards
from viz.diagram.updates import Updates
from viz.diagram.upstream import Upstream
from viz.drawing.cards import Card
from viz.drawing.drawing import Drawing, step_caption
from viz.drawing.figure import Figure

MOST_SCALARS = 300  # with more parameters than this, the picture is folded to layers
MOST_CARDS = 40


def diagram_of_step(step: Step, sample: int, rows: Rows) -> Diagram | None:
    """The diagram of one sample of a step; None if it is too large to be read."""
    if sum(p.before.size for p in step.parameters) > MOST_SCALARS:
        return None
    reading = read(step, sample, rows.say("Σ others"))
    n = reading.sample
    caption = step_caption(step, rows.language, n.index, apart=n.count > 1)
    drawing = Drawing("gradient_diagram", caption, rows.language, step.optimizer_name, rows.note)
    diagram = Diagram(reading, drawing, rows)
    return None if diagram.too_large else diagram


def diagram_of_value(root: Value, rows: Rows, anew: bool = False) -> Diagram | None:
    """The diagram of what a Value was computed from; None if it is too large to be read.

    The gradients are those of the last backward pass, or made `anew`.
    """
    tape, position = take(root)
    check_current(tape)
    if anew:
        order = topological_order(root)
        found_gradients = dict(zip(order, grad(root, order), strict=True))
        by_place = {position[v]: g.data for v, g in found_gradients.items()}
        tape = Tape(tuple(replace(node, gradient=by_place[i]) for i, node in enumerate(tape.nodes)))
    try:
        tape, names = labelled(tape, called(position))
        reading = read_graph(tape, names, most=MOST_CARDS)
    except TooManyUnitsError:
        return None
    caption = f"{reading.root.result.name} = {rows.number(root.data)}"
    drawing = Drawing("gradient_diagram", caption, rows.language, "", rows.note)
    diagram = Diagram(reading, drawing, rows, trained=False)
    return None if diagram.too_large else diagram


def taken_off(reading: Reading) -> Iterator[tuple[float, list[str]]]:
    """Numbers that are taken off before exp, and of what each is the largest: as softmax does."""
    tape, users = reading.tape, reading.tape.users()
    found: dict[float, list[int]] = {}
    for i, node in enumerate(tape.nodes):
        if node.op in OPS and OPS[node.op].subtracts and reading.sample.shows(i):
            x, c = node.inputs
            given = tape.nodes[c].inputs or c in reading.leaves or tape.nodes[c].label
            if not given and any(tape.nodes[j].op == "exp" for j in users[i]):
                found.setdefault(tape.nodes[c].value, []).append(x)
    for largest, positions in found.items():
        several = list(dict.fromkeys(positions))
        if len(several) > 1 and max(tape.nodes[x].value for x in several) == largest:
            yield largest, [reading.called(x) or "…" for x in several]


@dataclass
class Diagram:
    """The cards and wires of one reading, put onto a drawing."""

    reading: Reading
    drawing: Drawing
    rows: Rows
    trained: bool = True
    cards: Cards = field(init=False)
    key_of: dict[int, str] = field(init=False, default_factory=dict)  # of each leaf with a card
    weight_key: dict[tuple[int, int], str] = field(init=False, default_factory=dict)
    _keys: set[str] = field(init=False)
    _east: dict[int, str] = field(init=False, default_factory=dict)  # the port where it leaves
    _columns: dict[tuple[int, str], list[str]] = field(init=False, default_factory=dict)
    place: dict[int, int] = field(init=False, default_factory=dict)  # of lines, left to right

    def __post_init__(self) -> None:
        self._keys = {unit.key for unit in self.reading.units}
        own = own_parameters(self.reading)
        gradients = Upstream(self.reading, self.rows)
        updates = Updates(self.reading, self.rows, self.trained)
        apart = with_weight_cards(self.reading, own)
        self.cards = Cards(self.reading, self.rows, gradients, updates, apart, own)
        for unit in self.reading.units:
            below = [self.place[q.tag] for q in quantities(unit.before.formula)
                     if q.tag in self.place]  # fmt: skip
            place = max(below, default=0) + 1 + bool(self._own_weights(unit))
            self.place |= {line.position: place for line in unit.lines}
        self._explain_direct()
        for largest, names in taken_off(self.reading):
            said = "{x} is the largest of {names}, taken off so that exp cannot overflow"
            self.drawing.notes.append(
                self.rows.say(said, x=self.rows.number(largest), names=", ".join(names))
            )

    def _explain_direct(self) -> None:
        """Say what the mark at a local derivative means, where there is one."""
        last = self.reading.root.lines[-1]
        marked = [q for q in quantities(last.formula) if q.tag in last.direct]
        if marked:
            top, below = last.result.name, marked[0].name
            names = {"all": self.cards.gradients.by(below),
                     "one": self.cards.gradients.slope_name(last, marked[0], below)}  # fmt: skip
            said = self.rows.say("{one}: by the equation of {top} alone; {all}: along all paths",
                                 top=top, **names)  # fmt: skip
            self.drawing.notes.append(said)

    @property
    def too_large(self) -> bool:
        """Whether there are more cards than can be read."""
        weights = sum(len(self._own_weights(unit)) for unit in self.reading.units)
        inputs = sum(leaf.kind == INPUT for leaf in self.reading.leaves.values())
        return len(self.reading.units) + inputs + weights > MOST_CARDS

    def _own_weights(self, unit: Unit) -> list[Product]:
        """The weights of a unit that have a card each, on the wire to it."""
        return self.cards.weighted(unit) if unit.position in self.cards.apart else []

    def figure(self) -> Figure:
        """The picture."""
        self._inputs()
        self._shared()
        for unit in self.reading.units:
            self._wires(unit)
        for column in self._columns.values():
            self.drawing.in_order(column)
        return self.drawing.figure()

    def _card(self, card: Card, place: int, kind: str) -> None:
        """A card, below the others of its kind that have the same place from left to right."""
        self.drawing.card(card)
        self._columns.setdefault((place, kind), []).append(card.key)

    # ---- leaves ------------------------------------------------------------------------------

    def _inputs(self) -> None:
        for leaf in self.reading.leaves.values():
            if leaf.kind == INPUT:
                name = unused(key(leaf.name), self._keys)
                self.key_of[leaf.position] = name
                self._card(self.cards.leaf(leaf, name, not self.trained), 0, "input")

    def _shared(self) -> None:
        """Cards of the parameters that are no unit's own, an array each."""
        arrays: dict[tuple[str, bool], list[int]] = {}
        for position, scalar in self.reading.scalars.items():
            if position in self.reading.leaves and position not in self.cards.own:
                single = not scalar.record.before.shape
                name = self.reading.leaves[position].name.partition("[")[0]
                whole = (name if single else scalar.record.name, single)
                arrays.setdefault(whole, []).append(position)
        for positions in arrays.values():
            first = self.reading.leaves[positions[0]].name
            title = first.partition("[")[0] if len(positions) > 1 else first
            name = unused(key(title), self._keys)
            self.key_of |= dict.fromkeys(positions, name)
            self._east |= dict.fromkeys(positions, "fe" if len(positions) == 1 else "ge")
            users = [use.unit for i in positions for use in self.reading.uses[i]]
            place = min(self.place[unit.before.position] for unit in users) - 1
            self._card(self.cards.shared(positions, title, name), place, "parameter")

    # ---- wires -------------------------------------------------------------------------------

    def _wires(self, unit: Unit) -> None:
        """A unit's card and those of its weights, and the wires that lead to them."""
        cards = self.cards
        self._card(cards.unit(unit), self.place[unit.position], "unit")
        for j, product in enumerate(cards.weighted(unit)):
            (self._line if cards.in_lines(unit) else self._weight)(unit, j, product)
        joined = set()
        for k, q in enumerate(cards.variables(unit)):
            source, east = self._source(q.tag)
            if source not in joined:
                joined.add(source)
                self.drawing.forward(source, east, unit.key, "fw")
                self._back(unit.key, f"l{k}", q.tag)
        for position in cards.shared_weights(unit):
            source, east = self._source(position)
            if source not in joined:
                joined.add(source)
                self.drawing.forward(source, east, unit.key, "fw", thin=True)
                self.drawing.backward(unit.key, "bw", source, "ge", thin=True)

    def _back(self, tail: str, port: str, position: int, thin: bool = False) -> None:
        """A wire for a gradient, if the card that it leads to shows one."""
        if not isinstance(position, int):
            return
        leaf = self.reading.leaves.get(position)
        if leaf is None or leaf.kind == PARAMETER or not self.trained:
            self.drawing.backward(tail, port, self._source(position)[0], "ge", thin)

    def _weight(self, unit: Unit, j: int, product: Product) -> None:
        name = unused(f"{unit.key}_w{j}", self._keys)
        self.weight_key[unit.position, j] = name
        card = self.cards.weight(unit, product, name)
        self._card(card, self.place[unit.position] - 1, "weight")
        if isinstance(product.unit.tag, int):
            self.drawing.forward(*self._source(product.unit.tag), name, "fw")
        self.drawing.forward(name, "fe", unit.key, "fw")
        self.drawing.backward(unit.key, "bw", name, "be")
        self._back(name, "lw", product.unit.tag)

    def _line(self, unit: Unit, j: int, product: Product) -> None:
        if not isinstance(product.unit.tag, int):
            return
        self.drawing.forward(*self._source(product.unit.tag), unit.key, f"w{j}", thin=True)
        self._back(unit.key, "bw", product.unit.tag, thin=True)

    def _source(self, position: int) -> tuple[str, str]:
        """The card that a value comes from, and the port at which it leaves."""
        unit = self.reading.of.get(position)
        if unit is None:
            return self.key_of[position], self._east.get(position, "fe")
        return unit.key, "ae" if unit.activation and position == unit.position else "fe"
