"""The operation graph: one card a value, with its data and its gradient."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from micrograd.arrays import Tensor
from micrograd.engine import Value
from micrograd.errors import GraphError
from micrograd.mistakes import cannot_draw
from micrograd.step import Step
from micrograd.tape import Tape, take
from micrograd.words import check_language, number, short, word
from viz.cards import Card, Matrices
from viz.drawing import Drawing, step_caption
from viz.figure import Figure
from viz.layers import layer_graph
from viz.naming import expression, label_names, step_clusters, step_names
from viz.neurons import MOST_SCALARS, gradient_diagram
from viz.palette import DATA_FRAME, FORWARD, GRADIENT, NEURON_FRAME, WEIGHT_FRAME

MOST_NODES = 300  # a larger graph is folded


def op_graph(value: Value | Tensor | Step, local: bool = False, language: str = "en") -> Figure:
    """Draw every operation that led to a value: its result and, below, its gradient.

    With `local` each wire carries the local derivative. A recorded step has its parameters and
    neurons by name, clustered by module; after it, the values are those before the update.

    Above 300 nodes the graph is folded: that of a step to neurons or layers, that of a value to
    the nodes nearest the result. The caption says so.

    >>> from micrograd import Value
    >>> a = Value(2.0, label="a")
    >>> "a × 3" in op_graph(a * 3).source
    True
    """
    check_language(language)
    if isinstance(value, Tensor):
        value = value._only("op_graph")
    if isinstance(value, Step):
        return _of_step(value, local, language)
    if not isinstance(value, Value):
        raise cannot_draw("op_graph", "a Value or a Step", value)
    tape, _ = take(value)
    last = len(tape.nodes) - 1
    shown = _nearest(tape, MOST_NODES)
    names = label_names(tape)
    caption = f"{names.get(last, word('result', language))} = {number(tape.nodes[last].value)}"
    if len(shown) < len(tape.nodes):
        caption += " (" + word(
            "the {n} nearest of {all} nodes", language, n=len(shown), all=len(tape.nodes)
        )
        caption += ")"
    drawing = Drawing("op_graph", caption, language)
    _draw(drawing, tape, shown, names, {}, {i for i in names if not tape.nodes[i].inputs}, local)
    return drawing.figure()


def _of_step(step: Step, local: bool, language: str) -> Figure:
    if len(step.tape.nodes) > MOST_NODES:
        try:
            if sum(p.before.size for p in step.parameters) <= MOST_SCALARS:
                return gradient_diagram(step, language=language)
        except GraphError:
            pass
        return layer_graph(step, language, folded=True)
    drawing = Drawing("op_graph", step_caption(step, language), language, step.optimizer_name)
    parameters = {int(i) for p in step.parameters for i in p.positions.flat}
    everything = dict.fromkeys(range(len(step.tape.nodes)))
    clusters = step_clusters(step, language)
    _draw(drawing, step.tape, everything, step_names(step), clusters, parameters, local)
    return drawing.figure()


def _nearest(tape: Tape, most: int) -> dict[int, None]:
    """The nodes nearest the result, in the order in which they are found going back from it."""
    found = {len(tape.nodes) - 1: None}
    waiting = deque(found)
    while waiting:
        for i in tape.nodes[waiting.popleft()].inputs:
            if i not in found and len(found) < most:
                found[i] = None
                waiting.append(i)
    return dict.fromkeys(sorted(found))


def _draw(
    drawing: Drawing,
    tape: Tape,
    shown: Mapping[int, None],
    names: Mapping[int, str],
    clusters: Mapping[int, str],
    parameters: set[int],
    local: bool,
) -> None:
    titles = dict.fromkeys(clusters[i] for i in shown if i in clusters)
    for c, title in enumerate(titles):
        with drawing.cluster(f"cluster_{c}", title) as cluster:
            for i in shown:
                if clusters.get(i) == title:
                    drawing.card(_card(tape, i, names, parameters), cluster)
    for i in shown:
        if i not in clusters:
            drawing.card(_card(tape, i, names, parameters))
    for i in shown:
        node = tape.nodes[i]
        for k, j in enumerate(node.inputs):
            if j in shown:
                slope = number(node.local[k]) if local and node.local else ""
                drawing.link(f"n{j}", f"n{i}", slope)


def _card(tape: Tape, i: int, names: Mapping[int, str], parameters: set[int]) -> Card:
    node = tape.nodes[i]
    how = expression(tape, i, names)
    name = names.get(i, "" if how else short(node.value))
    frame = NEURON_FRAME if node.inputs else WEIGHT_FRAME if i in parameters else DATA_FRAME
    gradient = np.ma.masked_array([node.gradient or 0.0], mask=node.gradient is None)
    numbers = Matrices((("", FORWARD, np.array([node.value])), ("", GRADIENT, gradient)))
    return Card(f"n{i}", name, f"= {how}" if name and how else how, (numbers,), frame)
