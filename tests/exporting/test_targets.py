"""Programs in JAX and torch: as functions of theirs are used, and saved in safe formats."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_export import article

import micrograd
from micrograd import CompileError, Value, nn, optim


def recurrent() -> Any:
    """A cell that is used three times, a table that integers choose from, and a ragged sum."""
    rng = random.Random(2)
    w = [[Value(rng.gauss(0, 1)) for _ in range(2)] for _ in range(2)]
    table = [[Value(rng.gauss(0, 1)) for _ in range(2)] for _ in range(5)]

    def loss(tokens):
        h = [0.1, 0.2]
        for t in tokens:
            h = [
                (sum(a * b for a, b in zip(row, h, strict=True)) + e).tanh()
                for row, e in zip(w, table[t], strict=True)
            ]
        return h[0] * h[1]

    return micrograd.compile(loss, backend="numpy"), ([3, 1, 4],)


def test_jax_under_its_transformations() -> None:
    jax = pytest.importorskip("jax")
    f, (x, y) = article()
    exported = micrograd.export(f, x, y, to="jax")
    found: dict[str, Any] = {}
    exec(exported.source, found)
    loss, p = found["loss"], dict(exported.parameters)
    with jax.enable_x64(True):
        value, gradient = jax.jit(jax.value_and_grad(loss))(p, x, y)
        of_rows = jax.vmap(lambda row, t: loss(p, row[None], t[None]))(x, y)

        def step(q, _):
            g = jax.grad(loss)(q, x, y)
            return jax.tree.map(lambda a, d: a - 0.05 * d, q, g), loss(q, x, y)

        last, losses = jax.lax.scan(step, p, None, length=3)
        mean = of_rows.mean()
    expected, derivatives = f.value_and_grad(x, y)
    assert value == pytest.approx(expected, rel=1e-12)
    assert mean == pytest.approx(expected, rel=1e-12)
    size = np.sort(np.concatenate([np.ravel(g) for g in gradient.values()]))
    np.testing.assert_allclose(size, np.sort(derivatives), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(losses, [f.step(x, y) for _ in range(3)], rtol=1e-12)
    after = micrograd.export(f, x, y).parameters
    for name in after:
        np.testing.assert_allclose(last[name], after[name], rtol=1e-11)


def test_a_module_of_torch(tmp_path: Path) -> None:
    import torch

    f, (x, y) = article()
    exported = micrograd.export(f, x, y, to="torch")
    exported.save(tmp_path / "net.py")
    found: dict[str, Any] = {}
    exec((tmp_path / "net.py").read_text(), found)
    model = found["MeanSquaredError"]()
    safetensors = pytest.importorskip("safetensors.torch")
    model.load_state_dict(safetensors.load_file(tmp_path / "net.safetensors"))
    assert [name for name, _ in model.named_parameters()] == list(exported.parameters)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for n in (9, 4):
        optimizer.zero_grad()
        loss = model(torch.tensor(x[:n]), torch.tensor(y[:n]))
        loss.backward()
        optimizer.step()
        assert loss.item() == pytest.approx(f.step(x[:n], y[:n]), rel=1e-12)
    single = found["MeanSquaredError"](dtype=torch.float32)
    single.load_state_dict(model.state_dict())
    x32, y32 = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    assert single(x32, y32).item() == pytest.approx(f(x, y), rel=1e-5)


def test_a_graph_of_onnx(tmp_path: Path) -> None:
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    f, (x, y) = article()
    exported = micrograd.export(f, x, y, to="onnx")
    exported.save(tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model, full_check=True)
    session = runtime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    for n in (9, 4, 1):
        (loss,) = session.run(None, {"X": x[:n], "y": y[:n]})
        assert loss == pytest.approx(f(x[:n], y[:n]), rel=1e-12)
    other = {name: 2 * p for name, p in exported.parameters.items()}
    assert exported.load()(other, x, y) != pytest.approx(f(x, y))


@pytest.mark.parametrize("to", ["numpy", "jax", "torch", "onnx"])
def test_integers_choose(to: str) -> None:
    pytest.importorskip("onnxruntime" if to == "onnx" else to)
    f, inputs = recurrent()
    exported = micrograd.export(f, *inputs, to=to)
    assert exported.load()(exported.parameters, [0, 0, 2]) == pytest.approx(f([0, 0, 2]), rel=1e-12)


def test_what_decides_is_refused_with_its_line() -> None:
    w = Value(0.7)

    def loss(x):
        while w * x < 2:
            x = x * 1.5
        return w * x

    f = micrograd.compile(loss, backend="numpy")
    with pytest.raises(
        CompileError, match=r"loss is several programs(.|\n)*test_targets.py:\d+: while w"
    ):
        micrograd.export(f, 1.0)


@pytest.mark.parametrize("to", ["numpy", "torch"])
def test_arguments_in_an_array_of_torch(to: str) -> None:
    """A Tensor beside a list of integers, as a script for torch has them."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    x, y = micrograd.tensor([[1.0, 2.0], [0.5, -1.0]]), [0, 1]
    adam = optim.Adam(model.parameters(), lr=0.01)
    cross_entropy = nn.CrossEntropyLoss()
    f = micrograd.compile(lambda x, y: cross_entropy(model(x), y), optimizer=adam)
    f.step(x, y)
    expected = f(x, y)
    made = micrograd.export(f, to=to)
    got = made.load()(made.parameters, np.array(x.tolist()), y)
    assert float(np.asarray(got)) == pytest.approx(expected, rel=1e-12)
