"""Small functions of the compiler, where what they are given is at an end of what it may be."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from nests import rows

import micrograd
from micrograd import Value
from micrograd.compiler.backends.numpy.sequence_rows import in_arrays
from micrograd.compiler.nest.ir import TERM, WORK, Affine, Nest, Statement
from micrograd.compiler.trace.assigned import undisturbed
from micrograd.compiler.trace.comparing import others


@pytest.mark.parametrize(("before", "inside"), [(0.5, math.nan), (math.nan, 0.5), (0.5, 2.0)])
def test_numbers_are_put_back_whatever_they_became(before: float, inside: float) -> None:
    leaf = Value(before)

    def f() -> None:
        leaf.data = inside

    with undisturbed(f):
        f()
    assert np.array_equal([leaf.data], [before], equal_nan=True)


def test_what_is_tried_has_the_integers_that_were_given() -> None:
    """In another order; other numbers change their signs, and some their size."""
    numbers, integers = [0.5, -1.5, 2.5], [3, 5, 7]
    tried = list(others((numbers, integers), 10))
    assert len(tried) == 8
    for floats, whole in tried:
        assert sorted(whole) == integers
        assert all(type(n) is int for n in whole)
        assert {abs(x) / n for x in floats for n in (0.5, 1.5, 2.5)} & {0.25, 1.0, 3.0}
    sizes = [sorted(map(abs, floats)) == [0.5, 1.5, 2.5] for floats, _ in tried]
    assert all(sizes[:4])
    assert not all(sizes[4:])


def test_a_processor_is_one_that_this_process_may_use() -> None:
    pool = pytest.importorskip("micrograd.compiler.backends.llvm.pool")
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("processors are not chosen here")
    may = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(may)})
        assert pool._processors() == 1
    finally:
        os.sched_setaffinity(0, may)
    assert pool._processors() == len(may)


def test_the_part_of_a_sequence_that_is_arrays() -> None:
    def over(n: int) -> Nest:
        return Nest((n,), (Statement(TERM, Affine(WORK, 0, (1,)), (Affine(WORK, 100, (1,)),)),))

    assert in_arrays([]) == in_arrays([over(3)]) == 0.0
    assert in_arrays([over(60)]) == 1.0
    assert in_arrays([over(60), over(20), rows(10, "add", [0, 2, 3], WORK, [1, 2, 3])]) < 0.75


def test_an_error_that_names_no_line_names_the_function() -> None:
    def worded(x: float) -> str:
        return "text"

    class Callable:
        def __call__(self, x: float) -> str:
            return "text"

    for f in (worded, Callable().__call__):
        with pytest.raises(micrograd.CompileError, match=r"\n  at .*test_corners.py:\d+: def "):
            micrograd.compile(f, parameters=[Value(1.0)], backend="numpy")(1.0)
    with pytest.raises(micrograd.CompileError):
        micrograd.compile(Callable(), parameters=[Value(1.0)], backend="numpy")(1.0)
