"""What turns need no longer is overwritten, and sums over turns are added up in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from checks_of_compiled import assert_near, eager_value_and_grad
from sequential_programs import gated, heat
from test_sequences import bound, unit_of

import micrograd
from micrograd import Value
from micrograd.compiler.backends.numpy import sequence
from micrograd.compiler.backends.numpy.sequence_rows import in_arrays
from micrograd.compiler.nest.ir import Nest
from micrograd.compiler.nest.sequence import TurnLoop

pytest.importorskip("llvmlite")

CELLS, TURNS = 140, 14


def stepped(rule: Callable[[list[Any], list[Value], int], list[Any]], turns: int, ends: Any) -> Any:
    """A loss of a grid that goes on by a rule, and of what `ends` reads of all its turns."""

    def loss(ps: list[Value], xs: list[float]) -> Any:
        rows = [[p * x for p, x in zip(ps, xs, strict=True)]]
        for t in range(turns):
            rows.append(rule(rows, ps, t))
        return ends(rows)

    return loss


def diffused(rows: Any, ps: Any, t: int) -> Any:
    """Reads neighbours of what it overwrites; its walls stay as they are."""
    u = rows[-1]
    near = [u[i - 1] + u[i + 1] for i in range(1, CELLS - 1)]
    return [u[0], *(0.8 * x + 0.1 * n * n for x, n in zip(u[1:], near, strict=False)), u[-1]]


def of_two(rows: Any, ps: Any, t: int) -> Any:
    """Reads the turn before the last, too: as a wave does."""
    u, v = rows[-1], rows[max(0, len(rows) - 2)]
    flow = [ps[i] * (u[i + 1] - u[i]) for i in range(CELLS - 1)]
    inner = [1.9 * u[i] - v[i] + 0.1 * (flow[i] - flow[i - 1]) for i in range(1, CELLS - 1)]
    return [0.5 * u[0], *inner, 0.5 * u[-1]]


def weighted(rows: Any, ps: Any, t: int) -> Any:
    """What each turn makes is read on the way back."""
    u = rows[-1]
    mixed = [ps[i] * u[i] + 0.2 * u[i - 1] for i in range(1, CELLS)]
    return [0.5 * u[1], *(x.tanh() for x in mixed)]


def by_sides(rows: Any, ps: Any, t: int) -> Any:
    """A flow between cells, worked out once and read twice."""
    u = rows[-1]
    flow = [ps[i] * (u[i + 1] - u[i]) for i in range(CELLS - 1)]
    inner = [u[i] + 0.3 * (flow[i] - flow[i - 1]) for i in range(1, CELLS - 1)]
    return [u[0] + 0.3 * flow[0], *inner, u[-1] - 0.3 * flow[-1]]


def last(rows: Any) -> Any:
    return sum(x * x for x in rows[-1])


def some(rows: Any) -> Any:
    """A cell of a turn in the middle, two of the last two turns, and the last."""
    middle = rows[len(rows) // 2][3]
    return last(rows) + middle * middle + rows[-2][5] * rows[-1][CELLS - 1]


def every(rows: Any) -> Any:
    return sum(row[7] * row[CELLS // 2] for row in rows)


@pytest.mark.parametrize("ends", [last, some, every])
@pytest.mark.parametrize("rule", [diffused, of_two, weighted, by_sides])
def test_numbers_are_those_of_eager(rule: Any, ends: Any, in_order: None) -> None:
    ps = [Value(0.5 + 0.003 * k) for k in range(CELLS)]
    xs = [0.01 * ((7 * k) % 11) - 0.05 for k in range(CELLS)]
    loss = stepped(rule, TURNS, ends)
    f = micrograd.compile(lambda xs: loss(ps, xs), parameters=ps)
    for scale in (1.0, -0.7):  # the second run finds what the first has left
        given = [scale * x for x in xs]
        value, gradient = f.value_and_grad(given)
        expected, theirs = eager_value_and_grad(lambda xs: loss(ps, xs), ps, given)
        assert_near(value, expected)
        assert_near(gradient, theirs)
    parts = unit_of(f).program.sequence
    assert ends is every or any(isinstance(part, TurnLoop) for part in parts)


@pytest.mark.parametrize("rule", [diffused, of_two, weighted, by_sides])
def test_numpy_takes_rows(
    rule: Any,
    in_order: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sequence, "MOSTLY", 0.0)  # however few they are
    ps = [Value(0.5 + 0.003 * k) for k in range(CELLS)]
    loss = stepped(rule, TURNS, some)
    f = micrograd.compile(lambda xs: loss(ps, xs), parameters=ps, backend="numpy")
    for scale in (0.1, -0.07):
        given = [scale * (k % 5) for k in range(CELLS)]
        value, gradient = f.value_and_grad(given)
        expected, theirs = eager_value_and_grad(lambda xs: loss(ps, xs), ps, given)
        assert_near(value, expected)
        assert_near(gradient, theirs)
    assert in_arrays(unit_of(f).program.sequence) > 0.1


@pytest.mark.parametrize("turns", [0, 1, 2, *range(7, 13)])
def test_few_turns(turns: int, in_order: None) -> None:
    ps = [Value(0.5 + 0.003 * k) for k in range(CELLS)]
    loss = stepped(by_sides, turns, some if turns else last)
    f = micrograd.compile(lambda xs: loss(ps, xs), parameters=ps)
    value, gradient = f.value_and_grad([0.1 * (k % 5) for k in range(CELLS)])
    expected, theirs = eager_value_and_grad(
        lambda xs: loss(ps, xs), ps, [0.1 * (k % 5) for k in range(CELLS)])  # fmt: skip
    assert_near(value, expected)
    assert_near(gradient, theirs)


def test_one_row_a_turn_has_a_place_of_its_own(in_order: None) -> None:
    program = heat(40, CELLS)
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps)
    f.value_and_grad(*program.arguments)
    forward, back = (x for x in unit_of(f).program.sequence if isinstance(x, TurnLoop))
    made = [(s.out, nest.extents[1]) for nest in forward.nests for s in nest.body if s.kept]
    assert sum(n for out, n in dict(made).items() if out.strides[0]) <= CELLS
    assert all(s.out.strides[0] == 0 for nest in back.nests for s in nest.body)
    assert any(nest.first.accumulate for nest in back.nests)


@pytest.mark.parametrize("units", [5, 9])
def test_turns_of_recurrent_networks_are_arrays(units: int) -> None:
    program = gated(30, units)
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps)
    value, gradient = f.value_and_grad(*program.arguments)
    expected, theirs = eager_value_and_grad(loss, ps, *program.arguments)
    assert_near(value, expected)
    assert_near(gradient, theirs)
    turns = [x for x in unit_of(f).program.sequence if isinstance(x, TurnLoop)]
    assert len(turns) == 2
    wide = [n for x in turns for n in x.nests if n.extents[1] % units == 0 and not n.ordered]
    assert sum(len(n.body) for n in wide) >= 10 + units


@pytest.mark.parametrize("cells", [8, 120])
def test_sums_of_many_rows_are_added_up_in_turns(cells: int) -> None:
    """For short ones a nest in every turn costs more than what is written and read again."""
    program = heat(20, cells)
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps, backend="llvm")
    value, gradient = f.value_and_grad(*program.arguments)
    expected, theirs = eager_value_and_grad(loss, ps, *program.arguments)
    assert_near(value, expected)
    assert_near(gradient, theirs)
    parts = unit_of(f).program.sequence
    assert any(isinstance(x, TurnLoop) for x in parts)
    after = [x for x in parts if isinstance(x, Nest) and x.reduce and x.extents[-1] > 16]
    assert bool(after) == (cells == 8)
