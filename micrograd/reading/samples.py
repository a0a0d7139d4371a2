"""Which recorded nodes a picture of one sample shows: its own, and those that belong to all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from micrograd.errors import ArgumentValueError
from micrograd.steps.step import Positions, Step
from micrograd.tape.tape import Tape

NO_SAMPLE, SEVERAL = -1, -2


@dataclass(frozen=True)
class Sample:
    """One sample of a step; `count` is 1 where the step is no batch of separate samples.

    `owner` says of each node which sample it belongs to: NO_SAMPLE if it is computed from
    parameters alone, SEVERAL if from more than one sample, as the mean of the losses is.
    """

    index: int
    count: int
    owner: tuple[int, ...]

    def shows(self, position: int) -> bool:
        """Whether a node is in the picture of this sample."""
        return self.count == 1 or self.owner[position] in (self.index, NO_SAMPLE, SEVERAL)

    def row(self, positions: Positions) -> list[int]:
        """The positions that are of this sample, of those of a batch."""
        if self.count == 1:
            return [int(i) for i in np.ravel(positions)]
        return [int(i) for i in positions.reshape(self.count, -1)[self.index]]


def sample_of(step: Step, index: int) -> Sample:
    """The sample with that index; all of a step as one if its rows are not apart.

    The rows of a batch are apart if each row of the output is computed from one row of x, its own.
    Raises an ArgumentValueError if there is no such sample.
    """
    n = step.samples
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < n:
        raise ArgumentValueError(f"sample must be a whole number from 0 to {n - 1}, got {index!r}")
    apart = n > 1 and step.output.size and step.output.size % n == 0
    if apart:
        batches = [record.positions for record in step.inputs]
        owner = _owners(step.tape, n, [*batches, step.y])
        for k, row in enumerate(step.output.reshape(n, -1)):
            apart = apart and all(owner[int(i)] == k for i in row if i >= 0)
        if apart:
            return Sample(index, n, owner)
    return Sample(0, 1, (0,) * len(step.tape.nodes))


def _owners(tape: Tape, n: int, batches: Sequence[Positions]) -> tuple[int, ...]:
    """The sample that each node belongs to, by the rows of the inputs and targets below it."""
    owner = [NO_SAMPLE] * len(tape.nodes)
    for batch in batches:
        rows = batch.reshape(n, -1) if batch.size % n == 0 else batch.reshape(1, -1)[:0]
        for k, row in enumerate(rows):
            for position in row[row >= 0]:
                owner[int(position)] = k
    for i, node in enumerate(tape.nodes):
        below = {owner[j] for j in node.inputs} - {NO_SAMPLE}
        if below:
            owner[i] = below.pop() if len(below) == 1 else SEVERAL
    return tuple(owner)
