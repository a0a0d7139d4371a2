"""One generator of programs through every implementation: cores, compilers, torch, mpmath."""

from __future__ import annotations

import importlib.util
import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conformance import implementations
from conformance.generator import Program, drawn, error_scale, near_a_kink

from micrograd import engine
from micrograd.errors import CompileError
from micrograd.ops import OPS

SPEC = importlib.util.spec_from_file_location(
    "conformance_page", Path(__file__).parents[1] / "docs" / "conformance.py"
)
assert SPEC is not None
assert SPEC.loader is not None
conformance_page = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(conformance_page)

UNIT = 2.0**-53
NEAR = {"eager": 12.0, "numpy": 24.0, "llvm": 24.0}  # units of the error scale, from mpmath
TORCH = 1e-9  # of the error scale: torch's own slopes have few digits in the tails
FEW, MANY = range(30), range(30, 5000)
EACH = {"numpy": 1, "llvm": 3}  # of so many programs one is compiled


def compared(seed: int) -> str:
    """What became of a program: raises an AssertionError where implementations differ."""
    program = drawn(seed)
    root, gradient = implementations.eager(program)
    ours = [root.data, *[g.data for g in gradient]]
    value, slopes = implementations.backward(program)
    assert same_bits([value, *slopes], ours), f"backward and grad\n{program}"
    first_order = all(step.kind != "slope" for step in program.steps)
    if first_order and engine.CORE == "native":
        value, slopes = implementations.pure(program)
        assert same_bits([value, *slopes], ours), f"both cores\n{program}"
    roots = [root, *gradient]
    if near_a_kink(roots):
        return "near a kink"
    scales = [error_scale(v) for v in roots]
    if not all(map(math.isfinite, [*ours, *scales])) or max(scales) > 1e9:
        return "out of scale"
    exact = flat(implementations.by_mpmath(program))
    check("eager", ours, exact, scales, NEAR["eager"] * UNIT, program)
    near = [scale + 1e-5 for scale in scales]  # 1 - y², as torch has it, is off by 1e-16 of 1
    check("torch", flat(implementations.by_torch(program)), exact, near, TORCH, program)
    for backend, each in EACH.items():
        if seed % each == 0:
            try:
                found = flat(implementations.compiled(program, backend))
            except CompileError:
                # The slope of a choice by one of its leaves is 1 or 0, as the integer says.
                assert {"choose", "slope"} <= {step.kind for step in program.steps}, program
                return "refused"
            check(backend, found, exact, scales, NEAR[backend] * UNIT, program)
    return "compared"


def flat(result: Any) -> list[Any]:
    value, gradient = result
    return [value, *gradient]


def same_bits(a: list[float], b: list[float]) -> bool:
    """The same numbers, nan for nan; the sign of a zero may be another."""
    return all(x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))


def same_to_rounding(a: list[float], b: list[float]) -> bool:
    """The same infinities and nans; numbers that are close."""
    return all(x == y or (x != x and y != y) or math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)
               for x, y in zip(a, b, strict=True))  # fmt: skip


def check(
    name: str, found: list[Any], exact: list[Any], scales: list[float], unit: float, program: Any
) -> None:
    for i, (x, y, scale) in enumerate(zip(found, exact, scales, strict=True)):
        off = float(abs(x - y))
        what = f"the derivative by x{i - 1}" if i else "the value"
        assert off <= unit * scale + 1e-300, (
            f"{name}: {what} is {float(x)!r}, exactly {float(y)!r}: "
            f"{off / scale / UNIT if scale else math.inf:.3g} units\n{program}"
        )


def test_programs_agree() -> None:
    outcomes = Counter(compared(seed) for seed in FEW)
    assert outcomes["compared"] > 0.4 * len(FEW), outcomes


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_5000_programs_agree(part: int) -> None:
    seeds = MANY[part::10]
    outcomes = Counter(compared(seed) for seed in seeds)
    assert outcomes["compared"] > 0.4 * len(seeds), outcomes


def wild(seed: int) -> None:
    """With infinities, nans and numbers at the ends: eager is both cores', compiled is eager's.

    To the bit, as it is then made eagerly; where a nan that goes in explains all of it, it is not,
    and what is finite may be rounded in another order.
    """
    program = drawn(seed, wild=True)
    if any(step.kind == "slope" for step in program.steps):
        program = replace(program, steps=tuple(
            replace(s, kind="sum", inputs=s.inputs[:1]) if s.kind == "slope" else s
            for s in program.steps
        ))  # fmt: skip
    ours = flat(implementations.backward(program))
    assert same_bits(flat(implementations.pure(program)), ours), program
    if all(map(math.isfinite, ours)):
        return
    for backend, each in EACH.items():
        if seed % each == 0:
            found = flat(implementations.compiled(program, backend))
            same = same_to_rounding if any(map(math.isnan, program.leaves)) else same_bits
            assert same(found, ours), f"{backend}: {found}, eagerly {ours}\n{program}"


def test_wild_programs() -> None:
    for seed in range(30):
        wild(seed)


@pytest.mark.long
def test_many_wild_programs() -> None:
    for seed in range(30, 1500):
        wild(seed)


def test_the_generator_reaches_everything() -> None:
    programs = [drawn(seed) for seed in range(150)]
    kinds = {step.kind for program in programs for step in program.steps}
    assert kinds >= {*OPS, "sum", "dot", "loop", "choose", "branch", "slope"}
    assert {program.integer for program in programs} >= {0, 1, 2}
    assert str(programs[0]) == str(drawn(0))


def test_an_error_of_some_units_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an implementation whose logarithm errs in the 14th digit."""
    exact = implementations.compiled

    def off(program: Program, backend: str) -> Any:
        value, gradient = exact(program, backend)
        return value * (1 + 1e-13), gradient

    monkeypatch.setattr(implementations, "compiled", off)
    with pytest.raises(AssertionError, match="numpy: the value is"):
        list(map(compared, FEW))


# ---- the table in docs ---------------------------------------------------------------------------

TABLE = conformance_page.TARGET.read_text(encoding="utf-8")
CELLS = {
    line.split("`")[1].split(" ")[0]: [cell.strip() for cell in line.split("|")[2:-1]]
    for line in TABLE.splitlines()
    if line.startswith("| `")
}


def number(cell: str) -> float:
    power = re.fullmatch(r"10\^(\d+)", cell)
    return 10.0 ** (int(power[1]) + 1) if power else 0.0 if cell == "–" else float(cell)


def test_the_table_has_every_row_and_implementation() -> None:
    assert list(CELLS) == list(OPS), "make conformance"
    assert TABLE.startswith(conformance_page.HEAD.format(points=500, digits=60))
    assert {len(cells) for cells in CELLS.values()} == {2 * len(conformance_page.NAMES)}


@pytest.mark.parametrize("name", OPS)
def test_the_table_is_true(name: str) -> None:
    """At other numbers no implementation of ours is further off than it says, but for a unit."""
    found = conformance_page.errors(OPS[name], 25)
    for k, which in enumerate(conformance_page.NAMES[:3]):
        value, slope = CELLS[name][k], CELLS[name][k + 4]
        assert found[which][0] <= number(value) + 1.0, which
        assert found[which][1] <= number(slope) + 1.0, which


def test_what_the_table_promises() -> None:
    """Values within 2 units, and slopes but for those that the page names."""
    for name, cells in CELLS.items():
        assert all(number(cell) <= 2 for cell in cells[:3]), name
        if name not in ("pow", "erf", "sigmoid_slope"):
            assert all(number(cell) <= 2 for cell in cells[4:7]), name
