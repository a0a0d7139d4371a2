"""A page for a graph of any size: layers that unfold to units, units to operations.

Only what is unfolded is laid out, so that a hundred thousand operations open at once. Numbers are
computed by the page, as those of a diagram are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from micrograd.ops import OPS
from micrograd.tape.tape import Tape
from viz.diagram.rows import Rows
from viz.stepping.notation import Data
from viz.stepping.program import operations, tape_data

MOST_OPERATIONS = 400_000  # a larger graph makes a page that browsers are slow to read


def outline_data(tape: Tape, names: Mapping[int, str], caption: str, rows: Rows) -> dict[str, Data]:
    """What the page of an outline reads: the program, and the groups in program order."""
    ops = operations(tape)
    groups, units = _groups(tape)
    return {
        "digits": rows.digits, "caption": caption, "rates": [], "rules": [], "updates": {}, "q": [],
        "ops": ops, "tape": tape_data(tape, ops), "names": dict(names),
        "texts": {op: _text(op) for op in ops}, "layers": groups, "units": units,
    }  # fmt: skip


def _text(op: str) -> Sequence[str]:
    """An operation on operands a, b, c, written out once."""
    row = OPS[op]
    static = ("{k}",) if row.has_static else ()
    try:
        return [row.text(*["{a}", "{b}", "{c}"][: row.arity], *static)]
    except (TypeError, ValueError):  # some texts look at their static parameter
        return [f"{op}({', '.join(['{a}', '{b}', '{c}'][: row.arity])})"]


def _groups(tape: Tape) -> tuple[list[Data], list[Data]]:
    """Layers by module, and in each its units: a name, and their operations as ranges."""
    layers: dict[str, dict[str, list[int]]] = {}
    for i, node in enumerate(tape.nodes):
        if not node.inputs:
            continue
        module = node.scope.module if node.scope else ""
        unit = "" if node.scope is None or node.scope.unit is None else str(node.scope.unit)
        layers.setdefault(module, {}).setdefault(unit, []).append(i)
    groups: list[Data] = []
    units: list[Data] = []
    for module, members in layers.items():
        groups.append([module, list(range(len(units), len(units) + len(members)))])
        units += [[unit, _ranges(positions)] for unit, positions in members.items()]
    return groups, units


def _ranges(positions: Sequence[int]) -> list[int]:
    """Runs of neighbours as pairs: where each begins, and how long it is."""
    runs: list[int] = []
    for i in positions:
        if runs and runs[-2] + runs[-1] == i:
            runs[-1] += 1
        else:
            runs += [i, 1]
    return runs
