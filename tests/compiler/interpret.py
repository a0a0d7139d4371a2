"""The meaning of programs and graphs, one number at a time: what backends are tested against."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.codes import ROWS, Floats
from micrograd.compiler.graph.graph import LARGEST, ROW, SUM, Graph, levels
from micrograd.compiler.nest import sequence
from micrograd.compiler.nest.axes import in_block, in_group, mapped
from micrograd.compiler.nest.ir import (
    TERM,
    WORK,
    Affine,
    Counter,
    Listed,
    Nest,
    Program,
    Shape,
    Space,
    Statement,
)
from micrograd.compiler.nest.samples import SampleGroups
from micrograd.ops import LARGER, OPS

Spaces = Mapping[Space, NDArray[Any]]
COMBINED: dict[str, Callable[[float, float], float]] = {"add": add, "max": LARGER.f}


def run(program: Program, spaces: Spaces) -> float:
    """Run a program on flat arrays, that of WORK among them, in place.

    Returns the loss; nan if it or a checked number is not finite, 0 if there is none.
    """
    work = spaces[WORK]
    if program.groups is None:
        for nest, block in _in_order(program):
            _run(nest if block is None else in_block(nest, block), spaces)
        for part in program.sequence:
            run_part(part, work)
    else:
        _run_groups(program, program.groups, spaces)
    if program.loss is None:
        return 0.0
    checked = [work[base : base + length] for base, length in program.checked]
    if not all(np.isfinite(numbers).all() for numbers in [work[program.loss], *checked]):
        return math.nan
    return float(work[program.loss])


def _in_order(program: Program) -> Iterator[tuple[Nest, int | None]]:
    """The nests as often as they run, those of repeats with their block."""
    done = 0
    for repeat in program.repeats:
        yield from ((nest, None) for nest in program.nests[done : repeat.first])
        for block in range(repeat.count):
            yield from ((nest, block) for nest in program.nests[repeat.first : repeat.end])
        done = repeat.end
    yield from ((nest, None) for nest in program.nests[done:])


def _run_groups(program: Program, groups: SampleGroups, spaces: Spaces) -> None:
    for nest in program.nests[: groups.first]:
        _run(nest, spaces)
    for k in range(groups.count):
        for nest in program.nests[groups.first :]:
            _run(in_group(nest, program, k), spaces)
        for part in program.sequence:
            run_part(part, spaces[WORK], groups.lanes)


def _run(nest: Nest, spaces: Spaces) -> None:
    _compute(nest, spaces)
    lost = {s.out for s in nest.body if not s.kept} - {s.out for s in nest.body if s.kept}
    for x in lost:  # in registers: whoever reads it later finds no number
        for index in np.ndindex(nest.extents):
            spaces[x.space][_address(x, index)] = math.nan


def _compute(nest: Nest, spaces: Spaces) -> None:
    if nest.reduce is None:
        for place, index in enumerate(np.ndindex(nest.extents)):
            for s in nest.body:
                _set(s, spaces, index, _value(s, spaces, index, place))
        return
    combine, reduced = COMBINED[nest.reduce], dict[Shape, float]()
    for place, index in _indices(nest):
        at = tuple(i if s else 0 for i, s in zip(index, nest.first.out.strides, strict=True))
        inputs = [_read(x, spaces, index, place) for x in nest.first.inputs]
        x = math.prod(inputs)
        reduced[at] = combine(reduced[at], x) if at in reduced else x
    for at, total in reduced.items():
        _set(nest.first, spaces, at, nest.first.coefficient * total)
        for s in nest.body[1:]:
            _set(s, spaces, at, _value(s, spaces, at, 0))


def _indices(nest: Nest) -> Iterator[tuple[int, Shape]]:
    """Each index, and how many came before it: with rows of unequal length, those of a row."""
    if nest.starts is None:
        yield from enumerate(np.ndindex(nest.extents))
        return
    for row, length in enumerate(np.diff(nest.starts).tolist()):
        for place in range(length):
            yield int(nest.starts[row]) + place, (row,)


def _value(s: Statement, spaces: Spaces, index: Shape, place: int) -> float:
    inputs = [_read(x, spaces, index, place) for x in s.inputs]
    if s.row == TERM:
        return s.coefficient * math.prod(inputs)
    static = () if s.static is None else (s.static,)
    return float(OPS[s.row].f(*inputs, *static))


def _set(s: Statement, spaces: Spaces, index: Shape, value: float) -> None:
    if s.accumulate:
        value += _read(s.out, spaces, index, 0)
    spaces[s.out.space][_address(s.out, index)] = value


def _read(x: Affine | Listed | Counter, spaces: Spaces, index: Shape, place: int) -> float:
    if isinstance(x, Counter):
        return float(index[x.axis])
    at = _address(x, index) if isinstance(x, Affine) else int(x.index[place])
    return float(spaces[x.space][at])


def _address(x: Affine, index: Shape) -> int:
    return x.base + sum(s * i for s, i in zip(x.strides, index, strict=True))


# ---- sequences ---------------------------------------------------------------------------------


def run_part(part: sequence.Part, work: NDArray[Any], lanes: int = 1) -> None:
    """What a part means, one number at a time."""
    if isinstance(part, sequence.TurnLoop):
        for turn in range(part.count):
            for nest in part.nests:
                run_part(_in_turn(nest, turn), work, lanes)
        return
    if lanes > 1 and (not isinstance(part, Nest) or part.ordered):
        for lane in range(lanes):
            run_part(part, work[lane::lanes])
        return
    if isinstance(part, Nest):
        if not part.ordered:
            _run(part, {WORK: work})
            return
        for index in range(part.extents[0]):
            for s in part.body:
                work[_place(s.out, index)] = _value_in_order(s, work, index)
        for s in part.body:
            if not s.kept:  # in registers, which are lost but for what the last index left
                work[[_place(s.out, index) for index in range(part.extents[0] - 1)]] = math.nan
        return
    for n in range(len(part)):
        terms = range(part.first[n], part.first[n + 1])
        factors = [[part.c[t], *(work[x[t]] for x in (part.u, part.v) if x[t] >= 0)] for t in terms]
        row = int(part.row[n])
        if row == sequence.TOTAL:
            work[part.out[n]] = sum(np.prod(f) for f in factors)
        elif row == sequence.LARGEST:
            work[part.out[n]] = np.max([np.prod(f) for f in factors])
        else:
            op = OPS[ROWS[row]]
            static = (float(part.static[n]),) if op.has_static else ()
            inputs = [float(work[i]) for i in part.args[n][: op.arity]]
            work[part.out[n]] = op.f(*inputs, *static)


def _in_turn(nest: Nest, turn: int) -> Nest:
    """The nest of a loop in one of its turns."""

    def change(x: Affine | Listed) -> Affine | Listed:
        if isinstance(x, Listed):
            return Listed(x.space.at_rest, x.index + turn * x.space.step)
        return Affine(x.space, x.base + turn * x.strides[0], x.strides[1:])

    return mapped(nest, nest.extents[1:], change)


def _value_in_order(s: Statement, work: NDArray[Any], index: int) -> float:
    if s.starts is not None:
        places = range(s.starts[index], s.starts[index + 1])
        value = sum(float(np.prod([work[x.index[j]] for x in s.inputs])) for j in places)
    elif s.is_term:
        value = float(np.prod([work[_place(x, index)] for x in s.inputs]))
    else:
        static = () if s.static is None else (s.static,)
        return float(OPS[s.row].f(*[float(work[_place(x, index)]) for x in s.inputs], *static))
    return s.coefficient * value + (float(work[_place(s.out, index)]) if s.accumulate else 0.0)


def _place(x: Affine | Listed, index: int) -> int:
    return int(x.index[index]) if isinstance(x, Listed) else x.base + x.strides[0] * index


def evaluate(g: Graph, values: Floats | None = None) -> Floats:
    """Every node's value, one after the other; leaves are as traced unless given."""
    done = (g.value if values is None else values).astype(np.float64)
    first = np.searchsorted(g.node, np.arange(len(g) + 1))
    for n in np.argsort(levels(g), kind="stable"):
        terms = [
            g.c[t] * (1.0 if g.u[t] < 0 else done[g.u[t]]) * (1.0 if g.v[t] < 0 else done[g.v[t]])
            for t in range(first[n], first[n + 1])
        ]
        if g.kind[n] == SUM:
            done[n] = sum(terms)
        elif g.kind[n] == LARGEST:
            done[n] = np.max(terms)
        elif g.kind[n] == ROW:
            row = OPS[ROWS[g.row[n]]]
            static = (float(g.static[n]),) if row.has_static else ()
            done[n] = row.f(*[float(done[i]) for i in g.args[n][: row.arity]], *static)
    return done
