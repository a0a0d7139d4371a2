"""What makes the lines of a loop better to read: what is kept apart, and in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from micrograd.compiler.codes import Ids
from micrograd.compiler.compilation import Kinds
from micrograd.compiler.explain.naming import Given
from micrograd.compiler.trace.recording import CONSTANTS, INPUTS, Recording
from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.constants import RESERVED
from micrograd.exporting.expressions import ARRAY, Expr
from micrograd.exporting.leaves import GivenArrays
from micrograd.exporting.loops.plan import LoopPlan, evenly
from micrograd.exporting.program import LoopState
from micrograd.ops import OPS

MOST_SCALARS = 128  # operations of a piece that may each be a statement


def grown(x: Expr, states: list[LoopState]) -> Expr:
    """A sum with a state in front: `total + e` rather than `e + total`."""
    if x.op != E.ROW or not OPS[x.given[0]].adds:
        return x
    a, b = x.args
    names = {s.name for s in states}
    swap = b.op == ARRAY and b.given[0] in names and not (a.op == ARRAY and a.given[0] in names)
    return Expr(x.op, x.shape, (b, a), x.given) if swap else x


def ways(r: Recording, given: Given, inputs: Ids, outputs: Ids) -> list[Kinds]:
    """What may be kept apart in a piece: the one with which it is shortest is taken.

    Arrays that are read as if they were one; functions of numbers that are not side by side; and
    all operations, where there are no arrays.
    """
    names = {name: k for k, name in enumerate(dict.fromkeys(given.parameters), 1)}
    parameters = np.array([names[name] if name else 0 for name in given.parameters], np.int64)
    side_by_side = np.zeros(len(r), np.int64)
    for row in np.unique(r.row).tolist():
        for run in evenly(np.flatnonzero(r.row == row)):
            side_by_side[run] = run[0] + 1
    kinds = [Kinds(outputs=outputs), Kinds(parameters, inputs, outputs)]
    kinds.append(replace(kinds[1], recorded=side_by_side))
    if len(r) <= MOST_SCALARS:
        kinds.append(replace(kinds[1], recorded=1 + np.arange(len(r))))
    return kinds


def with_kinds(given: GivenArrays, plan: LoopPlan) -> GivenArrays:
    """The arguments, of which those are integers that are read as nothing else."""
    codes = plan.flat.codes
    numbers = np.unique(codes[(codes >= INPUTS) & (codes < CONSTANTS)]) - INPUTS
    owners = np.array([space.number for space in given.arguments.space], np.int64)
    read = set(given.places(owners[numbers], given.arguments.at[numbers])[0].tolist())
    parts = [replace(p, whole=p.whole and k not in read) for k, p in enumerate(given.parts)]
    return replace(given, parts=parts)


def usable(name: str) -> bool:
    """Whether a variable's name is one that a text can have."""
    return name.isidentifier() and not name.startswith("_") and name not in RESERVED
