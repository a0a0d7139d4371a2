"""Which parameters belong to one unit alone, and which of those have a card each."""

from __future__ import annotations

from collections import defaultdict

from micrograd.reading.reading import Reading, Use
from micrograd.reading.units import Product, Unit, products

MOST_WEIGHT_CARDS = 6  # a layer with more weights shows them as lines of its neurons' cards


def own_parameters(reading: Reading) -> frozenset[int]:
    """Parameters that one unit uses, once: as a weight, or as what is added to weights.

    An array is its units' own only if each of its elements is, and a unit has its parameters to
    itself only if all of them are.
    """
    users: dict[str, set[int]] = defaultdict(set)  # of each array
    shared = set()
    for position, scalar in reading.scalars.items():
        uses = reading.uses.get(position, [])
        users[scalar.record.name] |= {id(use.unit) for use in uses}
        if not _is_term_of_one(uses):
            shared.add(scalar.record.name)
    count = -1
    while len(shared) > count:
        count = len(shared)
        units = {unit for name in shared for unit in users[name]}
        shared |= {name for name, of in users.items() if of & units}
    return frozenset(i for i, s in reading.scalars.items() if s.record.name not in shared)


def _is_term_of_one(uses: list[Use]) -> bool:
    return not uses or (len(uses) == 1 and uses[0].unit.linear and uses[0].is_term)


def with_weight_cards(reading: Reading, own: frozenset[int]) -> frozenset[int]:
    """Units whose weights have a card each: of all layers, if none of them has many weights.

    A layer with a weight that others use, too, has its weights in lines.
    """
    layers: dict[tuple[int, str], list[tuple[Unit, list[Product]]]] = {}
    for unit in reading.units:
        found = products(unit.before.formula, reading.parameters) if unit.linear else None
        if found:
            layers.setdefault((unit.depth, unit.layer), []).append((unit, found[0]))
    if any(sum(len(pairs) for _, pairs in layer) > MOST_WEIGHT_CARDS for layer in layers.values()):
        return frozenset()
    return frozenset(
        unit.position
        for layer in layers.values()
        if all(p.weight.tag in own for _, pairs in layer for p in pairs)
        for unit, _ in layer
    )
