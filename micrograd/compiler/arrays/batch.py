"""The axis of the samples: how many there are, and how far apart they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.nest.ir import LANES, WORK, Affine, Counter, Listed, Nest, Space

ROW = 8  # numbers: of so many multiples is the room for one node's lanes


@dataclass(frozen=True, slots=True)
class SampleAxis:
    """With `batch=True`, what has a value for each sample has one more axis, the innermost.

    Such nodes are in LANES, `width` numbers each; what is in an argument is there sample after
    sample. Without samples there is no axis.
    """

    count: int  # 0: none
    strides: Mapping[Space, int]  # of the spaces of arguments, from one sample to the next

    @staticmethod
    def none() -> SampleAxis:
        """No axis."""
        return SampleAxis(0, {})

    @property
    def width(self) -> int:
        """Room for one node's lanes."""
        return -(-self.count // ROW) * ROW

    def has(self, space: Space) -> bool:
        """Whether an operand there differs from lane to lane."""
        return self.count > 0 and (space is LANES or space in self.strides)

    def with_axis(
        self, extents: tuple[int, ...], operands: Sequence[Affine]
    ) -> tuple[tuple[int, ...], list[Affine]]:
        """The extents and the operands, with the axis of the lanes if one of them has it."""
        if not any(self.has(x.space) for x in operands):
            return extents, list(operands)
        return (*extents, self.count), [self._spread(x) for x in operands]

    def _spread(self, x: Affine) -> Affine:
        if x.space is LANES:
            strides = tuple(s * self.width for s in x.strides)
            return Affine(LANES, x.base * self.width, (*strides, 1))
        return Affine(x.space, x.base, (*x.strides, self.strides.get(x.space, 0)))

    def listed(self, space: Space, index: Ids) -> Listed:
        """What is listed by node, for each of them lane after lane."""
        step = self.width if space is LANES else 1
        apart = 1 if space is LANES else self.strides.get(space, 0)
        return Listed(space, (index[:, None] * step + np.arange(self.count) * apart).ravel())


def placed(nest: Nest, base: int) -> Nest:
    """The nest, with lanes from that address of work on."""

    def change(x: Any) -> Any:
        if isinstance(x, Counter) or x.space is not LANES:
            return x
        if isinstance(x, Listed):
            return Listed(WORK, x.index + base)
        return Affine(WORK, x.base + base, x.strides)

    body = tuple(s.on(change(s.out), map(change, s.inputs)) for s in nest.body)
    return replace(nest, body=body)
