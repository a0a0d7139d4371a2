"""The layer graph of a compiled function."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import Picture

import micrograd
import viz
from micrograd import Value, nn, optim
from micrograd.errors import ArgumentTypeError, ArgumentValueError

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))


def network(batch=False):
    """A 3→5→5→3→1 network in scalar Values, compiled and called once, and its parameters."""
    rng = random.Random(0)
    model = nn.MLP(3, [5, 5, 3, 1])
    for p in model.parameters():
        p.data = rng.gauss(0, 0.5)

    def loss_of_all(x, y):
        return sum((model(row) - t) ** 2 for row, t in zip(x, y, strict=True)) / len(y)

    loss = (lambda x, y: (model(x) - y) ** 2) if batch else loss_of_all
    f = micrograd.compile(loss, parameters=model.parameters(), batch=batch, backend="numpy")
    f(np.full((20, 3), 0.5), np.full(20, 0.25))
    return f, model


def gpt():
    import tiny_gpt

    model = tiny_gpt.GPT(random.Random(0))
    adam = optim.Adam(model.parameters(), lr=0.01)
    f = micrograd.compile(lambda tokens: model.loss(tokens), optimizer=adam, backend="numpy")
    f.step([26, 1, 2, 3, 26])
    return f


def cards(picture):
    return [key for key in picture.groups if key.startswith("op")]


def test_a_card_for_each_array_operation_and_parameter():
    f, model = network()
    picture = Picture(viz.layer_graph(f))
    assert len(cards(picture)) == 5
    texts = [text.strip() for text in picture.texts("op0")]
    assert "H1 = relu(x · W1ᵀ + b1)" in texts
    assert {"matmul", "20×5×3", "20×3", "3×5", "20×5"} <= set(texts)
    assert "700 scalar operations" in texts
    assert "→ one array 20×5" in texts
    assert "300 add, 300 mul, 100 relu" in texts
    assert "2,641 scalar operations → 5 array operations" in picture.all_text()
    shown = np.array([p.data for p in model.parameters()[:20]]).reshape(5, 4)
    weights, biases = (picture.numbers(f"a_parameter{k}-0-fwd") for k in range(2))
    np.testing.assert_allclose(weights, shown[:, :3].ravel(), atol=5e-5)
    np.testing.assert_allclose(biases, shown[:, 3], atol=5e-5)


@pytest.mark.parametrize("label", ["<B>&\"'", "two\nlines", "\\N|{x}", "参数", "\x00\ud800"])
def test_any_label_draws(label):
    w = [Value(0.5, label=f"{label}[{i}]") for i in range(3)]
    f = micrograd.compile(lambda x: sum(a * b for a, b in zip(w, x, strict=True)), backend="numpy")
    f([1.0, 2.0, 3.0])
    assert len(cards(Picture(viz.layer_graph(f)))) == 1
    assert len(f.explain().splitlines()) == 8


def test_the_parameters_are_those_of_now():
    f, model = network()
    model.parameters()[0].data = 12.5
    assert "12.5000" in Picture(viz.layer_graph(f)).all_text()


def test_wires_go_from_what_is_read_to_what_is_made():
    f, _ = network()
    picture = Picture(viz.layer_graph(f))
    wires = {key for key in picture.groups if key.startswith("e-")}
    assert {"e-op0-op1", "e-op1-op2", "e-op2-op3", "e-op3-op4"} <= wires
    assert sum(key.startswith("e-parameter") for key in wires) == 8
    assert sum(key.startswith("e-input") for key in wires) == 2


def test_a_batch_is_an_axis():
    f, _ = network(batch=True)
    texts = " ".join(Picture(viz.layer_graph(f)).all_text())
    assert "131 scalar operations for each of 20 samples → 5 array operations" in texts
    assert "batch×5×3" in texts
    assert "批×5×3" in " ".join(Picture(viz.layer_graph(f, language="zh")).all_text())


def test_a_gpt_is_folded_to_its_matrices():
    picture = Picture(viz.layer_graph(gpt()))
    texts = [text.strip() for text in picture.all_text()]
    assert 8 <= len(cards(picture)) <= 12
    assert "H6 = H5 · [query; key; value]ᵀ" in texts
    assert "H7 = Σ (H6[…] ⊙ H6[…]) / 2" in texts
    assert "H7 … H12" in texts
    for name in ("token_embedding", "fc1", "fc2", "lm_head"):
        assert name in texts
    assert "e-op1-op4" in picture.groups  # the residual connection
    assert any("|max|" in text for text in texts)


def test_a_convolution():
    rng = random.Random(1)
    filters = [[Value(rng.gauss(0, 1)) for _ in range(3)] for _ in range(4)]

    def loss(x):
        windows = [x[i : i + 3] for i in range(len(x) - 2)]
        return sum(
            sum(k * v for k, v in zip(f, w, strict=True)).relu() for f in filters for w in windows
        )

    f = micrograd.compile(loss, backend="numpy")
    f(np.ones(9))
    texts = [text.strip() for text in Picture(viz.layer_graph(f)).all_text()]
    assert "convolution" in texts
    assert "7×3 windows" in texts
    assert "9  input" in texts


def test_what_repeats_is_one_card():
    w = Value(0.5)

    def loss(xs):
        h = 0.1
        for x in xs:
            h = (w * h + x).tanh()
        return h * h

    f = micrograd.compile(loss, backend="numpy")
    f([0.1] * 20)
    texts = [text.strip() for text in Picture(viz.layer_graph(f)).all_text()]
    assert any(text.endswith("times more") for text in texts)
    assert len(cards(Picture(viz.layer_graph(f)))) < 6


def test_a_sequence_is_drawn_as_its_loops():
    decay, gain = Value(0.9), Value(0.1)

    def loss(seen):
        state, total = 0.0 * decay, 0.0
        for y in seen:
            state = state * decay + gain
            error = y - state
            total = total + error * error
        return total

    f = micrograd.compile(loss, optimizer=optim.SGD([decay, gain], lr=1e-3), backend="numpy")
    f.step([0.1 * k for k in range(400)])
    for language, head, back in (
        ("en", "for 39", "back, for 3"),
        ("zh", "循环 39", "反向，循环 3"),
    ):
        picture = Picture(viz.layer_graph(f, language))
        loops = [key for key in picture.groups if key.startswith("loop")]
        assert len(loops) == 2
        said = [" ".join(picture.texts(key)) for key in loops]
        assert head in said[0]
        assert "state = state × decay + gain" in said[0]
        assert "error = seen[t] − state" in said[0]
        assert back in said[1]
        assert "∂state" in said[1]


def test_chinese():
    texts = "".join(Picture(viz.layer_graph(network()[0], language="zh")).all_text())
    assert "2,641 个标量运算 → 5 个数组运算" in texts
    assert "矩阵乘法" in texts
    assert "数组运算" in "".join(Picture(viz.layer_graph(gpt(), language="zh")).all_text())
    with pytest.raises(ArgumentValueError, match="language must be one of en, zh"):
        viz.layer_graph(network()[0], language="xx")


def test_what_cannot_be_drawn():
    f = micrograd.compile(lambda x: x * 2.0, backend="numpy")
    with pytest.raises(ArgumentValueError, match="call the function first"):
        viz.layer_graph(f)
    with pytest.raises(ArgumentTypeError, match="a Value or a compiled function, got float"):
        viz.layer_graph(2.0)
