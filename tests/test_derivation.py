"""A derivation is the gradient: its paths add up to it, and its symbols are what algebra says."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
import pytest
import recorded_models

import micrograd
from micrograd import Value, derivation, grad, nn, optim, record_step, tensor
from micrograd.article import networks as article
from micrograd.errors import ArgumentTypeError, ArgumentValueError, GraphError
from micrograd.text.equations import Applied, Quantity

STEPS = {name: recorded_models.seeded(make) for name, make in recorded_models.steps().items()}

FEW = [name for name in STEPS if name not in ("Karpathy's", "shared", "3-5-5-3-1, batch", "gated")]


def article_step():
    model = article.network()
    sgd = optim.SGD(model.parameters(), lr=article.LEARNING_RATE)
    return record_step(model, nn.MSELoss(), sgd, article.X, article.Y)


def first_elements(step):
    for record in step.parameters:
        if record.gradient is not None and record.positions.flat[0] >= 0:
            yield record, ",".join("0" * record.before.ndim)


@pytest.mark.some(6)
@pytest.mark.parametrize("name", STEPS)
def test_paths_add_up_to_the_gradient(name):
    step = STEPS[name]
    for record, index in first_elements(step):
        d = derivation(step, f"{record.name}[{index}]" if index else record.name)
        assert d.value == record.gradient.flat[0]
        if d.paths:
            terms = [path.value for path in d.paths]
            assert math.fsum(terms) == pytest.approx(
                d.value, rel=1e-12, abs=1e-12 * max(map(abs, terms))
            )
            assert len(d.paths) == d.number_of_paths
        assert d.text
        assert d.markdown.count("$$") == 2
        balanced(d.latex)


@pytest.mark.some(8)
@pytest.mark.parametrize("name", FEW)
def test_layers_end_in_the_gradient(name):
    step = STEPS[name]
    for record, _ in first_elements(step):
        if (record.positions < 0).any():
            continue
        last = derivation(step, record.name).layers[-1]
        np.testing.assert_allclose(last.values, record.gradient, rtol=1e-9, atol=1e-12)


def balanced(latex):
    assert latex.count(r"\left") == latex.count(r"\right")
    assert latex.count("{") == latex.count("}")
    assert latex.startswith("\\begin{aligned}")
    assert all(line.count("&") >= 1 for line in latex.split(" \\\\\n"))


def test_every_printed_line_comes_to_what_follows_it():
    checked = 0
    for name in ("1-2-1", "residual", "one sample", "Karpathy's, one", "total"):
        for record, index in first_elements(STEPS[name]):
            element = f"{record.name}[{index}]" if index else record.name
            text = derivation(STEPS[name], element).text
            lines = [line.rpartition("= ")[2] for line in text.splitlines()]
            for numbers, result in pairwise(lines):
                formula = re.fullmatch(r"[-\d.()×+ ]+", numbers)
                if formula and re.fullmatch(r"-?\d+\.\d{4}", result):
                    assert abs(eval(numbers.replace("×", "*")) - float(result)) <= 0.5000001e-4
                    checked += 1
    assert checked > 20


# ---- against computer algebra ------------------------------------------------------------------


def as_algebra(expression, symbols, definitions):
    """An expression as sympy has it, with what it is computed from in the place of its names."""
    sympy = pytest.importorskip("sympy")
    functions = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b, "neg": lambda a: -a, "pow": lambda a, b: a**b,
        "sigmoid": lambda a: 1 / (1 + sympy.exp(-a)),
        "softplus": lambda a: sympy.log(1 + sympy.exp(a)),
    }  # fmt: skip

    def of(x):
        if isinstance(x, Quantity):
            if x.tag in definitions:
                return of(definitions[x.tag])
            return symbols.setdefault(x.name, sympy.Symbol(x.name)) if x.name else x.value
        if not isinstance(x, Applied):
            return sympy.nsimplify(x)
        operands = [of(y) for y in x.operands]
        if x.op.name == "pow_static":
            return operands[0] ** sympy.nsimplify(x.static)
        function = functions.get(x.op.name) or getattr(sympy, x.op.name)
        return function(*operands)

    return of(expression)


def programs():
    x, y, w = Value(0.7, label="x"), Value(1.3, label="y"), Value(-0.4, label="w")
    h = (x * w + y).tanh()
    return {
        "neuron": (h * h + h / y, x),
        "shared": ((x * y).sin() * x + (x / y).exp(), x),
        "power": (x**3 * y - (y + 2.0) ** 2 * x**0.5, x),
        "of two": ((y**x).log() + x.sqrt(), y),
        "sigmoids": ((x * w).sigmoid() * (y * x).softplus() - x.cos(), x),
        "reused": ((x + y) * (x + y) * (x - y), y),
        "erf": ((x * y).erf() * h, w),
    }


@pytest.mark.parametrize("name", programs())
def test_symbols_are_those_of_algebra(name):
    sympy = pytest.importorskip("sympy")
    root, leaf = programs()[name]
    d = derivation(root, leaf)
    definitions = {line.position: line.formula for line in d.equations}
    symbols = {}
    found = sum(as_algebra(path.expression, symbols, definitions) for path in d.paths)
    top = next(reversed(definitions))
    wanted = sympy.diff(as_algebra(definitions[top], symbols, definitions), symbols[leaf.label])
    for k in range(5):
        at = {s: sympy.Rational(3 + 2 * i + k, 7 + i) for i, s in enumerate(symbols.values())}
        difference = (found - wanted).subs(at).evalf(30)
        assert abs(difference) < 1e-14


# ---- what it says ------------------------------------------------------------------------------


def test_the_articles_first_weight():
    d = derivation(article_step(), "layer1.weight[0,0]")
    assert d.text.splitlines()[-4:] == [
        "∂L/∂W1[0] = ∂L/∂out · ∂out/∂h0 · ∂h0/∂z0 · ∂z0/∂W1[0]",
        "          = 2 × (out − y) × W2[0] × 1 × x",
        "          = (-9.287547) × (-0.338509) × 1 × 2",
        "          = 6.2878",
    ]
    assert r"\frac{\partial L}{\partial W_{1,0}} &=" in d.latex
    assert d._repr_latex_().startswith("$$\n\\begin{aligned}")


def test_an_array_is_summed_up_by_layers_in_matrix_form():
    d = derivation(article_step(), "layer1.weight")
    assert [layer.text for layer in d.layers] == [
        "2 × (out − y)", "∂L/∂out · W2", "∂L/∂h ⊙ ∂h/∂z", "∂L/∂zᵀ · x",
    ]  # fmt: skip
    assert d.text.startswith("∂L/∂W1: 2 paths, summed up layer by layer")


@pytest.mark.parametrize("sizes", [[1, 1], [2, 1], [1, 2, 1]], ids=str)
@pytest.mark.parametrize("samples", [1, 2])
def test_arrays_of_one_number_are_written(sizes, samples):
    model = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(sizes)))
    sgd = optim.SGD(model.parameters(), lr=0.1)
    x, y = recorded_models.numbers(samples, sizes[0]), recorded_models.numbers(samples, 1)
    step = record_step(model, nn.MSELoss(), sgd, x, y)
    for record in step.parameters:
        found = derivation(step, record.name)
        for said in (found.text, found.latex, found.markdown):
            assert said
        if record.before.size == 1:
            assert found.text.rstrip().endswith(f"{record.gradient.item():.4f}")
    w = tensor([2.0], requires_grad=True)
    assert derivation((w * w + w).sum(), w).text.endswith("= 5.0000")


def test_equal_labels_are_told_apart():
    first, second = Value(1.0, label="w"), Value(2.0, label="w")
    found = derivation(first * 3 + second * second, second)
    assert "∂L/∂w =" not in found.text
    assert "L = w × 3 + w_2 × w_2" in found.text


def test_many_paths_are_counted_and_none_is_lost():
    x = Value(0.5, label="x")
    a, b = x * 2.0, x.sin()
    for _ in range(59):
        a, b = (a + b).tanh(), (a - b).cos()
    d = derivation(a + b, x)
    assert d.number_of_paths == 2**60
    assert not d.paths
    assert d.layers[-1].values == pytest.approx(d.value, rel=1e-12)
    assert f"{2**60:,} paths" in d.text


def test_names_are_the_callers():
    speed, time = Value(3.0), Value(2.0)
    way = speed * time
    assert "∂y/∂speed" not in derivation(way * way, speed).text
    assert "way = speed × time" in derivation(way * way, speed).text
    assert derivation(way * way, way).value == 12.0


def test_tensors():
    w, x = tensor([[1.0, 2.0]], requires_grad=True), tensor([[3.0], [4.0]])
    total = ((w @ x) ** 2).sum()
    np.testing.assert_array_equal(derivation(total, w).value, [[66.0, 88.0]])
    np.testing.assert_allclose(derivation(total, w).layers[-1].values, [[66.0, 88.0]])


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf, 0.0])
def test_numbers_that_are_not_finite_are_shown(x):
    v = Value(x, label="v")
    root = (v * v).relu() + v
    d = derivation(root, v)
    assert repr(d.value) == repr(grad(root, v)[0].data)
    assert d.text
    balanced(d.latex)


def test_long_chains_do_not_recurse():
    v = Value(1.0, label="x")
    x = v
    for _ in range(6_000):
        v = v * 0.9999
    d = derivation(v, x)
    assert d.number_of_paths == 1
    assert d.layers[-1].values == pytest.approx(d.value)
    assert "and 5900 more" in d.text


def test_hostile_labels_stay_text():
    x = Value(1.0, label=r"a_b\end{aligned}$$<script>")
    latex = derivation(x * 2.0 + x * x, x).latex
    assert latex.count(r"\end{aligned}") == 1
    assert "$$" not in latex


def test_chinese():
    assert "2 条路径，逐层求和" in derivation(article_step(), "layer1.weight", language="zh").text


def test_digits():
    d = derivation(article_step(), "layer1.weight[0,0]", digits=6)
    assert d.text.endswith(f"= {d.value:.6f}")


def test_what_cannot_be_derived_is_said():
    x, other = Value(1.0, label="x"), Value(2.0, label="other")
    with pytest.raises(ArgumentValueError, match="other is not"):
        derivation(x * x, other)
    with pytest.raises(ArgumentTypeError, match="output must be a Value"):
        derivation(3.0, x)
    with pytest.raises(ArgumentTypeError, match="input must be a Value"):
        derivation(x * x, "x")
    with pytest.raises(ArgumentValueError, match=r"layer1\.weight"):
        derivation(article_step(), "layer9.weight")
    with pytest.raises(ArgumentValueError, match="shape"):
        derivation(article_step(), "layer1.weight[7,0]")
    y = x * x
    x.data = 5.0
    with pytest.raises(GraphError, match="changed after"):
        derivation(y, x)
    assert micrograd.Derivation is type(derivation(other * other, other))
