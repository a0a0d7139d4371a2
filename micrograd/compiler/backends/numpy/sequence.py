"""Sequences in plain Python: a function for each form of statement, and one for each loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.codes import ROWS
from micrograd.compiler.nest.ir import Affine, Nest, Statement
from micrograd.compiler.nest.sequence import LARGEST, Part, Scalars
from micrograd.ops import LARGER, OPS

MOST_WRITTEN_OUT = 6  # terms of a sum that has a function of its own

Cells = list[float]
RunsPart = Callable[[Cells], None]


def runner(parts: Sequence[Part], work: NDArray[Any]) -> Callable[[], None]:
    """What runs a sequence on work."""
    steps = [_loop(part) if isinstance(part, Nest) else _statements(part) for part in parts]

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


def _loop(nest: Nest) -> RunsPart:
    """An ordered nest as a loop of Python."""
    names: dict[str, Any] = {"inf": np.inf, "nan": np.nan}
    lines = [line for s in nest.body for line in _statement(s, names)]
    text = "\n".join([
        "def run(n):", f"    for i in range({nest.extents[0]}):",
        *(f"        {line}" for line in lines),
    ])  # fmt: skip
    exec(text, names)
    step: RunsPart = names["run"]
    return step


def _statement(s: Statement, names: dict[str, Any]) -> list[str]:
    out = _operand(s.out, names)
    sign = "+=" if s.accumulate else "="
    if s.starts is not None:
        lists = [_noted(names, x.index.tolist()) for x in s.inputs]
        starts = _noted(names, s.starts.tolist())
        product = "*".join(f"n[{x}[j]]" for x in lists)
        total = f"sum([{product} for j in range({starts}[i], {starts}[i + 1])])"
        return [f"{out} {sign} {_product(s.coefficient, [total])}"]
    inputs = [_operand(x, names) for x in s.inputs]
    if s.is_term:
        return [f"{out} {sign} {_product(s.coefficient, inputs)}"]
    static = [] if s.static is None else [repr(s.static)]
    return [f"{out} = {_noted(names, OPS[s.row].f)}({', '.join([*inputs, *static])})"]


def _operand(x: Any, names: dict[str, Any]) -> str:
    if not isinstance(x, Affine):
        return f"n[{_noted(names, x.index.tolist())}[i]]"
    (stride,) = x.strides
    return f"n[{x.base}]" if not stride else f"n[{x.base} + {stride} * i]"


def _noted(names: dict[str, Any], x: Any) -> str:
    name = f"x{len(names)}"
    names[name] = x
    return name
