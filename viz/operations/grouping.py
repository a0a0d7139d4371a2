"""Which unit, layer and module each node of a tape belongs to, from coarse to fine.

A recorded step says which module made a node. In a graph that was not recorded it follows from the
names of the leaves: `layers[0].neurons[2].w[1] × x` belongs to the neuron, and so does what is
computed from such products alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from micrograd.tape.tape import Tape

ModulePath = tuple[str, ...]  # ("layers", "layers[0]", "layers[0].neurons", "layers[0].neurons[2]")

_PART = re.compile(r"\[[^\]]*\]|\.?[^.\[\]]+")


def places(tape: Tape, names: Mapping[int, str]) -> list[ModulePath]:
    """For each node, what it is part of, outermost first; () for what is part of nothing."""
    found: list[ModulePath] = []
    weak: set[int] = set()  # part of what they follow, unless nothing else is made of them
    for i, node in enumerate(tape.nodes):
        if node.scope is not None:
            found.append(_of_scope(*node.scope))
        elif not node.inputs:
            found.append(_of_leaf(names.get(i, "")))
        else:
            place, sure = _of_inputs(tape, node.inputs, found, weak)
            found.append(place)
            if place and not sure:
                weak.add(i)
    users = tape.users()
    for i in sorted(weak, reverse=True):
        if not any(found[user] for user in users[i]):
            found[i] = ()
    return found


def _of_inputs(
    tape: Tape, inputs: tuple[int, ...], found: list[ModulePath], weak: set[int]
) -> tuple[ModulePath, bool]:
    """Where an operation is made, and whether that is sure.

    It is where its parameter is. Of what was computed in one place it is part, too; but where a
    constant comes in, it may be the activation of a neuron or already the loss.
    """
    leaves = [j for j in inputs if not tape.nodes[j].inputs]
    held = sorted({found[j] for j in leaves} - {()}, key=len)
    if held and (len(held) == 1 or len(held[-1]) > len(held[-2])):
        return held[-1], True
    around = {found[j] for j in inputs if tape.nodes[j].inputs}
    if len(around) != 1:
        return (), True
    return around.pop(), not leaves and weak.isdisjoint(inputs)


def path_of_module(name: str) -> str:
    """A qualified name as a path: `layers.0.neurons.1` is `layers[0].neurons[1]`.

    >>> path_of_module("layers.0.neurons.1")
    'layers[0].neurons[1]'
    """
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", name)


def _of_scope(module: str, unit: int | None) -> ModulePath:
    path = path_of_module(module)
    return _ancestors(path if unit is None else f"{path}[{unit}]")


def _of_leaf(name: str) -> ModulePath:
    """The object or the row of a matrix that a parameter is in; a plain list is no such thing."""
    parts = _PART.findall(name)
    if not parts or "".join(parts) != name:
        return ()
    if parts[-1].startswith("["):
        index = parts.pop()
        if "," in index and len(parts) > 1:  # the row of a matrix is a unit
            return _ancestors("".join(parts[:-1]) + f"{index.split(',')[0]}]")
    if parts[-1].startswith("."):
        parts.pop()
    return _ancestors("".join(parts)) if len(parts) > 1 or "." in name else ()


def _ancestors(path: str) -> ModulePath:
    parts = _PART.findall(path)
    return tuple("".join(parts[: k + 1]) for k in range(len(parts)))
