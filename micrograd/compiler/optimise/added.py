"""Sums over turns, as gradients of what all turns read are, added up while the turns run.

A product is added where its last factor is made: then each turn may overwrite that.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import mean
from typing import NamedTuple

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask
from micrograd.compiler.nest.ir import TERM, Affine, Nest, Program, Statement, contraction
from micrograd.compiler.nest.sequence import Part, TurnLoop, addresses, written
from micrograd.compiler.nest.spans import span

LEAST = 8  # turns that a sum goes along: for fewer it stays as it is
ROWS = 32  # of the sums along a loop, on average: a nest in every turn costs more than shorter ones


def added_in_turns(program: Program) -> Program:
    """The program with sums over turns added up in them."""
    if not any(isinstance(part, TurnLoop) for part in program.sequence):
        return program
    now: list[list[Part]] = [[part] for part in program.sequence]
    maker = np.full(len(program.work), NONE)  # the part that writes each number
    for k, part in enumerate(program.sequence):
        for at in written(part):
            maker[at] = k
    regions = {k: _region(part) for k, part in enumerate(program.sequence)
               if isinstance(part, TurnLoop)}  # fmt: skip
    found = {k: along for k, part in enumerate(program.sequence)
             if (along := _along_turns(part, program.sequence, maker, regions))}  # fmt: skip
    rows: dict[int, list[int]] = {}
    for along in found.values():
        rows.setdefault(along.loop, []).append(along.nest.extents[1])
    for k, along in found.items():
        if mean(rows[along.loop]) < ROWS:
            continue
        *before, loop = now[along.loop]
        assert isinstance(loop, TurnLoop)
        now[along.loop] = [*before, along.start, TurnLoop(loop.count, (*loop.nests, along.nest))]
        now[k] = list(along.rest)
    return replace(program, sequence=tuple(part for parts in now for part in parts))


class _Region(NamedTuple):
    """What the turns of a loop write, but for sums: where it begins, and how long a turn is."""

    first: int
    period: int


class _Along(NamedTuple):
    """A sum that goes along the turns of a loop."""

    loop: int  # its place
    start: Nest  # which sets it to 0
    nest: Nest  # what a turn adds
    rest: list[Nest]  # terms that are of no turn


def _along_turns(
    part: Part, parts: tuple[Part, ...], maker: Ids, regions: dict[int, _Region]
) -> _Along | None:
    """A sum of rows, in which each turn of a loop makes a term, as what each turn adds."""
    if not isinstance(part, Nest) or part.reduce != "add" or len(part.extents) != 3:
        return None
    term, (rows, _, count) = part.first, part.extents
    if len(part.body) > 1 or part.extents[1] > 1 or term.accumulate or any(term.out.strides[1:]):
        return None
    at = [addresses(x, part.extents)[:, 0] for x in term.inputs]
    last = np.maximum.reduce([maker[x] for x in at])
    k = int(np.bincount(last.ravel() + 1).argmax()) - 1
    loop = parts[k] if k >= 0 else None
    if not isinstance(loop, TurnLoop):
        return None
    turn = np.maximum.reduce([_turns(x, regions[k], maker == k) for x in at])
    own = np.flatnonzero(((turn == turn[0]) & (last == k)).all(0) & (turn[0] >= 0))
    if len(own) < LEAST or len(own) != loop.count or (turn[:, own] != turn[0, own]).any():
        return None
    way = int(turn[0, own[1]] - turn[0, own[0]])
    first = int(own[0] if way == 1 else own[-1])
    if abs(way) != 1 or (turn[0, own] != turn[0, own[0]] + way * (own - own[0])).any():
        return None

    def moving(x: Affine) -> Affine:
        along, over = x.strides[0], x.strides[2]
        return Affine(x.space, x.base + first * over, (way * over, along))

    out = Affine(term.out.space, term.out.base, (0, term.out.strides[0] if rows > 1 else 0))
    added = replace(term, out=out, inputs=tuple(map(moving, term.inputs)), accumulate=True)
    nothing = Statement(TERM, out._replace(strides=out.strides[1:]), (), None, 0.0)
    ends = ((0, int(own[0])), (int(own[-1]) + 1, count))
    left = [_piece(part, start, end) for start, end in ends if start < end]
    return _Along(k, Nest((rows,), (nothing,)), Nest((1, rows), (added,)), left)


def _region(loop: TurnLoop) -> _Region:
    moving = [(s.out, nest) for nest in loop.nests for s in nest.body if s.out.strides[0]]
    first = min(span(out, nest.extents).low for out, nest in moving)
    return _Region(first, moving[0][0].strides[0])


def _turns(at: Ids, region: _Region, made: Mask) -> Ids:
    """In which turn of a loop each address is written; NONE for others."""
    return np.where(made[at], (at - region.first) // region.period, NONE)


def _piece(nest: Nest, start: int, end: int) -> Nest:
    """What a sum adds over a part of its last axis, added to what there is."""

    def along(x: Affine) -> Affine:
        return x._replace(base=x.base + start * x.strides[2])

    inputs = map(along, nest.first.inputs)
    extents = (*nest.extents[:2], end - start)
    c = nest.first.coefficient
    return contraction(extents, nest.first.out, *inputs, coefficient=c, accumulate=True)
