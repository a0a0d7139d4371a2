"""`Figure`: a picture that is not laid out yet; it can be saved, and shows itself in a notebook."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from micrograd.errors import ArgumentValueError
from micrograd.training.files import write_atomically
from viz.drawing.page import page
from viz.layout.alignment import alignments
from viz.layout.engine import render
from viz.layout.fit_text import fit

FORMATS = ("svg", "png", "pdf", "html", "dot")
PNG_DOTS_PER_INCH = 144
NOTEBOOK_WIDTH = 800  # pixels; a wider picture fills the width that a notebook has

_TAG = re.compile(r"<[a-zA-Z][^>]*>")
_ID = re.compile(r' id="[^"]*"')
_LABELLED = re.compile(r' aria-labelledby="[^"]*"')
_OWN_SIZE = re.compile(r'width="(?P<width>[\d.]+)" height="[\d.]+"')


def _without_ids(svg: str, title: str) -> str:
    """A picture that can stand on a page with others: notebooks may put it into their own page."""
    label = f' aria-label="{html.escape(title)}"'
    return _TAG.sub(lambda m: _LABELLED.sub(label, _ID.sub("", m[0])), svg)


class Figure:
    """A graph in the DOT language (`source`) with a title.

    `description` says in words what there is to see; `words` what each part is, by its id.

    >>> figure = Figure("digraph { a -> b }", "two nodes")
    >>> figure.svg().startswith("<svg")
    True
    """

    def __init__(
        self,
        source: str,
        title: str,
        description: str = "",
        words: Mapping[str, str] | None = None,
        language: str = "en",
    ) -> None:
        self.source = source
        self.title = title
        self.description = description
        self.words = dict(words or {})
        self.language = language

    def svg(self) -> str:
        """The picture as SVG, for a page or a file; its text fits whatever fonts a reader has."""
        return fit(
            render(self.source, "svg").decode(),
            self.title,
            self.description,
            words=self.words,
            aligned=alignments(self.source),
        )

    def content(self, format: str) -> bytes:
        """The picture in a format: "svg", "png", "pdf", "html" or "dot".

        Raises an ArgumentValueError for another format and a LayoutError if no layout engine can
        draw it. Warns (FontWarning) where a PNG or PDF lacks a font for its characters.
        """
        if format == "dot":
            return self.source.encode()
        if format == "svg":
            return self.svg().encode()
        if format == "html":
            return page(self.svg(), self.title, self.language).encode()
        if format == "png":
            scaled = self.source.replace("{", f"{{\n\tgraph [dpi={PNG_DOTS_PER_INCH}]", 1)
            return render(scaled.replace("bgcolor=transparent", "bgcolor=white", 1), "png")
        if format == "pdf":
            return render(self.source, "pdf")
        raise ArgumentValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture, in the format that the name ends in; whole or not at all."""
        target = Path(path)
        kind = target.suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            endings = ", ".join(f".{name}" for name in FORMATS)
            raise ArgumentValueError(f"path must end in one of {endings}, got {target.name!r}")
        content = self.content(kind)
        write_atomically(target, content)
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The picture for a notebook, which shows SVG as an image of the picture's own size."""
        svg = _without_ids(self.svg(), self.title)
        size = _OWN_SIZE.search(svg)
        if size is not None and float(size["width"]) > NOTEBOOK_WIDTH:
            svg = svg.replace(size[0], 'width="100%"', 1)
        return {"image/svg+xml": svg, "text/plain": repr(self)}

    def _mime_(self) -> tuple[str, str]:
        """The same for marimo, which takes one type and its data."""
        return next(iter(self._repr_mimebundle_().items()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.title}>"
