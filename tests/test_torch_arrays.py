"""Arrays against torch and NumPy over random shapes: broadcasting, slices, writing, reductions."""

from __future__ import annotations

import random
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import micrograd
from micrograd import nn, tensor
from micrograd.tensors import backward
from micrograd.utils.data import DataLoader

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)
NUMBERS = st.floats(-4, 4, width=16)
FEW = settings(max_examples=40, derandomize=True)

OPERATORS = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (b * b + 1),
    lambda a, b: a.maximum(b), lambda a, b: a.minimum(b), lambda a, b: (a * 1.5).clamp(min=b),
    lambda a, b: a * (a > b),
]  # fmt: skip
REDUCTIONS = [
    lambda x, d: x.sum(d), lambda x, d: x.mean(d, keepdim=True), lambda x, d: x.max(d).values,
    lambda x, d: x.amin(d), lambda x, d: x.prod(d), lambda x, d: x.softmax(d),
    lambda x, d: x.log_softmax(d), lambda x, d: torch_or_ours(x).logsumexp(x, d),
    lambda x, d: x.var(d, unbiased=False), lambda x, d: x.cumsum(d), lambda x, d: x.norm(dim=d),
    lambda x, d: x.sort(d).values, lambda x, d: x.flip(d), lambda x, d: x.unsqueeze(d),
    lambda x, d: x.transpose(0, d), lambda x, d: torch_or_ours(x).cat([x, x * 2], d),
    lambda x, d: torch_or_ours(x).stack([x, x * 2], d), lambda x, d: x.flatten(d),
]  # fmt: skip


def torch_or_ours(x: Any) -> Any:
    return torch if isinstance(x, torch.Tensor) else micrograd


def same(mine: Any, theirs: Any, arrays: list[Any], others: list[Any]) -> None:
    """Results, kinds of number, printing and gradients are the same."""
    assert tuple(mine.shape) == tuple(theirs.shape)
    assert np.allclose(mine.numpy(), theirs.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert (str(mine.dtype), mine.requires_grad) == (str(theirs.dtype), theirs.requires_grad)
    if not mine.requires_grad or not mine.numel():
        return
    weights = np.random.default_rng(0).normal(size=tuple(mine.shape))
    mine.backward(tensor(weights))
    theirs.backward(torch.tensor(weights))
    for x, t in zip(arrays, others, strict=True):
        assert (x.grad is None) == (t.grad is None)
        if x.grad is not None:
            assert np.allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-11, atol=1e-12)


def both(numbers: Any) -> tuple[Any, Any]:
    return tensor(numbers, requires_grad=True), torch.tensor(numbers, requires_grad=True)


@FEW
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), st.data())
def test_broadcasting(shapes: Any, data: st.DataObject) -> None:
    arrays = [data.draw(hnp.arrays(np.float64, s, elements=NUMBERS)) for s in shapes.input_shapes]
    f = data.draw(st.sampled_from(OPERATORS))
    pairs = [both(x) for x in arrays]
    mine, theirs = [x for x, _ in pairs], [t for _, t in pairs]
    same(f(*mine), f(*theirs), mine, theirs)


@FEW
@given(SHAPES, st.data())
def test_axes(shape: Any, data: st.DataObject) -> None:
    # Different numbers: among equal ones libraries choose differently which is sorted first.
    size = int(np.prod(shape))
    numbers = np.random.default_rng(size).permutation(size).reshape(shape) / 3 - 2
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    f = data.draw(st.sampled_from(REDUCTIONS))
    x, t = both(numbers)
    same(f(x, dim), f(t, dim), [x], [t])


def indices(shape: Any) -> st.SearchStrategy[Any]:
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    positive = basic.filter(lambda i: all(
        not isinstance(k, slice) or (k.step or 1) > 0 for k in (i if isinstance(i, tuple) else (i,))
    ))  # fmt: skip
    rows = st.lists(st.integers(0, shape[0] - 1), min_size=1, max_size=3, unique=True)
    return st.one_of(positive, hnp.arrays(np.bool_, shape), rows)


@FEW
@given(SHAPES, st.data())
def test_indices_read_and_write(shape: Any, data: st.DataObject) -> None:
    numbers = data.draw(hnp.arrays(np.float64, shape, elements=NUMBERS))
    index = data.draw(indices(shape))
    mine_at = tensor(index) if isinstance(index, np.ndarray) else index
    torch_at = torch.tensor(index) if isinstance(index, np.ndarray) else index
    x, t = both(numbers)
    same(x[mine_at] * 2, t[torch_at] * 2, [x], [t])
    assert np.array_equal(x[mine_at].numpy(), numbers[index])
    x, t = both(numbers)
    y, u = x * 1, t * 1
    y[mine_at], u[torch_at] = 7.0, 7.0
    y[mine_at] += x.sum()
    u[torch_at] += t.sum()
    same(y, u, [x], [t])
    x, t = both(numbers)
    with micrograd.no_grad(), torch.no_grad():
        x[mine_at] -= 3
        t[torch_at] -= 3
    same(x, t.detach().requires_grad_(), [], [])


@FEW
@given(SHAPES, st.data())
def test_views_share_what_torchs_share(shape: Any, data: st.DataObject) -> None:
    numbers = data.draw(hnp.arrays(np.float64, shape, elements=NUMBERS))
    x, t = tensor(numbers), torch.tensor(numbers)
    for name, arguments in data.draw(st.lists(st.sampled_from(
        [("view", (-1,)), ("unsqueeze", (0,)), ("squeeze", ()), ("t", ()), ("flatten", ()),
         ("detach", ()), ("clone", ()), ("reshape", (-1, 1)), ("__getitem__", (0,))]), max_size=3
    )):  # fmt: skip
        if (name == "t" and x.ndim > 2) or (name == "__getitem__" and x.ndim < 2):
            continue  # an item that is one number is no view here
        if name == "view" and not t.is_contiguous():
            continue
        a, b = getattr(x, name)(*arguments), getattr(t, name)(*arguments)
        a += 1
        b += 1
        assert np.array_equal(a.numpy(), b.numpy())
        assert np.array_equal(x.numpy(), t.numpy()), name
        x, t = a, b


@FEW
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 2), st.data())
def test_convolutions(samples: int, channels: int, size: int, padding: int, data: Any) -> None:
    kernel = data.draw(st.integers(padding + 1, size + 2 * padding))  # it meets the image
    stride = data.draw(st.integers(1, 2))
    theirs = torch.nn.Conv2d(channels, 2, kernel, stride, padding).double()
    mine = nn.Conv2d(channels, 2, kernel, stride, padding)
    mine.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, t = both(np.random.default_rng(0).normal(size=(samples, channels, size, size)))
    same(mine(x), theirs(t), [x, *mine.parameters()], [t, *theirs.parameters()])


@FEW
@given(hnp.arrays(np.int64, SHAPES))
def test_whole_numbers_print_and_compute_as_torchs(numbers: Any) -> None:
    numbers = numbers % 1000
    x, t = tensor(numbers), torch.tensor(numbers)
    assert repr(x) == repr(t)
    for f in (lambda v: v + 1, lambda v: v * 2.0, lambda v: v / 3, lambda v: v // 3,
              lambda v: v % 7, lambda v: v > 5, lambda v: v.sum(),
              lambda v: v.double().mean(), lambda v: v.bool(), lambda v: -v,
              lambda v: v.max(), lambda v: v == v):  # fmt: skip
        mine, theirs = f(x), f(t)
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6)
        assert mine.is_floating_point() == theirs.is_floating_point()


@pytest.mark.parametrize("n", [2, 3, 6, 7, 10, 49])
def test_the_largest_of_equal_ones_is_exact(n: int) -> None:
    for x in (0.1, -0.3, 1e300, float("inf")):
        assert tensor([x] * n).max().item() == tensor([x] * n).amin().item() == x
    assert tensor([1] * n).max().item() == 1
    x, t = both(np.full(n, 0.1))
    x.max().backward()
    t.max().backward()
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-15)


# What is computed while nothing is recorded is a copy, also where it is elements only.
COPIES = [
    lambda x, t: x.clone(), lambda x, t: x[[0, 1]], lambda x, t: t.cat([x, x]),
    lambda x, t: x.t().reshape(-1), lambda x, t: t.where(x > 2, x, t.zeros_like(x)),
    lambda x, t: x.max(), lambda x, t: x.max(1).values, lambda x, t: x.masked_fill(x < 2, 0.0),
    lambda x, t: t.zeros_like(x).copy_(x), lambda x, t: x[:1].sum(0), lambda x, t: x.cumsum(0),
    lambda x, t: t.nn.utils.parameters_to_vector([x]),
]  # fmt: skip


@pytest.mark.parametrize("how", range(len(COPIES)))
def test_copies_stay_what_they_were(how: int) -> None:
    for t in (torch, micrograd):
        x = t.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        with t.no_grad():
            copy = COPIES[how](x, t)
        before = copy.tolist()
        x.data.mul_(10.0)
        assert copy.tolist() == before
        assert not copy.requires_grad


def test_a_clone_stays_what_it_was_and_hands_gradients_on() -> None:
    for t in (torch, micrograd):
        x = t.tensor([1.0, -2.0], requires_grad=True)
        copy, apart = x.clone(), x.clone().detach()
        x.data.mul_(10.0)
        assert copy.tolist() == apart.tolist() == [1.0, -2.0]
        (copy * t.tensor([3.0, 5.0])).sum().backward()
        assert x.grad.tolist() == [3.0, 5.0]


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("inside", ["no_grad", "autograd.detect_anomaly", "enable_grad"])
def test_what_is_written_into_data_is_in_the_array(inside: str) -> None:
    for t in (torch, micrograd):
        x = t.tensor([1.0, -2.0, 8.0], requires_grad=True)
        with attrgetter(inside)(t)():
            x.data.clamp_(-1.0, 2.5)
            x.detach().mul_(2.0)
            x.data[0] = 7.0
            x.data = x.data + 1.0
        assert x.tolist() == [8.0, -1.0, 6.0]


SURE = [0.0, 1.0, 1.0, 0.0, 0.25]
SMALL = [1e-9, 1e-200, -1e-12, 0.0, 0.003, -0.5, 2.0]
EDGES = [
    (lambda x, t: t.log1p(x), SMALL), (lambda x, t: t.expm1(x), SMALL),
    (lambda x, t: t.sinh(x), SMALL),
    (lambda x, t: x.std(), [2.0, 2.0, 2.0]), (lambda x, t: x.norm(), [0.0, 0.0]),
    (lambda x, t: x.norm(3), [0.0, 0.0]), (lambda x, t: x.norm(-float("inf")), [2.0, -1.0, 3.0]),
    (lambda x, t: x.norm(0).detach(), [2.0, 0.0, 3.0]), (lambda x, t: x.median(), [2.0, 5.0, 5.0]),
    (lambda x, t: x.median(), [1.0, float("nan"), 2.0]), (lambda x, t: x.prod(), []),
    (lambda x, t: x.median(), []), (lambda x, t: x.logsumexp(0), []),
    (lambda x, t: t.fmod(x, 2.0), [-3.0, -1.5, 3.5]), (lambda x, t: t.fmod(x, 2), [5.0, -5.0]),
    (lambda x, t: t.remainder(x, float("inf")), [1.0, 2.0]),
    (lambda x, t: x.topk(2).values, [float("nan"), 1.0, 2.0]),
    (lambda x, t: x.sort(descending=True).values, [1.0, float("nan"), 2.0]),
    (lambda x, t: t.nn.functional.binary_cross_entropy(x, x.detach() * 0 + t.tensor(SURE)),
     [0.0, 1.0, 1e-14, 1.0, 0.0]),
]  # fmt: skip


@pytest.mark.parametrize("how", range(len(EDGES)))
def test_where_torch_has_a_number_and_a_slope(how: int) -> None:
    f, numbers = EDGES[how]
    x, t = both(np.array(numbers))
    mine, theirs = f(x, micrograd), f(t, torch)
    np.testing.assert_allclose(mine.numpy(), theirs.detach().numpy(), rtol=1e-14)
    if mine.requires_grad and numbers:
        mine.sum().backward()
        theirs.sum().backward()
        # torch's 1e-12 in a cross entropy is a float32
        np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-8)


def test_hooks_see_gradients_of_arrays_that_are_kept_by_the_graph_only() -> None:
    x = tensor(1.0, requires_grad=True)
    for _ in range(300):  # passes are numbered: whatever the number is
        (x * 2).backward()
    backward.hooked()
    kept = len(backward._inner)
    for t in (torch, micrograd):
        w, seen = t.tensor([2.0, 3.0], requires_grad=True), []

        def loss(w: Any = w, seen: list[Any] = seen) -> Any:
            first = w * 1.5
            first.register_hook(lambda g: seen.append(("first", g.tolist())))
            second = first**2
            second.register_hook(lambda g: seen.append(("second", g.tolist())))
            second.register_hook(lambda g: seen.append(("again", g.sum().item())))
            return second.sum()

        loss()  # of which nothing is kept
        loss().backward()
        loss().backward()
        assert seen == 2 * [("second", [1.0, 1.0]), ("again", 2.0), ("first", [6.0, 9.0])]
    assert len(backward._inner) <= kept + 4  # no more than were alive when the last one was hooked


def test_an_order_of_samples_is_torchs() -> None:
    found = []
    for t in (torch, micrograd):
        orders: list[Any] = []
        for options in ({}, {"drop_last": True}, {"generator": 5}):
            t.manual_seed(3)
            if "generator" in options:
                options["generator"] = t.Generator().manual_seed(5)
            loader = t.utils.data.DataLoader(range(10), batch_size=4, shuffle=True, **options)
            orders += [[batch.tolist() for batch in loader] for _ in range(3)]
        for options in ({"num_samples": 7}, {"num_samples": 25}, {"replacement": True}):
            t.manual_seed(3)
            sampler = t.utils.data.RandomSampler(range(10), **options)
            orders += [list(sampler), list(sampler), len(sampler)]
        found.append(orders)
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["pow", "add", "sub", "mul", "div", "remainder", "floor_divide"])
def test_a_number_stands_before_an_array_as_in_torch(name: str) -> None:
    for numbers in ([1.0, 3.0], [1, 3]):
        for first in (2, 2.5):
            mine = getattr(micrograd, name)(first, micrograd.tensor(numbers))
            theirs = getattr(torch, name)(first, torch.tensor(numbers))
            assert mine.tolist() == pytest.approx(theirs.tolist(), rel=1e-7)
            assert mine.dtype.is_floating_point == theirs.dtype.is_floating_point


def test_what_is_no_array_is_said() -> None:
    for wrong in (2.0, [1.0], None, "x"):
        with pytest.raises(TypeError, match="exp takes a Tensor, got"):
            micrograd.exp(wrong)
    assert micrograd.exp(input=micrograd.zeros(1)).tolist() == [1.0]
    with pytest.raises(TypeError, match="x must be the numbers of one sample"):
        micrograd.nn.MLP(2, [1])(1.0)


def test_scatter_is_torchs() -> None:
    index, rows = [[0, 1, 2, 0], [2, 0, 0, 1]], np.arange(15.0).reshape(3, 5)
    mine, theirs = micrograd.tensor(rows), torch.tensor(rows)
    x, y = micrograd.zeros(3, 5, requires_grad=True), torch.zeros(3, 5, dtype=torch.float64)
    y.requires_grad = True
    for options in ({"src": True}, {"value": 2.0}):
        given = [{"src": source} if "src" in options else options for source in (mine, theirs)]
        a = x.scatter(0, micrograd.tensor(index), **given[0])
        b = y.scatter(0, torch.tensor(index), **given[1])
        assert a.tolist() == b.tolist()
        (a * a).sum().backward()
        (b * b).sum().backward()
        assert x.grad.tolist() == y.grad.tolist()
    assert x.tolist() == np.zeros((3, 5)).tolist()


@pytest.mark.parametrize("seeded", [True, False])
def test_random_numbers_go_on_from_a_saved_state(tmp_path: Path, seeded: bool) -> None:
    micrograd.manual_seed(3) if seeded else random.seed(3)
    micrograd.randn(3)
    micrograd.save(micrograd.get_rng_state(), tmp_path / "state.npz")
    loader = DataLoader(micrograd.arange(9), batch_size=2, shuffle=True)

    def drawn() -> list[Any]:
        return [micrograd.randn(3).tolist(), [batch.tolist() for batch in loader]]

    first = drawn()
    assert drawn() != first
    micrograd.set_rng_state(micrograd.load(tmp_path / "state.npz"))
    assert drawn() == first
    with pytest.raises(TypeError, match="state must be what get_state"):
        micrograd.set_rng_state(1)


def test_gradients_of_functions_of_arrays_are_checked() -> None:
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w = tensor([0.5, -1.0], requires_grad=True)
    fixed = tensor([2.0, 3.0])
    check = micrograd.autograd.gradcheck
    assert check(lambda a, b, c: ((a @ b).tanh() * c, a.sum()), (x, w, fixed))
    assert check(lambda a: (a * a).sum(), x)
    assert micrograd.gradgradcheck(lambda a: (a**3).sum(0), w)
    with pytest.raises(AssertionError, match="of element 1 of the result"):
        check(lambda a: a.abs() + (a - a.detach()) * tensor([0.0, 1.0]), w)
    with pytest.raises(TypeError, match="requires a gradient"):
        check(lambda a: a, fixed)
