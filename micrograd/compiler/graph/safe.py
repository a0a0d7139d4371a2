"""Operands of what is computed on one side of a select, made harmless where that is not taken.

`x.log() if x > 0 else 0.0` computes the logarithm always. Where x is 0 that is minus infinity, and
its derivative times the adjoint 0 is nan. So what may be infinite reads 1 there instead of x: what
the side is computed to does not matter then, and its derivatives are finite, and 0.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache

import numpy as np

from micrograd.compiler.codes import NONE, ROWS, Ids
from micrograd.compiler.graph.builder import Builder, Lanes, Symbols
from micrograd.compiler.graph.graph import CONSTANT, ROW, Graph, levels
from micrograd.ops import FLOATS, OPS

SAMPLES = (-1e3, -1.0, 0.0, 1.0, 1e3)
HARMLESS = 1.0
Taken = tuple[int, bool]  # the condition of a select, and whether it holds on a side


def with_safe_operands(g: Graph, sides: Ids, outputs: Ids) -> tuple[Graph, Ids]:
    """The graph in which such operands are selects, and these: `sides` are the selects of sides."""
    inside = _sides_around(g, sides, outputs)
    rows = [n for n in inside if g.kind[n] == ROW and _may_be_infinite(ROWS[g.row[n]], g.static[n])]
    builder, args = Builder(g), g.args.copy()
    symbols = Symbols(builder)
    known: dict[tuple[int, tuple[Taken, ...]], int] = {}
    origin: dict[int, int] = {}
    for n in sorted(rows):
        for place, x in enumerate(args[n].tolist()):
            if x == NONE or g.kind[x] == CONSTANT:
                continue
            for depth in range(len(inside[n]), 0, -1):
                around = inside[n][:depth]
                if (x, around) not in known:
                    new = int(_select(builder, symbols, around[-1], x))
                    known[x, around], origin[new] = new, int(g.origin[n])
                x = known[x, around]
            args[n, place] = x
    whole = builder.graph()
    origins, added = whole.origin.copy(), np.array(sorted(origin), np.int64)
    origins[added] = [origin[k] for k in added.tolist()]
    every = whole.args.copy()
    every[: len(args)] = args
    return replace(whole, args=every, origin=origins), added


def _select(builder: Builder, symbols: Symbols, side: Taken, x: int) -> int:
    condition, of = Lanes(builder, np.array([side[0]])), Lanes(builder, np.array([x]))
    a, b = (of, HARMLESS) if side[1] else (HARMLESS, of)
    made: int = symbols.select(condition, a, b).ids[0]
    return made


def _sides_around(g: Graph, sides: Ids, outputs: Ids) -> dict[int, tuple[Taken, ...]]:
    """Of each node that is used on sides only, these, outermost first."""
    found: dict[int, tuple[Taken, ...]] = dict.fromkeys(outputs.tolist(), ())
    selects = set(sides.tolist())
    users, used = g.edges
    order = np.argsort(-levels(g)[users], kind="stable")
    for user, x in zip(users[order].tolist(), used[order].tolist(), strict=True):
        around = found.get(user)
        if around is None:
            continue  # of no output
        if user in selects:
            condition, a, b = g.args[user].tolist()
            if x == a != b and x != condition:
                around = (*around, (condition, True))
            elif x == b != a and x != condition:
                around = (*around, (condition, False))
        before = found.get(x)
        found[x] = around if before is None else _common(before, around)
    return {n: around for n, around in found.items() if around}


def _common(a: tuple[Taken, ...], b: tuple[Taken, ...]) -> tuple[Taken, ...]:
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))
    return tuple(side for side, _ in same)


@cache
def _may_be_infinite(row: str, static: float) -> bool:
    """Whether the row, or a derivative of it, is not finite somewhere."""
    op = OPS[row]
    given = (static,) if op.has_static else ()
    for inputs in itertools.product(SAMPLES, repeat=op.arity):
        y = op.f(*inputs, *given)
        slopes = op.vjp(FLOATS, 1.0, y, *inputs, *given)
        if not all(map(math.isfinite, (y, *slopes))):
            return True
    return False
