"""Which parameters a step updates: those that an eager backward pass would reach.

A parameter of the optimiser counts as a whole: an array is reached if any of its numbers is. Where
run-time integers or conditions choose, it depends on them which are: a backward pass on truth
values, whose results are nodes of the graph, says it at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask, among, distinct, marked
from micrograd.compiler.graph.builder import Builder, Lanes, Symbols
from micrograd.compiler.graph.graph import ROW, Graph, longest_paths, used_by
from micrograd.compiler.graph.normal_form import Leaves
from micrograd.compiler.store import places_of
from micrograd.optim.optimizer import wholes
from micrograd.optim.state import ParamGroup, scalars

MANY = 1000  # uses of which it pays to look for those that matter
ALWAYS = 0  # the number of the condition that is true


@dataclass(slots=True, eq=False)
class Touched:
    """Places that are always updated, places that depend on run-time integers, and on which."""

    used: Ids
    chosen: Ids
    flag: Ids  # for each chosen place, the number of its set
    flags: Ids  # of each set the node that is not 0 if its parameters were reached

    @staticmethod
    def none() -> Touched:
        """Nothing is updated."""
        empty = np.zeros(0, np.int64)
        return Touched(empty, empty, empty, empty)


def touched_by_step(
    trained: Sequence[ParamGroup],
    g: Graph,
    leaves: Leaves,
    on_the_way: Mask,
    places: Ids,
    lanes: bool,
) -> tuple[Graph, Touched]:
    """What an eager step would update: a parameter of which a backward pass reaches some part.

    `trained` are the groups of an optimiser.
    `on_the_way` are the nodes that the loss is computed from, whatever the integers are. The graph
    is returned with the nodes that say which were reached; with `lanes`, in any of them.
    """
    sides = leaves.sides[g.kind[leaves.sides] == ROW]
    g, opposite = _with_opposites(g, sides)
    if len(sides):
        on_the_way = _beside_conditions(g, sides, int(leaves.outputs[0]))
    conditions = Conditions(g, leaves, on_the_way, sides, opposite)
    number = np.full(int(places.max(initial=-1)) + 1, NONE)
    number[places] = np.arange(len(places))
    used: list[Ids] = []
    members_of: dict[int, list[int]] = {}
    for group in trained:
        parts_of = [[*scalars(whole)] for whole in wholes(group)]
        members = places_of(chain.from_iterable(parts_of))
        sizes = [len(whole) for whole in parts_of]
        owner = np.repeat(np.arange(len(sizes)), sizes)
        met = np.flatnonzero(members < len(number))
        met = met[number[members[met]] >= 0]
        node = leaves.parameters[number[members[met]]]
        met, node = met[on_the_way[node]], node[on_the_way[node]]
        whole = marked(len(sizes), owner[met[conditions.always[node]]])
        used.append(members[whole[owner]])
        parts: dict[int, list[int]] = {}
        left = ~whole[owner[met]]
        for k, part in zip(owner[met[left]].tolist(), node[left].tolist(), strict=True):
            parts.setdefault(k, []).append(part)
        for k, own in parts.items():
            members_of.setdefault(conditions.any_of(own), []).extend(members[owner == k].tolist())
    used += [np.array(members_of.pop(ALWAYS, []), np.int64)]
    chosen = np.array([i for members in members_of.values() for i in members], np.int64)
    flag = np.repeat(np.arange(len(members_of)), [len(m) for m in members_of.values()])
    order = np.argsort(chosen, kind="stable")
    g, flags = conditions.nodes(g, members_of, lanes)
    return g, Touched(np.sort(np.concatenate(used)), chosen[order], flag[order], flags)


class Conditions:
    """Under which condition a backward pass reaches a node.

    A condition is a set of pairs: another condition that must hold, and the node of a choice that
    must be 1 (NONE: no choice). It holds if one of its pairs does. Equal ones have one number, and
    a set with all choices of an integer is what it is without that choice.
    """

    def __init__(
        self, g: Graph, leaves: Leaves, on_the_way: Mask, sides: Ids, opposite: dict[int, int]
    ) -> None:
        self._pairs: list[frozenset[tuple[int, int]]] = [frozenset()]
        self._number: dict[frozenset[tuple[int, int]], int] = {}
        self._slot, self._size = _slots(g, leaves)
        for k, (yes, no) in enumerate(opposite.items(), len(self._size)):
            self._slot[[yes, no]] = k  # two choices, of which one is taken
        self._size = np.append(self._size, np.full(len(opposite), 2))
        user, used, gate = _gated_edges(g, self._slot, sides, opposite)
        # Nodes that are reached whatever is chosen need no condition of their own.
        flows = on_the_way & ~g.stop
        loss = marked(len(g), leaves.outputs[0])
        self.always = on_the_way
        plain = _without(g, self._slot, sides)
        if (self._slot >= 0).any() or len(sides):
            self.always = used_by(plain, loss, ~g.stop)
        kept = on_the_way[user] & flows[used] & ~self.always[used]
        user, used, gate = user[kept], used[kept], gate[kept]
        self._of: dict[int, int] = {}
        self._incoming: dict[int, set[tuple[int, int]]] = {}
        if len(user):
            level = longest_paths(user, used, len(g))
            order = np.lexsort((used, -level[used]))
            depth = -level[used].astype(np.int64)
            self._visit(user[order], used[order], gate[order], depth[order], plain)

    def _visit(self, user: Ids, used: Ids, gate: Ids, depth: Ids, plain: Graph) -> None:
        """Users come before what they use: depth by depth, each use finds its user known."""
        start = 0
        while start < len(user):
            end = int(np.searchsorted(depth, depth[start], "right"))
            uses = (x[start:end].tolist() for x in (used, user, gate))
            found = self._visit_depth(zip(*uses, strict=True))
            start = end
            if found and len(user) - end > MANY:  # what they use without a choice is reached, too
                self.always[found] = True
                self.always = used_by(plain, self.always, ~plain.stop)
                left = end + np.flatnonzero(~self.always[used[end:]])
                user, used, gate, depth = (x[left] for x in (user, used, gate, depth))
                start = 0
            self.always[found] = True

    def _visit_depth(self, uses: Iterator[tuple[int, int, int]]) -> list[int]:
        """Note each (used, user, choice); the nodes that are found to be reached in any case."""
        found: set[int] = set()
        always = self.always.data  # the same, one by one and faster
        for node, user, gate in uses:
            if node in found or always[node]:
                continue
            condition = ALWAYS if user in found or always[user] else self._condition(user)
            if condition == ALWAYS and not always[user]:
                found.add(user)
            if condition == ALWAYS and gate == NONE:
                found.add(node)
                continue
            self._incoming.setdefault(node, set()).add((condition, gate))
        return list(found)

    def _condition(self, node: int) -> int:
        if node not in self._of:
            self._of[node] = self._made(self._incoming.pop(node))
        return self._of[node]

    def any_of(self, nodes: Iterable[int]) -> int:
        """The number of the condition that one of these leaves is reached."""
        pairs: set[tuple[int, int]] = set()
        for node in nodes:
            if self.always[node]:
                return ALWAYS
            pairs |= self._incoming[node]
        return self._made(pairs)

    def _made(self, pairs: set[tuple[int, int]]) -> int:
        pairs = {self._inner(pair) for pair in pairs}
        choices: dict[tuple[int, int], int] = {}
        for condition, gate in pairs:
            if gate != NONE:
                key = condition, int(self._slot[gate])
                choices[key] = choices.get(key, 0) + 1
        whole = {key for key, count in choices.items() if count == self._size[key[1]]}
        free = {c for c, gate in pairs if gate == NONE} | {c for c, _ in whole}
        if ALWAYS in free:
            return ALWAYS
        gated = {pair for pair in pairs if pair[1] != NONE and pair[0] not in free}
        if len(free) == 1 and not gated:
            return free.pop()
        made = frozenset(gated | {(c, NONE) for c in free})
        if made not in self._number:
            self._number[made] = len(self._pairs)
            self._pairs.append(made)
        return self._number[made]

    def _inner(self, pair: tuple[int, int]) -> tuple[int, int]:
        """A condition that is one choice, as that choice: so are those of a softmax together."""
        condition, gate = pair
        inner = self._pairs[condition]
        return next(iter(inner)) if gate == NONE and len(inner) == 1 else pair

    def nodes(self, g: Graph, wanted: Iterable[int], lanes: bool) -> tuple[Graph, Ids]:
        """The graph with a node for each of these: not 0 where the condition holds."""
        wanted = list(wanted)
        if not wanted:
            return g, np.zeros(0, np.int64)
        builder = Builder(g)
        needed = self._needed(wanted)
        inner = {c for number in needed for c, _ in self._pairs[number]}
        node: dict[int, int] = {}
        for number in sorted(needed & inner):
            total = builder.block_of_sums(1, stop=True)
            self._add(builder, int(total[0]), number, node)
            # 0 or 1, so that numbers stay small however deep choices are in one another.
            holds = Symbols(builder).select(Lanes(builder, total), 1.0, 0.0)
            node[number] = int(holds.ids[0])
        flags = builder.block_of_sums(len(wanted), reduced=lanes, stop=True)
        for flag, number in zip(flags.tolist(), wanted, strict=True):
            self._add(builder, flag, number, node)
        return builder.graph(), flags

    def _needed(self, wanted: list[int]) -> set[int]:
        found, stack = set(wanted), list(wanted)
        while stack:
            new = {c for c, _ in self._pairs[stack.pop()] if c != ALWAYS} - found
            found |= new
            stack += new
        return found

    def _add(self, builder: Builder, total: int, number: int, node: dict[int, int]) -> None:
        pairs = np.array(sorted(self._pairs[number]), np.int64)
        condition = np.array([node.get(c, NONE) for c in pairs[:, 0].tolist()], np.int64)
        gate = pairs[:, 1]
        u = np.where(condition == NONE, gate, condition)
        v = np.where(condition == NONE, NONE, gate)
        builder.add_terms(np.full(len(pairs), total), u, v, 1.0)


def _slots(g: Graph, leaves: Leaves) -> tuple[Ids, Ids]:
    """Of every node the run-time integer of which it is a choice, and the choices of each."""
    slots, width = leaves.hot.shape
    slot = np.full(len(g), NONE)
    slot[leaves.hot.ravel()] = np.repeat(np.arange(slots), width)
    by_choice = (g.v >= 0) & (slot[g.v] >= 0)
    taken = marked(len(g), g.v[by_choice])
    return slot, taken[leaves.hot].sum(1)


def _with_opposites(g: Graph, sides: Ids) -> tuple[Graph, dict[int, int]]:
    """The graph with a node for the opposite of each condition of these selects."""
    conditions = distinct(g.args[sides, 0])
    if not len(conditions):
        return g, {}
    builder = Builder(g)
    no = Symbols(builder).equal(Lanes(builder, conditions), 0.0)
    return builder.graph(), dict(zip(conditions.tolist(), no.ids.tolist(), strict=True))


def _beside_conditions(g: Graph, sides: Ids, loss: int) -> Mask:
    """The nodes that derivatives may reach: the conditions of these selects are none."""
    args = g.args.copy()
    args[sides, 0] = NONE
    return used_by(replace(g, args=args), marked(len(g), loss), ~g.stop)


def _gated_edges(g: Graph, slot: Ids, sides: Ids, opposite: dict[int, int]) -> tuple[Ids, Ids, Ids]:
    """(user, used, the choice that must be 1 for the user to have come from it, or NONE)."""
    user, used = g.edges
    gate = np.full(len(user), NONE)
    by_u = np.flatnonzero(g.u >= 0)
    v = g.v[by_u]
    gate[: len(by_u)] = np.where((v >= 0) & (slot[v] >= 0), v, NONE)
    plain = ~among(user, sides)
    conditions = g.args[sides, 0]
    no = np.array([opposite[c] for c in conditions.tolist()], np.int64)
    return (
        np.concatenate([user[plain], sides, sides]),
        np.concatenate([used[plain], g.args[sides, 1], g.args[sides, 2]]),
        np.concatenate([gate[plain], conditions, no]),
    )


def _without(g: Graph, slot: Ids, sides: Ids) -> Graph:
    """The graph without what is chosen."""
    keep = (g.v < 0) | (slot[g.v] < 0)
    args = g.args.copy()
    args[sides] = NONE
    return replace(g, node=g.node[keep], u=g.u[keep], v=g.v[keep], c=g.c[keep], args=args)
