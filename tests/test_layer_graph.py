"""The layer graph of a recorded step: formulas that multiply and come to what is printed."""

import numpy as np
import pytest
from formulas import LayerPicture, check
from hypothesis import example, given, settings
from hypothesis import strategies as st
from peers import Case
from recorded_models import Built, deep, functional, karpathy, numbers, seeded, step, steps

import viz
from micrograd import Value, nn, optim, record_step
from micrograd.errors import ArgumentValueError, GraphError

STEPS = steps()
MSE = nn.MSELoss()


def picture(recorded, **options):
    return LayerPicture(viz.layer_graph(recorded, **{"digits": 12, **options}))


def lines(drawn):
    return [f"{name} = {formula}" for name, _, formula in drawn.formulas]


@pytest.mark.some(9)
@pytest.mark.parametrize("name", STEPS)
def test_every_formula_holds_and_the_picture_is_one(name):
    recorded = seeded(STEPS[name])
    drawn = picture(recorded)
    check(drawn)
    assert len(drawn.components()) == 1
    assert "L" in drawn.matrices
    used = recorded.parameters
    assert all((p.positions >= 0).all() for p in used)
    want = np.sort(np.concatenate([p.gradient.ravel() for p in used]))
    of_parameters = [drawn.gradients[n] for n in drawn.gradients if n in drawn.new]
    got = np.sort(np.concatenate([g.ravel() for g in of_parameters]))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11)
    new = np.sort(np.concatenate([drawn.new[n].ravel() for n in drawn.new]))
    after = np.sort(np.concatenate([p.after.ravel() for p in used]))
    np.testing.assert_allclose(new, after, rtol=1e-9, atol=1e-11)


def test_an_array_that_is_labelled_as_its_input_has_a_card_of_its_own():
    def labelled(x):
        hidden = model[0](x)
        for name, made in (("x", hidden), ("y", hidden.tanh())):
            for value in made._values.flat:
                value.label = name
        return model[1](made)

    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    sgd = optim.SGD(model.parameters(), lr=0.1)
    drawn = picture(record_step(labelled, MSE, sgd, numbers(2, 3), numbers(2, 2)))
    check(drawn)
    assert len(drawn.components()) == 1


def test_what_recurs_stands_on_one_card_with_a_count():
    drawn = picture(seeded(STEPS["recurrent"]))
    assert len(drawn.repeated) == 2
    said = " ".join(drawn.all_text())
    assert "like z3, 4 times more" in said
    assert "like a1, z8, 4 times more" in said


def test_what_was_drawn_in_two_parts():
    drawn = picture(seeded(lambda: step(functional(), MSE, numbers(8, 3), numbers(8, 1))))
    assert lines(drawn) == [
        "z = x (8×3) · W1ᵀ (3×5) + b1 (5)",
        "h = relu(z (8×5))",
        "out = h (8×5) · W2ᵀ (5×1) + b2 (1)",
        "L = Σ (out (8×1) − y (8×1))² / 8",
    ]
    assert "∂L/∂W1 = Σ over 8 samples" in drawn.texts("parameter0")
    one = picture(seeded(lambda: step(functional(), MSE, numbers(1, 3), numbers(1, 1))))
    assert "∂L/∂W1" in one.texts("parameter0")
    assert lines(one)[-1] == "L = (out (1×1) − y (1×1))²"


def test_names_of_other_models():
    def last(name):
        return lines(picture(seeded(STEPS[name])))

    assert "a1 = h1 (6×4) + h2 (6×4)" in last("residual")
    assert [line for line in last("shared") if "W2" in line] == [
        "z2 = h1 (6×4) · W2ᵀ (4×4) + b2 (4)",
        "z3 = h2 (6×4) · W2ᵀ (4×4) + b2 (4)",
    ]
    assert last("siamese")[:2] == [
        "z1 = x[:, :2] (6×2) · W1ᵀ (2×3) + b1 (3)",
        "z2 = x[:, 2:] (6×2) · W1ᵀ (2×3) + b1 (3)",
    ]
    assert "z1 = left (6×2) · W1ᵀ (2×3) + b1 (3)" in last("two inputs")
    entropy = last("cross entropy")
    assert "a5 = Σ a4 (6) − Σ a1[y] (6)" in entropy
    assert "L = a5 / 6" in entropy
    assert "out = a1 (6×3) / a2[:, None] (6×1)" in last("softmax")
    assert "L = a2 + Σ θ (26)² / 100" in last("penalty")
    assert last("Karpathy's")[0] == "z1 = x (5×3) · W1ᵀ (3×4) + b1 (4)"
    assert "out = h (5×4) · v (4)" in last("scalars")
    assert "a1 = scale (4) ⊙ z (4×4)" in last("gated")


def test_a_module_used_twice_has_one_card():
    recorded = seeded(STEPS["shared"])
    drawn = picture(recorded)
    titles = [drawn.lines(key)[0] for key in drawn.cards if key.startswith("parameter")]
    assert len(titles) == len(set(titles)) == 6
    weight = next(k for k in drawn.cards if drawn.lines(k)[0].startswith("W2"))
    assert sum(key.startswith(f"e-{weight}-") for key in drawn.groups) == 2


@pytest.mark.parametrize(("sizes", "samples"), [([1, 2, 1], 1), ([3, 5, 5, 3, 1], 1), ([2, 3], 4)])
def test_matrices_are_torchs(sizes, samples):
    case = Case(f"layers {sizes}", sizes=sizes, samples=samples)
    want = case.torch_step()
    drawn = picture(case.step())
    for k in range(1, len(sizes)):
        for name, own in (("W", "weight"), ("b", "bias")):
            for store, state in (
                (drawn.matrices, want.before),
                (drawn.gradients, want.gradients),
                (drawn.new, want.after),
            ):
                numbers = state[f"layer{k}.{own}"].numpy()
                np.testing.assert_allclose(store[f"{name}{k}"], numbers, rtol=1e-9, atol=1e-11)
    z = {1: "out", 2: "z"}.get(len(sizes) - 1, "z1")
    np.testing.assert_allclose(drawn.matrices[z], want.z[0].numpy(), rtol=1e-9)


def test_large_matrices_are_heat_maps_with_their_shape():
    drawn = LayerPicture(viz.layer_graph(Case(6, sizes=[20, 30, 1], samples=1).step()))
    assert "30×20" in " ".join(drawn.all_text())
    assert any("max" in text for text in drawn.texts("a_parameter0-0-fwd"))
    cells = list(drawn.groups["a_parameter0-0-fwd"].iter("{http://www.w3.org/2000/svg}polygon"))
    assert len(cells) > 600


def test_karpathys_network_fits():
    recorded = step(karpathy((16, 16, 1)), lambda o, y: (o - y) ** 2, [1.0, -2.0, 0.5], 1.0)
    drawn = picture(recorded, digits=4)
    assert len(drawn.components()) == 1
    assert "layers[0].neurons[…].w[…]  16×3" in " ".join(drawn.lines("parameter0"))
    *_, width, height = [float(x) for x in drawn.root.get("viewBox").split()]
    assert max(width, height) < 1700


def test_a_deep_network_fits_a_slide():
    drawn = picture(seeded(lambda: step(deep(), MSE, [[0.5, -1.0, 2.0]], [[1.0]])), digits=4)
    *_, width, height = [float(x) for x in drawn.root.get("viewBox").split()]
    assert 1.5 < width / height < 2.4
    assert width < 2400


def test_the_optimisers_state_and_equations():
    def adam(**options):
        model = functional()
        rule = optim.Adam(model.parameters(), lr=0.1)
        for _ in range(2):
            recorded = record_step(model, MSE, rule, numbers(4, 3), numbers(4, 1))
        return recorded

    drawn = picture(seeded(adam))
    said = " ".join(drawn.lines("parameter0"))
    for part in ("m_old", "v_old", "m = β₁ × m_old + (1 − β₁) × g", "new = W1 − lr × m̂"):
        assert part in said
    assert any("t = 2" in text and "β₁ = 0.9" in text for text in drawn.all_text())
    check(drawn)


def test_what_the_loss_does_not_need_is_not_drawn():
    model = Built(lambda m, x: m.a(x), a=nn.Linear(2, 1), b=nn.Linear(2, 1))
    drawn = picture(step(model, MSE, [[1.0, 2.0]], [[1.0]]))
    assert len(drawn.components()) == 1
    assert any("not reached: b.weight, b.bias" in text for text in drawn.all_text())
    assert sum("b.weight" in text for text in drawn.all_text()) == 1


def test_a_plain_value():
    w = [[Value(0.5), Value(-1.0)], [Value(2.0), Value(1.5)]]
    x = [Value(1.0), Value(3.0)]
    hidden = [sum(a * b for a, b in zip(row, x, strict=True)).tanh() for row in w]
    loss = sum(h * h for h in hidden)
    loss.backward()
    drawn = LayerPicture(viz.layer_graph(loss, digits=12))
    check(drawn)
    assert len(drawn.components()) == 1
    assert lines(drawn) == ["z = w (2×2) · x (2)", "h = tanh(z (2))", "loss = Σ h (2)²"]
    np.testing.assert_allclose(drawn.gradients["x"], [v.grad for v in x])


def test_labels_stay():
    a, b, c = (Value(v, label=n) for v, n in ((2.0, "a"), (-3.0, "b"), (10.0, "c")))
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    drawn = picture(d)
    assert lines(drawn) == ["e = a · b", "d = e + c"]
    assert all(np.isnan(g).all() for g in drawn.gradients.values())


def test_what_has_no_formula_is_refused():
    a = Value(2.0)
    out = Value(a.data**2, (a,), "square")
    with pytest.raises(GraphError, match=r"'square' was made by hand.*; draw op_graph"):
        viz.layer_graph(out * 2)
    with pytest.raises(GraphError, match="nothing to draw"):
        viz.layer_graph(Value(2.0))
    v = Value(1.0)
    for i in range(200):
        v = (v.tanh() if i % 3 else v.exp().sin()) * (1.0 + i) if i % 7 else v.sigmoid()
    with pytest.raises(GraphError, match=r"too many for a picture of its layers; draw op_graph"):
        viz.layer_graph(v)
    with pytest.raises(ArgumentValueError, match="digits must be"):
        viz.layer_graph(v, digits=0)


def test_two_runs_and_chinese():
    recorded = seeded(STEPS["functional"])
    assert viz.layer_graph(recorded).source == viz.layer_graph(recorded).source
    assert "Σ：6 个样本" in "".join(picture(recorded, language="zh").all_text())


# ---- random models -------------------------------------------------------------------------------

ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus")
PIECES = st.one_of(
    st.tuples(st.just("linear"), st.integers(1, 5)),
    st.tuples(st.just("activation"), st.sampled_from(ACTIVATIONS)),
    st.tuples(st.just("module"), st.sampled_from(["ReLU", "Tanh", "Sigmoid", "Softmax"])),
    st.tuples(st.just("residual"), st.sampled_from(ACTIVATIONS)),
    st.tuples(st.just("twice"), st.sampled_from(ACTIVATIONS)),
    st.tuples(st.just("gate"), st.just("sigmoid")),
    st.tuples(st.just("skip"), st.just("x")),
    st.tuples(st.just("scale"), st.floats(0.5, 2)),
)
LOSSES = ("MSELoss", "L1Loss", "CrossEntropyLoss", "sum", "penalty")


class Drawn(nn.Module):
    """A model of such pieces."""

    def __init__(self, inputs, pieces, outputs):
        super().__init__()
        self.pieces = pieces
        width = inputs
        for i, (kind, what) in enumerate(pieces):
            if kind == "linear":
                setattr(self, f"f{i}", nn.Linear(width, what))
                width = what
            elif kind in ("residual", "twice", "gate"):
                setattr(self, f"f{i}", nn.Linear(width, width))
            elif kind == "skip":
                setattr(self, f"f{i}", nn.Linear(inputs, width))
            elif kind == "module":
                setattr(self, f"f{i}", getattr(nn, what)(*([1] if what == "Softmax" else [])))
        self.last = nn.Linear(width, outputs)

    def forward(self, x):
        h = x
        for i, (kind, what) in enumerate(self.pieces):
            f = getattr(self, f"f{i}", None)
            if kind in ("linear", "module"):
                h = f(h)
            elif kind == "activation":
                h = getattr(h, what)()
            elif kind == "residual":
                h = h + getattr(f(h), what)()
            elif kind == "twice":
                h = getattr(f(getattr(f(h), what)()), what)()
            elif kind == "gate":
                h = h * f(h).sigmoid()
            elif kind == "skip":
                h = h + f(x)
            else:
                h = h * what
        return self.last(h)


def loss_of(name, model):
    if name == "sum":
        return lambda out, y: (out * out).sum()
    if name == "penalty":
        return lambda out, y: MSE(out, y) + 0.1 * sum((p * p).sum() for p in model.parameters())
    return getattr(nn, name)()


@example(3, [("activation", "relu"), ("scale", 1.0)], 2, 3, "MSELoss", 0)
@given(
    st.integers(1, 4), st.lists(PIECES, max_size=5), st.integers(1, 4), st.integers(1, 6),
    st.sampled_from(LOSSES), st.integers(0, 999),
)  # fmt: skip
def check_random_model(inputs, pieces, outputs, samples, name, seed):
    def record():
        model = Drawn(inputs, pieces, outputs)
        y = numbers(samples, outputs, seed=seed + 1)
        y = y.argmax(1) if name == "CrossEntropyLoss" else y
        return step(model, loss_of(name, model), numbers(samples, inputs, seed=seed), y)

    recorded = seeded(record)
    drawn = picture(recorded)
    check(drawn, 1e-6)
    assert len(drawn.components()) == 1
    for p in recorded.parameters:
        assert any(
            g.shape == p.before.shape and np.allclose(g, p.gradient, rtol=1e-8, atol=1e-11)
            for g in drawn.gradients.values()
        )


@pytest.mark.parametrize("many", [8, pytest.param(100, marks=pytest.mark.long)])
def test_random_models(many):
    settings(max_examples=many)(check_random_model)()


SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=3)


@settings(max_examples=10)
@given(st.integers(1, 4), SIZES, st.integers(1, 5), st.booleans())
def test_random_models_of_single_values(inputs, sizes, samples, batch):
    model = nn.MLP(inputs, [*sizes, 1])
    x, y = numbers(samples, inputs, seed=7), numbers(samples, seed=8)

    def loss(output, y):
        if not batch:
            return (output - y) ** 2
        return sum((o - t) ** 2 for o, t in zip(output, y, strict=True)) / len(output)

    recorded = step(model, loss, x if batch else x[0], y if batch else y[0])
    drawn = picture(recorded)
    check(drawn, 1e-6)
    assert len(drawn.components()) == 1
