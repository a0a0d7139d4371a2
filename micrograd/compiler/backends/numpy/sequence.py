"""Sequences in plain Python: a function for each form of statement, and one for each loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.codes import ROWS
from micrograd.compiler.nest.ir import INDICES, Affine, Nest, Statement
from micrograd.compiler.nest.sequence import LARGEST, Part, Scalars, TurnLoop
from micrograd.ops import LARGER, OPS

MOST_WRITTEN_OUT = 6  # terms of a sum that has a function of its own

Cells = list[float]
RunsPart = Callable[[Cells], None]


def runner(parts: Sequence[Part], work: NDArray[Any]) -> Callable[[], None]:
    """What runs a sequence on work."""
    steps = [_statements(part) if isinstance(part, Scalars) else _loop(part) for part in parts]

    def run() -> None:
        numbers: Cells = work.tolist()
        for step in steps:
            step(numbers)
        work[:] = numbers

    return run


def _statements(part: Scalars) -> RunsPart:
    """Statement after statement, each a function and the places that it reads."""
    c, u, v = part.c.tolist(), part.u.tolist(), part.v.tolist()
    first, rows, args = part.first.tolist(), part.row.tolist(), part.args.tolist()
    code: list[tuple[Callable[..., float], int, Sequence[Any]]] = []
    for n, (out, row) in enumerate(zip(part.out.tolist(), rows, strict=True)):
        i, j = first[n], first[n + 1]
        if row >= 0:
            arity, static = _shape_of_row(row)
            given = (float(part.static[n]),) if static else ()
            code.append((_row(row, given), out, args[n][:arity]))
        elif row == LARGEST:
            code.append((_largest, out, u[i:j]))
        elif j - i <= MOST_WRITTEN_OUT:
            shape = tuple((c[t], u[t] >= 0, v[t] >= 0) for t in range(i, j))
            code.append(
                (_sum(shape), out, [x for t in range(i, j) for x in (u[t], v[t]) if x >= 0])
            )
        else:
            code.append((_long_sum, out, list(zip(c[i:j], u[i:j], v[i:j], strict=True))))

    def run(numbers: Cells) -> None:
        for function, out, places in code:
            numbers[out] = function(numbers, *places)

    return run


@cache
def _shape_of_row(row: int) -> tuple[int, bool]:
    return OPS[ROWS[row]].arity, OPS[ROWS[row]].has_static


@cache
def _row(row: int, static: tuple[float, ...]) -> Callable[..., float]:
    """A row on places."""
    f = OPS[ROWS[row]].f
    if static:
        return lambda numbers, a: f(numbers[a], *static)
    match OPS[ROWS[row]].arity:
        case 1:
            return lambda numbers, a: f(numbers[a])
        case 2:
            return lambda numbers, a, b: f(numbers[a], numbers[b])
        case _:
            return lambda numbers, *places: f(*[numbers[a] for a in places])


@cache
def _sum(shape: tuple[tuple[float, bool, bool], ...]) -> Callable[..., float]:
    """A sum of products whose factors are at the places given."""
    names: list[str] = []
    terms: list[str] = []
    for c, *factors in shape:
        used = []
        for there in factors:
            if there:
                names.append(f"x{len(names)}")
                used.append(f"n[{names[-1]}]")
        terms.append(_product(c, used))
    made: Callable[..., float] = eval(
        f"lambda n, {', '.join(names)}: {' + '.join(terms)}", {"inf": np.inf, "nan": np.nan}
    )
    return made


def _product(c: float, factors: list[str]) -> str:
    return "*".join([*([] if c == 1.0 and factors else [f"({c!r})"]), *factors])


def _long_sum(numbers: Cells, *terms: tuple[float, int, int]) -> float:
    total = 0.0
    for c, u, v in terms:
        x = c if u < 0 else c * numbers[u]
        total += x if v < 0 else x * numbers[v]
    return total


def _largest(numbers: Cells, *places: int) -> float:
    largest = numbers[places[0]]
    for place in places[1:]:
        largest = LARGER.f(largest, numbers[place])
    return largest


# ---- loops ---------------------------------------------------------------------------------------


def _loop(part: Nest | TurnLoop) -> RunsPart:
    """Nests as loops of Python."""
    names: dict[str, Any] = {"inf": np.inf, "nan": np.nan}
    lines = ["def run(n):"]
    nests, depth = (part.nests, 1) if isinstance(part, TurnLoop) else ((part,), 0)
    if isinstance(part, TurnLoop):
        lines.append(f"    for {INDICES[0]} in range({part.count}):")
    for nest in nests:
        axes = list(enumerate(nest.extents))[depth:]
        if nest.reduce and not nest.first.accumulate:
            at = [axis for axis in axes if nest.first.out.strides[axis[0]]]
            start = replace(nest.first, inputs=(), coefficient=0.0)
            lines += _nested(at, depth, [start], names)
        lines += _nested(axes, depth, [nest.first, *nest.body[1:]] if not nest.reduce
                         else [replace(nest.first, accumulate=True)], names)  # fmt: skip
    exec("\n".join(lines), names)
    step: RunsPart = names["run"]
    return step


def _nested(
    axes: list[tuple[int, int]], depth: int, body: Sequence[Statement], names: dict[str, Any]
) -> list[str]:
    """Statements at each index."""
    lines = []
    for axis, count in axes:
        depth += 1
        lines.append("    " * depth + f"for {INDICES[axis]} in range({count}):")
    inner = "    " * (depth + 1)
    return [*lines, *(inner + line for s in body for line in _statement(s, names))]


def _statement(s: Statement, names: dict[str, Any]) -> list[str]:
    out = _operand(s.out, names)
    last = INDICES[max(len(s.out.strides) - 1, 0)]
    sign = "+=" if s.accumulate else "="
    if s.starts is not None:
        lists = [_noted(names, x.index.tolist()) for x in s.inputs]
        starts = _noted(names, s.starts.tolist())
        product = "*".join(f"n[{x}[q]]" for x in lists)
        total = f"sum([{product} for q in range({starts}[{last}], {starts}[{last} + 1])])"
        return [f"{out} {sign} {_product(s.coefficient, [total])}"]
    inputs = [_operand(x, names, last) for x in s.inputs]
    if s.is_term:
        return [f"{out} {sign} {_product(s.coefficient, inputs)}"]
    static = [] if s.static is None else [repr(s.static)]
    return [f"{out} = {_noted(names, OPS[s.row].f)}({', '.join([*inputs, *static])})"]


def _operand(x: Any, names: dict[str, Any], last: str = "") -> str:
    """An entry; what is listed is so along the last axis, and moves along the first."""
    if not isinstance(x, Affine):
        turn = f" + {x.space.step} * {INDICES[0]}" if x.space.step else ""
        return f"n[{_noted(names, x.index.tolist())}[{last}]{turn}]"
    steps = [f" + {s} * {i}" for s, i in zip(x.strides, INDICES, strict=False) if s]
    return f"n[{x.base}{''.join(steps)}]"


def _noted(names: dict[str, Any], x: Any) -> str:
    name = f"x{len(names)}"
    names[name] = x
    return name
