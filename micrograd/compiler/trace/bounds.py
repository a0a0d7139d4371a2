"""How large the integers of a call may be for all integers that are computed of them to be exact.

A program computes in floats, which hold integers up to 2**53; Python's integers have no end. Of all
arguments that are at most so large, the largest that an operation makes is found at the ends of
its operands, by the row's own function. Calls with larger ones are for the function as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from micrograd.compiler.trace.numbers.reads import (
    DETACH,
    LARGEST,
    MOST_INTEGER,
    PICK,
    Truth,
    type_of,
)
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.engine import Value

EXPONENTS = range(53, -1, -1)  # of 2: largest arguments that are looked at


def limits(tracer: Tracer, arguments: list[int], entries: float) -> dict[int, int] | None:
    """By argument, how large its integers may be; those that are missing may be any.

    None if some are not exact whatever they are. `arguments` says of each traced number in which
    it is. Constants may stand for entries of tables, which are as large as `entries`.
    """
    nodes, leaves = _computed_from(tracer)
    used = {arguments[tracer.inputs[i]] for i in leaves if i in tracer.inputs}
    if not nodes:
        return {}
    sizes = [*(2**k for k in EXPONENTS), 0] if used else [0]
    most = next((x for x in sizes if _is_exact(x, tracer, nodes, leaves, entries)), None)
    return None if most is None else {} if most == MOST_INTEGER else dict.fromkeys(used, most)


def _computed_from(tracer: Tracer) -> tuple[list[Value], dict[int, Value]]:
    """The nodes that integers are computed by, in order, and the leaves at their beginning."""
    nodes: dict[int, Value] = {}
    leaves: dict[int, Value] = {}
    stack = list(tracer.whole)
    while stack:
        v = tracer.sources.get(id(stack[-1]), stack[-1])
        stack.pop()
        if id(v) in nodes or id(v) in leaves:
            continue
        if v._row is None or isinstance(v, Truth):
            leaves[id(v)] = v
        else:
            nodes[id(v)] = v
            stack += _operands(v, tracer)
    return [v for v in tracer.nodes if id(v) in nodes], leaves


def _operands(v: Value, tracer: Tracer) -> tuple[Value, ...]:
    return tracer.chosen[id(v)][0] if v._row is PICK else v._inputs


def _is_exact(
    most: int, tracer: Tracer, nodes: list[Value], leaves: Mapping[int, Value], entries: float
) -> bool:
    """Whether all that is computed of integers up to this one is less than floats hold exactly."""
    bounds: dict[int, float] = {}
    for key, v in leaves.items():
        given = key in tracer.inputs
        if type_of(v) is bool:
            bounds[key] = 1.0
        else:
            bounds[key] = float(most) if given else max(abs(v._data), entries)
    for v in nodes:
        operands = [bounds[id(tracer.sources.get(id(x), x))] for x in _operands(v, tracer)]
        bounds[id(v)] = bound = _largest(v, operands)
        if not bound < MOST_INTEGER:
            return False
    return True


def _largest(v: Value, operands: list[float]) -> float:
    """The largest result, in magnitude, of operands that are at most so large."""
    row = v._row
    if row is None or row in (DETACH, PICK, LARGEST):
        return max(operands)
    static = () if v._static is None else (v._static,)
    ends = product(*((-x, x) for x in operands))
    return max(abs(row.f(*numbers, *static)) for numbers in ends)
