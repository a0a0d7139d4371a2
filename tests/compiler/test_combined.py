"""Instructions that often follow each other are one, and mean what they did."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checks_of_compiled import assert_near, eager_value_and_grad
from hypothesis import given
from hypothesis import strategies as st
from passes import many
from sequential_programs import Program, cholesky, dag
from test_sequences import bound, unit_of

import micrograd
from micrograd.compiler.backends.llvm.bytecode import CombinedForm, Encoder
from micrograd.compiler.backends.llvm.combined import LONGEST, combined
from micrograd.compiler.backends.llvm.ir import DOUBLE
from micrograd.compiler.nest.sequence import Scalars

codes = st.lists(st.integers(0, 4), max_size=60)


@many(60)
@given(codes, st.lists(codes, max_size=4), st.integers(1, 6), st.data())
def test_what_is_joined_is_what_there_was(
    first: list[int], bodies: list[list[int]], least: int, data: Any
) -> None:
    times = data.draw(st.lists(st.integers(0, 9), min_size=len(bodies), max_size=len(bodies)))
    written = first + [k for body, n in zip(bodies, times, strict=True) for k in body * n]
    apart = np.array(data.draw(st.lists(st.booleans(), min_size=len(written),
                                        max_size=len(written))), bool)  # fmt: skip
    found = combined(np.array(written, np.int64), apart, least)
    meant = [found.meaning[k] for k in found.codes.tolist()]
    assert [k for parts in meant for k in parts] == written
    assert all(len(parts) <= LONGEST for parts in meant)
    lengths = np.array([len(parts) for parts in meant], np.int64)
    assert found.begin.tolist() == (np.cumsum(lengths) - lengths).tolist()
    inside = np.setdiff1d(np.arange(len(written)), found.begin)
    assert not apart[inside].any()


def test_nothing_is_joined_that_is_rare() -> None:
    written = np.arange(500) % 50
    found = combined(written, np.zeros(500, bool))
    assert found.codes.tolist() == written.tolist()


@pytest.mark.parametrize("program", [cholesky(24), cholesky(3), dag(2500)])
def test_numbers_are_those_of_eager(program: Program, in_order: None) -> None:
    pytest.importorskip("llvmlite")
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps)
    value, gradient = f.value_and_grad(*program.arguments)
    expected, theirs = eager_value_and_grad(loss, ps, *program.arguments)
    assert_near(value, expected)
    assert_near(gradient, theirs)
    parts = [x for x in unit_of(f).program.sequence if isinstance(x, Scalars)]
    encoder = Encoder(DOUBLE)
    words = encoder.words(parts)
    assert len(words) == len(parts)
    several = [form for form in encoder.forms if isinstance(form, CombinedForm)]
    assert bool(several) == (len(ps) > 3 or len(program.arguments[0]) > 3)
