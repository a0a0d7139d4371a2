"""The operation graph: one card a value, with its data and its gradient; of a large one, folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.steps.mistakes import cannot_draw
from micrograd.steps.step import Step
from micrograd.tape.paths import caller, paths_of, variable_names
from micrograd.tape.tape import Tape, take
from micrograd.tensors.tensor import Tensor
from micrograd.text.equations import digits_needed
from micrograd.text.words import DIGITS, check_digits, check_language, number, word
from viz.diagram.rows import Rows
from viz.drawing.cards import Band, Card, Matrices, Row
from viz.drawing.drawing import Drawing, step_caption
from viz.drawing.figure import Figure
from viz.drawing.palette import DATA_FRAME, FORWARD, GRADIENT, NEURON_FRAME, WEIGHT_FRAME
from viz.operations.block_cards import block_card
from viz.operations.folding import MOST_NODES, Block, exits_of, fold, users_of
from viz.operations.grouping import ModulePath, places
from viz.operations.naming import (
    UNNAMED,
    expression,
    formula,
    label_names,
    step_clusters,
    step_names,
)
from viz.operations.ordering import in_columns, keep_order


def op_graph(
    value: Value | Tensor | Step,
    local: bool = False,
    language: str = "en",
    *,
    names: str | Mapping[str, Any] | None = "auto",
    most: int = MOST_NODES,
    digits: int = DIGITS,
) -> Figure:
    """Draw every operation that led to a value: its result and, below, its gradient.

    With `local` each wire carries the local derivative. A recorded step has its parameters and
    neurons by name, clustered by module; after it, the values are those before the update.

    A Value is called by its label. One without a label is called as in the caller's variables, by
    the path to it in a list, dict or object: `w`, `xs[1]`, `layers[0].neurons[2].b`. Other `names`
    are a dict of such variables, or None for labels alone.

    With more than `most` nodes the graph is folded: operations into units, layers or modules, what
    recurs into one card. Every card says how many operations it stands for, also that of what is
    cut off. Numbers have `digits` decimals; where a formula needs more, they stand below it.

    >>> from micrograd import Value
    >>> a = Value(2.0, label="a")
    >>> "a × 3" in op_graph(a * 3).source
    True
    """
    check_language(language)
    rows = Rows(check_digits(digits), language)
    if isinstance(value, Tensor):
        value = value._only("op_graph")
    if isinstance(value, Step):
        return _of_step(value, local, most, rows)
    if not isinstance(value, Value):
        raise cannot_draw("op_graph", "a Value or a Step", value)
    tape, position = take(value)
    called = _variables(names, {id(v): i for v, i in position.items()}) | label_names(tape)
    last = len(tape.nodes) - 1
    result = (
        f"{called.get(last, word('result', language))} = {number(tape.nodes[last].value, digits)}"
    )
    parameters = {i for i in called if not tape.nodes[i].inputs}
    located = places(tape, called)
    clusters = _units(tape, located) if len(tape.nodes) <= most else {}
    blocks = fold(tape, located, most)
    drawing = Drawing("op_graph", _caption(result, tape, blocks, language), language, "", rows.note)
    exits = exits_of(tape, blocks)
    _Picture(drawing, tape, called, clusters, parameters, exits, rows).draw(blocks, local)
    return drawing.figure()


def _variables(names: Any, position: Mapping[int, int]) -> dict[int, str]:
    """What the nodes are called in variables, by their positions."""
    if names is None:
        return {}
    if names == "auto":
        found = variable_names(caller(), position.keys())
    elif isinstance(names, Mapping):
        found = {}
        for name, thing in names.items():
            found = paths_of(thing, str(name)) | found
    elif isinstance(names, str):
        raise ArgumentValueError(f'names must be "auto", None or a dict, got {names!r}')
    else:
        raise ArgumentTypeError(
            f'names must be "auto", None or a dict of variables, got {type(names).__name__}'
        )
    return {position[key]: name for key, name in found.items() if key in position}


def _units(tape: Tape, located: Sequence[ModulePath]) -> dict[int, str]:
    """The innermost part that each node is in; a leaf is where it is used, if that is one place."""
    units = {i: place[-1] for i, place in enumerate(located) if place and tape.nodes[i].inputs}
    for i, users in enumerate(tape.users()):
        around = {units.get(user, "") for user in users}
        if not tape.nodes[i].inputs and len(around) == 1 and "" not in around and located[i]:
            units[i] = around.pop()
    return units


def _of_step(step: Step, local: bool, most: int, rows: Rows) -> Figure:
    language = rows.language
    names = step_names(step)
    blocks = fold(step.tape, places(step.tape, names), most)
    caption = _caption(step_caption(step, language), step.tape, blocks, language)
    drawing = Drawing("op_graph", caption, language, step.optimizer_name, rows.note)
    parameters = {int(i) for p in step.parameters for i in p.positions.flat}
    clusters = step_clusters(step, language)
    exits = exits_of(step.tape, blocks)
    _Picture(drawing, step.tape, names, clusters, parameters, exits, rows).draw(blocks, local)
    return drawing.figure()


def _caption(caption: str, tape: Tape, blocks: Sequence[Block], language: str) -> str:
    if len(blocks) == len(tape.nodes):
        return caption
    n = sum(bool(node.inputs) for node in tape.nodes)
    m = len(blocks)
    folded = word("{n} scalar operations on {m} cards", language, n=f"{n:,}", m=m)
    return f"{caption} ({folded})"


@dataclass(frozen=True)
class _Picture:
    drawing: Drawing
    tape: Tape
    names: Mapping[int, str]
    clusters: Mapping[int, str]
    parameters: set[int]
    exits: set[int]  # nodes that are used outside of their block
    rows: Rows

    def draw(self, blocks: Sequence[Block], local: bool) -> None:
        keys = [self._key(k, block) for k, block in enumerate(blocks)]
        users = users_of(self.tape, blocks)
        cards = [self._card(keys[k], block) for k, block in enumerate(blocks)]
        titles = [self._cluster(block) for block in blocks]
        for c, title in enumerate(title for title in dict.fromkeys(titles) if title):
            with self.drawing.cluster(f"cluster_{c}", title) as cluster:
                for card, around in zip(cards, titles, strict=True):
                    if around == title:
                        self.drawing.card(card, cluster)
        for card, around in zip(cards, titles, strict=True):
            if not around:
                self.drawing.card(card)
        home = {i: k for k, block in enumerate(blocks) for i in block.nodes}
        for k, block in enumerate(blocks):
            for source, slope in self._inputs(home, k, block, local):
                self.drawing.link(keys[source], keys[k], slope)
        if len(blocks) < len(self.tape.nodes):
            in_columns(self.drawing.graph, keys, users, [block.title for block in blocks])
        else:
            named = [card.title or key for key, card in zip(keys, cards, strict=True)]
            keep_order(self.drawing.graph, keys, users, named, titles)

    def _key(self, k: int, block: Block) -> str:
        return f"n{block.nodes[0]}" if len(block.nodes) == 1 else f"b{k}"

    def _cluster(self, block: Block) -> str:
        return self.clusters.get(block.nodes[0], "") if len(block.nodes) == 1 else ""

    def _card(self, key: str, block: Block) -> Card:
        if len(block.nodes) == 1:
            return self._node(key, block.nodes[0])
        return block_card(key, block, self.tape, self.names, self.parameters, self.exits, self.rows)

    def _node(self, key: str, i: int) -> Card:
        node = self.tape.nodes[i]
        how = expression(self.tape, i, self.names, self.rows.digits)
        name = self.names.get(i, "" if how else self.rows.short(node.value))
        parameter = i in self.parameters
        frame = NEURON_FRAME if node.inputs else WEIGHT_FRAME if parameter else DATA_FRAME
        gradient = np.ma.masked_array([node.gradient or 0.0], mask=node.gradient is None)
        columns = (("", FORWARD, np.array([node.value])), ("", GRADIENT, gradient))
        parts: tuple[Matrices | Band, ...] = (
            Matrices(columns, digits=self.rows.digits),
            *self._small_print(i),
        )
        return Card(key, name, f"= {how}" if name and how else how, parts, frame)

    def _small_print(self, i: int) -> tuple[Band, ...]:
        """The formula with numbers, where it has not all names, or the cards too few digits."""
        found = formula(self.tape, i, self.names)
        shown = self.rows.number(self.tape.nodes[i].value)
        digits = self.rows.digits
        if found is None:
            return ()
        whole = UNNAMED not in expression(self.tape, i, self.names, digits)
        if whole and digits_needed(found, shown, digits) in (digits, None):
            return ()
        return (Band(FORWARD, (Row("", "", detail=self.rows.small_print(found, shown, FORWARD)),)),)

    def _inputs(
        self, home: Mapping[int, int], k: int, block: Block, local: bool
    ) -> list[tuple[int, str]]:
        """The wires into a block: from which, and the local derivative between two nodes."""
        if len(block.nodes) == 1:
            node = self.tape.nodes[block.nodes[0]]
            slopes = [self.rows.number(x) for x in node.local] if local else []
            slopes = slopes or [""] * len(node.inputs)
            return [(home[j], slope) for j, slope in zip(node.inputs, slopes, strict=True)]
        sources = {home[j]: "" for i in block.nodes for j in self.tape.nodes[i].inputs}
        return [(source, slope) for source, slope in sources.items() if source != k]
