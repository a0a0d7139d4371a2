"""Small functions of the compiler, where what they are given is at an end of what it may be."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from nests import rows
from passes import watched

import micrograd
from micrograd import Value
from micrograd.compiler.backends.numpy.sequence_rows import in_arrays
from micrograd.compiler.nest.ir import TERM, WORK, Affine, Nest, Statement
from micrograd.compiler.trace import integers
from micrograd.compiler.trace.assigned import undisturbed
from micrograd.compiler.trace.comparing import others
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.observers import followed


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


def test_what_is_joined_is_never_longer_than_it_may_be() -> None:
    llvm = pytest.importorskip("micrograd.compiler.backends.llvm.combined")
    codes = np.array([1, *[0] * 6000])
    found = llvm.combined(codes, np.arange(len(codes)) < 2)
    assert 1 < max(map(len, found.meaning)) <= llvm.LONGEST
    assert [k for code in found.codes for k in found.meaning[code]] == codes.tolist()


WAITING = """
import threading, time
from micrograd.compiler.backends.llvm.later import later

class Work:
    def first(self):
        begun.set()
        time.sleep(0.5)
        print("first", flush=True)

    def second(self):
        print("second", flush=True)

begun, work = threading.Event(), Work()
later.call(work.first)
later.call(work.second)
begun.wait()
"""


def test_a_program_that_ends_waits_only_for_what_was_begun() -> None:
    pytest.importorskip("llvmlite")
    done = subprocess.run([sys.executable, "-c", WAITING], capture_output=True, check=True)
    assert done.stdout.split() == [b"first"]


def test_lists_of_the_user_stay_as_they_are() -> None:
    rates = [0.5, 0.25]
    w = Value(2.0)
    f = micrograd.compile(lambda x: w * x * rates[0] + rates[1], parameters=[w], backend="numpy")
    assert f(1.0) == 1.25
    rates[:] = [float("0.5"), float("0.25")]  # equal ones
    now = [*map(id, rates)]
    assert f(1.0) == 1.25
    assert [*map(id, rates)] == now
    rates[1] = 0.75
    assert f(1.0) == 1.75


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


def test_what_leaves_no_graph_follows_nobody() -> None:
    with micrograd.no_grad():
        assert not followed()
    with watched(Tracer()):
        assert followed()
        with micrograd.no_grad():
            assert followed()
    assert not followed()


@pytest.mark.parametrize(
    ("tried", "apart"),
    [
        ([[0, 0], [1, 0], [0, 1]], True),
        ([[0, 0], [1, 1], [2, 2]], False),
        ([[0, 5], [1, 7], [2, 9]], False),
        ([[0, 5], [1, 7], [2, 8]], True),
        ([[3, 5], [3, 7]], False),
        ([[3], [4]], True),
    ],
)
def test_what_was_tried_tells_integers_apart(tried: list[list[int]], apart: bool) -> None:
    assert integers._told_apart(np.array(tried)) == apart
