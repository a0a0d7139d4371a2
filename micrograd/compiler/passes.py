"""All passes, one after the other: from a recording to a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from micrograd.compiler.arrays.batch import placed
from micrograd.compiler.arrays.inputs import Arguments, read_arguments
from micrograd.compiler.arrays.layout import ALIGN, Layout, Places, lay_out
from micrograd.compiler.arrays.loops import Loops, loops_of
from micrograd.compiler.arrays.schedule import Group, lane_mask, live, schedule
from micrograd.compiler.codes import NONE, Ids
from micrograd.compiler.graph import graph as G  # noqa: N812
from micrograd.compiler.graph.gradient import gradient, reached
from micrograd.compiler.graph.graph import CONSTANT, Graph
from micrograd.compiler.graph.normal_form import Leaves, normal_form
from micrograd.compiler.nest.ir import LANES, PARAMETERS, STATE, WORK, Program, Space
from micrograd.compiler.trace.recording import Recording
from micrograd.compiler.update.memory import Memory
from micrograd.compiler.update.touched import Touched, touched_by_step, with_flags
from micrograd.compiler.update.update import Update, update_graph
from micrograd.errors import CompileError

VALUE, GRADIENT, STEP = "value", "gradient", "step"
MOST_NESTS = 20_000  # of a program: more means that there are no arrays in it

GRADIENTS = ALIGN  # where they start in work; work[0] stays 0


@dataclass(slots=True, eq=False)
class Built:
    """A program, where its results are, and what was found on the way."""

    program: Program
    outputs: Ids  # addresses in work, the loss first
    gradients: int  # where they start in work, a place each
    used: Ids  # the places of parameters that a step always updates
    groups: list[Group]
    layout: Layout
    graph: Graph
    leaves: Leaves
    lanes: int  # samples of a batch; 0: none
    milliseconds: dict[str, float] = field(default_factory=dict)


def build(
    r: Recording, arguments: Arguments, places: Ids, size: int, mode: str, memory: Memory | None
) -> Built:
    """Compile a recording whose parameters are at `places` of a store of that size."""
    clock = _Clock()
    g, leaves = normal_form(r, arguments.values, arguments.lanes)
    clock.lap("normal form")
    g, flags, touched = _with_touched(r, g, leaves, places, memory, arguments)
    adjoints = np.full(len(places), NONE)
    if mode != VALUE:
        lanes = lane_mask(g, _lane_seeds(leaves, arguments))
        kept = np.concatenate([leaves.outputs, flags])
        g, adjoints = gradient(g, int(leaves.outputs[0]), leaves.parameters, lanes, kept)
    clock.lap("gradient")
    have = adjoints >= 0
    g, new = live(g, np.concatenate([leaves.outputs, flags, adjoints[have]]))
    leaves = Leaves(*[new[getattr(leaves, name)] for name in Leaves.__dataclass_fields__])
    adjoints, flags = np.where(have, new[adjoints], NONE), new[flags]
    where = _places(g, leaves, adjoints, places)
    in_lanes = lane_mask(g, _lane_seeds(leaves, arguments))
    groups, of = schedule(g, where.home, in_lanes, where.pins >= 0)
    clock.lap("schedule")
    room = -(-size // ALIGN) * ALIGN if mode != VALUE else 0
    layout = lay_out(g, groups, where, GRADIENTS + room, 0)
    clock.lap("layout")
    loops = Loops(layout.top, layout.lanes_top, arguments.batch)
    read_arguments(groups, layout, leaves, arguments, loops)
    loops_of(g, groups, of, layout, loops)
    gradients = GRADIENTS
    if len(layout.unpinned):
        gradients = _collected(loops, layout, adjoints, places, size)
    clock.lap("kernels")
    update_from = len(loops.all)
    computed = [(g, groups, layout)]
    reached_at = layout.address[flags][touched.flag]
    if memory is not None and len(touched.used) + len(touched.chosen):
        update = update_graph(memory, touched.used, touched.chosen, reached_at, gradients)
        computed.append(_add_update(update, loops))
    clock.lap("update")
    sizes = {PARAMETERS: size, STATE: 0 if memory is None else len(memory.numbers)}
    spans = ((gradients, size),) if mode != VALUE and size else ()
    outputs = layout.address[leaves.outputs]
    program = _program(loops, update_from, computed, arguments, sizes, outputs, spans)
    clock.lap("program")
    return Built(
        program, outputs, gradients, touched.used, groups, layout, g, leaves, arguments.lanes,
        clock.laps,
    )  # fmt: skip


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
    seeds = np.concatenate([leaves.inputs, leaves.hot.ravel()])
    return seeds[seeds >= 0]


def _with_touched(
    r: Recording, g: Graph, leaves: Leaves, places: Ids, memory: Memory | None, arguments: Arguments
) -> tuple[Graph, Ids, Touched]:
    """What a step updates, and nodes that are not 0 where run-time integers have chosen."""
    if memory is None:
        return g, np.zeros(0, np.int64), Touched.none()
    on_the_way = reached(g, int(leaves.outputs[0]))
    touched = touched_by_step(memory, r, g, leaves, on_the_way, places)
    sets = np.concatenate([np.zeros(len(touched.used), np.int64), 1 + touched.flag])
    memory.split(sets, np.concatenate([touched.used, touched.chosen]))
    g, flags = with_flags(g, touched, arguments.lanes > 0)
    return g, flags, touched


def _places(g: Graph, leaves: Leaves, adjoints: Ids, places: Ids) -> Places:
    """Parameters are in their store, and their adjoints in the same order in work."""
    home, address, pins = (np.full(len(g), x) for x in (0, 0, NONE))
    live_parameters = leaves.parameters >= 0
    home[leaves.parameters[live_parameters]] = 1
    address[leaves.parameters[live_parameters]] = places[live_parameters]
    have = adjoints >= 0
    pins[adjoints[have]] = GRADIENTS + places[have]
    return Places(home, address, (PARAMETERS,), pins)


def _program(
    loops: Loops,
    update_from: int,
    computed: list[tuple[Graph, list[Group], Layout]],
    arguments: Arguments,
    sizes: dict[Space, int],
    outputs: Ids,
    spans: tuple[tuple[int, int], ...],
) -> Program:
    """The nests, with lanes after what else is in work, and work with the constants in it."""
    if len(loops.all) > MOST_NESTS:
        raise CompileError(
            f"cannot be compiled: too irregular, there would be {len(loops.all):,} "
            "kernels; run it eagerly"
        )
    base = loops.free[WORK]
    work = np.zeros(base + loops.free[LANES] * arguments.batch.width)
    for g, groups, layout in computed:
        _write_constants(work, g, groups, layout)
    nests = tuple(placed(nest, base) for nest in loops.all)
    sizes = {space: n * max(arguments.lanes, 1) for space, n in arguments.sizes.items()} | sizes
    kept = (*spans, *((int(a), 1) for a in outputs))
    return Program(
        nests, update_from, work, sizes, int(outputs[0]), spans, kept, origins=loops.origins
    )


def _collected(loops: Loops, layout: Layout, adjoints: Ids, places: Ids, size: int) -> int:
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
    spaces = (PARAMETERS, WORK, STATE)
    none = np.full(len(g), NONE)
    places = Places(home, address, spaces, none)
    no_lanes = np.zeros(len(g), bool)
    groups, of = schedule(g, home, no_lanes, no_lanes)
    layout = lay_out(g, groups, places, loops.free[WORK], loops.free[LANES])
    loops.free[WORK] = layout.top
    loops_of(g, groups, of, layout, loops)
    loops.stand_for(g, None)
    for where, at, nodes in update.results:
        ids = new[nodes]
        for part in np.unique(of[ids]).tolist():
            own = of[ids] == part
            loops.copy((spaces[where - 1], at[own]), (layout.space[part], layout.address[ids[own]]))
    return g, groups, layout


def _inlined_update(g: Graph, roots: Ids) -> Graph:
    from micrograd.compiler.graph.normal_form import inlined

    return inlined(g, np.ones(len(g), bool), roots)


def _write_constants(work: np.ndarray, g: Graph, groups: list[Group], layout: Layout) -> None:
    for k, group in enumerate(groups):
        nodes = layout.nodes[k]
        if group.kind == CONSTANT:
            work[layout.address[nodes]] = g.value[nodes]
        elif group.constant is not None:
            work[layout.address[nodes]] = group.constant
