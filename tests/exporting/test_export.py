"""Exported code: it is what a person would write, runs alone, and computes the same."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import CompileError, Value, nn, optim
from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.exporting import agreement, numpy_target
from micrograd.exporting.subject import subject_of
from micrograd.nn import MLP


def article(samples: int = 9, sizes: tuple[int, ...] = (3, 5, 5, 3, 1), lr: float = 0.05) -> Any:
    """The article's network, compiled, and arguments for it."""
    random.seed(0)
    model = MLP(sizes[0], list(sizes[1:]))
    sgd = optim.SGD(model.parameters(), lr=lr)

    def mean_squared_error(X, y):  # noqa: N803
        return sum((model(row) - t) ** 2 for row, t in zip(X, y, strict=True)) / len(X)

    rng = np.random.default_rng(0)
    f = micrograd.compile(mean_squared_error, optimizer=sgd, backend="numpy")
    return f, (rng.normal(size=(samples, sizes[0])), rng.normal(size=samples))


def names(source: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(source, found)
    return found


def test_the_text_is_the_exercise_solved() -> None:
    f, inputs = article()
    source = micrograd.export(f, *inputs).source
    body = re.sub(r"  +#.*", "", source)
    for line in (
        "H1 = np.maximum(X @ W1.T + b1, 0.0)", "H4 = H3 @ W4 + b4 - y", "L = np.sum(H4**2) / n",
        "dH4 = 2 * H4 / n", "dZ3 = dH3 * (H3 > 0)", "dW3 = dZ3.T @ H2", "db3 = dZ3.sum(axis=0)",
        "dH2 = dZ3 @ W3",
    ):  # fmt: skip
        assert line in body
    assert "micrograd" not in source


def test_it_trains_as_here_and_takes_other_numbers_of_samples() -> None:
    f, (x, y) = article()
    module = names(micrograd.export(f, x, y).source)
    parameters = dict(micrograd.export(f, x, y).parameters)
    for n in (9, 4, 9, 1):
        losses = f.step(x[:n], y[:n])
        loss, parameters = module["step"](parameters, x[:n], y[:n])
        assert loss == pytest.approx(losses, rel=1e-12)
    after = micrograd.export(f, x, y).parameters
    for name, p in parameters.items():
        np.testing.assert_allclose(p, after[name], rtol=1e-12)


def test_one_sample_is_as_many_as_there_may_be() -> None:
    f, (x, y) = article()
    f(x[:1], y[:1])
    exported = micrograd.export(f)
    assert "H4 = H3 @ W4 + b4 - y  # (n,)" in exported.source
    assert exported.load()(exported.parameters, x, y) == pytest.approx(f(x, y), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8])
def test_any_number_of_samples_is_like_any_other(n: int) -> None:
    w, b = [Value(0.3), Value(-0.2)], Value(0.1)

    def loss(X, y):  # noqa: N803
        total = 0.0
        for row, t in zip(X, y, strict=True):
            p = (sum(a * x for a, x in zip(w, row, strict=True)) + b).sigmoid()
            total = total - (t * p.log() + (1 - t) * (1 - p).log())
        return total / len(X)

    rng = np.random.default_rng(n)
    exported = micrograd.export(loss, rng.normal(size=(n, 2)), rng.uniform(size=n))
    assert "n = len(X)" in exported.source
    X, y = rng.normal(size=(11, 2)), rng.uniform(size=11)  # noqa: N806
    assert exported.load()(exported.parameters, X, y) == pytest.approx(loss(X, y).data, rel=1e-12)


def test_a_model_and_a_loss() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x, y = np.ones((4, 2)), np.zeros((4, 1))
    exported = micrograd.export((model, nn.MSELoss()), x, y)
    value = exported.load()(exported.parameters, x, y)
    assert value == pytest.approx(float(nn.MSELoss()(model(micrograd.tensor(x)), y)), rel=1e-12)


def test_what_is_saved_runs_alone(tmp_path: Path) -> None:
    f, inputs = article()
    exported = micrograd.export(f, *inputs)
    paths = exported.save(tmp_path / "net.py")
    assert sorted(p.name for p in paths) == ["net.npz", "net.py"]
    parameters = dict(np.load(tmp_path / "net.npz"))
    loss = names((tmp_path / "net.py").read_text())["loss"](parameters, *inputs)
    assert loss == pytest.approx(f(*inputs), rel=1e-12)
    with pytest.raises(ArgumentValueError, match=r"write 'net\.py'"):
        exported.save(tmp_path / "net.txt")
    with pytest.raises(FileNotFoundError):
        exported.save(tmp_path / "nowhere" / "net.py")


def test_a_wrong_export_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    f, inputs = article()
    subject = subject_of(f, inputs)
    before = [v.data for v in subject.leaves]
    written = numpy_target.write(subject)
    agreement.check(subject, written)
    with pytest.raises(CompileError, match="the loss"):
        agreement.check(subject, _changed(written, loss=lambda *_: 1.0))
    gradient = lambda *a: (written.loss(*a), _off_by_a_bit(written.gradient(*a)[1]))  # noqa: E731
    with pytest.raises(CompileError, match="the gradient of W1"):
        agreement.check(subject, _changed(written, gradient=gradient))
    assert [v.data for v in subject.leaves] == before


def _off_by_a_bit(gradient: Any) -> Any:
    return {k: v + 1e-9 * (k == "W1") for k, v in gradient.items()}


def _changed(written: Any, **fields: Any) -> Any:
    from dataclasses import replace

    return replace(written, **fields)


def test_what_is_asked_for_is_checked() -> None:
    f, inputs = article()
    with pytest.raises(ArgumentValueError, match="call the function first"):
        micrograd.export(f)
    with pytest.raises(ArgumentValueError, match="to must be one of"):
        micrograd.export(f, *inputs, to="fortran")
    with pytest.raises(ArgumentTypeError, match="export takes a compiled function"):
        micrograd.export(3.0)
    f(*inputs)
    assert "W1" in micrograd.export(f).parameters


@pytest.mark.parametrize("rule", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_rules_of_optimisers(rule: str) -> None:
    w = [Value(0.3), Value(-0.7)]
    options = {"momentum": 0.9} if rule == "SGD" else {}
    optimizer = getattr(optim, rule)(w, lr=0.02, **options)
    f = micrograd.compile(
        lambda x: ((w[0] * x + w[1]).tanh() - 0.5) ** 2, optimizer=optimizer, backend="numpy"
    )
    exported = micrograd.export(f, 1.5)
    module, parameters = names(exported.source), dict(exported.parameters)
    state = module["initial_state"](parameters)
    for x in (1.5, -0.5, 2.0):
        expected = f.step(x)
        loss, parameters, state = module["step"](parameters, state, x)
        assert loss == pytest.approx(expected, rel=1e-12)
    numbers = np.concatenate([np.ravel(p) for p in parameters.values()])
    np.testing.assert_allclose(np.sort(numbers), np.sort([v.data for v in w]), rtol=1e-12)


def test_chains_of_any_depth() -> None:
    k, start = Value(0.4), 0.3

    def logistic(x: float) -> Any:
        y = x + 0.0 * k
        for _ in range(400):
            y = k * y * (1.0 - y) + (y * k).sin() * 0.1
        return y

    exported = micrograd.export(logistic, start, to="numpy")
    assert float(exported.load()(exported.parameters, start)) == pytest.approx(
        logistic(start).data, rel=1e-12
    )
