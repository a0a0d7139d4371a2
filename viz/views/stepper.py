"""The stepper: a page that goes through forward pass, backward pass and update."""

from __future__ import annotations

from micrograd.engine import Value
from micrograd.errors import GraphError
from micrograd.steps.mistakes import cannot_draw
from micrograd.steps.step import Step
from micrograd.tensors.tensor import Tensor
from micrograd.text.words import check_digits, check_language
from viz.diagram.diagram import MOST_CARDS, Diagram, diagram_of_step, diagram_of_value
from viz.diagram.rows import Rows
from viz.drawing.figure import Figure
from viz.stepping.page import page


class Stepper(Figure):
    """A gradient diagram whose `.html` is a page that steps through it."""

    def __init__(self, diagram: Diagram) -> None:
        drawn = diagram.figure()
        super().__init__(drawn.source, drawn.title, drawn.description, drawn.words, drawn.language)
        self._diagram = diagram

    def html(self) -> str:
        """The page, one file that needs nothing else."""
        return page(self._diagram, self.svg())

    def content(self, format: str) -> bytes:
        """The page for "html"; the whole picture in the formats of any figure."""
        return self.html().encode() if format == "html" else super().content(format)


def stepper(
    step: Step | Value | Tensor, sample: int = 0, language: str = "en", *, digits: int = 4
) -> Stepper:
    """A page that steps through what was recorded, and computes it again when numbers change.

    Forward card by card; backward one product at a time, with the chain rule in numbers and sums
    where paths meet; then the optimiser's update. `.save("step.html")` writes one file that asks
    nothing of any network. Of a Value, the gradients are made anew, so `backward` need not have
    run.

    >>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    >>> page = stepper((x * w).tanh() + x)
    >>> "Content-Security-Policy" in page.html()
    True
    """
    check_language(language)
    check_digits(digits)
    rows = Rows(digits, language)
    if isinstance(step, Tensor):
        step = step._only("stepper")
    if isinstance(step, Value):
        diagram = diagram_of_value(step, rows, anew=True)
    elif isinstance(step, Step):
        diagram = diagram_of_step(step, sample, rows)
    else:
        raise cannot_draw("stepper", "a recorded step or a Value", step)
    if diagram is None:
        raise GraphError(f"the graph has more than {MOST_CARDS} cards")
    return Stepper(diagram)
