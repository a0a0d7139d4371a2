"""What modules hold and how it is read: a change of any of it is seen at the next call."""

from __future__ import annotations

import collections
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks_of_compiled import eager_step

import micrograd
from micrograd import Value, manual_seed, nn, optim, tensor

X = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]]


class Own(nn.Module):
    """Modules in all that holds some, which only iteration, keys and indices reach."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
        self.row = nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(0.1), nn.LayerNorm(2))
        self.list = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.dict = nn.ModuleDict({"x": nn.Linear(2, 2)})

    def forward(self, x: Any) -> Any:
        x = self.row(self.b(self.a(x)))
        for layer in self.list:
            x = layer(x)
        return self.dict["x"](x)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "a layer of a row": lambda m: m.row.__setitem__(0, m.a),
    "one more in a row": lambda m: m.row.append(nn.Tanh()),
    "a slope": lambda m: setattr(m.row[1], "negative_slope", 0.5),
    "eps": lambda m: setattr(m.row[2], "eps", 0.5),
    "a weight shared": lambda m: setattr(m.list[0], "weight", m.list[1].weight),
    "layers of a list": lambda m: m.list.__setitem__(0, m.list[1]),
    "one more in a list": lambda m: m.list.append(m.b),
    "a layer of a dict": lambda m: m.dict.__setitem__("x", m.b),
    "a hook": lambda m: m.b.register_forward_hook(lambda module, x, y: y * 2),
    "frozen": lambda m: m.a.requires_grad_(False),
    "a parameter frozen": lambda m: setattr(m.list[1].weight, "requires_grad", False),
}


def trained(change: Callable[[Any], Any], when: int, step: Callable[..., Any]) -> list[float]:
    manual_seed(0)
    model = Own()
    adam = optim.Adam(model.parameters(), lr=0.05)

    def loss(x: Any) -> Any:
        return ((model(tensor(x)) - 1.0) ** 2).mean()

    run, numbers = step(loss, adam), []
    for k in range(when + 3):
        if k == when:
            change(model)
        numbers.append(float(run(X)))
    for p in adam.param_groups[0]["params"]:
        numbers += np.ravel(p.detach().numpy()).tolist()
    return numbers


@pytest.mark.parametrize("when", [1, 3])
@pytest.mark.parametrize("what", CHANGES)
def test_changes_in_modules_are_seen_at_the_next_call(what: str, when: int, backend: str) -> None:
    def compiled(loss: Any, adam: optim.Optimizer) -> Any:
        return micrograd.compile(loss, optimizer=adam, backend=backend).step

    def eager(loss: Any, adam: optim.Optimizer) -> Any:
        return lambda x: eager_step(loss, adam, x)

    mine, theirs = (trained(CHANGES[what], when, step) for step in (compiled, eager))
    np.testing.assert_allclose(mine, theirs, 1e-9, 1e-12)


def test_what_is_frozen_in_the_optimiser_is_compiled_all_the_same(backend: str) -> None:
    model = Own()
    model.a.requires_grad_(False)
    adam = optim.Adam(model.parameters(), lr=0.05)
    before = model.a.weight.detach().numpy().copy()
    f = micrograd.compile(lambda x: model(tensor(x)).sum(), optimizer=adam, backend=backend)
    for _ in range(3):
        f.step(X)
    assert f.report().kernels > 0
    np.testing.assert_array_equal(model.a.weight.detach().numpy(), before)


class Reads:
    def __init__(self) -> None:
        self.w = Value(0.5)
        self.rate1 = 0.3
        self.listed = collections.UserList([0.3])
        self.chained = collections.ChainMap({"a": 0.3})
        self.module = types.ModuleType("made_by_hand")
        self.module.rate = 0.3  # type: ignore[attr-defined]


READS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "a made name": (lambda o: getattr(o, f"rate{1}"), lambda o: setattr(o, "rate1", 0.9)),
    "vars": (lambda o: vars(o)["rate1"], lambda o: setattr(o, "rate1", 0.9)),
    "__dict__": (lambda o: o.__dict__["rate1"], lambda o: setattr(o, "rate1", 0.9)),
    "UserList": (lambda o: o.listed[0], lambda o: o.listed.__setitem__(0, 0.9)),
    "ChainMap": (lambda o: o.chained["a"], lambda o: o.chained.__setitem__("a", 0.9)),
    "a module": (lambda o: o.module.rate, lambda o: setattr(o.module, "rate", 0.9)),
}


@pytest.mark.parametrize("when", [1, 4])
@pytest.mark.parametrize("how", READS)
def test_however_it_is_read(how: str, when: int) -> None:
    read, change = READS[how]
    o = Reads()
    f = micrograd.compile(lambda x: (o.w * x - read(o)) ** 2, backend="numpy")
    for k in range(when + 2):
        if k == when:
            change(o)
        assert f(2.0 + k) == pytest.approx((0.5 * (2.0 + k) - read(o)) ** 2, rel=1e-12)


def test_a_compiled_function_within_reach_is_the_function_only() -> None:
    w = Value(0.5)
    net = types.SimpleNamespace(run=lambda x: w * x, rate=0.3)
    net.step = micrograd.compile(lambda x: (net.run(x) - net.rate) ** 2, backend="numpy")
    f = micrograd.compile(lambda x: net.step(x) + net.rate, backend="numpy")
    for k in range(6):
        assert net.step(1.0 * k) == pytest.approx((0.5 * k - 0.3) ** 2)
        assert f(1.0 * k) == pytest.approx((0.5 * k - 0.3) ** 2 + 0.3)
    assert len(f._decisions) == len(net.step._decisions) == 1


def test_hooks_of_parameters_are_refused(backend: str) -> None:
    layer = nn.Linear(2, 1)
    sgd = optim.SGD(layer.parameters(), lr=0.1)
    f = micrograd.compile(lambda x: layer(tensor(x)).sum(), optimizer=sgd, backend=backend)
    f.step(X)
    handle = layer.weight.register_hook(lambda g: 2 * g)
    for run in (f.step, f.value_and_grad):
        with pytest.raises(micrograd.CompileError, match="register_hook"):
            run(X)
    handle.remove()
    f.step(X)


def test_a_hook_of_what_the_first_call_meets_is_refused() -> None:
    w = micrograd.tensor([2.0, 3.0], requires_grad=True)
    w.register_hook(lambda g: g * 0)
    f = micrograd.compile(lambda x: (w * x).sum())
    for _ in range(3):
        with pytest.raises(micrograd.CompileError, match="register_hook"):
            f.value_and_grad(1.0)


def test_the_gradient_of_what_is_frozen_is_0(backend: str) -> None:
    manual_seed(0)
    model = nn.Linear(2, 1)

    def loss(x: Any) -> Any:
        return (model(tensor(x)) ** 2).mean()

    f = micrograd.compile(loss, backend=backend)
    for trained in (True, True, False, False, True, False):
        model.weight.requires_grad_(trained)
        gradient = f.value_and_grad(X)[1]
        for p in model.parameters():
            p.grad = None
        loss(X).backward()
        wanted = model.weight.grad.numpy().ravel() if trained else [0.0, 0.0]
        np.testing.assert_allclose(gradient, [*wanted, model.bias.grad.item()], 1e-12)
