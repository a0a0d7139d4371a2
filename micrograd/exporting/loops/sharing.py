"""What a loop computes forwards and its way back needs again: a statement of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from micrograd.exporting import expressions as E  # noqa: N812
from micrograd.exporting.code import CodeLine, CodePart, CodeTuple, values_in
from micrograd.exporting.expressions import Expr, array, inside, remade
from micrograd.exporting.program import ArrayStatement
from micrograd.exporting.sizes import LIGHT, is_small
from micrograd.ops import OPS

MOST_AGAIN = 3  # operations that are done again on the way back


def with_shared(
    body: Sequence[ArrayStatement], lines: Sequence[CodePart], free: Callable[[str], str]
) -> tuple[list[ArrayStatement], list[CodePart]]:
    """The statements and the lines, with names for what is in both."""
    forward = {id(e) for s in body for e in inside(s.value) if not (e.op in LIGHT or is_small(e))}
    forward -= {id(e) for s in body for e in inside(s.value) if _is_cheap(e)}
    shared: dict[int, Expr] = {}
    seen: set[int] = set()
    stack = list(values_in(list(lines)))
    while stack:
        e = stack.pop()
        if id(e) in seen:
            continue
        seen.add(id(e))
        if id(e) in forward:
            shared[id(e)] = e
        else:
            stack.extend(e.args)
    done: dict[int, Expr] = {}
    new: list[ArrayStatement] = []

    def rebuilt(value: Expr, top: bool) -> Expr:
        for e in inside(value):
            if id(e) in done:
                continue
            x = remade(e, [done[id(a)] for a in e.args])
            if id(e) in shared and not (top and e is value):
                name = free("z")
                new.append(ArrayStatement(name, x))
                x = array(name, e.shape)
            done[id(e)] = x
        return done[id(value)]

    for s in body:
        value = rebuilt(s.value, True)
        new.append(ArrayStatement(s.name, value))
        if id(s.value) in shared:
            done[id(s.value)] = array(s.name, s.value.shape)
    out: list[CodePart] = []
    for line in lines:
        if isinstance(line, CodeLine):
            at = None if line.at is None else rebuilt(line.at, False)
            line = replace(line, value=rebuilt(line.value, False), at=at)
        elif isinstance(line, CodeTuple):
            line = replace(line, values=tuple(rebuilt(x, False) for x in line.values))
        out.append(line)
    return new, out


def _is_cheap(x: Expr) -> bool:
    """Whether it is as well computed again: operations of single instructions on few arrays."""
    parts = list(inside(x))
    if not all(e.op in (*LIGHT, E.SLICE) or (e.op == E.ROW and OPS[e.given[0]].is_cheap)
               for e in parts):  # fmt: skip
        return False
    return sum(e.op == E.ROW for e in parts) <= MOST_AGAIN
