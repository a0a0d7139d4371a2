"""`grad` and `hessian` against torch, and `no_grad`."""

from __future__ import annotations

import threading

import pytest
import torch

from micrograd import (
    MicrogradError,
    Value,
    detect_anomaly,
    grad,
    hessian,
    maximum,
    nn,
    no_grad,
)
from micrograd.functions import apply


def test_grad_leaves_grad_alone() -> None:
    a, b, c, f = map(Value, (2.0, -3.0, 10.0, -2.0))
    d = a * b + c
    root = d * f
    results = grad(root, [a, d, a, Value(1.0), root])
    assert [g.data for g in results] == [6.0, -2.0, 6.0, 0.0, 1.0]
    assert all(x.grad == 0 and not x._reached for x in (a, b, c, d, f, root))
    assert all(g._inputs == () for g in results)
    assert grad(root, b)[0].data == -4.0
    assert grad(a, [a, b])[0].data == 1.0


def test_gradients_of_gradients() -> None:
    x = Value(0.7)
    y = x.tanh() ** 3 + maximum(x, 0) * x.exp()
    derivatives = [y]
    for _ in range(3):
        derivatives += grad(derivatives[-1], [x], create_graph=True)
    t = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    z = t.tanh() ** 3 + t.clamp(min=0) * t.exp()
    for d in derivatives:
        assert d.data == pytest.approx(z.item(), rel=1e-12)
        (z,) = torch.autograd.grad(z, t, create_graph=True)
    assert x.grad == 0


def test_grad_of_what_is_not_a_value() -> None:
    for output, inputs in ((2.0, [Value(1.0)]), (Value(1.0), [Value(1.0), "x"])):
        with pytest.raises(MicrogradError, match="grad takes a Value and") as caught:
            grad(output, inputs)  # type: ignore[arg-type]
        assert isinstance(caught.value, TypeError)


def test_hessian_is_torchs() -> None:
    point = [0.3, -1.2, 2.1]
    values = [Value(x) for x in point]
    x, y, z = values
    mine = hessian((x * y).sin() * z.log() + z**x / (y * y + 1) + (x - z).relu() * y, values)
    theirs = torch.autograd.functional.hessian(
        lambda t: (
            (t[0] * t[1]).sin() * t[2].log()
            + t[2] ** t[0] / (t[1] * t[1] + 1)
            + (t[0] - t[2]).relu() * t[1]
        ),
        torch.tensor(point, dtype=torch.float64),
    )
    for row, expected in zip(mine, theirs.tolist(), strict=True):
        assert [h.data for h in row] == pytest.approx(expected, rel=1e-12, abs=1e-15)


# ---- no_grad -------------------------------------------------------------------------------------


def test_no_grad_records_nothing() -> None:
    a = Value(2.0)
    with no_grad():
        b = a * a
        with no_grad():
            c = a.exp()
        d = apply("select", a, a, a)
    e = a * 3
    assert [v._inputs for v in (b, c, d)] == [(), (), ()]
    assert (b.data, b._op, e._inputs[0]) == (4.0, "", a)


def test_no_grad_as_a_decorator() -> None:
    @no_grad()
    def double(v: Value, depth: int = 2) -> Value:
        return double(v, depth - 1) if depth else v * 2

    a = Value(2.0)
    assert (double(a).data, double(a)._inputs) == (4.0, ())
    assert (a * 2)._inputs[0] is a


def test_no_grad_ends_with_an_exception() -> None:
    a = Value(2.0)
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (a * 2)._inputs[0] is a


def test_arrays_are_recorded_unless_this_thread_says_not_to() -> None:
    p = nn.Parameter([1.0, 2.0])
    inside, go = threading.Event(), threading.Event()

    def quiet() -> None:
        with no_grad():
            inside.set()
            go.wait(10)

    thread = threading.Thread(target=quiet)
    with detect_anomaly():
        assert (p * 2).requires_grad
        with no_grad():
            assert not (p * 2).requires_grad
    thread.start()
    inside.wait(10)
    found = (p * 2).requires_grad
    go.set()
    thread.join()
    assert found


def test_no_grad_of_one_thread_leaves_the_others_alone() -> None:
    inside, go = threading.Event(), threading.Event()
    made: list[Value] = []

    def quiet() -> None:
        with no_grad():
            inside.set()
            go.wait(10)
            made.append(Value(1.0) * 2)

    thread = threading.Thread(target=quiet)
    thread.start()
    assert inside.wait(10)
    a, b = Value(2.0), Value(3.0)
    root = a * b
    root.backward()
    with no_grad():
        here = root * 2
    after = root * 2
    go.set()
    thread.join()
    assert (a.grad, b.grad) == (3.0, 2.0)
    assert (here._inputs, after._inputs[0], made[0]._inputs) == ((), root, ())
