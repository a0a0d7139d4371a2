"""Whether a graph is better computed in the order of its program."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from micrograd.compiler.codes import Ids
from micrograd.compiler.graph.graph import CONSTANT, Graph
from micrograd.compiler.sequential.order import is_narrow, program_order
from micrograd.compiler.sequential.sequence import InSequence

MOSTLY = 0.6  # of what is computed, in arrays in turns: then it is taken in turns


@dataclass(eq=False)
class InOrder:
    """What there is to say for it; see `schedule.Otherwise`."""

    graph: Graph
    rank: Ids
    pins: Ids
    roots: Ids
    top: int  # where work is free
    wide_ends: bool  # whether what is wide before and after all others is arrays

    @cached_property
    def sequence(self) -> InSequence:
        """The graph in the order of its program, with places and turns."""
        leaf = self.graph.kind <= CONSTANT
        order = program_order(self.graph, self.rank, leaf)
        found = InSequence(self.graph, order, self.pins, self.roots, self.wide_ends)
        found.place(self.top)
        return found

    def is_narrow(self) -> bool:
        """Whether there are many levels that use little."""
        return is_narrow(self.graph, self.rank, self.graph.kind <= CONSTANT)

    def has_turns(self) -> bool:
        """Whether most of it repeats itself, as arrays."""
        return self.sequence.in_arrays > MOSTLY
