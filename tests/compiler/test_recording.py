"""Traces as arrays: codes, leaves, statics; what they compute is what the program computed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from checkers import check_recording, evaluate
from hypothesis import given
from passes import many, recorded
from programs import programs, run

from micrograd import Value
from micrograd.compiler.codes import ROW_INDEX
from micrograd.compiler.trace.recording import (
    CHOICES,
    CONSTANTS,
    DETACHED,
    INPUTS,
    LARGEST_OF,
    PARAMETERS,
    Recording,
    Unrecordable,
    met,
)
from micrograd.functions import apply
from micrograd.ops import OPS

A, B, C = Value(0.75), Value(-1.5), Value(2.0)


def test_codes_of_each_sort() -> None:
    r, _ = recorded(lambda x: (A * x + B) * 3.0, 5.0)
    assert r.row.tolist() == [ROW_INDEX[name] for name in ("mul", "add", "mul")]
    assert r.a.tolist() == [PARAMETERS, 0, 1]
    assert r.b.tolist() == [INPUTS, PARAMETERS + 1, CONSTANTS]
    assert r.c.tolist() == [-1, -1, -1]
    assert r.parameters == [A, B]
    assert r.constants.tolist() == [3.0]
    assert r.outputs.tolist() == [2]
    assert not r.stop.any()
    assert not r.many


def test_parameters_that_are_given_come_first() -> None:
    r, _ = recorded(lambda: B * C + A, given=[A, C])
    assert r.parameters == [A, C, B]
    assert met(r) == [2, 1, 0]


def test_parameters_are_met_in_the_order_of_use() -> None:
    r, _ = recorded(lambda: apply("select", C, B, A) * max(B.data, A.data) + C)
    assert r.parameters == [C, B, A]
    assert met(r) == [0, 1, 2]
    lone, _ = recorded(lambda: [A.data + 0.0, B])
    assert lone.parameters == [A, B]


def test_one_object_is_one_constant() -> None:
    x, y = float("1.25"), float("1.25")
    assert x is not y
    r, _ = recorded(lambda: A * x + B * x + C * y)
    assert r.constants.tolist() == [1.25, 1.25]
    assert [code for code in r.b.tolist() if code >= CONSTANTS] == [
        CONSTANTS, CONSTANTS, CONSTANTS + 1,
    ]  # fmt: skip


def test_leaves_made_by_the_program_are_constants() -> None:
    r, _ = recorded(lambda: Value(4.0) * A)
    assert r.constants.tolist() == [4.0]
    assert r.parameters == [A]


def test_three_inputs_are_in_place() -> None:
    r, _ = recorded(lambda x: apply("select", x, A, B), 1.0)
    assert (r.a[0], r.b[0], r.c[0]) == (INPUTS, PARAMETERS, PARAMETERS + 1)
    assert evaluate(r, [0.0])[1] == [-1.5]


def test_statics_and_numbers_without_derivative() -> None:
    r, _ = recorded(lambda: A**3 + B.leaky_relu(0.2) + max(A.data, C.data))
    at = {name: i for i, name in enumerate(r.row.tolist())}
    assert r.static[at[ROW_INDEX["pow_static"]]] == 3.0
    assert r.static[at[ROW_INDEX["leaky_relu"]]] == 0.2
    assert np.isnan(r.static).sum() == len(r) - 2
    numbers = np.isin(r.row, (DETACHED, LARGEST_OF))
    assert (r.stop == numbers).all()
    assert numbers.sum() == 3
    (largest,) = r.many
    assert r.row[largest] == LARGEST_OF
    assert (r.a[largest], r.b[largest]) == (-1, -1)


def test_results_that_are_leaves() -> None:
    r, _ = recorded(lambda x: [A, x, Value(7.0)], 3.0)
    assert len(r) == 0
    assert r.outputs.tolist() == [PARAMETERS, INPUTS, CONSTANTS]
    assert evaluate(r, [9.0])[1].tolist() == [0.75, 9.0, 7.0]
    check_recording(r, 1)


def test_what_was_computed_before_is_unrecordable() -> None:
    earlier = A * B
    with pytest.raises(Unrecordable) as caught:
        recorded(lambda: (A + 1.0) * earlier)
    assert (caught.value.reason, caught.value.node) == ("earlier", 1)


def test_what_was_made_by_hand_is_unrecordable() -> None:
    by_hand = Value(1.0, (A,), "mine")
    with pytest.raises(Unrecordable) as caught:
        recorded(lambda: A * 2.0 + by_hand)
    assert (caught.value.reason, caught.value.node) == ("by hand", 1)


def test_a_read_of_another_trace_is_unrecordable() -> None:
    kept: list[Any] = []
    recorded(lambda x: kept.append(x) or A * x, 1.0)
    with pytest.raises(Unrecordable):
        recorded(lambda: A * kept[0])


@pytest.mark.parametrize("tame", [True, False])
def test_a_recording_computes_what_the_program_did(tame: bool) -> None:
    @many(100)
    @given(programs(most=30, tame=tame))
    def check(program) -> None:
        leaves = [Value(x) for x in program.leaves]
        r, made = recorded(
            lambda xs: run(program, leaves, apply, next_of(xs)),
            list(program.constants) or [0.0],
            given=leaves,
        )
        expected = run(program, program.leaves, lambda name, *x: OPS[name].f(*x))
        nodes, outputs = evaluate(r, made.values)
        np.testing.assert_array_equal(outputs, expected)
        np.testing.assert_array_equal(nodes, expected[len(outputs) - len(r) :])

    check()


def next_of(xs: list[Any]):
    numbers = iter(xs)
    return lambda _: next(numbers)


# ---- the checker finds what is wrong -------------------------------------------------------------


def sample() -> Recording:
    return recorded(lambda x: (A * x + 3.0) ** 2 + max(B.data, C.data), 5.0)[0]


def changed(array: np.ndarray, place: int, value: float) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda r: {"a": r.a[:-1]}, "entries for"),
        (lambda r: {"row": changed(r.row, 0, 99)}, "node 0 is of row 99"),
        (lambda r: {"row": changed(r.row, 0, ROW_INDEX["exp"])}, "node 0 has operands"),
        (lambda r: {"row": changed(r.row, 0, LARGEST_OF)}, "node 0 has operands"),
        (lambda r: {"many": {}}, "in many or not"),
        (lambda r: {"b": changed(r.b, 0, -1)}, "node 0 has operands"),
        (lambda r: {"a": changed(r.a, 0, 0)}, "node 0: node 0 comes later"),
        (lambda r: {"a": changed(r.a, 0, PARAMETERS + 3)}, "3 of 3 parameters"),
        (lambda r: {"b": changed(r.b, 0, INPUTS + 1)}, "1 of 1 inputs"),
        (lambda r: {"b": changed(r.b, 1, CHOICES)}, "0 of 0 choices"),
        (lambda r: {"b": changed(r.b, 1, 5 << 40)}, "is no code"),
        (lambda r: {"static": changed(r.static, 0, 2.0)}, "node 0 has a static"),
        (lambda r: {"stop": np.zeros(len(r), bool)}, "derivatives flow"),
        (lambda r: {"outputs": r.outputs[:0]}, "no output"),
        (lambda r: {"outputs": r.outputs + 1}, "of 7 nodes"),
        (lambda r: {"constants": r.constants[:0]}, "0 of 0 constants"),
        (lambda r: {"choices": [(r.outputs[:0], 0)]}, "empty table"),
        (lambda r: {"choices": [(r.outputs, 0)], "a": changed(r.a, 0, CHOICES)}, "comes later"),
    ],
)
def test_the_checker_names_the_fault(change, fault: str) -> None:
    r = sample()
    check_recording(r, 1)
    with pytest.raises(AssertionError, match=fault):
        check_recording(replace(r, **change(r)), 1)


def test_what_is_made_by_hand_in_it_is_unrecordable() -> None:
    with pytest.raises(Unrecordable) as caught:
        recorded(lambda: A * 2.0 + Value(1.0, (A,), "mine"))
    assert caught.value.reason == "by hand"
