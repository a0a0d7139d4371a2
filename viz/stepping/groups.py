"""A graph of any size as groups that unfold: layers, their neurons, and what those compute.

The page lays out what is unfolded, and nothing else, so that a hundred thousand operations open at
once. Numbers are computed by the page, as those of a diagram are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from micrograd.ops import OPS
from micrograd.reading.names import parameter_names
from micrograd.reading.reading import Element
from micrograd.reading.samples import sample_of
from micrograd.steps.step import Step
from micrograd.tape.tape import Tape
from micrograd.text.latex import name as latex_name
from viz.diagram.rows import Rows
from viz.diagram.updates import equations_of
from viz.operations.grouping import ModulePath, places
from viz.operations.naming import step_names, unit_titles
from viz.stepping.notation import Data, Notation, encoded
from viz.stepping.program import (
    Rates,
    decides,
    equations_data,
    kinds,
    operations,
    tape_data,
    updates_data,
)

MOST_OPERATIONS = 400_000  # a larger graph makes a page that browsers are slow to read
MOST_TOGETHER = 100  # operations of no module that are one group
MOST_PARTS = 32  # groups beside each other, of such operations


@dataclass
class Unfolding:
    """What a page of groups is about; `path` is where each operation is, outermost first."""

    tape: Tape
    names: Mapping[int, str]
    caption: str
    path: Sequence[ModulePath]
    given: Sequence[int] = ()  # inputs and targets
    titles: Mapping[str, str] = field(default_factory=dict)
    scalars: Mapping[int, Element] = field(default_factory=dict)


def graph_of_step(step: Step, caption: str, rows: Rows) -> Unfolding:
    """A step by its modules, their units, and in each unit by samples."""
    tape, names = step.tape, step_names(step)
    path = places(tape, names)
    titles = _kinds(step)
    _with_activations(tape, path, titles)
    for scope, said in unit_titles(step, rows.language).items():
        where = f"{scope.module}[{scope.unit}]"
        titles[where] = said
    owner = sample_of(step, 0)
    if owner.count > 1:
        for i, k in enumerate(owner.owner):
            if k >= 0 and path[i]:
                sample = rows.say("sample {i} of {n}", i=k + 1, n=owner.count)
                path[i] = (*path[i], sample)
    scalars = {
        int(record.positions[at]): Element(record, at)
        for record, _ in parameter_names(step)
        for at in np.ndindex(record.before.shape)
        if record.positions[at] >= 0
    }
    given = [int(i) for array in (*(x.positions for x in step.inputs), step.y)
             for i in np.ravel(array) if i >= 0]  # fmt: skip
    return Unfolding(tape, names, caption, _unwrapped(path), given, titles, scalars)


def graph_of_value(tape: Tape, names: Mapping[int, str], caption: str) -> Unfolding:
    """The graph of a Value, by the objects that its named leaves are in."""
    root = len(tape.nodes) - 1
    said = {**names} if "L" in names.values() else {root: "L", **names}
    return Unfolding(tape, said, caption, _unwrapped(places(tape, names)))


def _unwrapped(path: Sequence[ModulePath]) -> Sequence[ModulePath]:
    """Without the outermost place where all are in one, such as a list of layers.

    >>> _unwrapped([(), ("layers", "layers[0]"), ("layers", "layers[1]")])
    [(), ('layers[0]',), ('layers[1]',)]
    """
    whole = {where[0] for where in path if where}
    inside = {where[1:2] for where in path if where}
    return [where[1:] for where in path] if len(whole) == 1 < len(inside - {()}) else path


def groups_data(graph: Unfolding, rows: Rows) -> dict[str, Data]:
    """What the page reads: the program, its groups, and how the optimiser updates."""
    tape, ops = graph.tape, operations(graph.tape)
    rates = Rates(graph.scalars)
    notation = Notation(rates.number)
    rules, updates = updates_data(graph.scalars, rates)
    for op in ("mul", "add"):
        notation.row(OPS[op].name, None)
    return {
        "digits": rows.digits, "caption": graph.caption,
        "ops": ops, "tape": tape_data(tape, ops), "kinds": kinds(tape, ops, notation),
        "names": {i: [name, latex_name(name)] for i, name in graph.names.items()},
        "groups": _groups(graph, rows), "given": _ranges(graph.given),
        "rates": [encoded(rate) for rate in rates.all], "rules": rules, "updates": updates,
        "frozen": any(place is None for place, *_ in updates.values()),
        "decides": decides(ops), "decided": bool(decides(ops)),
        "direct": _direct(tape), "records": _records(graph, notation, rows), "slopes": {},
        "rows": notation.rows, "q": notation.quantities,
    }  # fmt: skip


def _direct(tape: Tape) -> list[int]:
    """What the last operation reads that others read, too."""
    others = {j for node in tape.nodes[:-1] for j in node.inputs}
    return sorted(others.intersection(tape.nodes[-1].inputs))


def _records(graph: Unfolding, notation: Notation, rows: Rows) -> list[Data]:
    """The optimiser's equations, once for each parameter array, and the places of its elements."""
    places_of: dict[int, list[int]] = defaultdict(list)
    for position, scalar in graph.scalars.items():
        places_of[id(scalar.record)].append(position)
    found = []
    for positions in places_of.values():
        first = positions[0]
        name = graph.names.get(first, "")
        equations = equations_of(graph.scalars[first], first, name)
        if equations:
            told = equations_data(name, equations, notation, first, rows.say("new"))
            found.append([first, name, told, _ranges(positions)])
    return found


# ---- groups --------------------------------------------------------------------------------------


def _kinds(step: Step) -> dict[str, str]:
    return {call.name: f"{call.name}  {call.kind}" for call in step.calls if call.name}


def _with_activations(tape: Tape, path: list[ModulePath], titles: dict[str, str]) -> None:
    """Put a module that reads one other's units, each its own, where those are: tanh after W·x."""
    members: dict[str, list[int]] = defaultdict(list)
    for i, where in enumerate(path):
        if len(where) > 1 and tape.nodes[i].inputs:
            members[where[0]].append(i)
    for module, nodes in members.items():
        below = {j for i in nodes for j in tape.nodes[i].inputs if tape.nodes[j].inputs}
        outside = below - set(nodes)
        homes = {path[j][0] for j in outside if len(path[j]) > 1}
        alone = len(homes) == 1 and all(len(tape.nodes[i].inputs) == 1 for i in nodes)
        if not alone or not all(
            path[i][1].removeprefix(module) == path[j][1].removeprefix(path[j][0])
            for i in nodes
            for j in tape.nodes[i].inputs
            if j in outside
        ):
            continue
        (home,) = homes
        kind = titles.get(module, module).rpartition("  ")[2]
        titles[home] = f"{titles.get(home, home)}, {kind}"
        for i in nodes:
            path[i] = (home, home + path[i][1].removeprefix(module), *path[i][2:])


def _groups(graph: Unfolding, rows: Rows) -> list[Data]:
    """Groups in program order: title, the group around it (-1: none), and its own operations."""
    found: list[Data] = []
    number: dict[ModulePath, int] = {}
    own: dict[ModulePath, list[int]] = defaultdict(list)
    for i, node in enumerate(graph.tape.nodes):
        if node.inputs:
            own[graph.path[i]].append(i)

    def add(where: ModulePath) -> int:
        if where not in number:
            above = add(where[:-1]) if len(where) > 1 else -1
            title = graph.titles.get(where[-1], where[-1])
            number[where] = len(found)
            found.append([title, above, []])
        return number[where]

    for where, positions in own.items():
        if where:
            found[add(where)][2] = _ranges(positions)
        else:
            _in_order(found, positions, rows)
    return found


def _in_order(found: list[Data], positions: Sequence[int], rows: Rows) -> None:
    """Operations of no module, as they were computed: in groups, and groups of groups."""
    alone = not found and len(positions) > MOST_TOGETHER  # then there need be none around all
    parts, levels = math.ceil(len(positions) / MOST_TOGETHER), 1
    while parts ** (1 / levels) > MOST_PARTS:
        levels += 1
    fan = math.ceil(parts ** (1 / levels))

    def add(some: Sequence[int], above: int, level: int) -> None:
        whole = len(some) == len(positions)
        here = above if whole and alone else len(found)
        if not (whole and alone):
            title = rows.say("operations") if whole else f"n{some[0]} … n{some[-1]}"
            found.append([title, above, _ranges(some) if len(some) <= MOST_TOGETHER else []])
        if len(some) > MOST_TOGETHER:
            size = MOST_TOGETHER * fan ** (level - 1)
            for at in range(0, len(some), size):
                add(some[at : at + size], here, level - 1)

    add(positions, -1, levels)


def _ranges(positions: Iterable[int]) -> list[int]:
    """Runs of neighbours as pairs: where each begins, and how long it is.

    >>> _ranges([3, 4, 5, 9])
    [3, 3, 9, 1]
    """
    runs: list[int] = []
    for i in positions:
        if runs and runs[-2] + runs[-1] == i:
            runs[-1] += 1
        else:
            runs += [i, 1]
    return runs
