"""Adagrad, RMSprop, Adam, AdamW and the schedules against torch, over 100 steps."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from test_optim import assert_same_parameters, losses, twins

import micrograd
from micrograd import MicrogradError, Value, optim
from micrograd.optim import lr_scheduler

GRID: dict[str, dict[str, tuple[Any, ...]]] = {
    "Adagrad": {
        "lr_decay": (0, 0.1),
        "weight_decay": (0, 0.01),
        "initial_accumulator_value": (0, 0.5),
        "eps": (1e-10, 1e-3),
    },
    "RMSprop": {
        "alpha": (0.99, 0.5),
        "eps": (1e-8, 1e-3),
        "weight_decay": (0, 0.01),
        "momentum": (0, 0.9),
        "centered": (False, True),
    },
    "Adam": {
        "betas": ((0.9, 0.999), (0.5, 0.9), (0.0, 0.0)),
        "eps": (1e-8, 1e-3),
        "weight_decay": (0, 0.01),
        "amsgrad": (False, True),
    },
    "AdamW": {
        "betas": ((0.9, 0.999), (0.5, 0.9)),
        "weight_decay": (0, 0.01, 0.3),
        "amsgrad": (False, True),
    },
}
COMBINATIONS = [
    (name, dict(zip(grid, values, strict=True)))
    for name, grid in GRID.items()
    for values in itertools.product(*grid.values())
]


def several(name: str, options: dict[str, Any]) -> bool:
    """Whether several options, but not all, are other than the first of their values."""
    others = sum(value != GRID[name][key][0] for key, value in options.items())
    return 1 < others < len(options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(*case, id=str(case), marks=[pytest.mark.long] * several(*case))
        for case in COMBINATIONS
    ],
)
def test_parameters_after_100_steps_are_torchs(name: str, options: dict[str, Any]) -> None:
    mine, theirs = twins()
    ours = getattr(optim, name)(mine.parameters(), lr=0.01, **options)
    reference = getattr(torch.optim, name)(theirs.parameters(), lr=0.01, **options)
    before = mine.state_dict()
    for _ in zip(range(100), losses(mine, theirs), strict=False):
        ours.step()
        reference.step()
        ours.zero_grad()
        reference.zero_grad()
    assert_same_parameters(mine, theirs)
    assert any(np.abs(p - before[k]).max() > 0.01 for k, p in mine.state_dict().items())


@pytest.mark.parametrize("name", ["SGD", *GRID])
def test_defaults_are_torchs(name: str) -> None:
    ours = getattr(optim, name)([Value(1.0)]).defaults
    theirs = getattr(torch.optim, name)([torch.zeros(1)]).defaults
    assert ours == {key: theirs[key] for key in ours}


SCHEDULES = {
    "StepLR": {"step_size": 3, "gamma": 0.5},
    "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingLR": {"T_max": 7, "eta_min": 0.01},
    "LambdaLR": {"lr_lambda": lambda epoch: 1 / (1 + epoch)},
    "MultiStepLR": {"milestones": [5, 2, 2], "gamma": 0.5},
    "LinearLR": {"start_factor": 0.25, "end_factor": 0.75, "total_iters": 4},
    "ConstantLR": {"factor": 0.5, "total_iters": 3},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_torchs(name: str) -> None:
    ours = optim.SGD([{"params": [Value(1.0)], "lr": 0.3}, {"params": [Value(2.0)]}], lr=0.1)
    p, q = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    theirs = torch.optim.SGD([{"params": [p], "lr": 0.3}, {"params": [q]}], lr=0.1)
    mine = getattr(lr_scheduler, name)(ours, **SCHEDULES[name])
    reference = getattr(torch.optim.lr_scheduler, name)(theirs, **SCHEDULES[name])
    for _ in range(7):
        assert mine.get_last_lr() == pytest.approx(reference.get_last_lr(), rel=1e-12)
        theirs.step()
        mine.step()
        reference.step()
    rates, state = mine.get_last_lr(), mine.state_dict()
    mine.step(0)
    assert mine.get_last_lr() != rates
    mine.load_state_dict(state)
    assert (mine.get_last_lr(), mine.last_epoch) == (rates, 7)


CHAINS = [
    ("StepLR", "ExponentialLR"), ("LinearLR", "StepLR"), ("ExponentialLR", "CosineAnnealingLR"),
    ("ConstantLR", "MultiStepLR"), ("ExponentialLR", "LambdaLR"), ("LambdaLR", "StepLR"),
    ("StepLR",), ("CosineAnnealingLR",), ("LinearLR",),
]  # fmt: skip


@pytest.mark.parametrize("names", CHAINS, ids=str)
def test_schedules_go_on_from_a_rate_that_is_not_theirs_as_in_torch(names: tuple[str, ...]) -> None:
    ours = optim.SGD([Value(1.0)], lr=0.1)
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    mine = [getattr(lr_scheduler, name)(ours, **SCHEDULES[name]) for name in names]
    reference = [getattr(torch.optim.lr_scheduler, n)(theirs, **SCHEDULES[n]) for n in names]
    for k in range(6):
        if k == 3:  # by hand
            ours.param_groups[0]["lr"] = theirs.param_groups[0]["lr"] = 0.2
        theirs.step()
        for schedule in (*mine, *reference):
            schedule.step()
        assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12)
    resumed = optim.SGD([Value(1.0)], lr=0.1)
    again = [getattr(lr_scheduler, name)(resumed, **SCHEDULES[name]) for name in names]
    resumed.load_state_dict(ours.state_dict())
    for schedule, before in zip(again, mine, strict=True):
        schedule.load_state_dict(before.state_dict())
    for schedule in (*mine, *again):
        schedule.step()
    assert resumed.lr == pytest.approx(ours.lr, rel=1e-12)


PLATEAUS = [
    {"patience": 1},
    {"patience": 0, "factor": 0.5, "cooldown": 2},
    {"mode": "max", "patience": 2, "threshold": 0.2},
    {"mode": "max", "patience": 0, "threshold": 0.05, "threshold_mode": "abs"},
    {"patience": 0, "threshold": 0.1, "threshold_mode": "abs", "min_lr": 0.02},
    {"patience": 0, "factor": 0.5, "eps": 0.03},
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus_are_torchs(options: dict[str, Any]) -> None:
    drawn = np.random.default_rng(0)
    for _ in range(10):
        ours = optim.SGD([{"params": [Value(1.0)], "lr": 0.3}, {"params": [Value(2.0)]}], lr=0.1)
        p, q = torch.zeros(1), torch.zeros(1)
        theirs = torch.optim.SGD([{"params": [p], "lr": 0.3}, {"params": [q]}], lr=0.1)
        mine = lr_scheduler.ReduceLROnPlateau(ours, **options)
        reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
        for measure in np.round(drawn.uniform(0.5, 1.5, 20), 1):
            mine.step(Value(measure))
            reference.step(measure)
            assert mine.get_last_lr() == pytest.approx(reference.get_last_lr(), rel=1e-12)
            again = lr_scheduler.ReduceLROnPlateau(ours, **options)
            again.load_state_dict(mine.state_dict())
            assert vars(again) == vars(mine)
            mine = again


LATER = {
    **{name: SCHEDULES[name] for name in ("StepLR", "ExponentialLR", "CosineAnnealingLR")},
    "MultiStepLR": {"milestones": [1, 4], "gamma": 0.5},
    "LinearLR": {"total_iters": 6},
    "ConstantLR": {"total_iters": 4},
}


@pytest.mark.parametrize("name", LATER)
def test_a_group_that_is_added_later_goes_on_from_its_rate_as_in_torch(name: str) -> None:
    p, q = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    ours, theirs = optim.SGD([Value(1.0)], lr=0.3), torch.optim.SGD([p], lr=0.3)
    mine = getattr(lr_scheduler, name)(ours, **LATER[name])
    reference = getattr(torch.optim.lr_scheduler, name)(theirs, **LATER[name])
    for k in range(6):
        if k == 2:
            ours.add_param_group({"params": [Value(2.0)], "lr": 0.05})
            theirs.add_param_group({"params": [q], "lr": 0.05})
            if name == "CosineAnnealingLR":  # torch asks for as many initial rates as groups
                reference.base_lrs.append(0.05)
        theirs.step()
        mine.step()
        reference.step()
        rates = [group["lr"] for group in theirs.param_groups]
        assert mine.get_last_lr() == pytest.approx(rates, rel=1e-9)


@pytest.mark.parametrize("name", ["SGD", *GRID])
def test_training_goes_on_from_a_state_dict_as_if_nothing_had_been(name: str) -> None:
    options = {"momentum": 0.9} if name == "SGD" else {}
    mine, peer = twins()
    first = getattr(optim, name)(mine.parameters(), lr=0.01, **options)
    batches = losses(mine, peer)
    for _ in range(5):
        next(batches)
        first.step()
        first.zero_grad()
    other, other_peer = twins()
    other.load_state_dict(mine.state_dict())
    second = getattr(optim, name)(other.parameters(), lr=0.5, **options)
    second.load_state_dict(first.state_dict())
    assert second.lr == 0.01
    for model, optimizer, stream in ((mine, first, batches), (other, second, None)):
        stream = losses(model, peer if model is mine else other_peer)
        for _ in range(5):
            optimizer.zero_grad()
            next(stream)
            optimizer.step()
    for key, numbers in mine.state_dict().items():
        assert (numbers == other.state_dict()[key]).all()


@pytest.mark.parametrize("name", ["SGD", *GRID])
def test_maximize_goes_uphill_as_torchs(name: str) -> None:
    options = {"lr": 0.01, "weight_decay": 0.1, "maximize": True}
    a, b = Value(1.3), Value(1.3)
    q = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    mine, compiled = (getattr(optim, name)([v], **options) for v in (a, b))
    theirs = getattr(torch.optim, name)([q], **options)
    program = micrograd.compile(lambda x: (b * x - 1) ** 2, optimizer=compiled)
    for _ in range(3):
        mine.zero_grad()
        theirs.zero_grad()
        ((a * 2.0 - 1) ** 2).backward()
        ((q * 2.0 - 1) ** 2).backward()
        mine.step()
        theirs.step()
        program.step(2.0)
        assert a.data == pytest.approx(q.item(), rel=1e-12)
        assert b.data == a.data
    assert a.data > 1.3
    step = micrograd.record_step(lambda x: a * x, lambda o, y: (o - y) ** 2, mine, 2.0, 1.0)
    assert step.parameters[0].equations(())[0].text() == "u = -g"
    assert "maximize" in step.rule
    assert all(step.tables(language) for language in ("en", "zh"))


def test_state_has_torchs_names_and_shapes() -> None:
    mine, theirs = twins()
    ours = optim.Adam(mine.parameters(), amsgrad=True)
    reference = torch.optim.Adam(theirs.parameters(), amsgrad=True)
    next(losses(mine, theirs))
    ours.step()
    reference.step()
    a, b = ours.state_dict()["state"], reference.state_dict()["state"]
    assert a.keys() == b.keys()
    for i in a:
        assert a[i].keys() == b[i].keys()
        for key in a[i]:
            np.testing.assert_allclose(a[i][key], b[i][key].numpy(), rtol=1e-12)


BAD_STATES = [
    None,
    {},
    {"state": {}, "param_groups": []},
    {"state": {}, "param_groups": [{"params": [0]}]},
    {"state": {0: {"momentum_buffer": [1.0]}}, "param_groups": [{"params": [0, 1, 2, 3]}]},
    {"state": {}, "param_groups": [{"params": [0, 1, 2, 3], "lr": -1.0}]},
    {"state": {"x": {}}, "param_groups": [{"params": [0, 1, 2, 3]}]},
    {"state": {7: {}}, "param_groups": [{"params": [0, 1, 2, 3]}]},
    {"state": {0: {"momentum_buffer": "x"}}, "param_groups": [{"params": [0, 1, 2, 3]}]},
    {"state": {0: {"exp_avg": [1.0] * 6}}, "param_groups": [{"params": [0, 1, 2, 3]}]},
    {"state": {}, "param_groups": [{"params": [0, 1, 2, 3], "momentum": "x"}]},
    {"state": {}, "param_groups": [{"params": [0, 1, 2, 3], "momentum": 0.9}]},
]


@pytest.mark.parametrize("bad", BAD_STATES, ids=range(len(BAD_STATES)))
def test_a_bad_state_dict_changes_nothing(bad: Any) -> None:
    mine, theirs = twins()
    sgd = optim.SGD(mine.parameters(), lr=0.1, momentum=0.9)
    next(losses(mine, theirs))
    sgd.step()
    before = repr(sgd.state_dict())
    with pytest.raises(MicrogradError):
        sgd.load_state_dict(bad)
    assert repr(sgd.state_dict()) == before


@pytest.mark.parametrize("step", [False, True])
@pytest.mark.parametrize("mine", ["SGD", *GRID])
@pytest.mark.parametrize("other", ["SGD", *GRID])
def test_a_state_is_loaded_where_its_options_are(mine: str, other: str, step: bool) -> None:
    p = Value(1.0)
    given, target = (getattr(optim, name)([p], lr=0.1) for name in (other, mine))
    theirs = getattr(torch.optim, other)([torch.ones((), requires_grad=True)], lr=0.1)
    if step:
        p.backward()
        given.step()
    alike = set(given.defaults) == set(target.defaults)
    before = repr(target.state_dict())
    for state in (given.state_dict(), theirs.state_dict()):
        if alike:
            target.load_state_dict(state)
            assert target.param_groups[0].keys() == given.param_groups[0].keys()
        else:
            with pytest.raises(MicrogradError, match="of another optimiser"):
                target.load_state_dict(state)
            assert repr(target.state_dict()) == before


@pytest.mark.parametrize("mine", [*SCHEDULES, "ReduceLROnPlateau"])
@pytest.mark.parametrize("other", [*SCHEDULES, "ReduceLROnPlateau", "garbage", "nothing", "other"])
def test_a_schedule_loads_the_state_of_its_kind(mine: str, other: str) -> None:
    def schedule(name: str, groups: int = 1) -> Any:
        given = [{"params": [Value(1.0)]} for _ in range(groups)]
        options = SCHEDULES.get(name, {})
        return getattr(lr_scheduler, name)(optim.SGD(given, lr=0.1), **options)

    target = schedule(mine)
    before = (repr(target.state_dict()), target.optimizer.lr)
    if mine == other:
        state = target.state_dict()
        target.load_state_dict(state)
        kept = ("last_epoch", "base_lrs", "_last_lr", "best", "num_bad_epochs", "cooldown_counter")
        target.load_state_dict({k: x for k, x in state.items() if k in kept})
    else:
        states = {"garbage": {"zzz": 1}, "nothing": None}
        more = mine != "ReduceLROnPlateau"
        states["other"] = schedule(mine, 2).state_dict() if more else {"best": "x"}
        with pytest.raises(MicrogradError, match=f"not the state of a {mine}"):
            target.load_state_dict(
                states[other] if other in states else schedule(other).state_dict()
            )
    assert (repr(target.state_dict()), target.optimizer.lr) == before


def test_lambdas_are_one_for_each_group_as_in_torch() -> None:
    given = [{"params": [Value(1.0)]}, {"params": [Value(2.0)], "lr": 0.3}]
    ours = optim.SGD(given, lr=0.1)
    p, q = torch.zeros(1), torch.zeros(1)
    theirs = torch.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.3}], lr=0.1)
    functions = [lambda epoch: 0.5**epoch, lambda epoch: 1.0 + epoch]
    mine = lr_scheduler.LambdaLR(ours, functions)
    reference = torch.optim.lr_scheduler.LambdaLR(theirs, functions)
    for _ in range(3):
        theirs.step()
        mine.step()
        reference.step()
        assert mine.get_last_lr() == reference.get_last_lr()
    assert mine.state_dict()["lr_lambdas"] == reference.state_dict()["lr_lambdas"]
    for wrong in (functions[:1], [0.5, 0.5]):
        with pytest.raises(MicrogradError, match="lr_lambda"):
            lr_scheduler.LambdaLR(ours, wrong)


BAD_OPTIONS = [
    ("Adagrad", {"lr_decay": -1}),
    ("Adagrad", {"eps": math.nan}),
    ("RMSprop", {"alpha": -0.1}),
    ("RMSprop", {"momentum": -1}),
    ("Adam", {"betas": (0.9, 1.0)}),
    ("Adam", {"betas": (0.9,)}),
    ("AdamW", {"weight_decay": -1}),
    ("Adam", {"lr": "fast"}),
]


@pytest.mark.parametrize(("name", "options"), BAD_OPTIONS, ids=str)
def test_bad_options_are_named(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(MicrogradError, match=next(iter(options))):
        getattr(optim, name)([Value(1.0)], **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("StepLR", {"step_size": 0}),
        ("CosineAnnealingLR", {"T_max": 0}),
        ("LinearLR", {"total_iters": 0}),
        ("ReduceLROnPlateau", {"mode": "least"}),
        ("ReduceLROnPlateau", {"threshold_mode": "per cent"}),
        ("ReduceLROnPlateau", {"factor": 1.0}),
    ],
)
def test_bad_schedules_are_named(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(MicrogradError, match=next(iter(options))):
        getattr(lr_scheduler, name)(optim.SGD([Value(1.0)]), **options)


def test_a_cosine_of_one_epoch_goes_down_at_once():
    sgd = optim.SGD([Value(1.0)], lr=0.5)
    schedule = optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=1, eta_min=0.25)
    assert sgd.lr == 0.5
    schedule.step()
    assert sgd.lr == pytest.approx(0.25, rel=1e-15)
