"""Random scalar programs as plain data, and an interpreter for them over any kind of number.

A program is a list of instructions on numbered slots: first the leaves (what derivatives are taken
by), then the constants, then one slot for the result of each instruction, in order. The last slot
is the output. All ops of the op table occur; a new row takes part by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

import torch
from hypothesis import strategies as st

from micrograd.ops import FLOATS, OPS

Apply = Callable[..., Any]  # (name of an op, *inputs, *static parameter) -> its result

TAME = 1e3  # in a tame program no value is larger, and no local derivative than its square


@dataclass(frozen=True)
class Instruction:
    """One operation on earlier slots."""

    op: str
    inputs: tuple[int, ...]
    static: tuple[float, ...] = ()


@dataclass(frozen=True)
class Program:
    """Numbers to start from and what to do with them."""

    leaves: tuple[float, ...]
    constants: tuple[float, ...]
    instructions: tuple[Instruction, ...]

    def numbered(self) -> Iterator[tuple[int, Instruction]]:
        """Every instruction with the slot of its result."""
        return enumerate(self.instructions, start=len(self.leaves) + len(self.constants))

    def __str__(self) -> str:
        lines = [f"x{i} = {x!r}" for i, x in enumerate(self.leaves + self.constants)]
        for i, step in self.numbered():
            operands = [f"x{j}" for j in step.inputs] + [repr(k) for k in step.static]
            lines.append(f"x{i} = {step.op}({', '.join(operands)})")
        return "\n".join(lines)


def run(
    program: Program,
    leaves: Sequence[Any],
    apply: Apply,
    constant: Callable[[float], Any] = float,
) -> list[Any]:
    """Every slot of the program, computed from `leaves`; the output is the last."""
    slots = [*leaves, *map(constant, program.constants)]
    for step in program.instructions:
        slots.append(apply(step.op, *[slots[i] for i in step.inputs], *step.static))
    return slots


# ---- kinds of numbers: Values are applied by `micrograd.functions.apply` -------------------------


def apply_to_floats(op: str, *args: float) -> float:
    """The op on floats."""
    result: float = getattr(FLOATS, op)(*args)
    return result


def apply_to_tensors(op: str, *args: Any) -> Any:
    """The op on torch tensors, as the table's `torch` column has it."""
    names = {f"x{i}": x for i, x in enumerate(args)}
    return eval(_torch_code(op, len(args)), {"torch": torch}, names)


@cache
def _torch_code(op: str, n: int) -> CodeType:
    return compile(OPS[op].torch.format(*[f"x{i}" for i in range(n)]), op, "eval")


def float64(x: float) -> torch.Tensor:
    """A constant for torch."""
    return torch.tensor(x, dtype=torch.float64)


# ---- how far two correct computations of a program may be apart ----------------------------------


def path_products(program: Program, slots: Sequence[float]) -> list[float]:
    """For each slot, the sum over all paths to the output of the product of |local derivatives|.

    Rounding errors are relative to this, not to the derivative, in which paths may cancel.
    """
    products = [0.0] * len(slots)
    products[-1] = 1.0
    used = {len(slots) - 1}
    for i, step in reversed(list(program.numbered())):
        if i in used:
            used.update(step.inputs)
            inputs = [slots[j] for j in step.inputs]
            local = OPS[step.op].vjp(FLOATS, 1.0, slots[i], *inputs, *step.static)
            for j, derivative in zip(step.inputs, local, strict=True):
                products[j] += products[i] * abs(derivative)
    return products


def kinks(program: Program, slots: Sequence[float]) -> Iterator[tuple[float, float]]:
    """At each op with a kink: how far it is from there, and the size of its inputs."""
    for step in program.instructions:
        kink = OPS[step.op].kink
        if kink is not None:
            inputs = [slots[j] for j in step.inputs]
            yield kink(*inputs), max(abs(x) for x in inputs)


# ---- the strategy --------------------------------------------------------------------------------

_numbers = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, 3.0]),
    st.floats(-4.0, 4.0).map(lambda x: round(x, 3)),
)


@st.composite
def programs(draw: st.DrawFn, most: int = 60, tame: bool = True) -> Program:
    """Programs of 1 to `most` operations with shared sub-expressions and repeated inputs.

    In a tame program no value and no local derivative is large, infinite or nan: where a drawn op
    would make one, the next row of the table with as many inputs that does not is taken instead.
    """
    leaves = draw(st.lists(_numbers, min_size=1, max_size=5))
    constants = draw(st.lists(_numbers, max_size=3))
    slots = leaves + constants
    instructions: list[Instruction] = []

    def add(step: Instruction) -> None:
        instructions.append(step)
        slots.append(_result(step, slots))

    for _ in range(draw(st.integers(1, most // 2))):
        row = OPS[draw(st.sampled_from(sorted(OPS)))]
        inputs = tuple(draw(st.integers(0, len(slots) - 1)) for _ in range(row.arity))
        static = (draw(st.sampled_from(row.static_samples)),) if row.has_static else ()
        step = Instruction(row.name, inputs, static)
        if tame and not _is_tame(step, slots):
            step = next(s for s in _alternatives(row.name, inputs) if _is_tame(s, slots))
        add(step)
    # What nothing uses is added to the output, so that the whole program counts.
    used = {i for step in instructions for i in step.inputs}
    first = len(leaves) + len(constants)
    for i in range(first, len(slots) - 1):
        if i not in used:
            add(Instruction("add", (len(slots) - 1, i)))
    return Program(tuple(leaves), tuple(constants), tuple(instructions))


def _alternatives(op: str, inputs: tuple[int, ...]) -> Iterator[Instruction]:
    names = list(OPS)
    start = names.index(op)
    for name in names[start:] + names[:start]:
        if OPS[name].arity == len(inputs):
            yield Instruction(name, inputs, OPS[name].static_samples[:1])


def _result(step: Instruction, slots: Sequence[float]) -> float:
    return apply_to_floats(step.op, *[slots[i] for i in step.inputs], *step.static)


def _is_tame(step: Instruction, slots: Sequence[float]) -> bool:
    result = _result(step, slots)
    inputs = [slots[i] for i in step.inputs]
    local = OPS[step.op].vjp(FLOATS, 1.0, result, *inputs, *step.static)
    return abs(result) <= TAME and all(abs(d) <= TAME**2 for d in local)
