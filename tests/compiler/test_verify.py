"""Every promise of a program, broken once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

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
from micrograd.compiler.nest.verify import ProgramError, check, injective

SIZES = {"parameters": 10, "state": 10, "input0": 10, "ids0": 10}


def at(base: int, *strides: int, space: str = "work") -> Access:
    return Access(space, base, strides)


def program(*kernels: Kernel, update_from: int | None = None) -> Program:
    count = len(kernels) if update_from is None else update_from
    return Program(kernels, count, np.zeros(100), SIZES, 0, ((1, 2),))


RELU = Statement("relu", at(10, 1), (at(20, 1),))
COPY = Statement(TERM, at(10, 1), (at(20, 1),))
DOT = Contraction((4, 3), at(10, 1, 0), at(20, 3, 1), at(40, 0, 1), 1.0, False)
LARGEST = Maximum((4, 3), at(10, 1, 0), at(20, 3, 1))
HOT = OneHot((4, 3), 1, at(10, 3, 1), at(0, 1, 0, space="ids0"))
ROWS = Ragged(
    10, "sum", np.array([0, 2, 3]), "work", np.array([30, 31, 40]), "work", None, 1.0, False
)
GATHER = Gather(10, "input0", np.array([0, 9, 3]))


def over(n: int, **changes: object) -> Elementwise:
    return Elementwise((n,), (replace(RELU, **changes),))


def test_what_keeps_its_promises_passes() -> None:
    check(program(over(5), Elementwise((5,), (COPY,)), DOT, LARGEST, HOT, ROWS, GATHER))
    update = Elementwise((5,), (replace(COPY, out=at(0, 1, space="parameters")),))
    check(program(over(5), update, update_from=1))


@pytest.mark.parametrize(
    ("kernel", "fault"),
    [
        (over(90), "20 to 109 of work, which has 100"),
        (over(5, inputs=(at(3, -1),)), "-1 to 3 of work"),
        (over(5, inputs=(at(0, 1, space="input1"),)), "no space 'input1'"),
        (over(0), r"extents \(0,\)"),
        (over(5, inputs=(at(0, 1, 1),)), "2 strides for 1 axes"),
        (over(5, row="frobnicate"), "no row 'frobnicate'"),
        (over(5, inputs=()), "relu of 0 inputs"),
        (over(5, static=2.0), "static 2.0"),
        (over(5, accumulate=True), "accumulating"),
        (over(5, row=TERM, inputs=(at(0, 1),) * 3), "a term of 3 inputs"),
        (over(5, out=at(10, 0)), "out meets itself"),
        (over(5, inputs=(at(11, 1),)), "out meets .* at another index"),
        (over(5, out=at(0, 1, space="input0")), "writes to input0"),
        (over(5, out=at(0, 1, space="parameters")), "writes to parameters"),
        (over(5, inputs=(at(0, 1, space="ids0"),)), "reads ids0 as floats"),
        (replace(DOT, out=at(20, 1, 0)), "out meets"),
        (replace(DOT, extents=(4, 3), out=at(10, 1, 1)), "out meets itself"),
        (replace(LARGEST, out=at(25, 1, 0)), "out meets"),
        (replace(HOT, axis=2), "axis 2 of 2"),
        (replace(HOT, ids=at(0, 1, 1, space="ids0")), "ids vary"),
        (replace(HOT, ids=at(0, 1, 0)), "reads work as integers"),
        (replace(ROWS, start=np.array([0, 0, 3])), "start is not increasing"),
        (replace(ROWS, start=np.array([0, 2])), "start is not increasing"),
        (replace(ROWS, u=np.array([30, 11, 40])), "reads what it writes"),
        (replace(ROWS, v=np.array([30, 31])), "3 addresses of u, 2 of v"),
        (replace(ROWS, reduction="mean"), "reduction 'mean'"),
        (replace(ROWS, reduction="max", accumulate=True), "a maximum of products"),
        (replace(GATHER, index=np.array([10])), "10 to 10 of input0"),
        (replace(GATHER, base=98), "98 to 100 of work"),
    ],
)
def test_a_broken_promise_names_the_kernel(kernel: Kernel, fault: str) -> None:
    name = rf"kernel 1 \({type(kernel).__name__}\): .*{fault}"
    with pytest.raises(ProgramError, match=name):
        check(program(GATHER, kernel))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"update_from": 2}, "update_from is 2 of 1"),
        ({"loss": 100}, r"range \(100, 1\)"),
        ({"checked": ((98, 3),)}, r"range \(98, 3\)"),
        ({"kept": ((-1, 1),)}, r"range \(-1, 1\)"),
    ],
)
def test_places_outside_work(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(ProgramError, match=fault):
        check(replace(program(GATHER), **changes))


def test_injective() -> None:
    assert injective(at(0, 3, 1), (4, 3))
    assert injective(at(0, -1, 5, 0), (5, 2, 1))
    assert not injective(at(0, 2, 1), (4, 3))
    assert not injective(at(0, 0), (2,))
