"""Long sums of what the turns of a loop make, added up in the loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from micrograd.compiler.codes import NONE, Ids, Mask
from micrograd.compiler.nest.ir import TERM, WORK, Affine, Statement
from micrograd.compiler.nest.sequence import TOTAL, Scalars
from micrograd.compiler.sequential.loops import Rolled, TurnOf, operands

LONG = 32  # terms of a sum that it pays to look at
MOST_TRIMMED = 4  # turns that a loop gives up for its sums


def add_up(part: Scalars, base: int, loops: list[Rolled], free: int) -> tuple[TurnOf, Scalars]:
    """Let loops add up sums at addresses from `free` on.

    Returns the turns, and the statements with what is left of their terms.
    Loops are cut to the turns that their sums span.
    """
    turns = TurnOf.of(loops, len(part))
    long = [n for n in long_sums(part) if turns.loop[n] < 0]
    _trim(part, base, loops, turns, long)
    turns = TurnOf.of(loops, len(part))
    done = np.zeros(len(part.u), bool)
    added: list[tuple[int, int]] = []
    for n in long:
        for k, terms in _classes(part, base, turns, n):
            loop = loops[k]
            if len(terms) != loop.turns:
                continue
            factors = [x for x in _factors(part, terms) if x[0] >= 0]
            inputs = tuple(operands(np.stack(factors, 1)))
            out, c = Affine(WORK, free, (0,)), float(part.c[terms[0]])
            loop.sums.append(Statement(TERM, out, inputs, None, c, accumulate=True))
            done[terms] = True
            added.append((n, free))
            free += 1
    return turns, with_sums(part, done, added)


def long_sums(part: Scalars) -> list[int]:
    """The statements that are sums of many terms."""
    return np.flatnonzero((np.diff(part.first) > LONG) & (part.row == TOTAL)).tolist()


def is_added_up(part: Scalars, base: int, loops: list[Rolled], turns: TurnOf, n: int) -> bool:
    """Whether most of a sum can be added up in loops."""
    found = (len(terms) for k, terms in _classes(part, base, turns, n)
             if len(terms) >= loops[k].turns - MOST_TRIMMED)  # fmt: skip
    return bool(2 * sum(found) > part.first[n + 1] - part.first[n])


def _factors(part: Scalars, terms: Ids) -> tuple[Ids, Ids]:
    """The factors that were made last, and the others; addresses rise in time."""
    u, v = part.u[terms], part.v[terms]
    return np.maximum(u, v), np.minimum(u, v)


def _trim(part: Scalars, base: int, loops: list[Rolled], turns: TurnOf, long: list[int]) -> None:
    spans: dict[int, tuple[int, int]] = {}
    for n in long:
        for k, terms in _classes(part, base, turns, n):
            own = _factors(part, terms)[0] - base
            first, last = spans.get(k, (0, loops[k].turns - 1))
            if len(terms) >= loops[k].turns - MOST_TRIMMED:
                when = turns.turn[own]
                spans[k] = max(first, int(when[0])), min(last, int(when[-1]))
    for k, (first, last) in spans.items():
        loop = loops[k]
        if last - first + 1 >= max(loop.turns - MOST_TRIMMED, 1):
            loop.start += first * loop.period
            loop.turns = last - first + 1


def _classes(part: Scalars, base: int, turns: TurnOf, n: int) -> Iterator[tuple[int, Ids]]:
    """(loop, terms in the order of turns): those alike of a sum, one for each turn in a row."""
    t = np.arange(part.first[n], part.first[n + 1])
    last, other = _factors(part, t)
    made = (last >= base) & (last < base + len(part))
    own = np.where(made, last - base, 0)
    inside = made & (turns.loop[own] >= 0)
    if not inside.any():
        return
    t, own, other = t[inside], own[inside], other[inside]
    known = np.where(other >= base, other - base, 0)
    sort = np.where(other < 0, -2, np.where(other < base, -1, turns.slot[known]))
    of = np.where(other >= base, turns.loop[known], NONE)
    keys = [of, sort, part.c[t].view(np.int64), turns.slot[own], turns.loop[own]]
    order = np.lexsort((other, turns.turn[own], *keys))
    changes = np.zeros(len(t), bool)
    for key in keys:
        changes[1:] |= np.diff(key[order]) != 0
    for terms in np.split(order, np.flatnonzero(changes)):
        when = turns.turn[own[terms]]
        if len(terms) > 1 and (np.diff(when) == 1).all():
            yield int(turns.loop[own[terms[0]]]), t[terms]


def with_sums(part: Scalars, done: Mask, added: list[tuple[int, int]]) -> Scalars:
    """The statements with sums that were added up in place of the terms that are done."""
    if not added:
        return part
    to, at = (np.array(x) for x in zip(*added, strict=True))
    owner = np.concatenate([to, part.owner[~done]])
    order = np.argsort(owner, kind="stable")
    none, one = np.full(len(to), NONE), np.ones(len(to))
    u, v, c = (
        np.concatenate([new, old[~done]])[order]
        for new, old in ((at, part.u), (none, part.v), (one, part.c))
    )
    first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(part)))])
    return Scalars(part.out, part.row, part.static, part.args, first, u, v, c)
