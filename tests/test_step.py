"""One recorded step: the article's printed numbers, and random networks against torch."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from peers import Case

import micrograd
from micrograd import nn, optim, record_step
from micrograd.article import networks as article
from micrograd.commands.cli import main

PRINTED = json.loads((Path(__file__).parent / "data" / "single_step.json").read_text())["printed"]


@pytest.fixture
def step():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=article.LEARNING_RATE)
    return record_step(model, nn.MSELoss(), sgd, article.X, article.Y)


def four_decimals(array):
    return np.vectorize(lambda x: f"{x:.4f}")(array).tolist()


def test_the_record_has_every_digit_that_the_article_prints(step):
    for p in step.parameters:
        assert four_decimals(p.before) == PRINTED["initial"][p.name]
        assert four_decimals(p.gradient) == PRINTED["gradients"][p.name]
        assert four_decimals(p.after) == PRINTED["updated"][p.name]
    assert four_decimals(step.output_before) == [[PRINTED["output"]]]
    assert four_decimals(step.output_after) == [[PRINTED["output_after"]]]
    assert str(float(np.float32(step.loss))) == PRINTED["loss"]
    assert str(float(np.float32(step.loss_after))) == PRINTED["loss_after"]


def sections(text):
    """The tables by title, each a dict from a row's name to its numbers, in order."""
    tables = {}
    for block in text.split("\n\n"):
        title, *lines = block.split("\n")
        rows = {}
        name = ""
        for line in lines:
            name = line[2:].split("  ")[0] if line[2] not in " -0123456789" else name
            numbers = re.findall(r"-?\d+\.\d+(?:e[+-]\d+)?", line.split(name or " ")[-1])
            rows.setdefault(name, []).extend(numbers)
        tables.setdefault(title, []).append(rows)
    return tables


def check_article_tables(text):
    tables = sections(text)
    for title, key in (
        ("Initial parameters", "initial"),
        ("Gradients", "gradients"),
        ("Updated parameters", "updated"),
    ):
        (table,) = tables[title]
        want = {name: np.ravel(numbers).tolist() for name, numbers in PRINTED[key].items()}
        assert table == want
    assert tables["Output"] == [{"out": [PRINTED["output"]]}]
    assert tables["After the step"] == [{"out": [PRINTED["output_after"]]}]
    losses = [table[""][0] for table in tables["Loss"]]
    assert [str(float(np.float32(loss))) for loss in losses] == [
        PRINTED["loss"],
        PRINTED["loss_after"],
    ]


def test_printing_the_step_gives_the_articles_tables(step):
    check_article_tables(str(step))


def test_the_command_prints_the_articles_tables(tmp_path, capsys):
    assert main(["step", "--out", str(tmp_path)]) == 0
    check_article_tables(capsys.readouterr().out.rpartition("\n\n")[0])


def test_no_printed_result_is_written_in_the_package():
    package = Path(micrograd.__file__).parent
    sources = "".join(path.read_text() for path in package.rglob("*.py"))
    sources = sources.replace((package / "article" / "networks.py").read_text(), "")
    results = [*np.ravel(PRINTED["gradients"]["layer1.weight"]), PRINTED["output"]]
    results += [PRINTED["loss"][:8], PRINTED["loss_after"][:8], PRINTED["output_after"]]
    for number in results:
        assert number.lstrip("-") not in sources


def same(got, want):
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("seed", range(20))
def test_random_networks_agree_with_torch(seed):
    case = Case(seed)
    want = case.torch_step()
    step = case.step()
    for p in step.parameters:
        same(p.before, want.before[p.name])
        same(p.gradient, want.gradients[p.name])
        same(p.after, want.after[p.name])
    same(step.output_before, want.output)
    same(step.output_after, want.output_after)
    same(step.loss, want.loss)
    same(step.loss_after, want.loss_after)
    linear = [call for call in step.calls if call.kind == "Linear"]
    for call, z, gradient in zip(linear, want.z, want.z_gradients, strict=True):
        same(step.values(call.output), z)
        same(step.gradients(call.output), gradient)


@pytest.mark.parametrize("seed", range(20))
def test_the_tables_of_random_networks_agree_with_torch(seed):
    case = Case(seed, samples=1)
    want = case.torch_step()
    tables = sections(str(case.step()))
    for title, state in (
        ("Initial parameters", want.before),
        ("Gradients", want.gradients),
        ("Updated parameters", want.after),
    ):
        (table,) = tables[title]
        for name, array in state.items():
            got = np.array([float(x) for x in table[name]])
            assert np.abs(got - array.detach().numpy().ravel()).max() <= 5.0001e-5
    losses = [float(table[""][0]) for table in tables["Loss"]]
    np.testing.assert_allclose(
        losses, [want.loss.item(), want.loss_after.item()], rtol=1e-12, atol=1e-14
    )


def test_local_derivatives_times_gradients_give_the_gradients_of_the_inputs():
    step = Case(3, sizes=[2, 3, 2], samples=2).step()
    nodes = step.tape.nodes
    sums = np.zeros(len(nodes))
    sums[-1] = 1.0
    for i in reversed(range(len(nodes))):
        for j, local in zip(nodes[i].inputs, nodes[i].local, strict=True):
            sums[j] += sums[i] * local
    np.testing.assert_allclose(sums, [n.gradient for n in nodes], rtol=1e-13)


def test_the_record_does_not_change_with_the_model():
    case = Case(1)
    step = case.step()
    before = str(step)
    case.step()
    case.model.zero_grad()
    assert str(step) == before


def test_the_model_is_updated_as_by_the_optimizer():
    ours, theirs = Case(7), Case(7)
    ours.step()
    sgd = optim.SGD(theirs.model.parameters(), lr=theirs.lr)
    sgd.zero_grad()
    loss = article.LOSSES[theirs.loss]()
    loss(theirs.model(micrograd.tensor(theirs.x)), micrograd.tensor(theirs.y)).backward()
    sgd.step()
    for name, numbers in ours.model.state_dict().items():
        assert (numbers == theirs.model.state_dict()[name]).all()


def test_gradients_of_an_earlier_pass_do_not_count():
    fresh, used = Case(5), Case(5)
    loss = article.LOSSES[used.loss]()
    loss(used.model(micrograd.tensor(used.x)), micrograd.tensor(used.y)).backward()
    for a, b in zip(fresh.step().parameters, used.step().parameters, strict=True):
        assert (a.gradient == b.gradient).all()


def test_a_parameter_that_is_not_used_is_said_to_be_unreached():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used = nn.Linear(1, 1)
            self.unused = nn.Linear(1, 1)

        def forward(self, x):
            return self.used(x)

    model = Half()
    step = record_step(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), [[1.0]], [[2.0]])
    unused = step.parameter("unused.weight")
    assert unused.gradient is None
    assert (unused.after == unused.before).all()
    assert "unused.weight  not reached" in str(step)


def test_an_error_in_the_loss_leaves_the_parameters(step):
    model = article.network()
    calls = []

    def loss(output, y):
        calls.append(output)
        if len(calls) == 2:
            raise RuntimeError("the second time")
        return nn.MSELoss()(output, y)

    before = model.state_dict()
    with pytest.raises(RuntimeError, match="the second time"):
        record_step(model, loss, optim.SGD(model.parameters(), lr=0.1), [[1.0]], [[2.0]])
    for name, numbers in model.state_dict().items():
        assert (numbers == before[name]).all()


def test_momentum_is_recorded_as_a_direction():
    model = nn.Linear(1, 1)
    sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    peer = torch.nn.Linear(1, 1).double()
    peer.load_state_dict({k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()})
    torch_sgd = torch.optim.SGD(peer.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        step = record_step(model, nn.MSELoss(), sgd, [[1.0]], [[2.0]])
        torch_sgd.zero_grad()
        torch.nn.MSELoss()(
            peer(torch.ones(1, 1).double()), 2 * torch.ones(1, 1).double()
        ).backward()
        torch_sgd.step()
    weight = step.parameter("weight")
    np.testing.assert_allclose(weight.after, weight.before - 0.1 * weight.direction, rtol=1e-15)
    buffer = torch_sgd.state[peer.weight]["momentum_buffer"]
    np.testing.assert_allclose(weight.direction, buffer.numpy(), rtol=1e-12)
    assert step.rule == "0.9·v + g"


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[1.0, 2.0]], [[1.0]], "rows of 1 numbers"),
        ([[1.0]], [[1.0, 2.0]], "shape of the output"),
        ([], [], "x is empty"),
    ],
)
def test_bad_data(x, y, message):
    model = article.network()
    with pytest.raises(micrograd.MicrogradError, match=message):
        record_step(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), x, y)


STATES = {"momentum_buffer": "v", "exp_avg": "m", "exp_avg_sq": "v", "sum": "s", "square_avg": "v"}


def table_of(tables, name):
    """The table of an equation's result."""
    (found,) = [rows for title, (rows, *_) in tables.items() if title.startswith(f"{name} = ")]
    return {parameter: [float(x) for x in numbers] for parameter, numbers in found.items()}


@pytest.mark.parametrize("digits", [4, 9])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"momentum": 0.9}),
        ("Adagrad", {}),
        ("RMSprop", {}),
        ("Adam", {}),
        ("AdamW", {}),
    ],
)
def test_the_tables_show_what_the_optimiser_made_of_the_gradients(name, options, digits):
    model = article.network()
    optimizer = getattr(optim, name)(model.parameters(), lr=0.01, **options)
    steps = micrograd.record_steps(model, nn.MSELoss(), optimizer, [(article.X, article.Y)] * 3)
    peer = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    peer.double()
    names = dict(zip(article.PARAMETERS, peer.parameters(), strict=True))
    for key, p in names.items():
        p.data = torch.tensor(article.PARAMETERS[key], dtype=torch.float64)
    reference = getattr(torch.optim, name)(peer.parameters(), lr=0.01, **options)
    for step in steps:
        reference.zero_grad()
        torch.nn.MSELoss()(
            peer(torch.tensor(article.X).double()), torch.tensor(article.Y).double()
        ).backward()
        reference.step()
        tables = sections(step.tables(digits=digits))
        for key, p in names.items():
            for entry, symbol in STATES.items():
                if entry in reference.state[p]:
                    want = reference.state[p][entry].numpy().ravel()
                    got = table_of(tables, symbol)[key]
                    np.testing.assert_allclose(got, want, rtol=1e-4, atol=0.51 * 10**-digits)
        if name.startswith("Adam"):
            t = reference.state[p]["step"].item()
            m_hat = reference.state[p]["exp_avg"].item() / (1 - 0.9**t)
            assert table_of(tables, "m̂")[key] == [pytest.approx(m_hat, abs=0.51 * 10**-digits)]
            assert f"t = {t:g}" in step.tables()
    before = [title for title in tables if title.endswith("_old (before the step)")]
    assert len(before) == {"Adam": 2, "AdamW": 2}.get(name, 1)


def test_plain_descent_has_the_articles_tables_and_no_others(step):
    assert "Update rule" not in str(step)
    assert "=" not in str(step)


def test_digits(step):
    assert "0.63" in step.tables(digits=2)
    assert "0.6319" not in step.tables(digits=2)
    assert "0.63185162" in step.tables(digits=8)
    assert repr(step.loss) in step.tables(digits=1)
    for wrong in (0, -1, 18, 2.0, True, "4"):
        with pytest.raises(micrograd.MicrogradError, match="digits must be"):
            step.tables(digits=wrong)


def test_groups_have_their_own_rules_in_the_tables():
    model = article.network()
    groups = [{"params": model.layer1.parameters(), "momentum": 0.9}]
    groups += [{"params": model.layer2.parameters(), "weight_decay": 0.1}]
    sgd = optim.SGD(groups, lr=0.01)
    text = record_step(model, nn.MSELoss(), sgd, article.X, article.Y).tables()
    assert "  layer1.weight, layer1.bias  new = p − lr × v, lr = 0.01, μ = 0.9\n" in text
    assert "  layer2.weight, layer2.bias  new = p − lr × g_λ, lr = 0.01, λ = 0.1\n" in text


def test_the_tables_of_rows_have_a_row_each():
    mlp = nn.MLP(2, [2, 1])
    loss = lambda outputs, ys: sum((a - b) ** 2 for a, b in zip(outputs, ys, strict=True))  # noqa: E731
    sgd = optim.SGD(mlp.parameters(), lr=0.01)
    step = record_step(mlp, loss, sgd, [[1, 2], [3.0, 4]], [1, 2])
    (forward,) = sections(str(step))["Forward pass"]
    assert list(forward) == ["x (input)", "layers.0", "layers.1", "y (target)"]
    assert [len(numbers) for numbers in forward.values()] == [4, 4, 2, 2]


def test_large_arrays_are_summarised():
    model = nn.Linear(40, 40)
    sgd = optim.Adam(model.parameters(), lr=0.01)
    step = record_step(model, nn.MSELoss(), sgd, np.ones((2, 40)), np.ones((2, 40)))
    text = step.tables("zh", digits=2)
    rows_left_out = [line for line in text.split("\n") if line.count("…") == 7]
    assert len(rows_left_out) == 3 + 2 + 4  # weights, gradients, new weights; state; m, v, m̂, v̂


def test_a_step_shows_itself_in_a_line():
    model = nn.Linear(1, 1)
    adam = optim.Adam(model.parameters(), lr=0.1)
    step = record_step(model, nn.MSELoss(), adam, [[1.0]], [[2.0]])
    assert repr(step) == f"<Step: Adam, MSELoss {step.loss:.4f}, 2 parameters>"
    assert repr(step.parameters[0].optimizer).startswith("Adam(lr=0.1")
