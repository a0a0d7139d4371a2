"""The passes, in one list: from a recording to the program that runs.

Each takes what is known of a program so far, and adds what it makes. They are timed, and with
`MICROGRAD_CHECK=1` in the environment what they make is checked before the next one has it. The
optimiser's update is a program of its own, which follows that of the gradient.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from micrograd.compiler.arrays.inputs import read_arguments
from micrograd.compiler.arrays.layout import Homes, lay_out, write_constants
from micrograd.compiler.arrays.loops import Loops, loops_of, placed
from micrograd.compiler.arrays.schedule import live, schedule
from micrograd.compiler.arrays.widths import NoArrays, is_deep
from micrograd.compiler.backends.numpy import simplified
from micrograd.compiler.backends.numpy.sequence_rows import SHORT
from micrograd.compiler.codes import NONE
from micrograd.compiler.compilation import FIRST, VALUE, Compilation, UpdateCompilation
from micrograd.compiler.graph import graph as G  # noqa: N812
from micrograd.compiler.graph.gradient import differentiated, gradient, reached
from micrograd.compiler.graph.normal_form import normal_form
from micrograd.compiler.graph.safe import with_safe_operands
from micrograd.compiler.nest import verify
from micrograd.compiler.nest.ir import LANES, PARAMETERS, WORK, Program, Space
from micrograd.compiler.nest.sequence import Part
from micrograd.compiler.optimise.added import added_in_turns
from micrograd.compiler.optimise.blocking import blocked
from micrograd.compiler.optimise.fusion import fuse
from micrograd.compiler.optimise.lanes import over_samples
from micrograd.compiler.optimise.turns import overwriting
from micrograd.compiler.sequential.order import InOrder, ranks
from micrograd.compiler.sequential.places import read_leaves
from micrograd.compiler.update.program import HOMES, update_program
from micrograd.compiler.update.touched import touched_by_step

VECTOR = 64  # bytes of the numbers of samples that a sequence is run for at a time
CHECK = os.environ.get("MICROGRAD_CHECK", "") not in ("", "0")


class Pass(NamedTuple):
    """What it is called, what it does, and what checks the result.

    It changes the unit that it is given, and may return another one to go on with.
    """

    name: str
    run: Callable[[Any], Any]
    check: Callable[[Any], None] = lambda _: None


U = TypeVar("U", Compilation, UpdateCompilation)


def compiled(unit: U, backend: str = "") -> U:
    """The unit after all passes; without a back end, the program is as these find it."""
    passes: tuple[Pass, ...] = OF_UPDATES
    if isinstance(unit, Compilation):
        passes, unit.shortest = PASSES, SHORT if backend == "numpy" else 0
    for step in (*passes, *OF_BACKENDS[backend]):
        start = perf_counter()
        unit = step.run(unit) or unit
        unit.milliseconds[step.name] = 1e3 * (perf_counter() - start)
        if CHECK:
            step.check(unit)
    return unit


def _normal_form(unit: Compilation) -> None:
    """Sums of products, and rows of the op table that are none."""
    r, arguments = unit.recording, unit.taken
    kept = None if unit.apart is None else unit.apart > 0
    unit.graph, unit.leaves = normal_form(r, arguments.values, arguments.lanes, kept)
    if unit.safe:
        g, leaves = unit.graph, unit.leaves
        sides = leaves.sides[g.kind[leaves.sides] == G.ROW]
        unit.graph, unit.selects = with_safe_operands(g, sides, leaves.outputs)


def _updated(unit: Compilation) -> None:
    """What a step updates, and nodes that are not 0 where run-time integers have chosen."""
    g, leaves = unit.graph, unit.leaves
    if unit.trained:
        unit.reached = reached(g, int(leaves.outputs[0]))
        unit.graph, unit.touched = touched_by_step(
            unit.trained, g, leaves, unit.reached, unit.places, unit.taken.lanes > 0
        )
        unit.flags = unit.touched.flags


def _gradient(unit: Compilation) -> None:
    """Adjoints: more nodes."""
    g, leaves = unit.graph, unit.leaves
    unit.adjoints = np.full(len(unit.places), NONE)
    active = np.zeros(len(g), bool)
    if unit.mode != VALUE:
        kept = np.concatenate([leaves.outputs, unit.flags])
        loss = int(leaves.outputs[0])
        active = differentiated(g, loss, unit.reached)
        lanes = unit.in_lanes()
        unit.graph, unit.adjoints = gradient(g, loss, leaves.parameters, lanes, kept, active)
    size = len(unit.graph)
    free = np.concatenate([leaves.choices, unit.selects])
    unit.rank = ranks(size, np.arange(len(g)), np.flatnonzero(active), free)


def _live(unit: Compilation) -> None:
    """Nothing but what is needed."""
    leaves, adjoints = unit.leaves, unit.adjoints
    have = adjoints >= 0
    roots = np.concatenate([leaves.outputs, unit.flags, adjoints[have]])
    unit.graph, new = live(unit.graph, roots)
    unit.rank = unit.rank[new >= 0]
    unit.leaves = leaves.renumbered(new)
    unit.adjoints, unit.flags = np.where(have, new[adjoints], NONE), new[unit.flags]


def _schedule(unit: Compilation) -> Compilation:
    """Groups of nodes that are alike: arrays. A batch without any goes on as a sample."""
    where, origin = _homes(unit), unit.graph.origin
    pinned = (where.pins >= 0).astype(np.int64)
    if unit.apart is not None:
        pinned[origin >= 0] = unit.apart[origin[origin >= 0]]
    if unit.kinds.recorded is not None:
        pinned[origin >= 0] = unit.kinds.recorded[origin[origin >= 0]]
    if unit.kinds.outputs is not None:
        pinned[unit.leaves.outputs] = pinned.max(initial=0) + 1 + unit.kinds.outputs
    roots = np.concatenate([unit.leaves.outputs, unit.flags])
    ends, shortest = unit.wide_ends, unit.shortest
    otherwise = InOrder(unit.graph, unit.rank, where.pins, roots, unit.free, ends, shortest)
    of_batch = unit.lanes > 0 and not unit.alone
    may_be_none = unit.apart is None and (unit.may_be_alone or not of_batch)
    if of_batch and may_be_none and is_deep(unit.graph):
        if sample := _sample(unit):
            return sample
        may_be_none = False
    placed = unit.graph, where.home, unit.in_lanes(), pinned
    try:
        unit.groups, unit.of = schedule(*placed, otherwise if may_be_none else None)
    except NoArrays:
        if not of_batch:
            unit.sequence = otherwise.sequence
        elif sample := _sample(unit):
            return sample
        else:
            unit.groups, unit.of = schedule(*placed, None)
    return unit


def _sample(unit: Compilation) -> Compilation | None:
    """The same of one sample of a batch, up to its groups, if that is a sequence."""
    sample = replace(unit, alone=True)
    for step in TO_GROUPS:
        step.run(sample)
    return None if sample.sequence is None else sample


def _layout(unit: Compilation) -> None:
    """Addresses."""
    if unit.sequence is not None:
        unit.sequence.build()
        unit.groups, unit.layout = unit.sequence.groups, unit.sequence.layout
        return
    unit.layout = lay_out(unit.graph, unit.groups, _homes(unit), unit.free, 0)


def _nests(unit: Compilation) -> None:
    """The array IR: loops over the arrays."""
    layout, groups = unit.layout, unit.groups
    unit.loops = loops = Loops(layout.top, layout.lanes_top, unit.taken.batch)
    if unit.sequence is not None:
        read_leaves(groups, layout, unit.leaves, unit.places, unit.taken, loops)
        unit.sequence.add_arrays(loops)
    else:
        read_arguments(groups, layout, unit.leaves, unit.taken, loops)
        loops_of(unit.graph, groups, unit.of, layout, loops)
    if len(layout.unpinned):
        unit.gradients = _collected(unit)


def _program(unit: Compilation) -> None:
    """The nests, with lanes after what else is in work, and work with the constants in it."""
    loops, arguments, outputs = unit.loops, unit.taken, unit.outputs
    base = loops.free[WORK]
    work = np.zeros(base + loops.free[LANES] * arguments.batch.width)
    write_constants(work, unit.graph, unit.groups, unit.layout)
    of_arguments = {space: n * max(arguments.lanes, 1) for space, n in arguments.sizes.items()}
    sizes: dict[Space, int] = {**of_arguments, PARAMETERS: unit.size}
    checked = ((unit.gradients, unit.size),) if unit.mode != VALUE and unit.size else ()
    flags = (unit.gradients + unit.flags_from, len(unit.flags))
    kept = (*checked, flags, *((int(a), 1) for a in outputs))
    parts: tuple[Part, ...] = ()
    if unit.sequence is not None:
        parts, kept = unit.sequence.parts, (*kept, *unit.sequence.kept)
    unit.program = Program(
        tuple(placed(nest, base) for nest in loops.all), work, sizes, int(outputs[0]), checked,
        kept, origins=loops.origins, sequence=parts,
    )  # fmt: skip


def _update(unit: UpdateCompilation) -> None:
    """The optimiser's rule, on whole vectors."""
    unit.program = update_program(unit.memory, unit.touched, unit.size, unit.flags_from)


def _blocks(unit: Compilation | UpdateCompilation) -> None:
    """A long axis in blocks."""
    if isinstance(unit, Compilation) and unit.alone:
        return
    threads = unit.threads if isinstance(unit, Compilation) else 1
    unit.program = blocked(unit.program, unit.number_bytes, threads)


def _over_samples(unit: Compilation | UpdateCompilation, most: int = 0) -> None:
    """Of a batch that is a sequence the program for all samples, at most so many at a time."""
    if isinstance(unit, UpdateCompilation) or not unit.alone:
        return
    lanes = min(most, 1 << (unit.lanes.bit_length() - 1)) if most else unit.lanes
    collected = unit.gradients, unit.flags_from + len(unit.flags) if unit.mode != VALUE else 0
    unit.program, unit.gradients, unit.means = over_samples(
        unit.program, unit.lanes, lanes, collected, unit.outputs
    )


def _in_vectors(unit: Compilation | UpdateCompilation) -> None:
    """The program for all samples, as many of them at a time as a vector or two have."""
    _over_samples(unit, VECTOR // unit.number_bytes)


def _check_graph(unit: Compilation) -> None:
    G.check(unit.graph)


def _check_program(unit: Compilation | UpdateCompilation) -> None:
    verify.check(unit.program)


def _of_program(name: str, change: Callable[[Program], Program]) -> Pass:
    """The pass that changes a program."""

    def run(unit: Compilation | UpdateCompilation) -> None:
        unit.program = change(unit.program)

    return Pass(name, run, _check_program)


PASSES = (
    Pass("normal form", _normal_form, _check_graph),
    Pass("what is updated", _updated, _check_graph),
    Pass("gradient", _gradient, _check_graph),
    Pass("live", _live, _check_graph),
    Pass("schedule", _schedule),
    Pass("layout", _layout),
    Pass("nests", _nests),
    Pass("program", _program, _check_program),
)
TO_GROUPS = PASSES[:5]
OF_UPDATES = (Pass("update", _update, _check_program),)
OF_BACKENDS: dict[str, tuple[Pass, ...]] = {
    "": (Pass("samples", _in_vectors, _check_program),),
    "llvm": (
        _of_program("turns", lambda program: overwriting(added_in_turns(program))),
        _of_program("fusion", fuse),
        Pass("blocks", _blocks, _check_program),
        Pass("samples", _in_vectors, _check_program),
    ),
    "numpy": (_of_program("copies", simplified), Pass("samples", _over_samples, _check_program)),
}


def _homes(unit: Compilation) -> Homes:
    """Parameters are in their store, and their adjoints in the same order in work."""
    g, parameters, places = unit.graph, unit.leaves.parameters, unit.places
    home, address, pins = (np.full(len(g), x) for x in (0, 0, NONE))
    read = parameters >= 0
    home[parameters[read]] = 1
    address[parameters[read]] = places[read]
    most = len(HOMES)
    for kinds, leaves in (
        (unit.kinds.parameters, parameters), (unit.kinds.inputs, unit.leaves.inputs)
    ):  # fmt: skip
        if kinds is not None:
            own = (leaves >= 0) & (kinds > 0)
            home[leaves[own]] = most + kinds[own]
            most += int(kinds.max(initial=0))
    have = unit.adjoints >= 0
    pins[unit.adjoints[have]] = FIRST + places[have]
    pins[unit.flags] = FIRST + unit.flags_from + np.arange(len(unit.flags))
    return Homes(home, address, (PARAMETERS,), pins)


def _collected(unit: Compilation) -> int:
    """All gradients and flags in one array, where some are not where they should be."""
    address, have = unit.layout.address, unit.adjoints >= 0
    index = np.zeros(unit.flags_from + len(unit.flags), np.int64)  # work[0] stays 0
    index[unit.places[have]] = address[unit.adjoints[have]]
    index[unit.flags_from :] = address[unit.flags]
    return int(unit.loops.gathered((WORK, index))[1][0])
