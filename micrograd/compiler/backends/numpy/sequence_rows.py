"""Arrays in sequences as calls of NumPy: a row a call, where the rest goes number by number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.backends.numpy.rows import call_of
from micrograd.compiler.nest.ir import INDICES, Affine, Nest, Statement
from micrograd.compiler.nest.sequence import Part, Scalars, TurnLoop

SHORT = 24  # numbers of a row: fewer are as quick one by one


def is_array(nest: Nest, least: int = SHORT) -> bool:
    """Whether a nest, over all turns if it is in some, is one of rows, not too short ones."""
    plain = not nest.ordered and nest.starts is None and nest.is_plain
    long = nest.extents[-1:] >= (least,)
    return plain and long and not (nest.reduce and len(nest.body) > 1)


def in_arrays(parts: Sequence[Part]) -> float:
    """The part of what is computed that is."""
    arrays = every = 0
    for part in parts:
        if isinstance(part, Scalars):
            every += len(part)
            continue
        for nest in part.over_turns if isinstance(part, TurnLoop) else (part,):
            size = math.prod(nest.extents) * len(nest.body)
            every += size
            arrays += size if is_array(nest) else 0
    return arrays / max(every, 1)


def lines(nest: Nest, depth: int, work: NDArray[Any], noted: Callable[[Any], str]) -> list[str]:
    """A nest as Python; so many of its first axes are of loops around it.

    Its operands are views of work, which are noted under names.
    """
    at = f"[{INDICES[0]}]" if depth else "[...]"
    found: list[str] = []

    def named(x: Affine) -> str:
        return noted(view(x, nest.extents, work)) + at

    for s in nest.body:
        found += _reduced(s, nest, work, noted) if nest.reduce else _statement(s, named)
    return ["    " * (depth + 1) + line for line in found]


def _statement(s: Statement, named: Callable[[Affine], str]) -> list[str]:
    out, inputs = named(s.out), list(map(named, s.inputs))
    if s.is_term:
        c = [] if s.coefficient == 1.0 and inputs else [f"({s.coefficient!r})"]
        return [f"{out} {'+=' if s.accumulate else '='} {'*'.join([*c, *inputs])}"]
    return lines_of_row(s.row, () if s.static is None else (s.static,), out, inputs)


def lines_of_row(row: str, static: tuple[float, ...], out: str, inputs: Sequence[str]) -> list[str]:
    """A row of the op table on arrays of these names."""
    call = call_of(row, static)
    constants = [f"({c!r})" for c in call.constants]
    return [line.format(*inputs, out=out, c=constants) for line in call.lines]


def _reduced(
    s: Statement, nest: Nest, work: NDArray[Any], noted: Callable[[Any], str]
) -> list[str]:
    """A sum, or the largest, along the axes that the result does not have."""
    gone = tuple(axis for axis in range(len(nest.extents)) if axis not in nest.result)
    product = "*".join(noted(view(x, nest.extents, work)) for x in s.inputs)
    result = f"({product}).{'max' if nest.reduce == 'max' else 'sum'}({gone})"
    strides = tuple(s.out.strides[axis] for axis in nest.result)
    extents = tuple(nest.extents[axis] for axis in nest.result)
    out = noted(view(Affine(s.out.space, s.out.base, strides), extents, work))
    sign = "+=" if s.accumulate else "="
    return [f"{out}[...] {sign} ({s.coefficient!r})*{result}"]


def view(x: Affine, extents: tuple[int, ...], array: NDArray[Any]) -> NDArray[Any]:
    """What an operand is at each index."""
    strides = [stride * array.itemsize for stride in x.strides]
    return np.ndarray(extents, array.dtype, array, x.base * array.itemsize, strides)
