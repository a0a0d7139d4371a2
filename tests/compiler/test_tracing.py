"""What a trace writes down, what it refuses, and that it leaves nothing behind."""

from __future__ import annotations

import builtins
import itertools
import math
import random
import threading
from contextlib import suppress

import numpy as np
import pytest
from checkers import evaluate
from passes import recorded, traced, watched

from micrograd import CompileError, Value
from micrograd.compiler.trace.assigned import undisturbed
from micrograd.compiler.trace.differences import Divergence, check_same
from micrograd.compiler.trace.numbers.reads import DETACH, LARGEST, Index, Read, Truth
from micrograd.compiler.trace.numbers.refusing import current
from micrograd.compiler.trace.numbers.tracer import LineTracer, Tracer, make_twin, random_states
from micrograd.compiler.trace.traced import Calls
from micrograd.compiler.trace.watching import largest, smallest
from micrograd.core.scalar import Scalar
from micrograd.observers import no_grad

A, B = Value(0.75), Value(-1.5)


def names(tracer: Tracer) -> list[str]:
    return [str(v._row.name) for v in tracer.nodes if v._row]


def test_operations_are_written_down_in_order() -> None:
    with traced() as tracer:
        c = (A * B + 1.0).tanh()
        d = c**2
    assert names(tracer) == ["mul", "add", "tanh", "pow_static"]
    assert tracer.nodes[-1] is d


def test_data_is_a_read_that_keeps_its_place() -> None:
    with traced() as tracer:
        number = A.data
        twice = number + number
    assert type(number) is type(twice) is Read
    assert tracer.nodes[0]._row is DETACH
    assert (number._data, twice._data) == (0.75, 1.5)
    assert A.data == 0.75


def test_a_number_read_twice_is_read_from_itself() -> None:
    with traced() as tracer:
        number = A.data
        assert number.data is number
    assert names(tracer) == ["detach"]


def test_a_plain_number_of_an_expression_stays_one() -> None:
    with traced():
        product = A * 3.0
        assert product._b is not None
        assert product._b.data == 3.0


@pytest.mark.parametrize(
    ("compare", "rows", "answer"),
    [
        (lambda x: x < 1.0, ["less"], True),
        (lambda x: x > 1.0, ["less"], False),
        (lambda x: x <= 0.75, ["less_equal"], True),
        (lambda x: x >= 1.0, ["less_equal"], False),
        (lambda x: x == 0.75, ["equal"], True),
        (lambda x: x != 0.75, ["equal", "equal"], False),
        (lambda x: 1.0 < x, ["less"], False),  # noqa: SIM300
        (lambda x: 0.5 != x, ["equal", "equal"], True),  # noqa: SIM300
    ],
)
def test_comparisons_are_rows(compare, rows: list[str], answer: bool) -> None:
    with traced() as tracer:
        truth = compare(A.data)
    assert type(truth) is Truth
    assert truth._data == float(answer)
    assert names(tracer) == ["detach", *rows]


@pytest.mark.parametrize(
    "use",
    [
        bool, float, int, round, hash, str.format, lambda x: f"{x}", lambda x: [1, 2][x],
        lambda x: {x: 1}, lambda x: sorted([x, 0.0]), lambda x: 1 if x else 2,
        lambda x: x.__floor__(), lambda x: np.array([x], dtype=float),
    ],
)  # fmt: skip
def test_what_would_fix_a_number_is_refused(use) -> None:
    if use is str.format:
        use = "{:.2f}".format
    with traced(), pytest.raises(CompileError, match=r"test_tracing\.py:\d+"):
        use(A.data)


def test_reads_compute_with_reads_and_values() -> None:
    with traced():
        number = A.data
        for result in (number + 1, 2 - number, number**2, 2**number, -number, abs(number)):
            assert type(result) is Read
        assert type(number.exp()) is Read
        assert type(number.leaky_relu(0.1)) is Read
        for result in (number * B, B * number, number - B, B / number, number**B):
            assert type(result) is Value


def test_an_index_counts_and_is_noticed() -> None:
    with traced() as tracer:
        index = Index.__new__(Index)
        Value.__init__(index, 2.0)
        assert not tracer.indexed
        assert [10, 11, 12][index] == 12
        assert tracer.indexed


def test_the_largest_is_one_node() -> None:
    with traced() as tracer:
        found = max([A.data, B.data, 0.5])
        least = min(A.data, B.data)
    assert type(found) is Read
    assert (found._data, least._data) == (0.75, -1.5)
    assert [v._row for v in tracer.nodes].count(LARGEST) == 2
    assert max([1.0, 2.0]) == 2.0


def test_max_of_other_things_is_untouched() -> None:
    with traced():
        assert max(3, 1, 2) == 3
        assert max(["a", "bb"], key=len) == "bb"
        assert min([], default=7) == 7
        assert max(x for x in (1.0, 4.0)) == 4.0


def test_nan_is_the_largest_wherever_it_is() -> None:
    nan = Value(float("nan"))
    with traced():
        for order in ([A, B, nan], [nan, A, B], [A, nan, B]):
            assert np.isnan(largest([v.data for v in order])._data)
            assert np.isnan(smallest([v.data for v in order])._data)


@pytest.mark.parametrize(
    "change",
    [
        lambda: setattr(A * B, "data", 1.0),
        lambda: setattr(A, "data", A * B),
        lambda: (A * B).backward(),
        lambda: setattr(A * B, "_backward", lambda: None),
    ],
)
def test_what_changes_values_is_refused(change) -> None:
    with traced(), pytest.raises(CompileError):
        change()
    assert A.data == 0.75


def test_a_leaf_has_another_number_in_the_trace_only() -> None:
    with traced() as tracer:
        A.data = 2 * A.data
        assert A.data._data == 1.5
        assert [v for v, _ in tracer.assigned.values()] == [A]
    assert A.data == 0.75


def test_a_new_leaf_of_a_read_repeats_it() -> None:
    r, _ = recorded(lambda x: Value(x * 2) * A, 1.5)
    outputs = evaluate(r, [4.0])[1]
    assert outputs == [6.0]


def test_no_grad_keeps_the_operation_and_cuts_its_derivative() -> None:
    def program(x):
        with no_grad():
            cut = (A * x).exp()
        return cut * A

    r, _ = recorded(program, 2.0)
    assert r.stop.tolist() == [True, True, False]
    assert evaluate(r, [1.0])[1] == pytest.approx(np.exp(0.75) * 0.75)


def test_all_is_as_before_afterwards() -> None:
    owners = [(Value, "data"), (Value, "__init__"), (Scalar, "_backward")]
    owners += [(Value, "backward"), (builtins, "max"), (builtins, "min")]
    before = [owner.__dict__[name] for owner, name in owners]
    with traced():
        with traced() as inner:
            assert current() is inner
        assert Value.__dict__["data"] is not before[0]
    with suppress(ZeroDivisionError), traced():
        1 / 0  # noqa: B018
    assert current() is None
    assert [owner.__dict__[name] for owner, name in owners] == before


def test_other_threads_see_nothing() -> None:
    seen: list[object] = []

    def other() -> None:
        A.data = 0.75
        seen.extend([type(A.data), max(A.data, 2.0), current()])
        node = A * B
        node.backward()
        A.zero_grad()
        B.zero_grad()

    with traced() as tracer:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == [float, 2.0, None]
    assert not tracer.nodes


def test_the_line_of_a_node_is_found() -> None:
    tracer = LineTracer(1)
    with watched(tracer):
        c = A * B
        c + 1.0
    assert "test_tracing.py" in tracer.line


def test_a_twin_is_the_same_operation() -> None:
    node = A * B
    twin = make_twin(node)
    assert twin is not node
    assert (twin._data, twin._row, twin._a, twin._b) == (-1.125, node._row, A, B)


def test_drawing_random_numbers_is_noticed() -> None:
    kept, kept_numpy = random.getstate(), np.random.get_state()
    before = random_states()
    assert random_states() == before
    random.random()
    middle = random_states()
    assert middle != before
    np.random.rand()
    assert random_states() != middle
    random.setstate(kept)
    np.random.set_state(kept_numpy)


@pytest.mark.parametrize(
    ("before", "inside"), list(itertools.permutations([0.5, 2.0, math.nan], 2))
)
def test_numbers_that_a_trial_sets_are_put_back(before: float, inside: float) -> None:
    mean = Value(before)

    def f() -> None:
        mean.data = inside

    with undisturbed(f):
        f()
        assert mean.data == pytest.approx(inside, nan_ok=True)
    assert mean.data == pytest.approx(before, nan_ok=True)


def test_a_run_that_does_more_differs_after_the_last_operation_of_both() -> None:
    short, _ = recorded(lambda x: A * x, 2.0)
    long, _ = recorded(lambda x: (A * x).exp(), 2.0)
    for one, other in ((short, long), (long, short)):
        with pytest.raises(Divergence) as error:
            check_same(one, other)
        assert error.value.node == len(short) - 1
    check_same(long, long)


def test_a_program_is_traced_again_before_its_8th_and_32nd_call() -> None:
    looked_at = [k for k in range(40) if Calls(k - 1).next_is_looked_at()]
    assert looked_at == [8, 32]
