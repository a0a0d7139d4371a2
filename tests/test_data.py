"""The article's data, two moons, and batches of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograd import MicrogradError, tensor
from micrograd.data import DataLoader, article, moons


def test_the_articles_formula():
    X, y = article(800, seed=1)  # noqa: N806
    assert X.shape == (800, 3)
    assert y.shape == (800, 1)
    noise = (y[:, 0] - (X[:, 0] ** 2 + 2 * X[:, 1] - 0.5 * X[:, 2])) / 0.1
    assert abs(noise.mean()) < 0.15
    assert 0.9 < noise.std() < 1.1
    assert abs(np.corrcoef(noise, X[:, 1])[0, 1]) < 0.15


def test_moons_lie_on_their_circles():
    X, y = moons(101, noise=0.0, seed=2)  # noqa: N806
    upper, lower = X[y[:, 0] == -1], X[y[:, 0] == 1]
    assert (len(upper), len(lower)) == (50, 51)
    np.testing.assert_allclose(np.hypot(*upper.T), 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.hypot(lower[:, 0] - 1, lower[:, 1] - 0.5), 1.0, rtol=1e-12)
    assert (upper[:, 1] >= -1e-12).all()
    assert (lower[:, 1] <= 0.5 + 1e-12).all()


def test_noise_moves_the_moons():
    still, moved = moons(50, noise=0.0, seed=3)[0], moons(50, noise=0.1, seed=3)[0]
    assert 0.05 < (moved - still).std() < 0.2


@pytest.mark.parametrize("make", [article, moons])
def test_a_seed_repeats(make):
    for a, b in zip(make(10, seed=4), make(10, seed=4), strict=True):
        assert (a == b).all()
    assert (make(10, seed=4)[0] != make(10, seed=5)[0]).any()
    with pytest.raises(MicrogradError, match="n_samples"):
        make(0)


def batches(loader):
    return [(x.numpy().ravel().tolist(), y.numpy().ravel().tolist()) for x, y in loader]


@given(
    n=st.integers(1, 30),
    size=st.one_of(st.none(), st.integers(1, 40)),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
)
def test_every_sample_once_with_its_target(n, size, shuffle, drop_last):
    x = [[float(i)] for i in range(n)]
    y = [[float(i) ** 2] for i in range(n)]
    loader = DataLoader(x, y, size, shuffle=shuffle, seed=0, drop_last=drop_last)
    found = batches(loader)
    assert len(found) == len(loader)
    whole = size or n
    sizes = [whole] * (n // whole) + ([n % whole] if n % whole and not drop_last else [])
    assert [len(xs) for xs, _ in found] == sizes
    seen = [x for xs, _ in found for x in xs]
    assert len(set(seen)) == len(seen) == sum(sizes)
    assert all(b == a * a for xs, ys in found for a, b in zip(xs, ys, strict=True))
    if not shuffle:
        assert seen == sorted(seen)


def test_each_pass_has_a_new_order_and_a_seed_repeats_them():
    x = [[float(i)] for i in range(20)]
    first, second = DataLoader(x, x, 3, seed=7), DataLoader(x, x, 3, seed=7)
    passes = [batches(first) for _ in range(3)]
    assert passes == [batches(second) for _ in range(3)]
    assert passes[0] != passes[1] != passes[2]


def test_tensors_and_arrays_of_any_rank():
    loader = DataLoader(tensor(np.zeros((4, 2, 3))), np.arange(4), batch_size=3, shuffle=False)
    assert [(x.shape, y.shape) for x, y in loader] == [((3, 2, 3), (3,)), ((1, 2, 3), (1,))]


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ([[1.0]], [[1.0], [2.0]], {}, "same number of samples, got 1 and 2"),
        ([], [], {}, "X is empty"),
        ([["a"]], [[1.0]], {}, "X must hold numbers"),
        (1.0, [1.0], {}, "one row a sample"),
        ([[1.0]], [[1.0]], {"batch_size": 0}, "batch_size"),
        ([[1.0]], [[1.0]], {"batch_size": 1.5}, "batch_size"),
    ],
)
def test_bad_data(x, y, options, message):
    with pytest.raises(MicrogradError, match=message):
        DataLoader(x, y, **options)


@pytest.mark.parametrize("seed", [-1, 0.5, "0"])
def test_seeds_that_are_none(seed):
    for make in (article, lambda n, seed: moons(n, 0.1, seed)):
        with pytest.raises(MicrogradError, match="whole number from 0"):
            make(3, seed=seed)
