"""What is known of a program while it is compiled: what passes read, and what they add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.arrays.layout import ALIGN, Layout
from micrograd.compiler.arrays.loops import Loops
from micrograd.compiler.arrays.schedule import Group, lane_mask
from micrograd.compiler.codes import Ids
from micrograd.compiler.graph.graph import Graph
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.compiler.nest.ir import Program
from micrograd.compiler.sequential.sequence import InSequence
from micrograd.compiler.trace.recording import Recording
from micrograd.compiler.update.memory import Memory
from micrograd.compiler.update.touched import Touched
from micrograd.optim.state import ParamGroup

VALUE, GRADIENT, STEP = "value", "gradient", "step"
FIRST = ALIGN  # of work, where gradients start; work[0] stays 0


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """What is to be in different groups: numbers, of which different ones are apart.

    Of parameters, inputs and recorded operations those that are 0 may be with one another.
    """

    parameters: Ids | None = None
    inputs: Ids | None = None
    outputs: Ids | None = None
    recorded: Ids | None = None


@dataclass(slots=True, eq=False)
class Compilation:
    """A recording that is compiled, and what the passes have made of it."""

    recording: Recording
    arguments: Arguments
    places: Ids  # of its parameters, in a store
    size: int  # of the store
    mode: str  # VALUE or GRADIENT
    trained: Sequence[ParamGroup] = ()  # the groups of an optimiser
    number_bytes: int = 8
    threads: int = 1  # that the samples are split among
    wide_ends: bool = True  # whether what is wide before and after a sequence is arrays
    # For each recorded operation 0, or what it is part of: then it stays as it was recorded, and
    # is in no group with one of another number.
    apart: Ids | None = None
    kinds: Kinds = field(default_factory=lambda: Kinds())
    safe: bool = False  # whether sides that are not taken are kept from being infinite
    may_be_alone: bool = True  # whether a sample of a batch may be compiled alone, as a sequence

    graph: Graph = field(init=False)
    leaves: Leaves = field(init=False)
    reached: np.ndarray | None = None  # the nodes that the loss is computed from, where asked
    touched: Touched = field(default_factory=lambda: Touched.none())
    flags: Ids = field(default_factory=lambda: np.zeros(0, np.int64))  # not 0 where chosen
    selects: Ids = field(default_factory=lambda: np.zeros(0, np.int64))  # selects of operands
    adjoints: Ids = field(init=False)  # of the parameters
    rank: Ids = field(init=False)  # of nodes, in the order of the program
    shortest: int = 0  # numbers of an array that pays in turns
    sequence: InSequence | None = None  # of a program in which there are no arrays
    alone: bool = False  # whether it is of a batch, and compiled for a sample: see `over_samples`
    groups: list[Group] = field(init=False)
    of: Ids = field(init=False)  # the group of each node
    layout: Layout = field(init=False)
    loops: Loops = field(init=False)
    gradients: int = FIRST  # where they start in work, a place each; flags follow
    means: Ids | None = None  # where outputs are, if they are means of samples by themselves
    program: Program = field(init=False)
    milliseconds: dict[str, float] = field(default_factory=dict)

    @property
    def outputs(self) -> Ids:
        """Addresses in work, the loss first."""
        own = self.layout.address[self.leaves.outputs]
        return own if self.means is None else self.means

    @property
    def lanes(self) -> int:
        """The samples of a batch; 0: none."""
        return self.arguments.lanes

    @property
    def taken(self) -> Arguments:
        """The arguments as the passes have them: those of a sample, if that is compiled alone."""
        return replace(self.arguments, lanes=0) if self.alone else self.arguments

    def in_lanes(self) -> np.ndarray:
        """The nodes that have a value for each sample."""
        seeds = np.concatenate([self.leaves.inputs, self.leaves.hot.ravel()])
        return lane_mask(self.graph, seeds[seeds >= 0] if self.taken.lanes else seeds[:0])

    @property
    def free(self) -> int:
        """Where work is free after gradients and flags."""
        flags = -(-len(self.flags) // ALIGN) * ALIGN
        return FIRST + (self.flags_from + flags if self.mode != VALUE else 0)

    @property
    def flags_from(self) -> int:
        """Where flags start, counted from the first gradient."""
        return -(-self.size // ALIGN) * ALIGN


@dataclass(slots=True, eq=False)
class UpdateCompilation:
    """The update of parameters at the places that a program has touched."""

    memory: Memory
    touched: Touched
    size: int  # of the store
    flags_from: int  # behind the gradients
    number_bytes: int = 8

    program: Program = field(init=False)
    milliseconds: dict[str, float] = field(default_factory=dict)
