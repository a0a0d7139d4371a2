"""A picture being put together: cards, wires and a caption, as a graph for a layout engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

import graphviz

from micrograd.steps.step import Floats, ParameterRecord, Step
from micrograd.text.equations import quantities
from micrograd.text.words import exact, short, word
from viz.drawing.cards import Card
from viz.drawing.figure import Figure
from viz.drawing.markup import font, one_line
from viz.drawing.palette import (
    ARRAY,
    CLUSTER_FRAME,
    FONT,
    FORWARD,
    FORWARD_WIRE,
    GRADIENT,
    GRADIENT_WIRE,
    LOCAL,
    NEURON_FRAME,
    ROLES,
    SMALL_SIZE,
    TEXT_SIZE,
    TITLE_TEXT,
    UPDATE,
    WEIGHT_FRAME,
    Role,
)
from viz.drawing.spoken import Wire, card_in_words, picture_in_words, wire_in_words

LONGEST_CAPTION = 300  # characters
MOST_NUMBERS = 4  # of x or y in a caption


class Drawing:
    """Cards and wires of one picture, left to right, with a caption and the legend below.

    `optimizer` is named in the legend where updated parameters are shown. `note` stands
    below the legend.
    """

    def __init__(
        self, name: str, caption: str, language: str, optimizer: str = "", note: str = ""
    ) -> None:
        self.caption = one_line(caption, LONGEST_CAPTION)
        self._meanings = _meanings(optimizer, language)
        self._language = language
        self._roles: set[Role] = set()
        self.cards: dict[str, Card] = {}
        self.wires: list[Wire] = []
        self._words: dict[str, str] = {}  # of clusters
        self.notes = [note] if note else []
        self.graph = graphviz.Digraph(name)
        self.graph.attr(
            "graph",
            bgcolor="transparent",
            fontname=FONT,
            labelloc="b",
            nodesep="0.30",
            pad="0.1",
            rankdir="LR",
            ranksep="0.55",
            splines="spline",
        )
        self.graph.attr("node", fontname=FONT, shape="plain")
        self.graph.attr("edge", arrowsize="0.8", fontname=FONT, penwidth="2.2")

    def meaning(self, role: Role) -> str:
        """What a colour means, in the picture's language."""
        return self._meanings[role]

    def card(self, card: Card, graph: graphviz.Digraph | None = None) -> None:
        """Add a card, to a cluster if one is given; its key is the node's name and id."""
        assert card.key not in self.cards, f"two cards with the key {card.key}"
        self._roles.update(card.roles())
        self.cards[card.key] = card
        (graph or self.graph).node(card.key, card.label(self._meanings), id=card.key)

    @contextmanager
    def cluster(self, key: str, title: str) -> Iterator[graphviz.Digraph]:
        """A dashed frame, with a title, around cards."""
        self._words[key] = one_line(title)
        with self.graph.subgraph(name=key) as frame:
            frame.attr(
                color=CLUSTER_FRAME,
                fontname=FONT,
                label=_badge(title, TITLE_TEXT, WEIGHT_FRAME),
                labeljust="l",
                labelloc="t",
                margin="8",
                penwidth="1.2",
                style="rounded,dashed",
            )
            yield frame

    def forward(self, tail: str, out: str, head: str, into: str, thin: bool = False) -> None:
        """A wire for a value, from the right of a row to the left of another."""
        key = self._wire(tail, head, FORWARD)
        self.graph.edge(
            f"{tail}:{out}:e",
            f"{head}:{into}:w",
            **{"class": "fwd"},
            color=FORWARD_WIRE,
            id=key,
            **_width(thin),
        )

    def backward(self, tail: str, out: str, head: str, into: str, thin: bool = False) -> None:
        """A wire for a gradient, from the left of a row back to the right of another."""
        key = self._wire(tail, head, GRADIENT)
        self.graph.edge(
            f"{tail}:{out}:w",
            f"{head}:{into}:e",
            **{"class": "bwd"},
            color=GRADIENT_WIRE,
            constraint="false",
            id=key,
            style="dashed",
            **_width(thin),
        )

    def link(
        self, tail: str, head: str, label: str = "", *, into: str = "", straight: bool = False
    ) -> None:
        """A wire for values, from card to card; a label is a local derivative.

        It ends at the left of the row `into`, if one is named. `straight` keeps the two in line.
        """
        key = self._wire(tail, head, FORWARD, label)
        attributes = {"class": "fwd", "color": FORWARD_WIRE, "id": key}
        if label:
            self._roles.add(LOCAL)
            attributes["label"] = _badge(label, LOCAL.text, LOCAL.fill)
        if straight:
            attributes["weight"] = "8"
        ends = (f"{tail}:e", f"{head}:{into}:w") if into else (tail, head)
        self.graph.edge(*ends, **attributes)

    def link_back(self, tail: str, head: str) -> None:
        """A wire for gradients, from card to card."""
        attributes = {
            "class": "bwd",
            "color": GRADIENT_WIRE,
            "id": self._wire(tail, head, GRADIENT),
        }
        self.graph.edge(tail, head, constraint="false", style="dashed", **attributes)

    def in_order(self, keys: Sequence[str]) -> None:
        """Keep cards below each other, in this order."""
        if len(keys) > 1:
            with self.graph.subgraph() as column:
                column.attr(rank="same")
                for above, below in pairwise(keys):
                    column.edge(above, below, style="invis")

    def figure(self) -> Figure:
        """The finished picture."""
        shown = {role: words for role, words in self._meanings.items() if role in self._roles}
        self.graph.attr("graph", label=_legend(self.caption, shown, self.notes))
        words = self._all_words()
        return Figure(self.graph.source, self.caption, self._description(), words, self._language)

    def _wire(self, tail: str, head: str, role: Role, label: str = "") -> str:
        """Note a wire, and return its id."""
        carries = self._meanings[role] + (f", {self._meanings[LOCAL]} {label}" if label else "")
        wire = Wire(f"e-{tail}-{head}", tail, head, carries)
        self.wires.append(wire)
        return wire.key

    def _description(self) -> str:
        cards = list(self.cards.values())
        return picture_in_words(cards, len(self.wires), self._meanings, self._language)

    def _all_words(self) -> dict[str, str]:
        cards = {key: card_in_words(card, self._meanings) for key, card in self.cards.items()}
        wires = {wire.key: wire_in_words(wire, self.cards, self._language) for wire in self.wires}
        return {**self._words, **cards, **wires}


def step_caption(
    step: Step, language: str, sample: int | None = None, note: str = "", apart: bool = True
) -> str:
    """What was trained on, and how; with `sample`, which sample of a batch is shown.

    The rows of x are samples if they are `apart`; else all of x is one.
    """
    n = step.samples if apart else 1
    facts = []
    if n == 1 or sample is not None:
        which = word("sample {i} of {n}", language, i=(sample or 0) + 1, n=n)
        facts.append(word("one sample", language) if n == 1 else which)
        given = (f"{x.name} = {_numbers(x.values, n, sample or 0)}" for x in step.inputs)
        facts[0] += f"  {', '.join(given)}"
        facts.append(f"y = {_numbers(step.y_values, n, sample or 0)}")
    if n > 1:
        batch = "gradients: whole batch" if sample is not None else "{n} samples"
        facts.append(word(batch, language, n=n))
    if step.rule == "g":
        facts.append(f"{word('learning rate', language)} lr = {exact(step.learning_rate)}")
    else:
        facts.append(f"{step.optimizer_name}: {', '.join(_chosen(step))}")
        facts.append(word("g is the gradient", language))
    return ", ".join(facts) + (f" ({note})" if note else "")


def _chosen(step: Step) -> list[str]:
    """The numbers that the rule was given, such as β₁ = 0.9."""
    first = next((p for p in step.parameters if p.before.size and p.equations(_origin(p))), None)
    equations = first.equations(_origin(first)) if first else ()
    found = (q for e in equations for q in quantities(e.expression) if q.exact)
    return [f"{name} = {exact(x)}" for name, x in {q.name: q.value for q in found}.items()]


def _origin(parameter: ParameterRecord) -> tuple[int, ...]:
    return (0,) * parameter.before.ndim


def _meanings(optimizer: str, language: str) -> dict[Role, str]:
    fields = {UPDATE: {"name": optimizer}}
    return {role: word(role.meaning, language, **fields.get(role, {})) for role in ROLES}


def _width(thin: bool) -> dict[str, str]:
    return {"penwidth": "1.1", "arrowsize": "0.6"} if thin else {}


def _numbers(values: Floats, samples: int, sample: int) -> str:
    whole = values.size % samples or not values.size
    row = values.ravel() if whole else values.reshape(samples, -1)[sample]
    shown = [short(float(x)) for x in row[:MOST_NUMBERS]] + ["…"] * (len(row) > MOST_NUMBERS)
    return shown[0] if len(shown) == 1 else f"({', '.join(shown)})"


def _legend(caption: str, words: Mapping[Role, str], notes: Sequence[str]) -> str:
    title = font(caption, TITLE_TEXT, TEXT_SIZE, bold=True, longest=LONGEST_CAPTION)
    cells = [_cell(NEURON_FRAME, title)]
    cells += [_cell(role.fill, font(said, role.text, 12)) for role, said in words.items()]
    rows = f"<TR>{''.join(cells)}</TR>"
    for note in notes:
        said = font(note, ARRAY.text, 11)
        rows += f'<TR><TD COLSPAN="{len(cells)}" BGCOLOR="{ARRAY.fill}">{said}</TD></TR>'
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6" CELLPADDING="5">{rows}</TABLE>>'


def _badge(label: str, colour: str, fill: str) -> str:
    cell = _cell(fill, font(label, colour, SMALL_SIZE, bold=True))
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="2"><TR>{cell}</TR></TABLE>>'


def _cell(colour: str, content: str) -> str:
    return f'<TD BGCOLOR="{colour}">{content}</TD>'
