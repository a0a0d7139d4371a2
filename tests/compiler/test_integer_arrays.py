"""Arrays of integers and truth values as arguments: labels, tokens, masks, minibatches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import micrograd as torch
from micrograd import nn, optim
from micrograd.nn.functional import cross_entropy, embedding, one_hot

ROWS, SIZE, CLASSES = 9, 4, 3
R = np.random.default_rng(5)
X = torch.tensor(R.normal(size=(ROWS, 2)))
Y = torch.tensor(R.integers(0, CLASSES, ROWS))
X_ARRAY, Y_ARRAY = X.numpy(), Y.numpy()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(ROWS, 2), nn.Linear(2, CLASSES)


def long(numbers: Any) -> Any:
    return torch.tensor(np.asarray(numbers))


# Of a net, and indices below ROWS; labels are indices modulo the number of classes.
OF_INDICES: dict[str, Callable[[Net, Any], Any]] = {
    "embedding": lambda m, i: (m.out(m.table(i)) ** 2).mean(),
    "functional embedding": lambda m, i: (embedding(i, m.table.weight) ** 2).sum(),
    "as numbers": lambda m, i: (m.out(X[:SIZE])[:, 0] * i).sum(),
    "compared": lambda m, i: torch.where(i > 4, m.table.weight[:SIZE, 0], m.out.bias[0]).sum(),
    "one hot": lambda m, i: (one_hot(i, ROWS).float() @ m.table.weight).square().mean(),
    "rows": lambda m, i: (m.out(X[i]) ** 2).mean(),
    "rows of a parameter": lambda m, i: (m.table.weight[i] ** 2).sum(),
    "rows of a result": lambda m, i: m.out(X)[i].square().sum(),
    "a column": lambda m, i: (X[i, 0] * m.out.bias[1]).sum() + m.out(X)[i, 2].sum(),
    "columns": lambda m, i: (m.table.weight.T[:, i] ** 2).sum(),
    "columns after an ellipsis": lambda m, i: (m.table.weight.T[..., i] * 2.0).exp().sum(),
    "along a new axis": lambda m, i: (m.table.weight[i, None] - X[i]).square().sum(),
    "places": lambda m, i: m.table.weight.T[torch.tensor([0, 1, 1, 0]), i].square().sum(),
    "index select": lambda m, i: (m.out(X.index_select(0, i)) ** 2).mean(),
    "index select of columns": lambda m, i: (m.out(X).T.index_select(1, i) ** 2).mean(),
    "gather": lambda m, i: m.table.weight.gather(0, i.view(-1, 1)).square().sum(),
    "take along": lambda m, i: m.table.weight.take_along_dim(i.view(-1, 1), 0).square().sum(),
    "labels": lambda m, i: cross_entropy(m.out(X[i]), Y[i]),
    "weighted labels": lambda m, i: cross_entropy(
        m.out(X[i]), Y[i], weight=torch.tensor([1, 2.0, 3])
    ),
    "rows of rows": lambda m, i: m.table(Y[i]).square().sum(),
    "places of labels": lambda m, i: m.out(X[i])[torch.arange(SIZE), Y[i]].sum(),
    "one hot labels": lambda m, i: (one_hot(Y[i], CLASSES) * m.out(X[i])).sum(),
    "labels as numbers": lambda m, i: (m.out(X[i])[:, 0] * Y[i]).sum(),
    "an index that is used twice": lambda m, i: (m.table.weight[i] * X[i]).sum(),
    "in a loop": lambda m, i: sum((m.out(X[j]) ** 2).sum() for j in i),
    "two at once": lambda m, i: m.table.weight[i, (i > 4).long()].sum(),
}  # fmt: skip


def indices(calls: int) -> Iterator[np.ndarray]:
    draw = np.random.default_rng(3)
    yield np.array([0, 2, 1, 2])
    for _ in range(calls - 1):
        yield draw.integers(0, ROWS, SIZE)


def check(f: Callable[[Net, Any], Any], arguments: list[Any], backend: str) -> None:
    """Losses and parameters of steps are those of the function itself; there is one program."""
    net = Net()
    torch.manual_seed(1)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(*p.shape))
    own = copy.deepcopy(net)
    rule = optim.Adam(net.parameters(), lr=0.1)
    compiled = torch.compile(lambda i: f(net, i), optimizer=rule, backend=backend)
    own_rule = optim.Adam(own.parameters(), lr=0.1)
    for k, i in enumerate(arguments):
        own_rule.zero_grad()
        loss = f(own, i)
        loss.backward()
        if k % 2:
            assert compiled(i) == pytest.approx(loss.item(), rel=1e-9)
        assert compiled.step(i) == pytest.approx(loss.item(), rel=1e-9)
        own_rule.step()
        for p, q in zip(net.parameters(), own.parameters(), strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-9)
    assert len(compiled._decisions) == 2  # that of the value, and that of steps


@pytest.mark.parametrize("name", OF_INDICES)
def test_integer_tensors_are_numbers_of_a_call(name: str, backend: str) -> None:
    check(OF_INDICES[name], [long(i) for i in indices(5)], backend)


OF_ARRAYS = {
    "rows": lambda m, i: (m.out(torch.tensor(X_ARRAY[i])) ** 2).mean(),
    "labels": lambda m, i: cross_entropy(m.out(X[i]), torch.tensor(Y_ARRAY[i])),
    "rows and labels": lambda m, i: cross_entropy(
        m.out(torch.tensor(X_ARRAY[i])), torch.as_tensor(Y_ARRAY[i])
    ),
    "rows of rows": lambda m, i: m.table.weight[Y_ARRAY[i]].square().sum(),
    "a column": lambda m, i: (torch.tensor(X_ARRAY[i, 1]) * m.out.bias[0]).sum(),
    "lists": lambda m, i: m.out(torch.tensor([X_ARRAY.tolist()[j] for j in i])).square().sum(),
}
SORTS = {
    "tensors": long, "arrays": lambda i: i, "lists": lambda i: i.tolist(),
    "small integers": lambda i: i.astype(np.int32),
}  # fmt: skip


@pytest.mark.parametrize(("name", "sort"), [*zip(OF_ARRAYS, [*SORTS, *SORTS], strict=False)])
def test_minibatches_of_arrays(name: str, sort: str, backend: str) -> None:
    check(OF_ARRAYS[name], [SORTS[sort](i) for i in indices(5)], backend)


@pytest.mark.parametrize(
    ("name", "sort"), [("rows", "lists"), ("labels", "arrays"), ("places of labels", "lists")]
)
def test_minibatches_by_other_indices(name: str, sort: str, backend: str) -> None:
    check(OF_INDICES[name], [SORTS[sort](i) for i in indices(5)], backend)


@pytest.mark.parametrize("options", [{}, {"weight": torch.tensor([1.0, 2.0, 3.0])},
                                     {"reduction": "sum"}, {"label_smoothing": 0.1}])  # fmt: skip
def test_a_class_that_is_ignored(options: dict[str, Any], backend: str) -> None:
    labels = [long(i % CLASSES) for i in indices(5)]
    check(
        lambda m, y: cross_entropy(m.out(X[:SIZE]), y, ignore_index=2, **options), labels, backend
    )


@pytest.mark.parametrize("holder", [tuple, list])
def test_tensors_in_containers(holder: Callable[[Any], Any], backend: str) -> None:
    def f(m: Net, uv: Any) -> Any:
        return (m.table(uv[0]) * m.table.weight[uv[1]]).sum()

    check(f, [holder([long(i), long(i[::-1].copy())]) for i in indices(5)], backend)


def test_shuffled_minibatches() -> None:
    torch.manual_seed(0)
    orders = [torch.randperm(ROWS) for _ in range(3)]
    parts = [order[k : k + 3] for order in orders for k in range(0, ROWS, 3)]
    check(lambda m, i: cross_entropy(m.out(X[i]), Y[i]), parts, "numpy")


TRUTHS = {
    "a choice": lambda m, t: torch.where(t, m.table.weight[:SIZE, 0], m.out.bias[0]).sum(),
    "the others": lambda m, t: torch.where(~t, m.table.weight[:SIZE, 0], m.out.bias[0]).sum(),
    "as numbers": lambda m, t: (m.table.weight[:SIZE, 0] * t.float()).sum(),
    "rows": lambda m, t: m.table.weight[t.long()].square().sum(),
    "filled": lambda m, t: m.table.weight[:SIZE, 0].masked_fill(t, 2.0).square().sum(),
    "several": lambda m, t: (m.out.bias[0] * (t & ~t.roll(1) | t.roll(2))).sum(),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_tensors_of_truth_values(name: str, backend: str) -> None:
    check(TRUTHS[name], [torch.tensor((i % 2 == 0).tolist()) for i in indices(5)], backend)


def test_truth_values_of_numpy(backend: str) -> None:
    def f(m: Net, t: Any) -> Any:
        t = torch.as_tensor(t)
        return torch.where(~t, m.table.weight[:SIZE, 0], m.out.bias[0]).sum()

    check(f, [i % 2 == 0 for i in indices(5)], backend)


def test_an_index_that_there_is_not_is_an_error(backend: str) -> None:
    net = Net()
    compiled = torch.compile(lambda i: net.out(X[i]).sum(), backend=backend)
    compiled(long([0, 1, 2]))
    with pytest.raises(IndexError):
        compiled(long([0, 1, ROWS]))
    assert compiled(long([-1, 0, -2])) == pytest.approx(net.out(X[[-1, 0, -2]]).sum().item())


def test_floats_are_no_indices() -> None:
    with pytest.raises(torch.MicrogradError, match=r"index.long\(\)"):
        torch.compile(lambda i: X[i].sum())(torch.tensor([0.0, 1.0]))
