"""Array operations that come again and again, folded to their first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from micrograd.compiler.explain.recovered import INPUT, PARAMETER, Array, Operation

LEAST_TIMES, MOST_PERIOD = 3, 16  # of what is folded


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Operations that do the same again and again, `period` of them at a time."""

    operations: tuple[Operation, ...]
    period: int


def folded(operations: Sequence[Operation]) -> list[Operation | Repeated]:
    """The operations, where the same steps come three times or more only the first of them."""
    signs = [_signature(op) for op in operations]
    shown: list[Operation | Repeated] = []
    i = 0
    while i < len(signs):
        period, times = 1, 1
        for p in range(1, MOST_PERIOD + 1):
            n = 1
            while signs[i : i + p] == signs[i + n * p : i + n * p + p]:
                n += 1
            if n >= LEAST_TIMES and i + p <= len(signs):
                period, times = p, n
                break
        shown += operations[i : i + period]
        if times > 1:
            shown.append(Repeated(tuple(operations[i + period : i + times * period]), period))
        i += times * period
    return shown


def _signature(op: Operation) -> tuple[object, ...]:
    """What is the same of two operations that differ in their data only."""
    arrays = (x if isinstance(x, str) else _kept(x) for x in op.formula)
    return (op.kind, op.size, op.result.shape, *arrays)


def _kept(x: Array) -> tuple[object, ...]:
    name = x.name if x.sort == PARAMETER else x.of if x.sort == INPUT else ""
    return name, x.sort, x.shape, x.form, x.transposed
