"""Kernels that programs share: fewer are compiled, and every program is what it was alone."""

from __future__ import annotations

import gc
import random
import re
from typing import Any

import numpy as np
import pytest
from random_kernels import random_program, random_spaces

import micrograd
from micrograd import Value, optim
from micrograd.compiler.nest.ir import WORK, Affine, Nest, contraction

pytest.importorskip("llvmlite")

import llvmlite.binding as llvm

from micrograd.compiler.backends.llvm import execution, kernels
from micrograd.compiler.backends.llvm.calls import parted
from micrograd.compiler.backends.llvm.ir import Machine
from micrograd.compiler.backends.llvm.later import later
from micrograd.compiler.backends.llvm.tiling import plan

LENGTHS = (5, 6, 7, 9, 13, 16, 3)


class Attention:
    """One head over a list of tokens: sums of other lengths in each program."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.table = [[Value(rng.gauss(0, 1)) for _ in range(6)] for _ in range(8)]
        self.query = [[Value(rng.gauss(0, 1)) for _ in range(6)] for _ in range(6)]
        self.leaves = [v for row in (*self.table, *self.query) for v in row]

    def loss(self, tokens: list[int]) -> Any:
        xs = [self.table[t] for t in tokens]
        total: Any = 0.0
        for k, x in enumerate(xs):
            q = [sum(w * v for w, v in zip(row, x, strict=True)) for row in self.query]
            scores = [sum(a * b for a, b in zip(q, y, strict=True)).exp() for y in xs[: k + 1]]
            mixed = [sum(s * y[j] for s, y in zip(scores, xs, strict=False)) for j in range(6)]
            total = total + sum(m.tanh() for m in mixed) / sum(scores)
        return total / len(xs)


@pytest.fixture(autouse=True)
def _none_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRAD_CACHE", "")
    monkeypatch.setattr(execution, "kernels", kernels.Kernels())
    monkeypatch.setattr(execution, "OF_MANY", 1e-9)  # none is made well before that is asked for


def tokens(rng: random.Random, length: int) -> list[int]:
    return [rng.randrange(8) for _ in range(length)]


def agrees(model: Attention, f: Any, ids: list[int]) -> None:
    """The compiled loss and gradient are the eager ones."""
    loss, gradient = f.value_and_grad(ids)
    for v in model.leaves:
        v.zero_grad()
    eager = model.loss(ids)
    eager.backward()
    assert loss == pytest.approx(eager.data, rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(gradient, [v.grad for v in model.leaves], rtol=1e-9, atol=1e-11)


def test_other_lengths_have_few_new_kernels() -> None:
    model, rng = Attention(1), random.Random(1)
    f = micrograd.compile(model.loss, parameters=model.leaves, backend="llvm")
    fresh = []
    for length in LENGTHS:
        known = len(execution.kernels._known)
        agrees(model, f, tokens(rng, length))
        fresh.append(len(execution.kernels._known) - known)
    assert fresh[0] > 5
    assert sum(fresh[1:]) < 0.4 * fresh[0] * len(fresh[1:])


def whole(text: str) -> Any:
    """Quick code of all that is in a module."""
    return execution.Code(execution.object_of(text, execution.QUICK), text)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bits_are_those_of_the_whole_module(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(alone: bool) -> tuple[list[float], list[float]]:
        with monkeypatch.context() as changed:
            if alone:
                changed.setattr(execution, "quickly", whole)
            model, rng = Attention(2), random.Random(2)
            adam = optim.Adam(model.leaves, lr=0.01)
            f = micrograd.compile(model.loss, optimizer=adam, backend="llvm", dtype=dtype)
            losses = [f.step(tokens(rng, length)) for length in LENGTHS[:4] * 2]
            return losses, [v.data for v in model.leaves]

    assert trained(alone=False) == trained(alone=True)


def test_kernels_outlive_the_program_that_brought_them() -> None:
    model, rng = Attention(3), random.Random(3)
    for length in (5, 6, 5, 6):
        f = micrograd.compile(model.loss, parameters=model.leaves, backend="llvm")
        agrees(model, f, tokens(rng, length))
        del f
        gc.collect()


@pytest.mark.long
def test_kernels_are_forgotten_and_programs_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "MOST_KERNELS", 3)
    model, rng = Attention(4), random.Random(4)
    f = micrograd.compile(model.loss, parameters=model.leaves, backend="llvm")
    for length in (*LENGTHS, *LENGTHS):
        agrees(model, f, tokens(rng, length))
        gc.collect()
    assert len(execution.kernels._known) <= 3


def test_one_that_is_gone_is_compiled_again() -> None:
    text = """\
define internal void @kernel0(ptr %p) noinline #0 {
entry:
  store double 0x4000000000000000, ptr %p, align 8
  ret void
}
define double @run() #0 {
entry:
  %p = alloca double
  call void @kernel0(ptr %p)
  %x = load double, ptr %p
  ret double %x
}
define double @step() #0 {
entry:
  ret double 0x0000000000000000
}
define void @run_on(ptr %p) #0 {
entry:
  ret void
}
@spaces = global [1 x ptr] zeroinitializer
attributes #0 = { nounwind }
"""
    mine = execution.kernels
    code = execution.quickly(text)
    assert code.run() == 2.0
    divided = mine.divided(text)
    assert not divided.new
    mine._known.clear()
    assert not mine.link(code, divided)
    assert execution.quickly(text).run() == 2.0


def test_functions_that_are_to_be_inline_are_there_once_and_in_good_code_nowhere() -> None:
    w = [Value(x / 9) for x in range(16)]
    f = micrograd.compile(
        lambda: sum(x.tanh() + (x / 3).tanh() for x in w), parameters=w, backend="llvm"
    )
    f()
    text = f._programs.newest.executable.source
    assert len(re.findall(r"^define internal .* @tanh\.\w+\(", text, re.M)) == 1
    module = llvm.parse_assembly(text)
    execution.inline(module, execution._machine(execution.GOOD))
    assert "@tanh" not in str(module)
    assert "@llvm.fma" in str(module)
    unused = "define internal void @f() alwaysinline #0 { ret void }\n"
    assert kernels.called(unused + text, [unused]) == text


def test_numbers_become_arguments() -> None:
    loop = """\
  %v2 = call <8 x double> @strided.8of8.f64(ptr %p0, i64 {1})
  %v3 = getelementptr double, ptr %p0, i64 {0}
  %v4 = mul nsw i64 %i1, {1}
  %v5 = icmp ult i64 %v4, {0}
"""
    texts = [kernels._general("void", "ptr %p0", loop.format(*pair)) for pair in ((7, 8), (9, 3))]
    assert texts[0][0] == texts[1][0]
    assert [more for _, more in texts] == [", i64 8, i64 7, i64 7", ", i64 3, i64 9, i64 9"]
    assert "icmp ult i64 %v4, %number2" in texts[0][0][2]
    other, _ = kernels._general("void", "ptr %p0", loop.format(5, 5))
    assert other != texts[0][0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_better_kernels_are_there_for_all_programs_that_have_them(dtype: str) -> None:
    models, ids = [Attention(5), Attention(6)], tokens(random.Random(5), 9)
    functions = [
        micrograd.compile(m.loss, parameters=m.leaves, backend="llvm", dtype=dtype) for m in models
    ]
    before = [f.value_and_grad(ids) for f in functions]
    one, two = (f._programs.newest.executable for f in functions)
    made = execution.kernels
    assert made.are_shared(one._code.divided)
    assert len(made.to_improve(one._code.divided)) == len(one._code.divided.kernels)
    one._improve()
    assert not made.to_improve(one._code.divided)
    assert not made.to_improve(two._code.divided)
    assert len(two._code.parts) == 2  # the library of the quick ones, and that of the better ones
    for f, (loss, gradient) in zip(functions, before, strict=True):
        again, slopes = f.value_and_grad(ids)
        assert again == loss
        np.testing.assert_array_equal(slopes, gradient)
    code = one._code
    one._improve()  # it has run for long: all of it, with kernels of its own
    assert functions[0].value_and_grad(ids)[0] == before[0][0]
    assert one._code is not code


def test_a_program_alone_is_made_well_as_a_whole() -> None:
    model, rng = Attention(6), random.Random(6)
    f = micrograd.compile(model.loss, parameters=model.leaves, backend="llvm")
    ids = tokens(rng, 6)
    before = f(ids)
    executable = f._programs.newest.executable
    executable._improve()
    assert f(ids) == before
    assert executable._is_good
    assert not executable._has_good_kernels


@pytest.mark.sampled
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(12))
def test_programs_whose_kernels_are_alike_compute_the_same(seed: int, dtype: str) -> None:
    program = random_program(seed)
    answers = []
    for alike in (False, True):
        executable = execution.load(program, dtype, alike=alike)
        spaces = random_spaces(seed, dtype)
        for space in program.sizes:
            executable.point(space, spaces[space])
        answers.append([executable.run(), executable.work, *spaces.values()])
    near = 1e-12 if dtype == "float64" else 1e-4
    for one, other in zip(*answers, strict=True):
        np.testing.assert_allclose(one, other, rtol=near, atol=near)


@pytest.mark.parametrize("machine", [Machine(16, 16), Machine(64, 32)])
def test_nests_of_other_lengths_have_the_same_parts(machine: Machine) -> None:
    def product(length: int) -> Nest:
        out, u, v = (Affine(WORK, base, strides) for base, strides in (
            (8, (16, 1, 0)), (2000, (16, 0, 1)), (4000, (0, 16, 1))))  # fmt: skip
        return contraction((length, 16, 16), out, u, v)

    lanes = machine.vector_bytes // 8
    for length in range(1, 40):
        parts = parted(product(length), lanes, machine.registers)
        assert sum(part.extents[0] for part in parts) == length
        covered = [part.first.out.base for part in parts]
        assert covered == [8 + 16 * sum(p.extents[0] for p in parts[:k]) for k in range(len(parts))]
        kept = [plan(part, lanes, machine.registers, alike=True).tile for part in parts]
        assert all(axis.extent % size == 0 for tile in kept for axis, size in tile)


def test_kernels_of_all_lengths_are_made_well_together() -> None:
    model, rng = Attention(7), random.Random(7)
    f = micrograd.compile(model.loss, parameters=model.leaves, backend="llvm")
    made = execution.kernels
    for length in (5, 6, 9):
        f(tokens(rng, length))
    slow, _ = made.all_to_improve()
    assert slow
    made._left = 0.0
    f(tokens(rng, 9))
    later.wait()
    assert not made.all_to_improve()[0]
    for length in (5, 6, 9):
        agrees(model, f, tokens(rng, length))
