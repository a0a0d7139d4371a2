"""How arrays of numbers print: the layout of torch.

Four decimals; scientific notation where the sizes differ by more than 1000 or are extreme; whole
numbers as `2.`; more than 1000 numbers are summarised to the first and last three of each axis.
Source: the behaviour of `torch.Tensor.__repr__` with `torch.set_printoptions` at its defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.errors import ArgumentValueError

Printed = NDArray[Any]


@dataclass(frozen=True)
class Options:
    """How many digits and elements are printed; see `set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {
    "default": Options(),
    "short": Options(precision=2, edgeitems=2),
    "full": Options(threshold=math.inf),
}
_options = [Options()]


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how arrays print, as in torch.

    `sci_mode` True or False is scientific notation always or never. Raises an ArgumentValueError
    for an unknown profile.

    >>> from micrograd import tensor
    >>> set_printoptions(precision=2)
    >>> tensor([0.125, 3.0])
    tensor([0.12, 3.00])
    >>> set_printoptions(profile="default")
    """
    if profile is not None and profile not in PROFILES:
        raise ArgumentValueError(f"profile must be one of {', '.join(PROFILES)}, got {profile!r}")
    options = PROFILES[profile] if profile else _options[0]
    given = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems,
        "linewidth": linewidth,
    }  # fmt: skip
    changed = {name: n for name, n in given.items() if n is not None}
    _options[0] = replace(options, **changed, sci_mode=sci_mode)  # type: ignore[arg-type]


def array_text(array: Printed, suffixes: Sequence[str] = (), prefix: str = "tensor(") -> str:
    """The text of an array, with `suffixes` such as `requires_grad=True` before the bracket.

    >>> print(array_text(np.array([[0.63185], [-0.29721]])))
    tensor([[ 0.6319],
            [-0.2972]])
    """
    indent = len(prefix)
    if array.size == 0:
        sizes = [] if array.ndim == 1 else [f"size={array.shape}"]
        dtypes = [] if array.dtype.kind == "f" else [f"dtype=torch.{array.dtype}"]
        return _with_suffixes(prefix + "[]", [*sizes, *dtypes, *suffixes], indent)
    summarise = array.size > _options[0].threshold
    cell = _Cell(_shown(array) if summarise else array)
    return _with_suffixes(prefix + _nested(array, indent, summarise, cell), suffixes, indent)


def _shown(array: Printed) -> Printed:
    """The part of a large array that is printed."""
    edge = _options[0].edgeitems
    for axis, n in enumerate(array.shape):
        if n > 2 * edge:
            edges = [*range(edge), *range(n - edge, n)]
            array = array.take(edges, axis=axis)
    return array


class _Cell:
    """How each number of an array prints: all alike, and equally wide."""

    def __init__(self, array: Printed) -> None:
        self.number: Callable[[Any], str] = _whole
        self.width = 1
        if array.dtype.kind != "f":
            self.number = str
            self.width = max(len(str(x)) for x in array.flat)
            return
        counted = array[np.isfinite(array) & (array != 0)]
        if counted.size == 0:
            return
        low, high = float(np.abs(counted).min()), float(np.abs(counted).max())
        whole = bool(np.all(counted == np.ceil(counted)))
        precision, sci_mode = _options[0].precision, _options[0].sci_mode
        extreme = high / low > 1000.0 or high > 1e8 or (low < 1e-4 and not whole)
        if extreme if sci_mode is None else sci_mode:
            self.number = f"{{:.{precision}e}}".format
        elif not whole:
            self.number = f"{{:.{precision}f}}".format
        self.width = max(len(self.number(float(x))) for x in counted.flat)

    def text(self, x: Any) -> str:
        return self.number(x).rjust(self.width)


def _whole(x: float) -> str:
    return f"{x:.0f}." if math.isfinite(x) else f"{x:.0f}"


def _nested(array: Printed, indent: int, summarise: bool, cell: _Cell) -> str:
    if array.ndim == 0:
        return cell.text(array.item())
    edge = _options[0].edgeitems
    cut = summarise and len(array) > 2 * edge
    head, tail = (array[:edge], array[-edge:]) if cut else (array, array[:0])
    if array.ndim == 1:
        items = [cell.text(x.item()) for x in head]
        if cut:
            items += [" ...", *(cell.text(x.item()) for x in tail)]
        per_line = max(1, (_options[0].linewidth - indent) // (cell.width + 2))
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
        if length + len(suffix) + 2 > _options[0].linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"
