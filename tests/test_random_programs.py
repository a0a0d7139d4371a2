"""Random programs of all ops: value and all gradients against torch float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from programs import (
    Instruction,
    Program,
    apply_to_floats,
    apply_to_tensors,
    float64,
    kinks,
    path_products,
    programs,
    run,
)

from micrograd import Value, grad
from micrograd.functions import apply
from micrograd.ops import OPS

TOLERANCE = 1e-9
EXAMPLES = 150
many = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def run_values(program: Program) -> tuple[list[float], list[float]]:
    """Every slot, and the gradients of the leaves."""
    leaves = [Value(x) for x in program.leaves]
    slots = run(program, leaves, apply)
    slots[-1].backward()
    assert [d.data for d in grad(slots[-1], leaves)] == pytest.approx(
        [v.grad for v in leaves], rel=0, abs=0, nan_ok=True
    )
    return [float(v) for v in slots], [v.grad for v in leaves]


def run_torch(program: Program) -> tuple[list[float], list[float]]:
    leaves = [float64(x).requires_grad_() for x in program.leaves]
    slots = run(program, leaves, apply_to_tensors, float64)
    grads: Sequence[Any] = [None] * len(leaves)
    if slots[-1].requires_grad:
        grads = torch.autograd.grad(slots[-1], leaves, allow_unused=True)
    return [t.item() for t in slots], [0.0 if g is None else g.item() for g in grads]


def same_branches(program: Program, mine: Sequence[float], theirs: Sequence[float]) -> bool:
    """False where the last bit of an `exp` decides on which side of a kink a value falls."""
    pairs = zip(kinks(program, mine), kinks(program, theirs), strict=True)
    return not any(
        (a > 0) - (a < 0) != (b > 0) - (b < 0) and max(abs(a), abs(b)) <= TOLERANCE * size
        for (a, size), (b, _) in pairs
    )


def error_scale(slots: Sequence[float], products: Sequence[float]) -> float:
    """What rounding errors in the output are relative to: every slot's, carried there."""
    return sum(abs(x) * p for x, p in zip(slots, products, strict=True) if x != 0 and p != 0)


def agree(a: float, b: float, scale: float) -> bool:
    """The same, nan with nan, or not further apart than rounding can bring them."""
    if a == b or (a != a and b != b):
        return True
    return abs(a - b) <= TOLERANCE * scale < math.inf


@pytest.mark.parametrize(("tame", "allowed"), [(True, 0.0), (False, 0.1)])
def test_value_and_gradients_are_torchs(tame: bool, allowed: float) -> None:
    """Left out are a few programs in which a rounding error, or 0 times inf, decides.

    The latter are gradients of exactly 0 that meet an infinite local derivative: nan here; torch
    has no path through comparisons and some masks at all.
    """
    left_out = []

    @many
    @given(programs(tame=tame))
    def check(program: Program) -> None:
        (mine, grads), (theirs, expected) = run_values(program), run_torch(program)
        products = path_products(program, mine)
        if not same_branches(program, mine, theirs):
            left_out.append(program)
            return
        pairs = [(mine[-1], theirs[-1], error_scale(mine, products))]
        pairs += zip(grads, expected, products[: len(grads)], strict=True)
        wrong = [pair for pair in pairs if not agree(*pair)]
        if wrong and all(not math.isfinite(scale) for _, _, scale in wrong):
            left_out.append(program)
            return
        assert not wrong, f"here, torch, scale: {wrong}\n{program}"

    check()
    assert len(left_out) <= allowed * EXAMPLES


@many
@given(programs(tame=False))
def test_values_compute_what_the_table_does_on_floats(program: Program) -> None:
    mine = run(program, [Value(x) for x in program.leaves], apply)
    floats = run(program, program.leaves, apply_to_floats)
    assert [repr(float(v)) for v in mine] == [repr(x) for x in floats]


def test_the_strategy_reaches_every_op_and_shape() -> None:
    """Every row, repeated inputs, shared results, constants, long and short programs."""
    ops: set[str] = set()
    seen: set[str] = set()
    sizes: list[int] = []

    @many
    @given(programs())
    def look(program: Program) -> None:
        sizes.append(len(program.instructions))
        used = [i for step in program.instructions for i in step.inputs]
        first_result = len(program.leaves) + len(program.constants)
        ops.update(step.op for step in program.instructions)
        traits = {
            "repeated input": any(len({*s.inputs}) < len(s.inputs) for s in program.instructions),
            "shared result": any(used.count(i) > 1 for i in used if i >= first_result),
            "constant": any(len(program.leaves) <= i < first_result for i in used),
            "several leaves": len(program.leaves) > 1,
        }
        seen.update(name for name, found in traits.items() if found)

    look()
    assert ops == set(OPS)
    assert seen == {"repeated input", "shared result", "constant", "several leaves"}
    assert min(sizes) <= 2
    assert 40 <= max(sizes) <= 60


def test_path_products_of_a_program_done_by_hand() -> None:
    """x1 = x0 * x0, x2 = x1 - x1 at 3: the derivative is 0, the paths are 4 of length 3."""
    program = Program((3.0,), (), (Instruction("mul", (0, 0)), Instruction("sub", (1, 1))))
    slots = run(program, program.leaves, apply_to_floats)
    assert slots == [3.0, 9.0, 0.0]
    assert path_products(program, slots) == [12.0, 2.0, 1.0]
    assert str(program) == "x0 = 3.0\nx1 = mul(x0, x0)\nx2 = sub(x1, x1)"
