"""`derivation`: how the chain rule gives one derivative, path by path, to read and to copy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from micrograd.derivations.layers import LayerGradient, layers
from micrograd.derivations.lines import Equations, recorded
from micrograd.derivations.paths import Path, Ways, added
from micrograd.derivations.writing import Manuscript, latex_of, markdown_of, text_of, write
from micrograd.engine import Value
from micrograd.errors import ArgumentValueError
from micrograd.steps.step import Step
from micrograd.tensors.tensor import Tensor
from micrograd.text.equations import Quantity
from micrograd.text.words import DIGITS, check_digits, check_language

MOST_PATHS = 12  # of more, the gradients of each layer are given, and how many paths they sum up
MOST_FACTORS = 60  # of a path that is written out


class Derivation:
    """The derivative of one recorded number by another, or by an array; see `derivation`.

    `text`, `markdown` and `latex` say all of it. `paths` are the products that it is the sum of, or
    () where there are more than 12; then `layers` are the gradients that add them up.
    """

    def __init__(self, found: Equations, digits: int, language: str) -> None:
        self._recorded = found
        self.digits = digits
        self.language = language
        self.output = found.output.result.name
        self.input = found.names[0] if len(found.names) == 1 else _whole(found.names)
        self._between = [Ways(found, i) for i in found.targets]

    @property
    def value(self) -> Any:
        """The derivative as the backward pass has it: a float, or an array for an array."""
        found = np.array(self._recorded.gradients).reshape(self._recorded.shape)
        return float(found) if found.ndim == 0 else found

    @property
    def number_of_paths(self) -> int:
        """How many paths lead from the output to the input."""
        return sum(between.number for between in self._between)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The paths, each a product of local derivatives; () if they are summed up by layers."""
        between = self._between[0]
        many = between.number > MOST_PATHS or between.length > MOST_FACTORS
        if len(self._between) > 1 or many:
            return ()
        return tuple(islice(between.paths(), MOST_PATHS))

    @cached_property
    def layers(self) -> tuple[LayerGradient, ...]:
        """The gradient by each layer on the way, from the output down."""
        return tuple(layers(self._recorded, self._recorded.targets, self._recorded.names))

    @property
    def sum(self) -> Any:
        """The sum over the paths, as an expression of their numbers."""
        return added([Quantity("", path.value) for path in self.paths])

    @cached_property
    def _written(self) -> Manuscript:
        return write(self)

    @property
    def equations(self) -> list[Any]:
        """The equations on the way: what each line of the paths computes."""
        used = {i for between in self._between for i in between.edges}
        return [line for i, line in self._recorded.lines.items() if i in used]

    @property
    def text(self) -> str:
        """In plain text, to read in a terminal."""
        return text_of(self._written)

    @property
    def markdown(self) -> str:
        """In Markdown, with LaTeX between dollar signs."""
        return markdown_of(self._written)

    @property
    def latex(self) -> str:
        """LaTeX of amsmath: an `aligned` environment, to stand in an equation."""
        return latex_of(self._written)

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        n = self.number_of_paths
        return f"<Derivation: ∂{self.output}/∂{self.input}, {n} path{'' if n == 1 else 's'}>"


def derivation(
    output: Value | Tensor | Step,
    input: Value | Tensor | str,
    *,
    digits: int = DIGITS,
    language: str = "en",
) -> Derivation:
    """How the chain rule gives the derivative of `output` by `input`: every path, and their sum.

    Each path is a product of local derivatives, with names and with numbers of as many digits as it
    takes to compute what is printed. Names are labels, or those of the caller's variables. Where
    more than 12 paths lead to the input, or it is an array, the gradients of the layers on the way
    are given instead, each from that of the next, and the number of paths.

    `output` may be a recorded step; then `input` is the name of a parameter or of an element, such
    as "layer1.weight[0,0]". Raises a GraphError where nothing leads from one to the other.

    >>> x, w = Value(2.0, label="x"), Value(3.0, label="w")
    >>> h = w * x
    >>> print(derivation(h * h + x, x))
    h = w × x
    L = h × h + x
    <BLANKLINE>
    ∂L/∂x = ∂L/∂h · ∂h/∂x + ∂L/∂x|direct
    |direct: by the equation of L alone, without the other paths
    <BLANKLINE>
    L ← h ← x
      ∂L/∂h · ∂h/∂x
      = (h + h) × w
      = 12 × 3
      = 36.0000
    L ← x
      ∂L/∂x|direct
      = 1.0000
    <BLANKLINE>
    ∂L/∂x = 36 + 1 = 37.0000
    """
    check_language(language)
    check_digits(digits)
    found = recorded(output, input, language)
    _check(found)
    return Derivation(found, digits, language)


def _check(found: Equations) -> None:
    if not found.lines or not any(Ways(found, i).number for i in found.targets):
        raise ArgumentValueError(
            f"input must be something that output was computed from, and {found.names[0]} is not: "
            "its derivative is 0"
        )


def _whole(names: Sequence[str]) -> str:
    heads = {name.partition("[")[0] for name in names}
    return heads.pop() if len(heads) == 1 else f"{names[0]}, …, {names[-1]}"
