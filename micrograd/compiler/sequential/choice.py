"""Whether a graph is better computed in the order of its program."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from micrograd.compiler.codes import Ids
from micrograd.compiler.graph.graph import CONSTANT, Graph
from micrograd.compiler.sequential.order import is_narrow, program_order
from micrograd.compiler.sequential.sequence import InSequence

WIDER = 5  # nodes of a level on average, as a multiple of arrays' lengths
MOSTLY = 0.5  # of what is computed, in arrays in turns: then it is taken in turns
MOSTLY_LONG = 0.6  # where short ones do not count


@dataclass(eq=False)
class InOrder:
    """What `schedule` asks about it: narrow levels at once, turns where there are many levels."""

    graph: Graph
    rank: Ids
    pins: Ids
    roots: Ids
    top: int  # where work is free
    wide_ends: bool  # whether what is wide before and after all others is arrays
    shortest: int = 0  # numbers of an array that pays

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

    def has_turns(self, levels: int) -> bool:
        """Whether most of it repeats itself, as arrays that are not much shorter than a level."""
        found = [(turns.count * x.period, x.turns) for turns in self.sequence.turns
                 for x in turns.arrays if x.turns >= self.shortest]  # fmt: skip
        runs = sum(times for times, _ in found)
        made = sum(times * length for times, length in found)
        nodes = len(self.sequence.order)
        least = MOSTLY_LONG if self.shortest else MOSTLY
        return made > least * nodes and nodes * runs <= WIDER * levels * made
