"""The array IR: programs of loop nests on flat arrays, the one form between a graph and a backend.

A nest runs its statements at each index of its extents. Its operands are numbers of flat arrays,
the spaces: at affine addresses, `base + Σ stride · index`, or at addresses that are listed. Matrix
products, maxima, gathers, ragged sums and choices by run-time integers are nests like any other;
`contraction`, `maximum`, `gather`, `ragged` and `one_hot` make them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.codes import Floats, Mask, distinct, marked
from micrograd.compiler.nest.samples import SampleGroups

Integers = NDArray[np.int64]
Shape = tuple[int, ...]

Reduction = Literal["add", "max"]

INDICES = "ijklmnopqrst"  # of axes, in texts
TOGETHER = 4  # of what is listed in an ordered nest: so many are added at a time
TERM = "term"  # the row of a statement that is not in the op table: coefficient · product of inputs


class SpaceRole(Enum):
    """What the numbers of a space are."""

    __hash__ = object.__hash__  # in C: each is there once

    WORK = "work"  # what the program computes, and its constants; one for each program
    LANES = "lanes"  # what it computes for each sample of a batch, until that is placed in work
    PARAMETERS = "parameters"  # shared between programs, as is
    STATE = "state"  # the optimiser's memory
    GRADIENTS = "gradients"  # what an update reads of the work of the program before it
    INPUT = "input"  # an argument: flat, C order, as floats
    IDS = "ids"  # an argument that is run-time integers, as int64
    MASKS = "masks"  # comparisons as booleans, in programs made for NumPy; laid out like work
    LOCAL = "pointer"  # one of the pointers that the function of a nest is called with


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """A flat array, and which of those of its role; there is one object for each."""

    role: SpaceRole
    number: int = 0
    step: int = 0  # in a repeat: how far what is read there moves from one block to the next

    @staticmethod
    def of(role: SpaceRole, number: int = 0, step: int = 0) -> Space:
        """The space of that role and number."""
        return _space(role, number, step)

    def __reduce__(self) -> Any:
        return Space.of, (self.role, self.number, self.step)

    @property
    def at_rest(self) -> Space:
        """The same array, of which the same is read in every block."""
        return Space.of(self.role, self.number)

    def __str__(self) -> str:
        numbered = self.role in (SpaceRole.INPUT, SpaceRole.IDS, SpaceRole.LOCAL)
        return f"{self.role.value}{self.number}" if numbered else self.role.value

    __repr__ = __str__

    @property
    def is_argument(self) -> bool:
        """Whether it is (a part of) an argument, whose place is its number."""
        return self.role in (SpaceRole.INPUT, SpaceRole.IDS)

    @property
    def is_lasting(self) -> bool:
        """Whether an update writes what is there, and nothing before it does."""
        return self.role in (SpaceRole.PARAMETERS, SpaceRole.STATE)


@cache
def _space(role: SpaceRole, number: int, step: int) -> Space:
    return Space(role, number, step)


WORK, LANES, MASKS = Space.of(SpaceRole.WORK), Space.of(SpaceRole.LANES), Space.of(SpaceRole.MASKS)
PARAMETERS, STATE = Space.of(SpaceRole.PARAMETERS), Space.of(SpaceRole.STATE)
GRADIENTS = Space.of(SpaceRole.GRADIENTS)


def argument(k: int) -> Space:
    """The space of the floats of argument k."""
    return Space.of(SpaceRole.INPUT, k)


def integers(k: int) -> Space:
    """The space of the run-time integers of argument k."""
    return Space.of(SpaceRole.IDS, k)


class Affine(NamedTuple):
    """An operand at `space[base + Σ strides[i] · index[i]]`."""

    space: Space
    base: int
    strides: Shape  # one for each axis of the nest

    def __str__(self) -> str:
        moving = [(s, INDICES[i]) for i, s in enumerate(self.strides) if s]
        steps = [i if s == 1 else f"{s}·{i}" for s, i in moving]
        start = [str(self.base)] if self.base or not steps else []
        return f"{self.space}[{' + '.join([*start, *steps])}]"


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """An operand at `space[index[j]]`, where j counts what the nest runs through."""

    space: Space
    index: Integers

    def __str__(self) -> str:
        return f"{self.space}[{len(self.index)} listed]"


@dataclass(frozen=True, slots=True)
class Counter:
    """An operand that is the index of an axis itself."""

    axis: int

    def __str__(self) -> str:
        return INDICES[self.axis]


@dataclass(frozen=True, slots=True)
class Statement:
    """`out = row(*inputs, static)`; for a TERM `out = coefficient · Πinputs`, of at most two.

    A TERM that accumulates adds to `out`. What is not `kept` is read by later statements of the
    same nest only, and need not be stored; of an ordered nest, by the next index, too, and of the
    last index it is stored. With `starts`, in an ordered nest, a TERM is at index i the sum of
    what is listed from starts[i] to starts[i + 1], a multiple of TOGETHER and not nothing.
    """

    row: str
    out: Affine
    inputs: tuple[Any, ...]  # Operands; Affine ones but for what `is_plain` is False of
    static: float | None = None
    coefficient: float = 1.0
    accumulate: bool = False
    kept: bool = True
    starts: Integers | None = field(default=None, compare=False)

    @property
    def is_term(self) -> bool:
        """Whether it is a TERM."""
        return self.row == TERM

    def on(self, out: Affine, inputs: Iterable[Any]) -> Statement:
        """The same on other operands; `dataclasses.replace` takes four times as long."""
        return Statement(
            self.row, out, tuple(inputs), self.static, self.coefficient, self.accumulate,
            self.kept, self.starts,
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.out} {'+=' if self.accumulate else '='} {self.value}"

    @property
    def value(self) -> str:
        """The right side, as text."""
        operands = [str(x) for x in self.inputs]
        if self.row == TERM:
            c = [] if self.coefficient == 1.0 and operands else [f"{self.coefficient:g}"]
            return " · ".join([*c, *operands])
        given = [] if self.static is None else [f"{self.static:g}"]
        return f"{self.row}({', '.join([*operands, *given])})"


@dataclass(frozen=True, slots=True)
class Nest:
    """At each index, the statements in order; no statement writes the same address twice.

    A statement may read, at the same index, what an earlier one wrote there, and no other index.
    If the nest reduces, its first statement is a TERM that is added up, or whose largest is taken
    (nan if any is nan), over the axes on which its `out` has stride 0; the others run at each index
    of the result, and have stride 0 along these axes, too. With `starts` the row i of the one axis
    takes what is listed from starts[i] to starts[i + 1]; no row is empty.

    The one axis of an `ordered` nest is gone through index by index: statements may read and write
    what earlier indices wrote. Such nests are in sequences only.
    """

    extents: Shape
    body: tuple[Statement, ...]
    reduce: Reduction | None = None
    starts: Integers | None = field(default=None, compare=False)
    origin: frozenset[int] = field(default=frozenset(), compare=False)  # see Program.origins
    ordered: bool = False

    def __str__(self) -> str:
        """As it would be written in a program; a register in place of what is not stored."""
        axes = ", ".join(f"{i} in {n}" for i, n in zip(INDICES, self.extents, strict=False))
        sign = {"add": "Σ ", "max": "max ", None: ""}[self.reduce]
        lines = [f"for {axes}:"] if axes else []
        for k, s in enumerate(self.body):
            text = str(s) if k or not sign else str(s).replace("= ", f"= {sign}", 1)
            kept = "" if s.kept else "    (in a register)"
            lines.append("    " * bool(axes) + text + kept)
        return "\n".join(lines)

    @property
    def first(self) -> Statement:
        """The statement that is reduced, if one is."""
        return self.body[0]

    @property
    def is_plain(self) -> bool:
        """Whether all operands are affine floats: what may be merged and split."""
        operands = (x for s in self.body for x in s.inputs)
        return all(isinstance(x, Affine) and x.space.role is not SpaceRole.IDS for x in operands)

    @property
    def result(self) -> list[int]:
        """The axes of a reduction that its result has."""
        return [i for i, stride in enumerate(self.first.out.strides) if stride]


def elementwise(extents: Shape, *body: Statement) -> Nest:
    """Statements without a reduction."""
    return Nest(extents, body)


def contraction(
    extents: Shape, out: Affine, *inputs: Affine, coefficient: float = 1.0, accumulate: bool = False
) -> Nest:
    """`out = coefficient · Σ u · v`: dot, matrix-vector, matrix-matrix and plain sums."""
    term = Statement(TERM, out, inputs, None, coefficient, accumulate)
    return settled(Nest(extents, (term,), "add"))


def maximum(extents: Shape, out: Affine, u: Affine) -> Nest:
    """`out = max u`."""
    return settled(Nest(extents, (Statement(TERM, out, (u,)),), "max"))


def gather(out: Affine, source: Listed) -> Nest:
    """`out[i] = source.space[source.index[i]]`."""
    return Nest((len(source.index),), (Statement(TERM, out, (source,)),))


def filled(at: int, count: int, number: float = 0.0) -> Nest:
    """So many numbers of work, from an address on, that are all this one."""
    return Nest((count,), (Statement(TERM, Affine(WORK, at, (1,)), (), None, number),))


def ragged(
    out: Affine, starts: Integers, *inputs: Listed, reduce: Reduction = "add",
    coefficient: float = 1.0, accumulate: bool = False,
) -> Nest:  # fmt: skip
    """Sums of products, or maxima, of rows of unequal length."""
    term = Statement(TERM, out, inputs, None, coefficient, accumulate)
    return Nest((len(starts) - 1,), (term,), reduce, starts)


def one_hot(extents: Shape, axis: int, out: Affine, ids: Affine) -> Nest:
    """`out = 1 if ids == index[axis] else 0`: a run-time integer as a choice from a table."""
    return Nest(extents, (Statement("equal", out, (ids, Counter(axis))),))


def settled(nest: Nest) -> Nest:
    """The nest; without its reduction if that is over no more than one number anywhere."""
    if nest.reduce is None or nest.starts is not None:
        return nest
    if any(n > 1 and not s for n, s in zip(nest.extents, nest.first.out.strides, strict=True)):
        return nest
    return Nest(nest.extents, nest.body, origin=nest.origin)


@dataclass(frozen=True, slots=True)
class Repeat:
    """Nests from `first` on, up to `end`, that run `count` times, one block after the other.

    They are for block 0; their first axis, of extent 1, is that of the blocks: in block k each
    operand begins k times its stride further on.
    """

    first: int
    end: int
    count: int


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of a program, from a nest on, up to another, which may run at the same time.

    One follows the other; none writes what another reads or writes.
    """

    ranges: tuple[tuple[int, int], ...]

    @property
    def first(self) -> int:
        """The first nest of all."""
        return self.ranges[0][0]

    @property
    def end(self) -> int:
        """The nest after the last."""
        return self.ranges[-1][1]


Range = tuple[int, int]  # of work: base, length


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Nests and what they run on.

    It computes a loss and gradients, and answers nan where the loss or a number in `checked` is
    not finite. Or it is an update, without a loss: it writes new parameters and state. What is no
    array is a `sequence` (see that module), which runs after the nests; of a batch for some
    samples at a time, which are its `groups`.
    """

    nests: tuple[Nest, ...]
    work: Floats  # what work holds before the first run: constants, and 0 elsewhere
    sizes: dict[Space, int]  # of the other spaces
    loss: int | None  # where in work
    checked: tuple[Range, ...] = ()
    kept: tuple[Range, ...] = ()  # what of work is read after a run
    repeats: tuple[Repeat, ...] = ()  # one after the other
    shares: tuple[Shares, ...] = ()  # one after the other; no repeat is in two ranges
    origins: Sequence[Integers] = ()  # recorded operations, as `Graph.origin` has them
    sequence: tuple[Any, ...] = ()
    groups: SampleGroups | None = None

    @property
    def lanes(self) -> int:
        """How many numbers there are for each that a sequence has."""
        return 1 if self.groups is None else self.groups.lanes

    @property
    def all_sizes(self) -> dict[Space, int]:
        """Of all spaces."""
        return {WORK: len(self.work), **self.sizes}

    @property
    def read_after(self) -> list[Range]:
        """The ranges of work that are read when it has run."""
        loss = [] if self.loss is None else [(self.loss, 1)]
        return [*loss, *self.checked, *self.kept]

    @property
    def needed(self) -> Mask:
        """Which numbers of work are read when it has run."""
        parts = (slice(base, base + length) for base, length in self.read_after)
        return marked(len(self.work), *parts)

    def spaces_read(self) -> set[Space]:
        """The spaces that some nest reads."""
        operands = (x for nest in self.nests for s in nest.body for x in s.inputs)
        return {x.space for x in operands if not isinstance(x, Counter)}

    def recorded(self, nest: Nest) -> Integers:
        """The recorded operations that a nest stands for, each once; see `Graph.origin`."""
        parts = [self.origins[k] for k in sorted(nest.origin)]
        return distinct(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
