"""What a row of the op table computes, as a tree of operations: what backends write code from."""

from __future__ import annotations

from functools import cache
from typing import Any

from micrograd.ops import OPS
from micrograd.symbolic import Symbol, rebound, tree


@cache
def recipe(row: str, static: tuple[float, ...], plain: bool = False) -> Any:
    """The tree of a row; its inputs are symbols with the names "0", "1" and "2".

    It is that of what is `compiled`, or, if `plain`, of the function as it is.

    >>> recipe("relu", ()), recipe("pow_static", (-2.0,))
    (Branch(condition=(0 < 0.0), yes=0.0, no=0), ((1.0 / 0) * (1.0 / 0)))
    """
    op = OPS[row]
    return tree(rebound(op.f if plain else op.compiled), *map(Symbol, "012"[: op.arity]), *static)
