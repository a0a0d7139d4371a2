"""The layer graph: a card for each layer and parameter, with its matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from micrograd.compiler.compiled import Compiled
from micrograd.mistakes import cannot_draw
from micrograd.step import Floats, ModuleCall, Positions, Step
from micrograd.words import check_language, number, word
from viz.array_cards import compiled_layers
from viz.cards import Band, Card, Matrices, Row
from viz.drawing import Drawing, step_caption
from viz.figure import Figure
from viz.palette import FORWARD, GRADIENT, UPDATE, WEIGHT_FRAME


def layer_graph(step: Step | Compiled, language: str = "en", *, folded: bool = False) -> Figure:
    """Draw a recorded step as matrices: values, gradients and updated parameters.

    Of a compiled function, the arrays that were found in it, with the parameters as they are now.
    A batch is a matrix with one row a sample. Large matrices are heat maps, with their shape.
    `folded` says in the caption that this stands for a picture that would be too large.

    >>> from micrograd import article, nn, optim, record_step
    >>> model = article.network()
    >>> sgd = optim.SGD(model.parameters(), lr=0.01)
    >>> figure = layer_graph(record_step(model, nn.MSELoss(), sgd, article.X, article.Y))
    >>> "W1" in figure.source
    True
    """
    check_language(language)
    if isinstance(step, Compiled):
        return compiled_layers(step, language)
    if not isinstance(step, Step):
        raise cannot_draw("layer_graph", "a recorded step or a compiled function", step)
    note = word("folded to layers", language) if folded else ""
    caption = step_caption(step, language, note=note)
    drawing = Drawing("layer_graph", caption, language, step.optimizer_name)
    calls = step.layers()
    names = _names(calls)
    made: dict[tuple[int, ...], str] = {_key(step.x): "x"}
    drawing.card(_values_card("x", "x", step.x_values, None, language))
    shown = {_key(step.x): "x"}
    for k, call in enumerate(calls):
        key = f"layer{k}"
        source = made.get(_key(call.inputs), "")
        title = _title(call, names, shown.get(_key(call.inputs), "·"))
        output, gradient = step.values(call.output), step.gradients(call.output)
        drawing.card(_values_card(key, title, output, gradient, language))
        if source:
            drawing.link(source, key)
        for name, qualified in call.parameters.items():
            record = step.parameter(qualified)
            parameter = f"{key}_{name}"
            columns = (
                (word("value", language), FORWARD, record.before),
                (word("gradient", language), GRADIENT, record.shown_gradient()),
                (word("new", language), UPDATE, record.after),
            )
            label = names[call.name].parameters.get(name, qualified)
            matrices = Matrices(columns)
            shape = _shape(record.before)
            drawing.card(Card(parameter, label, shape, (matrices,), WEIGHT_FRAME))
            drawing.link(parameter, key)
        made[_key(call.output)] = key
        shown[_key(call.output)] = names[call.name].output
    loss = Row(f"L = {step.loss_formula}", number(step.loss))
    target = Matrices(((word("target", language) + " y", FORWARD, step.y_values),))
    drawing.card(Card("L", "L", word("loss", language), (target, Band(FORWARD, (loss,)))))
    if _key(step.output) in made:
        drawing.link(made[_key(step.output)], "L")
    return drawing.figure()


@dataclass(frozen=True)
class _Named:
    output: str
    parameters: dict[str, str]


def _names(calls: list[ModuleCall]) -> dict[str, _Named]:
    """The names of a lecture: W1, b1, z1 and h1 for the first Linear layer and what follows."""
    depth = sum(call.kind == "Linear" for call in calls)
    names: dict[str, _Named] = {}
    k = 0
    for i, call in enumerate(calls):
        last = i == len(calls) - 1
        index = "" if depth <= 2 else str(max(k, 1))
        if call.kind == "Linear":
            k += 1
            index = "" if depth <= 2 else str(k)
            output = "out" if last else f"z{index}"
            names[call.name] = _Named(output, {"weight": f"W{k}", "bias": f"b{k}"})
        else:
            names[call.name] = _Named("out" if last else f"h{index}", {})
    return names


def _title(call: ModuleCall, names: dict[str, _Named], source: str) -> str:
    named = names[call.name]
    if call.kind == "Linear":
        bias = f" + {named.parameters['bias']}" if "bias" in call.parameters else ""
        return f"{named.output} = {named.parameters['weight']}·{source}{bias}"
    return f"{named.output} = {call.kind}({source})"


def _values_card(
    key: str, title: str, values: Floats, gradient: Floats | None, language: str
) -> Card:
    columns = [(word("value", language), FORWARD, values)]
    if gradient is not None:
        columns.append((word("gradient", language), GRADIENT, gradient))
    return Card(key, title, _shape(values), (Matrices(tuple(columns)),))


def _shape(values: Floats) -> str:
    return "×".join(str(n) for n in values.shape)


def _key(positions: Positions) -> tuple[int, ...]:
    return tuple(np.ravel(positions).tolist())
