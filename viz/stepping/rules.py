"""An optimiser's rule as a list of operations: its `direction`, run on numbers that write down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from micrograd.ops import OPS, Arithmetic
from micrograd.steps.step import ParameterRecord
from viz.stepping.notation import Data, encoded


@dataclass
class _Program:
    """Operations in order: each a row and its operands."""

    operations: list[Data] = field(default_factory=list)

    def apply(self, row: str, *inputs: Any) -> Noted:
        self.operations.append([row, *map(_operand, inputs)])
        return Noted(self, len(self.operations) - 1)


class Noted(Arithmetic):
    """A number whose operations are written down; `name` is "p", "g", "lr", a state or a place."""

    __slots__ = ("name", "program")

    def __init__(self, program: _Program, name: str | int) -> None:
        self.program = program
        self.name = name

    def _applied(self, row: str, *inputs: Any) -> Any:
        return self.program.apply(row, *inputs)


class _NotedRows:
    """`m` for such numbers; of plain numbers, a row's own value."""

    def __init__(self, program: _Program) -> None:
        self._program = program

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def apply(*inputs: Any) -> Any:
            if not any(isinstance(x, Noted) for x in inputs):
                return OPS[name].f(*inputs)
            return self._program.apply(name, *inputs)

        return apply


def _operand(x: Any) -> Data:
    return [x.name] if isinstance(x, Noted) else encoded(float(x))


def rule_of(record: ParameterRecord, state: Mapping[str, float]) -> Data | None:
    """What a step does to a number: operations, the direction, and what the state becomes.

    None where the rule looks at its numbers, and so cannot be written down once for all.
    """
    program = _Program()
    p, g, rate = (Noted(program, name) for name in ("p", "g", "lr"))
    kept: dict[str, Any] = {name: Noted(program, f"state.{name}") for name in state}
    options = {**record.options, "lr": rate}
    try:
        direction = record.optimizer.direction(  # type: ignore[union-attr]
            _NotedRows(program), p, g, kept, options
        )
        after = {name: _operand(x) for name, x in kept.items()}
    except Exception:
        return None
    rows = sorted({operation[0] for operation in program.operations})
    return {"rows": rows, "code": program.operations, "direction": _operand(direction),
            "after": after}  # fmt: skip
