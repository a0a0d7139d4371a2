"""The stepper: a page that goes through forward pass, backward pass and update."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from micrograd.core.walk import topological_order
from micrograd.engine import Value
from micrograd.errors import GraphError
from micrograd.reading.called import called
from micrograd.steps.mistakes import cannot_draw
from micrograd.steps.step import Step
from micrograd.tape.tape import check_current, take
from micrograd.tensors.tensor import Tensor
from micrograd.text.words import check_digits, check_language, word
from micrograd.training.files import write_all
from viz.diagram.diagram import Diagram, diagram_of_step, diagram_of_value
from viz.diagram.rows import Rows
from viz.drawing.drawing import step_caption
from viz.drawing.figure import Figure
from viz.stepping.groups import MOST_OPERATIONS, graph_of_step, graph_of_value
from viz.stepping.moving import frames, moving
from viz.stepping.page import page, page_data, unfolding
from viz.stepping.slides import printed
from viz.views.layer_graph import layer_graph
from viz.views.op_graph import op_graph

MOST_READ = 3000  # operations of a Value that are tried as cards
FRAME_HEIGHT = 900  # pixels, in a notebook


class Stepper(Figure):
    """A picture whose "html" is a page that steps through it; `write` makes that page."""

    def __init__(
        self, draw: Callable[[], Figure], title: str, language: str,
        write: Callable[[str], str], diagram: Diagram | None = None,
    ) -> None:  # fmt: skip
        self.title, self.language = title, language
        self._draw, self._write, self._diagram = draw, write, diagram
        self._svg = ""

    def __getattr__(self, name: str) -> Any:
        """What the picture has; it is drawn when that is first asked for."""
        if name not in ("source", "description", "words"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        drawn = self._draw()
        self.source, self.description, self.words = drawn.source, drawn.description, drawn.words
        return getattr(self, name)

    def svg(self) -> str:
        """The whole picture as SVG; it is laid out once, as pages and stages are made of it."""
        self._svg = self._svg or super().svg()
        return self._svg

    def html(self) -> str:
        """The page, one file that needs nothing else."""
        return self._write(self.svg() if self._diagram else "")

    def stages(self) -> list[str]:
        """The picture at the end of each stage, as SVG; the whole, if it has no stages."""
        svg = self.svg()
        return frames(svg, page_data(self._diagram)) if self._diagram else [svg]

    def moving(self) -> str:
        """An SVG that goes through the stages by itself, for a README or a slide."""
        svg = self.svg()
        return moving(svg, page_data(self._diagram)) if self._diagram else svg

    def save_stages(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write a picture for each stage, `stage01.svg` and so on; all of them or none."""
        pictures = self.stages()
        width = len(str(len(pictures)))
        names = (f"stage{k:0{width}d}.svg" for k in range(1, len(pictures) + 1))
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        contents = {n: svg.encode() for n, svg in zip(names, pictures, strict=True)}
        return write_all(target, contents)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The page in a frame of its own for a notebook: it runs, and reaches nothing around it."""
        inner = html.escape(self.html(), quote=True)
        unseen = word("Trust this notebook to see the page: {title}", self.language,
                      title=self.title)  # fmt: skip
        frame = (
            f'<iframe srcdoc="{inner}" sandbox="allow-scripts" title="{html.escape(self.title)}" '
            f'style="width:100%;height:{FRAME_HEIGHT}px;border:0">{html.escape(unseen)}</iframe>'
        )
        return {"text/html": frame, "text/plain": repr(self)}

    def content(self, format: str) -> bytes:
        """The page for "html", a slide for each stage for "pdf"; else the whole picture.

        Raises a LayoutError for "pdf" where there is no Chromium to print with.
        """
        if format == "html":
            return self.html().encode()
        if format == "pdf" and self._diagram:
            return printed(self.html())
        return super().content(format)


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
    if not isinstance(step, Step | Value):
        raise cannot_draw("stepper", "a recorded step or a Value", step)
    diagram = _diagram(step, sample, rows)
    if diagram is not None:
        drawn, figure = diagram, diagram.figure()
        return Stepper(
            lambda: figure, figure.title, language, lambda svg: page(drawn, svg), diagram
        )
    return _unfolding(step, rows)


def _diagram(step: Step | Value, sample: int, rows: Rows) -> Diagram | None:
    """The diagram of cards; None where there would be too many, or some cannot be read."""
    if isinstance(step, Step):
        return diagram_of_step(step, sample, rows)
    if len(topological_order(step)) > MOST_READ:
        return None
    return diagram_of_value(step, rows, anew=True)


def _unfolding(step: Step | Value, rows: Rows) -> Stepper:
    """The page of layers, units and operations that unfold."""
    if isinstance(step, Step):
        _check_size(len(step.tape.nodes))
        graph = graph_of_step(step, step_caption(step, rows.language), rows)

        def draw() -> Figure:
            return layer_graph(step, rows.language, digits=rows.digits, backward=True)
    else:
        tape, position = take(step)
        _check_size(len(tape.nodes))
        check_current(tape)
        names = called(position)
        names |= {i: node.label for i, node in enumerate(tape.nodes) if node.label}
        caption = f"{len(tape.nodes):,} {rows.say('operations')}"
        graph = graph_of_value(tape, names, caption)

        def draw() -> Figure:
            return op_graph(step, language=rows.language, digits=rows.digits)

    return Stepper(draw, graph.caption, rows.language, lambda svg: unfolding(graph, rows))


def _check_size(nodes: int) -> None:
    if nodes > MOST_OPERATIONS:
        raise GraphError(
            f"the graph has {nodes:,} nodes, and a page can hold {MOST_OPERATIONS:,}: "
            "draw a part of it, or op_graph and layer_graph, which fold"
        )
