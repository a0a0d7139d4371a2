"""Recurrences are exported as loops, forwards and backwards."""

from __future__ import annotations

import random
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recurrences import ANY_LENGTH, RECURRENCES, numbers, recurrence

import micrograd
from micrograd import Value
from micrograd.exporting.loops import rolled
from micrograd.exporting.loops.plan import NoLoops
from micrograd.exporting.loops.turns import find_turns
from micrograd.exporting.subject import subject_of
from micrograd.nn import MLP

QUICK = ["kalman", "recurrent", "hidden_markov"]
TURN = {"numpy": "for t in range(", "torch": "for t in range(", "jax": "jax.lax.scan(turn"}


@pytest.mark.some(5)
@pytest.mark.parametrize("name", RECURRENCES)
def test_numpy_has_a_loop_and_one_back(name: str) -> None:
    f, inputs = recurrence(name)
    source = micrograd.export(f, *inputs).source  # it has agreed with eager
    layers = 2 if "two layers" in name else 1
    assert source.count("for t in range(") == 2 * layers
    assert source.count("for t in reversed(range(") == layers
    assert source.count("\n") < 150


@pytest.mark.parametrize(("name", "to"), [("kalman", "torch")])
def test_other_targets_have_one(name: str, to: str) -> None:
    pytest.importorskip(to)
    f, inputs = recurrence(name)
    assert TURN[to] in micrograd.export(f, *inputs, to=to).source


@pytest.mark.long
@pytest.mark.parametrize("to", ["torch", "jax"])
@pytest.mark.parametrize("name", RECURRENCES)
def test_all_of_them_in_other_targets(name: str, to: str) -> None:
    pytest.importorskip(to)
    f, inputs = recurrence(name)
    assert TURN[to] in micrograd.export(f, *inputs, to=to).source


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.long) for n in ANY_LENGTH],
)
def test_it_takes_other_lengths(name: str) -> None:
    f, inputs = recurrence(name)
    exported = micrograd.export(f, *inputs)
    assert "range(n)" in exported.source
    longer = [x + x[:3] for x in inputs]
    expected = micrograd.compile(f, backend="numpy")(*longer)
    arrays = [np.asarray(x) for x in longer]
    got = exported.load()(exported.parameters, *arrays)
    assert got == pytest.approx(expected, rel=1e-12)


def test_the_recurrent_network_is_what_one_derives() -> None:
    f, inputs = recurrence("recurrent")
    source = re.sub(r"  +#.*", "", micrograd.export(f, *inputs).source)
    for line in (
        "h = np.tanh(W @ X[t] + U @ h + b)",
        "h[t + 1] = np.tanh(W @ X[t] + U @ h[t] + b)",
        "dZ_2 = dh * (1 - h[t + 1] * h[t + 1])",
        "dW += np.outer(dZ_2, X[t])", "dU += np.outer(dZ_2, h[t])", "db += dZ_2", "dh = dZ_2 @ U",
    ):  # fmt: skip
        assert line in source


def test_names_are_those_of_the_program() -> None:
    f, inputs = recurrence("kalman")
    source = micrograd.export(f, *inputs).source
    for line in ("k = prior / s", "e = y[t] - m", "p = prior * (1 - k)"):
        assert line in source


def test_sums_over_samples_and_layers_are_no_loops() -> None:
    model = MLP(3, [3, 3, 3, 1])

    def loss(X, y):  # noqa: N803
        return sum((model(x) - t) ** 2 for x, t in zip(X, y, strict=True))

    subject = subject_of(loss, (np.ones((9, 3)), np.ones(9)))
    assert find_turns(subject.traced.recording) == []


def turns_of(f: Any, *inputs: Any) -> list[tuple[int, int, int]]:
    recording = subject_of(f, inputs).traced.recording
    return [(x.start, x.period, x.count) for x in find_turns(recording)]


def test_turns() -> None:
    w, u = Value(0.5), Value(0.4)

    def once(x):
        h = 0.1
        for v in x:
            h = (w * v + u * h).tanh()
        return h

    def twice(x):
        return once(x) * once([v * w for v in x])

    def late(x):
        first = (w * w).exp()
        h = first * u
        for v in x:
            h = (first * v + u * h).tanh()
        return h

    x = [0.1 * k for k in range(7)]
    assert turns_of(once, x) == [(0, 4, 7)]
    assert turns_of(twice, x) == [(0, 4, 7), (35, 4, 7)]
    assert turns_of(late, x) == [(3, 4, 7)]
    assert turns_of(once, x[:2]) == []  # two are none
    for f in (once, twice, late):
        assert "for t in range(" in micrograd.export(f, x).source


def test_what_cannot_be_rolled_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> Any:
        raise NoLoops

    f, inputs = recurrence("kalman")
    monkeypatch.setattr(rolled._Rolling, "program", refuse)
    exported = micrograd.export(f, *inputs)
    assert "for t" not in exported.source
    assert exported.load()(exported.parameters, *inputs) == pytest.approx(float(f(*inputs).data))


def test_a_wrong_loop_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    f, inputs = recurrence("smoothing")
    right = rolled.grown
    monkeypatch.setattr(rolled, "grown", lambda x, s: right(x * 2.0, s))
    assert "for t" not in micrograd.export(f, *inputs).source


@pytest.mark.long
def test_jax_scans_under_all_that_transforms() -> None:
    jax = pytest.importorskip("jax")
    f, (x, y) = recurrence("recurrent")
    exported = micrograd.export(f, x, y, to="jax")
    names: dict[str, Any] = {}
    exec(exported.source, names)
    loss = names["loss"]
    with jax.enable_x64(True):
        parameters = {k: jax.numpy.asarray(v) for k, v in exported.parameters.items()}
        expected = float(f(x, y).data)
        X, Y = np.asarray(x), np.asarray(y)  # noqa: N806
        assert float(loss(parameters, X, Y)) == pytest.approx(expected, rel=1e-12)
        both = jax.vmap(jax.jit(jax.grad(loss)), (None, 0, 0))(
            parameters, np.stack([X, X]), np.stack([Y, Y])
        )
        assert both["W"].shape == (2, 4, 3)
        longer = np.asarray(numbers(random.Random(0), 200, 3))
        text = str(jax.make_jaxpr(loss)(parameters, longer, np.zeros(200)))
        assert "scan" in text
        assert len(text) < 20_000


@pytest.mark.long
def test_the_table_of_targets_is_as_it_says() -> None:
    for module in ("jax", "torch", "onnxruntime"):
        pytest.importorskip(module)
    path = Path(__file__).parents[2] / "docs" / "exporting.py"
    names = runpy.run_path(str(path))
    text = names["PAGE"].read_text("utf-8")
    assert names["written"](text) == text, "run python docs/exporting.py"
