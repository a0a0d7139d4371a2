"""Names of parameters and units: W1[0], b1[0], z0, h0, out, L, as in a lecture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count

from micrograd.reading.samples import SEVERAL, Sample
from micrograd.reading.units import Leaf, Unit
from micrograd.steps.step import ParameterRecord, Step
from micrograd.tape.tape import Tape
from micrograd.text.equations import symbolic


def parameter_names(step: Step) -> Iterator[tuple[ParameterRecord, str]]:
    """Each parameter and what it is called: W1 and b1 for those of Linear layers, in order."""
    short: dict[str, str] = {}
    for call in step.calls:
        own = call.parameters
        if call.kind == "Linear" and own.get("weight") not in short:
            k = sum(name.startswith("W") for name in short.values()) + 1
            short |= {own[part]: f"{said}{k}" for part, said in (("weight", "W"), ("bias", "b"))
                      if part in own}  # fmt: skip
    for record in step.parameters:
        yield record, short.get(record.name, record.name)


def element(name: str, shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    """W1[0] for a row or a column, W1[2,1] otherwise, W1 for a single number."""
    shown = [str(i) for i, n in zip(index, shape, strict=True) if n > 1]
    return f"{name}[{','.join(shown)}]" if shown else name


def name_units(
    units: Sequence[Unit], leaves: Iterable[Leaf], tape: Tape, sample: Sample, outputs: list[int]
) -> None:
    """Give every unit a name that is its own, and a key for its card."""
    taken = {leaf.name for leaf in leaves}
    keys = {key(name) for name in taken}
    names = _UnitNames(units, tape, sample, outputs)
    for unit in units:
        name, inner = names.of(unit)
        unit.result.name = _unused(unit.result.name or name, taken)
        if unit.activation and not unit.before.result.name:
            unit.before.result.name = _unused(inner or f"z_{unit.result.name}", taken)
        unit.key = _unused(key(unit.result.name), keys)


def _unused(name: str, taken: set[str]) -> str:
    """The name, or if it is taken the first of name_2, name_3, … that is not."""
    numbered = (f"{name}_{i}" for i in count(2))
    free = next(said for said in chain([name], numbered) if said not in taken)
    taken.add(free)
    return free


class _UnitNames:
    """What units are called by what they are."""

    def __init__(
        self, units: Sequence[Unit], tape: Tape, sample: Sample, outputs: list[int]
    ) -> None:
        self.outputs = outputs
        self.last = units[-1]
        self.layers = _layers(units)
        self.places = {id(unit): (k, i) for k, layer in enumerate(self.layers)
                       for i, unit in enumerate(layer)}  # fmt: skip
        others = [u for u in units if id(u) not in self.places and u is not self.last]
        losses = [u for u in others if _is_loss_of(u, tape, sample)]
        self.groups = _groups([u for u in others if u not in losses])
        at = sample.index
        for j, unit in enumerate(losses):
            self.groups[id(unit)] = f"L[{at}]" if len(losses) == 1 else f"L[{at},{j}]"

    def of(self, unit: Unit) -> tuple[str, str]:
        """The name of what a unit hands on, and of what is before its activation."""
        if unit.position in self.outputs:
            many = "" if len(self.outputs) == 1 else str(self.outputs.index(unit.position))
            return f"out{many}", f"z_out{many}"
        if id(unit) in self.places:
            k, i = self.places[id(unit)]
            active = unit.activation is not None
            return _layer_names(k, i, len(self.layers[k]), len(self.layers), active)
        return ("L" if unit is self.last else self.groups[id(unit)]), ""


def key(name: str) -> str:
    """A name as an id: h1_0 for h1[0].

    >>> key("h1[0]"), key("L"), key("layers[0].w[1]")
    ('h1_0', 'L', 'layers_0_w_1')
    """
    return re.sub(r"\W+", "_", name).strip("_") or "unit"


def _layers(units: Sequence[Unit]) -> list[list[Unit]]:
    """Linear units side by side: as deep in the network, and made in the same module."""
    layers: dict[tuple[int, str], list[Unit]] = {}
    for unit in units:
        if unit.linear:
            layers.setdefault((unit.depth, unit.layer), []).append(unit)
    return sorted(layers.values(), key=lambda layer: layer[0].depth)


def _layer_names(k: int, i: int, width: int, depth: int, active: bool) -> tuple[str, str]:
    """Names of unit i of layer k, after the activation and before."""
    index = "" if width == 1 else str(i)
    if depth > 2 or not index:
        index = f"{k + 1}[{i}]" if index else str(k + 1)
    return (f"h{index}", f"z{index}") if active else (f"z{index}", "")


def _groups(units: list[Unit]) -> dict[int, str]:
    """Names u1, u2[0], u2[1], …: units that say the same of different things are one group."""
    alike: dict[str, list[Unit]] = {}
    for unit in units:
        blank = "".join(text if tag is None else "·" for text, tag in symbolic(unit.before.formula))
        alike.setdefault(f"{unit.scope} {blank}", []).append(unit)
    return {
        id(unit): f"u{k}" if len(group) == 1 else f"u{k}[{i}]"
        for k, group in enumerate(alike.values(), 1)
        for i, unit in enumerate(group)
    }


def _is_loss_of(unit: Unit, tape: Tape, sample: Sample) -> bool:
    """Whether a unit is what the mean of the losses takes of its sample."""
    if sample.count == 1 or sample.owner[unit.position] != sample.index:
        return False
    users = tape.users()[unit.position]
    return bool(users) and all(sample.owner[user] == SEVERAL for user in users)
