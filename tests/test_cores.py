"""The compiled core says what the one in Python says, to the bit, for every row of the op table."""

from __future__ import annotations

import copy
import itertools
import math
import os
import pickle
import random
import struct
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from types import CellType
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, detect_anomaly, engine, no_grad
from micrograd.core import native_core, python_core
from micrograd.observers import Keeper, recording
from micrograd.ops import BY_HAND, OPS, Op

native = pytest.mark.skipif(engine.CORE != "native", reason=engine.WHY_PYTHON or "native")

CORES = [python_core, engine]
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -3.0, 1 / 3, 20.0, 20.5, 710.0, -750.0, 1e300, -1e300,
         5e-324, -5e-324, 2.3e-308, math.inf, -math.inf, math.nan]  # fmt: skip
N_RANDOM = 300


def bits(x: float) -> int:
    """A float as its bits; every nan is the same."""
    number: int = struct.unpack("<q", struct.pack("<d", math.nan if x != x else x))[0]
    return number


def samples(row: Op) -> Iterator[tuple[tuple[float, ...], float | None]]:
    """Inputs of a row and its static parameter: all edges with all, and random ones."""
    rng = random.Random(row.name)
    drawn = [[rng.uniform(*ends) for ends in row.domain] for _ in range(N_RANDOM)]
    wide = [[rng.uniform(-50, 50) for _ in row.domain] for _ in range(N_RANDOM)]
    statics = [*row.static_samples, *EDGES] if row.has_static else [None]
    for inputs in itertools.chain(itertools.product(EDGES, repeat=row.arity), drawn, wide):
        for static in statics:
            yield tuple(inputs), static


def run(core: object, row: Op, inputs: tuple[float, ...], static: float | None) -> list[int]:
    """The bits of a row's value and of its derivatives, for a gradient that is not 1."""
    leaves = [core.make_leaf(x) for x in inputs]  # type: ignore[attr-defined]
    compute = core.compute  # type: ignore[attr-defined]
    node = compute(row, tuple(leaves), *[] if static is None else [static])
    (node * -0.75).backward()
    return [bits(node.data), *[bits(x.grad) for x in leaves]]


@native
@pytest.mark.parametrize("name", OPS)
def test_every_row_is_the_same_to_the_bit(name: str) -> None:
    row, count = OPS[name], 0
    for inputs, static in samples(row):
        expected = run(python_core, row, inputs, static)
        assert run(engine, row, inputs, static) == expected, (inputs, static)
        count += 1
    assert count > 500


@native
@pytest.mark.parametrize("name", OPS)
def test_an_input_that_is_there_twice(name: str) -> None:
    row = OPS[name]
    static = row.static_samples[:1]
    for x in EDGES:
        found = []
        for core in (python_core, engine):
            leaf = core.make_leaf(x)  # type: ignore[attr-defined]
            core.compute(row, (leaf,) * row.arity, *static).backward()  # type: ignore[attr-defined]
            found.append(bits(leaf.grad))
        assert found[0] == found[1], x


@native
def test_programs_are_the_same_to_the_bit() -> None:
    def program(core: object, seed: int) -> list[int]:
        rng = random.Random(seed)
        nodes = [core.make_leaf(rng.uniform(-2, 2)) for _ in range(5)]  # type: ignore[attr-defined]
        leaves = nodes[:]
        for _ in range(60):
            row = OPS[rng.choice(list(OPS))]
            static = [rng.choice(row.static_samples)] if row.has_static else []
            inputs = tuple(rng.choice(nodes) for _ in range(row.arity))
            nodes.append(core.compute(row, inputs, *static))  # type: ignore[attr-defined]
            if rng.random() < 0.2:
                nodes.append(3 - nodes[-1] / 2)
        nodes[-1].backward()
        return [bits(x) for v in leaves + nodes for x in (v.data, v.grad)]

    for seed in range(200):
        assert program(engine, seed) == program(python_core, seed)


@native
def test_both_cores_have_the_same_names() -> None:
    names = set(native_core.NAMES)
    assert all(hasattr(python_core, name) and hasattr(engine, name) for name in names)
    private = {"_pow_value"}  # of the core in Python alone
    assert set(dir(python_core.Value)) - set(dir(Value)) <= private | {"__slots__"}


@native
@pytest.mark.parametrize("bad", ["x", None, 1j, [1.0], Value(1.0)])
def test_the_same_messages(bad: object) -> None:
    def messages(make: type) -> list[str]:
        found = []
        v = make(1.0)
        for attempt in (partial(make, bad), partial(setattr, v, "data", bad),
                        partial(setattr, v, "grad", bad), partial(v.leaky_relu, bad),
                        partial(v.__add__, bad), lambda: v + bad, lambda: bad / v,
                        lambda: v**bad):  # fmt: skip
            try:
                found.append(type(attempt()).__name__)
            except TypeError as error:
                found.append(f"{type(error).__name__}: {error}")
        return found

    if isinstance(bad, Value):
        assert messages(Value)[:4] == messages(python_core.Value)[:4]
    else:
        assert messages(Value) == messages(python_core.Value)


def test_without_the_compiled_core() -> None:
    code = "from micrograd.engine import CORE, WHY_PYTHON; print(CORE, '-', WHY_PYTHON)"
    environment = {**os.environ, "MICROGRAD_PURE": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True,
                         text=True, check=True)  # fmt: skip
    assert run.stdout == "Python - MICROGRAD_PURE is set\n"


@native
def test_a_core_of_another_table_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_core, "fingerprint", lambda: 0)
    assert "other sources" in native_core.reason()


# ---- copies ------------------------------------------------------------------------------------


class Named(Value):
    """A subclass with an attribute."""


def deep(n: int) -> tuple[Value, Value]:
    x = Value(0.5, label="x")
    y = x
    for _ in range(n):
        y = (y + x).tanh()
    return x, y


@pytest.mark.parametrize("through", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_of_deep_graphs(through: object) -> None:
    x, y = deep(20_000)
    y.backward()
    z, again = through((y, x))  # type: ignore[operator]
    assert (z.data, z.grad, again.data, again.grad, again.label) == (
        y.data, 1.0, x.data, x.grad, "x",
    )  # fmt: skip
    assert z is not y
    z.backward()
    assert again.grad != x.grad
    y.backward()
    assert again.grad == x.grad
    assert z._inputs[0]._inputs[1] is again


def test_what_a_copy_keeps() -> None:
    a = Named(2.0)
    a.note = ["kept"]  # type: ignore[attr-defined]
    b = (a**3 * 2 + micrograd.maximum(a, 1.0)).leaky_relu(0.3)
    b.label = "b"
    chosen = engine.compute(OPS["select"], (a, b, a))
    for made in (copy.deepcopy(chosen), pickle.loads(pickle.dumps(chosen))):
        first, second, third = made._inputs
        assert type(first) is Named
        assert first is third
        assert (first.note, second.label, second._static) == (["kept"], "b", 0.3)
        made.backward()
        assert first.grad == micrograd.grad(chosen, [a])[0].data
    assert copy.copy(b)._inputs == b._inputs
    assert copy.copy(b) is not b


@pytest.mark.parametrize("through", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_copy_knows_that_a_backward_pass_has_come_to_it(through: object) -> None:
    """A gradient of 0 is a gradient: momentum moves on, as with the one that was copied."""
    x, never = Value(1.0), Value(1.0)
    (x * 0.0).backward()
    assert x.grad == 0
    for v, reached in ((x, True), (never, False)):
        assert through(v)._reached is reached  # type: ignore[operator]
        assert copy.copy(v)._reached is reached


def test_pickling_again_after_an_error() -> None:
    x, y = deep(3_000)
    middle = y._inputs[0]
    middle.label = lambda: None  # type: ignore[assignment]
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(y)
    middle.label = ""
    assert pickle.loads(pickle.dumps(y)).data == y.data
    assert pickle.loads(pickle.dumps(x)).data == x.data


def test_a_pickle_of_one_core_is_read_by_the_other(tmp_path: object) -> None:
    _, y = deep(50)
    code = (
        "import pickle, sys; v = pickle.load(sys.stdin.buffer); v.backward(); "
        "print(repr(v), v._inputs[0]._inputs[1].grad)"
    )
    outputs = set()
    for pure in ("", "1"):
        environment = {**os.environ, "MICROGRAD_PURE": pure}
        run = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(y), env=environment,
                             capture_output=True, check=True)  # fmt: skip
        outputs.add(run.stdout)
    assert len(outputs) == 1


# ---- observers in threads ----------------------------------------------------------------------


def test_observers_of_another_thread_see_nothing() -> None:
    results = []

    def work() -> None:
        results.append((Value(2.0) * 3)._prev)

    with no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(results[0]) == 2


# ---- what was recorded, as arrays --------------------------------------------------------------


def arrays_of(core: Any, seed: int) -> tuple[Any, ...]:
    """A random program as arrays, with names in place of objects."""
    rng = random.Random(seed)
    leaves = [core.make_leaf(rng.uniform(-2, 2)) for _ in range(4)]
    nodes: list[Any] = []
    wide = replace(BY_HAND, name="wide", vjp=lambda m, g, y, *xs: (0.0,) * len(xs))
    for _ in range(60):
        known = leaves + nodes
        row = OPS[rng.choice(list(OPS))]
        static = [rng.choice(row.static_samples)] if row.has_static else []
        nodes.append(core.compute(row, tuple(rng.choice(known) for _ in range(row.arity)), *static))
        if rng.random() < 0.2:
            nodes.append(nodes[-1] / 2)
        if rng.random() < 0.1:
            nodes.append(core.record(wide, 1.0, tuple(rng.choice(known) for _ in range(5))))
        if rng.random() < 0.1:
            nodes.append(nodes[0])
        if rng.random() < 0.1 and seed % 3:
            nodes[-1].backward()
    others = [nodes[-1], leaves[0], core.make_leaf(7.0), nodes[-1]]
    marks = [v._mark for v in nodes + leaves]
    found = core.as_arrays(nodes, others, OPS["tanh"])
    assert marks == [v._mark for v in nodes + leaves]
    rows, row, codes, statics, many, unknown, uses = found
    users, floats = np.frombuffer(uses, np.int64).reshape(-1, 2).T
    sorts = [-1 if x._row else 0 if x._static is None else id(x._static) for x in unknown]
    assert floats.tolist() == sorts
    assert found[1:5] == core.as_arrays(nodes, others, OPS["tanh"])[1:5]
    numbers = np.frombuffer(codes, np.int64)
    assert len(numbers) == 3 * len(nodes) + len(others)
    assert numbers.min() == -1 - len(unknown)
    return ([getattr(x, "name", x) for x in rows], row, codes, statics, many,
            [x.data for x in unknown], users.tolist())  # fmt: skip


@native
@pytest.mark.parametrize("seed", range(20))
def test_recorded_arrays_are_the_same(seed: int) -> None:
    assert arrays_of(engine, seed) == arrays_of(python_core, seed)


@native
@pytest.mark.parametrize("lists", [([1.0], []), ([], [None])])
def test_arrays_of_what_is_no_value(lists: tuple[list[Any], list[Any]]) -> None:
    with pytest.raises(TypeError, match="not a Value"):
        engine.as_arrays(*lists, OPS["tanh"])


def test_a_keeper_sees_its_own_thread_only() -> None:
    keeper, seen = Keeper(), []
    with keeper:
        y = Value(2.0) * 3
        thread = threading.Thread(target=lambda: seen.append(Value(1.0) * 3))
        thread.start()
        thread.join()
        with no_grad():
            z = y * 2
        w = y + z
    assert keeper.nodes == [y, z, w]
    assert [v.data for v in keeper.leaves] == [2.0]
    assert (y * 2)._row is not None
    assert keeper.nodes == [y, z, w]


def test_several_observers_all_see() -> None:
    """A compiled core keeps for one alone that only keeps; any other is asked."""

    class Counting(Keeper):
        calls = 0

        def made(self, node: Value) -> None:
            self.calls += 1
            super().made(node)

    first, second, counting = Keeper(), Keeper(), Counting()
    with counting:
        a = Value(2.0) * 3
        with first, second:
            b = a + 1
        c = b * b
    assert counting.nodes == [a, b, c]
    assert counting.calls == 3
    assert first.nodes == second.nodes == [b]


def test_recording_is_asked_of_this_thread() -> None:
    inside: list[bool] = []
    with detect_anomaly():
        assert recording()
    with no_grad():
        assert not recording()
        thread = threading.Thread(target=lambda: inside.append(recording()))
        thread.start()
        thread.join()
    assert inside == [True]
    assert recording()


# ---- whether things are still what they were ---------------------------------------------------


@pytest.mark.parametrize("core", [engine, python_core], ids=["engine", "Python"])
def test_what_has_changed_since_it_was_packed(core: Any) -> None:
    one, other, array = object(), object(), np.zeros(2)
    entries, cell, numbers, grows = {"a": one}, CellType(one), np.arange(3.0), [1]
    lists: list[list[Any]] = [[one, 2.0], [array]]
    place = numbers.__array_interface__["data"][0]
    held = core.packed_array(numbers, place, numbers.ndim, numbers.nbytes)

    def same(packed: Any, key: str = "a", value: Any = one, content: Any = one) -> bool:
        keys, values = [key], [value]
        found: bool = core.same_all(
            lists, packed, [entries], keys, values, [cell], ["cell_contents"], [content],
            [numbers], [held], [grows], [1],
        )  # fmt: skip
        assert core.same_entries([entries], keys, values) is (entries.get(key) is value)
        return found

    before = core.packed(lists)
    assert same(before)
    assert same(before, "b", None)
    assert not same(before, "a", other)
    assert not same(before, content=other)
    lists[1].append(one)
    assert not same(before)
    lists[1][:] = [np.zeros(2)]
    assert not same(before)
    lists[1][:] = [array]
    lists[0][0] = other
    assert not same(before)
    lists[0][0] = one
    numbers[1] = -1.0
    assert not same(before)
    numbers[1] = 1.0
    grows.append(2)
    assert not same(before)
    grows.pop()
    assert same(before)
    del cell.cell_contents
    assert not same(before)
    assert same(before, content=NotImplemented)


# ---- nested lists ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nested", [[1.0], (1.0, -0.0), [[1.0, 2.0], [3.0, 4.0]], [[(0.5,)], [(math.inf,)]]]
)
def test_floats_in_nested_lists(nested: Any) -> None:
    found = engine.floats_in(nested)
    assert found is not None
    numbers = np.frombuffer(found[0]).reshape(found[1])
    assert np.array_equal(numbers, np.array(nested))
    assert python_core.floats_in(nested) == found


@pytest.mark.parametrize(
    "other",
    [[], [[]], [1], [1.0, 2], [[1.0], [1.0, 2.0]], [[1.0], (1.0,)], 1.0, "text", [[1.0], 1.0],
     [True], [np.float64(1.0)]],
)  # fmt: skip
def test_what_is_not_nested_lists_of_floats(other: Any) -> None:
    assert engine.floats_in(other) is python_core.floats_in(other) is None


LAYOUT = (list, 1, tuple, 2, list, 3)
LISTS = [([1.0, 2.0, 3.0], [-0.0, math.inf, 5.5])]


@pytest.mark.parametrize("core", [engine, python_core])
def test_floats_into_an_array(core: Any) -> None:
    room = np.zeros(6)
    assert core.floats_into(LISTS, LAYOUT, room)
    assert room.tolist() == np.array(LISTS).reshape(-1).tolist()


@pytest.mark.parametrize("core", [engine, python_core])
@pytest.mark.parametrize(
    "other", [[], 1.0, [LISTS[0], LISTS[0]], [list(LISTS[0])], LISTS[0], [([1.0] * 3, [1.0] * 2)],
              [([1.0] * 3, (1.0,) * 3)], [([1.0] * 3, [1.0, 1.0, 1])]]
)  # fmt: skip
def test_what_is_not_as_the_layout_says(core: Any, other: Any) -> None:
    assert core.floats_into(other, LAYOUT, np.zeros(6)) is False


@pytest.mark.parametrize("core", [engine, python_core])
def test_floats_into_needs_the_room(core: Any) -> None:
    with pytest.raises(ValueError, match=r"room for all numbers|different structures"):
        core.floats_into(LISTS, LAYOUT, np.zeros(5))


# ---- graphs as arrays --------------------------------------------------------------------------


def random_edges(seed: int, circle: bool = False) -> tuple[Any, Any, int]:
    """(users, used, size) with repeats, of which no user is used by what it uses, or some are."""
    rng = random.Random(seed)
    size = rng.choice([1, 2, 5, 40])
    names = rng.sample(range(size), size)
    pairs = [sorted(rng.choices(range(size), k=2)) for _ in range(rng.choice([0, 1, 3, 100]))]
    pairs = [(a, b) for a, b in pairs if a != b] + [(0, 0)] * circle
    users, used = np.array([[names[b], names[a]] for a, b in pairs] or np.zeros((0, 2))).T.astype(
        np.int64, order="C"
    )
    return users, used, size


@pytest.mark.parametrize("core", [engine, python_core])
@pytest.mark.parametrize("seed", range(20))
def test_longest_paths(core: Any, seed: int) -> None:
    users, used, size = random_edges(seed)
    level = np.zeros(size, np.int32)
    for _ in range(size):
        for a, b in zip(users, used, strict=True):
            level[a] = max(level[a], level[b] + 1)
    found = core.longest_paths(users, used, size)
    assert np.frombuffer(found, np.int32).tolist() == level.tolist()
    assert core.longest_paths(*random_edges(seed, circle=True)) is None


@pytest.mark.parametrize("core", [engine, python_core])
@pytest.mark.parametrize("seed", range(20))
def test_reachable(core: Any, seed: int) -> None:
    to, source, size = random_edges(seed)
    rng = np.random.default_rng(seed)
    seeds, through = rng.random((2, size)) < [[0.2], [0.7]]
    wanted = seeds.copy()
    for _ in range(size):
        for a, b in zip(source, to, strict=True):
            wanted[b] |= wanted[a] & through[b]
    found = core.reachable(source, to, seeds.tobytes(), through.tobytes())
    assert np.frombuffer(found, bool).tolist() == wanted.tolist()


@pytest.mark.parametrize("core", [engine, python_core])
@pytest.mark.parametrize("size", [0, 1, 2, 100, 5000])
@pytest.mark.parametrize("most", [1, 50, 1 << 62])
def test_occurrences(core: Any, size: int, most: int) -> None:
    keys = np.random.default_rng(size).integers(-most, most, size)
    numbers, before = (np.frombuffer(x, np.int64).tolist() for x in core.occurrences(keys))
    seen: list[int] = []
    last: dict[int, int] = {}
    for key, number, at in zip(keys.tolist(), numbers, before, strict=True):
        assert number == list(dict.fromkeys([*seen, key])).index(key) if size <= 100 else True
        assert at == last.get(key, -1)
        last[key] = len(seen)
        seen.append(key)
    assert len(set(numbers)) == len(set(keys.tolist())) == max(numbers, default=-1) + 1


@native
def test_edges_of_nodes_that_there_are_not() -> None:
    one, other = np.array([0, 3]), np.array([1, -1])
    for edges in ((one, one), (other, one), (one, other[:1])):
        with pytest.raises(ValueError, match="numbers of nodes"):
            engine.longest_paths(*edges, 3)
    with pytest.raises(ValueError, match="contiguous"):
        engine.longest_paths(one[::-1], one, 4)


@pytest.mark.parametrize("core", CORES, ids=lambda core: core.__name__)
def test_a_backward_pass_notes_what_its_leaves_had_before(core: Any) -> None:
    a, b, c = core.make_leaves([2.0, -3.0, 0.5])
    (a * 5).backward()
    mark = a._mark
    noted: list[Any] = []
    y = core.weighted_sum([a, b], [b, a], (a * 2.5).tanh() + a)
    core.backward_from(y, noted)
    assert [(x is a, x is b, gradient, before) for x, gradient, before in noted] in (
        [(True, False, 5.0, mark), (False, True, 0.0, None)],
        [(False, True, 0.0, None), (True, False, 5.0, mark)],
    )
    expected = -6.0 + 1 + 2.5 * (1 - math.tanh(5.0) ** 2), 4.0
    assert (a.grad, b.grad) == (pytest.approx(expected[0]), expected[1])
    assert (c.grad, c._mark) == (0.0, None)
    noted.clear()
    core.backward_from(c, noted)
    assert (noted, c.grad) == ([(c, 0.0, None)], 1.0)


@pytest.mark.parametrize("core", CORES, ids=lambda core: core.__name__)
def test_the_same_call(core: Any) -> None:
    numbers, d = np.array([1.0, 2.0]), {"k": 2}
    address = numbers.__array_interface__["data"][0]
    for size in (0, numbers.nbytes):  # a shape alone, and what is in it
        held = core.packed_array(numbers, address, 1, size)
        before = [], core.packed([]), [d], ["k"], [2], [], [], [], [numbers], [held], [], []
        given = numbers, d
        assert core.same_call((numbers, d), given, before)
        assert not core.same_call((numbers,), given, before)
        assert not core.same_call((numbers.copy(), d), given, before)
        numbers[0] += 1
        assert core.same_call(given, given, before) == (size == 0)
        numbers[0] -= 1
        with warnings.catch_warnings(action="ignore"):  # NumPy 2.5 advises against it
            numbers.shape = 2, 1
            assert not core.same_call(given, given, before)
            numbers.shape = 2
        d["k"] = 3
        assert not core.same_call(given, given, before)
        d["k"] = 2
        assert core.same_call(given, given, before)
