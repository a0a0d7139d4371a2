"""The equations that a result was computed by, whatever was recorded: a step or a graph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from micrograd.engine import Value
from micrograd.errors import ArgumentTypeError, ArgumentValueError, GraphError
from micrograd.gradients import grad
from micrograd.ops import OPS
from micrograd.reading.called import called, labelled
from micrograd.reading.reading import read_graph, read_step
from micrograd.reading.units import Line, Unit
from micrograd.steps.step import Step
from micrograd.tape.tape import Tape, check_current, take
from micrograd.tensors.tensor import Tensor
from micrograd.text.derivatives import local_name
from micrograd.text.equations import Applied, Quantity, quantities

MOST_READ = 3000  # operations that are read as units; of more, each is a line

_ELEMENT = re.compile(r"(.*?)((?:\[[^\[\]]*\])*)", re.DOTALL)  # a name, and indices after it


@dataclass(frozen=True)
class Edge:
    """A line and one of the quantities that it reads: a factor of the chain rule."""

    line: Line
    below: Quantity
    slope: Any  # ∂ result / ∂ below, an expression
    name: str  # of that derivative
    direct: bool  # whether its line is the output, which it reaches by other paths, too

    @property
    def value(self) -> float:
        """The local derivative."""
        return float(self.slope)


@dataclass(frozen=True)
class Equations:
    """Lines in the order of their computation, by position on the tape; the last is the output."""

    lines: dict[int, Line]
    units: dict[int, Unit]
    targets: tuple[int, ...]  # where the inputs are on the tape; -1: not there
    names: tuple[str, ...]
    shape: tuple[int, ...]
    gradients: tuple[float, ...]
    owner: tuple[int, ...]  # the sample of each node of the tape
    language: str = "en"
    known: dict[int, list[Edge]] = field(default_factory=dict)

    @property
    def output(self) -> Line:
        """What is differentiated."""
        return self.lines[next(reversed(self.lines))]

    def edges(self, position: int) -> list[Edge]:
        """What a line reads; nothing for a leaf."""
        line = self.lines.get(position)
        if line is None:
            return []
        if position not in self.known:
            found = [q for q in quantities(line.formula) if isinstance(q.tag, int)]
            self.known[position] = [self._edge(line, q) for q in found]
        return self.known[position]

    def _edge(self, line: Line, q: Quantity) -> Edge:
        direct = line is self.output and self._readers[q.tag] > 1
        name = local_name(line.result.name, q.name, direct, self.language)
        return Edge(line, q, line.local(q), name, direct)

    @cached_property
    def _readers(self) -> Counter[Any]:
        return Counter(q.tag for line in self.lines.values() for q in quantities(line.formula))


def recorded(output: Any, given: Any, language: str = "en") -> Equations:
    """Read what `output` was computed by, as far as its derivative by the input needs."""
    found = _recorded(output, given)
    return replace(found, language=language)


def _recorded(output: Any, given: Any) -> Equations:
    if isinstance(output, Step):
        return _of_step(output, given)
    if isinstance(output, Tensor):
        output = output._only("output")
    if not isinstance(output, Value):
        raise ArgumentTypeError(
            f"output must be a Value, a Tensor of one element or a recorded step, got "
            f"{type(output).__name__}"
        )
    if not isinstance(given, Value | Tensor):
        raise ArgumentTypeError(f"input must be a Value or a Tensor, got {type(given).__name__}")
    return _of_graph(output, given)


def _of_graph(root: Value, given: Value | Tensor) -> Equations:
    wanted = [given] if isinstance(given, Value) else list(given._values.flat)
    shape = () if isinstance(given, Value) else given.shape
    tape, position = take(root)
    check_current(tape)
    names = called(position, wanted)
    targets = tuple(position.get(v, -1) for v in wanted)
    said = tuple(names.get(i) or v.label or "input" for i, v in zip(targets, wanted, strict=True))
    units = _units(tape, names, set(targets))
    owner = (0,) * len(tape.nodes)
    slopes = tuple(g.data for g in grad(root, wanted))
    return Equations(_lines(units), _of(units), targets, said, shape, slopes, owner)


def _units(tape: Tape, names: Mapping[int, str], kept: set[int]) -> list[Unit]:
    """Units, called by the names that there are; operations one by one where there are many."""
    last = len(tape.nodes) - 1
    if not tape.nodes[last].inputs:
        return []
    tape, leaves = labelled(tape, names)
    inner = [i for i in kept if i >= 0 and tape.nodes[i].inputs and i != last]
    if last <= MOST_READ:
        return read_graph(tape, leaves, inner).units
    return _operations(tape, leaves)


def _operations(tape: Tape, leaves: Mapping[int, str]) -> list[Unit]:
    """Every operation as a unit of its own."""
    named: dict[int, Quantity] = {}
    units = []
    for i, node in enumerate(tape.nodes):
        said = leaves.get(i, "") or node.label or (f"u{i}" if node.inputs else "")
        named[i] = Quantity(said, node.value, i if said else None)
        if not node.inputs:
            continue
        if not node.op:
            raise GraphError(f"the node {node.symbol or i!r} was made by hand: it has no equation")
        operands = tuple(named[j] for j in node.inputs)
        units.append(Unit([Line(i, Applied(OPS[node.op], operands, node.static), named[i])], False))
    return units


def _of_step(step: Step, name: Any) -> Equations:
    if not isinstance(name, str):
        raise ArgumentTypeError(
            f"input must be the name of a parameter of the step, got {type(name).__name__}"
        )
    head, rest = _ELEMENT.fullmatch(name).groups()  # type: ignore[union-attr]
    known = {record.name: record for record in step.parameters}
    record = known.get(name) or known.get(head)
    if record is None:
        raise ArgumentValueError(f"input must be one of {', '.join(known):.200}, got {name!r}")
    at: Any = ...
    if record.name != name:
        try:
            at = tuple(int(k) for k in rest[1:-1].replace("][", ",").split(","))
            record.positions[at]
        except (ValueError, IndexError):
            shape = record.positions.shape
            raise ArgumentValueError(
                f"input has no element {name!r}: {record.name} has the shape {shape}"
            ) from None
    reading = read_step(step)
    positions = record.positions[at]
    targets = tuple(int(i) for i in positions.ravel())
    said = tuple(reading.called(i) or name for i in targets)
    slopes = tuple(reading.tape.nodes[i].gradient or 0.0 if i >= 0 else 0.0 for i in targets)
    return Equations(
        _lines(reading.units), _of(reading.units), targets, said, positions.shape, slopes,
        reading.sample.owner,
    )  # fmt: skip


def _lines(units: Iterable[Unit]) -> dict[int, Line]:
    found = [line for unit in units for line in unit.lines]
    return {line.position: line for line in sorted(found, key=lambda line: line.position)}


def _of(units: Iterable[Unit]) -> dict[int, Unit]:
    return {line.position: unit for unit in units for line in unit.lines}
