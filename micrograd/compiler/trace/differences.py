"""In what two recordings of one program differ: an operation, an operand, or a constant."""

from __future__ import annotations

import numpy as np

from micrograd.compiler.trace.recording import CHOICES, CONSTANTS, Codes, Recording, by_value

CHANGES = "what is computed changes from call to call"


class Divergence(Exception):  # noqa: N818  (a finding, answered by a CompileError)
    """The traces differ at an operation in a way that no choice explains."""

    def __init__(self, reason: str, node: int) -> None:
        self.reason = reason
        self.node = node


def check_same(a: Recording, b: Recording) -> None:
    """Raise a Divergence at the first operation in which two recordings differ."""
    a, b = by_value(a), by_value(b)
    _check_rows(a, b, CHANGES)
    _check_constants(a, b, "a constant changes from call to call")
    for x, y in ((a.a, b.a), (a.b, b.b), (a.c, b.c), (a.static, b.static)):
        wrong = np.nonzero((x != y) & ((x == x) | (y == y)))[0]
        if len(wrong):
            raise Divergence(CHANGES, int(wrong[0]))
    if len(a.choices) != len(b.choices) or any(
        slot != other or not np.array_equal(codes, others)
        for (codes, slot), (others, other) in zip(a.choices, b.choices, strict=True)
    ):
        raise Divergence(CHANGES, 0)
    if not np.array_equal(a.outputs, b.outputs) or any(
        not np.array_equal(codes, b.many[i]) for i, codes in a.many.items()
    ):
        raise Divergence(CHANGES, 0)


def check_same_operations(a: Recording, b: Recording) -> None:
    """Raise a Divergence unless the operations are the same; operands may differ."""
    _check_rows(a, b, "what is computed depends on a run-time integer")
    statics = np.nonzero((a.static != b.static) & ~np.isnan(a.static))[0]
    if len(statics):
        raise Divergence("an exponent or slope depends on a run-time integer", int(statics[0]))
    lengths = [[len(r.many[i]) for i in sorted(r.many)] for r in (a, b)]
    if lengths[0] != lengths[1]:
        raise Divergence("the length of a list depends on a run-time integer", min(a.many))
    _check_constants(a, b, "a constant depends on a run-time integer")


def _check_rows(a: Recording, b: Recording, reason: str) -> None:
    n = min(len(a), len(b))
    wrong = np.nonzero(a.row[:n] != b.row[:n])[0]
    if len(wrong) or len(a) != len(b):
        node = int(wrong[0]) if len(wrong) else max(n - 1, 0)
        raise Divergence(reason, node)


def _check_constants(a: Recording, b: Recording, reason: str) -> None:
    if not np.array_equal(a.constants, b.constants, equal_nan=True):
        raise Divergence(reason, different_constant(a, b))


def different_constant(a: Recording, b: Recording) -> int:
    """A node that uses a constant in which two recordings differ."""

    def values(r: Recording, codes: Codes) -> np.ndarray:
        of_constant = (codes >= CONSTANTS) & (codes < CHOICES)
        picked = np.clip(codes - CONSTANTS, 0, max(len(r.constants) - 1, 0))
        numbers = r.constants[picked] if len(r.constants) else np.zeros(len(codes))
        return np.where(of_constant, numbers, 0.0)

    for x, y in ((a.a, b.a), (a.b, b.b), (a.c, b.c)):
        n = min(len(x), len(y))
        p, q = values(a, x[:n]), values(b, y[:n])
        wrong = np.nonzero((p != q) & ~(np.isnan(p) & np.isnan(q)))[0]
        if len(wrong):
            return int(wrong[0])
    return 0
