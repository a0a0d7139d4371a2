"""What a recording numbers, in other orders: constants by value, parameters as they are used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from micrograd.compiler.trace.recording import (
    CHOICES,
    CONSTANTS,
    INPUTS,
    PARAMETERS,
    Codes,
    Recording,
)


def by_value(r: Recording) -> Recording:
    """The same with one constant for each number, whichever object it was: to be compared."""
    bits, number = np.unique(r.constants.view(np.int64), return_inverse=True)

    def changed(codes: Codes) -> Codes:
        constant = (codes >= CONSTANTS) & (codes < CHOICES)
        new = codes.copy()
        new[constant] = CONSTANTS + number.ravel()[codes[constant] - CONSTANTS]
        return new

    return replace(
        r, a=changed(r.a), b=changed(r.b), c=changed(r.c), outputs=changed(r.outputs),
        many={node: changed(codes) for node, codes in r.many.items()},
        constants=bits.view(np.float64),
    )  # fmt: skip


def met(r: Recording) -> list[int]:
    """The numbers of the parameters that the program uses, in the order in which it meets them."""
    return _first_uses(r)[0].tolist()  # type: ignore[no-any-return]


def by_use(r: Recording) -> list[int]:
    """The same numbers, those together that the same sort of operation uses first.

    Weights `w, b, w, w, b, …` as a program meets them become w…, b…, in which rows are affine.
    """
    numbers, nodes = _first_uses(r)
    rows = np.append(r.row, -1)[np.minimum(nodes, len(r))]
    return numbers[np.argsort(rows, kind="stable")].tolist()  # type: ignore[no-any-return]


def _first_uses(r: Recording) -> tuple[Codes, Codes]:
    """The parameters in the order in which they are met, and the node that meets each."""
    n = len(r)
    lists = [(r.a, 2 * np.arange(n)), (r.b, 2 * np.arange(n) + 1), (r.c, 2 * np.arange(n) + 1)]
    lists += [(codes, np.full(len(codes), 2 * node + 1)) for node, codes in r.many.items()]
    lists += [(r.outputs, np.full(len(r.outputs), 2 * n))]
    lists += [(codes, np.full(len(codes), 2 * n + 1)) for codes, _ in r.choices]
    codes = np.concatenate([codes for codes, _ in lists])
    places = np.concatenate([place for _, place in lists])
    own = (codes >= PARAMETERS) & (codes < INPUTS)
    codes, places = codes[own], places[own]
    order = np.argsort(places, kind="stable")
    numbers, first = np.unique(codes[order] - PARAMETERS, return_index=True)
    in_order = np.argsort(first)
    return numbers[in_order], places[order][first[in_order]] // 2
