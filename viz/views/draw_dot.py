"""`draw_dot` and `trace` as in Karpathy's notebooks, drawn by our layout engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import graphviz

from micrograd.core.walk import topological_order
from micrograd.engine import Value
from micrograd.steps.mistakes import cannot_draw
from micrograd.tensors.tensor import Tensor
from micrograd.training.files import write_atomically
from viz.drawing.figure import FORMATS, Figure
from viz.drawing.markup import one_line
from viz.drawing.palette import FONT


def trace(root: Value) -> tuple[set[Value], set[tuple[Value, Value]]]:
    """All nodes that `root` was computed from, and the edges (input, result) between them."""
    nodes = topological_order(root)
    return set(nodes), {(x, v) for v in nodes for x in v._inputs}


def draw_dot(root: Value | Tensor, format: str = "svg", rankdir: str = "LR") -> Dot:
    """A graph of records with data and gradient, and an oval for each operation.

    `format` is "svg", "png" or "pdf", `rankdir` "LR" (left to right) or "TB" (top to bottom).

    >>> from micrograd import Value
    >>> a = Value(2.0, label="a")
    >>> "a | data 2.0000 | grad 0.0000" in draw_dot(a * a).source
    True
    """
    if isinstance(root, Tensor):
        root = root._only("draw_dot")
    if not isinstance(root, Value):
        raise cannot_draw("draw_dot", "a Value", root)
    if rankdir not in ("LR", "TB"):
        raise ValueError(f"rankdir must be LR or TB, got {rankdir!r}")
    dot = Dot(format=format, graph_attr={"rankdir": rankdir}, node_attr={"fontname": FONT})
    order = topological_order(root)
    names = {v: f"n{i}" for i, v in enumerate(order)}
    for v in order:
        numbers = [f"data {v.data:.4f}", f"grad {v.grad:.4f}"]
        name = [v.label] * bool(v.label)
        dot.words[names[v]] = one_line(", ".join(name + numbers))
        fields = [*map(_escape, name), *numbers]
        dot.node(names[v], label=f"{{ {' | '.join(fields)} }}", shape="record")
        if v._op:
            operation = f"{names[v]}_op"
            dot.words[operation] = one_line(v._op)
            dot.node(operation, label=graphviz.escape(v._op))
            dot.edge(operation, names[v])
            for x in dict.fromkeys(v._inputs):
                dot.edge(names[x], operation)
    return dot


class Dot(graphviz.Digraph):  # type: ignore[misc]
    """A `graphviz.Digraph` that needs no `dot` on the machine; `words` say what its nodes are."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.words: dict[str, str] = {}

    def pipe(
        self,
        format: str | None = None,
        *args: Any,
        encoding: str | None = None,
        **options: Any,
    ) -> Any:
        """The picture, as bytes, or as text with an encoding."""
        said = "; ".join(self.words.values())
        figure = Figure(self.source, "computation graph", said, self.words)
        content = figure.content(format or self.format)
        return content if encoding is None else content.decode(encoding)

    def save(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> str:
        """Write the picture, if the name ends in a format; else the source, as graphviz does."""
        ending = Path(filename or "").suffix.removeprefix(".").lower()
        if filename is None or ending not in FORMATS or ending == "dot":
            return str(super().save(filename, directory=directory, **options))
        target = Path(directory or "", filename)
        write_atomically(target, self.pipe(ending))
        return str(target)

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *args: Any,
        **options: Any,
    ) -> str:
        """Write the source to a file, and the picture beside it; returns the picture's path."""
        ending = format or self.format
        picture = self.pipe(ending)
        source = Path(super().save(filename, directory=directory))
        target = source.with_name(f"{source.name}.{ending}")
        write_atomically(target, picture)
        if cleanup:
            source.unlink()
        if view:
            graphviz.view(str(target))
        return str(target)


def _escape(label: str) -> str:
    """Text within a record: its own signs escaped, Graphviz's backslashes and entities too."""
    line = one_line(label).replace("&", "&amp;")
    return "".join(f"\\{c}" if c in "\\{}|<> " else c for c in line)
