"""What the nodes of a tape are called, and which neuron each belongs to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from micrograd.errors import GraphError
from micrograd.step import Positions, Step
from micrograd.tape import Tape
from micrograd.words import short, word
from viz.grouping import path_of_module
from viz.network import Network, Neuron, read

UNNAMED = "…"  # an operand that has no name of its own


def label_names(tape: Tape) -> dict[int, str]:
    """Names that the user gave."""
    return {i: node.label for i, node in enumerate(tape.nodes) if node.label}


def step_names(step: Step) -> dict[int, str]:
    """Names of a step's parameters, inputs, targets and, of one sample, its neurons."""
    names: dict[int, str] = {len(step.tape.nodes) - 1: "L"}
    _name_elements(names, "x", step.x)
    _name_elements(names, "y", step.y)
    for parameter in step.parameters:
        _name_elements(names, parameter.name, parameter.positions)
    network = _network(step)
    if network is not None:
        for neuron in (n for layer in network.layers for n in layer):
            scalars = (*neuron.weights, *([neuron.bias] if neuron.bias else []))
            names |= {scalar.position: scalar.name for scalar in scalars}
            if step.samples == 1:
                names |= {neuron.z_position: neuron.z_name, neuron.position: neuron.name}
    names |= label_names(step.tape)
    names.pop(-1, None)
    return names


def step_clusters(step: Step, language: str) -> dict[int, str]:
    """For each node computed by a module, the title of the neuron or module that it is part of.

    A parameter belongs where it is used, if that is one place.
    """
    titles: dict[tuple[str, int | None], str] = {}
    network = _network(step)
    if network is not None:
        for k, layer in enumerate(network.layers):
            for neuron in layer:
                title = _title(neuron, k == len(network.layers) - 1, language)
                for position in (neuron.z_position, neuron.position):
                    scope = step.tape.nodes[position].scope
                    if scope is not None:
                        titles[scope.module, scope.unit] = title
    clusters: dict[int, str] = {}
    for i, node in enumerate(step.tape.nodes):
        if node.scope is not None and node.scope.module != "loss":
            module, unit = node.scope
            place = path_of_module(module) + ("" if unit is None else f"[{unit}]")
            clusters[i] = titles.get((module, unit), place)
    users = step.tape.users()
    for position in (int(i) for p in step.parameters for i in np.ravel(p.positions)):
        places = {clusters.get(user, "") for user in users[position]} if position >= 0 else set()
        if len(places) == 1 and "" not in places:
            clusters[position] = places.pop()
    return clusters


def expression(tape: Tape, index: int, names: Mapping[int, str]) -> str:
    """How a node is computed, with the names of its inputs: `W1[0] × x`; "" for a leaf.

    An input without a name is written out in its turn, but no deeper: `(out − y)²`.
    """
    return _expression(tape, index, names, 1)


def _expression(tape: Tape, index: int, names: Mapping[int, str], depth: int) -> str:
    node = tape.nodes[index]
    if not node.inputs:
        return ""
    operands = []
    for i in node.inputs:
        operand = names.get(i)
        if operand is None and not tape.nodes[i].inputs:
            operand = short(tape.nodes[i].value)
        elif operand is None:
            operand = _expression(tape, i, names, depth - 1) if depth else UNNAMED
            enclosed = node.text([UNNAMED] * len(node.inputs)).endswith(f"({UNNAMED})")
            operand = f"({operand})" if " " in operand and not enclosed else operand
        operands.append(operand)
    return node.text(operands)


def _network(step: Step) -> Network | None:
    try:
        return read(step)
    except GraphError:
        return None


def _name_elements(names: dict[int, str], name: str, positions: Positions) -> None:
    for index in np.ndindex(positions.shape):
        shown = [str(i) for i, n in zip(index, positions.shape, strict=True) if n > 1]
        names[int(positions[index])] = f"{name}[{','.join(shown)}]" if shown else name


def _title(neuron: Neuron, last: bool, language: str) -> str:
    return f"{word('output neuron' if last else 'hidden neuron', language)} {neuron.name}"
