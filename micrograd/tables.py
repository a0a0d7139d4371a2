"""A recorded step as text: the tables of the article, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import numpy as np

from micrograd.printing import array_text
from micrograd.words import check_language, number, word

if TYPE_CHECKING:
    from micrograd.step import Floats, Step

_SHOWN = 1000  # larger arrays are summarised


def step_tables(step: Step, language: str = "en") -> str:
    """Parameters, forward pass, gradients, updated parameters, and the losses in full."""
    check_language(language)

    def say(english: str) -> str:
        return word(english, language)

    count = (
        say("one sample") if step.samples == 1 else word("{n} samples", language, n=step.samples)
    )
    parameters = step.parameters
    sections = [
        f"{count}, {step.loss_name}, {step.optimizer_name}, {say('learning rate')} "
        f"{step.learning_rate:g}",
        _section(say("Initial parameters"), [(p.name, p.before) for p in parameters]),
        _section(
            say("Forward pass"),
            [
                (f"x ({say('input')})", step.x_values),
                *[(call.name, step.values(call.output)) for call in step.layers()],
                (f"y ({say('target')})", step.y_values),
            ],
        ),
        _section(say("Output"), [("out", step.output_before)]),
        f"{say('Loss')}\n  {step.loss!r}",
        _section(
            say("Backward pass") + ": " + say("gradient of the loss by each output"),
            [(call.name, step.gradients(call.output)) for call in reversed(step.layers())],
        ),
        _section(
            say("Gradients"),
            [
                (p.name, say("not reached") if p.gradient is None else p.gradient)
                for p in parameters
            ],
        ),
        _section(say("Updated parameters"), [(p.name, p.after) for p in parameters]),
        _section(say("After the step"), [("out", step.output_after)]),
        f"{say('Loss')}\n  {step.loss_after!r}",
    ]
    return "\n\n".join(sections)


def _section(title: str, rows: list[tuple[str, Any]]) -> str:
    width = max((text_width(name) for name, _ in rows), default=0) + 2
    lines = [title]
    for name, cells in rows:
        block = [cells] if isinstance(cells, str) else _block(cells)
        for i, line in enumerate(block):
            head = name if i == 0 else ""
            lines.append(f"  {head}{' ' * (width - text_width(head))}{line}")
    return "\n".join(lines)


def text_width(text: str) -> int:
    """Columns of a terminal; Chinese characters take two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """A line a row, its cells in columns: the first `left` at the left, the others at the right.

    >>> columns([("方法", "步数"), ("Adam", "1")])
    ['方法  步数', 'Adam     1']
    """
    widths = [max(map(text_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        gaps = [" " * (width - text_width(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [
            cell + gap if i < left else gap + cell
            for i, (cell, gap) in enumerate(zip(row, gaps, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _block(array: Floats) -> list[str]:
    """One line a row of the array, the numbers in columns."""
    if array.size > _SHOWN:
        return array_text(array, prefix="").rstrip(")").split("\n")
    rows = array.reshape(-1, array.shape[-1]) if array.ndim > 1 else np.atleast_2d(array)
    if array.ndim == 1 and array.size > 1:
        rows = rows.T
    texts = [[number(x) for x in row] for row in rows]
    width = max((len(t) for row in texts for t in row), default=0)
    return ["  ".join(t.rjust(width) for t in row) for row in texts]
