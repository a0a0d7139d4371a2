"""The meaning of a program, one number at a time: what the backends are tested against."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd.compiler.nest.axes import in_block
from micrograd.compiler.nest.program import (
    TERM,
    Access,
    Contraction,
    Elementwise,
    Gather,
    Kernel,
    Maximum,
    OneHot,
    Program,
    Ragged,
    Statement,
)
from micrograd.ops import OPS

Spaces = Mapping[str, NDArray[Any]]


def run(program: Program, spaces: Spaces) -> float:
    """Run a program on flat arrays, "work" among them, in place.

    Returns the loss; nan, with the update not run, if the loss or a checked number is not finite.
    """
    work = spaces["work"]
    for kernel in before_update(program):
        _run_kernel(kernel, spaces)
    checked = [work[base : base + length] for base, length in program.checked]
    if not all(np.isfinite(numbers).all() for numbers in [work[program.loss], *checked]):
        return math.nan
    for kernel in program.kernels[program.update_from :]:
        _run_kernel(kernel, spaces)
    return float(work[program.loss])


def before_update(program: Program) -> Iterator[Kernel]:
    """The kernels before the update, those of repeats as often as they run."""
    done = 0
    for repeat in program.repeats:
        yield from program.kernels[done : repeat.first]
        for number in range(repeat.count):
            for kernel in program.kernels[repeat.first : repeat.end]:
                assert isinstance(kernel, Elementwise | Contraction | Maximum)
                yield in_block(kernel, number)
        done = repeat.end
    yield from program.kernels[done : program.update_from]


def _run_kernel(kernel: Kernel, spaces: Spaces) -> None:
    match kernel:
        case Elementwise():
            for index in np.ndindex(kernel.extents):
                for statement in kernel.statements:
                    _run_statement(statement, spaces, index)
        case Contraction():
            _contract(kernel, spaces)
        case Maximum():
            for index in np.ndindex(kernel.extents):
                if not any(i for i, s in zip(index, kernel.out.strides, strict=True) if s == 0):
                    _write(kernel.out, spaces, index, -math.inf)
            for index in np.ndindex(kernel.extents):
                largest, x = (_read(a, spaces, index) for a in (kernel.out, kernel.u))
                _write(kernel.out, spaces, index, OPS["maximum"].f(largest, x))
        case Gather():
            for i, address in enumerate(kernel.index):
                spaces["work"][kernel.base + i] = spaces[kernel.space][address]
        case Ragged():
            _reduce_rows(kernel, spaces)
        case OneHot():
            for index in np.ndindex(kernel.extents):
                chosen = _read(kernel.ids, spaces, index) == index[kernel.axis]
                _write(kernel.out, spaces, index, 1.0 if chosen else 0.0)


def _run_statement(statement: Statement, spaces: Spaces, index: tuple[int, ...]) -> None:
    inputs = [_read(access, spaces, index) for access in statement.inputs]
    if statement.row == TERM:
        value = statement.coefficient * math.prod(inputs)
    else:
        static = () if statement.static is None else (statement.static,)
        value = OPS[statement.row].f(*inputs, *static)
    if statement.accumulate:
        value += _read(statement.out, spaces, index)
    _write(statement.out, spaces, index, value)


def _contract(kernel: Contraction, spaces: Spaces) -> None:
    sums: dict[tuple[int, ...], float] = {}
    for index in np.ndindex(kernel.extents):
        x = _read(kernel.u, spaces, index)
        if kernel.v is not None:
            x *= _read(kernel.v, spaces, index)
        place = tuple(i if s else 0 for i, s in zip(index, kernel.out.strides, strict=True))
        sums[place] = sums.get(place, 0.0) + x
    for place, total in sums.items():
        before = _read(kernel.out, spaces, place) if kernel.accumulate else 0.0
        _write(kernel.out, spaces, place, before + kernel.coefficient * total)
        for statement in kernel.after:
            _run_statement(statement, spaces, place)


def _reduce_rows(kernel: Ragged, spaces: Spaces) -> None:
    work = spaces["work"]
    for i, (low, high) in enumerate(pairwise(kernel.start)):
        numbers = [float(spaces[kernel.u_space][a]) for a in kernel.u[low:high]]
        if kernel.v is not None:
            factors = [float(spaces[kernel.v_space][a]) for a in kernel.v[low:high]]
            numbers = [x * y for x, y in zip(numbers, factors, strict=True)]
        result = numbers[0]
        for x in numbers[1:]:
            result = result + x if kernel.reduction == "sum" else OPS["maximum"].f(result, x)
        before = float(work[kernel.base + i]) if kernel.accumulate else 0.0
        work[kernel.base + i] = before + kernel.coefficient * result


def _address(access: Access, index: tuple[int, ...]) -> int:
    return access.base + sum(s * i for s, i in zip(access.strides, index, strict=True))


def _read(access: Access, spaces: Spaces, index: tuple[int, ...]) -> float:
    return float(spaces[access.space][_address(access, index)])


def _write(access: Access, spaces: Spaces, index: tuple[int, ...], value: float) -> None:
    spaces[access.space][_address(access, index)] = value
