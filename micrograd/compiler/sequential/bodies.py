"""The bodies of loops: ordered nests, with the terms of sums as their factors are there.

A turn waits for the turn before along a chain of instructions. What comes last of a sum is added
last: so the chain has one addition of it and not all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np

from micrograd.compiler.codes import ROWS, Ids, Mask
from micrograd.compiler.nest.ir import TERM, TOGETHER, WORK, Affine, Listed, Nest, Statement
from micrograd.compiler.nest.sequence import LARGEST, Scalars, largest_of
from micrograd.compiler.sequential.loops import LoopOperand, Rolled, columns, operands
from micrograd.ops import OPS


def nest_of(part: Scalars, loop: Rolled, same: Ids, kept: Mask) -> Nest:
    """A loop as an ordered nest; `kept` says which statements of the body are read elsewhere."""
    body: list[Statement] = []
    if loop.ragged:
        for j in range(loop.period):
            body += _unequal(part, loop, j, bool(kept[j]))
    else:
        own = part.out[loop.start : loop.start + loop.period].tolist()
        outs = [Affine(WORK, base, (loop.period,)) for base in own]
        body = even_body(part, loop, operands(columns(part, loop, same)), outs, kept)
    return soonest_first(Nest((loop.turns,), (*body, *loop.sums), ordered=True))


def even_body(
    part: Scalars, loop: Rolled, read: list[LoopOperand], outs: list[Affine], kept: Mask
) -> list[Statement]:
    """The statements of a loop that reads this: factors of all terms, then arguments of rows."""
    i = int(part.first[loop.start])
    width = int(part.first[loop.start + loop.period]) - i
    body: list[Statement] = []
    for j, out in enumerate(outs):
        n, keep = loop.start + j, bool(kept[j])
        row = int(part.row[n])
        if row >= 0:
            arity = OPS[ROWS[row]].arity
            at = 2 * width + 3 * j
            body.append(_row(part, n, out, read[at : at + arity], keep))
            continue
        terms = range(int(part.first[n]) - i, int(part.first[n + 1]) - i)
        if row == LARGEST:
            given = [x for t in terms if (x := read[t]) is not None]
            body += [replace(s, kept=keep) for s in largest_of(out, given)]
            continue
        for k, t in enumerate(terms):
            factors = tuple(x for x in (read[t], read[width + t]) if x is not None)
            c = float(part.c[i + t])
            body.append(Statement(TERM, out, factors, None, c, k > 0, keep))
    return body


def _unequal(part: Scalars, loop: Rolled, j: int, keep: bool) -> list[Statement]:
    """A statement of a loop whose sums are of unequal length."""
    own = loop.start + j + loop.period * np.arange(loop.turns)
    n = int(own[0])
    out = Affine(WORK, int(part.out[n]), (loop.period,))
    if part.row[n] >= 0:
        arity = OPS[ROWS[part.row[n]]].arity
        return [_row(part, n, out, operands(part.args[own, :arity]), keep)]
    if part.row[n] == LARGEST:  # of as many in every turn
        every = part.u[part.first[own][:, None] + np.arange(part.first[n + 1] - part.first[n])]
        given = [x for x in operands(every) if x is not None]
        return [replace(s, kept=keep) for s in largest_of(out, given)]
    lengths = part.first[own + 1] - part.first[own]
    terms = np.concatenate([np.arange(part.first[m], part.first[m + 1]) for m in own.tolist()])
    turn = np.repeat(np.arange(loop.turns), lengths)
    sort = np.unique(np.stack([part.c[terms], (part.u[terms] >= 0) + 2.0 * (part.v[terms] >= 0)]),
                     axis=1, return_inverse=True)[1].ravel()  # fmt: skip
    statements: list[Statement] = []
    inputs: tuple[Affine | Listed, ...]
    for k in np.argsort([int(part.v[terms[sort == k][0]] >= 0) for k in range(sort.max() + 1)]):
        mine, when = terms[sort == k], turn[sort == k]
        count = np.bincount(when, minlength=loop.turns)
        factors = [x for x in (part.u[mine], part.v[mine]) if x[0] >= 0]
        starts, c = None, float(part.c[mine[0]])
        if not factors:  # a number, the same times in all turns
            inputs, c = (), c * int(count[0])
        elif (count == 1).all():
            inputs = tuple(x for x in operands(np.stack(factors, 1)) if x is not None)
        else:
            starts, lists = _padded(count, factors)
            inputs = tuple(Listed(WORK, x) for x in lists)
        statements.append(Statement(TERM, out, inputs, None, c, bool(statements), keep, starts))
    return statements


def _row(
    part: Scalars, n: int, out: Affine, inputs: Sequence[LoopOperand], keep: bool
) -> Statement:
    name = ROWS[part.row[n]]
    static = float(part.static[n]) if OPS[name].has_static else None
    return Statement(name, out, tuple(inputs), static, kept=keep)


def _padded(count: Ids, lists: list[Ids]) -> tuple[Ids, list[Ids]]:
    """Where the turns start in lists that are padded with the address of 0, and these."""
    room = -(-count // TOGETHER) * TOGETHER
    starts = np.concatenate([[0], np.cumsum(room)])
    at = np.arange(count.sum()) + np.repeat(starts[:-1] - (np.cumsum(count) - count), count)
    padded = [np.zeros(int(starts[-1]), np.int64) for _ in lists]
    for to, given in zip(padded, lists, strict=True):
        to[at] = given
    return starts, padded


ADD, MULTIPLY = 3, 4  # cycles of a term, alone and of two factors, until it is added
TURNS = 3  # that are gone through, until it has settled what comes last


class _Part(NamedTuple):
    """Of a statement the results that it reads, of this turn or the one before, and its cycles."""

    is_term: bool
    now: tuple[int, ...]
    before: tuple[int, ...]
    cycles: int


def soonest_first(nest: Nest) -> Nest:
    """The same loop, with sums that begin with what is there first."""
    groups = [list(group) for _, group in groupby(nest.body, lambda s: s.out)]
    made = {group[0].out: k for k, group in enumerate(groups)}
    last = {Affine(x.space, x.base - x.strides[0], x.strides): k
            for x, k in made.items() if x.strides[0]}  # fmt: skip
    orders = _orders(tuple(tuple(_part(s, made, last) for s in group) for group in groups))
    body = []
    for group, order in zip(groups, orders, strict=True):
        for k, i in enumerate(order):
            s = group[i]
            other = len(group) > 1 and s.is_term and s.accumulate != (k > 0)
            body.append(replace(s, accumulate=k > 0) if other else s)
    return replace(nest, body=tuple(body))


def _part(s: Statement, made: dict[Affine, int], last: dict[Affine, int]) -> _Part:
    moving = [x for x in s.inputs if isinstance(x, Affine)]
    now, before = (tuple([of[x] for x in moving if x in of]) for of in (made, last))
    of_term = MULTIPLY if len(s.inputs) == 2 else ADD
    return _Part(s.is_term, now, before, of_term if s.is_term else OPS[s.row].cycles)


@lru_cache(maxsize=64)  # of a program many loops are alike
def _orders(sums: tuple[tuple[_Part, ...], ...]) -> list[list[int]]:
    """In which order the statements of each result are best."""
    orders = [list(range(len(parts))) for parts in sums]
    before = [0] * len(sums)
    for _ in range(TURNS):
        done = [0] * len(sums)
        for k, parts in enumerate(sums):
            times = [max([0, *(done[j] for j in part.now), *(before[j] for j in part.before)])
                     for part in parts]  # fmt: skip
            if len(parts) > 1 and all(part.is_term for part in parts):
                orders[k].sort(key=times.__getitem__)
            for i in orders[k]:
                done[k] = max(done[k], times[i]) + parts[i].cycles
        if not any(part.before for parts in sums for part in parts):
            break  # no turn waits for the one before
        before = done
    return orders
