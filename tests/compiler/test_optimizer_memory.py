"""What optimisers remember, as vectors and cohorts, and as the mapping that they read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import eager_step

import micrograd
from micrograd import Value, optim
from micrograd.compiler.store import Store, place_of
from micrograd.compiler.update.memory import Memory
from micrograd.compiler.update.rules import Rule
from micrograd.errors import CompileError
from micrograd.ops import FLOATS

RULES: list[tuple[str, dict[str, Any], list[str], dict[str, float], list[str], bool]] = [
    # options, names, where they start if not at 0, shared names, whether zeros are a start
    ("SGD", {}, [], {}, [], True),
    ("SGD", {"weight_decay": 0.1}, [], {}, [], True),
    ("SGD", {"momentum": 0.9}, ["momentum_buffer"], {}, [], True),
    ("SGD", {"momentum": 0.9, "dampening": 0.5}, ["momentum_buffer"], {}, [], False),
    ("SGD", {"momentum": 0.9, "nesterov": True}, ["momentum_buffer"], {}, [], True),
    ("Adagrad", {}, ["step", "sum"], {}, ["step"], True),
    ("Adagrad", {"initial_accumulator_value": 0.5}, ["step", "sum"], {"sum": 0.5}, ["step"], True),
    ("Adagrad", {"lr_decay": 0.1}, ["step", "sum"], {}, ["step"], True),
    ("RMSprop", {}, ["square_avg"], {}, [], True),
    (
        "RMSprop", {"centered": True, "momentum": 0.5},
        ["square_avg", "grad_avg", "momentum_buffer"], {}, [], True,
    ),
    ("Adam", {}, ["step", "exp_avg", "exp_avg_sq"], {}, ["step"], True),
    (
        "Adam", {"amsgrad": True}, ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"], {},
        ["step"], True,
    ),
    ("AdamW", {"weight_decay": 0.1}, ["step", "exp_avg", "exp_avg_sq"], {}, ["step"], True),
]  # fmt: skip


def made(count: int = 3, rule: str = "Adam", **options: Any) -> tuple[Memory, list[Value]]:
    """The memory of an optimiser of all values of a store."""
    leaves = [Value(0.5 * k + 0.1) for k in range(count)]
    store = Store()
    store.take(leaves)
    return Memory(getattr(optim, rule)(leaves, **options), store), leaves


@pytest.mark.parametrize(("name", "options", "names", "start", "shared", "exact"), RULES)
def test_rules(name: str, options: Any, names: Any, start: Any, shared: Any, exact: Any) -> None:
    optimizer = getattr(optim, name)([Value(1.0)], **options)
    rule = Rule(optimizer, optimizer.param_groups[0])
    assert set(rule.names) == set(names)
    assert rule.initial == {name: start.get(name, 0.0) for name in names}
    assert rule.shared == shared
    assert set(rule.vectors) == set(names) - set(shared)
    assert rule.exact_start == exact


@pytest.mark.parametrize(("name", "options"), [(case[0], case[1]) for case in RULES if case[-1]])
def test_the_initial_state_is_as_good_as_none(name: str, options: Any) -> None:
    optimizer = getattr(optim, name)([Value(1.0)], **options)
    own = optimizer.param_groups[0]
    rule = Rule(optimizer, own)
    for p, g in [*PROBES, (2.0, 1e-30), (1.0, -5.0)]:
        none, start = {}, dict(rule.initial)
        answers = [optimizer.direction(FLOATS, p, g, state, own) for state in (none, start)]
        assert answers[0] == answers[1]
        assert none == start


PROBES = ((0.3, -0.7), (-1.1, 0.2), (0.0, 1.9))  # a parameter and its gradient


class FirstStepAnotherWay(optim.SGD):
    """Remembers the same either way, but steps twice as far if it remembers something."""

    def initial_state(self, options):
        return {"slope": None}

    def direction(self, m, p, g, state, options):
        known = "slope" in state
        state.get("slope", 0.0)
        state["slope"] = g
        return g * 2.0 if known else g


def test_a_start_must_also_step_as_none_does() -> None:
    optimizer = FirstStepAnotherWay([Value(1.0)])
    rule = Rule(optimizer, optimizer.param_groups[0])
    assert (rule.names, rule.vectors, rule.exact_start) == (["slope"], ["slope"], False)


class Undeclared(optim.SGD):
    """Keeps what it does not declare."""

    def direction(self, m, p, g, state, options):
        state["slope"] = g
        return g


def test_what_is_kept_must_be_declared() -> None:
    optimizer = Undeclared([Value(1.0)])
    with pytest.raises(CompileError, match=r"Undeclared.*'slope'.*return \{'slope': 0.0\}"):
        Rule(optimizer, optimizer.param_groups[0])


# ---- as a mapping --------------------------------------------------------------------------------


def test_nothing_is_remembered_at_first() -> None:
    memory, leaves = made()
    assert not memory
    assert len(memory) == 0
    assert leaves[0] not in memory
    assert memory.optimizer.state is memory
    with pytest.raises(KeyError):
        memory[leaves[0]]


def state(k: float) -> dict[str, float]:
    return {"step": k, "exp_avg": 0.1 * k, "exp_avg_sq": 0.01 * k}


def test_what_is_written_is_read_before_and_after_settling() -> None:
    memory, leaves = made()
    memory[leaves[0]] = state(3)
    memory.update({leaves[1]: state(3)})
    for _ in range(2):
        assert memory[leaves[0]] == state(3)
        assert list(memory) == leaves[:2]
        assert leaves[2] not in memory
        memory.settle()
    memory[leaves[2]] = state(3)
    del memory[leaves[0]]
    for _ in range(2):
        assert sorted(map(place_of, memory)) == [1, 2]
        memory.settle()
    memory[leaves[0]] = state(3)
    memory.settle()
    assert dict(memory) == {v: state(3) for v in leaves}


def test_forgotten_state_starts_anew() -> None:
    memory, leaves = made()
    memory.update({v: state(4) for v in leaves})
    memory.settle()
    del memory[leaves[1]]
    memory.settle()
    place = np.array([1])
    for name in memory.names:
        assert memory.numbers[memory._addresses(name, place)] == 0.0


def test_state_that_was_there_is_taken_over() -> None:
    leaves = [Value(1.0), Value(2.0)]
    optimizer = optim.Adam(leaves)
    optimizer.state = {leaves[1]: state(7)}
    store = Store()
    store.take(leaves)
    memory = Memory(optimizer, store)
    assert dict(memory) == {leaves[1]: state(7)}


def test_what_is_added_to_an_optimiser_may_be_stepped_eagerly(backend: str) -> None:
    def trained(compiled: bool) -> list[Any]:
        w, b = Value(0.5), Value(0.2)
        sgd = optim.SGD([w], lr=0.1, momentum=0.9)

        def loss(x: float) -> Value:
            return (w * x + b - 1) ** 2

        step = micrograd.compile(loss, optimizer=sgd, backend=backend).step
        step = step if compiled else lambda x: eager_step(loss, sgd, x)
        for x in (1.0, 2.0):
            step(x)
        sgd.add_param_group({"params": [b], "momentum": 0.5})
        eager_step(loss, sgd, 2.0)
        step(1.0)
        return [
            w.data,
            b.data,
            *(float(s["momentum_buffer"][0]) for s in sgd.state_dict()["state"].values()),
        ]

    np.testing.assert_allclose(trained(True), trained(False), 1e-12)


def test_values_of_elsewhere_are_not_remembered() -> None:
    memory, _ = made()
    with pytest.raises(KeyError):
        memory[Value(1.0)] = state(1)
    assert Value(1.0) not in memory
    assert 3 not in memory


def test_a_partial_state_has_the_initial_rest() -> None:
    memory, leaves = made(rule="Adagrad", initial_accumulator_value=0.25)
    memory[leaves[0]] = {"step": 2.0}
    memory.settle()
    assert memory[leaves[0]] == {"step": 2.0}  # as an eager step finds it
    assert memory.numbers[memory.vector_address("sum", np.array([0]))] == 0.25


# ---- cohorts -------------------------------------------------------------------------------------


def test_other_steps_are_other_cohorts() -> None:
    memory, leaves = made(4)
    assert memory.cohorts == 1
    before = memory.version
    memory.update({leaves[0]: state(2), leaves[1]: state(5), leaves[2]: state(2)})
    memory.settle()
    assert memory.cohorts == 3
    assert memory.cohort[0] == memory.cohort[2]
    assert len({int(c) for c in memory.cohort}) == 3
    assert memory.version > before
    assert [memory[v]["step"] for v in leaves[:3]] == [2.0, 5.0, 2.0]


def test_splits_keep_what_is_remembered() -> None:
    memory, leaves = made(5)
    memory.update({v: state(3) for v in leaves})
    memory.settle()
    before = dict(memory)
    memory.split(np.array([0, 1, 1]), np.array([0, 2, 3]))
    assert memory.cohorts == 3
    assert dict(memory) == before
    version = memory.version
    memory.split(np.array([7, 9, 9]), np.array([0, 2, 3]))
    assert (memory.cohorts, memory.version) == (3, version)
    memory.split(np.array([0, 0]), np.array([0, 2]))
    assert memory.cohorts == 5 - 1
    assert dict(memory) == before


def test_every_number_has_its_own_address() -> None:
    memory, _leaves = made(11, amsgrad=True)
    memory.split(np.arange(4), np.arange(4))
    shared = memory.shared_address("step", np.arange(memory.cohorts))
    vectors = [memory.vector_address(name, np.arange(11)) for name in memory.vectors]
    taken = np.concatenate([[memory.rate_address(0)], shared, *vectors])
    assert len(np.unique(taken)) == len(taken)
    assert taken.max() < len(memory.numbers)
    assert all(vector[0] % 8 == 0 for vector in vectors)
    assert shared[0] % 8 == 0


# ---- following the optimiser ---------------------------------------------------------------------


def test_rates_are_followed() -> None:
    memory, _leaves = made(rule="SGD", lr=0.5)
    assert memory.numbers[memory.rate_address(0)] == 0.5
    version = memory.version
    memory.optimizer.lr = 0.125
    memory.refresh()
    assert memory.numbers[memory.rate_address(0)] == 0.125
    assert memory.version == version


def test_options_are_followed() -> None:
    memory, leaves = made(rule="SGD")
    memory.optimizer.param_groups[0]["momentum"] = 0.9
    memory.refresh()
    assert memory.names == ["momentum_buffer"]
    memory[leaves[0]] = {"momentum_buffer": 0.5}
    memory.settle()
    memory.optimizer.param_groups[0]["weight_decay"] = 0.1
    memory.refresh()
    assert memory[leaves[0]] == {"momentum_buffer": 0.5}


def test_a_store_that_grows() -> None:
    memory, leaves = made(3)
    memory.update({v: state(4) for v in leaves})
    memory.settle()
    new = [Value(9.0) for _ in range(7)]
    memory.optimizer.add_param_group({"params": new, "lr": 0.25})
    memory.store.take(new)
    memory.refresh()
    assert memory.places == 10
    assert dict(memory) == {v: state(4) for v in leaves}
    assert memory.numbers[memory.rate_address(1)] == 0.25
    steps = memory.numbers[memory._addresses("step", np.arange(10))]
    assert steps.tolist() == [4.0] * 3 + [0.0] * 7


@pytest.mark.parametrize("groups", [7, 8, 9])
def test_more_groups_move_nothing_out_of_place(groups: int) -> None:
    memory, leaves = made(2)
    memory.update({v: state(k + 2) for k, v in enumerate(leaves)})
    memory.settle()
    for k in range(1, groups):
        memory.optimizer.add_param_group({"params": [Value(1.0)], "lr": 0.5 + k})
    new = [v for group in memory.optimizer.param_groups[1:] for v in group["params"]]
    memory.store.take(new)
    assert dict(memory) == {leaves[0]: state(2), leaves[1]: state(3)}
    memory.refresh()
    assert dict(memory) == {leaves[0]: state(2), leaves[1]: state(3)}
    rates = [memory.numbers[memory.rate_address(k)] for k in range(groups)]
    assert rates == [1e-3, *(0.5 + k for k in range(1, groups))]


def test_rules_of_groups_may_remember_different_things() -> None:
    first, second = Value(1.0), Value(2.0)
    store = Store()
    store.take([first, second])
    groups = [{"params": [first]}, {"params": [second], "momentum": 0.9}]
    memory = Memory(optim.SGD(groups, lr=0.1), store)
    assert memory.names == ["momentum_buffer"]
    assert [rule.names for rule in memory.rules] == [[], ["momentum_buffer"]]
    memory[second] = {"momentum_buffer": 3.0}
    memory.settle()
    assert memory[second] == {"momentum_buffer": 3.0}


def test_numbers_that_are_not_finite_are_kept() -> None:
    memory, leaves = made(2, "SGD", momentum=0.5)
    memory[leaves[0]] = {"momentum_buffer": math.inf}
    memory[leaves[1]] = {"momentum_buffer": math.nan}
    memory.settle()
    assert memory[leaves[0]]["momentum_buffer"] == math.inf
    assert math.isnan(memory[leaves[1]]["momentum_buffer"])


def test_groups_may_start_at_different_values() -> None:
    first, second = Value(1.0), Value(2.0)
    store = Store()
    store.take([first, second])
    groups = [
        {"params": [first], "initial_accumulator_value": 0.5},
        {"params": [second], "initial_accumulator_value": 2.0},
    ]
    memory = Memory(optim.Adagrad(groups), store)
    sums = memory.numbers[memory.vector_address("sum", np.arange(2))]
    assert sums.tolist() == [0.5, 2.0]


def test_a_group_remembers_only_what_its_rule_does() -> None:
    first, second = Value(1.0), Value(2.0)
    store = Store()
    store.take([first, second])
    groups = [{"params": [first]}, {"params": [second], "amsgrad": True}]
    memory = Memory(optim.Adam(groups), store)
    memory[first] = state(1)
    memory.settle()
    assert memory[first] == state(1)


def test_a_first_step_that_is_another_is_known() -> None:
    first, second = Value(1.0), Value(2.0)
    store = Store()
    store.take([first, second])
    memory = Memory(optim.SGD([first, second], momentum=0.9, dampening=0.5), store)
    assert not memory.starts_exactly([first])
    memory[first] = {"momentum_buffer": 1.0}
    memory.settle()
    assert memory.starts_exactly([first])
    assert not memory.starts_exactly([first, second])
    assert Memory(optim.Adam([first, second]), store).starts_exactly([first, second])


def test_functions_that_share_an_optimiser_remember_what_each_steps(backend: str) -> None:
    """State that was forgotten comes again with the steps of each, whichever takes that over."""
    a, b = Value(1.0), Value(2.0)
    sgd = optim.SGD([a, b], lr=0.1, momentum=0.9)
    f, g = (
        micrograd.compile(lambda x, w=w: (w * x) ** 2, optimizer=sgd, backend=backend)
        for w in (a, b)
    )
    for _ in range(3):
        f.step(1.0)
        g.step(1.0)
    assert set(sgd.state) == {a, b}
    sgd.state.clear()
    for step, stepped in ((f, {a}), (g, {a, b}), (f, {a, b})):
        step.step(1.0)
        assert set(sgd.state) == stepped
    sgd.state.clear()
    f.step(1.0)
    g.step(1.0)
    assert set(sgd.state) == {a, b}  # nothing was read between the two
