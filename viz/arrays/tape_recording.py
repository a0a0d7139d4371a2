"""A tape as the compiler's passes read it: so that they find the arrays in what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from micrograd.compiler.codes import ROW_INDEX, Ids
from micrograd.compiler.explain.forward import Forward
from micrograd.compiler.explain.views import PARAMETERS as LEAVES
from micrograd.compiler.explain.views import RESULT, View
from micrograd.compiler.trace.recording import CONSTANTS, INPUTS, PARAMETERS, Recording
from micrograd.engine import Value
from micrograd.errors import GraphError
from micrograd.ops import OPS
from micrograd.steps.step import Floats, ModuleCall, ParameterRecord, Positions, Step
from micrograd.tape.tape import Node, Tape


@dataclass(frozen=True)
class AnnotatedTape:
    """A tape, and what is known about it; all positions are on the tape."""

    tape: Tape
    inputs: Mapping[str, Positions]
    parameters: tuple[ParameterRecord, ...] = ()
    calls: tuple[ModuleCall, ...] = ()
    output: Positions = field(default_factory=lambda: np.zeros(0, np.intp))
    targets: Floats = field(default_factory=lambda: np.zeros(0))  # their values
    target: str = "y"  # what they are called among the inputs
    root: str = "L"
    leaves: Mapping[int, str] = field(default_factory=dict)  # what leaves are called
    data: Mapping[str, Floats] = field(default_factory=dict)  # the values of the inputs

    @staticmethod
    def of_step(step: Step) -> AnnotatedTape:
        """What a step says about its tape."""
        inputs = {p.name: p.positions for p in step.inputs if p.positions.size}
        target = "y" if "y" not in inputs else "target"
        return AnnotatedTape(
            step.tape, {**inputs, target: step.y}, step.parameters, step.calls, step.output,
            step.y_values, target,
            data={**{p.name: p.values for p in step.inputs}, target: step.y_values},
        )  # fmt: skip

    def values(self, positions: Positions) -> Floats:
        """The values at positions on the tape, in their shape."""
        nodes = self.tape.nodes
        flat = [nodes[i].value for i in np.ravel(positions)]
        return np.array(flat, np.float64).reshape(positions.shape)

    def gradients(self, positions: Positions) -> Floats:
        """The gradients there; masked where no backward pass came."""
        found = [self.tape.nodes[i].gradient for i in np.ravel(positions)]
        numbers = np.array([0.0 if g is None else g for g in found], np.float64)
        missing = [g is None for g in found]
        return np.ma.masked_array(numbers, missing).reshape(positions.shape)


@dataclass(frozen=True)
class Recorded:
    """A recording of a tape, and where on the tape its parts are.

    `inputs` are flat, `parameters` the leaves that are no inputs and no plain numbers.
    """

    recording: Recording
    operations: Ids
    parameters: Ids
    inputs: Ids
    constants: Ids

    def apart(self, of: Mapping[int, int]) -> Ids:
        """For each operation the number that its position on the tape has; else 0."""
        return np.array([of.get(i, 0) for i in self.operations.tolist()], np.int64)


def recording_of(tape: Tape, parameters: Sequence[int], inputs: Sequence[int]) -> Recorded:
    """The recording of a tape; `parameters` are numbered first, in that order.

    Raises a GraphError for a node with a derivative made by hand: it has no formula.
    """
    made = [i for i, node in enumerate(tape.nodes) if node.inputs]
    given = dict.fromkeys(inputs)
    leaves = [i for i, node in enumerate(tape.nodes) if not node.inputs and i not in given]
    known = [i for i in dict.fromkeys(parameters) if i >= 0 and i not in given]
    others = [i for i in leaves if tape.nodes[i].number is None]
    trained = list(dict.fromkeys([*known, *others]))
    numbers: dict[int, int] = {}  # of a plain number: its first leaf
    for i in leaves:
        number = tape.nodes[i].number
        if number is not None:
            numbers.setdefault(number, i)
    constants = list(numbers.values())
    code = {i: k for k, i in enumerate(made)}
    for base, positions in ((PARAMETERS, trained), (INPUTS, given), (CONSTANTS, constants)):
        code |= {i: base + k for k, i in enumerate(positions)}
    code |= {i: code[numbers[n]] for i in leaves if (n := tape.nodes[i].number) is not None}
    nodes = [tape.nodes[i] for i in made]
    a, b, c = operands = np.full((3, len(made)), -1)
    for k, node in enumerate(nodes):
        operands[: len(node.inputs), k] = [code[j] for j in node.inputs]
    statics = [np.nan if node.static is None else node.static for node in nodes]
    recording = Recording(
        np.array([_row(node) for node in nodes], np.int16), a, b, c,
        np.array(statics, np.float64), np.zeros(len(made), bool), {},
        np.array([tape.nodes[i].value for i in constants], np.float64),
        [Value(tape.nodes[i].value) for i in trained],
        np.array([code[len(tape.nodes) - 1]], np.int64),
    )  # fmt: skip
    parts = (made, trained, list(given), constants)
    return Recorded(recording, *[np.array(part, np.int64) for part in parts])


def _row(node: Node) -> int:
    if node.op not in OPS:
        raise GraphError(
            f"an operation {node.symbol!r} was made by hand, and has no formula that an array "
            "could be found in; draw op_graph(step)"
        )
    return ROW_INDEX[node.op]


@dataclass(frozen=True, eq=False)
class TapePlaces:
    """Where on the tape the elements of groups and of views of them are; -1 for what is not."""

    source: AnnotatedTape
    recorded: Recorded
    found: Forward

    def of_group(self, k: int) -> Positions:
        """The elements of a group, in order."""
        origin = self.found.origin[self.found.groups[k].nodes]
        return np.where(origin >= 0, self.recorded.operations[origin], -1)

    def of(self, view: View) -> Positions:
        """The elements of a view of parameters, of one input or of a result, in C order."""
        if view.space == LEAVES:
            return self.recorded.parameters[view.places]
        if view.space == RESULT:
            return self.of_group(view.group)[view.places]
        return np.ravel(self.source.inputs[view.space])[view.places]
