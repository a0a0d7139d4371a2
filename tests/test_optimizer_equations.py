"""Each optimiser's equations: their values are what it keeps and does, and what torch does."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from test_optim import COMBINATIONS as SGD_COMBINATIONS
from test_optimizers import COMBINATIONS

from micrograd import Value, nn, optim, record_step
from micrograd.ops import FLOATS
from micrograd.text.equations import Quantity, quantities
from micrograd.text.words import word

CASES = [("SGD", options) for options in SGD_COMBINATIONS] + COMBINATIONS
GRADIENTS = (2.3779, -0.31, 1e-3, 0.0, -4.0, 0.75)
RATES = (0.1, 0.1, 0.05, 0.05, 0.2, 0.01)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_the_last_equation_is_the_update_and_the_others_are_the_state(
    name: str, options: dict[str, Any]
) -> None:
    optimizer = getattr(optim, name)([Value(0.4348)], **options)
    theirs = torch.tensor([0.4348], dtype=torch.float64, requires_grad=True)
    reference = getattr(torch.optim, name)([theirs], **options)
    group, state, p = optimizer.param_groups[0], {}, 0.4348
    for g, rate in zip(GRADIENTS, RATES, strict=True):
        group["lr"] = reference.param_groups[0]["lr"] = rate
        theirs.grad = torch.tensor([g], dtype=torch.float64)
        reference.step()
        before = dict(state)
        new = p - rate * optimizer.direction(FLOATS, p, g, state, group)
        equations = optimizer.equations(Quantity("p", p), Quantity("g", g), before, state, group)
        assert equations[-1].name == "new"
        assert equations[-1].value == pytest.approx(new, rel=1e-12)
        assert equations[-1].value == pytest.approx(theirs.item(), rel=1e-12)
        kept = {e.state: e for e in equations if e.state}
        assert kept.keys() == state.keys() - {"step"}
        for key, equation in kept.items():
            assert equation.value == state[key]
            assert equation.expression.value == pytest.approx(state[key], rel=1e-12, abs=1e-15)
        check_chain(equations)
        p = new


def check_chain(equations: Any) -> None:
    """Every quantity of an equation is given, from before the step, or an earlier result."""
    known: list[Any] = []
    for equation in equations:
        for q in quantities(equation.expression):
            given = q.name in ("p", "g") or q.name.endswith("_old") or q.exact
            assert given or any(q is result for result in known), (equation, q)
        known.append(equation.result)
    names = [e.name for e in equations]
    assert len(set(names)) == len(names)
    assert all(e.name in names[-1:] or used(e.result, equations) for e in equations)


def used(result: Quantity, equations: Any) -> bool:
    return any(q is result for e in equations for q in quantities(e.expression))


TEXTS = {
    ("SGD", ()): ["new = p − lr × g"],
    ("SGD", (("momentum", 0.9),)): ["v = μ × v_old + g", "new = p − lr × v"],
    ("SGD", (("momentum", 0.9), ("nesterov", True))): [
        "v = μ × v_old + g",
        "new = p − lr × (g + μ × v)",
    ],
    ("SGD", (("weight_decay", 0.1),)): ["g_λ = g + λ × p", "new = p − lr × g_λ"],
    ("Adagrad", ()): ["s = s_old + g²", "new = p − lr × g / (√(s) + ε)"],
    ("Adagrad", (("lr_decay", 0.1),)): [
        "s = s_old + g²",
        "lr_t = lr / (1 + (t − 1) × lr_decay)",
        "new = p − lr_t × g / (√(s) + ε)",
    ],
    ("RMSprop", ()): ["v = α × v_old + (1 − α) × g²", "new = p − lr × g / (√(v) + ε)"],
    ("RMSprop", (("centered", True), ("momentum", 0.9))): [
        "v = α × v_old + (1 − α) × g²",
        "m = α × m_old + (1 − α) × g",
        "σ² = v − m²",
        "b = μ × b_old + g / (√(σ²) + ε)",
        "new = p − lr × b",
    ],
    ("Adam", ()): [
        "m = β₁ × m_old + (1 − β₁) × g",
        "v = β₂ × v_old + (1 − β₂) × g²",
        "m̂ = m / (1 − β₁^t)",
        "v̂ = v / (1 − β₂^t)",
        "new = p − lr × m̂ / (√(v̂) + ε)",
    ],
    ("Adam", (("amsgrad", True),)): [
        "m = β₁ × m_old + (1 − β₁) × g",
        "v = β₂ × v_old + (1 − β₂) × g²",
        "v_max = max(v_max_old, v)",
        "m̂ = m / (1 − β₁^t)",
        "v̂ = v_max / (1 − β₂^t)",
        "new = p − lr × m̂ / (√(v̂) + ε)",
    ],
    ("AdamW", (("weight_decay", 0.1),)): [
        "m = β₁ × m_old + (1 − β₁) × g",
        "v = β₂ × v_old + (1 − β₂) × g²",
        "m̂ = m / (1 − β₁^t)",
        "v̂ = v / (1 − β₂^t)",
        "new = p − lr × (m̂ / (√(v̂) + ε) + λ × p)",
    ],
}


def one_number(name: str, options: dict[str, Any], steps: int = 1) -> Any:
    """The record of a weight after so many steps."""
    model = nn.Linear(1, 1)
    model.load_state_dict({"weight": [[0.4348]], "bias": [-0.3]})
    optimizer = getattr(optim, name)(model.parameters(), lr=0.1, **options)
    for _ in range(steps):
        step = record_step(model, nn.MSELoss(), optimizer, [[2.0]], [[4.0]])
    return step.parameter("weight")


@pytest.mark.parametrize(("name", "options"), TEXTS, ids=str)
def test_equations_are_written_as_in_the_papers(name: str, options: Any) -> None:
    record = one_number(name, dict(options), steps=2)
    assert [e.text() for e in record.equations((0, 0))] == TEXTS[name, options]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_a_reader_gets_what_is_printed(name: str, options: dict[str, Any]) -> None:
    for steps in (1, 3):
        for equation in one_number(name, options, steps).equations((0, 0)):
            printed = equation.numbers()
            assert printed.count(" = ") == 2, printed
            _, operands, result = printed.split(" = ")
            got = calculated(operands)
            unit = 10.0 ** -len(result.partition("e")[0].partition(".")[2])
            unit *= 10.0 ** int(result.partition("e")[2] or 0)
            assert abs(got - float(result)) <= unit * 0.5001, printed


def calculated(text: str) -> float:
    """What a calculator gives for the printed text."""
    for ours, theirs in (("×", "*"), ("−", "-"), ("^", "**"), ("²", "**2"), ("√", "sqrt")):
        text = text.replace(ours, theirs)
    return float(eval(text, {"sqrt": math.sqrt, "max": max}))


def test_every_equation_but_the_last_says_what_it_gives_in_both_languages() -> None:
    for name, options in CASES:
        *others, last = one_number(name, options).equations((0, 0))
        assert last.meaning == ""
        for equation in others:
            english, chinese = (word(equation.meaning, language) for language in ("en", "zh"))
            assert english == equation.meaning != chinese


def test_the_record_keeps_the_state_of_before_and_after() -> None:
    first, second = one_number("Adam", {}), one_number("Adam", {}, steps=2)
    assert first.state_before == {}
    assert second.state_before.keys() == {"step", "exp_avg", "exp_avg_sq"}
    for key, array in second.state_before.items():
        assert array.shape == (1, 1)
        assert array == first.state_after[key]
    assert second.state_after["step"] == 2
    assert first.options["betas"] == (0.9, 0.999)


def test_a_record_keeps_no_parameters_alive_and_can_be_pickled() -> None:
    record = one_number("Adam", {})
    again = pickle.loads(pickle.dumps(record))
    assert repr(again.equations((0, 0))) == repr(record.equations((0, 0)))
    assert record.optimizer.param_groups == []


def test_what_was_not_updated_has_no_equations() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    sgd = optim.SGD(model[1].parameters(), lr=0.1)
    step = record_step(model, nn.MSELoss(), sgd, [[1.0]], [[2.0]])
    assert step.parameter("0.weight").equations((0, 0)) == ()
    assert len(step.parameter("1.weight").equations((0, 0))) == 1


def test_a_rule_of_ones_own_steps_against_its_direction() -> None:
    class Signs(optim.Optimizer):
        """Steps of one size."""

        def direction(self, m: Any, p: Any, g: Any, state: Any, options: Any) -> Any:
            return m.less(0.0, g) - m.less(g, 0.0)

        def direction_text(self, options: Any) -> str:
            return "sign of g"

    model = nn.Linear(1, 1)
    signs = Signs(model.parameters(), {"lr": 0.1, "weight_decay": 0})
    step = record_step(model, nn.MSELoss(), signs, [[1.0]], [[20.0]])
    (equation,) = step.parameter("bias").equations((0,))
    assert equation.text() == "new = p − lr × d"
    np.testing.assert_allclose(equation.value, step.parameter("bias").after[0], rtol=1e-15)


def test_quantities_can_be_named_and_tagged() -> None:
    record = one_number("SGD", {"momentum": 0.9})
    w = Quantity("w", 0.4348, tag="blue")
    first, last = record.equations((0, 0), p=w, g="∂L/∂w")
    assert (first.text(), last.text()) == ("v = μ × v_old + ∂L/∂w", "new = w − lr × v")
    assert any(q is w for q in quantities(last.expression))
