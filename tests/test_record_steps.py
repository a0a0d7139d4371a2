"""Several steps in a row, every kind of model and loss, and errors that change nothing."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
import torch
from test_optim import twins

import micrograd
from micrograd import MicrogradError, Value, nn, optim, record_step, record_steps
from micrograd.data import DataLoader
from micrograd.optim import lr_scheduler


def batches(n: int) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(4, 2)), rng.normal(size=(4, 1))) for _ in range(n)]


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW"])
def test_steps_in_a_row_are_torchs(name: str) -> None:
    options = {"momentum": 0.9} if name == "SGD" else {}
    mine, theirs = twins()
    ours = getattr(optim, name)(mine.parameters(), lr=0.05, **options)
    reference = getattr(torch.optim, name)(theirs.parameters(), lr=0.05, **options)
    data = batches(4)
    steps = record_steps(mine, nn.MSELoss(), ours, data)
    for step, (x, y) in zip(steps, data, strict=True):
        peers = dict(theirs.named_parameters())
        for p in step.parameters:
            np.testing.assert_allclose(p.before, peers[p.name].detach().numpy(), rtol=1e-11)
            state = reference.state[peers[p.name]]
            if step is not steps[0]:
                assert p.state_before.keys() | {"step"} == state.keys() | {"step"}
            for key, array in p.state_before.items():
                np.testing.assert_allclose(array, state[key].numpy(), rtol=1e-11, atol=1e-18)
        reference.zero_grad()
        loss = torch.nn.MSELoss()(theirs(torch.tensor(x)), torch.tensor(y))
        loss.backward()
        reference.step()
        assert step.loss == pytest.approx(loss.item(), rel=1e-11)
    for a, b in itertools.pairwise(steps):
        for p, q in zip(a.parameters, b.parameters, strict=True):
            assert (p.after == q.before).all()
            assert p.state_after.keys() == q.state_before.keys()
            assert all((p.state_after[key] == q.state_before[key]).all() for key in p.state_after)


def test_a_schedule_and_rates_set_by_hand() -> None:
    model = nn.Linear(2, 1)
    sgd = optim.SGD(model.parameters(), lr=0.4)
    halves = lr_scheduler.StepLR(sgd, step_size=1, gamma=0.5)
    steps = record_steps(model, nn.MSELoss(), sgd, batches(3), schedule=halves)
    assert [step.learning_rate for step in steps] == [0.4, 0.2, 0.1]
    assert [step.parameter("bias").learning_rate for step in steps] == [0.4, 0.2, 0.1]
    sgd.lr = 0.7
    assert record_step(model, nn.MSELoss(), sgd, *batches(1)[0]).learning_rate == 0.7


def everything(model: Any, optimizer: Any) -> str:
    values = [v for group in optimizer.param_groups for v in optim.state.scalars(group["params"])]
    numbers = [(v.data, v.grad, v._reached) for v in values]
    return repr((numbers, optimizer.state_dict()))


class Breaks:
    """A loss that raises at the nth call."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self, output: Any, y: Any) -> Any:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return nn.MSELoss()(output, y)


@pytest.mark.parametrize("call", range(1, 7))
@pytest.mark.parametrize("started", [False, True])
def test_an_error_in_any_step_leaves_everything_as_before_the_first(
    call: int, started: bool
) -> None:
    mine, _ = twins()
    adam = optim.Adam(mine.parameters(), lr=0.1)
    schedule = lr_scheduler.ExponentialLR(adam, 0.5)
    if started:
        record_steps(mine, nn.MSELoss(), adam, batches(2), schedule)
    before, rates = everything(mine, adam), (schedule.last_epoch, adam.lr)
    with pytest.raises(KeyboardInterrupt):
        record_steps(mine, Breaks(call), adam, batches(3), schedule)
    assert everything(mine, adam) == before
    assert (schedule.last_epoch, adam.lr) == rates
    record_steps(mine, nn.MSELoss(), adam, batches(1), schedule)
    assert everything(mine, adam) != before


def test_an_error_in_the_batches_leaves_everything_and_so_does_the_gradient_of_others() -> None:
    a, b = Value(1.0, label="a"), Value(2.0, label="b")
    (a * b * 3).backward()
    sgd = optim.SGD([a], lr=0.1)

    def stream() -> Any:
        yield [1.0, 2.0], 3.0
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        record_steps(lambda x: a * x[0] + b * x[1], lambda out, y: (out - y) ** 2, sgd, stream())
    assert (a.data, a.grad, b.data, b.grad) == (1.0, 6.0, 2.0, 3.0)


def test_a_compiled_optimisers_state_is_restored_too() -> None:
    mine, _ = twins()
    adam = optim.Adam(mine.parameters(), lr=0.1)
    ((x, y),) = batches(1)
    compiled = micrograd.compile(lambda x, y: nn.MSELoss()(mine(x), y), optimizer=adam)
    compiled.step(x, y)
    before = everything(mine, adam)
    with pytest.raises(KeyboardInterrupt):
        record_steps(mine, Breaks(4), adam, [(x, y)] * 3)
    assert everything(mine, adam) == before
    twin, _ = twins()
    other = optim.Adam(twin.parameters(), lr=0.1)
    record_steps(twin, nn.MSELoss(), other, [(x, y)] * 2)
    compiled.step(x, y)
    for p, q in zip(mine.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-11)


# ---- every kind of model -------------------------------------------------------------------------


XS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0]]
YS = [1, -1.0, -1.0]


def squares(outputs: Any, ys: Any) -> Any:
    return sum((out - y) ** 2 for out, y in zip(outputs, ys, strict=True))


def karpathys(seed: int) -> nn.MLP:
    random.seed(seed)
    return nn.MLP(3, [4, 4, 1])


def test_karpathys_mlp_gets_rows() -> None:
    model, twin = karpathys(1), karpathys(1)
    step = record_step(model, squares, optim.SGD(model.parameters(), lr=0.05), XS, YS)
    loss = squares([twin(x) for x in XS], YS)
    loss.backward()
    assert step.loss == loss.data
    for p, peer in zip(step.parameters, twin.parameters(), strict=True):
        assert p.gradient == peer.grad
        assert p.after == peer.data - 0.05 * peer.grad
    assert [p.name for p in step.parameters[:2]] == [
        "layers[0].neurons[0].w[0]",
        "layers[0].neurons[0].w[1]",
    ]
    assert (step.samples, step.output.shape, step.x.shape) == (3, (3, 1), (3, 3))
    assert (step.x >= 0).all()
    assert (step.y >= 0).all()
    assert (step.values(step.output) == step.output_before).all()
    gradients = [n.gradient for n in step.tape.nodes]
    assert all(g is not None for g in gradients)


def test_karpathys_mlp_and_a_loader() -> None:
    model, twin = karpathys(2), karpathys(2)
    x, y = np.array(XS), np.array(YS)[:, None]
    sgd = optim.SGD(model.parameters(), lr=0.05)
    loader = DataLoader(x, y, batch_size=2, shuffle=False)
    first, second = record_steps(model, nn.MSELoss(), sgd, loader)
    assert (first.samples, second.samples) == (2, 1)
    outputs = [twin(row) for row in XS[:2]]
    assert first.loss == pytest.approx(float(squares(outputs, YS[:2])) / 2, rel=1e-12)
    assert (second.parameters[0].before == first.parameters[0].after).all()
    assert (first.x >= 0).all()


def test_inside_no_grad_is_refused() -> None:
    with micrograd.no_grad(), pytest.raises(MicrogradError, match="outside"):
        record_step(LINE, nn.MSELoss(), SGD, [[1.0]], [[1.0]])


def test_a_plain_function_with_lists_of_values() -> None:
    def run(call: Any) -> Any:
        w, b = [Value(0.5), Value(-1.0), Value(2.0)], Value(0.1)
        sgd = optim.SGD([*w, b], lr=0.1)
        return call(lambda rows: [sum(map(lambda p, q: p * q, w, r), b) for r in rows], sgd), w, b

    step, w, b = run(lambda model, sgd: record_step(model, squares, sgd, XS, YS))
    outputs = np.array(XS) @ [0.5, -1.0, 2.0] + 0.1
    assert step.loss == pytest.approx(((outputs - YS) ** 2).sum(), rel=1e-12)
    assert [p.name for p in step.parameters] == ["w[0]", "w[1]", "w[2]", "b"]
    assert [p.after for p in step.parameters] == [v.data for v in [*w, b]]
    assert step.output.shape == (3,)


def test_a_function_around_modules() -> None:
    first, second = nn.Linear(2, 3), nn.Linear(3, 1)
    parameters = [*first.parameters(), *second.parameters()]
    adam = optim.Adam(parameters, lr=0.1)
    step = record_step(lambda x: second(first(x).tanh()), nn.MSELoss(), adam, [[1.0, 2.0]], [[3]])
    assert [p.name for p in step.parameters] == [
        "first.weight",
        "first.bias",
        "second.weight",
        "second.bias",
    ]
    assert [call.name for call in step.layers()] == ["first", "second"]
    assert step.calls[0].parameters == {"weight": "first.weight", "bias": "first.bias"}


def test_an_object_that_is_no_module() -> None:
    class Line:
        def __init__(self) -> None:
            self.slope, self.offset = Value(2.0), Value(1.0)

        def parameters(self) -> list[Value]:
            return [self.slope, self.offset]

        def __call__(self, row: Any) -> Value:
            return self.slope * row[0] + self.offset

    line = Line()
    sgd = optim.SGD(line.parameters(), lr=0.1)
    step = record_step(line, squares, sgd, [[1.0], [2.0]], [3.0, 6.0])
    assert [p.name for p in step.parameters] == ["slope", "offset"]
    assert step.loss == 1.0
    assert step.parameter("slope").gradient == -4.0


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 1), nn.Linear(1, 1)

    def forward(self, left: Any, right: Any) -> Any:
        return self.a(left) * self.b(right)


@pytest.mark.parametrize("given", [tuple, dict, list])
def test_several_inputs(given: Any) -> None:
    model = TwoInputs()
    x = {"left": [[1.0, 2.0]], "right": [[3.0]]}
    inputs = x if given is dict else given(x.values())
    sgd = optim.SGD(model.parameters(), lr=0.1)
    step = record_step(model, nn.MSELoss(), sgd, inputs, [[1.0]])
    assert [(record.name, record.values.tolist()) for record in step.inputs] == list(x.items())
    assert step.x_values.tolist() == x["left"]
    assert all((record.positions >= 0).all() for record in step.inputs)


def test_names_and_whole_numbers_as_inputs() -> None:
    table = [[Value(0.1), Value(0.2)], [Value(0.3), Value(0.4)]]
    parameters = [v for row in table for v in row]

    def model(token: Any, scale: Any, *, flag: Any = None) -> Any:
        assert flag == "yes"
        return [v * scale for v in table[token]]

    x = {"token": 1, "scale": 2, "flag": "yes"}
    sgd = optim.SGD(parameters, lr=0.1)
    step = record_step(model, lambda out, y: out[y] * out[0], sgd, x, 1)
    assert step.loss == pytest.approx(0.6 * 0.8)
    assert [p.name for p in step.parameters] == [f"table[{i}][{j}]" for i in (0, 1) for j in (0, 1)]
    assert step.parameter("table[0][0]").gradient is None
    assert step.parameter("table[1][0]").gradient == pytest.approx(2 * 0.8)


def test_shared_parameters_count_once() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    sgd = optim.SGD(model.parameters(), lr=0.1)
    step = record_step(model, nn.MSELoss(), sgd, [[1.0, 2.0]], [[0.0, 1.0]])
    assert [p.name for p in step.parameters] == ["0.weight", "0.bias"]
    peer = torch.nn.Linear(2, 2).double()
    start = {"weight": step.parameters[0].before, "bias": step.parameters[1].before}
    peer.load_state_dict({name: torch.tensor(x) for name, x in start.items()})
    x, y = torch.tensor([[1.0, 2.0]]).double(), torch.tensor([[0.0, 1.0]]).double()
    torch.nn.MSELoss()(peer(torch.tanh(peer(x))), y).backward()
    np.testing.assert_allclose(step.parameters[0].gradient, peer.weight.grad.numpy(), rtol=1e-12)


def test_an_optimiser_over_part_of_the_parameters_and_more() -> None:
    model, scale = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1)), Value(2.0)
    groups = [{"params": model[1].parameters(), "lr": 0.5}, {"params": [scale]}]
    adam = optim.Adam(groups, lr=0.1)
    loss = lambda out, y: ((out - y) ** 2).sum() * scale  # noqa: E731
    step = record_step(model, loss, adam, [[1.0]], [[2.0]])
    frozen, trained, own = (step.parameter(n) for n in ("0.weight", "1.weight", "scale"))
    assert (frozen.after == frozen.before).all()
    assert frozen.gradient is not None
    assert frozen.equations((0, 0)) == ()
    assert (trained.learning_rate, own.learning_rate) == (0.5, 0.1)
    assert own.equations()[-1].value == own.after == scale.data
    assert own.gradient == pytest.approx(step.loss / 2.0)


def test_gradients_of_earlier_passes_do_not_count_anywhere() -> None:
    a, b = Value(1.0), Value(2.0)
    (a * b).backward()
    sgd = optim.SGD([a], lr=0.1)
    step = record_step(lambda x: a * b * x, lambda out, y: out - y, sgd, 3.0, 1.0)
    assert step.loss == 5.0
    assert (step.parameter("a").gradient, b.grad) == (6.0, 3.0)


LINE, TWO = nn.Linear(1, 1), TwoInputs()
SGD = optim.SGD([*LINE.parameters(), *TWO.parameters()], lr=0.1)
WRONG = [
    ((SGD, nn.MSELoss(), LINE, [[1.0]], [[1.0]]), "model must be a Module or a function, got SGD"),
    ((nn.MSELoss(), LINE, SGD, [[1.0]], [[1.0]]), "model must be .* got MSELoss"),
    ((LINE, SGD, nn.MSELoss(), [[1.0]], [[1.0]]), "loss must be .* got SGD"),
    ((LINE, nn.MSELoss(), [[1.0]], [[1.0]], SGD), "optimizer must be .* got list"),
    ((LINE, nn.MSELoss, SGD, [[1.0]], [[1.0]]), "loss must be .* got the class MSELoss"),
    ((LINE, nn.MSELoss(), optim.SGD, [[1.0]], [[1.0]]), "optimizer must .* got the class SGD"),
    ((LINE, Value(1.0), SGD, [[1.0]], [[1.0]]), "loss must be .* got Value"),
    (([[1.0]], nn.MSELoss(), SGD, LINE, [[1.0]]), "model must be .* got list"),
    ((LINE, lambda out, y: 3.0, SGD, [[1.0]], [[1.0]]), "loss must return one Value, got float"),
    ((LINE, lambda out, y: out, SGD, [[1.0], [2.0]], [[1.0]]), "the loss needs one element"),
    (
        (lambda x: "a", lambda out, y: Value(1.0), SGD, 1.0, 1.0),
        "model must return Values, got str",
    ),
    ((TWO, nn.MSELoss(), SGD, [[1.0]], [[1.0]]), r"2 inputs \(left, right\)"),
    ((LINE, nn.MSELoss(), SGD, [[1.0], [1.0, 2.0]], [[1.0]]), "x: data must be a rectangular"),
    ((LINE, nn.MSELoss(), SGD, [], []), "x is empty"),
    ((LINE, nn.MSELoss(), SGD, "text", [[1.0]]), "Linear takes|data must"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=range(len(WRONG)))
def test_likely_mistakes_are_named_in_one_line(arguments: Any, message: str) -> None:
    with pytest.raises(MicrogradError, match=message) as error:
        record_step(*arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("given", [3, [[1.0, 2.0, 3.0]], "ab", {"x": 1}, [1.0]])
def test_batches_must_be_pairs(given: Any) -> None:
    with pytest.raises(MicrogradError, match="batches must be pairs"):
        record_steps(LINE, nn.MSELoss(), SGD, given)
