"""The order of units: from left to right, and side by side by their indices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from micrograd.reading.units import Unit
from micrograd.text.equations import quantities


def arrange(units: list[Unit], outputs: list[int], leaves: Mapping[int, int]) -> None:
    """Sort units from left to right, and side by side in the order of outputs and leaves.

    `leaves` numbers the leaves: parameters, then inputs.
    """
    columns: dict[int, list[Unit]] = defaultdict(list)
    height: dict[int, int] = {}
    for unit in units:
        under = [height[tag] for tag in _tags(unit) if tag in height]
        height |= {line.position: max(under, default=0) + 1 for line in unit.lines}
        columns[height[unit.position]].append(unit)
    place: dict[int, int] = {}

    def order(unit: Unit) -> tuple[object, ...]:
        output = outputs.index(unit.position) if unit.position in outputs else len(outputs)
        own = [leaves[tag] for tag in _tags(unit) if tag in leaves]
        return (
            output,
            unit.linear and min(own),
            sorted(place[t] for t in _tags(unit) if t in place),
            own,
        )

    units.clear()
    for column in sorted(columns):
        for unit in sorted(columns[column], key=order):
            place |= {line.position: len(place) for line in unit.lines}
            units.append(unit)


def _tags(unit: Unit) -> list[Any]:
    return [q.tag for q in quantities(unit.before.formula)]
