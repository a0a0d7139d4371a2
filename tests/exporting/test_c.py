"""Exported C compiles without a warning, computes the same, and ends where training here ends."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import CompileError, Value, nn, optim
from micrograd.exporting.c import library, target
from micrograd.exporting.c.arrays import CNames
from micrograd.exporting.c.rows import CRows
from micrograd.nn import MLP
from micrograd.ops import OPS

sys.path.insert(0, str(Path(__file__).parents[1] / "compiler"))
import programs_to_compile as arrays
import sequential_programs as sequences

ROOT = Path(micrograd.__file__).parents[1]
STRICT = ["-std=c99", "-O1", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror"]
pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, library.COMPILERS)), reason="there is no C compiler"
)

FAST = {
    "regression": lambda: arrays.regression([3, 5, 5, 3, 1], 20, 0.01),
    "sparse": arrays.sparse, "convolution": arrays.convolution,
}  # fmt: skip
LONG = {
    "classification": arrays.classification, "recurrent": arrays.recurrent,
    "sampled": arrays.sampled_with_replacement, "shuffled": arrays.shuffled,
    "gpt": lambda: arrays.gpt(8),
}  # fmt: skip
FAST_SEQUENCES = ("chain", "rod")
LONG_SEQUENCES = (
    "holt_winters", "garch", "pendulum", "lotka_volterra", "cholesky", "edit_distance",
    "kalman", "alignment", "heat", "bodies", "tree", "dag", "recurrent",
)  # fmt: skip


def long(names: Any) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.long) for name in names]


def compiled(workload: arrays.Workload) -> Any:
    f = micrograd.compile(workload.loss, optimizer=workload.optimizer(), backend="numpy")
    f.step(*workload.arguments(0))
    return f


def as_strictly_as_can_be(exported: Any, folder: Path) -> None:
    exported.save(folder / "strict.c")
    command = [*library.compiler(), *STRICT, "-c", "strict.c", "-o", "strict.o"]
    subprocess.run(command, cwd=folder, check=True)


def five_steps(f: Any, exported: Any, inputs: Any) -> None:
    """Steps in C and here: the same losses, parameters and state."""
    lib = exported._written.others["library"]
    parameters, state = lib.made.parameters.copy(), lib.made.state.copy()
    for _ in range(5):
        assert lib.step(parameters, state, *inputs) == pytest.approx(f.step(*inputs), rel=1e-11)
    after = np.array([v.data for v in f.parameters])
    np.testing.assert_allclose(parameters[: len(after)], after, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", [*FAST, *long(LONG)])
def test_programs_with_arrays(name: str, tmp_path: Path) -> None:
    workload = (FAST | LONG)[name]()
    f, inputs = compiled(workload), workload.arguments(0)
    exported = micrograd.export(f, to="c")
    as_strictly_as_can_be(exported, tmp_path)
    assert exported.load()(exported.parameters, *inputs) == pytest.approx(f(*inputs), rel=1e-12)
    five_steps(f, exported, inputs)


@pytest.mark.parametrize("name", [*FAST_SEQUENCES, *long(LONG_SEQUENCES)])
def test_programs_without_arrays(name: str, tmp_path: Path) -> None:
    program = getattr(sequences, name)()
    own = [Value(x) for x in program.parameters]
    sgd = optim.SGD(own, lr=1e-4, momentum=0.9)
    f = micrograd.compile(lambda *x: program.loss(own, *x), optimizer=sgd, backend="numpy")
    f.step(*program.arguments)
    exported = micrograd.export(f, to="c")
    as_strictly_as_can_be(exported, tmp_path)
    five_steps(f, exported, program.arguments)


@pytest.mark.parametrize("name", ["Adam", *long(["AdamW", "Adagrad", "RMSprop"])])
def test_optimisers(name: str) -> None:
    w = [Value(0.5), Value(-1.0)]
    rule = getattr(optim, name)([{"params": [w[0]], "lr": 0.1}, {"params": [w[1]]}], lr=0.01)
    f = micrograd.compile(lambda x: (w[0] * x + w[1]) ** 2, optimizer=rule, backend="numpy")
    f.step(2.0)
    five_steps(f, micrograd.export(f, to="c"), (1.5,))


def test_a_first_step_that_is_another_is_not_left_out() -> None:
    w = Value(0.5)
    sgd = optim.SGD([w], lr=0.1, momentum=0.5, dampening=0.2)
    f = micrograd.compile(lambda x: (w * x) ** 2, optimizer=sgd, backend="numpy")
    with pytest.raises(CompileError, match=r"first step of SGD .* make one step"):
        micrograd.export(f, 2.0, to="c")
    f.step(2.0)
    five_steps(f, micrograd.export(f, 2.0, to="c"), (2.0,))


def test_integers_choose_rows_and_what_no_trace_has_had_is_nan() -> None:
    random.seed(1)
    table = [[Value(random.gauss(0, 1)) for _ in range(3)] for _ in range(5)]
    flat = [v for row in table for v in row]
    sgd = optim.SGD(flat, lr=0.1, momentum=0.9)

    def loss(i: Any, j: Any) -> Any:
        return (sum(a * b for a, b in zip(table[i], table[j], strict=True)) - 1) ** 2

    f = micrograd.compile(loss, optimizer=sgd, backend="numpy")
    f.step(1, 3)
    exported = micrograd.export(f, to="c")
    run, parameters = exported.load(), exported.parameters
    assert run(parameters, 4, 0) == pytest.approx(f(4, 0), rel=1e-12)
    assert np.isnan(run(parameters, 5, 0))
    assert np.isnan(run(parameters, 0, -1))
    lib = exported._written.others["library"]
    before, state = lib.made.parameters.copy(), lib.made.state.copy()
    after = before.copy()
    lib.step(after, state, 1, 3)
    assert {k // 3 for k in np.flatnonzero(after != before)} == {1, 3}  # rows that were looked up


def test_a_batch_aux_and_other_structures() -> None:
    w, b = Value(0.5), Value(0.1)

    def loss(x: Any, more: Any) -> Any:
        score = w * x[0] + b * x[1] - more["y"]
        return score * score, [score, w * more["n"]]

    f = micrograd.compile(loss, backend="numpy")
    inputs = ([1.0, 2.0], {"y": 0.3, "n": 2})
    expected, (score, _) = f(*inputs)
    exported = micrograd.export(f, to="c")
    lib = exported._written.others["library"]
    assert exported.load()(exported.parameters, *inputs) == pytest.approx(expected, rel=1e-14)
    assert lib.aux(lib.made.parameters, *inputs) == pytest.approx([score, 1.0])

    g = micrograd.compile(lambda x, y: (w * x[0] + b * x[1] - y) ** 2, batch=True, backend="numpy")
    x, y = np.arange(10.0).reshape(5, 2), np.ones(5)
    assert micrograd.export(g, x, y, to="c").load()({"w": 0.5, "b": 0.1}, x, y) == pytest.approx(
        g(x, y), rel=1e-14
    )


def test_float32_has_no_double_in_it(tmp_path: Path) -> None:
    model = MLP(3, [4, 1])

    def loss(X: Any, y: Any) -> Any:  # noqa: N803
        return sum((model(x).tanh() - t) ** 2 for x, t in zip(X, y, strict=True)) / len(y)

    adam = optim.Adam(model.parameters(), lr=0.01)
    f = micrograd.compile(loss, optimizer=adam, dtype="float32", backend="numpy")
    f.step(np.ones((6, 3), np.float32), np.zeros(6, np.float32))
    exported = micrograd.export(f, to="c")
    code = re.sub(r"/\*.*?\*/", "", exported.source + exported.header, flags=re.DOTALL)
    assert "double" not in code
    assert "tanhf(" in code
    as_strictly_as_can_be(exported, tmp_path)


def test_where_a_number_is_not_finite_nothing_changes() -> None:
    w = Value(2.0)
    sgd = optim.SGD([w], lr=0.1)
    f = micrograd.compile(lambda x: (w * x).log(), optimizer=sgd, backend="numpy")
    f.step(1.0)
    lib = micrograd.export(f, to="c")._written.others["library"]
    parameters, state = lib.made.parameters.copy(), lib.made.state.copy()
    assert np.isnan(lib.step(parameters, state, -1.0))
    np.testing.assert_array_equal(parameters, lib.made.parameters)


def test_names_that_c_has_already() -> None:
    named = [Value(2.0, label="int"), Value(1.0, label="largest"), Value(0.5, label="net_loss")]

    def loss(double: Any, sum_: Any) -> Any:
        return (named[0] * double + named[1] * sum_ - named[2].exp()) ** 2

    f = micrograd.compile(loss, backend="numpy")
    f(1.0, 2.0)
    assert "*/" not in re.sub(r"/\*.*?\*/", "", micrograd.export(f, to="c").source, flags=re.DOTALL)
    names = CNames(["x"])
    assert [names.new(x) for x in ("x", "∂θ", "for", "2", "a b")] == [
        "x_2", "dtheta", "for_2", "t2", "a_b",
    ]  # fmt: skip


def test_what_c_cannot_express_is_refused_by_name() -> None:
    class Memory:
        pass

    w, memory = Value(1.0), Memory()

    def leaves(x: Any) -> Any:
        memory.last = w * x  # type: ignore[attr-defined]
        return memory.last * w  # type: ignore[attr-defined]

    def decides(x: Any) -> Any:
        v = w * x
        while v.data < 10:
            v = v * 2
        return v

    class Own(optim.SGD):
        def apply(self, updates: Any) -> None:
            super().apply(updates)

    own = micrograd.compile(lambda x: w * x, optimizer=Own([w], lr=0.1), backend="numpy")
    for f, reason in (
        (micrograd.compile(leaves, backend="numpy"), "leaves Values behind .*'last'"),
        (micrograd.compile(decides, backend="numpy"), "decisions go"),
        (own, "Own has its own apply"),
    ):
        f(1.5)
        with pytest.raises(CompileError, match=reason):
            micrograd.export(f, to="c")


def test_without_a_compiler_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    w = Value(1.0)
    f = micrograd.compile(lambda x: w * x, backend="numpy")
    f(1.0)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CompileError, match="there is no C compiler: install gcc or clang"):
        micrograd.export(f, to="c")


def test_a_wrong_file_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    w = Value(1.5)
    sgd = optim.SGD([w], lr=0.1, momentum=0.9)
    f = micrograd.compile(lambda x: (w * x) ** 2, optimizer=sgd, backend="numpy")
    f.step(1.0)
    right = target.c_source
    for old, new, said in (
        ("return L;", "return L + 1.0;", "gives the loss as"),
        ("2.0 *", "3.0 *", "gives the gradient of"),
        ("+ 0.9 *", "+ 0.8 *", "a step in C gives parameter 0"),
        ("return L;", "return;", "says of what was written"),
    ):

        def wrong(*given: Any, old: str = old, new: str = new) -> Any:
            made = right(*given)
            if "0.9" in old:
                made.source = re.sub(r"0\.9\b", "0.8", made.source)
            else:
                made.source = made.source.replace(old, new)
            return made

        monkeypatch.setattr(target, "c_source", wrong)
        with pytest.raises(CompileError, match=said):
            micrograd.export(f, to="c")


@pytest.mark.parametrize("row", OPS)
def test_every_row_is_a_function_of_its_own_or_an_expression(row: str) -> None:
    rows, op = CRows(), OPS[row]
    text = rows.call(row, 2.5 if op.has_static else None, ["x", "y", "z"][: op.arity])
    assert all(name in text for name in "xyz"[: op.arity])
    assert len(rows.functions) <= 1


# ---- files that are in the repository ------------------------------------------------------------


def golden(name: str, exported: Any) -> None:
    """The text is that of the file; with WRITE_GOLDEN=1 the file is written."""
    path = Path(__file__).parent / "golden" / name
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(exported.source, "utf-8")
    assert exported.source == path.read_text("utf-8")


def article() -> Any:
    """The article's network, with parameters that are easily told apart."""
    model = MLP(3, [5, 5, 3, 1])
    for k, p in enumerate(model.parameters()):
        p.data = round(0.9 * (0.7 * (k + 1) % 1.3) - 0.5, 3)

    def mean_squared_error(X: Any, y: Any) -> Any:  # noqa: N803
        return sum((model(x) - t) ** 2 for x, t in zip(X, y, strict=True)) / len(y)

    sgd = optim.SGD(model.parameters(), lr=0.01)
    return micrograd.compile(mean_squared_error, optimizer=sgd, backend="numpy")


def test_the_articles_network_reads_well() -> None:
    f = article()
    x = np.linspace(-1, 1, 60).reshape(20, 3)
    golden("article.c", micrograd.export(f, x, x.sum(1), to="c"))


def test_a_kalman_filter_reads_well() -> None:
    program = sequences.kalman(60)
    noise = [Value(x, label="noise") for x in program.parameters]

    def negative_log_likelihood(ys: Any) -> Any:
        return program.loss(noise, ys)

    f = micrograd.compile(negative_log_likelihood, backend="numpy")
    golden("kalman.c", micrograd.export(f, *program.arguments, to="c"))


def test_a_main_in_c_ends_where_training_here_ends(tmp_path: Path) -> None:
    folder = ROOT / "examples" / "c"
    done = subprocess.run(
        [sys.executable, str(folder / "export.py"), str(tmp_path)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    command = [*library.compiler(), *STRICT, str(folder / "train.c"), "net.c", "-I.", "-o", "train"]
    subprocess.run([*command, "-lm"], cwd=tmp_path, check=True)
    ran = subprocess.run([str(tmp_path / "train")], capture_output=True, text=True, check=True)
    here, there = (np.array(text.split(), float) for text in (done.stdout, ran.stdout))
    assert len(here) == 1 + 72
    np.testing.assert_allclose(there, here, rtol=1e-12, atol=1e-12)


@pytest.mark.long
def test_modules(tmp_path: Path) -> None:
    torch_like = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    x, y = micrograd.tensor([[1.0, 2.0], [0.5, -1.0]]), [0, 1]
    adam = optim.Adam(torch_like.parameters(), lr=0.01)
    cross_entropy = nn.CrossEntropyLoss()
    f = micrograd.compile(lambda x, y: cross_entropy(torch_like(x), y), optimizer=adam)
    f.step(x, y)
    as_strictly_as_can_be(micrograd.export(f, to="c"), tmp_path)
