"""A recorded step, or the graph of a Value, as named units: what the gradient diagram draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from micrograd.ops import OPS
from micrograd.reading.names import (
    element,
    name_units,
    parameter_names,
    unused,
    weight_names,
)
from micrograd.reading.order import arrange
from micrograd.reading.samples import Sample, sample_of
from micrograd.reading.units import (
    INPUT,
    PARAMETER,
    TARGET,
    Leaf,
    Line,
    Reader,
    TooManyUnitsError,
    Unit,
    terms,
)
from micrograd.steps.step import ParameterRecord, Step
from micrograd.tape.tape import Tape
from micrograd.text.equations import Quantity, quantities


@dataclass(frozen=True)
class Element:
    """One element of a parameter: its record, and where in it."""

    record: ParameterRecord
    index: tuple[int, ...]


@dataclass(frozen=True)
class Use:
    """Where a quantity is used: in which equation of which unit."""

    quantity: Quantity
    line: Line
    unit: Unit

    @property
    def is_term(self) -> bool:
        """Whether it is in one term of the sum only, as a weight or by itself."""
        found = (term for term in terms(self.line.formula) if self.quantity in quantities(term))
        return len(list(found)) == 1


@dataclass(frozen=True)
class Reading:
    """Units and leaves by position on the tape, and who uses each."""

    tape: Tape
    sample: Sample
    units: list[Unit]
    leaves: dict[int, Leaf]
    scalars: dict[int, Element]
    uses: dict[int, list[Use]]
    of: dict[int, Unit]  # the unit of each line, by its position
    outputs: frozenset[int]

    @property
    def parameters(self) -> set[int]:
        """Positions of parameters."""
        return {leaf.position for leaf in self.leaves.values() if leaf.kind == PARAMETER}

    @property
    def root(self) -> Unit:
        """The unit that everything else is for."""
        return self.units[-1]

    def gradient(self, position: int) -> float | None:
        """The gradient of the result by a node; None if no backward pass came there."""
        return self.tape.nodes[position].gradient

    def called(self, position: int) -> str:
        """The name of a leaf or a line; "" for what has none."""
        leaf, unit = self.leaves.get(position), self.of.get(position)
        lines = unit.lines if unit else []
        names = [line.result.name for line in lines if line.position == position]
        return leaf.name if leaf else "".join(names)

    def hidden_uses(self, position: int) -> list[int]:
        """The users of a node that belong to other samples."""
        return [user for user in self._users[position] if not self.sample.shows(user)]

    @cached_property
    def _users(self) -> list[list[int]]:
        return self.tape.users()


def read(step: Step, index: int = 0, others: str = "Σ others") -> Reading:
    """The units of one sample of a step; `others` is what other samples' terms are called.

    Raises a GraphError where something cannot be drawn in this way, and names the view that can.
    """
    return _read(step, sample_of(step, index), others)


def read_step(step: Step) -> Reading:
    """The units of all samples of a step; its `sample` has the owner of each node."""
    whole = sample_of(step, 0)
    owner = whole.owner if whole.count > 1 else ()
    reading = _read(step, Sample(0, 1, (0,) * len(step.tape.nodes)), "", owner)
    return replace(reading, sample=whole)


def _read(
    step: Step, sample: Sample, others: str, owner: Sequence[int] = ()
) -> Reading:  # fmt: skip
    leaves: dict[int, Leaf] = {}
    scalars: dict[int, Element] = {}
    for record, name in parameter_names(step):
        for at in np.ndindex(record.before.shape):
            position = int(record.positions[at])
            if position >= 0:
                leaves[position] = Leaf(position, element(name, record.before.shape, at), PARAMETER)
                scalars[position] = Element(record, at)
    given = [(INPUT, record.name, record.positions) for record in step.inputs]
    for kind, name, positions in (*given, (TARGET, "y", step.y)):
        row = sample.row(positions) if positions.size % sample.count == 0 else []
        for j, position in enumerate(row):
            if position >= 0:
                width = len(row) // (max(owner) + 1) if owner else 0
                index = f"[{j // width},{j % width}]" if width else f"{j}" if len(row) > 1 else ""
                said = f"{name}{index}"
                leaves.setdefault(position, Leaf(position, said, kind))
    outputs = [i for i in sample.row(step.output) if i >= 0]
    return _reading(step.tape, sample, leaves, scalars, outputs, others, owner=owner)


def read_graph(
    tape: Tape, names: Mapping[int, str], apart: Sequence[int] = (), most: int = 0
) -> Reading:
    """The units of a recorded graph; `names` are those of the leaves that have a card.

    What is `apart` is a unit, however simple. With `most`, more leaves and units than that raise a
    TooManyUnitsError; where branches were not taken only when all are known.
    """
    leaves = {i: Leaf(i, name, INPUT) for i, name in names.items()}
    if most and not _has_branches(tape):
        if len(leaves) > most:
            raise TooManyUnitsError
    else:
        most = 0
    sample = Sample(0, 1, (0,) * len(tape.nodes))
    return _reading(tape, sample, leaves, {}, [], "", apart, most=most)


def _has_branches(tape: Tape) -> bool:
    """Whether some of a tape may be of no use for its result, since it was not chosen."""
    return any(OPS[node.op].chooses or OPS[node.op].compares for node in tape.nodes if node.op)


def _reading(
    tape: Tape, sample: Sample, leaves: dict[int, Leaf], scalars: dict[int, Element],
    outputs: list[int], others: str, apart: Sequence[int] = (), owner: Sequence[int] = (),
    most: int = 0,
) -> Reading:  # fmt: skip
    leaves = _called_apart(leaves)
    shown = [sample.shows(i) for i in range(len(tape.nodes))]
    kept = {*outputs, *apart}
    reader = Reader(tape, list(leaves.values()), shown, sample.owner, kept, others, most)
    units = reader.read()
    uses: dict[int, list[Use]] = defaultdict(list)
    for unit in units:
        for q in quantities(unit.before.formula):
            if isinstance(q.tag, int):
                uses[q.tag].append(Use(q, unit.before, unit))
    single = {i: leaves[i].name for i, x in scalars.items() if not x.record.before.shape}
    for position, name in weight_names(units, single, {x.name for x in leaves.values()}).items():
        leaves[position] = replace(leaves[position], name=name)
        reader.rename(position, name)
    order = {position: k for k, position in enumerate(leaves)}
    last = units[-1].lines[-1]
    last.direct = frozenset(
        q.tag for q in quantities(last.formula)
        if isinstance(q.tag, int) and _is_read_otherwise(q.tag, last, uses, reader)
    )  # fmt: skip
    arrange(units, outputs, order)
    name_units(units, leaves.values(), tape, sample, outputs, owner)
    read = {i: leaf for i, leaf in leaves.items() if i in uses}
    return Reading(tape, sample, units, read, scalars, dict(uses), reader.of, frozenset(outputs))


def _called_apart(leaves: Mapping[int, Leaf]) -> dict[int, Leaf]:
    """The leaves, each with a name that no other has: a second w is w_2."""
    taken: set[str] = set()
    return {i: replace(leaf, name=unused(leaf.name, taken)) for i, leaf in leaves.items()}


def _is_read_otherwise(
    position: int, line: Line, uses: Mapping[int, Sequence[Use]], reader: Reader
) -> bool:
    """Whether something else than this line reads a node, too: of what is shown, or hidden."""
    others = any(use.line is not line for use in uses.get(position, ()))
    return others or not all(reader.shown[user] for user in reader.users[position])
