"""A recorded step as text: the tables of the article, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import numpy as np

from micrograd.text.equations import Quantity, quantities
from micrograd.text.words import DIGITS, check_digits, check_language, exact, number, word

if TYPE_CHECKING:
    from micrograd.optim.equation import Equation
    from micrograd.steps.step import Floats, Positions, Step

_MOST = 1000  # numbers; larger arrays are summarised
_EDGE = 3  # rows and columns of them that are printed, at each end


def step_tables(step: Step, language: str = "en", digits: int = DIGITS) -> str:
    """Parameters, forward pass, gradients, updated parameters, and the losses in full.

    Between the gradients and the new parameters stands what the optimiser made of them, unless it
    is plain gradient descent: a table for each of its equations.
    """
    check_language(language)
    check_digits(digits)

    def say(english: str) -> str:
        return word(english, language)

    def table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
        return _section(title, list(rows), digits)

    count = (
        say("one sample") if step.samples == 1 else word("{n} samples", language, n=step.samples)
    )
    parameters = step.parameters
    outputs = _outputs(step)
    sections = [
        f"{count}, {step.loss_name}, {step.optimizer_name}, {say('learning rate')} "
        f"{step.learning_rate:g}",
        table(say("Initial parameters"), [(p.name, p.before) for p in parameters]),
        table(
            say("Forward pass"),
            [
                *[(f"{x.name} ({say('input')})", x.values) for x in step.inputs],
                *[(name, step.values(positions)) for name, positions in outputs],
                (f"y ({say('target')})", step.y_values),
            ],
        ),
        table(say("Output"), [("out", step.output_before)]),
        f"{say('Loss')}\n  {step.loss!r}",
        table(
            say("Backward pass") + ": " + say("gradient of the loss by each output"),
            [(name, step.gradients(positions)) for name, positions in reversed(outputs)],
        ),
        table(
            say("Gradients"),
            [
                (p.name, say("not reached") if p.gradient is None else p.gradient)
                for p in parameters
            ],
        ),
        *(table(title, rows) for title, rows in rule_tables(step, language).items()),
        table(say("Updated parameters"), [(p.name, p.after) for p in parameters]),
        table(say("After the step"), [("out", step.output_after)]),
        f"{say('Loss')}\n  {step.loss_after!r}",
    ]
    return "\n\n".join(sections)


def rule_tables(step: Step, language: str = "en") -> dict[str, list[tuple[str, Any]]]:
    """What the optimiser made of the gradients, by titles; nothing for plain gradient descent."""
    rules: dict[str, list[str]] = {}
    state: dict[str, list[tuple[str, Any]]] = {}
    work: dict[str, list[tuple[str, Any]]] = {}
    for p in step.parameters:
        each = [p.equations(index) for index in np.ndindex(p.before.shape)]
        equations = each[0] if each else ()
        if not equations:
            continue
        shape = p.before.shape
        chosen = {q.name: f"{q.name} = {exact(q.value)}" for q in _used(equations) if q.exact}
        last = ", ".join(chosen[name] for name in sorted(chosen, key=lambda name: name != "lr"))
        rules.setdefault(f"{equations[-1].text()}, {last}", []).append(p.name)
        results = {equation.name for equation in equations}
        for i, q in enumerate(_used(equations)):
            if not q.exact and q.name not in ("p", "g", *results):
                numbers = np.reshape([_used(e)[i].value for e in each], shape)
                state.setdefault(_title(q, language), []).append((p.name, numbers))
        for i, equation in enumerate(equations[:-1]):
            numbers = np.reshape([e[i].value for e in each], shape)
            meaning = f" ({word(equation.meaning, language)})" if equation.meaning else ""
            work.setdefault(equation.text() + meaning, []).append((p.name, numbers))
    if not state and not work:
        return {}
    rows = [(", ".join(names), rule) for rule, names in rules.items()]
    if len(rows) == 1:
        rows = [(rows[0][1], "")]
    return {word("Update rule", language): rows, **state, **work}


def _title(q: Quantity, language: str) -> str:
    return f"{q.name} ({word('before the step', language)})" if q.name.endswith("_old") else q.name


def _used(equations: Iterable[Equation]) -> list[Quantity]:
    return [q for equation in equations for q in quantities(equation.expression)]


def _outputs(step: Step) -> list[tuple[str, Positions]]:
    """What each layer gave; calls for one sample each are the rows of one table."""
    found: dict[str, list[Positions]] = {}
    for call in step.layers():
        found.setdefault(call.name, []).append(call.output)
    stacked: list[tuple[str, Positions]] = []
    for name, outputs in found.items():
        if len(outputs) > 1 and outputs[0].ndim < 2 and len({o.shape for o in outputs}) == 1:
            stacked.append((name, np.stack(outputs).reshape(len(outputs), -1)))
        else:
            stacked += [(name, output) for output in outputs]
    return stacked


def _section(title: str, rows: list[tuple[str, Any]], digits: int) -> str:
    width = max((text_width(name) for name, _ in rows), default=0) + 2
    lines = [title]
    for name, cells in rows:
        block = [cells] if isinstance(cells, str) else _block(cells, digits)
        for i, line in enumerate(block):
            head = name if i == 0 else ""
            lines.append(f"  {head}{' ' * (width - text_width(head))}{line}".rstrip())
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


def _block(array: Floats, digits: int) -> list[str]:
    """One line a row of the array, the numbers in columns; of a large one, its first and last."""
    rows = array.reshape(-1, array.shape[-1]) if array.ndim > 1 else np.atleast_2d(array)
    if array.ndim == 1 and array.size > 1:
        rows = rows.T
    lines, places = (_shown(n, array.size) for n in rows.shape)
    texts = [
        ["…" if i is None or j is None else number(rows[i, j], digits) for j in places]
        for i in lines
    ]
    width = max((len(t) for row in texts for t in row), default=0)
    return ["  ".join(t.rjust(width) for t in row) for row in texts]


def _shown(n: int, size: int) -> list[int | None]:
    """The indices that are printed; None stands for those that are left out."""
    if size <= _MOST or n <= 2 * _EDGE:
        return list(range(n))
    return [*range(_EDGE), None, *range(n - _EDGE, n)]
