"""State that a function writes and reads again: running means, as after eager calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import Value, nn, no_grad, optim, tensor, zeros
from micrograd.errors import CompileError

WAYS = ("step", "call", "value_and_grad")


class Slotted:
    __slots__ = ("mean",)

    def __init__(self) -> None:
        self.mean = 0.25


def attribute(w: Value) -> tuple[Any, Callable[[], Any]]:
    kept = SimpleNamespace(mean=0.25)

    def loss(x: float) -> Value:
        z = w * x
        kept.mean = 0.9 * kept.mean + 0.1 * z.data
        return (z - kept.mean) ** 2

    return loss, lambda: kept.mean


def entry(w: Value) -> tuple[Any, Callable[[], Any]]:
    kept = {"mean": 0.25, "square": 1.0, "last": None}

    def loss(x: float) -> Value:
        z = w * x
        kept["mean"] = 0.9 * kept["mean"] + 0.1 * z.data
        kept["square"] = max(kept["square"], z.data**2)
        kept["last"] = x
        return (z - kept["mean"]) ** 2 / kept["square"]

    return loss, lambda: [kept["mean"], kept["square"], kept["last"] or 0.0]


def slot(w: Value) -> tuple[Any, Callable[[], Any]]:
    kept = Slotted()

    def loss(x: float) -> Value:
        z = w * x
        kept.mean += 0.1 * (z.data - kept.mean)
        return (z - kept.mean) ** 2

    return loss, lambda: kept.mean


def variable(w: Value) -> tuple[Any, Callable[[], Any]]:
    mean = 0.25

    def loss(x: float) -> Value:
        nonlocal mean
        z = w * x
        mean = 0.9 * mean + 0.1 * z.data
        return (z - mean) ** 2

    return loss, lambda: mean


def items(w: Value) -> tuple[Any, Callable[[], Any]]:
    kept = [0.25, 1.0, 3.0]

    def loss(x: float) -> Value:
        z = w * x
        kept[0] = 0.9 * kept[0] + 0.1 * z.data * kept[2]
        kept[1] = kept[0] + 1.0
        return (z - kept[1]) ** 2

    return loss, lambda: list(kept)


def from_none(w: Value) -> tuple[Any, Callable[[], Any]]:
    kept = SimpleNamespace(mean=None)

    def loss(x: float) -> Value:
        z = w * x
        kept.mean = z.data if kept.mean is None else 0.9 * kept.mean + 0.1 * z.data
        return (z - 0.5 * kept.mean) ** 2

    return loss, lambda: kept.mean


def leaf(w: Value) -> tuple[Any, Callable[[], Any]]:
    mean, count = Value(0.25), Value(0.0)

    def loss(x: float) -> Value:
        z = w * x
        count.data = count.data + 1
        mean.data = mean.data + (z.data - mean.data) / count.data
        return (z - mean.data) ** 2

    return loss, lambda: [mean.data, count.data]


def counted(w: Value) -> tuple[Any, Callable[[], Any]]:
    kept = {"mean": 0.0, "calls": 0.0, "scale": 1.0}

    def loss(x: float) -> Value:
        z = w * x
        kept["calls"] += 1.0
        kept["mean"] += (z.data - kept["mean"]) / kept["calls"]
        kept["scale"] = 2.0
        return (z - kept["mean"]) ** 2 * kept["scale"]

    return loss, lambda: list(kept.values())


def normalised(w: Value) -> tuple[Any, Callable[[], Any]]:
    mean, square = [0.0], [1.0]

    def loss(x: float) -> Value:
        mean[0] = 0.9 * mean[0] + 0.1 * x
        square[0] = 0.9 * square[0] + 0.1 * (x - mean[0]) ** 2
        return (w * (x - mean[0]) / math.sqrt(square[0] + 1e-5) - 1) ** 2

    return loss, lambda: [mean[0], square[0]]


def largest(w: Value) -> tuple[Any, Callable[[], Any]]:
    kept = SimpleNamespace(largest=0.0)

    def loss(x: float) -> Value:
        z = (w * x - 1) ** 2
        if z.data > kept.largest:
            kept.largest = z.data
        return z / (1 + kept.largest)

    return loss, lambda: kept.largest


KINDS = (attribute, entry, slot, variable, items, from_none, leaf, counted, normalised, largest)


def as_eager(kind: Any, way: str, backend: str, inputs: list[float]) -> Any:
    """What is kept after compiled calls, which is what it is after eager ones."""
    pairs = []
    for _ in range(2):
        w = Value(0.5)
        loss, kept = kind(w)
        pairs.append((w, loss, kept, optim.SGD([w], lr=0.05)))
    (w, loss, kept, sgd), (v, eager, expected, other) = pairs
    f = micrograd.compile(loss, optimizer=sgd, backend=backend)
    for x in inputs:
        found = f(x) if way == "call" else getattr(f, way)(x)
        other.zero_grad()
        value = eager(x)
        if way != "call":
            value.backward()
        if way == "step":
            other.step()
        if way == "value_and_grad":
            found, gradient = found
            np.testing.assert_allclose(gradient, [v.grad], rtol=1e-10)
        assert found == pytest.approx(value.data, rel=1e-11, nan_ok=True)
        np.testing.assert_allclose(kept(), expected(), rtol=1e-11)
        assert {*map(type, np.ravel(kept()).tolist())} == {float}
    assert w.data == pytest.approx(v.data, rel=1e-11)
    return f


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_eager_calls_make_it(kind: Any, way: str, backend: str) -> None:
    f = as_eager(kind, way, backend, [0.1 * (k % 7) - 0.2 for k in range(50)])
    assert len(f._decisions) <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_call_that_is_not_finite_and_changes_by_hand(kind: Any, backend: str) -> None:
    as_eager(kind, "call", backend, [0.5, 0.25, 0.1, math.inf, 0.5, 0.25])


def test_numbers_that_are_set_by_hand_are_read(backend: str) -> None:
    w, kept = Value(0.5), SimpleNamespace(mean=0.0)

    def loss(x: float) -> Value:
        kept.mean = 0.5 * kept.mean + (w * x).data
        return w * kept.mean

    f = micrograd.compile(loss, backend=backend)
    for k in range(12):
        kept.mean = 1.0 * k
        assert f(2.0) == 0.5 * (0.5 * k + 1)
        assert kept.mean == 0.5 * k + 1
    kept.mean = 3
    assert f(2.0) == 0.5 * 2.5


def network(seed: int = 3) -> nn.Module:
    micrograd.manual_seed(seed)
    layers = nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)
    return nn.Sequential(*layers)


def kept_by(model: Any) -> list[float]:
    norm = model[1]
    numbers = norm.running_mean.tolist() + norm.running_var.tolist()
    return [*numbers, norm.num_batches_tracked.item()]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("momentum", [0.1, None])
def test_batch_norm_in_training_and_then_not(
    way: str, momentum: float | None, backend: str
) -> None:
    rng = np.random.default_rng(0)
    data = [(rng.normal(size=(n, 3)), rng.normal(size=n)) for n in [5, 6] * 25]
    model, shadow = network(), network()
    sides = []
    for m in (model, shadow):
        m[1].momentum = momentum

        def loss(x: Any, y: Any, m: Any = m) -> Any:
            return ((m(tensor(x)).reshape(-1) - tensor(y)) ** 2).mean()

        sides.append((loss, optim.SGD(m.parameters(), lr=0.05, momentum=0.9)))
    (mine, sgd), (theirs, other) = sides
    f = micrograd.compile(mine, optimizer=sgd, backend=backend)

    def both(x: Any, y: Any) -> None:
        found = f(x, y) if way == "call" else getattr(f, way)(x, y)
        other.zero_grad()
        value = theirs(x, y)
        if way != "call":
            value.backward()
        if way == "step":
            other.step()
        found = found[0] if way == "value_and_grad" else found
        assert found == pytest.approx(value.item(), rel=1e-9)
        np.testing.assert_allclose(kept_by(model), kept_by(shadow), rtol=1e-9)

    for x, y in data:
        both(x, y)
    model.eval()
    shadow.eval()
    before = kept_by(model)
    for x, y in data[:4]:
        both(x, y)
    assert kept_by(model) == before
    model.train()
    shadow.train()
    for x, y in data[:6]:
        both(x, y)
    assert kept_by(model)[-1] == before[-1] + 6


def test_state_dicts_have_what_compiled_steps_have_made(backend: str) -> None:
    model = network()
    sgd = optim.SGD(model.parameters(), lr=0.05)
    f = micrograd.compile(lambda x: (model(tensor(x)) ** 2).mean(), optimizer=sgd, backend=backend)
    rng = np.random.default_rng(1)
    for _ in range(5):
        f.step(rng.normal(size=(4, 3)))
    other = network(4)
    other.load_state_dict(model.state_dict())
    assert kept_by(other) == kept_by(model)
    model.load_state_dict(network(5).state_dict())  # and it goes on from what is loaded
    f.step(rng.normal(size=(4, 3)))
    assert kept_by(model)[-1] == 1


def test_a_refused_call_leaves_leaves_as_they_are(backend: str) -> None:
    mean, w = Value(0.5), Value(2.0)

    def used(x: float) -> Value:
        mean.data = 0.5 * mean.data + x
        return mean * w * x

    def of_trained(x: float) -> Value:
        w.data = 0.5 * w.data
        return w * x

    def of_made(x: float) -> Value:
        y = w * x
        y.data = 2.0
        return y

    def to_a_value(x: float) -> Value:
        mean.data = w * x
        return w * x

    def on_one_side(x: float) -> Value:
        if x > 0:
            mean.data = x
        else:
            mean.data = -x
        return w * x

    cases = ((used, "operand"), (of_trained, "optimiser"), (of_made, "optimiser"),
             (to_a_value, "set to a Value"))  # fmt: skip
    for fn, words in cases:
        f = micrograd.compile(fn, optimizer=optim.SGD([w], lr=0.1), backend=backend)
        with pytest.raises(CompileError, match=words):
            f(1.5)
        assert (mean.data, w.data) == (0.5, 2.0)
    f = micrograd.compile(on_one_side, optimizer=optim.SGD([w], lr=0.1), backend=backend)
    for x in (1.0, -2.0, 3.0):
        assert f(x) == w.data * x
        assert mean.data == abs(x)


def test_a_batch_refuses_it(backend: str) -> None:
    mean, w = Value(0.5), Value(2.0)

    def loss(x: float) -> Value:
        mean.data = 0.5 * mean.data + x
        return w * x - mean.data

    f = micrograd.compile(loss, batch=True, backend=backend)
    with pytest.raises(CompileError, match="batch=True"):
        f([1.0, 2.0])
    assert mean.data == 0.5


def test_different_leaves_for_different_integers(backend: str) -> None:
    counts, w = [Value(0.0) for _ in range(4)], [Value(0.1 * k) for k in range(4)]

    def loss(i: int) -> Value:
        counts[i].data = counts[i].data + 1
        return w[i] ** 2

    f = micrograd.compile(loss, backend=backend)
    try:
        for i in (0, 1, 2, 1):
            f(i)
    except CompileError:
        assert [c.data for c in counts] in ([0.0] * 4, [1.0, 0.0, 0.0, 0.0])
    else:
        assert [c.data for c in counts] == [1.0, 2.0, 1.0, 0.0]


def test_exports_refuse_it() -> None:
    model = network()
    f = micrograd.compile(lambda x: (model(tensor(x)) ** 2).mean())
    x = np.ones((4, 3)) * [[1], [2], [3], [5]]
    f(x)
    before = kept_by(model)
    for to in ("numpy", "c"):
        with pytest.raises(CompileError, match="next call reads"):
            micrograd.export(f, to=to)
    assert kept_by(model) == before


WRITES = {
    "in place": lambda ema, p: ema.data.mul_(0.9).add_(0.1 * p.data),
    "assigned": lambda ema, p: setattr(ema, "data", 0.9 * ema.data + 0.1 * p.data),
    "detached": lambda ema, p: ema.detach().sub_(0.1 * (ema.data - p.data)),
}


@pytest.mark.parametrize("how", WRITES)
def test_numbers_written_through_data_are_those_of_each_call(how: str, backend: str) -> None:
    def trained(compiled: bool) -> list[Any]:
        micrograd.manual_seed(1)
        model, average = nn.Linear(2, 1), nn.Linear(2, 1).requires_grad_(False)
        mean = micrograd.zeros(2)
        sgd = optim.SGD(model.parameters(), lr=0.1)

        def loss(x: Any, y: Any) -> Any:
            made = ((model(x) - y) ** 2).sum()
            with micrograd.no_grad():
                mean.data.mul_(0.9).add_(0.1 * x[0])
                for ema, p in zip(average.parameters(), model.parameters(), strict=True):
                    WRITES[how](ema, p)
            return made

        f = micrograd.compile(loss, optimizer=sgd, backend=backend)
        for k in range(6):
            x, y = micrograd.tensor([[1.0 + k, 2.0 - 0.2 * k]]), micrograd.tensor([[3.0]])
            if compiled:
                f.step(x, y)
                continue
            sgd.zero_grad()
            loss(x, y).backward()
            sgd.step()
        return [*mean.tolist(), *(p.tolist() for p in (*average.parameters(), model.weight))]

    mine, theirs = trained(compiled=True), trained(compiled=False)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


class Smoothed:
    """A line whose outputs are compared with their running mean."""

    def __init__(self) -> None:
        self.w = tensor([0.5, -0.3], requires_grad=True)
        self.mean = zeros(2)
        self.means = [Value(0.0), Value(1.0)]

    def another_value(self, x: float) -> Any:
        z = (self.w * x).sum()
        self.means[1] = Value(0.9 * self.means[1].data + 0.1)
        return (z - self.means[1]) ** 2

    def anew(self, x: float) -> Any:
        z = self.w * x
        self.mean = 0.9 * self.mean + 0.1 * z.detach()
        return ((z - self.mean) ** 2).sum()

    def in_place(self, x: float) -> Any:
        z = self.w * x
        with no_grad():
            self.mean.mul_(0.9).add_(0.1 * z.detach())
        return ((z - self.mean) ** 2).sum()

    def by_entry(self, x: float) -> Any:
        z = self.w * x
        self.mean[0] = 0.9 * self.mean[0] + 0.1 * z[0].detach()
        return ((z - self.mean) ** 2).sum()

    def numbers(self, x: float) -> Any:
        z = self.w * x
        self.mean.data = 0.9 * self.mean.data + 0.1 * z.data
        self.means[1].data = 0.9 * self.means[1].data + 0.1 * x
        return ((z - self.mean.data) ** 2).sum() + self.means[1].data


@pytest.mark.parametrize(
    ("how", "name"),
    [("anew", "mean"), ("in_place", "mean"), ("by_entry", "mean"), ("another_value", "means")],
)
def test_other_values_as_state_are_refused_with_what_to_write(how: str, name: str) -> None:
    model = Smoothed()
    f = micrograd.compile(getattr(model, how), optimizer=optim.SGD([model.w], lr=0.1))
    said = rf"into self\.{name}, which(.|\n)*`self\.{name}\.data = 0\.9"
    with pytest.raises(CompileError, match=said):
        [f.step(x) for x in (0.5, 1.0, 2.0)]


def test_what_is_to_be_written_in_place_of_other_values_is_what_it_is_eagerly() -> None:
    model, shadow = Smoothed(), Smoothed()
    f = micrograd.compile(model.numbers, optimizer=optim.SGD([model.w], lr=0.1))
    sgd = optim.SGD([shadow.w], lr=0.1)
    for x in (0.5, 1.0, 2.0, -1.0, 0.3):
        sgd.zero_grad()
        loss = shadow.numbers(x)
        loss.backward()
        sgd.step()
        assert f.step(x) == pytest.approx(loss.item())
        assert model.mean.tolist() == pytest.approx(shadow.mean.tolist())
        assert model.means[1].data == pytest.approx(shadow.means[1].data)


def test_a_buffer_that_is_assigned_anew_is_named_where_types_are_asked_for() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(1, 2)
            self.register_buffer("ema", zeros(2))

        def forward(self, x: Any) -> Any:
            z = self.linear(tensor([x]) if isinstance(x, float) else tensor([1.0 * x]))
            self.ema = 0.9 * self.ema + 0.1 * z.detach()
            return (z - self.ema).sum()

    layer = Layer()
    f = micrograd.compile(lambda x: layer(x), optimizer=optim.SGD(layer.parameters(), lr=0.1))
    with pytest.raises(CompileError, match=r"layer.ema.data = 0.9"):
        [f.step(x) for x in (0.5, 1.0, 2.0)]
