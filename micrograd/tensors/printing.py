"""How arrays of numbers print: the layout of torch, for float64 arrays.

Four decimals; scientific notation where the sizes differ by more than 1000 or are extreme; whole
numbers as `2.`; more than 1000 numbers are summarised to the first and last three of each axis.
Source: the behaviour of `torch.Tensor.__repr__` with `torch.set_printoptions` at its defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PRECISION = 4
THRESHOLD = 1000
EDGE_ITEMS = 3
LINE_WIDTH = 80


def array_text(array: Floats, suffixes: Sequence[str] = (), prefix: str = "tensor(") -> str:
    """The text of an array, with `suffixes` such as `requires_grad=True` before the bracket.

    >>> print(array_text(np.array([[0.63185], [-0.29721]])))
    tensor([[ 0.6319],
            [-0.2972]])
    """
    indent = len(prefix)
    if array.size == 0:
        sizes = [] if array.ndim == 1 else [f"size={array.shape}"]
        return _with_suffixes(prefix + "[]", [*sizes, *suffixes], indent)
    summarise = array.size > THRESHOLD
    cell = _Cell(_shown(array) if summarise else array)
    return _with_suffixes(prefix + _nested(array, indent, summarise, cell), suffixes, indent)


def _shown(array: Floats) -> Floats:
    """The part of a large array that is printed."""
    for axis, n in enumerate(array.shape):
        if n > 2 * EDGE_ITEMS:
            edges = [*range(EDGE_ITEMS), *range(n - EDGE_ITEMS, n)]
            array = array.take(edges, axis=axis)
    return array


class _Cell:
    """How each number of an array prints: all alike, and equally wide."""

    def __init__(self, array: Floats) -> None:
        counted = array[np.isfinite(array) & (array != 0)]
        self.number: Callable[[float], str] = _whole
        self.width = 1
        if counted.size == 0:
            return
        low, high = float(np.abs(counted).min()), float(np.abs(counted).max())
        whole = bool(np.all(counted == np.ceil(counted)))
        if high / low > 1000.0 or high > 1e8 or (low < 1e-4 and not whole):
            self.number = f"{{:.{PRECISION}e}}".format
        elif not whole:
            self.number = f"{{:.{PRECISION}f}}".format
        self.width = max(len(self.number(float(x))) for x in counted.flat)

    def text(self, x: float) -> str:
        return self.number(x).rjust(self.width)


def _whole(x: float) -> str:
    return f"{x:.0f}." if math.isfinite(x) else f"{x:.0f}"


def _nested(array: Floats, indent: int, summarise: bool, cell: _Cell) -> str:
    if array.ndim == 0:
        return cell.text(float(array))
    cut = summarise and len(array) > 2 * EDGE_ITEMS
    head, tail = (array[:EDGE_ITEMS], array[-EDGE_ITEMS:]) if cut else (array, array[:0])
    if array.ndim == 1:
        items = [cell.text(float(x)) for x in head]
        if cut:
            items += [" ...", *(cell.text(float(x)) for x in tail)]
        per_line = max(1, (LINE_WIDTH - indent) // (cell.width + 2))
        lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_nested(x, indent + 1, summarise, cell) for x in head]
    if cut:
        parts += ["...", *(_nested(x, indent + 1, summarise, cell) for x in tail)]
    separator = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return "[" + separator.join(parts) + "]"


def _with_suffixes(text: str, suffixes: Sequence[str], indent: int) -> str:
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > LINE_WIDTH:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"
