"""SGD against torch over 100 steps, for every combination of its options; groups and errors."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from micrograd import MicrogradError, Value, nn, optim, tensor

STEPS = 100
COMBINATIONS = [
    {"momentum": momentum, "dampening": dampening, "weight_decay": decay, "nesterov": nesterov}
    for momentum, dampening, decay, nesterov in itertools.product(
        (0, 0.9), (0, 0.3), (0, 0.01), (False, True)
    )
    if not nesterov or (momentum > 0 and dampening == 0)
]


def twins() -> tuple[nn.Module, torch.nn.Module]:
    """A small network on both libraries, with the same parameters."""
    random.seed(3)
    mine = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)
    ).double()
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in mine.state_dict().items()})
    return mine, theirs


def losses(mine: nn.Module, theirs: torch.nn.Module) -> Iterator[tuple[Any, Any]]:
    """The same batches for both, their gradients computed."""
    rng = np.random.default_rng(0)
    while True:
        x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
        a = nn.MSELoss()(mine(tensor(x)), tensor(y))
        b = torch.nn.MSELoss()(theirs(torch.tensor(x)), torch.tensor(y))
        a.backward()
        b.backward()
        yield a, b


def assert_same_parameters(mine: nn.Module, theirs: torch.nn.Module) -> None:
    p = np.concatenate([p.numpy().ravel() for p in mine.parameters()])
    q = np.concatenate([q.detach().numpy().ravel() for q in theirs.parameters()])
    assert np.abs(p - q).max() <= 1e-11 * np.abs(p).max()


@pytest.mark.parametrize("options", COMBINATIONS, ids=str)
def test_sgd_is_torchs(options: dict[str, Any]) -> None:
    mine, theirs = twins()
    ours = optim.SGD(mine.parameters(), lr=0.05, **options)
    reference = torch.optim.SGD(theirs.parameters(), lr=0.05, **options)
    before = mine.state_dict()
    for _ in zip(range(STEPS), losses(mine, theirs), strict=False):
        ours.step()
        reference.step()
        ours.zero_grad()
        reference.zero_grad()
    assert_same_parameters(mine, theirs)
    assert any(np.abs(p - before[k]).max() > 0.01 for k, p in mine.state_dict().items())


def test_gradients_add_up_without_zero_grad() -> None:
    mine, theirs = twins()
    ours, reference = (
        optim.SGD(mine.parameters(), 0.01),
        torch.optim.SGD(theirs.parameters(), 0.01),
    )
    for _ in zip(range(10), losses(mine, theirs), strict=False):
        ours.step()
        reference.step()
    assert_same_parameters(mine, theirs)


def test_the_learning_rate_is_set_between_steps() -> None:
    mine, theirs = twins()
    ours = optim.SGD(mine.parameters(), lr=0.1, momentum=0.9)
    reference = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for step, _ in zip(range(20), losses(mine, theirs), strict=False):
        ours.lr = reference.param_groups[0]["lr"] = 0.1 / (step + 1)
        ours.step()
        reference.step()
        ours.zero_grad()
        reference.zero_grad()
    assert ours.lr == ours.param_groups[0]["lr"] == 0.1 / 20
    assert_same_parameters(mine, theirs)


def test_groups_have_options_of_their_own() -> None:
    mine, theirs = twins()
    pairs = []
    for model, library in ((mine, optim), (theirs, torch.optim)):
        groups = [
            {"params": model[0].parameters(), "lr": 0.02, "momentum": 0.5},
            {"params": [model[2].weight]},
        ]
        optimizer = library.SGD(groups, lr=0.1, weight_decay=0.01)
        optimizer.add_param_group({"params": model[2].bias, "nesterov": True, "momentum": 0.9})
        pairs.append(optimizer)
    for _ in zip(range(20), losses(mine, theirs), strict=False):
        for optimizer in pairs:
            optimizer.step()
            optimizer.zero_grad()
    assert_same_parameters(mine, theirs)
    assert [g["lr"] for g in pairs[0].param_groups] == [0.02, 0.1, 0.1]
    assert pairs[0].lr == 0.02
    pairs[0].lr = 0.3
    assert [g["lr"] for g in pairs[0].param_groups] == [0.3, 0.3, 0.3]


def test_parameters_without_a_gradient_are_skipped() -> None:
    """Not even weight decay moves them, as in torch; a gradient of 0 is a gradient."""
    used, unused = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = optim.SGD([used, unused], lr=0.1, weight_decay=0.5, momentum=0.9)
    (used * 0).sum().backward()
    optimizer.step()
    assert used.item() == 1.0 - 0.1 * 0.5
    assert unused.item() == 1.0
    unused.grad = [0.0]
    optimizer.step()
    assert unused.item() == 1.0 - 0.1 * 0.5
    optimizer.zero_grad()
    assert (used.grad, unused.grad) == (None, None)


def test_single_values_and_karpathys_modules() -> None:
    v = Value(3.0)
    optimizer = optim.SGD([v], lr=0.5)
    (v * v).backward()
    optimizer.step()
    assert v.data == 0.0
    model = nn.MLP(2, [2, 1])
    optim.SGD(model.parameters(), lr=0.1).step()
    optim.SGD(iter([v]), lr=0.1).step()


def test_data_stay_floats_when_options_are_numpys() -> None:
    v = Value(3.0)
    optimizer = optim.SGD(
        [v], lr=np.float64(0.5), momentum=np.float32(0.5), weight_decay=np.int64(1)
    )
    for _ in range(2):
        (v * v).backward()
        optimizer.step()
        assert type(v.data) is float


def test_planning_changes_nothing() -> None:
    v = Value(3.0)
    optimizer = optim.SGD([v], lr=0.5, momentum=0.9)
    (v * v).backward()
    (update,) = optimizer.updates()
    assert (update.value, update.direction, update.new) == (v, 6.0, 0.0)
    assert v.data == 3.0
    assert not optimizer.state
    optimizer.apply([update])
    assert v.data == 0.0
    assert optimizer.state[v] == {"momentum_buffer": 6.0}


def test_repr_shows_the_options() -> None:
    assert repr(optim.SGD([Value(1.0)], lr=0.5)) == (
        "SGD(lr=0.5, momentum=0, dampening=0, weight_decay=0, nesterov=False)"
    )


@pytest.mark.parametrize(
    ("params", "options", "error", "text"),
    [
        ([], {}, ValueError, "params is empty"),
        ([1.0], {}, TypeError, "params must be parameters, got float"),
        (Value(1.0), {}, TypeError, "params must be a sequence of parameters, got Value"),
        (nn.Parameter([1.0]), {}, TypeError, "params must be a sequence .*, got Parameter"),
        (3, {}, TypeError, "params must be a sequence of parameters, got int"),
        (nn.Linear(1, 1), {}, TypeError, r"got Linear: pass model\.parameters\(\)$"),
        (nn.Linear(1, 1).named_parameters(), {}, TypeError, r"parameters\(\), without the names$"),
        ([(1.0, 2.0)], {}, TypeError, "got tuple$"),
        ([Value(1.0), ("w", 1, 2)], {}, TypeError, "got tuple$"),
        ([Value(1.0) * 2], {}, ValueError, "params must be leaves"),
        ([Value(1.0)], {"lr": -1.0}, ValueError, "lr must be 0 or more, got -1.0"),
        ([Value(1.0)], {"lr": float("nan")}, ValueError, "lr must be 0 or more, got nan"),
        ([Value(1.0)], {"lr": "0.1"}, TypeError, "lr must be a number, got str: '0.1'"),
        ([Value(1.0)], {"momentum": None}, TypeError, "momentum must be a number, got NoneType"),
        ([Value(1.0)], {"dampening": "x"}, TypeError, "dampening must be a number, got str"),
        ([Value(1.0)], {"weight_decay": -1}, ValueError, "weight_decay must be 0 or more"),
        ([Value(1.0)], {"momentum": -0.1}, ValueError, "momentum must be 0 or more"),
        ([Value(1.0)], {"nesterov": True}, ValueError, "nesterov needs momentum above 0"),
        (
            [Value(1.0)],
            {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
            ValueError,
            "got momentum=0.9, dampening=0.1",
        ),
    ],
)
def test_errors(params: Any, options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        optim.SGD(params, **{"lr": 0.1, **options})
    assert isinstance(caught.value, MicrogradError)


def test_the_same_parameter_twice_is_refused() -> None:
    v = Value(1.0)
    with pytest.raises(MicrogradError, match="same parameter twice"):
        optim.SGD([v, v])
    optimizer = optim.SGD([v])
    with pytest.raises(MicrogradError, match="same parameter twice"):
        optimizer.add_param_group({"params": [Value(2.0), v]})
    assert len(optimizer.param_groups) == 1


def test_a_bad_rate_is_refused_and_nothing_changes() -> None:
    optimizer = optim.SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)], "lr": 0.2}], lr=0.1)
    for rate in (-1.0, float("nan"), "fast"):
        with pytest.raises(MicrogradError, match="lr must be"):
            optimizer.lr = rate
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.2]


def test_parameters_after_one_that_was_not_reached_are_updated() -> None:
    first, unreached, last = Value(1.0), Value(2.0), Value(3.0)
    sgd = optim.SGD([first, unreached, last], lr=0.5)
    (first * last).backward()
    sgd.step()
    assert (first.data, unreached.data, last.data) == (-0.5, 2.0, 2.5)


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("of_model", [True, False])
def test_zero_grad_is_torchs(set_to_none: bool, of_model: bool) -> None:
    """With zeros in place of none, momentum moves on; of a Value as of an array."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.array, self.value = nn.Parameter([1.0, -2.0]), Value(0.5)

        def parameters(self) -> list:  # as Karpathy's classes have it
            return [self.array, self.value]

    model = Both()
    theirs = [torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor(0.5).double()]
    own = [model.array, model.value]
    a = optim.SGD(own, lr=0.1, momentum=0.9)
    b = torch.optim.SGD([p.requires_grad_() for p in theirs], lr=0.1, momentum=0.9)
    ((model.array**2).sum() + model.value**3).backward()
    ((theirs[0] ** 2).sum() + theirs[1] ** 3).backward()
    for _ in range(4):
        a.step()
        b.step()
        assert model.array.tolist() == pytest.approx(theirs[0].tolist(), rel=1e-14)
        assert model.value.data == pytest.approx(theirs[1].item(), rel=1e-14)
        (model if of_model else a).zero_grad(set_to_none)
        b.zero_grad(set_to_none)
        assert (model.array.grad is None) is set_to_none
        assert model.value.grad == 0
