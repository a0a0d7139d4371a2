"""Which expressions are too small to have a name."""

from __future__ import annotations

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.expressions import Expr
from micrograd.ops import OPS

LIGHT = frozenset({
    E.ARRAY, E.NUMBER, E.COUNT, E.EXPAND, E.TRANSPOSE, E.RESHAPE, E.SPREAD, E.STOP, E.ZEROS,
})  # fmt: skip


def is_small(x: Expr) -> bool:
    """Whether it is short enough to be said twice: an index of a named array."""
    if not all(a.op in (E.ARRAY, E.NUMBER, E.COUNT) for a in x.args):
        return False
    if x.op != E.ROW:
        return x.op in (E.SLICE, E.TAKE)
    op = OPS[x.given[0]]
    return op.compares or op.negates or (op.divides and not x.shape)
