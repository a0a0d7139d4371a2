"""The layer graph: a card for each array, with its matrices."""

from __future__ import annotations

from typing import Any

from micrograd.compiler.compiled import Compiled
from micrograd.engine import Value
from micrograd.steps.mistakes import cannot_draw
from micrograd.steps.step import Step
from micrograd.tape.paths import caller, variable_names
from micrograd.tape.tape import take
from micrograd.tensors.tensor import Tensor
from micrograd.text.words import DIGITS, check_digits, check_language, number, word
from viz.arrays.array_cards import compiled_layers
from viz.arrays.step_arrays import arrays_of
from viz.arrays.step_layers import LayerPicture
from viz.arrays.tape_recording import AnnotatedTape
from viz.drawing.drawing import Drawing, step_caption
from viz.drawing.figure import Figure


def layer_graph(
    step: Step | Compiled[Any] | Value | Tensor,
    language: str = "en",
    *,
    digits: int = DIGITS,
    backward: bool = False,
) -> Figure:
    """Draw a recorded step as matrices: values, gradients and updated parameters.

    What is drawn are the arrays that are found in the recorded scalars, whatever code made them;
    modules, parameters and labels give them names. Formulas have shapes, and these multiply: rows
    are samples, `z (8×5) = x (8×3) · W1ᵀ (3×5) + b1 (5)`. Matrices with more than 8 rows or 6
    columns are heat maps. Numbers have `digits` decimals. The graph of a Value, or of a Tensor of
    one element, is drawn in the same way; of a compiled function, the arrays that were found in it,
    with the parameters as they are now. With `backward` dashed wires carry gradients
    back: the gradient diagram, folded to layers.

    Raises a GraphError that names a view to use instead for what has no such arrays: derivatives
    made by hand, and programs so irregular that nothing would be readable.

    >>> from micrograd import article, nn, optim, record_step
    >>> model = article.network()
    >>> sgd = optim.SGD(model.parameters(), lr=0.01)
    >>> figure = layer_graph(record_step(model, nn.MSELoss(), sgd, article.X, article.Y))
    >>> "W1" in figure.source
    True
    """
    check_language(language)
    check_digits(digits)
    if isinstance(step, Compiled):
        return compiled_layers(step, language, digits)
    if isinstance(step, Tensor):
        step = step._only("layer_graph")
    if isinstance(step, Value):
        return _of_value(step, language, digits)
    if not isinstance(step, Step):
        raise cannot_draw("layer_graph", "a recorded step, a Value or a compiled function", step)
    source = AnnotatedTape.of_step(step)
    found = arrays_of(source)
    notes = [word("folded to layers", language)] if backward else []
    idle = [p.name for p in step.parameters if (p.positions < 0).all()]
    notes += [f"{word('not reached', language)}: {', '.join(idle)}"] if idle else []
    caption = step_caption(step, language, note=", ".join(notes))
    view = "gradient_diagram" if backward else "layer_graph"
    drawing = Drawing(view, caption, language, step.optimizer_name, _note(language, digits))
    LayerPicture(drawing, source, found, step.samples, language, digits, backward).draw()
    return drawing.figure()


def _of_value(root: Value, language: str, digits: int) -> Figure:
    tape, position = take(root)
    wanted = {id(v): i for v, i in position.items() if v._row is None or v is root}
    labels = {i: node.label for i, node in enumerate(tape.nodes) if node.label}
    names = {wanted[k]: name for k, name in variable_names(caller(), wanted.keys()).items()}
    names |= labels
    name = names.pop(len(tape.nodes) - 1, "out")
    source = AnnotatedTape(tape, {}, root=name, leaves=names)
    found = arrays_of(source)
    caption = f"{name} = {number(root.data, digits)}"
    drawing = Drawing("layer_graph", caption, language, "", _note(language, digits))
    LayerPicture(drawing, source, found, 1, language, digits).draw()
    return drawing.figure()


def _note(language: str, digits: int) -> str:
    return word("rounded to {n} decimals", language, n=digits)
