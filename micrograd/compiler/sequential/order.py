"""The order in which a program goes through its nodes: as it was recorded, and then back.

What repeats in the program is then a period of the list: a loop. Adjoints come in the reverse
order of the nodes that they belong to, and what is worked out besides just before its first user.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask
from micrograd.compiler.graph.graph import IN_A_CIRCLE, Graph, longest_paths
from micrograd.errors import CompileError

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
