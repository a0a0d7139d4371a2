"""Recordings with several integers as one recording with choices."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from checkers import check_recording, evaluate
from hypothesis import given
from hypothesis import strategies as st
from passes import many

import micrograd
from micrograd import Value, optim
from micrograd.compiler.codes import ROW_INDEX
from micrograd.compiler.trace.differences import Divergence, different_constant
from micrograd.compiler.trace.integers import more_integers, one_more, solve
from micrograd.compiler.trace.recording import CHOICES, CONSTANTS, INPUTS, PARAMETERS, Recording
from micrograd.compiler.trace.runs import TracedRuns

TABLE = [Value(0.5 * k - 1.0) for k in range(8)]
ADD, MUL, POWER = (ROW_INDEX[name] for name in ("add", "mul", "pow_static"))


def by_hand(
    a: list[int], b: list[int], rows: list[int] | None = None, constants: tuple[float, ...] = ()
) -> Recording:
    """Additions, if no rows are given; the last node is the output."""
    n = len(a)
    row = np.array(rows or [ADD] * n, np.int16)
    static = np.where(row == POWER, 2.0, np.nan)
    return Recording(
        row, np.array(a), np.array(b), np.full(n, -1), static, np.zeros(n, bool), {},
        np.array(constants), TABLE, np.array([n - 1]),
    )  # fmt: skip


def lookups(ids: list[int]) -> Recording:
    """TABLE[i] + x0, then + TABLE[2·j + 1]."""
    i, j = ids
    return by_hand([PARAMETERS + i, 0], [INPUTS, PARAMETERS + 2 * j + 1])


IDS = np.array([[0, 0], [1, 0], [3, 2], [2, 3]])


def test_lookups_become_choices() -> None:
    found = solve([lookups(ids) for ids in IDS.tolist()], IDS, np.array([8, 4]))
    r = found.recording
    check_recording(r, 1)
    assert r.a.tolist() == [CHOICES, 0]
    assert r.b.tolist() == [INPUTS, CHOICES + 1]
    assert found.tables == [(0, PARAMETERS, 1), (1, PARAMETERS + 1, 2)]
    tables = [(table.tolist(), slot) for table, slot in r.choices]
    assert tables == [
        (list(range(PARAMETERS, PARAMETERS + 8)), 0),
        (list(range(PARAMETERS + 1, PARAMETERS + 9, 2)), 1),
    ]


@pytest.mark.parametrize("ids", [[0, 0], [7, 3], [5, 1]])
def test_choices_compute_what_the_trace_would(ids: list[int]) -> None:
    found = solve([lookups(own) for own in IDS.tolist()], IDS, np.array([8, 4]))
    assert evaluate(found.recording, [0.25], ids)[1] == evaluate(lookups(ids), [0.25])[1]
    found.check(lookups(ids), np.array(ids))


def test_a_trace_that_does_not_agree_is_found() -> None:
    found = solve([lookups(ids) for ids in IDS.tolist()], IDS, np.array([8, 4]))
    for other in (lookups([4, 1]), lookups([3, 2]), by_hand([PARAMETERS + 4, 0], [INPUTS, 0])):
        with pytest.raises(Divergence, match="run-time integer"):
            found.check(other, np.array([4, 2]))


def test_equal_lookups_share_a_table() -> None:
    recordings = [by_hand([PARAMETERS + i, PARAMETERS + i], [0 + INPUTS] * 2) for i in (0, 1, 5)]
    found = solve(recordings, np.array([[0], [1], [5]]), np.array([8]))
    assert found.recording.a.tolist() == [CHOICES, CHOICES]
    assert len(found.tables) == 1


def test_nothing_varies() -> None:
    recordings = [by_hand([PARAMETERS], [INPUTS])] * 2
    found = solve(recordings, np.array([[0], [1]]), np.array([8]))
    assert not found.recording.choices
    assert found.recording.a.tolist() == [PARAMETERS]


def test_choices_of_nodes_and_of_outputs() -> None:
    def recording(i: int) -> Recording:
        r = by_hand([PARAMETERS, PARAMETERS + 1, i], [INPUTS] * 3)
        r.outputs = np.array([i, 2])
        return r

    found = solve([recording(0), recording(1)], np.array([[0], [1]]), np.array([2]))
    check_recording(found.recording, 1)
    assert found.recording.outputs.tolist() == [CHOICES, 2]
    for i in (0, 1):
        expected = evaluate(recording(i), [2.0])[1]
        assert evaluate(found.recording, [2.0], [i])[1].tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (by_hand([PARAMETERS], [INPUTS], [MUL]), "what is computed"),
        (by_hand([PARAMETERS, 0], [INPUTS, 0]), "what is computed"),
        (by_hand([PARAMETERS], [INPUTS], constants=(1.0,)), "a constant depends"),
        (by_hand([CONSTANTS + 1], [INPUTS]), "rows of equal length"),
        (by_hand([PARAMETERS + 7], [INPUTS]), "rows of equal length"),
    ],
)
def test_what_no_choice_explains(second: Recording, reason: str) -> None:
    first = by_hand([PARAMETERS], [INPUTS])
    with pytest.raises(Divergence, match=reason):
        solve([first, second], np.array([[0], [2]]), np.array([8]))


def test_squares_and_ambiguous_lookups_are_not_explained() -> None:
    squares = [by_hand([PARAMETERS + i * i], [INPUTS]) for i in range(3)]
    with pytest.raises(Divergence, match="other than by indexing"):
        solve(squares, np.array([[0], [1], [2]]), np.array([8]))
    either = [by_hand([PARAMETERS + i], [INPUTS]) for i in range(3)]
    with pytest.raises(Divergence, match="other than by indexing"):
        solve(either, np.array([[0, 0], [1, 1], [2, 2]]), np.array([8, 8]))


def test_tables_end_where_the_parameters_do() -> None:
    recordings = [by_hand([PARAMETERS + i], [INPUTS]) for i in range(3)]
    ids = np.array([[0], [1], [2]])
    solve(recordings, ids, np.array([8]))
    with pytest.raises(Divergence, match="not rows of equal length"):
        solve(recordings, ids, np.array([9]))


def test_tables_are_of_one_sort() -> None:
    recordings = [by_hand([code], [INPUTS]) for code in (PARAMETERS, INPUTS)]
    with pytest.raises(Divergence, match="not rows of equal length"):
        solve(recordings, np.array([[0], [1]]), np.array([2]))
    before_the_first = [by_hand([PARAMETERS, k, k], [INPUTS] * 3) for k in (1, 0)]
    with pytest.raises(Divergence, match="not rows of equal length"):
        solve(before_the_first, np.array([[1], [2]]), np.array([4]))


def test_tables_start_at_zero_wherever_the_traces_did() -> None:
    ids = np.array([[3, 1], [1, 2], [2, 2]])
    found = solve([lookups(own) for own in ids.tolist()], ids, np.array([8, 4]))
    assert found.tables == [(0, PARAMETERS, 1), (1, PARAMETERS + 1, 2)]
    assert evaluate(found.recording, [0.5], [7, 0])[1] == evaluate(lookups([7, 0]), [0.5])[1]


def test_statics_and_lists_must_be_the_same() -> None:
    first = by_hand([PARAMETERS], [-1], [POWER])
    other = by_hand([PARAMETERS], [-1], [POWER])
    other.static[0] = 3.0
    with pytest.raises(Divergence, match="exponent"):
        solve([first, other], np.array([[0], [1]]), np.array([8]))
    lists = [by_hand([PARAMETERS], [INPUTS]) for _ in range(2)]
    for r, length in zip(lists, (2, 3), strict=True):
        r.many = {0: PARAMETERS + np.arange(length)}
    with pytest.raises(Divergence, match="length of a list"):
        solve(lists, np.array([[0], [1]]), np.array([8]))


def test_the_node_with_another_constant_is_named() -> None:
    codes = [PARAMETERS, 0, 1], [INPUTS, CONSTANTS, CONSTANTS + 1]
    first, other = by_hand(*codes, constants=(1.0, 2.0)), by_hand(*codes, constants=(1.0, 3.0))
    assert different_constant(first, other) == 2


@pytest.mark.parametrize(
    ("ids", "group", "sizes"),
    [
        ([0], [0], [5]),
        ([3, 3, 3], [0, 0, 0], [7]),
        ([0, 1, 2, 3], [0, 0, 0, 0], [27]),
        ([1, 1], [0, 1], [2, 9]),
        ([0] * 9, [0] * 9, [11]),
        ([5, 0], [0, 0], [1000]),
    ],
)
def test_more_integers_tell_slots_apart(ids: list[int], group: list[int], sizes: list[int]) -> None:
    extents = np.array([sizes[k] for k in group])
    tries = more_integers(np.array(ids), np.array(group), [], extents)
    columns = np.stack([np.array(ids), *tries])
    assert ((columns >= 0) & (columns < extents)).all()
    centred = columns - columns[0]
    assert (np.abs(centred).sum(0) > 0).all(), "a slot did not vary"
    for i in range(len(ids)):
        for j in range(i):
            assert np.linalg.matrix_rank(centred[:, [i, j]]) == 2, "one slot explains another"


def test_short_tables_are_tried_whole_before_anything_comes_twice() -> None:
    start = np.array([4, 4, 4])
    tried: list[np.ndarray] = []
    tried += more_integers(start, np.zeros(3, int), tried, np.full(3, 13))[:2]
    tried += more_integers(start, np.zeros(3, int), tried, np.full(3, 13))[:2]
    assert sorted(np.concatenate(tried).tolist()) == [k for k in range(13) if k != 4]


def test_a_table_of_one_entry_does_not_vary() -> None:
    tries = more_integers(np.array([0, 0]), np.array([0, 1]), [], np.array([1, 4]))
    assert len(tries) >= 2
    assert all(ids[0] == 0 for ids in tries)


@pytest.mark.parametrize("there", [-2, -1, 5, 10**9])
def test_integers_that_are_no_indices_are_no_entries(there: int) -> None:
    tries = more_integers(np.array([1, there]), np.array([0, 1]), [], np.array([3, 1]))
    assert all(0 <= ids[0] < 3 and ids[1] == 0 for ids in tries)


@many(60)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(-2, 3)), min_size=1),
    st.lists(st.integers(0, 3), min_size=3, max_size=3),
)
def test_random_lookups_are_found_again(tables: list[tuple[int, int, int]], now: list[int]) -> None:
    """Operand k is parameter base + stride · ids[slot]; strides of 0 are no lookups."""
    bases = [base + 6 * (stride < 0) for _, base, stride in tables]

    def recording(ids: list[int]) -> Recording:
        codes = [
            PARAMETERS + base + stride * ids[slot]
            for (slot, _, stride), base in zip(tables, bases, strict=True)
        ]
        r = by_hand(codes, [INPUTS] * len(codes))
        r.parameters = [Value(0.1 * k) for k in range(16)]
        return r

    extents = np.full(3, 4)
    tries = more_integers(np.zeros(3, int), np.arange(3), [], extents)
    ids = np.stack([np.zeros(3, int), *tries])
    found = solve([recording(own) for own in ids.tolist()], ids, extents)
    check_recording(found.recording, 1)
    found.check(recording(now), np.array(now))
    mine, theirs = evaluate(found.recording, [1.5], now), evaluate(recording(now), [1.5])
    np.testing.assert_array_equal(mine[0], theirs[0])


def test_one_more_trace_tells_slots_apart_where_tables_are_known() -> None:
    new = one_more(np.array([3, 0, 3, 5]), [0, 0, 1, 1], {0: {0, 1}}, np.array([6, 6, 9, 1]))
    assert new is not None
    steps = (new - [3, 0, 3, 5]).tolist()
    assert len({*steps[:3]}) == 3
    assert 0 not in steps[:3]
    assert steps[3] == 0
    assert new[0] not in (0, 1)
    assert new[0] != new[1]
    assert one_more(np.array([0, 0]), [0, 0], {}, np.array([2, 2])) is None


def test_another_length_is_traced_twice_where_tables_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = 0
    plain = TracedRuns.run

    def counted(self: TracedRuns, *given: Any) -> Any:
        nonlocal runs
        runs += 1
        return plain(self, *given)

    monkeypatch.setattr(TracedRuns, "run", counted)
    rows = [[Value(0.1 * i), Value(1.0 - 0.2 * i)] for i in range(5)]

    def loss(ids: list[int]) -> Value:
        chances = [w.exp() for w, _ in rows]
        return sum(rows[i][0] * chances[j] + rows[j][1] for i, j in pairwise(ids))

    f = micrograd.compile(loss, optimizer=optim.SGD([v for r in rows for v in r], lr=0.01))
    f([0, 1, 2, 3])
    f([4, 1, 2, 3])
    runs = 0
    assert f([4, 3, 2]) == pytest.approx(loss([4, 3, 2]).data)
    assert runs == 3  # its own, one with the last integer and past it, one with others
    for ids in ([0, 4, 1], [1, 1, 1]):
        assert f(ids) == pytest.approx(loss(ids).data)


def test_tables_of_another_length_that_are_others_are_found_out() -> None:
    rows = [[Value(0.1 * i), Value(1.0 - 0.2 * i)] for i in range(5)]

    def loss(ids: list[int]) -> Value:
        column = 0 if len(ids) == 3 else 1
        return sum(rows[i][column] ** 2 for i in ids)

    f = micrograd.compile(loss)
    for ids in ([0, 1, 2], [0, 1, 2, 3], [4, 2, 2, 1], [4, 2, 2]):
        assert f(ids) == pytest.approx(loss(ids).data)
