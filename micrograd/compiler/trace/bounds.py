"""How large the integers of a call may be for all integers that are computed of them to be exact.

A program computes in floats, which hold integers up to 2**53; Python's integers have no end. Of all
arguments that are at most so large, the largest that an operation makes is found at the ends of
its operands, by the row's own function. Calls with larger ones are for the function as it is; so
are those in which an integer of NumPy would leave the range of its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from micrograd.compiler.trace.numbers.narrow import MOST_INTEGER, interval, numpy_type
from micrograd.compiler.trace.numbers.reads import DETACH, LARGEST, PICK, Truth, type_of
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.engine import Value

Ends = tuple[float, float]  # the least and the largest that a number may be
EXPONENTS = range(53, -1, -1)  # of 2: largest arguments that are looked at


def limits(tracer: Tracer, arguments: list[int], entries: float) -> dict[int, int] | None:
    """By argument, how large its integers may be; those that are missing may be any.

    None if some are not exact whatever they are. `arguments` says of each traced number in which
    it is. Constants may stand for entries of tables, which are as large as `entries`.
    """
    if not tracer.whole:
        return {}
    nodes, leaves = _computed_from(tracer)
    used = {arguments[tracer.inputs[i]] for i in leaves if i in tracer.inputs}
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
    """Whether all that is computed of integers up to this one is in the range of its type."""
    ends: dict[int, Ends] = {}
    for key, v in leaves.items():
        least, largest = interval(numpy_type(v), tracer.precision)
        if type_of(v) is bool:
            ends[key] = 0.0, 1.0
        elif key in tracer.inputs:
            ends[key] = float(max(least, -most)), float(min(largest, most))
        else:
            ends[key] = min(v._data, -entries), max(v._data, entries)
    for v in nodes:
        operands = [ends[id(tracer.sources.get(id(x), x))] for x in _operands(v, tracer)]
        ends[id(v)] = low, high = _of_operands(v, operands)
        least, largest = interval(numpy_type(v), tracer.precision)
        if not (least <= low and high <= largest):
            return False
    return True


def _of_operands(v: Value, operands: list[Ends]) -> Ends:
    """The least and the largest result, of operands that are between these."""
    row = v._row
    if row is None or row in (DETACH, PICK, LARGEST):
        return min(low for low, _ in operands), max(high for _, high in operands)
    static = () if v._static is None else (v._static,)
    results = [row.f(*numbers, *static) for numbers in product(*operands)]
    if any(low < 0 < high for low, high in operands):  # of a square it is neither end
        results.append(0.0)
    return min(results), max(results)
