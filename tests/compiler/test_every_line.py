"""A KeyboardInterrupt at every line of a first call and of a step, each by itself."""

from __future__ import annotations

import builtins
import os
from functools import partial
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from every_line import Position, interrupted_at, positions

import micrograd
from micrograd import Value, nn, no_grad, observers, optim, tensor
from micrograd.compiler.programs import programs
from micrograd.compiler.running import runner
from micrograd.compiler.running.owed import owed
from micrograd.compiler.store import Store, place_of, store_of
from micrograd.compiler.trace.eagerly import inside
from micrograd.compiler.trace.numbers import refusing as tracing
from micrograd.compiler.trace.numbers.tracer import Tracer
from micrograd.compiler.trace.watching import traced
from micrograd.compiler.update.memory import Memory
from micrograd.data import DataLoader

# Where anything is changed that outlasts a call; the passes make new arrays from others.
STATEFUL = [
    "interrupts", "observers", "compiler/trace/watching", "compiler/trace/numbers/tracer",
    "compiler/trace/runs", "compiler/trace/traceable", "compiler/trace/trials",
    "compiler/trace/traced", "compiler/trace/world/surroundings", "compiler/trace/world/reachable",
    "compiler/trace/world/left", "compiler/trace/world/around", "compiler/programs/decisions",
    "compiler/store", "compiler/trace/arguments/given", "compiler/trace/numbers/shared",
    "compiler/update/members",
    "compiler/update/memory", "compiler/programs/programs", "compiler/programs/traces",
    "compiler/programs/trained", "compiler/running/taking",
    "compiler/running/runner", "compiler/running/stepping",
    "compiler/running/owed", "compiler/running/fallback", "compiler/compiled", "optim/optimizer",
]  # fmt: skip
SOME = 1_000_000 if os.environ.get("EVERY_LINE") else 30  # positions of each step that are tried
WATCHED = [(Value, "data"), (Value, "__init__"), (Value, "backward"), (builtins, "max")]
UNWATCHED = [owner.__dict__[name] for owner, name in WATCHED]


class Trainer:
    """A rule whose first step is another, and so eager; the second one is compiled."""

    def __init__(self, backend: str, warm: int = 0) -> None:
        self.leaves = [Value(1.0), Value(0.5)]
        self.outside = Value(2.0)
        a, b = self.leaves
        self.sgd = optim.SGD(self.leaves, lr=0.1, momentum=0.9, dampening=0.5)
        loss = lambda x: (a * self.outside * x - b) ** 2  # noqa: E731
        self.f = micrograd.compile(loss, optimizer=self.sgd, backend=backend)
        for k in range(warm):
            self.step(k)

    def step(self, k: int) -> None:
        self.f.step(0.5 - 0.25 * k)

    def numbers(self) -> list[Any]:
        return [v.data for v in self.leaves]

    def gradients(self) -> list[float]:
        assert all(v._mark is not None for v in self.leaves)
        return [v.grad for v in self.leaves]


def assert_nothing_left_behind(trainer: Trainer) -> None:
    assert [owner.__dict__[name] for owner, name in WATCHED] == UNWATCHED
    assert (observers.active, tracing.active, inside()) == ((), [], False)
    for v in (*trainer.leaves, trainer.outside):
        assert type(v.data) is float
        assert type(v.grad) is float
        assert type((v * 2).data) is float
    assert (trainer.outside.grad, trainer.outside._mark) == (0.0, None)


def sweep(backend: str, first: int, found: list[Position]) -> None:
    """Interrupt the step after `first` steps at each position; go on as if nothing had been."""
    straight = Trainer(backend)
    expected = [straight.numbers()]
    for k in range(first + 3):
        straight.step(k)
        expected.append(straight.numbers())
    gradients = straight.gradients()
    for position in found:
        trainer = Trainer(backend, warm=first)
        assert interrupted_at(lambda t=trainer: t.step(first), position), position
        assert_nothing_left_behind(trainer)
        done = first + (trainer.numbers() != expected[first])
        for k in range(done, first + 3):
            np.testing.assert_array_equal(trainer.numbers(), expected[k], str(position))
            trainer.step(k)
        np.testing.assert_array_equal(trainer.numbers(), expected[-1], str(position))
        np.testing.assert_array_equal(trainer.gradients(), gradients, str(position))


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_steps(first: int, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[Any, Any] = {}  # what the passes and the back end make, once for all trainers

    def once(module: Any, name: str) -> None:
        function = getattr(module, name)

        def remembered(unit: Any, *args: Any) -> Any:
            key = name, getattr(unit, "loss", 0) is None, type(unit)
            if key not in made:
                made[key] = function(unit, *args)
            return made[key]

        monkeypatch.setattr(module, name, remembered)

    once(programs, "compiled")
    once(runner, "load")
    Trainer(backend, warm=max(2, first + 1))
    owed.write()  # else the next one would, and none of those after it
    trainer = Trainer(backend, warm=first)
    found = positions(lambda: trainer.step(first), *STATEFUL)
    sweep(backend, first, found[:: len(found) // SOME + 1])


def test_gradients_that_are_read(backend: str) -> None:
    """They are written when one is read: read again after an interruption, they are there."""

    straight = Trainer(backend, warm=3)
    modules = "compiler/running/owed", "compiler/running/runner", "compiler/store"
    found = positions(straight.gradients, *modules)
    expected = straight.gradients()
    assert len(found) > 20
    assert any(expected)
    for position in found:
        trainer = Trainer(backend, warm=3)
        assert interrupted_at(trainer.gradients, position), position
        assert trainer.gradients() == expected, position


def test_gradients_that_are_noted(backend: str) -> None:
    """What is interrupted as it notes them leaves the steps after it with theirs."""
    trainer = Trainer(backend, warm=1)
    found = positions(lambda: trainer.step(1), "compiler/running/owed")
    assert len(found) > 2
    sweep(backend, 1, found)


def test_a_number_around_that_has_changed() -> None:
    def made() -> tuple[SimpleNamespace, Value, Any]:
        space, w = SimpleNamespace(k=0.5), Value(1.0)
        sgd = optim.SGD([w], lr=0.1)
        return space, w, micrograd.compile(lambda x: (w * x - space.k) ** 2, optimizer=sgd,
                                           backend="numpy")  # fmt: skip

    def later(space: SimpleNamespace, w: Value, f: Any) -> list[float]:
        numbers = []
        for k in (2.0, 0.25):
            space.k = k
            numbers.append(f.step(k))
        return [*numbers, w.data]

    space, w, f = made()
    f.step(3.0)
    before = w.data
    space.k = 0.75
    modules = "compiler/trace/world/around", "compiler/programs/decisions", "observers"
    found = positions(lambda: f.step(2.0), *modules)
    after, expected = w.data, later(space, w, f)
    assert len(found) > 50
    for position in found[:: len(found) // (4 * SOME) + 1]:
        space, w, f = made()
        f.step(3.0)
        space.k = 0.75
        assert interrupted_at(lambda f=f: f.step(2.0), position), position
        assert type(space.k) is float, position
        assert space.k == 0.75, position
        if w.data == before:
            f.step(2.0)
        assert w.data == after, position
        assert later(space, w, f) == expected, position


# ---- by themselves, at every line ----------------------------------------------------------------


def test_a_trace() -> None:
    w = Value(2.0)

    def run() -> None:
        traced(Tracer(), lambda: w * 2)

    with no_grad():
        for position in positions(run, "interrupts", "observers", "compiler/trace/watching"):
            assert interrupted_at(run, position)
            assert [owner.__dict__[name] for owner, name in WATCHED] == UNWATCHED
            assert tracing.active == []
            assert [type(o) for o in observers.active] == [no_grad]
            assert free_for_others(), f"{position} leaves the lock taken"
    assert observers.active == ()


def free_for_others() -> bool:
    """Whether another thread can trace, too."""
    other = Thread(target=lambda: traced(Tracer(), lambda: None), daemon=True)
    other.start()
    other.join(5)
    return not other.is_alive()


def test_moving_into_a_store() -> None:
    def made() -> tuple[list[Value], Store, Store]:
        leaves = [Value(1.0), Value(2.0), Value(3.0)]
        first, second = Store(), Store()
        first.take(leaves[:1])
        second.take(leaves[1:2])
        return leaves, first, second

    leaves, first, _ = made()
    found = positions(partial(first.take, leaves), "interrupts", "compiler/store")
    for position in found:
        leaves, first, second = made()
        assert interrupted_at(partial(first.take, leaves), position)
        assert [v.data for v in leaves] == [1.0, 2.0, 3.0]
        assert store_of(leaves[1]) in (first, second)
        first.take(leaves)
        assert [v.data for v in leaves] == [1.0, 2.0, 3.0]
        assert {store_of(v) for v in leaves} == {first}
        leaves[2].data = 5.0
        assert first.numbers[place_of(leaves[2])] == 5.0


def test_a_memory_that_settles_and_moves() -> None:
    def made() -> tuple[Memory, list[Value]]:
        leaves = [Value(1.0), Value(2.0)]
        store = Store()
        store.take(leaves)
        memory = Memory(optim.Adam(leaves), store)
        memory.update({leaves[0]: {"step": 2.0, "exp_avg": 0.5, "exp_avg_sq": 0.25}})
        return memory, leaves

    def change(memory: Memory) -> None:
        memory.settle()
        memory.optimizer.param_groups[0]["amsgrad"] = True
        memory.refresh()
        memory.split(np.array([0, 1]), np.array([0, 1]))

    memory, leaves = made()
    found = positions(partial(change, memory), "compiler/update/memory")
    for position in found[:: len(found) // SOME + 1]:
        memory, leaves = made()
        assert interrupted_at(partial(change, memory), position)
        for _ in range(2):
            assert dict(memory) == {leaves[0]: {"step": 2.0, "exp_avg": 0.5, "exp_avg_sq": 0.25}}
            memory.settle()
            change(memory)


@pytest.mark.parametrize("stored", [True, False])
def test_an_eager_step_of_a_compiled_function(stored: bool) -> None:
    def made() -> tuple[Any, list[Value], Any]:
        a, b, outside = Value(2.0), Value(3.0), Value(4.0)
        a.grad = 7.0
        outside.grad = 9.0
        sgd = optim.SGD([a, b], lr=0.5, momentum=0.5)
        f = micrograd.compile(lambda: a * b * outside, optimizer=sgd, exact=True)
        if stored:
            Store().take([a, b])
        return f.step, [a, b, outside], sgd

    step, leaves, sgd = made()
    step()
    after = [v.data for v in leaves], dict(zip("ab", sgd.state.values(), strict=True))
    assert after == (
        [-4.0, -1.0, 4.0],
        {"a": {"momentum_buffer": 12.0}, "b": {"momentum_buffer": 8.0}},
    )
    step = made()[0]
    for position in positions(step, "interrupts", "compiler/running/fallback", "optim/optimizer"):
        step, leaves, sgd = made()
        assert interrupted_at(step, position)
        assert [v.grad for v in leaves] in ([7.0, 0.0, 9.0], [12.0, 8.0, 9.0])
        assert leaves[2]._mark is None
        assert not inside()
        now = [v.data for v in leaves], dict(zip("ab", sgd.state.values(), strict=False))
        assert now in (([2.0, 3.0, 4.0], {}), after), position


def test_eager_steps_schedules_and_loading() -> None:
    def made() -> tuple[Any, Any, Any, Any]:
        model = nn.Linear(2, 1)
        model.load_state_dict({"weight": [[1.0, 2.0]], "bias": [3.0]})
        adam = optim.Adam(model.parameters(), lr=0.5)
        return model, adam, optim.lr_scheduler.StepLR(adam, 1, gamma=0.5), model(tensor([1.0, 2.0]))

    def state(model: Any, adam: Any, schedule: Any, _: Any) -> str:
        return repr((model.state_dict(), adam.state_dict(), schedule.last_epoch))

    whole = made()
    whole[3].sum().backward()
    new = {"weight": [[7.0, 8.0]], "bias": [9.0]}
    saved = made()[1].state_dict()
    actions = [
        lambda m, o, s, y: o.step(),
        lambda m, o, s, y: s.step(),
        lambda m, o, s, y: m.load_state_dict(new),
        lambda m, o, s, y: o.load_state_dict(saved),
    ]
    modules = ["interrupts", "optim/optimizer", "optim/lr_scheduler", "nn/module", "tensors/tensor"]
    for k, action in enumerate(actions):

        def ready(k: int = k) -> Any:
            made_now = made()
            made_now[3].sum().backward()
            for earlier in actions[:k]:
                earlier(*made_now)
            return made_now

        done = ready()
        before = state(*done)
        found = positions(lambda done=done, action=action: action(*done), *modules)
        after = state(*done)
        assert before != after
        for position in found[:: len(found) // SOME + 1]:
            parts = ready()
            assert interrupted_at(lambda parts=parts, action=action: action(*parts), position)
            assert state(*parts) in (before, after), position


@pytest.mark.parametrize("compiled", [True, False])
def test_fit(compiled: bool) -> None:
    """Interrupted anywhere, it leaves a model after so many whole steps, and says how it ended."""

    def run(model: Any, epochs: int, answers: list[Any]) -> None:
        batches = DataLoader([[1.0], [2.0]], [[3.0], [5.0]], shuffle=False)
        sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
        answers.append(micrograd.fit(
            model, nn.MSELoss(), sgd, batches, epochs, False, validation=batches, compiled=compiled
        ))  # fmt: skip

    def made() -> Any:
        model = nn.Linear(1, 1)
        model.load_state_dict({"weight": [[0.5]], "bias": [0.25]})
        return model

    expected = []
    for epochs in range(4):
        model = made()
        run(model, epochs, [])
        expected.append(repr(model.state_dict()))
    assert len(set(expected)) == 4
    modules = [*STATEFUL, "training/fit", "nn/losses", "nn/layers"]
    model = made()
    found = positions(partial(run, model, 3, []), *modules)
    for position in found[:: len(found) // SOME + 1]:
        model, answers = made(), []
        raised = interrupted_at(partial(run, model, 3, answers), position)
        assert repr(model.state_dict()) in expected, position
        assert observers.active == ()
        if not raised and not answers[0].stopped:
            raise AssertionError(f"nothing has happened at {position}")
        if not raised:
            assert answers[0].stopped.startswith("interrupted")
