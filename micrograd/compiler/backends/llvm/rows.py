"""Rows of the op table as instructions: their trees, operation by operation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from micrograd.compiler.backends.llvm.functions import ELEMENTARY, Instructions, Number
from micrograd.compiler.backends.recipes import recipe
from micrograd.compiler.nest.ir import Statement
from micrograd.errors import CompileError
from micrograd.ops import OPS
from micrograd.symbolic import NEGATION, Branch, Symbol

ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv", NEGATION: "fneg"}
CONDITIONS = {"<": "olt", "<=": "ole", ">": "ogt", ">=": "oge", "==": "oeq", "!=": "une"}


def computed(m: Instructions, row: str, inputs: Sequence[Number], static: float | None) -> Number:
    """The value of a row: an elementary function's own code, or what the row's tree says."""
    op = OPS[row]
    if op.name in ELEMENTARY:
        return m.function(op.name, *inputs)
    try:
        tree = recipe(row, () if static is None else (static,))
    except LookupError as error:
        raise CompileError(f"cannot be compiled by LLVM: {row}: {error}") from None
    return _Lowering(m, dict(zip("012", inputs, strict=False))).value(tree)


def value_of(m: Instructions, s: Statement, inputs: Sequence[str], total: str | None) -> str:
    """The value of a statement, from those of its inputs and of what it adds to."""
    if s.is_term:
        return m.term(s.coefficient, inputs, total)
    return m.text(computed(m, s.row, inputs, s.static))


class _Lowering:
    """Values of a tree; what is there twice is computed once."""

    def __init__(self, m: Instructions, known: dict[str, Number]) -> None:
        self._m = m
        self._known = known

    def value(self, node: Any) -> Number:
        if isinstance(node, Branch):
            yes, no = self.value(node.yes), self.value(node.no)
            return self._m.select(self._truth(node.condition), yes, no)
        if not isinstance(node, Symbol):
            return float(node)
        key = repr(node)
        if key not in self._known:
            operands = [self.value(x) for x in node.operands]
            if node.name in ARITHMETIC:
                self._known[key] = getattr(self._m, ARITHMETIC[node.name])(*operands)
            else:
                self._known[key] = self._m.function(node.name, *operands)
        return self._known[key]

    def _truth(self, condition: Symbol) -> str:
        x, *other = (self.value(operand) for operand in condition.operands)
        match condition.name:
            case "isnan":
                return self._m.fcmp("uno", x, x)
            case "isinf":
                return self._m.fcmp("oeq", self._m.fabs(x), math.inf)
            case "isfinite":
                return self._m.fcmp("olt", self._m.fabs(x), math.inf)
        return self._m.fcmp(CONDITIONS[condition.name], x, *other)
