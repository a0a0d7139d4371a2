"""The order in which a program goes through its nodes: as it was recorded, and then back.

It is asked first whether a graph is better computed in that order.

What repeats in the program is then a period of the list: a loop. Adjoints come in the reverse
order of the nodes that they belong to, and what is worked out besides just before its first user.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask
from micrograd.compiler.graph.graph import CONSTANT, IN_A_CIRCLE, Graph, longest_paths
from micrograd.compiler.sequential.sequence import InSequence
from micrograd.errors import CompileError

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


LATER = np.iinfo(np.int64).max
BACK = 1 << 48  # ranks of adjoints are not much less
DEEP = 128  # levels: it does not pay to ask about fewer
NARROW = 32  # uses of a level on average: fewer are no arrays
MOST_ROUNDS = 16  # of what is worked out for what is worked out besides, and so on


def ranks(size: int, nodes: Ids, differentiated: Ids, free: Ids) -> Ids:
    """Where each node of a graph with adjoints comes: its own number, and mirrored for adjoints.

    The adjoints of the `differentiated` nodes follow the `nodes` that there were before. What is
    `free`, and what was added besides, has NONE.
    """
    rank = np.full(size, NONE)
    count = len(nodes)
    rank[:count] = nodes
    rank[free] = NONE
    rank[count : count + len(differentiated)] = BACK - differentiated
    return rank


def is_narrow(g: Graph, rank: Ids, leaf: Mask) -> bool:
    """Whether there are many levels of the program itself, without adjoints, that use little."""
    forward = (rank >= 0) & (rank < BACK // 2) & ~leaf
    users, used = g.edges
    inner = forward[users] & forward[used]
    users, used = users[inner], used[inner]
    deepest = 1 + int(longest_paths(users, used, len(g)).max(initial=-1))
    return deepest > DEEP and len(used) < NARROW * deepest


def program_order(g: Graph, rank: Ids, leaf: Mask) -> Ids:
    """The nodes that are computed, in order; each comes after all that it uses."""
    users, used = g.edges
    inner = ~leaf[used]
    users, used = users[inner], used[inner]
    order = _by_first_use(rank, users, used)
    order = np.asarray(order[~leaf[order]])
    place = np.zeros(len(g), np.int64)
    place[order] = np.arange(len(order))
    if (place[used] < place[users]).all():
        return order
    return _sorted(order, place, users, used)


def _by_first_use(rank: Ids, users: Ids, used: Ids) -> Ids:
    """By rank; what has none has that of its first user, and comes before it."""
    free = rank == NONE
    first, before = np.where(free, LATER, rank), np.zeros(len(rank), np.int64)
    moving = free[used]
    users, used = users[moving], used[moving]
    for _ in range(MOST_ROUNDS):
        known = first.copy()
        np.minimum.at(first, used, known[users])
        if (first == known).all():
            break
    same = first[users] == first[used]
    users, used = users[same], used[same]
    for _ in range(MOST_ROUNDS):
        known = before.copy()
        np.maximum.at(before, used, 1 + known[users])
        if (before == known).all():
            break
    order: Ids = np.lexsort((np.arange(len(rank)), -before, first))
    return order


def _sorted(order: Ids, place: Ids, users: Ids, used: Ids) -> Ids:
    """The nearest order in which everything comes after what it uses."""
    waiting = np.bincount(users, minlength=len(place)).tolist()
    by_used = np.argsort(used, kind="stable")
    start = np.searchsorted(used[by_used], np.arange(len(place) + 1)).tolist()
    to, places, nodes = users[by_used].tolist(), place.tolist(), order.tolist()
    ready = [places[n] for n in nodes if not waiting[n]]
    heapify(ready)
    done: list[int] = []
    while ready:
        n = nodes[heappop(ready)]
        done.append(n)
        for m in to[start[n] : start[n + 1]]:
            waiting[m] -= 1
            if not waiting[m]:
                heappush(ready, places[m])
    if len(done) < len(nodes):
        raise CompileError(IN_A_CIRCLE)
    return np.array(done, np.int64)
