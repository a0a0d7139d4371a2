"""`data` and `grad` of arrays: read-only items, assigned as a whole, changed in place."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from micrograd import MicrogradError, nn, no_grad, tensor


@pytest.fixture
def parameter() -> nn.Parameter:
    p = nn.Parameter([[1.0, 2.0]])
    (p * p).sum().backward()
    assert p.grad.tolist() == [[2.0, 4.0]]
    return p


def test_items_are_assigned_as_in_torch(parameter: nn.Parameter) -> None:
    with pytest.raises(MicrogradError, match=r"no_grad\(\):`, or change `p.data`"):
        parameter[0, 0] = 5.0
    assert parameter.tolist() == [[1.0, 2.0]]
    parameter.data[0, 0] = 5.0
    parameter.grad[0, 1] = 7.0
    assert parameter.tolist() == [[5.0, 2.0]]
    assert parameter.grad.tolist() == [[2.0, 7.0]]
    with no_grad():
        parameter[0, 1] = 3.0
    assert parameter.tolist() == [[5.0, 3.0]]


def test_assigning_the_whole(parameter: nn.Parameter) -> None:
    before = parameter._values.flat[0]
    for new in ([[5.0, 6.0]], np.array([[5, 6]]), tensor([[5.0, 6.0]])):
        parameter.data = new
        parameter.grad = new
        assert parameter.tolist() == parameter.grad.tolist() == [[5.0, 6.0]]
    parameter.data = parameter.data - 0.5 * parameter.grad
    parameter.data -= 0.5
    assert parameter.tolist() == [[2.0, 2.5]]
    assert parameter._values.flat[0] is before
    parameter.grad = None
    assert parameter.grad is None
    assert all(v.grad == 0 for v in parameter._values.flat)


def test_a_gradient_set_to_zeros_is_a_gradient() -> None:
    p = nn.Parameter([1.0, 2.0])
    p.grad = [0.0, 0.0]
    assert p.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("wrong", [[5.0, 6.0], 5.0, [[1.0], [2.0]], [["a", "b"]], [[1.0, None]]])
def test_a_wrong_whole_changes_nothing(parameter: nn.Parameter, wrong: Any) -> None:
    for name in ("data", "grad"):
        with pytest.raises(MicrogradError, match=r"shape|numbers"):
            setattr(parameter, name, wrong)
    assert parameter.tolist() == [[1.0, 2.0]]
    assert parameter.grad.tolist() == [[2.0, 4.0]]


def test_changing_a_parameter_in_place() -> None:
    model = nn.Linear(2, 1, bias=False)
    model.weight.data = [[1.0, 2.0]]
    p = model.weight
    with no_grad():
        p += 1
        p *= tensor([[2.0, 3.0]])
        p -= np.array([[1.0, 1.0]])
        p /= 2
        model.weight -= 0.5
    assert p is model.weight
    assert model(tensor([[1.0, 0.0]])).tolist() == [[1.0]]
    with pytest.raises(RuntimeError, match="do it inside `with micrograd"):
        p += 1
    assert p.tolist() == [[1.0, 3.5]]


def test_views_share_their_elements() -> None:
    p = nn.Parameter([[1.0, 2.0], [3.0, 4.0]])
    p.T[0].sum().backward()
    assert p.grad.tolist() == [[1.0, 0.0], [1.0, 0.0]]
    assert p.reshape(4)[3]._values.item() is p._values[1, 1]


def test_copies_share_nothing_and_detached_arrays_all() -> None:
    p = nn.Parameter([1.0])
    for other in (p.detach().clone(), copy.deepcopy(p)):
        other.data = [7.0]
    assert p.tolist() == [1.0]
    p.detach()[0] = 7.0
    assert p.tolist() == [7.0]


def test_requires_grad_follows_what_is_computed() -> None:
    plain, p = tensor([1.0]), nn.Parameter([1.0])
    assert not (plain * 2).requires_grad
    assert (plain * p).requires_grad
    assert p[0].requires_grad
    assert not p.detach().requires_grad
    with no_grad():
        assert not (plain * p).requires_grad
    assert plain.grad is None
