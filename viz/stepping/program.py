"""What a page computes from: the recorded operations, rates, rules, and what may be changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from micrograd.ops import OPS
from micrograd.optim.equation import Equation
from micrograd.reading.reading import Element, Reading
from micrograd.reading.units import PARAMETER, TARGET
from micrograd.tape.tape import Tape
from micrograd.text.equations import quantities
from micrograd.text.latex import name as latex_name
from viz.diagram.diagram import Diagram
from viz.stepping.notation import Data, Notation, encoded
from viz.stepping.rules import rule_of


class Rates:
    """The learning rates of a step, each once."""

    def __init__(self, scalars: Mapping[int, Element]) -> None:
        self.scalars = scalars
        found = [self._of(i) for i in scalars]
        self.all = list(dict.fromkeys(rate for rate in found if rate is not None))

    def _of(self, position: int) -> float | None:
        record = self.scalars[position].record
        return None if record.optimizer is None else float(record.options["lr"])

    def number(self, position: int) -> int:
        """The place of a parameter's learning rate among them."""
        rate = self._of(position)
        return 0 if rate is None else self.all.index(rate)


def tape_data(tape: Tape, ops: list[str]) -> list[Data]:
    """A leaf is its number; an operation its row, its inputs and its static parameter."""
    data: list[Data] = []
    for node in tape.nodes:
        if not node.inputs:
            data.append(encoded(node.value))
            continue
        entry: list[Any] = [ops.index(node.op), list(node.inputs)]
        data.append(entry if node.static is None else [*entry, encoded(node.static)])
    return data


def operations(tape: Tape) -> list[str]:
    """The rows of the op table that a tape needs."""
    return list(dict.fromkeys(node.op for node in tape.nodes if node.inputs))


def kinds(tape: Tape, ops: Sequence[str], notation: Notation) -> list[Data]:
    """Each row of a tape with its static parameter: its number in the notation, and in `ops`."""
    found = {(node.op, node.static): None for node in tape.nodes if node.inputs}
    return [
        [notation.row(op, static), ops.index(op), None if static is None else encoded(static)]
        for op, static in found
    ]


def decides(ops: list[str]) -> list[str]:
    """Those of the rows that compare: another answer is another branch."""
    return [name for name in ops if OPS[name].compares]


def lines_data(reading: Reading, notation: Notation) -> tuple[list[Data], dict[str, Data]]:
    """Each equation of each unit, in order, and the formulas of all local derivatives."""
    lines, slopes = [], {}
    found = sorted(((line, unit) for unit in reading.units for line in unit.lines),
                   key=lambda pair: pair[0].position)  # fmt: skip
    for line, unit in found:
        q = notation.quantity(line.result)
        lines.append([line.position, q, notation.expression(line.formula), unit.key])
        for by in quantities(line.formula):
            if isinstance(by.tag, int):
                key = f"{line.position},{notation.quantity(by)}"
                slopes[key] = notation.expression(line.local(by))
    return lines, slopes


def names_data(reading: Reading) -> dict[int, list[str]]:
    """What each leaf and each line is called, in text and in LaTeX."""
    names = {i: leaf.name for i, leaf in reading.leaves.items()}
    names |= {line.position: line.result.name for unit in reading.units for line in unit.lines}
    return {i: [name, latex_name(name)] for i, name in names.items()}


def updates_data(
    scalars: Mapping[int, Element], rates: Rates
) -> tuple[list[Data], dict[int, Data]]:
    """The rules in use, each once, and what each parameter's update starts from."""
    rules: list[Data] = []
    updates: dict[int, Data] = {}
    known: dict[tuple[int, tuple[str, ...]], int | None] = {}  # by array, and what is kept of it
    for position, element in scalars.items():
        record, at = element.record, element.index
        if record.optimizer is None or record.gradient is None:
            continue
        state = {name: float(array[at]) for name, array in record.state_before.items()
                 if array[at] is not np.ma.masked}  # fmt: skip
        key = (id(record), tuple(state))
        if key not in known:
            rule = rule_of(record, state)
            if rule is not None and rule not in rules:
                rules.append(rule)
            known[key] = None if rule is None else rules.index(rule)
        before = {name: encoded(x) for name, x in state.items()}
        updates[position] = [known[key], rates.number(position), before]
    return rules, updates


def all_equations(diagram: Diagram, notation: Notation, new: str) -> dict[int, Data]:
    """The optimiser's equations of each parameter of a diagram."""
    found = {}
    for position, leaf in diagram.reading.leaves.items():
        equations = diagram.cards.updates.equations(position, leaf.name)
        if equations:
            found[position] = equations_data(leaf.name, equations, notation, position, new)
    return found


def equations_data(
    name: str, equations: Sequence[Equation], notation: Notation, position: int, new: str
) -> list[Data]:
    """The optimiser's equations of a parameter: name, its LaTeX, formula, result."""
    rows = []
    for e in equations:
        last = e is equations[-1]
        said = f"{name} {new}" if last else e.name
        tex = rf"{latex_name(name)}^{{\mathrm{{new}}}}" if last else latex_name(e.name)
        rows.append([said, tex, notation.expression(e.expression, position),
                     notation.quantity(e.result, position)])  # fmt: skip
    return rows


def editable(diagram: Diagram, rates: Rates) -> Iterator[tuple[str, list[Data]]]:
    """What may be changed, in groups: inputs and targets, parameters, learning rates."""
    say, leaves = diagram.rows.say, diagram.reading.leaves.values()
    given = [[leaf.position, leaf.name] for leaf in leaves if leaf.kind != PARAMETER]
    targets = any(leaf.kind == TARGET for leaf in leaves)
    title = "inputs and targets" if targets else "inputs"
    own = [[leaf.position, leaf.name] for leaf in leaves if leaf.kind == PARAMETER]
    lr = say("learning rate")
    many = len(rates.all) > 1
    groups = (
        (say(title), given),
        (say("parameters"), own),
        (lr, [[-1 - k, f"lr {k + 1}" if many else "lr"] for k in range(len(rates.all))]),
    )
    yield from ((name, entries) for name, entries in groups if entries)
