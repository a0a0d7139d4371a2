"""Nests made from what they are made of, in short."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from micrograd.compiler.nest.ir import (
    WORK,
    Affine,
    Listed,
    Nest,
    Reduction,
    Space,
    contraction,
    gather,
    ragged,
)


def summed(
    extents: tuple[int, ...], out: Affine, u: Affine, v: Affine | None, c: float, accumulate: bool
) -> Nest:
    """`out (+)= c · Σ u · v`."""
    inputs = (u,) if v is None else (u, v)
    return contraction(extents, out, *inputs, coefficient=c, accumulate=accumulate)


def taken(base: int, space: Space, index: Any) -> Nest:
    """`work[base + i] = space[index[i]]`."""
    return gather(Affine(WORK, base, (1,)), Listed(space, np.asarray(index)))


def rows(
    base: int, reduce: Reduction, starts: Any, u_space: Space, u: Any, v_space: Space = WORK,
    v: Any = None, c: float = 1.0, accumulate: bool = False,
) -> Nest:  # fmt: skip
    """Rows of unequal length, added up or their largest taken."""
    factors = [(u_space, u)] if v is None else [(u_space, u), (v_space, v)]
    return ragged(
        Affine(WORK, base, (1,)), np.asarray(starts),
        *[Listed(space, np.asarray(index)) for space, index in factors],
        reduce=reduce, coefficient=c, accumulate=accumulate,
    )  # fmt: skip


def changed(nest: Nest, **changes: Any) -> Nest:
    """The nest, its first statement changed."""
    return replace(nest, body=(replace(nest.first, **changes), *nest.body[1:]))
