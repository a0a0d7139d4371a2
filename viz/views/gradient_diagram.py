"""The gradient diagram: units and weights as cards, values forward, gradients backward."""

from __future__ import annotations

from micrograd.engine import Value
from micrograd.errors import GraphError
from micrograd.steps.mistakes import cannot_draw
from micrograd.steps.step import Step
from micrograd.tensors.tensor import Tensor
from micrograd.text.words import check_digits, check_language
from viz.diagram.diagram import MOST_CARDS, diagram_of_step, diagram_of_value
from viz.diagram.rows import Rows
from viz.drawing.figure import Figure
from viz.views.layer_graph import layer_graph


def gradient_diagram(
    step: Step | Value | Tensor, sample: int = 0, language: str = "en", *, digits: int = 4
) -> Figure:
    """Draw a recorded step as a teacher would: every value, local derivative and gradient.

    Cards are what was recorded: inputs, neurons, weights and other expressions, whatever the model
    is. Of a batch, the values are those of one sample and the gradients of the parameters those of
    the whole batch, with the sample's share. Numbers have `digits` decimals; small print has as
    many as it takes to compute what is printed. A network of more than 300 parameters or 40 cards
    is folded to layers, with wires for the gradients, and the caption says so.

    Of a Value, what it was computed from and the gradients of the last `backward`. Leaves are
    called by their labels, or by the caller's names for them.

    >>> from micrograd import article, nn, optim, record_step
    >>> model = article.network()
    >>> sgd = optim.SGD(model.parameters(), lr=0.01)
    >>> figure = gradient_diagram(record_step(model, nn.MSELoss(), sgd, article.X, article.Y))
    >>> "∂L/∂h0" in figure.source
    True
    """
    check_language(language)
    check_digits(digits)
    rows = Rows(digits, language)
    if isinstance(step, Tensor):
        step = step._only("gradient_diagram")
    if isinstance(step, Value):
        found = diagram_of_value(step, rows)
        if found is None:
            raise GraphError(
                f"the graph has more than {MOST_CARDS} cards; op_graph folds one that is so large"
            )
        return found.figure()
    if not isinstance(step, Step):
        raise cannot_draw("gradient_diagram", "a recorded step or a Value", step)
    diagram = diagram_of_step(step, sample, rows)
    if diagram is None:
        return layer_graph(step, language, digits=digits, backward=True)
    return diagram.figure()
