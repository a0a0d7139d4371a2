"""The arrays that are found in scalar programs, and how `explain` tells of them."""

import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from checks_of_compiled import compiled
from programs_to_compile import WORKLOADS, network

import micrograd
from micrograd import Value, nn, optim
from micrograd.compiler.codes import NONE, ROWS
from micrograd.compiler.explain.recovered import Repeated, folded
from micrograd.compiler.graph.graph import adjoint_of
from micrograd.errors import ArgumentValueError

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))


def called(name, mode="value_and_grad"):
    """A compiled workload that was called once."""
    workload = WORKLOADS[name]()
    f = compiled(workload, "numpy")
    getattr(f, mode)(*workload.arguments(0))
    return f


def lines(f):
    return [f"{op.result} = {op.text()}" for op in f.recovered().operations]


def gpt(tokens):
    import tiny_gpt

    model = tiny_gpt.GPT(random.Random(0))
    adam = optim.Adam(model.parameters(), lr=0.01)
    f = micrograd.compile(lambda tokens: model.loss(tokens), optimizer=adam, backend="numpy")
    f.step(tokens)
    return f, model


MLP = [
    "H1 (800×5) = relu(x (800×3) · W1ᵀ (3×5) + b1 (5))",
    "H2 (800×5) = relu(H1 (800×5) · W2ᵀ (5×5) + b2 (5))",
    "H3 (800×3) = relu(H2 (800×5) · W3ᵀ (5×3) + b3 (3))",
    "H4 (800) = H3 (800×3) · W4 (3) + b4 − y (800)",
    "L = Σ H4 (800)² / 800",
]


@pytest.mark.parametrize("mode", ["__call__", "value_and_grad", "step"])
def test_a_network_and_its_batch_are_found(mode):
    f = called("3-5-5-3-1, 800 samples", mode)
    assert lines(f) == MLP
    found = f.recovered()
    assert [f"{op.kind} {op.size}" for op in found.operations] == [
        "matmul 800×5×3", "matmul 800×5×5", "matmul 800×3×5", "matvec 800×3", "dot 800"
    ]  # fmt: skip
    assert dict(found.operations[0].counts) == {"add": 12_000, "mul": 12_000, "relu": 4_000}


def test_parameters_have_their_values():
    workload = WORKLOADS["3-5-5-3-1, 800 samples"]()
    f = compiled(workload, "numpy")
    f.step(*workload.arguments(0))
    found = f.recovered()
    assert [p.name for p in found.parameters] == ["W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4"]
    numbers = np.array([p.data for p in workload.parameters])
    first = numbers[:20].reshape(5, 4)  # neuron by neuron: the weights and then the bias
    np.testing.assert_array_equal(found.values(found.parameters[0]), first[:, :3])
    np.testing.assert_array_equal(found.values(found.parameters[1]), first[:, 3])


def test_with_lanes_the_batch_is_an_axis():
    model = network(random.Random(0), [3, 5, 5, 3, 1])
    f = micrograd.compile(lambda x, y: (model(x) - y) ** 2, batch=True, backend="numpy")
    f(np.ones((7, 3)), np.ones(7))
    given = [line.replace("800", "batch") for line in MLP[:-1]]
    assert lines(f) == [*given, "L = Σ H4 (batch)² / 7"]
    found = f.recovered()
    assert found.lanes == 7
    assert found.operations[0].size == "batch×5×3"
    assert "131 scalar operations a sample, a batch of 7 -> 5 array" in f.explain()


def test_the_matrices_of_a_gpt_have_the_names_of_its_attributes():
    f, model = gpt([26, 1, 2, 3, 26])
    found = f.recovered()
    shapes = {p.name: p.shape for p in found.parameters}
    assert shapes == {
        "token_embedding": (27, 16), "position_embedding": (4, 16),
        "[query; key; value]": (48, 16), "output": (16, 16), "fc1": (64, 16), "fc2": (16, 64),
        "lm_head": (27, 16),
    }  # fmt: skip
    (fc1,) = [p for p in found.parameters if p.name == "fc1"]
    np.testing.assert_array_equal(found.values(fc1), [[v.data for v in row] for row in model.fc1])
    text = f.explain()
    assert "token_embedding (27×16)[tokens (4)] + position_embedding (4×16)" in text
    assert "H6 (40×4, gathered) ⊙ H6 (40×4, gathered)" in text
    assert "ragged sum 16×(1–4)" in text
    assert "matmul 4×64×16" in text


def test_a_convolution_reads_windows():
    assert lines(called("convolution")) == [
        "H1 (5×4×7) = relu(x (5×7×3, windows) ∗ filters (4×3))",
        "H2 (5) = Σ H1 (5×4×7) − y (5)",
        "L = Σ H2 (5)² / 50",
    ]


def test_two_dimensions_and_names_within_comprehensions():
    k = [[Value(0.1 * (i + j)) for j in range(3)] for i in range(3)]

    def loss(img):
        return sum(
            sum(k[a][b] * img[i + a][j + b] for a in range(3) for b in range(3)).relu()
            for i in range(4)
            for j in range(4)
        )

    f = micrograd.compile(loss, backend="numpy")
    f(np.ones((6, 6)))
    assert lines(f) == [
        "H1 (4×4) = relu(img (4×3×4×3, windows) ∗ k (3×3))",
        "L = Σ H1 (4×4)",
    ]


def test_sums_over_the_batch_are_told_from_what_is_the_same_for_all():
    model = network(random.Random(0), [2, 4, 1])

    def loss(x, y):
        penalty = 1e-3 * sum(p * p for p in model.parameters())
        return (1 - y * model(x)).relu() + penalty

    f = micrograd.compile(loss, batch=True, parameters=model.parameters(), backend="numpy")
    f(np.ones((6, 2)), np.ones(6))
    assert lines(f)[-1] == "L = Σ H3 (batch) / 6 + H1 / 1,000"
    table = [[Value(0.1 * (i + j)) for j in range(3)] for i in range(5)]
    g = micrograd.compile(lambda i, t: table[i][0] * table[t][1], batch=True, backend="numpy")
    g([2, 1, 1], [3, 0, 4])
    assert "[i and t (batch×2)]" in g.explain()


def test_what_repeats_is_told_once():
    f = called("recurrent")
    shown = folded(f.recovered().operations)
    (repeat,) = [x for x in shown if isinstance(x, Repeated)]
    assert len(repeat.operations) == 28
    assert "the line above, 28 times more" in f.explain()
    assert len(f.explain().splitlines()) < 46


def test_all_parameters_at_once_are_theta():
    text = called("2-16-16-1, hinge and L2").explain()
    assert "Σ θ (337)² / 10,000" in text
    assert "W2ᵀ (16×16)" in text


@pytest.mark.some(4)
@pytest.mark.parametrize("name", WORKLOADS)
def test_every_recorded_operation_is_counted_once(name):
    f = called(name)
    found = f.recovered()
    assert found.scalars == f.report().nodes
    assert 0 < f.report().trace_ms < 60_000
    results = [op.result.name for op in found.operations]
    assert len(set(results)) == len(results)
    made = set()
    for op in found.operations:
        assert {x.name for x in op.operands if x.sort == "result"} <= made
        made.add(op.result.name)


@pytest.mark.some(4)
@pytest.mark.parametrize("name", WORKLOADS)
def test_the_explanation_fits_on_a_page(name):
    text = called(name, "step").explain()
    first, *rest = text.splitlines()
    assert "scalar operations ->" in first
    assert "kernels (numpy)" in first
    assert "what runs:" in text
    assert "update" in text.splitlines()[-3] or " more" in text.splitlines()[-3]
    assert "trace" in rest[-1]
    assert len(rest) <= 76


def test_labels_and_modules_give_names():
    w = [[Value(0.1, label=f"V[{i},{j}]") for j in range(3)] for i in range(2)]
    f = micrograd.compile(
        lambda u: sum(sum(a * b for a, b in zip(row, u, strict=True)).tanh() for row in w),
        backend="numpy",
    )
    f([1.0, 2.0, 3.0])
    assert lines(f) == ["H1 (2) = tanh(u (3) · Vᵀ (3×2))", "L = Σ H1 (2)"]
    layer = nn.Linear(3, 2)
    g = micrograd.compile(lambda x: (layer(x) ** 2).sum(), backend="numpy")
    g(np.ones((4, 3)))
    assert lines(g)[0].startswith("H1 (4×2) = ")
    assert {p.shape for p in g.recovered().parameters} == {(2, 3), (2,)}


def test_data_of_the_program_and_arguments_without_names():
    rows = [[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]
    w = [Value(0.5), Value(0.25)]

    def loss(*scale):
        return sum((w[0] * a + w[1] * b) * scale[0] for a, b in rows)

    f = micrograd.compile(loss, backend="numpy")
    f(2.0)
    text = f.explain()
    assert "x0" in text
    assert "C1" in text


def test_nothing_to_tell_yet():
    f = micrograd.compile(lambda x: x * 2.0, backend="numpy")
    assert f.explain() == "nothing has been compiled yet: call the function first"
    with pytest.raises(ArgumentValueError, match="call the function first"):
        f.recovered()
    exact = micrograd.compile(lambda x: Value(2.0) * x, exact=True, backend="numpy")
    with pytest.raises(ArgumentValueError, match="exact"):
        exact.recovered()


def test_what_runs_is_what_is_told():
    """With both back ends: as many kernels as the program that runs has, and whose they are."""
    for backend in ("numpy", "llvm"):
        pytest.importorskip("llvmlite") if backend == "llvm" else None
        workload = WORKLOADS["3-5-5-3-1, 800 samples"]()
        f = compiled(workload, backend)
        f.step(*workload.arguments(0))
        runner = f._programs.newest
        program, update = runner.program, runner.stepping.unit.program
        count = len(program.nests) + len(update.nests)
        assert f.report().kernels == count
        text = f.explain()
        assert f"{count} kernels ({backend})" in text
        told = [line for line in text.splitlines() if re.match(r" +\d+(–\d+)? ", line)]
        assert any(re.search(r"matmul .*\bH2\b", line) for line in told)
        assert any(re.search(r"matmul .*∂H2", line) for line in told)
        assert all(len(program.recorded(nest)) for nest in program.nests if nest.reduce)
        f.value_and_grad(*workload.arguments(0))
        assert f.report().kernels == len(program.nests)
        assert "update" not in f.explain()


def test_kernels_know_what_they_stand_for():
    """Each recorded operation that is a node is in a kernel of its own, forward and backward."""
    w, v = Value(0.5), Value(-1.5)
    f = micrograd.compile(
        lambda x: (w * x).tanh() ** 2 * v.exp(), parameters=[w, v], backend="numpy"
    )
    f.value_and_grad(2.0)
    runner = f._programs.newest
    recorded = {int(op) for nest in runner.program.nests for op in runner.program.recorded(nest)}
    rows = [ROWS[r] for r in runner.traced.recording.row]
    forward = {rows[op] for op in recorded if op >= 0}
    backward = {rows[adjoint_of(op)] for op in recorded if op < NONE}
    assert {"tanh", "exp"} <= forward
    assert {"tanh", "exp", "mul"} <= backward


def test_powers_are_written_as_the_table_says():
    w = [Value(0.3), Value(0.5), Value(0.7)]

    def loss(x):
        products = [a * b for a, b in zip(w, x, strict=True)]
        return sum(p**3 + (p * p + 1) ** 0.5 + (p * p + 2) ** -0.5 for p in products)

    f = micrograd.compile(loss, backend="numpy")
    f([1.0, 2.0, 3.0])
    text = re.sub(r" \(\d+\)", "", f.explain())
    for written in ("= H1³", "= √H3", "= 1 / √H3"):
        assert written in text, text
