"""What the numbers of a graph are called: by their labels, or by their maker's variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from micrograd.engine import Value
from micrograd.reading.names import unused
from micrograd.tape.paths import caller, variable_names
from micrograd.tape.tape import Tape


def called(position: Mapping[Value, int], also: Iterable[Value] = ()) -> dict[int, str]:
    """A name for each leaf, and for what else has one: its label, or a variable of the caller's.

    A leaf's name is its own: of two that are labelled w, the second is w_2.

    `position` has the place of each Value on the tape; names of others may be asked for, `also`,
    so that what holds all of them is seen.
    """
    ours = [v for v in position if v._static is None or v._row is not None]
    found = variable_names(caller(), {id(v) for v in [*ours, *also]})
    names = {position[v]: v.label or found.get(id(v), "") for v in ours}
    for k, v in enumerate(v for v in ours if v._row is None):
        names[position[v]] = names[position[v]] or f"v{k}"
    leaves = {position[v] for v in ours if v._row is None}
    taken: set[str] = set()
    own = {i: unused(name, taken) for i, name in names.items() if i in leaves}
    return {i: own.get(i, name) for i, name in names.items() if name}


def labelled(tape: Tape, names: Mapping[int, str]) -> tuple[Tape, dict[int, str]]:
    """The tape with names as the labels of its operations, each once; and the names of leaves."""
    leaves = {i: name for i, name in names.items() if not tape.nodes[i].inputs}
    taken, labels = set(leaves.values()), {}
    for i, name in names.items():
        if i not in leaves and name not in taken:
            taken.add(name)
            labels[i] = name
    nodes = (replace(node, label=labels.get(i, "")) if node.inputs else node
             for i, node in enumerate(tape.nodes))  # fmt: skip
    return Tape(tuple(nodes)), leaves
