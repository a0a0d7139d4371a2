"""Making Values: IEEE results, numbers and arrays on either side, comparisons, errors."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from micrograd import MicrogradError, Value, maximum, minimum
from micrograd.errors import GraphWarning

INF, NAN = math.inf, math.nan


def same(a: float, b: float) -> bool:
    """To the bit, the sign of zero included; any nan is like another."""
    return repr(a) == repr(b)


@pytest.mark.parametrize(
    ("compute", "x", "expected"),
    [
        (lambda x: x.exp(), 1000, INF),
        (lambda x: x.exp(), -1000, 0.0),
        (lambda x: x.exp(), -INF, 0.0),
        (lambda x: x.log(), 0, -INF),
        (lambda x: x.log(), -0.0, -INF),
        (lambda x: x.log(), -1, NAN),
        (lambda x: x.log(), INF, INF),
        (lambda x: x.sqrt(), -1, NAN),
        (lambda x: x.sqrt(), -0.0, 0.0),
        (lambda x: x.sin(), INF, NAN),
        (lambda x: x.cos(), -INF, NAN),
        (lambda x: x.tanh(), INF, 1.0),
        (lambda x: x.sigmoid(), -1e300, 0.0),
        (lambda x: x.sigmoid(), 1e300, 1.0),
        (lambda x: x.softplus(), 1e300, 1e300),
        (lambda x: x.softplus(), -INF, 0.0),
        (lambda x: x.relu(), NAN, NAN),
        (lambda x: x.relu(), -INF, 0.0),
        (lambda x: 1 / x, 0, INF),
        (lambda x: 1 / x, -0.0, -INF),
        (lambda x: -1 / x, 0, -INF),
        (lambda x: x / 0, 0, NAN),
        (lambda x: x / 0, NAN, NAN),
        (lambda x: x / 0.0, 5, INF),
        (lambda x: x / -0.0, 5, -INF),
        (lambda x: x ** (1 / 3), -8, NAN),
        (lambda x: x**400, 10.0, INF),
        (lambda x: x**401, -10.0, -INF),
        (lambda x: x**400, -10.0, INF),
        (lambda x: x**-1, 0, INF),
        (lambda x: x**-1, -0.0, -INF),
        (lambda x: x**-2, -0.0, INF),
        (lambda x: x**0, NAN, 1.0),
        (lambda x: x**0.5, -INF, INF),
        (lambda x: 10**x, 400, INF),
        (lambda x: (-8) ** x, 1 / 3, NAN),
        (lambda x: x * 1e300, 1e300, INF),
        (lambda x: x - x, INF, NAN),
        (lambda x: x + 10**400, 1, INF),
        (lambda x: x - 10**400, 1, -INF),
        (lambda x: maximum(x, 1), NAN, NAN),
        (lambda x: minimum(1, x), NAN, NAN),
    ],
)
def test_ieee_at_the_edges(compute: Callable[[Value], Value], x: float, expected: float) -> None:
    result = compute(Value(x)).data
    assert type(result) is float
    assert same(result, expected) or result == expected == 0


@pytest.mark.parametrize(
    ("number", "data"),
    [
        (2, 2.0),
        (True, 1.0),
        (np.float64(2), 2.0),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int64(2), 2.0),
        (np.uint8(2), 2.0),
        (Fraction(1, 2), 0.5),
        (10**400, INF),
        (-(10**400), -INF),
    ],
)
def test_data_becomes_a_float_on_entry(number: Any, data: float) -> None:
    set_later, reached = Value(7.0), Value(7.0)
    set_later.data, reached.grad = number, number
    assert (type(reached.grad), reached.grad) == (float, data)
    for v in [Value(number), Value(0) + number, number + Value(0), Value(-0.0) + number, set_later]:
        assert (type(v), type(v.data), v.data) == (Value, float, data)


def test_an_integer_prints_as_a_float() -> None:
    assert repr(Value(2)) == str(Value(2)) == "Value(data=2.0, grad=0.0)"


@pytest.mark.parametrize(
    "wrong", ["2", None, [2.0], 1j, Decimal(2), np.array([1.0, 2.0]), Value(2.0), object()]
)
def test_data_that_is_no_real_number_is_named(wrong: Any) -> None:
    with pytest.raises(MicrogradError, match=f"data must be .*got {type(wrong).__name__}") as e:
        Value(wrong)
    assert isinstance(e.value, TypeError)
    v = Value(1.0)
    for name in ("data", "grad"):
        with pytest.raises(MicrogradError, match=f"{name} must be .*got {type(wrong).__name__}"):
            setattr(v, name, wrong)
    assert (v.data, v.grad) == (1.0, 0.0)


@pytest.mark.parametrize("wrong", ["2", None, [2.0], 1j, Decimal(2)])
def test_arithmetic_with_what_is_no_number_is_a_type_error(wrong: Any) -> None:
    for compute in (
        lambda v: v + wrong,
        lambda v: wrong - v,
        lambda v: v * wrong,
        lambda v: wrong / v,
        lambda v: v**wrong,
        lambda v: wrong**v,
    ):
        with pytest.raises(TypeError):
            compute(Value(1.0))
    with pytest.raises(MicrogradError, match="maximum takes Values and numbers"):
        maximum(Value(1.0), wrong)
    with pytest.raises(MicrogradError, match="slope must be a number"):
        Value(1.0).leaky_relu(wrong)


def test_every_operator_is_an_operation_of_its_own() -> None:
    a, b = Value(3.0), Value(2.0)
    made = {
        "+": a + b,
        "-": a - b,
        "*": a * b,
        "/": a / b,
        "**": a**b,
        "**2": a**2,
        "**-0.5": a**-0.5,
        "ReLU": a.relu(),
        "LeakyReLU": a.leaky_relu(),
        "tanh": a.tanh(),
        "abs": abs(a),
        "max": maximum(a, b),
        "min": minimum(a, b),
    }
    assert {op: v._op for op, v in made.items()} == {op: op for op in made}
    assert [v._inputs for v in (a - b, a / b, -a, a**b)] == [(a, b), (a, b), (a,), (a, b)]
    assert (-a)._op == "-"
    assert a._op == ""
    assert a._inputs == ()


def test_the_three_powers() -> None:
    a, b = Value(3.0), Value(2.0)
    static, dynamic, reflected = a**2, a**b, 3**b
    assert (static.data, dynamic.data, reflected.data) == (9.0, 9.0, 9.0)
    assert static._inputs == (a,)
    assert dynamic._inputs == (a, b)
    assert reflected._inputs[1] is b
    for v in (static, dynamic, reflected):
        v.backward()
    assert a.grad == 12.0
    assert b.grad == pytest.approx(2 * 9 * math.log(3), rel=1e-15)


def test_numbers_on_the_left() -> None:
    v = Value(4.0)
    assert [x.data for x in (1 + v, 1 - v, 3 * v, 1 / v, 2**v)] == [5.0, -3.0, 12.0, 0.25, 16.0]
    assert [x._op for x in (1 + v, 1 - v, 3 * v, 1 / v, 2**v)] == ["+", "-", "*", "/", "**"]
    assert sum([v, v, v]).data == 12.0
    assert (+v) is v


def test_inputs_keep_order_and_repeats() -> None:
    a, b = Value(1.0), Value(2.0)
    assert (a * a)._inputs == (a, a)
    assert (a * a)._prev == {a}
    assert (b - a)._inputs == (b, a)
    assert (a - b)._inputs == (a, b)


def test_unary_methods_are_their_functions() -> None:
    x = 0.7
    expected = {
        "relu": x, "leaky_relu": x, "tanh": math.tanh(x),
        "sigmoid": pytest.approx(1 / (1 + math.exp(-x)), rel=3e-16),
        "exp": math.exp(x), "log": math.log(x), "sqrt": math.sqrt(x), "abs": x,
        "sin": math.sin(x), "cos": math.cos(x), "softplus": math.log1p(math.exp(x)),
    }  # fmt: skip
    for name, y in expected.items():
        assert getattr(Value(x), name)().data == y
    assert Value(-3.0).leaky_relu().data == -0.03
    assert Value(-3.0).leaky_relu(0.5).data == Value(-3.0).leaky_relu(slope=0.5).data == -1.5


# ---- a number among numbers ----------------------------------------------------------------------


def test_equality_is_identity_and_order_compares_data() -> None:
    a, b, c = Value(1.0), Value(1.0), Value(2.0)
    assert a == a
    assert a != b
    assert len({a, b}) == 2
    assert a < c
    assert a <= b
    assert c > a
    assert c >= 2
    assert c > 1.5
    assert not a < 1
    assert max(a, c, b) is c
    assert not Value(NAN) <= 1
    assert a < np.float64(3)
    with pytest.raises(TypeError):
        _ = a < "2"


def test_conversions_and_formats() -> None:
    v = Value(-2.75)
    assert float(v) == v.item() == -2.75
    assert int(v) == -2
    assert f"{v:.4f} {v:8.1f}|{v:e}" == "-2.7500     -2.8|-2.750000e+00"
    assert f"{v}" == repr(v)
    assert abs(v).data == 2.75
    with pytest.warns(GraphWarning):
        assert math.sqrt(Value(4.0)) == 2.0
    for truth in (bool, lambda v: True if v else False):  # noqa: SIM210
        with pytest.warns(GraphWarning, match=r"true, also one that is 0; write v\.data != 0"):
            assert truth(Value(-0.0)) is True
    assert all(map(bool, [Value(1.0), Value(NAN)]))


def test_detach_and_item_forget_the_history() -> None:
    a = Value(3.0)
    b = (a * 2).detach()
    assert (b.data, b._inputs, b._op) == (6.0, (), "")
    (b * a).backward()
    assert a.grad == 6.0
    assert type((a * 2).item()) is float


def test_a_node_made_by_hand_has_what_it_is_given() -> None:
    a = Value(1.0)
    for children, op in (((a,), ""), ((), "mine"), ((a, a), "mine")):
        node = Value(2.0, children, op)
        assert (node._inputs, node._op, node._prev) == (children, op, set(children))


def test_a_label_is_kept() -> None:
    v = Value(1.0, label="x")
    assert v.label == "x"
    w = v * 2
    assert w.label == ""
    w.label = "y"
    assert (w.label, w._op, w._inputs[0]) == ("y", "*", v)


# ---- NumPy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32, np.array])
def test_numpy_scalars_on_either_side(kind: Callable[[float], Any]) -> None:
    v, two = Value(3.0), kind(2)
    made = [two + v, v + two, two - v, v - two, two * v, v * two, two / v, v / two, v**two, two**v]
    assert all(type(x) is Value and type(x.data) is float for x in made)
    assert [x.data for x in made] == [5, 5, -1, 1, 6, 6, 2 / 3, 1.5, 9, 8]


def test_arrays_on_either_side() -> None:
    v, floats = Value(3.0), np.array([[1.0, 2.0]])
    objects = np.array([Value(1.0), Value(2.0)])
    for result in (v * floats, floats * v, v + objects, objects - v, v / floats, floats**v):
        assert result.dtype == object
        assert all(type(x) is Value for x in result.flat)
    assert [x.data for x in (v - floats).flat] == [2.0, 1.0]
    dot = objects @ np.array([v, v])
    dot.backward()
    assert (dot.data, v.grad, objects[0].grad) == (9.0, 3.0, 3.0)


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sqrt", "sin", "cos", "abs"])
def test_numpy_functions_of_object_arrays_call_the_methods(name: str) -> None:
    values = np.array([Value(0.5), Value(2.0)])
    made = getattr(np, name)(values)
    made.sum().backward()
    for x, y in zip(values, made, strict=True):
        expected = getattr(Value(x.data), name)()
        expected.backward()
        assert (y.data, y._op) == (expected.data, expected._op)
        assert x.grad != 0


# ---- copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_copied_graph_is_a_graph(duplicate: Callable[[Value], Value]) -> None:
    a = Value(3.0, label="a")
    result = a * a + 1
    result.backward()
    (a * 2)._backward()  # marks `a` as reached by hand
    twin = duplicate(result)
    b = twin._inputs[0]._inputs[0]
    assert b is not a
    b.zero_grad()
    twin.backward()
    assert (twin.data, twin._op, b.label, b.grad, a.grad) == (10.0, "+", "a", 6.0, 6.0)
    by_hand = duplicate(Value(1.0, (a,), "mine"))
    assert (by_hand._op, [x.data for x in by_hand._inputs]) == ("mine", [3.0])


def test_a_function_of_math_says_that_the_graph_is_lost() -> None:
    v = Value(0.5) * 2
    exp = math.exp
    for call in (lambda: math.exp(v), lambda: 1 + math.sqrt(v) * 2, lambda: exp(v)):
        with pytest.warns(GraphWarning, match=r"math\.\w+\(v\).*write v\.\w+\(\)"):
            call()
        call()  # once for each place
    with pytest.warns(GraphWarning, match=r"math\.tanh\(v\)"):
        math.tanh(
            v,
        )
    with pytest.warns(GraphWarning, match="methods of Value"):
        assert math.isclose(math.floor(math.atan(v)), 0.0)
    assert float(v) == round(float(v)) == v.item() == 1.0
    assert [f"{float(x):.1f}" for x in (v, v)] == ["1.0", "1.0"]
