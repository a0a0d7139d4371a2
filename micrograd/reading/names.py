"""Names of parameters and units: W1[0], b1[0], z0, h0, out, L, as in a lecture."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, count

from micrograd.reading.samples import SEVERAL, Sample
from micrograd.reading.units import PARAMETER, Leaf, Unit, products
from micrograd.steps.step import ParameterRecord, Step
from micrograd.tape.tape import Tape
from micrograd.text.equations import quantities, symbolic


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
    units: Sequence[Unit], leaves: Iterable[Leaf], tape: Tape, sample: Sample,
    outputs: list[int], owner: Sequence[int] = (),
) -> None:  # fmt: skip
    """Give every unit a name that is its own, and a key for its card.

    Where units of all samples stand together, `owner` says whose each node is: z1[2,0] is of
    sample 2.
    """
    leaves = list(leaves)
    taken = {leaf.name for leaf in leaves}
    keys = {key(name) for name in taken}
    parameters = {leaf.position for leaf in leaves if leaf.kind == PARAMETER}
    names = _UnitNames(units, tape, sample, outputs, owner, parameters)
    for unit in units:
        name, inner = names.of(unit)
        unit.result.name = unused(unit.result.name or name, taken)
        if unit.activation and not unit.before.result.name:
            unit.before.result.name = unused(inner or f"z_{unit.result.name}", taken)
        unit.key = unused(key(unit.result.name), keys)


def weight_names(
    units: Sequence[Unit], single: Mapping[int, str], taken: Set[str]
) -> dict[int, str]:
    """W1[0,2] and b1[0] for parameters that are a number each, in a list of lists of a model.

    `single` are those parameters: their places on the tape, and what they are called otherwise.
    """
    names: dict[int, str] = {}
    for k, layer in enumerate(_layers(units), 1):
        neurons: dict[tuple[int, ...], list[int]] = {}
        for unit in layer:
            pairs, alone = products(unit.before.formula, single.keys()) or ([], [])
            weights = tuple(p.weight.tag for p in pairs)
            neurons.setdefault(weights, [q.tag for q in alone if q.tag in single])
        several = len(neurons) > 1
        for i, (weights, biases) in enumerate(neurons.items()):
            for j, tag in enumerate(weights):
                at = f"{i},{j}" if several and len(weights) > 1 else i if several else j
                many = several or len(weights) > 1
                names.setdefault(tag, f"W{k}[{at}]" if many else f"W{k}")
            for tag in biases if len(biases) == 1 else ():
                names.setdefault(tag, f"b{k}[{i}]" if several else f"b{k}")
    found = {i: name for i, name in names.items() if _is_nested(single[i])}
    unique = len(set(found.values())) == len(found) and not taken & set(found.values())
    return found if unique else {}


def _is_nested(name: str) -> bool:
    """Whether a name is of something in a list in a list: layers[0].neurons[2].w[1]."""
    return name.count("[") > 1


def unused(name: str, taken: set[str]) -> str:
    """The name, or the first of name_2, name_3, … that is not taken; it is from then on."""
    numbered = (f"{name}_{i}" for i in count(2))
    free = next(said for said in chain([name], numbered) if said not in taken)
    taken.add(free)
    return free


class _UnitNames:
    """What units are called by what they are."""

    def __init__(
        self, units: Sequence[Unit], tape: Tape, sample: Sample, outputs: list[int],
        owner: Sequence[int], parameters: Set[int],
    ) -> None:  # fmt: skip
        self.outputs, self.owner, self.parameters = outputs, owner, parameters
        self.last = units[-1]
        self.layers = _layers(units)
        self.places = {id(unit): k for k, layer in enumerate(self.layers) for unit in layer}
        self.indices: dict[int, str] = {}
        for layer in self.layers:
            self.indices |= _indices(layer, owner, self._weights_of)
        others = [u for u in units if id(u) not in self.places and u is not self.last]
        losses = [u for u in others if _is_loss_of(u, tape, sample)]
        self.groups = _groups([u for u in others if u not in losses], owner)
        at = sample.index
        for j, unit in enumerate(losses):
            self.groups[id(unit)] = f"L[{at}]" if len(losses) == 1 else f"L[{at},{j}]"

    def of(self, unit: Unit) -> tuple[str, str]:
        """The name of what a unit hands on, and of what is before its activation."""
        if unit.position in self.outputs:
            at = self._output_index(unit)
            return f"out{at}", f"z_out{at}"
        if id(unit) in self.places:
            k, active = self.places[id(unit)], unit.activation is not None
            return _layer_names(k, self.indices[id(unit)], len(self.layers), active)
        return ("L" if unit is self.last else self.groups[id(unit)]), ""

    def _weights_of(self, unit: Unit) -> object:
        """The same for the same neuron, whatever it reads."""
        return tuple(q.tag for q in quantities(unit.before.formula) if q.tag in self.parameters)

    def _output_index(self, unit: Unit) -> str:
        if len(self.outputs) == 1:
            return ""
        k = self.outputs.index(unit.position)
        if not self.owner:
            return str(k)
        s = self.owner[unit.position]
        return f"[{s},{k - [self.owner[i] for i in self.outputs].index(s)}]"


def key(name: str) -> str:
    """A name as an id: h1_0 for h1[0]; several names may have the same, so see `unused`.

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


def _indices(
    alike: Sequence[Unit], owner: Sequence[int], kind: Callable[[Unit], object]
) -> dict[int, str]:
    """The index of each of several units: sample, how often it was computed before, which it is.

    Units of one `kind` are one neuron, computed again; an index that is 0 for all is left out.
    """
    samples = {id(unit): owner[unit.position] if owner else 0 for unit in alike}
    if min(samples.values()) < 0:
        samples = dict.fromkeys(samples, 0)
    times = Counter((samples[id(unit)], kind(unit)) for unit in alike)
    again = set(times.values()) != {1} and len(set(times.values())) == 1
    times.clear()
    which: dict[int, dict[object, int]] = defaultdict(dict)
    found = {}
    for unit in sorted(alike, key=lambda unit: unit.position) if again else alike:
        sample, said = samples[id(unit)], kind(unit) if again else id(unit)
        i = which[sample].setdefault(said, len(which[sample]))
        found[id(unit)] = (sample, times[sample, said], i)
        times[sample, said] += 1
    kept = [len(which) > 1, again, len(alike) > 1]
    return {unit: ",".join(str(i) for i, shown in zip(at, kept, strict=True) if shown)
            for unit, at in found.items()}  # fmt: skip


def _layer_names(k: int, index: str, depth: int, active: bool) -> tuple[str, str]:
    """Names of a unit of layer k, after the activation and before."""
    if depth > 2 or not index or "," in index:
        index = f"{k + 1}[{index}]" if index else str(k + 1)
    return (f"h{index}", f"z{index}") if active else (f"z{index}", "")


def _groups(units: list[Unit], owner: Sequence[int]) -> dict[int, str]:
    """Names u1, u2[0], u2[1], …: units that say the same of different things are one group."""
    alike: dict[str, list[Unit]] = {}
    for unit in units:
        blank = "".join(text if tag is None else "·" for text, tag in symbolic(unit.before.formula))
        alike.setdefault(f"{unit.scope} {unit.depth} {blank}", []).append(unit)
    return {
        unit: f"u{k}[{at}]" if at else f"u{k}"
        for k, group in enumerate(alike.values(), 1)
        for unit, at in _indices(group, owner, id).items()
    }


def _is_loss_of(unit: Unit, tape: Tape, sample: Sample) -> bool:
    """Whether a unit is what the mean of the losses takes of its sample."""
    if sample.count == 1 or sample.owner[unit.position] != sample.index:
        return False
    users = tape.users()[unit.position]
    return bool(users) and all(sample.owner[user] == SEVERAL for user in users)
