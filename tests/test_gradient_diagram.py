"""Every number of the gradient diagram, in the right band of the right card, against torch."""

import re
import time

import numpy as np
import pytest
from peers import Case
from pictures import Picture, agrees

from micrograd import Value, nn, optim, record_step
from micrograd.article import networks as article
from micrograd.errors import GraphError
from viz import gradient_diagram, layer_graph

SIZES = [[1, 2, 1], [2, 3, 2, 1], [3, 5, 5, 3, 1], [1, 1], [2, 2], [4, 1], [1, 7, 2], [2, 3, 3]]


def close(got, want):
    """Equal to as many digits as are shown."""
    got, want = np.ravel(got), np.ravel([float(x) for x in np.ravel(want)])
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=5.1e-5, atol=5.1e-5)


def unit_key(k, i, sizes):
    depth = len(sizes) - 1
    if k == depth - 1:
        return "out" if sizes[-1] == 1 else f"out{i}"
    return f"h{i}" if depth == 2 else f"h{k + 1}_{i}"


@pytest.mark.some(4)
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_number_is_in_its_band(sizes, samples):
    case = Case(f"{sizes}", sizes=sizes, samples=samples)
    want = case.torch_step()
    sample = samples - 1
    picture = Picture(gradient_diagram(case.step(), sample=sample))
    before = want.x[sample]
    for j, x in enumerate(before):
        close(picture.numbers(f"a_{'x' if sizes[0] == 1 else f'x{j}'}-fwd"), x)
    depth = len(sizes) - 1
    apart = max(sizes[k] * sizes[k + 1] for k in range(depth)) <= 6
    for k in range(depth):
        weight, bias = f"layer{k + 1}.weight", f"layer{k + 1}.bias"
        activated = k < depth - 1
        for i in range(sizes[k + 1]):
            key = unit_key(k, i, sizes)
            z, a = want.z[k][sample, i], want.a[k][sample, i]
            gz, ga = want.z_gradients[k][sample, i], want.a_gradients[k][sample, i]
            old, gradient, new = (
                state[bias][i] for state in (want.before, want.gradients, want.after)
            )
            values = [z, a] if activated else [z]
            close(picture.numbers(f"a_{key}-fwd"), [old, *values] if apart else values)
            gradients = [ga, gz] if activated else [gz]
            several = [gradient] if apart and samples > 1 else []
            close(picture.numbers(f"a_{key}-bwd"), [*gradients, *several])
            if activated:
                close(picture.numbers(f"a_{key}-loc"), slope(case, want, k, sample, i))
            if apart:
                close(picture.numbers(f"a_{key}-upd"), new)
                for j in range(sizes[k]):
                    card = f"a_{key}_w{j}"
                    close(picture.numbers(f"{card}-fwd"), want.before[weight][i, j])
                    back = [want.before[weight][i, j]] if k else []
                    close(picture.numbers(f"{card}-loc"), [before[j], *back])
                    close(picture.numbers(f"{card}-bwd"), want.gradients[weight][i, j])
                    close(picture.numbers(f"{card}-upd"), want.after[weight][i, j])
            else:
                share = [("share-bwd", {weight: gz * before[None], bias: gz[None]}, 0)]
                columns = [("fwd", want.before, i), ("loc", {weight: before[None], bias: [1.0]}, 0)]
                columns += share if samples > 1 else []
                columns += [("bwd", want.gradients, i), ("upd", want.after, i)]
                for column, (role, state, row) in enumerate(columns):
                    numbers = [*state[weight][row], state[bias][row]]
                    close(picture.numbers(f"a_{key}-{column}-{role[-3:]}"), numbers)
        before = want.a[k][sample]
    close(picture.numbers("a_L-fwd")[-1], want.loss)
    close(picture.numbers("a_L-bwd"), 1.0)
    shown = [n for key in picture.groups if re.fullmatch("a_.*-fwd", key)
             for n in picture.numbers(key)]  # fmt: skip
    for y in want.y[sample]:
        assert min(abs(n - float(y)) for n in shown) <= 5.1e-5


def slope(case, want, k, sample, i):
    """The derivative of the activation, by torch."""
    z = want.z[k].clone().requires_grad_()
    want.activation(z).sum().backward()
    return z.grad[sample, i]


def test_small_print_is_what_it_says():
    """Each line of small print, computed, is the number beside it: to the last digit."""
    lines = 0
    for seed in range(5):
        case = Case(f"small print {seed}", sizes=[2, 3, 2], samples=1)
        picture = Picture(gradient_diagram(case.step(), digits=3 + seed % 3))
        bands = [key for key in picture.groups if re.fullmatch(r"a_\w+-(fwd|loc|bwd|upd)", key)]
        for key in bands:
            for line, shown in picture.equations(key):
                assert agrees(line, shown), f"{key}: {line} is not {shown}"
                lines += 1
    assert lines > 200


def test_a_changed_digit_is_found():
    assert agrees("= (-9.28753) × (-0.00313)", "0.0291")
    assert not agrees("= (-9.2875) × (-0.0031)", "0.0291")


def test_gradients_flow_back_from_the_amber_row():
    """A gradient leaves the weight card from ∂z/∂h = W, not from ∂L/∂W."""
    source = gradient_diagram(Case(1, sizes=[1, 2, 1], samples=1).step()).source
    assert "out_w0:lw:w -> h0:ge:e" in source
    assert not re.search(r"_w\d:b.* -> h", source)


def test_the_articles_picture():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=article.LEARNING_RATE)
    step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)
    picture = Picture(gradient_diagram(step))
    assert picture.numbers("a_h0-fwd") == [-0.3607, 0.9030, 0.9030]
    assert picture.numbers("a_h0-bwd") == [3.1439, 3.1439]
    assert picture.numbers("a_out_w0-upd") == [-0.2546]
    assert picture.small_print("a_h0_w0-upd") == ["= 0.6319 − 0.01 × 6.2878"]
    assert picture.small_print("a_h1-bwd")[0] == "= (-9.28755) × (-0.00313)"
    assert "one sample  x = 2, y = 4, learning rate lr = 0.01" in picture.all_text()
    assert "rounded to 4 decimals; small print: the digits it needs" in picture.all_text()


def test_a_batch_says_which_sample_and_that_gradients_are_of_all():
    step = Case(2, sizes=[1, 2, 1], samples=3).step()
    picture = Picture(gradient_diagram(step, sample=1))
    texts = " ".join(picture.all_text())
    assert "sample 2 of 3" in texts
    assert "gradients: whole batch" in texts
    (line,) = picture.small_print("a_h0_w0-bwd")
    sums, product, share = re.fullmatch(r"(.*); this one: (.*) = (.*)", line).groups()
    assert sums == "Σ over 3 samples"
    assert agrees(product, share)


def test_the_mean_of_a_batch_is_its_samples_loss_and_the_others():
    step = Case(2, sizes=[1, 2, 1], samples=3).step()
    picture = Picture(gradient_diagram(step, sample=1))
    texts = picture.texts("a_L-fwd")
    said = [t for t in texts if t.startswith("L")]
    assert said == ["L[0]", "L[2]", "L = (L[0] + L[1] + L[2]) / 3"]
    ((line, shown),) = picture.equations("a_L-fwd")
    assert agrees(line, shown)
    many = Picture(gradient_diagram(Case(2, sizes=[1, 2, 1], samples=6).step()))
    assert "Σ others" in many.texts("a_L-fwd")
    assert "L = (L[0] + Σ others) / 6" in many.texts("a_L-fwd")


def test_momentum_has_its_own_equation():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)
    weight = step.parameter("layer2.bias")
    picture = Picture(gradient_diagram(step))
    v, new = picture.numbers("a_out-upd")
    assert v == pytest.approx(weight.direction[0], abs=5.1e-5)
    assert new == pytest.approx(weight.after[0], abs=5.1e-5)
    assert "v = μ × v_old + g" in picture.texts("a_out-upd")
    for line, shown in picture.equations("a_out-upd"):
        assert agrees(line, shown)


def test_the_loss_says_what_it_is():
    case = Case("terms", sizes=[2, 2], samples=1)
    for loss, formula, slope in (
        (nn.MSELoss(), "((out0 − y0)² + (out1 − y1)²) / 2", "2 × (out0 − y0)"),
        (nn.MSELoss("sum"), "(out0 − y0)² + (out1 − y1)²", "2 × (out0 − y0)"),
    ):
        sgd = optim.SGD(case.model.parameters(), lr=0.1)
        picture = Picture(gradient_diagram(record_step(case.model, loss, sgd, case.x, case.y)))
        assert f"L = {formula}" in picture.texts("a_L-fwd")
        assert any(slope in text for text in picture.texts("a_L-loc"))


def test_a_large_network_is_folded_and_says_so():
    step = Case(3, sizes=[20, 20, 1], samples=1).step()
    figure = gradient_diagram(step)
    picture = Picture(figure)
    assert "folded to layers" in " ".join(picture.all_text())
    backward = {key for key in picture.groups if re.fullmatch(r"e-op\d+-parameter\d+", key)}
    assert len(backward) == 4
    assert not backward & Picture(layer_graph(step)).groups.keys()


class Squared(nn.Module):
    """No module between two layers, but h × h."""

    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(1, 2)
        self.layer2 = nn.Linear(2, 1)

    def forward(self, x):
        h = self.layer1(x)
        return self.layer2(h * h + x)


def test_what_was_recorded_is_drawn():
    model = Squared()
    step = record_step(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), [[1.5]], [[2.0]])
    picture = Picture(gradient_diagram(step))
    assert picture.texts("a_u1_0-fwd")[0] == "u1[0] = z0 × z0 + x"
    assert picture.texts("a_u1_0-loc")[0] == "∂u1[0]/∂z0 = z0 + z0"
    slope = float(2 * step.values(step.calls[0].output)[0, 0])
    close(picture.numbers("a_u1_0-loc"), [slope, 1.0])


def test_a_parameter_that_is_used_twice_has_one_card_and_all_its_shares():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, x):
            return self.layer(self.layer(x).tanh())

    model = Twice()
    step = record_step(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), [[1.5]], [[2.0]])
    picture = Picture(gradient_diagram(step))
    close(picture.numbers("a_W1-bwd"), step.parameter("layer.weight").gradient)
    ((line, shown),) = picture.equations("a_W1-bwd")
    assert line.count("×") == 2
    assert agrees(line, shown)


def test_a_value_is_drawn_with_its_callers_names():
    price, amount = Value(2.0), Value(-3.0)
    total = (price * amount + 1).tanh() + price**2
    total.backward()
    picture = Picture(gradient_diagram(total))
    close(picture.numbers("a_price-bwd"), price.grad)
    assert picture.texts("a_u1-fwd")[0] == "u1 = tanh(price × amount + 1)"
    assert picture.texts("a_total-fwd")[0] == "total = u1 + price²"
    for key in ("a_price-bwd", "a_amount-bwd", "a_total-fwd", "a_total-loc"):
        for line, shown in picture.equations(key):
            assert agrees(line, shown)


@pytest.mark.parametrize("names", [
    ["x", "x'", "x''"], ["w", "w_", "w_2"], ["a+", "a-"], ["y", "y^"], ["!", "?"], ["😀", "😁"],
    ["w", "w"], ["v1", ""], ["x[0]", "x_0"], ["out", "L"],
])  # fmt: skip
def test_each_value_has_its_card_whatever_it_is_called(names):
    values = [Value(k + 2.0, label=name) for k, name in enumerate(names)]
    loss = sum(v * v for v in values) * 1.0
    loss.backward()
    diagram = gradient_diagram(loss)
    picture = Picture(diagram)
    inputs = [
        key for key in picture.groups if key.endswith("-fwd") and len(picture.texts(key)) == 2
    ]
    assert [picture.numbers(key) for key in inputs] == [[v.data] for v in values]
    gradients = [picture.numbers(key.replace("-fwd", "-bwd")) for key in inputs]
    assert gradients == [[v.grad] for v in values]
    assert len({picture.texts(key)[0] for key in inputs}) == len(names)


@pytest.mark.parametrize("names", [["w", "w'"], ["w", "w"], ["out0_w0", "b"], ["x0", "y1"]])
def test_each_parameter_has_its_card_whatever_it_is_called(names):
    first, second = (Value(k + 2.0, label=name) for k, name in enumerate(names))
    sgd = optim.SGD([first, second], lr=0.1)
    step = record_step(
        lambda x: [first * v + second for v in x], nn.MSELoss(), sgd, [1.0, 2.0], [1.0, 3.0]
    )
    picture = Picture(gradient_diagram(step))
    new = [picture.numbers(key)[-1] for key in picture.groups if key.endswith("-upd")]
    close(sorted(new), sorted(p.after for p in step.parameters))


@pytest.mark.parametrize("leaves", [1200, 5])
def test_what_is_far_too_large_is_refused_at_once(leaves):
    values = [Value(0.1 * k) for k in range(leaves)]
    total = sum(values[k % leaves] * values[k * k % leaves] for k in range(1200))
    total.backward()
    start = time.process_time()
    with pytest.raises(GraphError, match="more than 40 cards"):
        gradient_diagram(total)
    assert time.process_time() - start < 2  # some ten seconds, and some hours, where all is read


def test_what_was_made_by_hand_is_refused_with_the_view_that_can():
    a = Value(2.0)
    by_hand = Value(4.0, (a,), "square")
    with pytest.raises(GraphError, match="op_graph"):
        gradient_diagram(by_hand + 1.0)


def test_a_model_instead_of_a_step():
    with pytest.raises(TypeError, match=r"record_step\(model, loss, optimizer, x, y\)"):
        gradient_diagram(article.network())


@pytest.mark.parametrize(
    ("argument", "value"), [("sample", 5), ("sample", -1), ("language", "fr"), ("digits", 0)]
)
def test_bad_arguments(argument, value):
    step = Case(4, sizes=[1, 1], samples=2).step()
    with pytest.raises(Exception, match=argument) as raised:
        gradient_diagram(step, **{argument: value})
    assert type(raised.value).__module__ == "micrograd.errors"


def test_a_choice_is_the_branch_that_was_taken():
    model = nn.Linear(2, 1)
    sgd = optim.SGD(model.parameters(), lr=0.1)
    for target in (0.0, 1.0):
        step = record_step(model, nn.BCEWithLogitsLoss(), sgd, [[1.0, 2.0]], [[target]])
        picture = Picture(gradient_diagram(step))
        assert not [text for text in picture.all_text() if " if " in text or "<" in text]
        close(picture.numbers("a_L-loc"), step.gradients(step.output))
        for band in ("a_L-fwd", "a_L-loc", "a_out-bwd"):
            for line, shown in picture.equations(band):
                assert agrees(line, shown)


def test_data_that_was_changed_after_the_result_is_not_drawn():
    x = Value(3.0)
    loss = (x - 1) ** 2
    loss.backward()
    x.data -= 0.1 * x.grad
    with pytest.raises(GraphError, match="changed after the result"):
        gradient_diagram(loss)


def test_an_optimiser_with_a_step_of_its_own_is_refused():
    class Clipped(optim.SGD):
        def step(self):
            super().step()

    model = nn.Linear(1, 1)
    clipped = Clipped(model.parameters(), lr=0.1)
    with pytest.raises(
        TypeError, match="Clipped, which defines `step`; write its rule as `direction`"
    ):
        record_step(model, nn.MSELoss(), clipped, [[1.0]], [[2.0]])
