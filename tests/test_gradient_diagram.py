"""Every number of the gradient diagram, in the right band of the right card, against torch."""

import re

import numpy as np
import pytest
from peers import Case
from pictures import Picture

from micrograd import article, nn, optim, record_step
from micrograd.errors import GraphError
from viz import gradient_diagram

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


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_number_is_in_its_band(sizes, samples):
    case = Case(f"{sizes}", sizes=sizes, samples=samples)
    want = case.torch_step()
    sample = samples - 1
    picture = Picture(gradient_diagram(case.step(), sample=sample))
    before = want.x[sample]
    for j, x in enumerate(before):
        close(picture.numbers(f"a_x{j}-fwd"), x)
    depth = len(sizes) - 1
    for k in range(depth):
        weight, bias = f"layer{k + 1}.weight", f"layer{k + 1}.bias"
        activated = k < depth - 1
        apart = sizes[k] * sizes[k + 1] <= 6
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
                for column, role, state in (
                    (0, "fwd", want.before),
                    (2, "bwd", want.gradients),
                    (3, "upd", want.after),
                ):
                    numbers = [*state[weight][i], state[bias][i]]
                    close(picture.numbers(f"a_{key}-{column}-{role}"), numbers)
                close(picture.numbers(f"a_{key}-1-loc"), [*before, 1.0])
        before = want.a[k][sample]
    close(picture.numbers("a_L-fwd"), [*want.y[sample], want.loss])
    close(picture.numbers("a_L-loc"), want.a_gradients[-1][sample])
    close(picture.numbers("a_L-bwd"), 1.0)


def slope(case, want, k, sample, i):
    """The derivative of the activation, by torch."""
    z = want.z[k].clone().requires_grad_()
    want.activation(z).sum().backward()
    return z.grad[sample, i]


def test_products_in_small_print_are_what_they_say():
    """Upstream times local is the number beside it, to the digits shown."""
    for seed in range(5):
        case = Case(f"small print {seed}", sizes=[2, 3, 2], samples=1)
        picture = Picture(gradient_diagram(case.step()))
        bands = [key for key in picture.groups if re.fullmatch(r"a_(h|out).*-bwd", key)]
        assert len(bands) == 3 + 2 + 6 + 6
        for key in bands:
            lines = picture.small_print(key)
            assert len(lines) == len(picture.numbers(key))
            for line, number in zip(lines, picture.numbers(key), strict=True):
                terms = [re.sub("[()= ]", "", t).split("×") for t in line.split(" + ")]
                total = sum(float(upstream) * float(local) for upstream, local in terms)
                assert abs(total - number) < 5e-4


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
    assert "= 0.6319 − 0.01 × 6.2878" in picture.texts("a_h0_w0-upd")
    assert "= -0.3385 − 0.01 × (-8.3868)" in picture.texts("a_out_w0-upd")
    assert "one sample  x = 2, y = 4, learning rate 0.01" in picture.all_text()


def test_a_batch_says_which_sample_and_that_gradients_are_of_all():
    step = Case(2, sizes=[1, 2, 1], samples=3).step()
    texts = " ".join(Picture(gradient_diagram(step, sample=1)).all_text())
    assert "sample 2 of 3" in texts
    assert "gradients: whole batch" in texts
    assert "sum over 3 samples" in texts


def test_momentum_is_in_the_small_print():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)
    weight = step.parameter("layer2.bias")
    texts = Picture(gradient_diagram(step)).all_text()
    assert f"= {weight.before[0]:.4f} − 0.1 × ({weight.direction[0]:.4f})" in texts
    assert any("SGD: 0.9·v + g" in t for t in texts)


def test_the_loss_card_says_what_the_mean_is_over():
    for loss, shown in ((nn.MSELoss(), "mean of 6"), (nn.MSELoss("sum"), None)):
        case = Case("terms", sizes=[2, 2], samples=3)
        sgd = optim.SGD(case.model.parameters(), lr=0.1)
        picture = Picture(gradient_diagram(record_step(case.model, loss, sgd, case.x, case.y)))
        texts = " ".join(picture.texts("a_L-fwd") + picture.texts("a_L-loc"))
        assert ("2(out0 − y)/6" in texts) == (shown is not None)
        assert shown is None or shown in texts
    case = Case("classes", sizes=[2, 3], samples=4)
    sgd = optim.SGD(case.model.parameters(), lr=0.1)
    step = record_step(case.model, nn.CrossEntropyLoss(), sgd, case.x, [0, 1, 2, 1])
    picture = Picture(gradient_diagram(step))
    assert "mean of 4" in picture.texts("a_L-fwd")
    assert picture.numbers("a_L-fwd") == pytest.approx([0.0, step.loss], abs=5.1e-5)


def test_a_large_network_is_folded_and_says_so():
    step = Case(3, sizes=[20, 20, 1], samples=1).step()
    figure = gradient_diagram(step)
    assert "folded to layers" in " ".join(Picture(figure).all_text())


def test_networks_of_another_kind_are_refused_with_a_reason():
    class Squared(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer1 = nn.Linear(1, 2)
            self.layer2 = nn.Linear(2, 1)

        def forward(self, x):
            h = self.layer1(x)
            return self.layer2(h * h)

    model = Squared()
    step = record_step(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), [[1.0]], [[2.0]])
    with pytest.raises(GraphError, match=r"what follows layer1 .* op_graph"):
        gradient_diagram(step)


@pytest.mark.parametrize(("argument", "value"), [("sample", 5), ("sample", -1), ("language", "fr")])
def test_bad_arguments(argument, value):
    step = Case(4, sizes=[1, 1], samples=2).step()
    with pytest.raises(Exception, match=argument) as raised:
        gradient_diagram(step, **{argument: value})
    assert type(raised.value).__module__ == "micrograd.errors"
