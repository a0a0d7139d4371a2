"""What the nodes of a tape are called, and which neuron each belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from micrograd.errors import GraphError
from micrograd.ops import OPS
from micrograd.reading.names import element, parameter_names
from micrograd.reading.reading import Reading, read
from micrograd.steps.step import Positions, Step
from micrograd.tape.modules import Scope
from micrograd.tape.tape import Tape
from micrograd.text.equations import Applied, Expression, Quantity, symbolic
from micrograd.text.words import DIGITS, word
from viz.operations.grouping import path_of_module

UNNAMED = "…"  # an operand that has no name of its own


def label_names(tape: Tape) -> dict[int, str]:
    """Names that the user gave."""
    return {i: node.label for i, node in enumerate(tape.nodes) if node.label}


def step_names(step: Step) -> dict[int, str]:
    """Names of a step's parameters, inputs, targets and, of one sample, its units."""
    names: dict[int, str] = {len(step.tape.nodes) - 1: "L"}
    for record in step.inputs:
        _name_elements(names, record.name, record.positions)
    _name_elements(names, "y", step.y)
    for parameter, name in parameter_names(step):
        _name_elements(names, name, parameter.positions)
    reading = _reading(step)
    if reading is not None and reading.sample.count == 1:
        names |= {line.position: line.result.name for unit in reading.units for line in unit.lines}
    names |= label_names(step.tape)
    names.pop(-1, None)
    return names


def step_clusters(step: Step, language: str) -> dict[int, str]:
    """For each node computed by a module, the title of the neuron or module that it is part of.

    A parameter belongs where it is used, if that is one place.
    """
    titles = unit_titles(step, language)
    clusters: dict[int, str] = {}
    for i, node in enumerate(step.tape.nodes):
        if node.scope is not None and node.scope.module != "loss":
            module, unit = node.scope
            place = path_of_module(module) + ("" if unit is None else f"[{unit}]")
            clusters[i] = titles.get(node.scope, place)
    users = step.tape.users()
    for position in (int(i) for p in step.parameters for i in np.ravel(p.positions)):
        places = {clusters.get(user, "") for user in users[position]} if position >= 0 else set()
        if len(places) == 1 and "" not in places:
            clusters[position] = places.pop()
    return clusters


def unit_titles(step: Step, language: str) -> dict[Scope, str]:
    """Titles of the units of modules in which one neuron was made, and nothing else."""
    reading = _reading(step)
    found: dict[Scope, list[str]] = defaultdict(list)
    for unit in reading.units if reading is not None else ():
        for line in unit.lines:
            scope = step.tape.nodes[line.position].scope
            if scope is not None and scope.unit is not None and reading is not None:
                last = unit.position in reading.outputs
                kind = "output neuron" if last else "hidden neuron"
                said = f"{word(kind, language)} {unit.result.name}"
                found[scope].append(said if unit.linear else "")
    return {scope: said[0] for scope, said in found.items() if len(set(said)) == 1 and said[0]}


def _reading(step: Step) -> Reading | None:
    try:
        return read(step)
    except GraphError:
        return None


def formula(tape: Tape, index: int, names: Mapping[int, str]) -> Expression | None:
    """How a node is computed from its inputs; None for a leaf, or one that was made by hand.

    An input without a name is written out in its turn, but no deeper: `(out − y)²`.
    """
    return _formula(tape, index, names, 1)


def _formula(tape: Tape, index: int, names: Mapping[int, str], depth: int) -> Expression | None:
    node = tape.nodes[index]
    if node.op not in OPS:
        return None
    operands: list[Expression] = []
    for i in node.inputs:
        name, value = names.get(i, ""), tape.nodes[i].value
        inner = _formula(tape, i, names, depth - 1) if depth and not name else None
        leaf = not name and not tape.nodes[i].inputs
        unnamed = Quantity("" if leaf else name or UNNAMED, value, None if leaf else i)
        operands.append(unnamed if inner is None else inner)
    return Applied(OPS[node.op], tuple(operands), node.static)


def expression(tape: Tape, index: int, names: Mapping[int, str], digits: int = DIGITS) -> str:
    """The formula of a node in names: `W1[0] × x`; "" for a leaf."""
    found = formula(tape, index, names)
    if found is not None:
        return "".join(text for text, _ in symbolic(found, digits))
    node = tape.nodes[index]
    return node.text([names.get(i, UNNAMED) for i in node.inputs]) if node.inputs else ""


def _name_elements(names: dict[int, str], name: str, positions: Positions) -> None:
    for index in np.ndindex(positions.shape):
        names[int(positions[index])] = element(name, positions.shape, index)
