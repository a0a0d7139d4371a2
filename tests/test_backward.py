"""`Value.backward`, hand-written derivatives, and stepping by hand."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import pytest

from micrograd import MicrogradError, Value, grad
from micrograd.errors import GraphError
from micrograd.functions import apply


def lecture() -> tuple[Value, dict[str, Value]]:
    """L = (a * b + c) * f, as on the blackboard."""
    a, b, c, f = (Value(x, label=n) for x, n in ((2.0, "a"), (-3.0, "b"), (10.0, "c"), (-2.0, "f")))
    e = a * b
    d = e + c
    return d * f, {"a": a, "b": b, "c": c, "f": f, "e": e, "d": d}


LECTURE_GRADIENTS = {"a": 6.0, "b": -4.0, "c": -2.0, "f": 4.0, "e": -2.0, "d": -2.0}

# ---- backward ------------------------------------------------------------------------------------


def test_backward_fills_every_gradient() -> None:
    root, v = lecture()
    root.backward()
    assert {name: x.grad for name, x in v.items()} == LECTURE_GRADIENTS
    assert root.grad == 1.0


def test_backward_twice_doubles_the_leaves_only() -> None:
    root, v = lecture()
    root.backward()
    root.backward()
    doubled = {n: g if n in "ed" else 2 * g for n, g in LECTURE_GRADIENTS.items()}
    assert {name: x.grad for name, x in v.items()} == doubled
    assert root.grad == 1.0


@pytest.mark.parametrize("times", [lambda v, k: v * k, lambda v, k: k * v])
def test_roots_that_share_inner_nodes_do_not_mix(times: Callable[[Value, float], Value]) -> None:
    a = Value(3.0)
    inner = a * a
    first, second = times(inner, 2), times(inner, 5)
    first.backward()
    second.backward()
    assert inner.grad == 5.0
    assert a.grad == 2 * 6 + 5 * 6


def test_inner_root_then_outer_root() -> None:
    a = Value(3.0)
    inner = a * a
    outer = inner * 2
    inner.backward()
    outer.backward()
    inner.backward()
    assert (inner.grad, a.grad) == (1.0, 6.0 + 12.0 + 6.0)


def test_a_leaf_as_root_gathers_ones() -> None:
    a = Value(3.0)
    a.backward()
    a.backward()
    assert a.grad == 2.0
    assert a._reached


def test_reached_is_stored_and_not_inferred_from_zero() -> None:
    a, b, c = Value(-1.0), Value(2.0), Value(3.0)
    (a.relu() * b).backward()
    assert (a.grad, a._reached, b._reached, c._reached) == (0.0, True, True, False)
    a.zero_grad()
    assert (a.grad, a._reached) == (0.0, False)
    c.grad = 1.0
    assert c._reached


def test_an_input_used_twice_gains_twice() -> None:
    a = Value(3.0)
    (a * a + a / a - a).backward()
    assert a.grad == 6.0 + 0.0 - 1.0


def test_three_inputs() -> None:
    c, a, b = Value(0.0), Value(2.0), Value(3.0)
    chosen = apply("select", c, a * 1, b * b)
    (chosen * 2).backward()
    assert (chosen.data, c.grad, a.grad, b.grad) == (9.0, 0.0, 0.0, 12.0)


def test_constants_get_gradients_too() -> None:
    product = Value(3.0) * 4
    product.backward()
    assert product._inputs[1].grad == 3.0


PROGRAM = """
from micrograd import Value, maximum
a, b, c = Value(0.1), Value(0.7), Value(-0.3)
x = [((a * i).sin() + b * c).tanh() / (c - i) for i in range(1, 40)]
y = sum(x) + maximum(x[3], x[5]) * x[7] ** 2
for p, q in zip(x, x[1:]):
    y = y + (p * q).exp() * a
y.backward()
print(y.data.hex(), *[v.grad.hex() for v in (a, b, c, *x)])
print(*[v.data.hex() for v in y._inputs])
"""


def test_the_same_bits_on_every_run() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (0, 1, 2, 12345)
    }
    assert len(texts) == 1
    assert "0x" in texts.pop()


# ---- by hand -------------------------------------------------------------------------------------


def test_stepping_by_hand() -> None:
    root, v = lecture()
    root.grad = 1
    for node in (root, v["d"], v["e"], v["a"]):
        node._backward()
    assert {name: x.grad for name, x in v.items()} == LECTURE_GRADIENTS
    assert all(x._reached for x in v.values())
    x = Value(-1.0)
    x.relu()._backward()
    assert (x.grad, x._reached) == (0.0, True)


def tanh_by_hand(x: Value) -> Value:
    t = math.tanh(x.data)
    out = Value(t, (x,), "tanh")

    def _backward() -> None:
        x.grad += (1 - t**2) * out.grad

    out._backward = _backward
    return out


def test_a_hand_written_backward() -> None:
    for function in (tanh_by_hand, Value.tanh):
        x = Value(0.5)
        y = function(x * 2) * 3
        y.backward()
        assert x.grad == pytest.approx(6 * (1 - 0.7615941559557649**2), rel=1e-14)
        y.backward()
        assert x.grad == pytest.approx(12 * (1 - 0.7615941559557649**2), rel=1e-14)
    x = Value(0.5)
    out = tanh_by_hand(x)
    assert (out._op, out._prev, out._inputs) == ("tanh", {x}, (x,))


def test_replacing_the_backward_of_an_operation() -> None:
    a, b = Value(2.0), Value(3.0)
    product = a * b
    product._backward = lambda: setattr(a, "grad", a.grad + 100.0)
    assert (product._op, product._inputs, product.data) == ("*", (a, b), 6.0)
    (product + 1).backward()
    assert (a.grad, b.grad) == (100.0, 0.0)


@pytest.mark.parametrize("make", [lambda a: a * a, lambda a: a**3, lambda a: tanh_by_hand(a)])
def test_a_hook_around_the_backward_that_it_replaces(make: Callable[[Value], Value]) -> None:
    plain, a = Value(2.0), Value(2.0)
    make(plain).backward()
    node, seen = make(a), []
    old = node._backward
    node._backward = lambda: (seen.append(node.grad), old())
    (node * 5).backward()
    assert a.grad == 5 * plain.grad
    assert seen == [5.0]


def test_a_node_by_hand_without_a_backward_passes_nothing_on() -> None:
    a = Value(2.0)
    node = Value(5.0, (a,), "mystery", "n")
    (node * 2).backward()
    assert (node.grad, a.grad, a._reached, node.label) == (2.0, 0.0, True, "n")


def test_grad_goes_through_a_hand_written_backward() -> None:
    x = Value(0.5)
    x.grad = 7.0
    y = tanh_by_hand(x) * tanh_by_hand(x)
    (slope,) = grad(y, [x])
    assert slope.data == pytest.approx(2 * 0.46211715726 * (1 - 0.46211715726**2), rel=1e-9)
    assert (x.grad, [v.grad for v in y._inputs]) == (7.0, [0.0, 0.0])
    twice = Value(6.0, (x, x), "twice")
    twice._backward = lambda: setattr(x, "grad", x.grad + 4 * twice.grad)
    assert grad(twice, x)[0].data == 4.0
    with pytest.raises(GraphError, match="'tanh' has a hand-written _backward") as caught:
        grad(y, [x], create_graph=True)
    assert isinstance(caught.value, MicrogradError)
    assert isinstance(caught.value, RuntimeError)
