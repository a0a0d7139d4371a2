"""Every promise of a program, broken once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nests import changed, rows, summed, taken

from micrograd.compiler.nest.ir import (
    PARAMETERS,
    STATE,
    TERM,
    WORK,
    Affine,
    Counter,
    Nest,
    Program,
    Space,
    Statement,
    argument,
    integers,
    maximum,
    one_hot,
)
from micrograd.compiler.nest.verify import ProgramError, check, injective

SIZES = {PARAMETERS: 10, STATE: 10, argument(0): 10, integers(0): 10}


def at(base: int, *strides: int, space: Space = WORK) -> Affine:
    return Affine(space, base, strides)


def program(*kernels: Nest) -> Program:
    return Program(kernels, np.zeros(100), SIZES, 0, ((1, 2),))


RELU = Statement("relu", at(10, 1), (at(20, 1),))
COPY = Statement(TERM, at(10, 1), (at(20, 1),))
DOT = summed((4, 3), at(10, 1, 0), at(20, 3, 1), at(40, 0, 1), 1.0, False)
LARGEST = maximum((4, 3), at(10, 1, 0), at(20, 3, 1))
HOT = one_hot((4, 3), 1, at(10, 3, 1), at(0, 1, 0, space=integers(0)))
ROWS = rows(10, "add", [0, 2, 3], WORK, [30, 31, 40])
GATHER = taken(10, argument(0), np.array([0, 9, 3]))


def over(n: int, **changes: object) -> Nest:
    return Nest((n,), (replace(RELU, **changes),))


def test_what_keeps_its_promises_passes() -> None:
    check(program(over(5), Nest((5,), (COPY,)), DOT, LARGEST, HOT, ROWS, GATHER))
    update = Nest((5,), (replace(COPY, out=at(0, 1, space=PARAMETERS)),))
    check(Program((over(5), update), np.zeros(100), SIZES, None))
    check(program(rows(10, "max", [0, 3], WORK, [30, 31, 40])))  # one row


@pytest.mark.parametrize(
    ("kernel", "fault"),
    [
        (over(90), "20 to 109 of work, which has 100"),
        (over(5, inputs=(at(3, -1),)), "-1 to 3 of work"),
        (over(5, inputs=(at(0, 1, space=argument(1)),)), "no space input1"),
        (over(0), r"extents \(0,\)"),
        (over(5, inputs=(at(0, 1, 1),)), "2 strides for 1 axes"),
        (over(5, row="frobnicate"), "no row 'frobnicate'"),
        (over(5, inputs=()), "relu of 0 inputs"),
        (over(5, static=2.0), "static 2.0"),
        (over(5, accumulate=True), "accumulating"),
        (over(5, row=TERM, inputs=(at(0, 1),) * 3), "a term of 3 inputs"),
        (over(5, out=at(10, 0)), "out meets itself"),
        (over(5, inputs=(at(11, 1),)), "out meets .* at another index"),
        (over(5, out=at(0, 1, space=argument(0))), "writes to input0"),
        (over(5, out=at(0, 1, space=PARAMETERS)), "writes to parameters"),
        (over(5, inputs=(at(0, 1, space=integers(0)),)), "reads ids0 as floats"),
        (changed(DOT, out=at(20, 1, 0)), "a statement writes to"),
        (changed(DOT, out=at(10, 1, 1)), "out meets itself"),
        (changed(DOT, row="relu"), "a reduction of"),
        (changed(LARGEST, out=at(25, 1, 0)), "a statement writes to"),
        (changed(HOT, inputs=(HOT.first.inputs[0], Counter(2))), "axis 2 of 2"),
        (changed(HOT, inputs=(at(0, 1, 0), Counter(1))), "reads work as integers"),
        (replace(ROWS, starts=np.array([0, 0, 3])), "starts do not rise"),
        (replace(ROWS, starts=np.array([0, 2])), "starts do not rise"),
        (rows(10, "add", [0, 2, 3], WORK, [30, 11, 40]), "reads what it writes"),
        (rows(10, "add", [0, 2, 3], WORK, [30, 31, 40], WORK, [30, 31]), "starts do not rise"),
        (replace(ROWS, reduce=None), "rows of something"),
        (replace(ROWS, body=ROWS.body * 2), "rows of something"),
        (replace(ROWS, body=(ROWS.first, COPY)), "rows of something"),
        (changed(ROWS, inputs=(*ROWS.first.inputs, at(0, 1))), "rows of something"),
        (rows(10, "max", [0, 2, 3], WORK, [30, 31, 40], accumulate=True), "a maximum of products"),
        (taken(10, argument(0), [10]), "10 to 10 of input0"),
        (replace(GATHER, extents=(4,)), "3 addresses for"),
        (taken(98, argument(0), [0, 9, 3]), "98 to 100 of work"),
    ],
)
def test_a_broken_promise_names_the_kernel(kernel: Nest, fault: str) -> None:
    with pytest.raises(ProgramError, match=f"nest 1: .*{fault}"):
        check(program(GATHER, kernel))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"loss": 100}, r"range \(100, 1\)"),
        ({"checked": ((98, 3),)}, r"range \(98, 3\)"),
        ({"kept": ((-1, 1),)}, r"range \(-1, 1\)"),
    ],
)
def test_places_outside_work(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(ProgramError, match=fault):
        check(replace(program(GATHER), **changes))


def test_nests_are_keys_whatever_their_rows() -> None:
    again = rows(10, "add", [0, 2, 3], WORK, [30, 31, 40])
    assert replace(ROWS, starts=again.starts) == ROWS
    assert len({ROWS, replace(ROWS, starts=again.starts), GATHER}) == 2
    one, other = (replace(ROWS.first, starts=np.array([0, n])) for n in (1, 2))
    assert len({one, other, RELU}) == 2


def test_injective() -> None:
    assert injective(at(0, 3, 1), (4, 3))
    assert injective(at(0, -1, 5, 0), (5, 2, 1))
    assert not injective(at(0, 2, 1), (4, 3))
    assert not injective(at(0, 0), (2,))
