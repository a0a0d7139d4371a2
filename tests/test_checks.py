"""`gradcheck` and `detect_anomaly`: what passes, what fails, and what the errors name."""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import pytest

import micrograd
from micrograd import (
    MicrogradError,
    Value,
    detect_anomaly,
    grad,
    gradcheck,
    gradgradcheck,
    maximum,
    nn,
    no_grad,
    optim,
    tensor,
)
from micrograd.errors import AnomalyError, GradcheckError, GraphError

HERE = Path(__file__).name


def here(offset: int = 0) -> str:
    """This file and the line of the caller, as an error names it."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return f"{HERE}:{frame.f_back.f_lineno + offset}: "


# ---- gradcheck -----------------------------------------------------------------------------------


def test_gradcheck_passes_a_right_gradient() -> None:
    assert gradcheck(lambda a, b: (a * b).tanh() / b + maximum(a, b) ** 2, [0.3, Value(-1.2)])
    assert gradcheck(lambda a: Value(2.0), [1.0]), "an output that does not depend on the input"


def test_gradcheck_leaves_its_inputs_alone() -> None:
    a = Value(2.0)
    gradcheck(lambda v: v * v, [a])
    assert (a.data, a.grad, a._reached) == (2.0, 0.0, False)


@pytest.mark.parametrize(("factor", "shown"), [(2.0, "2.0"), (0.0, "0.0"), (math.nan, "nan")])
def test_gradcheck_fails_a_wrong_gradient(factor: float, shown: str) -> None:
    def identity(x: Value, y: Value) -> Value:
        out = Value(x.data + 3 * y.data, (x, y), "mine")

        def _backward() -> None:
            x.grad += out.grad
            y.grad += 3 * factor * out.grad if factor != 2.0 else 2.0 * out.grad

        out._backward = _backward
        return out

    with pytest.raises(GradcheckError, match="derivative by input 1 ") as caught:
        gradcheck(identity, [1.0, 0.5])
    text = str(caught.value)
    assert f"(at 0.5) is {shown}, central differences give " in text
    assert float(text.split("give ")[1].split(" ")[0]) == pytest.approx(3.0, rel=1e-6)
    assert isinstance(caught.value, MicrogradError)
    assert isinstance(caught.value, AssertionError)


def test_gradcheck_tolerances() -> None:
    def nearly(x: Value) -> Value:
        out = Value(x.data, (x,), "nearly")
        out._backward = lambda: setattr(x, "grad", x.grad + 1.01 * out.grad)
        return out

    assert gradcheck(nearly, [1.0], rtol=0.1)
    assert gradcheck(nearly, [1.0], atol=0.1)
    with pytest.raises(GradcheckError):
        gradcheck(nearly, [1.0])
    with pytest.raises(TypeError, match="fn must return a Value, got float"):
        gradcheck(lambda x: x.data, [1.0])  # type: ignore[arg-type,return-value]


# ---- detect_anomaly, forward ---------------------------------------------------------------------


def test_a_bad_result_names_operation_values_and_line() -> None:
    x = Value(0.0)
    with detect_anomaly():
        x.exp()
        with pytest.raises(AnomalyError) as caught:
            x.log()
        line = here(-1)
    text = str(caught.value)
    assert text.startswith("log(0.0) is -inf\n  made at ")
    assert text.endswith(f"{line}x.log()")
    assert isinstance(caught.value, MicrogradError)
    assert isinstance(caught.value, FloatingPointError)


def test_bad_results_of_every_kind() -> None:
    x = Value(-8.0)
    with detect_anomaly():
        for compute, start in (
            (lambda: x / 0, "div(-8.0, 0.0) is -inf"),
            (lambda: x ** (1 / 3), "pow_static(-8.0, 0.3333333333333333) is nan"),
            (lambda: maximum(x, math.nan), "maximum(-8.0, nan) is nan"),
            (lambda: tensor([1.0, -1.0]).log(), "log(-1.0) is nan"),
            (lambda: nn.Linear(1, 1)(tensor([[math.inf]])), "mul("),
        ):
            with pytest.raises(AnomalyError) as caught:
                compute()
            assert str(caught.value).startswith(start)
            assert f"{HERE}:" in str(caught.value), "the user's line, not the library's"


def test_only_inside_the_context_and_in_this_thread() -> None:
    with detect_anomaly():
        pass
    with pytest.raises(AnomalyError), detect_anomaly():
        Value(0.0).log()
    assert (Value(0.0).log() * 2).data == -math.inf
    Value(0.0).sqrt().backward()


def test_with_no_grad_the_operation_is_still_named() -> None:
    for outer, inner in ((detect_anomaly, no_grad), (no_grad, detect_anomaly)):
        with outer(), inner():
            with pytest.raises(AnomalyError, match=r"log\(0\.0\) is -inf"):
                Value(0.0).log()
            assert (Value(2.0) * 2)._inputs == ()


# ---- detect_anomaly, backward --------------------------------------------------------------------


def test_a_bad_gradient_names_operation_values_and_line() -> None:
    x = Value(0.0)
    with detect_anomaly():
        y = x.sqrt() * 3
        line = here(-1)
        with pytest.raises(AnomalyError) as caught:
            y.backward()
    text = str(caught.value)
    assert text.startswith(
        "in the backward pass, input 0 of sqrt(0.0) = 0.0 got the gradient inf "
        "(the gradient of the result is 3.0)\n  made at "
    )
    assert text.endswith(f"{line}y = x.sqrt() * 3")


def test_the_right_input_is_named() -> None:
    a, b = Value(2.0), Value(0.0)
    b.grad = math.inf  # from somewhere else; the pass adds to it
    result = a**b
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"input 1 of pow\(2\.0, 0\.0\)"):
        result.backward()


def test_nodes_made_before() -> None:
    x = Value(0.0)
    y = x.sqrt()
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        y.backward()
    assert "made at a line that ran before detect_anomaly was entered" in str(caught.value)


def test_a_node_made_by_hand() -> None:
    x = Value(3.0)
    node = Value(5.0, (x,), "mine")
    node._backward = lambda: setattr(x, "grad", math.nan)
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"input 0 of mine\(3\.0\) = 5\.0"):
        node.backward()


@pytest.mark.parametrize("create_graph", [False, True])
def test_grad_is_watched_too(create_graph: bool) -> None:
    x = Value(0.0)
    with detect_anomaly():
        y = x.sqrt() * 3
        with pytest.raises(AnomalyError):
            grad(y, [x], create_graph=create_graph)
    assert grad(y, [x], create_graph=create_graph)[0].data == math.inf


@pytest.mark.parametrize("changed", ["leaf", "node"])
def test_numbers_that_change_before_the_backward_pass(changed: str) -> None:
    w = Value(2.0)
    with detect_anomaly():
        y = w * w
        line = here(-1)
        z = y + 1
        z.backward()
        (w if changed == "leaf" else y).data = 3.0
        with pytest.raises(AnomalyError, match=r"now and was .*after backward\(\)") as caught:
            z.backward()
        assert (f"{line}y = w * w" in str(caught.value)) is (changed == "leaf")
        (w * w + 1).backward()


def test_gradients_are_those_without_it() -> None:
    def gradients() -> list[float]:
        a, b = Value(0.7), Value(-1.5)
        root = (a * b).tanh() ** 2 - a / b + maximum(a, b).leaky_relu()
        root.backward()
        root.backward()
        return [a.grad, b.grad, *[v.grad for v in root._inputs]]

    with detect_anomaly():
        watched = gradients()
    assert watched == gradients()


# ---- second derivatives ------------------------------------------------------------------------


def test_second_derivatives_are_checked() -> None:
    assert gradgradcheck(lambda x, y: x.tanh() * y.exp() / (x + 3), [0.3, -0.4])
    assert gradgradcheck(lambda x: x**3, [2.0], grad_output=-2.5)

    def wrong(x: Value) -> Value:
        """Its gradient is right here, and its slope is a constant to the engine."""
        (slope,) = grad(x**3, [x])
        return x * slope

    with pytest.raises(GradcheckError, match=r"of the gradient by input 0: the derivative by"):
        gradgradcheck(wrong, [2.0])
    by_hand = lambda x: Value(x.data, (x,), "mine")  # noqa: E731
    with pytest.raises(GraphError, match="hand-written"):
        gradgradcheck(by_hand, [2.0])
    with pytest.raises(TypeError, match="fn must return a Value, got float"):
        gradgradcheck(lambda x: 3.0, [1.0])  # type: ignore[arg-type,return-value]


# ---- in compiled functions -----------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("method", ["__call__", "value_and_grad", "step", "attempt"])
def test_anomalies_in_compiled_functions(backend: str, method: str) -> None:
    """Named with the user's line, also where the loss is finite in the end."""
    w = Value(0.5)

    def loss(x: float) -> Value:
        h = (w * x).log()
        return h + 1 / (1 + (w * (1000 * x)).exp())

    sgd = optim.SGD([w], lr=0.0)
    f = micrograd.compile(loss, optimizer=sgd, backend=backend)
    run = getattr(f, "step" if method == "attempt" else method)
    for _ in range(2):
        with detect_anomaly(), pytest.raises(AnomalyError, match=r"log\(-0.5\)[^:]*:\d+: h = "):
            run(-1.0)
        with detect_anomaly(), pytest.raises(AnomalyError, match=r"(?s)exp\(.*: return h \+ 1"):
            run(3.0)
        with detect_anomaly():
            watched = run(0.1)
        if method == "attempt":
            with detect_anomaly():
                assert math.isnan(f.attempt(0.1))
        first = (lambda found: found[0]) if method == "value_and_grad" else float
        assert first(watched) == pytest.approx(first(run(0.1)), rel=1e-12)
