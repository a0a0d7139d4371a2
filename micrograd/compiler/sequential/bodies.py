"""The bodies of loops: ordered nests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from micrograd.compiler.codes import ROWS, Ids, Mask
from micrograd.compiler.nest.ir import TERM, TOGETHER, WORK, Affine, Listed, Nest, Statement
from micrograd.compiler.nest.sequence import LARGEST, Scalars, largest_of
from micrograd.compiler.sequential.loops import LoopOperand, Rolled, columns, operands
from micrograd.compiler.sequential.soonest import soonest_first
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
