"""Programs without arrays: the same numbers as eager and torch, on both back ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checks_of_compiled import (
    assert_near,
    assert_same_parameters,
    assert_same_state,
    eager_step,
    eager_value_and_grad,
)
from hypothesis import given
from hypothesis import strategies as st
from passes import many, no_arrays, ran
from random_loops import applied, loops, loss_of
from sequential_programs import PROGRAMS, Program, chain, cholesky, dag, garch, heat, kalman

import micrograd
from micrograd import Value, optim
from micrograd.compiler import passes
from micrograd.compiler.explain.naming import variables
from micrograd.compiler.nest import verify
from micrograd.compiler.nest.ir import Nest
from micrograd.compiler.nest.sequence import Scalars, TurnLoop
from micrograd.compiler.sequential.repeats import LEAST

ARRAYS = ("ring",)  # programs that have some, to compare with


def bound(program: Program) -> tuple[list[Value], Callable[..., Any]]:
    """Values for the parameters, and the loss on them."""
    ps = [Value(x) for x in program.parameters]
    return ps, lambda *arguments: program.loss(ps, *arguments)


def unit_of(f: Any) -> Any:
    return f._programs.newest.unit


@pytest.mark.parametrize("name", PROGRAMS)
def test_value_and_gradient_are_those_of_eager_and_torch(name: str, backend: str) -> None:
    program = PROGRAMS[name]()
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps, backend=backend)
    value, gradient = f.value_and_grad(*program.arguments)
    assert (unit_of(f).sequence is not None) == (name not in ARRAYS)
    expected, theirs = eager_value_and_grad(loss, ps, *program.arguments)
    assert_near(value, expected)
    assert_near(gradient, theirs)
    assert_near(f(*program.arguments), expected)
    leaves = torch.tensor(program.parameters, dtype=torch.float64, requires_grad=True)
    arguments = [torch.tensor(x, dtype=torch.float64) for x in program.arguments]
    result = program.loss(list(leaves.unbind()), *arguments)
    result.backward()
    assert_near(value, result.item(), 1e-11)
    assert_near(gradient, leaves.grad.numpy(), 1e-11)


RULES = [("SGD", {"lr": 1e-3, "momentum": 0.9}), ("Adam", {"lr": 1e-2}),
         ("RMSprop", {"lr": 1e-3}), ("Adagrad", {"lr": 1e-2}), ("SGD", {"lr": 1e-3})]  # fmt: skip


@pytest.mark.parametrize(("k", "name"), [*enumerate(PROGRAMS)])
def test_fifty_steps_are_those_of_eager(k: int, name: str, backend: str) -> None:
    program = PROGRAMS[name]()
    rule, options = RULES[k % len(RULES)]
    mine, loss = bound(program)
    theirs, their_loss = bound(program)
    optimizer, their_optimizer = (getattr(optim, rule)(ps, **options) for ps in (mine, theirs))
    f = micrograd.compile(loss, optimizer=optimizer, backend=backend)
    losses = [
        (f.step(*program.arguments), eager_step(their_loss, their_optimizer, *program.arguments))
        for _ in range(50 if backend == "llvm" else 4)
    ]
    assert_near(*zip(*losses, strict=True), 1e-10)
    assert (unit_of(f).sequence is not None) == (name not in ARRAYS)
    assert_same_parameters(mine, theirs)
    assert_same_state(optimizer, their_optimizer)


@pytest.mark.parametrize("make", [kalman, garch, chain, dag])
def test_what_changes_its_tier_as_it_grows_stays_the_same(make: Any, backend: str) -> None:
    tiers = set()
    for size in (3, 20, 90, 260, 400):
        if make is dag:
            size += 12
        ps, loss = bound(make(size))
        arguments = make(size).arguments
        f = micrograd.compile(loss, parameters=ps, backend=backend)
        value, gradient = f.value_and_grad(*arguments)
        expected, theirs = eager_value_and_grad(loss, ps, *arguments)
        assert_near(value, expected)
        assert_near(gradient, theirs)
        tiers.add(unit_of(f).sequence is not None)
    assert tiers == {True, False}


@pytest.mark.parametrize("program", [garch(15), chain(40), cholesky(5)])
def test_arrays_and_sequences_give_the_same(program: Program, in_order: None) -> None:
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps)
    mine = f.value_and_grad(*program.arguments)
    with pytest.MonkeyPatch.context() as patch:
        schedule = passes.schedule
        patch.setattr(passes, "schedule", lambda *args: schedule(*args[:4]))
        g = micrograd.compile(loss, parameters=ps)
        theirs = g.value_and_grad(*program.arguments)
    assert unit_of(f).sequence is not None
    assert unit_of(g).sequence is None
    for a, b in zip(mine, theirs, strict=True):
        assert_near(a, b)


@pytest.mark.parametrize("program", [kalman(20), cholesky(10), PROGRAMS["alignment"]()])
def test_parts_mean_what_eager_does(program: Program, in_order: None) -> None:
    ps, loss = bound(program)
    found = ran(loss, ps, *program.arguments)
    expected, gradient = eager_value_and_grad(loss, ps, *program.arguments)
    assert any(isinstance(part, Nest) for part in found.built.program.sequence)
    assert_near(found.loss, expected)
    assert_near(found.gradient, gradient)


def changed(program: Any, part: int, **fields: Any) -> Any:
    parts = list(program.sequence)
    parts[part] = replace(parts[part], **fields)
    return replace(program, sequence=tuple(parts))


def test_the_checker_finds_what_is_not_there_yet(in_order: None) -> None:
    program = kalman(30)
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps, backend="numpy")
    f.value_and_grad(*program.arguments)
    found = unit_of(f).program
    verify.check(found)
    (first, nest), *_ = ((k, p) for k, p in enumerate(found.sequence) if isinstance(p, Nest))
    alone = next(k for k, p in enumerate(found.sequence) if not isinstance(p, Nest) and len(p) > 3)
    scalars = found.sequence[alone]
    wrong = [
        (changed(found, alone, u=np.where(scalars.u >= 0, scalars.out[-1], -1)), "not there yet"),
        (changed(found, alone, out=scalars.out + len(found.work)), "an address that is none"),
        (changed(found, first, ordered=False), "not there yet"),
        (changed(found, first, extents=(len(found.work),)), "beyond work"),
        (changed(found, first, body=nest.body[::-1]), "not there yet"),
    ]
    for program, fault in wrong:
        with pytest.raises(verify.ProgramError, match=fault):
            verify.check(program)


# ---- shapes of loops -----------------------------------------------------------------------------


@many(25)
@given(loops())
def test_random_loops(in_order_always: None, loop: Any) -> None:
    ps = [Value(0.3), Value(-0.4), Value(0.7)]
    loss = loss_of(loop, ps)
    arguments = ([0.1 * k - 0.4 for k in range(loop[0] + 9)],)
    expected, gradient = eager_value_and_grad(loss, ps, *arguments)
    for backend in ("numpy", "llvm"):
        if backend == "llvm":
            pytest.importorskip("llvmlite")
        f = micrograd.compile(loss, parameters=ps, backend=backend)
        value, mine = f.value_and_grad(*arguments)
        assert unit_of(f).sequence is not None
        assert_near(value, expected)
        assert_near(mine, gradient)


@pytest.fixture(scope="module")
def in_order_always() -> Iterator[None]:
    """As `in_order`, for all examples of a test."""
    with no_arrays():
        yield


@pytest.mark.parametrize("steps", [*range(3), LEAST - 1, LEAST, LEAST + 1, LEAST + 2, LEAST + 3])
def test_lengths_around_the_threshold(steps: int, backend: str, in_order: None) -> None:
    for make in (garch, chain, kalman):
        program = make(max(steps, 1 if make is garch else 2))
        ps, loss = bound(program)
        f = micrograd.compile(loss, parameters=ps, backend=backend)
        value, gradient = f.value_and_grad(*program.arguments)
        expected, theirs = eager_value_and_grad(loss, ps, *program.arguments)
        assert_near(value, expected)
        assert_near(gradient, theirs)


# ---- turns with loops in them --------------------------------------------------------------------


@st.composite
def grids(draw: Any) -> dict[str, Any]:
    """A grid that is stepped in time: what a cell reads, and what happens at the walls."""
    offsets = st.lists(st.integers(-2, 2), min_size=1, max_size=3, unique=True)
    rows = st.sampled_from(("none", "tanh", "square"))
    layers = draw(st.lists(st.tuples(offsets, rows), min_size=1, max_size=3))
    return {
        "layers": layers, "walls": draw(st.sampled_from(("ring", "still", "formula", "open"))),
        "turns": draw(st.integers(LEAST - 1, LEAST + 4)), "cells": draw(st.integers(66, 75)),
        "each": draw(st.booleans()),
    }  # fmt: skip


@many(12)
@given(grids())
def test_random_grids(in_order_always: None, grid: dict[str, Any]) -> None:
    cells, walls = grid["cells"], grid["walls"]
    ps = [Value(0.3 + 0.01 * k) for k in range(cells + 3)]

    def stepped(u: list[Any], offsets: list[int], row: str, seen: float) -> list[Any]:
        new = []
        for i in range(cells):
            at = [i + o for o in offsets]
            inside = all(0 <= j < cells for j in at)
            if walls == "ring":
                near = [u[j % cells] for j in at]
            elif not inside and walls == "still":
                new.append(u[i])
                continue
            elif not inside and walls == "formula":
                new.append(0.5 * u[i] * ps[-1] + seen)
                continue
            else:
                near = [u[j] for j in at if 0 <= j < cells] or [u[i]]
            p = ps[i] if grid["each"] else ps[-2]
            x = p * near[0] + sum(0.1 * v for v in near[1:]) - 0.2 * u[i]
            new.append(x if row == "none" else applied(row, x))
        return new

    def loss(xs: Any) -> Any:
        u, total = [p * 1.0 for p in ps[:cells]], 0.0
        for t in range(grid["turns"]):
            for offsets, row in grid["layers"]:
                u = stepped(u, offsets, row, xs[t])
            total = total + u[t % 3] * xs[t]
        return total + sum(x * x for x in u)

    arguments = ([0.1 * k - 0.4 for k in range(grid["turns"])],)
    expected, gradient = eager_value_and_grad(loss, ps, *arguments)
    for backend in ("numpy", "llvm"):
        if backend == "llvm":
            pytest.importorskip("llvmlite")
        f = micrograd.compile(loss, parameters=ps, backend=backend)
        value, mine = f.value_and_grad(*arguments)
        assert_near(value, expected)
        assert_near(mine, gradient)


@pytest.mark.parametrize("ring", [False, True])
def test_turns_are_found(ring: bool, backend: str) -> None:
    program = heat(40, 70, ring)
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps, backend=backend)
    value, gradient = f.value_and_grad(*program.arguments)
    expected, theirs = eager_value_and_grad(loss, ps, *program.arguments)
    assert_near(value, expected)
    assert_near(gradient, theirs)
    parts = unit_of(f).program.sequence
    loops = [part for part in parts if isinstance(part, TurnLoop)]
    assert [loop.count > 30 for loop in loops] == [True, True]
    arrays = [nest for loop in loops for nest in loop.nests
              if not nest.ordered and not nest.first.accumulate]  # fmt: skip
    assert len(arrays) >= 3
    assert all(nest.extents[1] > 60 for nest in arrays)
    alone = sum(len(part) for part in parts if isinstance(part, Scalars))
    assert alone < 0.05 * len(unit_of(f).sequence.order)


@pytest.mark.parametrize("steps", [1, 2, LEAST - 1, LEAST, LEAST + 1, LEAST + 2])
def test_few_turns(steps: int, backend: str, in_order: None) -> None:
    program = heat(steps, 70)
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps, backend=backend)
    value, gradient = f.value_and_grad(*program.arguments)
    expected, theirs = eager_value_and_grad(loss, ps, *program.arguments)
    assert_near(value, expected)
    assert_near(gradient, theirs)


def test_parts_of_turns_mean_what_eager_does(in_order: None) -> None:
    program = heat(14, 70)
    ps, loss = bound(program)
    found = ran(loss, ps, *program.arguments)
    expected, gradient = eager_value_and_grad(loss, ps, *program.arguments)
    assert any(isinstance(part, TurnLoop) for part in found.built.program.sequence)
    assert_near(found.loss, expected)
    assert_near(found.gradient, gradient)


def test_the_checker_finds_faults_of_turns(in_order: None) -> None:
    program = heat(14, 70)
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps, backend="numpy")
    f.value_and_grad(*program.arguments)
    found = unit_of(f).program
    k, loop = next((k, p) for k, p in enumerate(found.sequence) if isinstance(p, TurnLoop))
    array = next(j for j, nest in enumerate(loop.nests) if not nest.ordered)
    nest = loop.nests[array]
    first = nest.body[0]
    own = replace(first, inputs=(first.out._replace(base=first.out.base - 1),), row="term")
    wrong = [
        (loop.nests[::-1], "not there yet"),
        ((replace(nest, extents=(1, len(found.work))),), "beyond work"),
        ((replace(nest, extents=(2, 3)),), "no turns"),
        ((replace(nest, body=(own, *nest.body[1:])),), "not there yet|another index"),
    ]
    for nests, fault in wrong:
        with pytest.raises(verify.ProgramError, match=fault):
            verify.check(changed(found, k, nests=nests))


def test_loops_are_found() -> None:
    ps, loss = bound(kalman(60))
    f = micrograd.compile(loss, parameters=ps)
    f.value_and_grad(*kalman(60).arguments)
    loops = [part for part in unit_of(f).program.sequence if isinstance(part, Nest)]
    assert len(loops) == 2
    assert all(loop.extents[0] > 50 for loop in loops)


def test_a_loop_adds_up_and_stores_nothing_else_that_nobody_reads() -> None:
    ps, loss = bound(garch())
    f = micrograd.compile(loss, parameters=ps)
    f(*garch().arguments)
    (loop,) = (x for x in unit_of(f).program.sequence if isinstance(x, Nest) and x.ordered)
    assert [s.accumulate for s in loop.body if s.kept] == [True, True]


# ---- what a compiled function offers -------------------------------------------------------------


def test_results_besides_the_loss(backend: str) -> None:
    p = Value(0.9)

    def loss(xs: Any) -> Any:
        h, trace = xs[0], []
        for x in xs:
            h = (p * h + x).tanh()
            trace.append(h)
        return h * h, {"path": trace, "last": h}

    xs = [0.01 * k for k in range(300)]
    f = micrograd.compile(loss, optimizer=optim.SGD([p], lr=0.1), backend=backend)
    value, aux = f.step(xs)
    assert unit_of(f).sequence is not None
    p.data = 0.9
    expected, theirs = loss(xs)
    assert_near(value, expected.data)
    assert_near(aux["path"], [v.data for v in theirs["path"]])
    assert_near(aux["last"], theirs["last"].data)


def test_integers_that_choose_parameters(backend: str) -> None:
    mine, theirs = ([Value(0.1 * k - 0.2) for k in range(4)] for _ in range(2))

    def of(ps: list[Value]) -> Callable[..., Any]:
        def loss(ids: Any, xs: Any) -> Any:
            h = 0.1 * ps[0]
            for i, x in zip(ids, xs, strict=True):
                h = (h * ps[i] + x).tanh()
            return h * h

        return loss

    f = micrograd.compile(of(mine), optimizer=optim.Adam(mine, lr=0.01), backend=backend)
    adam = optim.Adam(theirs, lr=0.01)
    for k in range(6):
        ids = [(j * (k + 1) + k) % (3 if k < 4 else 4) for j in range(200)]
        xs = [0.1 * ((j + k) % 7) - 0.3 for j in range(200)]
        assert_near(f.step(ids, xs), eager_step(of(theirs), adam, ids, xs), 1e-11)
    assert unit_of(f).sequence is not None
    assert_same_parameters(mine, theirs)


def test_single_precision(backend: str) -> None:
    program = kalman(60)
    ps, loss = bound(program)
    expected, theirs = eager_value_and_grad(loss, ps, *program.arguments)
    f = micrograd.compile(loss, parameters=ps, backend=backend, dtype="float32")
    value, gradient = f.value_and_grad(*program.arguments)
    assert unit_of(f).sequence is not None
    assert_near(value, expected, 1e-4)
    assert_near(gradient, theirs, 1e-3)


def test_what_is_not_finite_is_left_to_eager(backend: str) -> None:
    p = Value(3.0)

    def loss(x: Any) -> Any:
        for _ in range(400):
            x = x * x * p
        return x

    f = micrograd.compile(loss, optimizer=optim.SGD([p], lr=0.1), backend=backend)
    assert f(0.1) == 0.0
    assert f(2.0) == np.inf
    assert f.value_and_grad(2.0)[0] == np.inf


def test_other_arguments_and_parameters_are_taken(backend: str) -> None:
    program = garch(100)
    ps, loss = bound(program)
    f = micrograd.compile(loss, parameters=ps, backend=backend)
    for k in range(4):
        xs = [0.3 * ((j * (k + 2)) % 5) - 0.5 for j in range(100)]
        ps[1].data = 0.2 * k
        value, gradient = f.value_and_grad(xs)
        expected, theirs = eager_value_and_grad(loss, ps, xs)
        assert_near(value, expected)
        assert_near(gradient, theirs)


def test_a_loop_is_explained_in_the_names_of_the_program() -> None:
    p, q = Value(0.9, label="decay"), Value(0.1, label="gain")

    def loss(seen: Any) -> Any:
        state, total = 0.0 * p, 0.0
        for y in seen:
            state = state * p + q
            error = y - state
            total = total + error * error
        return total

    f = micrograd.compile(loss, optimizer=optim.SGD([p, q], lr=1e-3))
    f.step([0.1 * k for k in range(400)])
    text = f.explain()
    assert "there are no arrays" in text
    assert "for 39" in text
    assert "state = state × decay + gain" in text
    assert "error = seen[t] − state" in text
    assert "back, for" in text
    assert "2 sums are added up" in text
    assert f.report().loops == 2


def test_variables_have_names_in_a_folder_called_micrograd() -> None:
    text = "def loss(x):\n    error = w * x\n    square = error * error\n    return square + 1.0\n"
    names: dict[str, Any] = {"w": Value(0.5), "__name__": "train"}
    exec(compile(text, "/home/me/micrograd/train.py", "exec"), names)
    f = micrograd.compile(names["loss"])
    f(3.0)
    assert {"error", "square"} == {*variables(f.fn, f.ran().traced).values()}


@pytest.mark.long
def test_a_chain_of_a_million() -> None:
    pytest.importorskip("llvmlite")
    program = (
        "import resource, micrograd\n"
        "from micrograd import Value, optim\n"
        "p, q = Value(0.999), Value(0.001)\n"
        "def loss(x):\n"
        "    for _ in range(500_000): x = x * p + q\n"
        "    return x * x\n"
        "f = micrograd.compile(loss, optimizer=optim.SGD([p, q], lr=1e-9))\n"
        "print(f.step(0.5), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    root = Path(micrograd.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root
    )
    value, kilobytes = done.stdout.split()
    x = 0.5
    for _ in range(500_000):
        x = x * 0.999 + 0.001
    assert_near(float(value), x * x)
    assert int(kilobytes) < 1_500_000
