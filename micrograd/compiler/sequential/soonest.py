"""The terms of sums in loops in the order in which their factors are there.

A turn waits for the turn before along a chain of instructions. What comes last of a sum is added
last: so the chain has one addition of it and not all.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from micrograd.compiler.nest.ir import Affine, Nest, Statement
from micrograd.ops import OPS

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
