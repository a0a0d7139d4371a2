"""The program of a sample, run for some samples of a batch at a time: each number is a row of them.

Every nest has one more axis, the innermost: that of the lanes. Ordered nests and scalar statements
stay as they are, and take rows for numbers. At the end of each group of samples the results are
added up: those of the program are means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.nest.axes import mapped
from micrograd.compiler.nest.ir import (
    MASKS,
    WORK,
    Affine,
    Counter,
    Listed,
    Nest,
    Program,
    Range,
    Space,
    Statement,
    contraction,
    filled,
    gather,
)
from micrograd.compiler.nest.samples import SampleGroups
from micrograd.compiler.nest.sequence import Part, Scalars, TurnLoop

ALIGN = 8  # numbers: where what is added up begins is a multiple of it


def over_samples(
    program: Program, samples: int, lanes: int, collected: Range, outputs: Ids
) -> tuple[Program, int, Ids]:
    """The program for so many samples, and where the means of a range and of outputs are.

    The range is that of gradients and flags; it is checked as far as it was.
    """
    base, length = collected
    means = -(-len(program.work) * lanes // ALIGN) * ALIGN
    after = means + length + np.arange(len(outputs))
    adding = _Means(samples, lanes, means + -(-(length + len(outputs)) // ALIGN) * ALIGN)
    adding.start(means, length + len(outputs))
    if length:
        adding.add(means, base, 1, length)
    adding.add_outputs(means + length, outputs)
    work = np.zeros(-(-adding.top // lanes) * lanes)
    work[: len(program.work) * lanes] = np.repeat(program.work, lanes)
    axis = _Lanes(lanes, program.sizes)
    made = replace(
        program, nests=(*adding.before, *map(axis.nest, program.nests)), work=work,
        sizes={space: n * (samples if space.is_argument else lanes if space is MASKS else 1)
               for space, n in program.sizes.items()},
        loss=int(after[0]), checked=tuple((means, n) for _, n in program.checked),
        kept=((means, length + len(outputs)),),
        sequence=(*map(axis.part, program.sequence), *adding.parts),
        groups=SampleGroups(samples, lanes, len(adding.before)),
    )  # fmt: skip
    return made, means, after


@dataclass(slots=True)
class _Means:
    """What adds up results over the lanes of all groups; free work begins at `top`.

    Of the first group the lanes that do not count have another's samples: theirs are left out.
    """

    samples: int
    lanes: int
    top: int
    before: list[Nest] = field(default_factory=list)  # all groups
    parts: list[Nest] = field(default_factory=list)  # at the end of each
    _counts: int = -1  # where it is said of each lane whether it counts; -1: all do

    def start(self, at: int, count: int) -> None:
        """Begin with 0, and with the lanes of the first group that count."""
        self.before.append(filled(at, count, 0.0))
        over = SampleGroups(self.samples, self.lanes, 0).over
        if over:
            self._counts = self._room(self.lanes)
            self.before += [filled(self._counts, self.lanes - over, 1.0),
                            filled(self._counts + self.lanes - over, over, 0.0)]  # fmt: skip

    def add(self, to: int, row: int, step: int, count: int) -> None:
        """Add the means of so many rows, of which each is so far from the one before."""
        extents, n = (count, self.lanes), self.lanes
        x = Affine(WORK, row * n, (step * n, 1))
        if self._counts >= 0:
            held = Affine(WORK, self._room(count * n), (n, 1))
            inputs = Affine(WORK, self._counts, (0, 1)), x, Affine(WORK, 0, (0, 0))
            self.parts.append(Nest(extents, (Statement("select", held, inputs),)))
            x = held
        c = 1.0 / self.samples
        out = Affine(WORK, to, (1, 0))
        self.parts.append(contraction(extents, out, x, coefficient=c, accumulate=True))

    def add_outputs(self, to: int, rows: Ids) -> None:
        """Add the means of rows that lie anywhere; after that, all lanes of a group count."""
        steps, first, count = np.diff(rows), int(rows[0]), len(rows)
        if (steps == steps[:1]).all():
            self.add(to, first, int(steps[0]) if count > 1 else 1, count)
        else:
            source = _rows(rows, self.lanes, 1)
            at = -(-self._room(len(source) + self.lanes) // self.lanes)
            self.parts.append(gather(Affine(WORK, at * self.lanes, (1,)), Listed(WORK, source)))
            self.add(to, at, 1, count)
        if self._counts >= 0:
            self.parts.append(filled(self._counts, self.lanes, 1.0))

    def _room(self, count: int) -> int:
        at, self.top = self.top, self.top + -(-count // ALIGN) * ALIGN
        return at


@dataclass(frozen=True, slots=True)
class _Lanes:
    """Adds an axis of lanes, if there are several; `sizes` are those of a sample's arguments."""

    lanes: int
    sizes: Mapping[Space, int]

    def part(self, part: Part) -> Part:
        """A part of a sequence: what is in order stays as it is."""
        if isinstance(part, TurnLoop):
            nests = (nest if nest.ordered else self.nest(nest) for nest in part.nests)
            return TurnLoop(part.count, tuple(nests))
        return part if isinstance(part, Scalars) or part.ordered else self.nest(part)

    def nest(self, nest: Nest) -> Nest:
        """The nest with one more axis; what is listed is so for each lane."""
        if self.lanes == 1:
            return nest
        assert nest.starts is None, "groups beside a sequence are not ragged"
        if any(isinstance(x, Listed) for s in nest.body for x in s.inputs):
            return mapped(nest, (nest.extents[0] * self.lanes,), self._one_after_another)
        return mapped(nest, (*nest.extents, self.lanes), self._with_axis)

    def _apart(self, space: Space) -> tuple[int, int]:
        """How far numbers lie apart, and lanes."""
        if space in (WORK, MASKS):
            return self.lanes, 1
        return 1, self.sizes[space] if space.is_argument else 0

    def _with_axis(self, x: Affine | Counter) -> Affine | Counter:
        if isinstance(x, Counter):
            return x
        step, apart = self._apart(x.space)
        return Affine(x.space, x.base * step, (*(s * step for s in x.strides), apart))

    def _one_after_another(self, x: Affine | Listed) -> Affine | Listed:
        """All numbers lane after lane; results are rows."""
        step, apart = self._apart(x.space)
        if isinstance(x, Listed):
            return Listed(x.space, _rows(x.index, self.lanes, apart, step))
        if x.strides != (1,) or apart != 1:
            raise AssertionError(f"what is listed goes to rows, not {x}")
        return Affine(x.space, x.base * step, x.strides)


def _rows(index: Ids, lanes: int, apart: int, step: int | None = None) -> Ids:
    step = lanes if step is None else step
    return np.asarray((index[:, None] * step + np.arange(lanes) * apart).ravel())
