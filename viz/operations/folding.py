"""A graph that is too large to draw, as blocks that stand for many operations each.

Every node is in exactly one block, and blocks make no cycle.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from micrograd.tape.tape import Tape
from viz.operations.grouping import ModulePath
from viz.operations.recurring import runs

MOST_NODES = 200  # a larger graph is folded
MOST_BLOCKS = 32  # of units, layers or modules; more are folded further
MOST_SHOWN = 80  # blocks of a graph without modules; what is behind them is one block each
MOST_IN_TURN = 24  # nodes of a turn that is shown in full
MOST_LOOSE = 12  # operations that are part of nothing and have a card each


@dataclass(frozen=True)
class Block:
    """Nodes on one card. A title of "" is that of the only node, or of no module."""

    nodes: tuple[int, ...]
    title: str = ""
    times: int = 1  # how often the same was computed
    behind: bool = False  # what is not shown in full


def fold(tape: Tape, places: Sequence[ModulePath], most: int = MOST_NODES) -> list[Block]:
    """The blocks of a graph.

    Operations fold into the finest units, layers or modules that are few enough, the turns of a
    loop into one block; of what remains, that nearest the result is kept.
    """
    everything = range(len(tape.nodes))
    if len(tape.nodes) <= most:
        return [Block((i,)) for i in everything]
    if any(places[i] for i in everything if tape.nodes[i].inputs):
        blocks = _by_place(tape, places)
    else:
        blocks = _by_run(tape)
    blocks = _with_leaves(tape, blocks)
    return _nearest(tape, blocks) if len(blocks) > MOST_SHOWN else blocks


def users_of(tape: Tape, blocks: Sequence[Block]) -> list[dict[int, None]]:
    """For each block, the blocks that use it."""
    home = {i: k for k, block in enumerate(blocks) for i in block.nodes}
    users: list[dict[int, None]] = [{} for _ in blocks]
    for i, node in enumerate(tape.nodes):
        for j in node.inputs:
            if home[j] != home[i]:
                users[home[j]][home[i]] = None
    return users


def exits_of(tape: Tape, blocks: Sequence[Block]) -> set[int]:
    """The nodes that are used outside of their block, and the result."""
    home = {i: k for k, block in enumerate(blocks) for i in block.nodes}
    used = {j for i, node in enumerate(tape.nodes) for j in node.inputs if home[j] != home[i]}
    return used | {len(tape.nodes) - 1}


# ---- by modules ----------------------------------------------------------------------------------


def _by_place(tape: Tape, places: Sequence[ModulePath]) -> list[Block]:
    depth = max(map(len, places))
    loose = sum(not places[i] and bool(node.inputs) for i, node in enumerate(tape.nodes))
    apart = loose <= MOST_LOOSE
    blocks: list[Block] = []
    for level in range(depth, 0, -1):
        groups = [_group(i, place, level, apart) for i, place in enumerate(places)]
        blocks = _contracted(tape, groups)
        if sum(bool(block.title) for block in blocks) <= MOST_BLOCKS:
            break
    return blocks


def _group(i: int, place: ModulePath, level: int, apart: bool) -> str:
    """The name of the block that an operation goes to; a number for one of its own."""
    if place:
        return place[min(level, len(place)) - 1]
    return str(i) if apart else ""


def _contracted(tape: Tape, groups: Sequence[str]) -> list[Block]:
    """Operations of the same group as one block; if that made a cycle, as one for each turn."""
    operations = [i for i, node in enumerate(tape.nodes) if node.inputs]
    turn: dict[int, int] = {}
    for i in operations:
        inputs = [j for j in tape.nodes[i].inputs if j in turn]
        turn[i] = max((turn[j] + (groups[j] != groups[i]) for j in inputs), default=0)
    cyclic = _in_cycles(tape, operations, groups)
    members: dict[tuple[str, int], list[int]] = defaultdict(list)
    for i in operations:
        members[groups[i], turn[i] if groups[i] in cyclic else 0].append(i)
    return [
        Block(tuple(nodes), "" if name.isdecimal() else name, _times(tape, nodes))
        for (name, _), nodes in members.items()
    ]


def _in_cycles(tape: Tape, operations: Sequence[int], groups: Sequence[str]) -> set[str]:
    """The groups that are left when those without users, or without inputs, are taken away."""
    after: dict[str, set[str]] = {groups[i]: set() for i in operations}
    before: dict[str, set[str]] = {groups[i]: set() for i in operations}
    for i in operations:
        for j in tape.nodes[i].inputs:
            if tape.nodes[j].inputs and groups[j] != groups[i]:
                after[groups[j]].add(groups[i])
                before[groups[i]].add(groups[j])
    left = set(after)
    for edges, back in ((before, after), (after, before)):
        count = {key: len(edges[key] & left) for key in left}
        ready = [key for key in left if not count[key]]
        while ready:
            key = ready.pop()
            left.discard(key)
            for other in back[key] & left:
                count[other] -= 1
                if not count[other]:
                    ready.append(other)
    return left


def _times(tape: Tape, nodes: Sequence[int]) -> int:
    """How many parts a block has that do not use one another, if all are of the same operations."""
    parts = _parts(tape, nodes)
    kinds = {tuple(sorted(Counter(tape.nodes[i].op for i in part).items())) for part in parts}
    return len(parts) if len(kinds) == 1 else 1


def _parts(tape: Tape, nodes: Sequence[int]) -> list[list[int]]:
    """Nodes that are connected with each other by operations."""
    root = {i: i for i in nodes}

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for i in nodes:
        for j in tape.nodes[i].inputs:
            if j in root:
                root[max(find(i), find(j))] = min(find(i), find(j))
    parts: dict[int, list[int]] = defaultdict(list)
    for i in nodes:
        parts[find(i)].append(i)
    return list(parts.values())


# ---- without modules -----------------------------------------------------------------------------


def _by_run(tape: Tape) -> list[Block]:
    """The turns of a loop as one block, and the last of them in full."""
    blocks: list[Block] = []
    at = 0
    for run in runs(tape):
        blocks += [Block((i,)) for i in range(at, run.start) if tape.nodes[i].inputs]
        turn = (run.stop - run.start) // run.times
        last = turn <= MOST_IN_TURN
        at = run.stop - turn * last
        nodes = [i for i in range(run.start, at) if tape.nodes[i].inputs]
        blocks.append(Block(tuple(nodes), times=run.times - last))
    blocks += [Block((i,)) for i in range(at, len(tape.nodes)) if tape.nodes[i].inputs]
    return blocks


def _nearest(tape: Tape, blocks: list[Block]) -> list[Block]:
    """Those nearest the result; what is behind them, as one block for each connected part."""
    home = {i: k for k, block in enumerate(blocks) for i in block.nodes}
    users = users_of(tape, blocks)
    before: list[dict[int, None]] = [{} for _ in blocks]
    for k, using in enumerate(users):
        for user in using:
            before[user][k] = None
    waiting = deque([home[len(tape.nodes) - 1]])
    missing = [len(using) for using in users]
    shown: set[int] = set()
    while waiting and len(shown) < MOST_SHOWN:
        k = waiting.popleft()
        shown.add(k)
        for j in before[k]:
            missing[j] -= 1
            if not missing[j]:
                waiting.append(j)
    hidden = sorted(i for k, block in enumerate(blocks) if k not in shown for i in block.nodes)
    behind = [Block(tuple(part), behind=len(part) > 1) for part in _parts(tape, hidden)]
    return behind + [block for k, block in enumerate(blocks) if k in shown]


# ---- leaves --------------------------------------------------------------------------------------


def _with_leaves(tape: Tape, blocks: list[Block]) -> list[Block]:
    """A leaf goes with the only block that uses it; one of several users is a block of its own."""
    home = {i: k for k, block in enumerate(blocks) for i in block.nodes}
    extra: dict[int, list[int]] = defaultdict(list)
    own: list[Block] = []
    for i, users in enumerate(tape.users()):
        if not tape.nodes[i].inputs:
            homes = {home[user] for user in users}
            if len(homes) == 1 and len(blocks[min(homes)].nodes) > 1:
                extra[homes.pop()].append(i)
            else:
                own.append(Block((i,)))
    own = _together(tape, own, home)
    return own + [
        Block(tuple(sorted((*block.nodes, *extra[k]))), block.title, block.times)
        for k, block in enumerate(blocks)
    ]


def _together(tape: Tape, leaves: list[Block], home: dict[int, int]) -> list[Block]:
    """Leaves with the same users are one block."""
    users = tape.users()
    same: dict[frozenset[int], list[int]] = defaultdict(list)
    for (i,) in (block.nodes for block in leaves):
        same[frozenset(home[user] for user in users[i])].append(i)
    return [Block(tuple(nodes)) for nodes in same.values()]
