"""Arrays in turns, and rows of the leaves that they read otherwise, as the columns of a matrix."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.nest.ir import WORK, Affine, Listed, Nest, gather
from micrograd.compiler.nest.spans import span


def as_array(nest: Nest, base: int) -> Nest:
    """The nest as one of arrays if no index needs what another makes, and vectors are rows.

    What no turn makes, below `base`, may lie anyhow: there are copies of it that are rows.
    """
    every = [x for s in nest.body for x in (s.out, *s.inputs)]
    if not all(isinstance(x, Affine) for x in every):
        return nest
    where = {x: span(x, nest.extents) for x in every}
    fixed = {x for x in where if not x.strides[0] and where[x].high < base}
    along = {x.strides[1] for x in where if x not in fixed}
    if not along <= {0, 1} and not along <= {0, -1}:
        return nest
    outs = {s.out for s in nest.body}
    if any(x != out and where[x].meets(where[out]) for x in where.keys() - fixed for out in outs):
        return nest
    last = nest.extents[1] - 1 if -1 in along else 0

    def turned(x: Affine) -> Affine:
        turn, s = x.strides
        return Affine(x.space, x.base + last * s, (turn, -s if last else s))

    body = [s.on(turned(s.out), map(turned, s.inputs)) for s in nest.body]
    return Nest(nest.extents, tuple(body))


@dataclass(slots=True, eq=False)
class LeafRows:
    """Copies, from address `top` on, of leaves that arrays read otherwise than in rows."""

    top: int
    sources: list[Ids] = field(default_factory=list)
    known: dict[tuple[Affine, int], Affine] = field(default_factory=dict)

    def read_by(self, nest: Nest) -> Nest:
        """The nest of arrays reading copies."""
        if nest.ordered:
            return nest
        body = (s.on(s.out, [self._row(x, nest) for x in s.inputs]) for s in nest.body)
        return replace(nest, body=tuple(body))

    def _row(self, x: Affine | Listed, nest: Nest) -> Affine | Listed:
        if isinstance(x, Listed) or x.strides[1] in (0, 1):
            return x
        count = nest.extents[1]
        if (x, count) not in self.known:
            self.known[x, count] = Affine(WORK, self.top, (0, 1))
            self.sources.append(x.base + x.strides[1] * np.arange(count))
            self.top += count
        return self.known[x, count]

    @property
    def copies(self) -> list[Nest]:
        """What makes them."""
        source = np.concatenate([np.zeros(0, np.int64), *self.sources])
        out = Affine(WORK, self.top - len(source), (1,))
        return [gather(out, Listed(WORK, source))] if len(source) else []
