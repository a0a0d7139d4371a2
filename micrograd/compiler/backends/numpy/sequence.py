"""Sequences in plain Python: a function for each form of statement, and one for each loop.

With lanes, what they compute with are not floats but rows of work, one number for each sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from operator import itemgetter, mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.backends.numpy import sequence_rows as rows
from micrograd.compiler.backends.numpy.rows import each
from micrograd.compiler.codes import ROWS
from micrograd.compiler.nest.ir import INDICES, Affine, Nest, Statement
from micrograd.compiler.nest.sequence import LARGEST, Part, Scalars, TurnLoop
from micrograd.ops import LARGER, OPS

MOSTLY = 0.5  # of what is computed, in arrays: then NumPy computes them
MOST_WRITTEN_OUT = 6  # terms of a sum that has a function of its own

WORTH = 24  # runs after which statements are written out as Python's text
TOGETHER = 2000  # statements of a function

Cells = list[float]
RunsPart = Callable[[Cells], None]
FunctionOf = Callable[[str, tuple[float, ...]], Callable[..., Any]]  # of a row and its static
Fetch = Callable[[Cells], Sequence[float]]
LikeTerms = tuple[float, Fetch | None, Fetch | None]  # terms with one coefficient: it, and factors
StatementCall = tuple[
    Callable[..., float], int, Sequence[Any], str | None
]  # and the text, if it has one


def runner(parts: Sequence[Part], work: NDArray[Any], lanes: int = 1) -> Callable[[], None]:
    """What runs a sequence on work.

    Numbers are a list meanwhile, which is quickest; where most are of arrays, they stay there.
    """
    if lanes > 1:
        return _of_lanes(parts, work, work.reshape(-1, lanes))
    in_place = work.dtype == np.float64 and rows.in_arrays(parts) > MOSTLY
    steps = [_statements(part) if isinstance(part, Scalars)
             else _loop(part, work if in_place else None) for part in parts]  # fmt: skip
    cells = work.data  # a memoryview: its numbers are floats of Python

    def run() -> None:
        numbers: Any = cells if in_place else work.tolist()
        for step in steps:
            step(numbers)
        if not in_place:
            work[:] = numbers

    return run


def _of_lanes(
    parts: Sequence[Part], work: NDArray[Any], numbers: NDArray[Any]
) -> Callable[[], None]:
    """What runs parts on rows of work; arrays are of numbers."""
    steps: list[tuple[RunsPart, Any]] = []
    for part in parts:
        if isinstance(part, Scalars):
            steps.append((_statements(part, _function_of_rows), numbers))
        else:
            by_row = isinstance(part, TurnLoop) or part.ordered
            steps.append((_loop(part, work, by_row), numbers if by_row else work))

    def run() -> None:
        for step, given in steps:
            step(given)

    return run


def _function(row: str, static: tuple[float, ...]) -> Callable[..., Any]:
    """A row of the op table, of floats."""
    f = OPS[row].f
    return (lambda x: f(x, *static)) if static else f


@cache
def _function_of_rows(row: str, static: tuple[float, ...]) -> Callable[..., Any]:
    """The same of arrays, one number for each lane."""
    inputs = ["a", "b", "c"][: OPS[row].arity]
    lines = [f"def f({', '.join(inputs)}):", "    out = np.empty_like(a)"]
    lines += ["    " + line for line in rows.lines_of_row(row, static, "out", inputs)]
    names: dict[str, Any] = {"inf": np.inf, "nan": np.nan, "np": np, "each": each}
    exec("\n".join([*lines, "    return out"]), names)
    made: Callable[..., Any] = names["f"]
    return made


def _statements(part: Scalars, function_of: FunctionOf = _function) -> RunsPart:
    """Statement after statement; after some runs as Python's text, which takes long to compile."""
    code = list(_calls(part, function_of))
    written: list[RunsPart] = []
    runs = 0

    def run(numbers: Cells) -> None:
        nonlocal runs
        runs += 1
        if runs == WORTH:
            written.extend(_written(code[k : k + TOGETHER]) for k in range(0, len(code), TOGETHER))
        for step in written:
            step(numbers)
        if not written:
            for function, out, places, _ in code:
                numbers[out] = function(numbers, *places)

    return run


def _written(code: Sequence[StatementCall]) -> RunsPart:
    """Statements as a function."""
    names: dict[str, Any] = {"inf": np.inf, "nan": np.nan}
    lines = ["def run(n):"]
    known: dict[int, str] = {}
    for function, out, places, text in code:
        if text is None:
            if id(function) not in known:
                known[id(function)] = _noted(names, function)
            given = ", ".join(map(str, places)) if all(type(x) is int for x in places) else (
                "*" + _noted(names, places))  # fmt: skip
            text = f"{known[id(function)]}(n, {given})"
        else:
            text = text.format(*places)
        lines.append(f"    n[{out}] = {text}")
    exec("\n".join(lines), names)
    made: RunsPart = names["run"]
    return made


def _calls(part: Scalars, function_of: FunctionOf) -> Iterator[StatementCall]:
    """Of each statement a function, where its result goes, and the places that it reads."""
    c, u, v = part.c.tolist(), part.u.tolist(), part.v.tolist()
    first, rows, args = part.first.tolist(), part.row.tolist(), part.args.tolist()
    for n, (out, row) in enumerate(zip(part.out.tolist(), rows, strict=True)):
        i, j = first[n], first[n + 1]
        if row >= 0:
            arity, static = _shape_of_row(row)
            given = (float(part.static[n]),) if static else ()
            yield _row(row, given, function_of), out, args[n][:arity], None
        elif row == LARGEST:
            yield _largest(function_of), out, u[i:j], None
        elif j - i <= MOST_WRITTEN_OUT:
            shape = tuple((c[t], u[t] >= 0, v[t] >= 0) for t in range(i, j))
            function, text = _sum(shape)
            yield function, out, [x for t in range(i, j) for x in (u[t], v[t]) if x >= 0], text
        else:
            yield _long_sum, out, _alike(c[i:j], u[i:j], v[i:j]), None


def _alike(c: list[float], u: list[int], v: list[int]) -> list[LikeTerms]:
    """The terms of a sum by their coefficients, with what fetches their factors."""
    sorts: dict[tuple[float, bool, bool], list[int]] = {}
    for t, key in enumerate(zip(c, (x >= 0 for x in u), (x >= 0 for x in v), strict=True)):
        sorts.setdefault(key, []).append(t)
    found: list[LikeTerms] = []
    for (k, of_u, of_v), own in sorts.items():
        fetch_u = _fetch([u[t] for t in own]) if of_u else None
        fetch_v = _fetch([v[t] for t in own]) if of_v else None
        found.append((k if of_u else k * len(own), fetch_u, fetch_v))
    return found


def _fetch(places: list[int]) -> Fetch:
    """What takes numbers from so many places at once."""
    first, step = places[0], places[1] - places[0] if len(places) > 1 else 1
    if step > 0 and places == list(range(first, first + step * len(places), step)):
        return itemgetter(slice(first, places[-1] + 1, step))
    return itemgetter(*places)


@cache
def _shape_of_row(row: int) -> tuple[int, bool]:
    return OPS[ROWS[row]].arity, OPS[ROWS[row]].has_static


@cache
def _row(row: int, static: tuple[float, ...], function_of: FunctionOf) -> Callable[..., float]:
    """A row on places."""
    f = function_of(ROWS[row], static)
    match OPS[ROWS[row]].arity:
        case 1:
            return lambda numbers, a: f(numbers[a])
        case 2:
            return lambda numbers, a, b: f(numbers[a], numbers[b])
        case _:
            return lambda numbers, *places: f(*[numbers[a] for a in places])


@cache
def _sum(shape: tuple[tuple[float, bool, bool], ...]) -> tuple[Callable[..., float], str]:
    """A sum of products whose factors are at the places given, and its text."""
    count = sum(u + v for _, u, v in shape)
    numbered = iter(range(count))
    terms = [_product(c, [f"n[{{{next(numbered)}}}]" for there in factors if there])
             for c, *factors in shape]  # fmt: skip
    text = " + ".join(terms)
    names = [f"x{k}" for k in range(count)]
    made: Callable[..., float] = eval(
        f"lambda n, {', '.join(names)}: {text.format(*names)}", {"inf": np.inf, "nan": np.nan}
    )
    return made, text


def _product(c: float, factors: list[str]) -> str:
    return "*".join([*([] if c == 1.0 and factors else [f"({c!r})"]), *factors])


def _long_sum(numbers: Cells, *terms: LikeTerms) -> float:
    total = 0.0
    for c, u, v in terms:
        if u is None:
            total += c
        elif v is None:
            total += c * sum(u(numbers))
        else:
            total += c * sum(map(mul, u(numbers), v(numbers)))
    return total


@cache
def _largest(function_of: FunctionOf) -> Callable[..., float]:
    larger = function_of(LARGER.name, ())

    def largest(numbers: Cells, *places: int) -> float:
        found = numbers[places[0]]
        for place in places[1:]:
            found = larger(found, numbers[place])
        return found

    return largest


# ---- loops ---------------------------------------------------------------------------------------


def _loop(part: Nest | TurnLoop, work: NDArray[Any] | None, by_row: bool | None = None) -> RunsPart:
    """Nests as loops of Python; arrays as calls of NumPy on work, if that is given.

    With lanes, `by_row` says whether the loops are on rows of it; then all arrays are on work.
    """
    function_of = _function_of_rows if by_row else _function
    names: dict[str, Any] = {"inf": np.inf, "nan": np.nan, "np": np, "each": each}
    lines = ["def run(n):"]
    nests, depth = (part.nests, 1) if isinstance(part, TurnLoop) else ((part,), 0)
    if isinstance(part, TurnLoop):
        lines.append(f"    for {INDICES[0]} in range({part.count}):")
    for nest in part.over_turns if isinstance(part, TurnLoop) else nests:
        if work is not None and rows.is_array(nest, 1 if by_row is not None else rows.SHORT):
            lines += rows.lines(nest, depth, work, lambda x: _noted(names, x))
            continue
        axes = list(enumerate(nest.extents))[depth:]
        if nest.reduce and not nest.first.accumulate:
            at = [axis for axis in axes if nest.first.out.strides[axis[0]]]
            start = replace(nest.first, inputs=(), coefficient=0.0)
            lines += _nested(at, depth, [start], names, function_of)
        body = [*nest.body] if not nest.reduce else [replace(nest.first, accumulate=True)]
        lines += _nested(axes, depth, body, names, function_of)
    exec("\n".join(lines), names)
    step: RunsPart = names["run"]
    return step


def _nested(
    axes: list[tuple[int, int]], depth: int, body: Sequence[Statement], names: dict[str, Any],
    function_of: FunctionOf,
) -> list[str]:  # fmt: skip
    """Statements at each index."""
    lines = []
    for axis, count in axes:
        depth += 1
        lines.append("    " * depth + f"for {INDICES[axis]} in range({count}):")
    inner = "    " * (depth + 1)
    return [*lines, *(inner + line for s in body for line in _statement(s, names, function_of))]


def _statement(s: Statement, names: dict[str, Any], function_of: FunctionOf) -> list[str]:
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
    function = function_of(s.row, () if s.static is None else (s.static,))
    return [f"{out} = {_noted(names, function)}({', '.join(inputs)})"]


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
