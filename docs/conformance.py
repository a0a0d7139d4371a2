"""How far each operation is off, in units in the last place: writes docs/conformance.md.

    python docs/conformance.py

Values and derivatives of every row of the op table, by every implementation, at numbers of all
sizes, against mpmath with 60 digits.
"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import mpmath
import torch
from conformance.implementations import DIGITS, Precise, apply_precisely, precise_gradient
from programs import apply_to_tensors

import micrograd
from micrograd import Value
from micrograd.functions import apply
from micrograd.ops import FLOATS, OPS, Op

TARGET = ROOT / "docs" / "conformance.md"
NAMES = ("eager", "NumPy", "LLVM", "torch")
LEAST = 2.0**-1000  # smaller results have fewer digits, for everybody
Numbers = list[tuple[float, ...]]

HEAD = """# How exact each operation is

Made by `make conformance`: the largest error of each row of the op table, in units in the last
place, at {points} numbers of all sizes, against mpmath with {digits} digits; first of the value,
then of the derivatives. 0.5 is correctly rounded; `–` is a derivative that is 0, or of an
operation that torch computes otherwise. Eager numbers are those of both cores, which agree to the
bit.

Where 1 − y² or y (1 − y) has few digits left, torch's slopes of tanh and sigmoid have them, too
(the large numbers below); here they are computed by a function of their own. The slopes of pow
and erf are as far off as torch's: b − 1 and x² are rounded before they become exponents. Below
1e-301 results have fewer digits, whoever computes them.

"""


def points(row: Op, count: int = 500, seed: int = 0) -> Numbers:
    """Inputs from the row's domain, and far outside of it, at which all is finite."""
    rng = random.Random(f"{row.name} {seed}")
    found: Numbers = []
    static = row.static_samples[:1]
    for _ in range(50 * count):
        inputs = tuple(
            rng.uniform(low, high) if len(found) < count // 2
            else rng.choice([-1.0, 1.0][low >= 0 :]) * 2.0 ** rng.uniform(-40, 9)
            for low, high in row.domain
        )  # fmt: skip
        y = row.f(*inputs, *static)
        slopes = row.vjp(FLOATS, 1.0, y, *inputs, *static)
        fine = [x for x in (y, *slopes) if x == 0 or LEAST < abs(x) < 1e300]
        if len(fine) == 1 + row.arity and (row.kink is None or row.kink(*inputs)):
            found.append(inputs)
        if len(found) == count:
            break
    return found


def exactly(row: Op, numbers: Numbers) -> list[tuple[Any, ...]]:
    """The value and the derivatives, with many digits."""
    found = []
    with mpmath.workdps(DIGITS):
        for inputs in numbers:
            leaves = [Precise(x) for x in inputs]
            root = apply_precisely(row.name, *leaves, *row.static_samples[:1])
            found.append((root.value, *[g.value for g in precise_gradient(root, leaves)]))
    return found


def eager(row: Op, numbers: Numbers) -> list[tuple[float, ...]]:
    found = []
    for inputs in numbers:
        leaves = [Value(x) for x in inputs]
        root = apply(row.name, *leaves, *row.static_samples[:1])
        root.backward()
        found.append((root.data, *[v.grad for v in leaves]))
    return found


def compiled(row: Op, numbers: Numbers, backend: str) -> list[tuple[float, ...]]:
    leaves = [[Value(x) for x in inputs] for inputs in numbers]

    def loss() -> Any:
        results = [apply(row.name, *inputs, *row.static_samples[:1]) for inputs in leaves]
        return sum(results, Value(0.0)), results

    flat = [v for inputs in leaves for v in inputs]
    f = micrograd.compile(loss, parameters=flat, backend=backend)
    (_, values), gradient = f.value_and_grad()
    slopes = iter(map(float, gradient))
    return [(float(y), *[next(slopes) for _ in range(row.arity)]) for y in values]


def by_torch(row: Op, numbers: Numbers) -> list[tuple[float, ...]]:
    columns = [
        torch.tensor(column, dtype=torch.float64, requires_grad=True)
        for column in zip(*numbers, strict=True)
    ]
    root = apply_to_tensors(row.name, *columns, *row.static_samples[:1])
    slopes: Any = [None] * len(columns)
    if root.requires_grad:
        slopes = torch.autograd.grad(root.sum(), columns, allow_unused=True)
    parts = [root.detach(), *[torch.zeros(len(numbers)) if g is None else g for g in slopes]]
    return list(zip(*[part.tolist() for part in parts], strict=True))


def units(found: float, exact: Any) -> float:
    """The error in units in the last place of the exact number; rounding it is at most 0.5."""
    if exact == 0:
        return 0.0 if found == 0 else math.inf
    return float(abs(mpmath.mpf(found) - exact) / math.ulp(float(exact)))


def errors(row: Op, count: int = 500) -> dict[str, tuple[float, float]]:
    """For each implementation, the largest error of the value and of the derivatives."""
    numbers = points(row, count)
    exact = exactly(row, numbers)
    by_name = {
        "eager": eager(row, numbers), "NumPy": compiled(row, numbers, "numpy"),
        "LLVM": compiled(row, numbers, "llvm"), "torch": by_torch(row, numbers),
    }  # fmt: skip
    result = {}
    with mpmath.workdps(DIGITS):
        for name, found in by_name.items():
            off = [
                [units(x, y) for x, y in zip(a, b, strict=True)]
                for a, b in zip(found, exact, strict=True)
            ]
            result[name] = max(x[0] for x in off), max((max(x[1:]) for x in off), default=0.0)
    return result


def shown(x: float) -> str:
    """With two digits, or its size."""
    if x == 0:
        return "0"
    return f"{x:.2g}" if x < 100 else f"10^{math.floor(math.log10(x))}" if x < math.inf else "∞"


def table(count: int = 500) -> str:
    """The page."""
    lines = [HEAD.format(points=count, digits=DIGITS)]
    heads = [*NAMES, *[f"slope: {name}" for name in NAMES]]
    lines += ["| operation | " + " | ".join(heads) + " |\n", "|---" * 9 + "|\n"]
    for row in OPS.values():
        found = errors(row, count)
        cells = [shown(found[name][i]) for i in (0, 1) for name in NAMES]
        cells = cells if not row.compares else [*cells[:4], *["–"] * 4]
        name = row.name + (f" ({row.static} {row.static_samples[0]:g})" if row.has_static else "")
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |\n")
    return "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
    print(TARGET)
