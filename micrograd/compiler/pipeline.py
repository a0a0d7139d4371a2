"""All passes, one after the other: from a recording to a program."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from micrograd.compiler import graph as G  # noqa: N812
from micrograd.compiler.arguments import StandIns
from micrograd.compiler.gradient import gradient, reached
from micrograd.compiler.graph import CONSTANT, INPUT, NONE, Builder, Graph, Ids, Mask
from micrograd.compiler.kernels import Loops, loops_of
from micrograd.compiler.lanes import Lanes, kernel_of, one_hot
from micrograd.compiler.layout import ALIGN, LANES, WORK, Layout, Places, factor, lay_out
from micrograd.compiler.memory import Memory
from micrograd.compiler.normal import Leaves, normal_form
from micrograd.compiler.program import Access, Kernel, Program
from micrograd.compiler.recording import PARAMETERS, Recording
from micrograd.compiler.schedule import Group, lane_mask, live, schedule
from micrograd.compiler.store import place_of
from micrograd.compiler.update import Update, update_graph
from micrograd.errors import CompileError
from micrograd.optim.state import scalars

VALUE, GRADIENT, STEP = "value", "gradient", "step"
MOST_KERNELS = 20_000  # of a program: more means that there are no arrays in it

Hot = tuple[tuple[int, ...], int, Access, Access]  # see `lanes.one_hot`


@dataclass(slots=True, eq=False)
class Arguments:
    """Where inputs and run-time integers come from: a space each, and an address there."""

    values: np.ndarray  # of the inputs, when traced
    space: list[str]
    at: Ids
    ids_space: list[str]
    ids_at: Ids
    sizes: dict[str, int]  # of the spaces; of one sample, with lanes
    lanes: int = 0

    @staticmethod
    def of(made: StandIns, lanes: int) -> Arguments:
        """Those of a trace; with lanes, of one of so many samples."""
        return Arguments(
            np.array(made.values, np.float64), made.space, np.array(made.at, np.int64),
            made.ids_space, np.array(made.ids_at, np.int64),
            dict(Counter([*made.space, *made.ids_space])), lanes,
        )  # fmt: skip


@dataclass(slots=True, eq=False)
class Built:
    """A program, where its results are, and what was found on the way."""

    program: Program
    outputs: Ids  # addresses in work, the loss first
    gradients: int  # where they start in work, a place each
    used: Ids  # the places of parameters that a step always updates
    chosen: Ids  # of those that it updates where run-time integers say so
    reached: Ids  # for each of these an address in work: not 0 if they did
    groups: list[Group]
    layout: Layout
    graph: Graph
    leaves: Leaves
    milliseconds: dict[str, float] = field(default_factory=dict)


def build(
    r: Recording, arguments: Arguments, places: Ids, size: int, mode: str, memory: Memory | None
) -> Built:
    """Compile a recording whose parameters are at `places` of a store of that size."""
    clock = _Clock()
    g, leaves = normal_form(r, arguments.values, arguments.lanes)
    clock.lap("normal form")
    seeds = _lane_seeds(leaves, arguments)
    loss = int(leaves.outputs[0])
    adjoints = np.zeros(0, np.int64)
    flags, entries = np.zeros(0, np.int64), _Entries.none()
    if mode == STEP:
        assert memory is not None
        touched = reached(g, loss)
        entries = _entries(memory, r, g, leaves, touched, places)
        sets = np.concatenate([np.zeros(len(entries.used), np.int64), 1 + entries.flag])
        memory.split(sets, np.concatenate([entries.used, entries.chosen]))
        g, flags = _with_flags(g, leaves, entries)
    if mode != VALUE:
        lanes = lane_mask(g, seeds)
        kept = np.concatenate([leaves.outputs, flags])
        g, adjoints = gradient(g, loss, leaves.parameters, lanes, kept)
    clock.lap("gradient")
    have = adjoints >= 0
    roots = np.concatenate([leaves.outputs, flags, adjoints[have]])
    g, new = live(g, roots)
    leaves = _renumbered(leaves, new)
    flags = new[flags]
    pins = np.full(len(g), NONE)
    gradients = ALIGN
    pins[new[adjoints[have]]] = gradients + places[have]
    home, address = np.zeros(len(g), np.int64), np.zeros(len(g), np.int64)
    of_parameters = leaves.parameters >= 0
    home[leaves.parameters[of_parameters]] = 1
    address[leaves.parameters[of_parameters]] = places[of_parameters]
    where = Places(home, address, ("parameters",), pins)
    in_lanes = lane_mask(g, new[seeds][new[seeds] >= 0])
    groups, of = schedule(g, home, in_lanes, pins >= 0)
    clock.lap("schedule")
    top = gradients + (-(-size // ALIGN) * ALIGN if mode != VALUE else 0)
    layout = lay_out(g, groups, where, top, 0)
    clock.lap("layout")
    loops = Loops(layout.top, layout.lanes_top)
    hot = _read_arguments(groups, layout, leaves, arguments, loops)
    loops_of(g, groups, of, layout, loops)
    if len(layout.unpinned):
        gradients = _collected(loops, layout, of, new[adjoints], places, gradients, size)
    clock.lap("kernels")
    first_update = len(loops.all)
    images = [(g, groups, layout)]
    reached_at = layout.address[flags][entries.flag]
    if memory is not None and len(entries.used) + len(entries.chosen):
        update = update_graph(memory, entries.used, entries.chosen, reached_at, gradients)
        images.append(_add_update(update, loops))
    clock.lap("update")
    base = loops.free[WORK]
    lanes_at = Lanes(arguments.lanes, base, arguments.sizes if arguments.lanes else {})
    kernels: list[Kernel] = [one_hot(*parts, lanes_at) for parts in hot]
    update_from = 0
    for i, loop in enumerate(loops.all):
        if i == first_update:
            update_from = len(kernels)
        kernels += kernel_of(loop, lanes_at)
    if first_update == len(loops.all):
        update_from = len(kernels)
    if len(kernels) > MOST_KERNELS:
        raise CompileError(
            f"cannot be compiled: too irregular, {len(r):,} operations would be {len(kernels):,} "
            "kernels; run it eagerly"
        )
    work = np.zeros(base + loops.free[LANES] * lanes_at.width)
    for graph, own, laid in images:
        _write_constants(work, graph, own, laid)
    sizes = {name: n * max(arguments.lanes, 1) for name, n in arguments.sizes.items()}
    sizes |= {"parameters": size, "state": 0 if memory is None else len(memory.numbers)}
    outputs = layout.address[leaves.outputs]
    spans = ((gradients, size),) if mode != VALUE and size else ()
    kept_spans = (*spans, *((int(a), 1) for a in outputs))
    program = Program(tuple(kernels), update_from, work, sizes, int(outputs[0]), spans, kept_spans)
    clock.lap("program")
    return Built(
        program,
        outputs,
        gradients,
        entries.used,
        entries.chosen,
        reached_at,
        groups,
        layout,
        g,
        leaves,
        clock.laps,
    )


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, name: str) -> None:
        now = perf_counter()
        self.laps[name] = 1e3 * (now - self._last)
        self._last = now


def _lane_seeds(leaves: Leaves, arguments: Arguments) -> Ids:
    if not arguments.lanes:
        return np.zeros(0, np.int64)
    return np.concatenate([leaves.inputs, leaves.hot.ravel()])


def _renumbered(leaves: Leaves, new: Ids) -> Leaves:
    return Leaves(*[new[getattr(leaves, name)] for name in Leaves.__dataclass_fields__])


# ---- which parameters a step updates -------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Entries:
    """Places that are always updated, places that depend on run-time integers, and on which."""

    used: Ids
    chosen: Ids
    flag: Ids  # for each chosen place, the number of its set
    sets: list[Ids]  # nodes of which one is 1 if the parameter was looked up

    @staticmethod
    def none() -> _Entries:
        empty = np.zeros(0, np.int64)
        return _Entries(empty, empty, empty, [])


def _entries(
    memory: Memory, r: Recording, g: Graph, leaves: Leaves, touched: Mask, places: Ids
) -> _Entries:
    """What an eager step would update: a parameter of which a backward pass reaches some part."""
    by_hot = (g.v >= 0) & touched[g.node]
    products = set((g.u[by_hot] * len(g) + g.v[by_hot]).tolist())
    tables = []
    for codes, slot in r.choices:
        hot = leaves.hot[slot, : len(codes)]
        if codes[0] >= PARAMETERS:
            first = int(leaves.parameters[codes[0] - PARAMETERS])
            if first * len(g) + int(hot[0]) in products:
                tables.append((codes, hot))
    always = np.zeros(max(int(places.max(initial=0)) + 1, memory.places), bool)
    always[places] = _touched_without(r, leaves, touched)
    number = {int(place): k for k, place in enumerate(places.tolist())}
    hot_of: dict[int, list[int]] = {}
    for codes, hot in tables:
        for code, node in zip(codes.tolist(), hot.tolist(), strict=True):
            hot_of.setdefault(int(places[code - PARAMETERS]), []).append(node)
    used, chosen, flag = [], [], []
    sets: dict[tuple[int, ...], int] = {}
    for p in (p for group in memory.optimizer.param_groups for p in group["params"]):
        members = [place_of(v) for v in scalars([p])]
        own = {places_number for places_number in members if places_number in number}
        if always[members].any() or _always_chosen(tables, own, places):
            used += members
            continue
        nodes = sorted({int(n) for place in members for n in hot_of.get(place, ())})
        if nodes:
            k = sets.setdefault(tuple(nodes), len(sets))
            chosen += members
            flag += [k] * len(members)
    order = np.argsort(np.array(chosen, np.int64), kind="stable")
    return _Entries(
        np.array(sorted(used), np.int64), np.array(chosen, np.int64)[order],
        np.array(flag, np.int64)[order], [np.array(nodes, np.int64) for nodes in sets],
    )  # fmt: skip


def _touched_without(r: Recording, leaves: Leaves, touched: Mask) -> Mask:
    """The parameters that the loss depends on other than through choices."""
    direct = np.zeros(len(r.parameters), bool)
    in_tables = np.zeros(len(r.parameters), bool)
    for codes, _ in r.choices:
        codes = codes[(codes >= PARAMETERS) & (codes < 2 * PARAMETERS)]
        in_tables[codes - PARAMETERS] = True
    direct[touched[leaves.parameters]] = True
    if not in_tables.any():
        return direct
    used = np.zeros(len(r.parameters), bool)
    for operand in (r.a, r.b, r.c, r.outputs, *r.many.values()):
        codes = operand[(operand >= PARAMETERS) & (operand < 2 * PARAMETERS)]
        used[codes - PARAMETERS] = True
    return direct & (used | ~in_tables)


def _always_chosen(tables: list[tuple[Ids, Ids]], members: set[int], places: Ids) -> bool:
    """Whether some lookup is in this parameter, whatever the integer is."""
    return any(set(places[codes - PARAMETERS].tolist()) <= members for codes, _ in tables)


def _with_flags(g: Graph, leaves: Leaves, entries: _Entries) -> tuple[Graph, Ids]:
    """The graph with a node for each set: 1 if a parameter that depends on it was looked up."""
    if not entries.sets:
        return g, np.zeros(0, np.int64)
    builder = Builder(g)
    flags = builder.block_of(G.LARGEST, len(entries.sets))
    for flag, nodes in zip(flags, entries.sets, strict=True):
        builder.add_terms(np.full(len(nodes), flag), nodes, NONE, 1.0)
    return builder.graph(), flags


# ---- where things come from and go to ------------------------------------------------------------


def _read_arguments(
    groups: list[Group], layout: Layout, leaves: Leaves, arguments: Arguments, loops: Loops
) -> list[Hot]:
    """Copies from the arguments; returns what makes one-hot rows of run-time integers."""
    source = {int(n): k for k, n in enumerate(leaves.inputs.tolist()) if n >= 0}
    slots = {int(n): divmod(k, leaves.hot.shape[1] or 1)
             for k, n in enumerate(leaves.hot.ravel().tolist()) if n >= 0}  # fmt: skip
    hot: list[Hot] = []
    for k, group in enumerate(groups):
        if group.kind != INPUT or group.home:
            continue
        nodes = layout.nodes[k]
        plain = np.array([n in source for n in nodes.tolist()])
        if plain.any():
            numbers = np.array([source[n] for n in nodes[plain].tolist()])
            spaces = np.array([arguments.space[i] for i in numbers.tolist()])
            for space in np.unique(spaces).tolist():
                own = spaces == space
                target = layout.address[nodes[plain][own]]
                loops.copy((layout.space[k], target), (space, arguments.at[numbers[own]]))
        if not plain.all():
            pairs = [(*slots[n], int(layout.address[n])) for n in nodes[~plain].tolist()]
            hot += _hot_rows(sorted(pairs), layout.space[k], arguments, loops)
    return hot


def _hot_rows(
    pairs: list[tuple[int, int, int]], space: str, arguments: Arguments, loops: Loops
) -> list[Hot]:
    """One-hot rows for (slot, choice, address), written where they are wanted if that is a row."""
    slot, choice, out = np.array(pairs, np.int64).T
    at = arguments.ids_at[slot]
    names = [arguments.ids_space[s] for s in slot.tolist()]
    axes = factor([out, at, choice]) if len(set(names)) == 1 else None
    if axes is not None and choice[0] == 0:
        along = [i for i, (_, strides) in enumerate(axes) if strides[2]]
        if len(along) == 1 and axes[along[0]][1][1:] == (0, 1):
            extents = tuple(size for size, _ in axes)
            row, ids = (
                Access(name, int(index[0]), tuple(strides[j] for _, strides in axes))
                for j, (name, index) in enumerate([(space, out), (names[0], at)])
            )
            return [(extents, along[0], row, ids)]
    if len(np.unique(slot)) > 1:
        parts = [[p for p in pairs if p[0] == s] for s in np.unique(slot).tolist()]
        return [hot for part in parts for hot in _hot_rows(part, space, arguments, loops)]
    width = int(choice.max()) + 1
    base = loops.room(space, width)
    loops.copy((space, out), (space, base + choice))
    ids = Access(names[0], int(at[0]), (0,))
    return [((width,), 0, Access(space, base, (1,)), ids)]


def _collected(
    loops: Loops, layout: Layout, of: Ids, adjoints: Ids, places: Ids, gradients: int, size: int
) -> int:
    """All gradients in one array, where some are not where they should be."""
    index = np.zeros(size, np.int64)  # work[0] stays 0
    have = adjoints >= 0
    index[places[have]] = layout.address[adjoints[have]]
    return int(loops.gathered((WORK, index))[1][0])


def _add_update(update: Update, loops: Loops) -> tuple[Graph, list[Group], Layout]:
    roots = np.concatenate([nodes for _, _, nodes in update.results])
    g = G.sorted_terms(update.graph)
    g, inlined_home = _inlined_update(g, roots), update.home
    g, new = live(g, roots)
    home = np.zeros(len(g), np.int64)
    address = np.zeros(len(g), np.int64)
    kept = new >= 0
    home[new[kept]], address[new[kept]] = inlined_home[kept], update.address[kept]
    names = ("parameters", WORK, "state")
    none = np.full(len(g), NONE)
    places = Places(home, address, names, none)
    no_lanes = np.zeros(len(g), bool)
    groups, of = schedule(g, home, no_lanes, no_lanes)
    layout = lay_out(g, groups, places, loops.free[WORK], loops.free[LANES])
    loops.free[WORK] = layout.top
    loops_of(g, groups, of, layout, loops)
    for where, at, nodes in update.results:
        ids = new[nodes]
        for part in np.unique(of[ids]).tolist():
            own = of[ids] == part
            loops.copy((names[where - 1], at[own]), (layout.space[part], layout.address[ids[own]]))
    return g, groups, layout


def _inlined_update(g: Graph, roots: Ids) -> Graph:
    from micrograd.compiler.normal import inlined

    return inlined(g, np.ones(len(g), bool), roots)


def _write_constants(work: np.ndarray, g: Graph, groups: list[Group], layout: Layout) -> None:
    for k, group in enumerate(groups):
        nodes = layout.nodes[k]
        if group.kind == CONSTANT:
            work[layout.address[nodes]] = g.value[nodes]
        elif group.constant is not None:
            work[layout.address[nodes]] = group.constant
