"""`diagnose`: each fault is found in a model that has it, and in no other."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import micrograd
from micrograd import MicrogradError, Value, diagnose, nn, optim
from micrograd.diagnosis.findings import WORDS, rms
from viz.curves import layer_health

X = np.linspace(-1.0, 1.0, 12).reshape(6, 2)
Y = X.sum(axis=1, keepdims=True)


def network(*hidden: Any, seed: int = 1) -> nn.Sequential:
    micrograd.manual_seed(seed)
    parts: list[Any] = []
    for make in hidden or (nn.Tanh,):
        parts += [nn.Linear(2 if not parts else 4, 4), make()]
    return nn.Sequential(*parts, nn.Linear(4, 1))


def sgd(model: Any, lr: float = 0.01) -> optim.Optimizer:
    return optim.SGD(model.parameters(), lr=lr)


def test_nothing_is_found_in_a_healthy_model() -> None:
    for seed in range(5):
        model = network(nn.Tanh, nn.Sigmoid, seed=seed)
        found = diagnose(model, X, Y, optimizer=sgd(model))
        assert found.findings == ()
        assert "Nothing is wrong" in str(found)
        assert "看不出问题" in found.text("zh")
        assert found.loss_after < found.loss


def test_dead_and_saturated_units() -> None:
    model = network(nn.ReLU, nn.Tanh, nn.Sigmoid)
    model[0].bias.data = [0.5, -9.0, 0.5, -9.0]
    model[2].bias.data = [0.0, 50.0, 0.0, 0.0]
    model[4].bias.data = [0.0, 0.0, 0.0, -50.0]
    found = diagnose(model, X, Y)
    assert [(f.kind, f.place) for f in found.findings if f.kind in ("dead", "saturated")] == [
        ("dead", "1"), ("saturated", "3"), ("saturated", "5"),
    ]  # fmt: skip
    assert (found.layers[1].dead, found.layers[3].saturated) == ((1, 3), (1,))
    assert "1: 2 of 4 units give 0 for all 6 samples (1, 3)" in str(found)
    assert "4 个单元中有 2 个对全部 6 个样本都输出 0（1, 3）" in found.text("zh")


def test_dead_neurons_of_single_values() -> None:
    model = nn.MLP(2, [3, 1])
    for neuron in model.layers[0].neurons[:2]:
        neuron.b.data = -50.0
    found = diagnose(model, X.tolist(), Y[:, 0].tolist(), lambda out, y: sum(
        ((o - t) ** 2 for o, t in zip(out, y, strict=True)), Value(0.0)))  # fmt: skip
    assert {0, 1} <= set(found.layers[0].dead)


@pytest.mark.parametrize(("scale", "kind"), [(0.02, "vanishing"), (40.0, "exploding")])
def test_gradients_by_depth(scale: float, kind: str) -> None:
    model = network(*[nn.LeakyReLU] * 5)
    for part in model.children():
        if isinstance(part, nn.Linear):
            part.weight.data = part.weight.numpy() * scale
    found = diagnose(model, X, Y)
    (depth,) = [f for f in found.findings if f.kind in ("vanishing", "exploding")]
    assert (depth.kind, depth.place, depth.numbers["last_place"]) == (kind, "0", "10")
    assert depth.numbers["first"] == pytest.approx(found.layers[0].gradient)


def test_gradients_of_two_layers() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
    _, last = model.children()
    last.weight.data = last.weight.numpy() * 1e-7
    (depth,) = [f for f in diagnose(model, X, Y).findings if f.kind == "vanishing"]
    assert depth.numbers["last_place"] == "1"


def test_parameters_that_are_left_out() -> None:
    class Partial(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(2, 1), nn.Linear(2, 1)

        def forward(self, x: Any) -> Any:
            return self.used(x)

    model = Partial()
    found = diagnose(model, X, Y, optimizer=optim.SGD([model.used.weight], lr=0.01))
    assert [(f.kind, f.numbers["names"]) for f in found.findings] == [
        ("unreached", ("unused.weight", "unused.bias")), ("outside", ("used.bias",)),
    ]  # fmt: skip
    other = network()
    assert "outside" in diagnose(model, X, Y, optimizer=sgd(other)).kinds
    model.used.weight.data = [[0.0, 0.0]]
    model.used.bias.data = [0.0]
    assert "zero gradient" in diagnose(model, X, 0 * Y).kinds


def test_gradients_left_from_before() -> None:
    model = network()
    nn.MSELoss()(model(micrograd.tensor(X)), micrograd.tensor(Y)).backward()
    assert diagnose(model, X, Y).kinds == ("leftover",)
    model.zero_grad()
    assert diagnose(model, X, Y).kinds == ()


def test_inputs_out_of_scale() -> None:
    model = network(nn.LeakyReLU)
    assert "large input" in diagnose(model, X * 1000, Y).kinds
    uneven = diagnose(model, X * [1.0, 1e-4], Y)
    assert uneven.kinds == ("uneven inputs",)
    assert uneven.findings[0].numbers["large"] == 0


def test_a_rate_that_overshoots_and_a_better_one() -> None:
    """On a parabola the better one is the best."""
    model = nn.Linear(1, 1)
    model.load_state_dict({"weight": [[3.0]], "bias": [0.0]})
    found = diagnose(model, [[2.0]], [[0.0]], optimizer=sgd(model, 0.5))
    (rate,) = found.findings
    assert rate.kind == "overshoot"
    assert rate.numbers["better"] == pytest.approx(0.1)
    best = diagnose(model, [[2.0]], [[0.0]], optimizer=sgd(model, rate.numbers["better"]))
    assert best.kinds == ()
    assert best.loss_after == pytest.approx(0.0, abs=1e-20)


def test_no_rate_is_better_uphill() -> None:
    """Along a straight line upwards; a parabola would have its end at infinity."""

    class Uphill(optim.SGD):
        def direction(self, *given: Any) -> Any:
            return -super().direction(*given)

    model = nn.Linear(1, 1, bias=False)
    model.load_state_dict({"weight": [[1.0]]})
    uphill = Uphill(model.parameters(), lr=0.5)
    found = diagnose(model, [[2.0]], [[0.0]], loss=nn.L1Loss(), optimizer=uphill)
    (rate,) = found.findings
    assert (rate.kind, rate.numbers["better"]) == ("overshoot", 0.0)
    assert (found.loss, found.loss_after) == (2.0, 4.0)


def test_a_loss_that_is_not_finite() -> None:
    model = network()
    model[0].weight.data = [[math.nan, 0.0]] * 4
    assert diagnose(model, X, Y, optimizer=sgd(model)).kinds[0] == "not finite"


def test_nothing_is_changed() -> None:
    model = network()
    adam = optim.Adam(model.parameters(), lr=0.1)
    before = repr((model.state_dict(), adam.state_dict(), [p.grad for p in model.parameters()]))
    diagnose(model, X, Y, optimizer=adam)
    with pytest.raises(MicrogradError):
        diagnose(model, X, Y, lambda out, y: out, adam)
    after = repr((model.state_dict(), adam.state_dict(), [p.grad for p in model.parameters()]))
    assert before == after


def test_a_function_needs_the_optimizer() -> None:
    w = Value(1.0)
    with pytest.raises(TypeError, match=r"optimizer must be given .* diagnose\(model, x, y, loss"):
        diagnose(lambda x: w * x, 1.0, 2.0)
    loss = lambda out, y: (out - y) ** 2  # noqa: E731
    found = diagnose(lambda x: w * x, 1.0, 2.0, loss, optim.SGD([w], lr=3.0))
    assert (found.kinds, found.layers) == (("overshoot",), ())
    with pytest.raises(ValueError, match="no layers"):
        layer_health(found)


def test_words_have_the_same_numbers_in_both_languages() -> None:
    for texts in WORDS.values():
        english, chinese = (set(re.findall(r"{(\w+)", text)) for text in texts)
        assert english == chinese


def test_the_plot_has_the_numbers() -> None:
    model = network(nn.ReLU)
    model[0].bias.data = [-9.0, 9.0, 9.0, 9.0]
    found = diagnose(model, X, Y)
    for language, word in (("en", "gradient"), ("zh", "梯度")):
        figure = layer_health(found, language=language)
        sizes, off = figure.axes
        outputs, gradients = sizes.lines
        assert list(outputs.get_xdata()) == [layer.output for layer in found.layers]
        assert list(gradients.get_xdata()) == [layer.gradient for layer in found.layers]
        assert [bar.get_width() for bar in off.patches][:3] == [0.0, 0.25, 0.0]
        assert word in figure.alt
    with pytest.raises(TypeError, match=r"must be what .* returns, got int"):
        layer_health(3)  # type: ignore[arg-type]


def test_root_mean_squares() -> None:
    assert rms([]) == 0.0
    assert rms([1e300, 1e300]) == math.inf
    assert rms(np.ma.masked_array([3.0, 9.0], [False, True])) == 3.0


def ended(*last: Any, units: int = 1) -> nn.Sequential:
    micrograd.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, units), *last)


CLASSES = np.array([0, 1, 2, 0, 1, 2])
BITS = (Y > 0) * 1.0


@pytest.mark.parametrize(
    ("kind", "model", "y", "loss"),
    [
        ("twice", ended(nn.Softmax(dim=1), units=3), CLASSES, nn.CrossEntropyLoss()),
        ("", ended(units=3), CLASSES, nn.CrossEntropyLoss()),
        ("", ended(nn.LogSoftmax(dim=1), units=3), CLASSES, nn.CrossEntropyLoss()),
        ("twice", ended(nn.Sigmoid()), BITS, nn.BCEWithLogitsLoss()),
        ("", ended(nn.Sigmoid()), BITS, nn.BCELoss()),
        ("out of range", ended(nn.Sigmoid()), Y + 100.0, None),
        ("out of range", ended(nn.Tanh()), Y * 2.0, nn.L1Loss()),
        ("out of range", ended(nn.Softplus()), Y - 1.0, nn.MSELoss()),
        ("", ended(nn.Softplus()), Y + 100.0, nn.MSELoss()),
        ("", ended(nn.Tanh()), np.sign(Y), nn.MSELoss()),
        ("", ended(), Y * 100.0, nn.MSELoss()),
    ],
)
def test_an_end_that_does_not_go_with_the_loss(kind: str, model: Any, y: Any, loss: Any) -> None:
    found = diagnose(model, X, y, loss)
    assert found.kinds == ((kind,) if kind else ())
    assert all(finding.place in found.text("zh") for finding in found.findings)


def test_nothing_that_is_trained_and_a_rate_that_does_nothing() -> None:
    model = network()
    assert diagnose(model, X, Y, optimizer=sgd(model, 1e-9)).kinds == ("slow",)
    for lr in (1e-5, 1e-3, 0.0):
        assert diagnose(model, X, Y, optimizer=sgd(model, lr)).kinds == ()
    for p in model.parameters():
        p.requires_grad = False
    found = diagnose(model, X, Y, optimizer=sgd(model))
    assert found.kinds == ("frozen",)
    assert "nothing is trained" in str(found)
    w = Value(1.0)
    single = diagnose(lambda x: w * x, 1.0, 2.0, lambda o, y: (o - y) ** 2, optim.SGD([w], lr=0.1))
    assert str(single).startswith("1 sample, loss")
