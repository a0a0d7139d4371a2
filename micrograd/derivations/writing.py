"""A derivation as text, Markdown or LaTeX: the same lines, written in three ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd.derivations.layers import LayerGradient
from micrograd.derivations.paths import Path
from micrograd.text import latex as tex
from micrograd.text.equations import (
    Applied,
    Expression,
    Figures,
    Quantity,
    digits_needed,
    spelled,
    symbolic,
)
from micrograd.text.words import number, word

if TYPE_CHECKING:
    from micrograd.derivations.derivation import Derivation

LONGEST = 200  # characters of an equation that is written with names
MOST_LAYERS = 100  # that are written, those nearest to the input; how many more there are is said
MOST_ENTRIES = 60  # numbers of a layer that are all printed; of more, how many and in what range


@dataclass
class Paragraph:
    """A headline and the lines below it, in text and in LaTeX."""

    head: str
    lines: list[tuple[str, str]] = field(default_factory=list)  # text; LaTeX, with & to align


@dataclass
class Manuscript:
    """What is said before, in the blocks, and at the end."""

    equations: list[tuple[str, str]]
    claim: tuple[str, str]
    blocks: list[Paragraph]
    end: tuple[str, str]
    title: str = ""
    note: tuple[str, str] = ("", "")


def write(d: Derivation) -> Manuscript:
    """All of a derivation."""
    written = _written(d)
    written.title = f"∂{d.output}/∂{d.input}"
    mark = word("direct", d.language)
    if any(f"|{mark}" in text for block in written.blocks for text, _ in block.lines):
        said = word("by the equation of {top} alone, without the other paths", d.language,
                    top=d.output)  # fmt: skip
        written.note = (f"|{mark}: {said}", rf"& \text{{{tex.escaped(f'{mark}: {said}')}}}")
    return written


def _written(d: Derivation) -> Manuscript:
    left = f"∂{d.output}/∂{d.input}"
    left_tex = by(d.output, d.input)
    equations = [_equation(line) for line in d.equations] if d.paths else []
    if not d.paths:
        n = d.number_of_paths
        said = word("{n} paths, summed up layer by layer", d.language, n=f"{n:,}")
        shown = [_layer(d, layer) for layer in d.layers[-MOST_LAYERS:]]
        more = len(d.layers) - len(shown)
        if more:
            first = word("and {n} more", d.language, n=more)
            shown.insert(0, (first, rf"& \text{{{first}}}"))
        blocks = [Paragraph("", shown)]
        return Manuscript(equations, (f"{left}: {said}", rf"\text{{{said}}}"), blocks, ("", ""))
    if len(d.paths) == 1:
        (block,) = (_block(d, path) for path in d.paths)
        (claim, claim_tex), *rest = block.lines
        rest = [(f"{' ' * len(left)} {text}", latex) for text, latex in rest]
        lines = [(f"{left} = {claim}", f"{left_tex} &= {claim_tex}"), *rest]
        if claim == left:
            (first, first_tex), *rest = rest
            lines = [(f"{left} {first.strip()}", f"{left_tex} {first_tex}"), *rest]
        return Manuscript(equations, ("", ""), [Paragraph("", lines)], ("", ""))
    claim = " + ".join(" · ".join(path.factors) for path in d.paths)
    claim_tex = " + ".join(_factors(path) for path in d.paths)
    blocks = [_block(d, path) for path in d.paths]
    end = _end(d, left, left_tex)
    return Manuscript(equations, (f"{left} = {claim}", f"{left_tex} &= {claim_tex}"), blocks, end)


def by(top: str, below: str) -> str:
    r"""A derivative in LaTeX.

    >>> by("L", "W1[0]")
    '\\frac{\\partial L}{\\partial W_{1,0}}'
    """
    return rf"\frac{{\partial {tex.name(top)}}}{{\partial {tex.name(below)}}}"


def _equation(line: Any) -> tuple[str, str]:
    said = joined(symbolic(line.formula))
    name = line.result.name
    if len(said) > LONGEST:
        names = ", ".join(dict.fromkeys(e for e, tag in symbolic(line.formula) if tag is not None))
        said = f"f({names})"
        return f"{name} = {said}", rf"{tex.name(name)} &= \text{{{tex.escaped(said)}}}"
    return f"{name} = {said}", f"{tex.name(name)} &= {tex.latex(line.formula)}"


def _factors(path: Path) -> str:
    return r" \cdot ".join(tex.name(factor) for factor in path.factors)


def _block(d: Derivation, path: Path) -> Paragraph:
    shown = number(path.value, d.digits)
    lines = [(" · ".join(path.factors), _factors(path))]
    symbols = joined(symbolic(path.expression, d.digits))
    if len(symbols) <= LONGEST and isinstance(path.expression, Expression):
        lines.append((f"= {symbols}", f"&= {tex.latex(path.expression)}"))
    computed = path.expression if len(path.edges) == 1 else path.numbers
    numbers = numbers_of(computed, shown, d.digits) if isinstance(computed, Applied) else None
    if numbers and len(numbers[0]) <= LONGEST and numbers[0] not in (symbols, shown):
        lines.append((f"= {numbers[0]}", f"&= {numbers[1]}"))
    lines.append((f"= {shown}", f"&= {tex.number(shown)}"))
    return Paragraph(" ← ".join(path.through), lines)


def _end(d: Derivation, left: str, left_tex: str) -> tuple[str, str]:
    """The paths added up."""
    shown = number(np.asarray(d.value).item(), d.digits)  # of an array, one number
    text, latex = numbers_of(d.sum, shown, d.digits) or ("", "")
    middle, middle_tex = (f" = {text}", f" {latex} =") if text else ("", "")
    return f"{left}{middle} = {shown}", f"{left_tex} &={middle_tex} {tex.number(shown)}"


def numbers_of(expression: Any, shown: str, digits: int) -> tuple[str, str] | None:
    """An expression with numbers that come to what is shown; None if there are no such digits."""
    pieces = spelled(expression, shown, digits)
    needed = digits_needed(expression, shown, digits)
    if not pieces or needed is None:
        return None
    figures = Figures(needed, digits)

    def figure(q: Quantity) -> tuple[str, bool]:
        return figures.text(q), True

    return joined(pieces), tex.latex(expression, figure)


def _layer(d: Derivation, layer: LayerGradient) -> tuple[str, str]:
    left = f"∂{d.output}/∂{layer.name}"
    values, values_tex = _numbers(layer, d)
    head = by(d.output, layer.name) if " " not in layer.name else rf"\text{{{tex.escaped(left)}}}"
    return f"{left} = {layer.text} = {values}", f"{head} &= {layer.latex} = {values_tex}"


def _numbers(layer: LayerGradient, d: Derivation) -> tuple[str, str]:
    """The numbers of a layer: all, or of very many how many there are, and their range."""
    values = np.asarray(layer.values)
    if values.size > MOST_ENTRIES:
        low, high = number(values.min(), d.digits), number(values.max(), d.digits)
        size = "×".join(map(str, values.shape))
        said = word("{n} numbers from {low} to {high}", d.language, n=size, low=low, high=high)
        return said, rf"\text{{{said}}}"
    if values.size == 1:
        only = number(values.item(), d.digits)
        return only, tex.number(only)
    rows = [[number(x, d.digits) for x in row] for row in values.reshape(-1, values.shape[-1])]
    text = ", ".join(f"[{', '.join(row)}]" for row in rows)
    cells = r" \\ ".join(" & ".join(map(tex.number, row)) for row in rows)
    matrix = rf"\begin{{bmatrix}} {cells} \end{{bmatrix}}"
    return (f"[{text}]" if len(rows) > 1 else text), matrix


def joined(pieces: Sequence[tuple[str, Any]]) -> str:
    """The text of pieces."""
    return "".join(text for text, _ in pieces)


# ---- three ways ----------------------------------------------------------------------------------


def text_of(w: Manuscript) -> str:
    """Plain text."""
    claim = "\n".join(text for text in (w.claim[0], w.note[0]) if text)
    parts = ["\n".join(text for text, _ in w.equations), claim]
    several = []
    for block in w.blocks:
        indent = "  " if block.head else ""
        several.append("\n".join([*[block.head] * bool(block.head),
                                  *(indent + text for text, _ in block.lines)]))  # fmt: skip
    parts += ["\n".join(several), w.end[0]]
    return "\n\n".join(part for part in parts if part)


def latex_of(w: Manuscript) -> str:
    """An `aligned` environment."""
    said = [latex for _, latex in w.equations]
    said += [latex for latex in (w.claim[1], w.note[1]) if latex]
    lines = [latex if "&" in latex else f"& {latex}" for latex in said]
    for block in w.blocks:
        rows = [latex for _, latex in block.lines]
        if block.head:
            first, rows = rows[0], rows[1:]
            lines.append(f"{first} {rows[0]}")
            rows = rows[1:]
        lines += rows
    if w.end[1] and len(w.blocks) > 1:
        lines.append(w.end[1])
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def markdown_of(w: Manuscript) -> str:
    """A headline, the names of the paths, and LaTeX between dollar signs."""
    ways = [block.head for block in w.blocks if block.head]
    listed = "".join(f"{k}. {way}\n" for k, way in enumerate(ways, 1))
    return f"**{w.title}**\n\n{listed}{chr(10) * bool(listed)}$$\n{latex_of(w)}\n$$\n"
