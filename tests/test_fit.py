"""The training loop against torch, and all that can interrupt it."""

import itertools
import math
import random

import numpy as np
import pytest
import torch

from micrograd import MicrogradError, fit, manual_seed, nn, optim, record_step, tensor
from micrograd.article import networks as article
from micrograd.data import DataLoader
from micrograd.data import article as article_data
from micrograd.errors import ArgumentTypeError, ArgumentValueError, TrainingError
from micrograd.training.fit import evaluate

SIZES = (3, 5, 5, 3, 1)


def twins(seed=0):
    """The article's 4-layer network in both libraries, with the same initial weights."""
    random.seed(seed)
    model = article.Network(SIZES)
    layers = []
    for a, b in itertools.pairwise(SIZES):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    peer = torch.nn.Sequential(*layers[:-1]).double()
    for ours, theirs in zip(model.parameters(), peer.parameters(), strict=True):
        theirs.data = torch.tensor(ours.numpy())
    return model, peer


def same_parameters(model, peer):
    for ours, theirs in zip(model.parameters(), peer.parameters(), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=0, atol=1e-10)


def torch_step(peer, optimizer, x, y):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(peer(torch.tensor(x)), torch.tensor(y))
    loss.backward()
    optimizer.step()
    return loss.item()


def test_50_steps_of_batch_descent_are_torchs():
    x, y = article_data(100, seed=1)
    model, peer = twins()
    loader = DataLoader(x, y, shuffle=False)
    sgd = optim.SGD(model.parameters(), lr=0.05)
    history = fit(model, nn.MSELoss(), sgd, loader, epochs=50, progress=False)
    reference = torch.optim.SGD(peer.parameters(), lr=0.05)
    losses = [torch_step(peer, reference, x, y) for _ in range(50)]
    np.testing.assert_allclose(history.losses, losses, rtol=0, atol=1e-10)
    np.testing.assert_allclose(history.batch_losses, history.losses, rtol=1e-15)
    same_parameters(model, peer)


def test_3_epochs_of_mini_batches_in_the_same_order_are_torchs():
    x, y = article_data(70, seed=2)
    model, peer = twins(1)
    loader = DataLoader(x, y, batch_size=16, seed=3)
    adam = optim.Adam(model.parameters(), lr=0.01)
    history = fit(model, nn.MSELoss(), adam, loader, epochs=3, progress=False)
    reference = torch.optim.Adam(peer.parameters(), lr=0.01)
    orders = DataLoader(x, y, batch_size=16, seed=3)
    losses = []
    for _ in range(3):
        losses += [torch_step(peer, reference, a.numpy(), b.numpy()) for a, b in orders]
    assert len(losses) == 3 * 5
    np.testing.assert_allclose(history.batch_losses, losses, rtol=0, atol=1e-10)
    weights = np.array([16, 16, 16, 16, 6])
    means = (np.reshape(losses, (3, 5)) * weights).sum(1) / 70
    np.testing.assert_allclose(history.losses, means, rtol=1e-10)
    same_parameters(model, peer)


def line(noise=0.0, seed=0):
    """A model of one weight and one bias, and samples of y = 2x + 1."""
    random.seed(seed)
    model = nn.Linear(1, 1)
    x = np.linspace(-1, 1, 12).reshape(-1, 1)
    y = 2 * x + 1 + noise * np.random.default_rng(seed).standard_normal(x.shape)
    return model, x, y


def test_validation_is_measured_after_each_epoch():
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    held_out = DataLoader(x + 0.5, 2 * x + 2, shuffle=False)
    seen = []
    history = fit(
        model, nn.MSELoss(), sgd, DataLoader(x, y, 4, seed=0), 5, progress=False,
        validation=held_out,
        callbacks=[lambda history: seen.append(evaluate(model, nn.MSELoss(), held_out))],
    )  # fmt: skip
    np.testing.assert_allclose(history.validation, seen, rtol=1e-14)
    assert len(seen) == 5


def test_evaluate_weighs_samples_not_batches():
    model, x, y = line()
    whole = evaluate(model, nn.MSELoss(), DataLoader(x, y, shuffle=False))
    parts = evaluate(model, nn.MSELoss(), DataLoader(x, y, 5, shuffle=False))
    assert parts == pytest.approx(whole, rel=1e-12)
    assert model.weight.grad is None


def test_patience_stops_and_gives_the_best_parameters_back():
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    states = []

    def worsen(history):
        states.append(model.state_dict())
        if history.epochs == 4:
            sgd.lr = 1.5

    history = fit(model, nn.MSELoss(), sgd, DataLoader(x, y, shuffle=False), 50, progress=False,
                  patience=2, callbacks=[worsen])  # fmt: skip
    assert history.epochs < 50
    assert "no better for 2 epochs" in history.stopped
    best = int(np.argmin(history.losses))
    for name, numbers in model.state_dict().items():
        assert (numbers == states[best][name]).all()


def test_a_callback_stops():
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, nn.MSELoss(), sgd, DataLoader(x, y), 50, progress=False,
                  callbacks=[lambda history: history.epochs == 3])  # fmt: skip
    assert history.epochs == 3
    assert "callback after epoch 3" in history.stopped


def test_a_schedule_is_a_callback():
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.StepLR(sgd, step_size=2, gamma=0.5)
    history = fit(model, nn.MSELoss(), sgd, DataLoader(x, y), 5, progress=False,
                  callbacks=[lambda history: schedule.step()])  # fmt: skip
    assert history.learning_rates == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_a_diverging_loss_is_an_error_that_says_when_and_the_model_is_finite():
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=1e30)
    with pytest.raises(TrainingError, match=r"epoch \d+, step \d+.*learning rate.*too large"):
        fit(model, nn.MSELoss(), sgd, DataLoader(x, y), 100, progress=False)
    assert all(math.isfinite(p) for a in model.state_dict().values() for p in a.numpy().flat)


def test_nan_in_the_data_is_not_blamed_on_the_rate():
    model, x, y = line()
    x[3] = math.nan
    sgd = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TrainingError, match=r"epoch 1, step 1.*may hold nan"):
        fit(model, nn.MSELoss(), sgd, DataLoader(x, y), 5, progress=False)


class Interrupting(nn.MSELoss):
    """Ctrl-C, the n-th time."""

    def __init__(self, n):
        super().__init__()
        self.left = n

    def forward(self, output, target):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return super().forward(output, target)


def test_ctrl_c_returns_the_history_and_leaves_whole_steps():
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(x, y, 4, seed=1)
    history = fit(model, Interrupting(8), sgd, loader, 50, progress=False, compiled=False)
    assert history.stopped == "interrupted in epoch 3"
    assert (history.epochs, len(history.batch_losses)) == (2, 7)
    again, *_ = line()
    sgd = optim.SGD(again.parameters(), lr=0.1)
    loader = iter(itertools.chain.from_iterable(itertools.repeat(DataLoader(x, y, 4, seed=1))))
    for a, b in itertools.islice(loader, 7):
        sgd.zero_grad()
        nn.MSELoss()(again(a), b).backward()
        sgd.step()
    for name, numbers in model.state_dict().items():
        assert (numbers == again.state_dict()[name]).all()


def test_ctrl_c_within_an_update_finishes_it(monkeypatch):
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    apply, planned = sgd.apply, []

    def half(updates):
        if not planned:
            planned.extend(updates)
            apply(planned[:1])
            raise KeyboardInterrupt
        apply(updates)

    monkeypatch.setattr(sgd, "apply", half)
    fit(model, nn.MSELoss(), sgd, DataLoader(x, y), 5, progress=False)
    assert [update.value.data for update in planned] == [update.new for update in planned]


def test_the_bar_shows_epochs_and_loss(capfd):
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    fit(model, nn.MSELoss(), sgd, DataLoader(x, y), 3)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "3/3" in printed.err
    assert "loss" in printed.err


def test_ctrl_c_between_compiled_steps_returns_the_history():
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)

    def batches():
        yield from itertools.islice(DataLoader(x, y, 4, seed=1), 2)
        raise KeyboardInterrupt

    history = fit(model, nn.MSELoss(), sgd, Batches(batches), 5, progress=False)
    assert history.stopped == "interrupted in epoch 1"
    assert (history.epochs, len(history.batch_losses), history.compiled) == (0, 2, True)


class Batches:
    """What gives batches, each time it is asked."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return self.batches()


@pytest.mark.parametrize("compiled", [True, False])
def test_ctrl_c_in_the_validation_leaves_a_history_of_whole_epochs(compiled):
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    turns = itertools.count(1)

    def batches():
        if next(turns) == 3:
            raise KeyboardInterrupt
        yield x, y

    loader = DataLoader(x, y, 4, seed=1)
    history = fit(model, nn.MSELoss(), sgd, loader, 5, progress=False, compiled=compiled,
                  validation=Batches(batches))  # fmt: skip
    assert history.stopped == "interrupted in epoch 3"
    assert [len(found) for found in (history.losses, history.validation,
                                     history.learning_rates)] == [2, 2, 2]  # fmt: skip


@pytest.mark.parametrize("name", ["loader", "validation"])
def test_batches_that_there_are_once_are_refused_before_anything_is_trained(name):
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    before = repr(model.state_dict())
    given = {"loader": [(x, y)], "validation": None, name: ((x, y) for _ in range(3))}
    with pytest.raises(ArgumentTypeError, match=rf"{name} must give .* once: pass list\({name}\)"):
        fit(model, nn.MSELoss(), sgd, epochs=2, progress=False, **given)
    assert repr(model.state_dict()) == before
    assert fit(model, nn.MSELoss(), sgd, epochs=1, progress=False, **given).epochs == 1


def test_history_says_whether_it_compiled():
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, nn.MSELoss(), sgd, DataLoader(x, y), 0, progress=False)
    assert history.compiled is True
    assert (history.epochs, history.losses) == (0, [])
    history = fit(model, nn.MSELoss(), sgd, DataLoader(x, y), 1, progress=False, compiled=False)
    assert "compiled=False" in history.compiled


def test_what_cannot_be_compiled_is_trained_eagerly():
    model, x, y = line()
    sgd = optim.SGD(model.parameters(), lr=0.1)

    def loss(output, target):
        error = (output - target) ** 2
        return error.mean() if str(error.mean().item()) else None  # a text of a number

    history = fit(model, loss, sgd, DataLoader(x, y, 4, seed=0), 3, progress=False)
    assert "test_fit.py" in history.compiled
    again, *_ = line()
    sgd = optim.SGD(again.parameters(), lr=0.1)
    expected = fit(again, nn.MSELoss(), sgd, DataLoader(x, y, 4, seed=0), 3, progress=False)
    np.testing.assert_allclose(history.losses, expected.losses, rtol=1e-12)
    assert expected.compiled is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": -1}, "epochs must be"),
        ({"epochs": 1.5}, "epochs must be"),
        ({"patience": 0.5}, "patience must be"),
        ({"model": lambda x: x}, "model must be a Module"),
        ({"optimizer": None}, "optimizer must be an Optimizer"),
        ({"loader": []}, "loader gave no batches"),
        ({"loader": [(tensor([[1.0, 2.0]]), tensor([[1.0]]))]}, "rows of 1 numbers"),
    ],
)
def test_bad_arguments(changes, message):
    model, x, y = line()
    arguments = {
        "model": model,
        "loss": nn.MSELoss(),
        "optimizer": optim.SGD(model.parameters(), lr=0.1),
        "loader": DataLoader(x, y),
        "epochs": 1,
        "progress": False,
    }
    with pytest.raises(MicrogradError, match=message):
        fit(**{**arguments, **changes})


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.HingeLoss(), nn.BCEWithLogitsLoss()])
def test_losses_of_classes_compile_and_are_the_eager_ones(loss):
    random = np.random.default_rng(0)
    x = random.normal(size=(23, 2))
    y = {
        "CrossEntropyLoss": random.integers(0, 3, 23) * 1.0,
        "HingeLoss": np.sign(x[:, :1] * x[:, 1:]),
        "BCEWithLogitsLoss": (x[:, :1] > 0) * 1.0,
    }[type(loss).__name__]
    outputs = 3 if y.ndim == 1 else 1
    histories = []
    for compiled in (True, False):
        manual_seed(3)
        model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, outputs))
        adam = optim.Adam(model.parameters(), lr=0.05)
        loader = DataLoader(x, y, 10, seed=2)
        histories.append(
            fit(model, loss, adam, loader, 6, progress=False, compiled=compiled, validation=loader)
        )
    mine, theirs = histories
    assert mine.compiled is True
    np.testing.assert_allclose(mine.batch_losses, theirs.batch_losses, rtol=1e-10)
    np.testing.assert_allclose(mine.validation, theirs.validation, rtol=1e-10)


def test_targets_that_make_no_sense_are_refused_in_compiled_steps_too():
    x = [[0.5, 1.0], [1.0, 0.0], [0.0, 2.0]]
    for loss, outputs, y in (
        (nn.HingeLoss(), 1, [[1.0], [2.0], [-1.0]]),
        (nn.CrossEntropyLoss(), 2, [0.0, 1.0, 2.0]),
        (nn.CrossEntropyLoss(), 2, [0.0, 0.5, 1.0]),
        (nn.CrossEntropyLoss(), 2, [0.0, -1.0, 1.0]),
    ):
        model = nn.Linear(2, outputs)
        sgd = optim.SGD(model.parameters(), lr=0.1)
        loader = DataLoader(x, y, shuffle=False)
        with pytest.raises(ArgumentValueError, match="target"):
            fit(model, loss, sgd, loader, 2, progress=False)


@pytest.mark.parametrize("compiled", [True, False])
def test_an_optimiser_of_another_model_is_refused(compiled):
    model, other = nn.Linear(1, 1), nn.Linear(1, 1)
    loader = DataLoader([[1.0]], [[2.0]])
    for both in (fit, lambda m, c, o, *_, **__: record_step(m, c, o, [[1.0]], [[2.0]])):
        sgd = optim.SGD(other.parameters(), lr=0.1)
        with pytest.raises(MicrogradError, match=r"none of the model's parameters"):
            both(model, nn.MSELoss(), sgd, loader, 1, False, compiled=compiled)
        part = optim.SGD([model.bias], lr=0.1)  # only a part is trained: fine
        both(model, nn.MSELoss(), part, loader, 1, False, compiled=compiled)


@pytest.mark.parametrize("compiled", [True, False])
def test_binary_cross_entropy_takes_probabilities(compiled):
    model = nn.Linear(1, 1)
    sgd = optim.SGD(model.parameters(), lr=0.1)
    for label in (2.0, -1.0, 1.001):
        with pytest.raises(MicrogradError, match=f"from 0 to 1.*{label:g}"):
            fit(model, nn.BCEWithLogitsLoss(), sgd, DataLoader([[1.0]], [[label]]), 1, False,
                compiled=compiled)  # fmt: skip
    for label in (0.0, 0.3, 1.0):
        fit(model, nn.BCEWithLogitsLoss(), sgd, DataLoader([[1.0]], [[label]]), 1, False,
            compiled=compiled)  # fmt: skip
