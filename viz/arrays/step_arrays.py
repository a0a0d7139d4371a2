"""A recorded graph read as arrays: what was found in its scalars, with the names of a lecture.

The operations are those that `explain` finds in a compiled function, here in what was recorded;
modules, parameters and labels give names and shapes, and the tape all numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from micrograd.compiler.arrays.inputs import Arguments
from micrograd.compiler.explain.expressions import Formulas
from micrograd.compiler.explain.forward import Forward, forward
from micrograd.compiler.explain.naming import stem
from micrograd.compiler.explain.recovered import Operation, operations_of
from micrograd.compiler.explain.views import NodePlaces
from micrograd.compiler.nest.ir import Shape
from micrograd.errors import CompileError, GraphError
from viz.arrays.array_names import ArrayNames
from viz.arrays.tape_recording import AnnotatedTape, Recorded, TapePlaces, recording_of

MOST_CALLS = 1 << 20  # numbers for calls are below, for labels above


@dataclass(frozen=True)
class Found:
    """Array operations in order, and what their operands are called."""

    operations: tuple[Operation, ...]
    names: ArrayNames


def arrays_of(source: AnnotatedTape) -> Found:
    """The arrays of a recorded graph.

    Raises a GraphError where there are none to be found: see `recording_of`.
    """
    tape = source.tape
    if not tape.nodes[-1].inputs:
        raise GraphError("the result was not computed from anything; there is nothing to draw")
    parameters = [int(i) for p in source.parameters for i in np.ravel(p.positions)]
    inputs = [int(i) for a in source.inputs.values() for i in np.ravel(a) if i >= 0]
    recorded = recording_of(tape, parameters, inputs)
    apart = recorded.apart(_apart(source))
    values = np.array([tape.nodes[i].value for i in recorded.inputs], np.float64)
    try:
        found = forward(recorded.recording, Arguments.fixed(values), apart)
        places = _places(source, recorded, found)
        formulas = Formulas(found, places, 0, "", _known_shapes(source, recorded, found))
        stages = formulas.steps()
    except CompileError as error:
        reason = str(error).removeprefix("cannot be compiled: ").partition(". Run it")[0]
        raise GraphError(f"no arrays can be drawn: {reason}; draw op_graph(step)") from None
    names = ArrayNames(source, TapePlaces(source, recorded, found), stages, formulas)
    return Found(operations_of(formulas, stages, names), names)


def _apart(source: AnnotatedTape) -> dict[int, int]:
    """Numbers for what stays as it was recorded: outputs of modules, and what has a label.

    Samples that a module was called with one by one have the same number; so have all calls for
    single numbers, of the neurons of a layer.
    """
    numbers: dict[int, int] = {}
    rows: dict[str, int] = {}
    for k, call in enumerate(source.calls, 2):
        one = 1 if not call.output.ndim else rows.setdefault(call.name, k)
        for i in np.ravel(call.output).tolist():
            numbers.setdefault(i, k if call.output.ndim > 1 else one)
    stems: dict[str, int] = {}
    for i, node in enumerate(source.tape.nodes):
        if node.label and node.inputs:
            numbers[i] = MOST_CALLS + stems.setdefault(stem(node.label), len(stems))
    for i in np.ravel(source.output).tolist():
        numbers.setdefault(i, MOST_CALLS - 1)
    numbers.pop(len(source.tape.nodes) - 1, None)
    return numbers


def _places(source: AnnotatedTape, recorded: Recorded, found: Forward) -> NodePlaces:
    order = {int(i): k for k, i in enumerate(recorded.inputs)}
    spaces, at = [""] * len(order), [0] * len(order)
    for name, positions in reversed(list(source.inputs.items())):
        for place, i in enumerate(np.ravel(positions).tolist()):
            if i >= 0:
                spaces[order[i]], at[order[i]] = name, place
    shapes = {name: tuple(a.shape) for name, a in source.inputs.items()}
    number = {int(i): k for k, i in enumerate(recorded.parameters)}
    wholes: dict[int, Shape] = {}
    for p in source.parameters:
        if p.before.ndim and p.positions.size and (p.positions >= 0).all():
            wholes[number[int(p.positions.flat[0])]] = p.before.shape
    addresses = np.arange(len(recorded.parameters))
    return NodePlaces(found, addresses, (spaces, at), [], shapes, wholes)


def _known_shapes(source: AnnotatedTape, recorded: Recorded, found: Forward) -> dict[int, Shape]:
    """The shapes of groups that are what a module returned."""
    returned = {tuple(np.ravel(c.output).tolist()): c.output.shape for c in source.calls}
    returned.setdefault(tuple(np.ravel(source.output).tolist()), source.output.shape)
    shapes: dict[int, Shape] = {int(found.of[found.leaves.outputs[0]]): ()}
    for k, group in enumerate(found.groups):
        origin = found.origin[group.nodes]
        if (origin >= 0).all() and (group.terms or group.args):
            shape = returned.get(tuple(recorded.operations[origin].tolist()))
            if shape is not None:
                shapes.setdefault(k, tuple(shape))
    return shapes
