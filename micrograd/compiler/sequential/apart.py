"""What needs nothing of what runs one after the other, or is needed by nothing of it: arrays.

Before a sequence come wide groups that are computed from leaves and such groups, after it those of
which only such are computed. Their functions take vectors, where those in loops take numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.arrays.schedule import Group, Groups
from micrograd.compiler.codes import NONE, ROWS, Ids, Mask, distinct, hashed, mixed, occurrences
from micrograd.compiler.graph.graph import (
    CONSTANT,
    ROW,
    Graph,
    adjoint_of,
    longest_paths,
    reachable,
)
from micrograd.ops import OPS

WIDE = 64  # numbers of a group, or terms: fewer are no faster as an array
PART = 1 / 128  # of all nodes: smaller groups take longer to compile than they save
ENDS = 6  # levels, from the first and from the last, of which groups may be small
MOST_SMALL = 64  # nodes of such
LONGER = 10  # times as long as others is a function
SHARE = 0.3  # of the time of all: less is not worth to compile it
EACH = 350  # nodes of a group, on average: smaller ones take longer to compile than is saved
MOST_OFTEN = 16  # what is used by a part so large of all nodes is like nothing else


Levels = NDArray[np.int32]
FUNCTION = np.array([not OPS[name].exact for name in ROWS])


class Apart(NamedTuple):
    """Groups before a sequence and after it, each after what it uses."""

    before: list[Group]
    after: list[Group]


def apart(g: Graph, forms: Ids, alone: Mask) -> Apart:
    """The groups; `forms` has the same number for nodes that do the same.

    What is in no loop is `alone`. What is in one gains little, unless it is a function.
    """
    users, used = g.edges
    inner = g.kind > CONSTANT
    function = (g.kind == ROW) & FUNCTION[g.row]
    worth, cost = alone | function, np.where(function, LONGER, 1) * inner
    size = np.maximum(np.bincount(g.node, minlength=len(g)), 1)
    heights = [longest_paths(*way, len(g)) for way in ((users, used), (used, users))]
    least = max(WIDE, PART * len(g))
    wide = [np.bincount(height, size * inner)[height] >= least for height in heights]
    most = cost[(wide[0] | wide[1])].sum() + 2 * MOST_SMALL * LONGER
    if most < SHARE * cost.sum():
        return Apart([], [])
    early = _wide(used, users, inner, forms, worth, size, heights[0])
    late = _wide(users, used, inner & ~early, forms, worth, size, heights[1])
    if cost[early | late].sum() < SHARE * cost.sum():
        return Apart([], [])
    made = Apart(*(_groups(g, users, used, inside, forms) for inside in (early, late)))
    few = (early | late).sum() < EACH * (len(made.before) + len(made.after))
    return Apart([], []) if few else made


def in_time(g: Graph) -> Ids:
    """When each node was recorded; a derivative, when that of which it is one."""
    return np.where(g.origin >= 0, g.origin, adjoint_of(g.origin))


def _wide(
    users: Ids, used: Ids, may: Mask, forms: Ids, worth: Mask, size: Ids, height: Levels
) -> Mask:
    """The wide groups, mostly of what is worth it, of which no others are computed.

    A few nodes at the end do not count. With users and used in each other's place, those that are
    computed from such alone.
    """
    of = occurrences(hashed(forms, height))[0]
    count, good = (np.bincount(of[x], size[x], int(of.max()) + 1) for x in (may, may & worth))
    wide = may & (count >= max(WIDE, PART * len(may)))[of]
    every = np.ones(len(may), bool)
    blocked = reachable(users, used, may & ~wide & (height > ENDS), every)
    seeds, found = wide & (2 * good > count)[of] & ~blocked, ~every
    depths = distinct(height[seeds])
    while len(depths):  # as many as there may be
        middle = len(depths) // 2
        more = may & reachable(used, users, seeds & (height <= depths[middle]), every)
        if (more & ~wide).sum() > MOST_SMALL:
            depths = depths[:middle]
        else:
            found, depths = more, depths[middle + 1 :]
    return found


def _groups(g: Graph, users: Ids, used: Ids, inside: Mask, forms: Ids) -> list[Group]:
    """The nodes inside in groups, none of them ragged: those of a level that do the same."""
    if not inside.any():
        return []
    users, used = users[inside[users]], used[inside[users]]
    often = np.bincount(used, minlength=len(g)) >= max(WIDE, inside.sum() / MOST_OFTEN)
    moving = inside[used]
    level = longest_paths(users[moving], used[moving], len(g))
    groups = Groups(g, level, np.zeros(len(g), bool))
    sort = np.where(inside, forms, NONE - g.kind)  # all that a group asks about what its nodes use
    sort[often & ~inside] = NONE - ROW - np.flatnonzero(often & ~inside)
    factors = mixed(np.append(sort, -2)[g.u]) + mixed(np.append(sort, -2)[g.v])
    flags = np.zeros(len(g), np.uint64)  # of sums, the terms: so that none is of another length
    np.add.at(flags, g.node, mixed(factors + mixed(g.c.view(np.int64))))
    recorded = in_time(g)
    for depth in range(int(level[inside].max(initial=-1)) + 1):
        nodes = inside & (level == depth)
        groups.of[:] = sort
        if len(rows := np.flatnonzero(nodes & (g.kind == ROW))):
            groups.add_rows(rows, flags)
        if len(terms := np.flatnonzero(nodes[g.node])):
            terms = terms[np.lexsort((recorded[g.u[terms]], g.node[terms]))]
            groups.add_sums((g.node[terms], g.u[terms], g.v[terms], g.c[terms]), flags)
    groups.finish()
    return groups.all
