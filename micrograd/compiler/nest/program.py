"""A program: kernels over flat arrays, in the order in which they run.

Plain data, the last form before a backend. A kernel is a nest of loops whose operands lie at affine
addresses, `base + Σ stride · index`, in one of a few flat arrays (spaces):

- "work": what the program computes, and its constants; one for each program
- "parameters", "state": the parameters and the optimiser's memory, shared between programs
- "input0", "input1", …: the arguments, flat, C order, as floats
- "ids0", "ids1", …: the arguments that are run-time integers, as int64
- "masks": comparisons as booleans, in programs made for NumPy only; laid out like work
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TERM = "term"  # the row of a statement that is not in the op table: coefficient · product of inputs


@dataclass(frozen=True, slots=True)
class Access:
    """Where an operand of a kernel lies: `space[base + Σ strides[i] · index[i]]`."""

    space: str
    base: int
    strides: tuple[int, ...]  # one for each axis of the kernel


@dataclass(frozen=True, slots=True)
class Statement:
    """`out = row(*inputs, static)`; for a TERM `out = coefficient · Πinputs`, of at most two.

    A TERM that accumulates adds to `out`. What is not `kept` is read by later statements of the
    same kernel only, and need not be stored.
    """

    row: str
    out: Access
    inputs: tuple[Access, ...]
    static: float | None = None
    coefficient: float = 1.0
    accumulate: bool = False
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Elementwise:
    """At each index, the statements in order; no statement writes the same address twice.

    A statement may read, at the same index, what an earlier one wrote there, and no other index.
    """

    extents: tuple[int, ...]
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Contraction:
    """`out = coefficient · Σ u · v` over the axes on which `out` has stride 0; v may be missing.

    With `accumulate` it adds to `out`. Covers dot, matrix-vector, matrix-matrix and plain sums.
    Then the statements `after` run at each index of the result, with stride 0 along the other axes.
    A result that is not `kept` is read by them only, and need not be stored.
    """

    extents: tuple[int, ...]
    out: Access
    u: Access
    v: Access | None
    coefficient: float
    accumulate: bool
    after: tuple[Statement, ...] = ()
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Maximum:
    """`out = max u` over the axes on which `out` has stride 0; nan if any is nan."""

    extents: tuple[int, ...]
    out: Access
    u: Access


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """`work[base + i] = space[index[i]]`: for operands that are not affine."""

    base: int
    space: str
    index: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Sums, or maxima, of rows of unequal length.

    `work[base + i]` is `coefficient · Σ_j u_space[u[j]] · v_space[v[j]]` for j from start[i] to
    start[i + 1]; `v` may be missing. With `accumulate` it adds to what is there. No row is empty.
    """

    base: int
    reduction: Literal["sum", "max"]
    start: Integers
    u_space: str
    u: Integers
    v_space: str
    v: Integers | None
    coefficient: float
    accumulate: bool


@dataclass(frozen=True, slots=True)
class OneHot:
    """`out = 1 if ids == index[axis] else 0`: a run-time integer as a choice from a table."""

    extents: tuple[int, ...]
    axis: int
    out: Access
    ids: Access


Kernel = Elementwise | Contraction | Maximum | Gather | Ragged | OneHot


@dataclass(frozen=True, slots=True)
class Repeat:
    """Kernels from `first` on, up to `end`, that run `count` times, one block after the other.

    They are for block 0; their first axis, of extent 1, is that of the blocks: in block k each
    access begins k times its stride further on.
    """

    first: int
    end: int
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Kernels and what they run on.

    The first `update_from` kernels compute the loss and the gradients; the others write new
    parameters and state. Between the two, a run stops and answers nan where the loss or a number
    in `checked` (ranges of work: base, length) is not finite: nothing has been changed then.
    """

    kernels: tuple[Kernel, ...]
    update_from: int
    work: Floats  # what work holds before the first run: constants, and 0 elsewhere
    sizes: dict[str, int]  # of the other spaces
    loss: int  # where in work
    checked: tuple[tuple[int, int], ...]
    kept: tuple[tuple[int, int], ...] = field(
        default=()
    )  # ranges of work that are read after a run
    repeats: tuple[Repeat, ...] = ()  # one after the other, before the update


def spaces_read(program: Program) -> set[str]:
    """The spaces that some kernel reads."""
    spaces: set[str] = set()
    for kernel in program.kernels:
        if isinstance(kernel, Elementwise):
            spaces.update(x.space for s in kernel.statements for x in s.inputs)
        elif isinstance(kernel, Gather):
            spaces.add(kernel.space)
        elif isinstance(kernel, Ragged):
            spaces.update((kernel.u_space, kernel.v_space))
        elif isinstance(kernel, OneHot):
            spaces.add(kernel.ids.space)
        else:
            spaces.add(kernel.u.space)
            if isinstance(kernel, Contraction) and kernel.v is not None:
                spaces.add(kernel.v.space)
    return spaces
