"""The text of arrays against torch's, for thousands of arrays, with float64 as torch's default."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from micrograd import Tensor, nn, tensor
from micrograd.tensors.printing import array_text

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0]
SMALL = [(), (1,), (3,), (7,), (20,), (0,), (2, 3), (5, 1), (1, 1), (2, 0), (0, 2), (9, 9)]
SMALL += [(2, 2, 2), (1, 3, 1), (3, 0, 2), (2, 1, 2, 2), (30,), (1, 40), (2, 2, 11), (999,)]
LARGE = [(1000,), (1001,), (40, 30), (7, 143), (143, 7), (6, 6, 30), (7, 8, 20), (2000, 1)]
LARGE += [(1, 1, 1001), (3, 400), (11, 2, 7, 8), (501, 2)]

Rng = np.random.Generator
Regime = Callable[[Rng, tuple[int, ...]], np.ndarray]
REGIMES: dict[str, Regime] = {
    "ordinary": lambda rng, shape: rng.normal(size=shape),
    "unit": lambda rng, shape: rng.uniform(0, 1, shape),
    "rounded": lambda rng, shape: rng.normal(0, 10, shape).round(1),
    "whole": lambda rng, shape: rng.integers(-9, 10, shape) * 1.0,
    "whole, large": lambda rng, shape: rng.integers(-(10**5), 10**5, shape) * 1.0,
    "whole, too large": lambda rng, shape: rng.integers(-(10**10), 10**10, shape) * 1.0,
    "any size": lambda rng, shape: rng.normal(size=shape) * 10.0 ** rng.integers(-12, 12),
    "mixed sizes": lambda rng, shape: rng.normal(size=shape) * 10.0 ** rng.integers(-6, 7, shape),
    "ratio of 1000": lambda rng, shape: rng.choice([1.0, 1000.0, 1000.5, 1.5, 0.999], shape),
    "limits": lambda rng, shape: rng.choice([1e-4, 0.99e-4, 1e8, 1.1e8, 0.1, 99999.5], shape),
    "extreme": lambda rng, shape: rng.choice([1e300, -1e-300, 5e-324, 1.7e308, 0.0], shape),
    "constant": lambda rng, shape: np.full(shape, rng.normal()),
    "zeros": lambda rng, shape: np.zeros(shape) * rng.choice([1.0, -1.0]),
    "special": lambda rng, shape: rng.choice(SPECIAL, shape),
    "some special": lambda rng, shape: np.where(
        rng.uniform(size=shape) < 0.3, rng.choice(SPECIAL, shape), rng.normal(0, 30, shape)
    ),
    "whole, some special": lambda rng, shape: np.where(
        rng.uniform(size=shape) < 0.3, rng.choice(SPECIAL, shape), rng.integers(-99, 99, shape)
    ),
}
every_regime = pytest.mark.parametrize("regime", REGIMES.values(), ids=list(REGIMES))


@pytest.fixture(autouse=True)
def _float64_is_torchs_default() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def assert_prints_as_torch(array: np.ndarray, requires_grad: bool = False) -> None:
    expected = repr(torch.tensor(array, requires_grad=requires_grad))
    suffixes = ["requires_grad=True"] if requires_grad else []
    assert array_text(array, suffixes) == expected.replace("torch.Size", "")
    if array.size < 50:
        assert repr(tensor(array, requires_grad=requires_grad)) == array_text(array, suffixes)


@pytest.mark.some(12)
@every_regime
@pytest.mark.parametrize("requires_grad", [False, True])
def test_small_arrays(regime: Regime, requires_grad: bool) -> None:
    rng = np.random.default_rng(0)
    for shape in SMALL * 5:
        assert_prints_as_torch(regime(rng, shape), requires_grad)


@every_regime
def test_large_arrays(regime: Regime) -> None:
    rng = np.random.default_rng(1)
    for i, shape in enumerate(LARGE):
        assert_prints_as_torch(regime(rng, shape), requires_grad=i % 2 == 0)


@every_regime
def test_random_shapes(regime: Regime) -> None:
    rng, shapes = np.random.default_rng(2), random.Random(2)
    for _ in range(60):
        shape = tuple(shapes.choice([1, 1, 2, 3, 4, 5, 12]) for _ in range(shapes.randint(0, 4)))
        assert_prints_as_torch(regime(rng, shape), shapes.random() < 0.5)


@pytest.mark.parametrize("n", range(1, 40))
def test_lines_wrap_at_80_columns(n: int) -> None:
    rng = np.random.default_rng(n)
    for scale in (1.0, 1000.0, 1e5):
        for shape in ((n,), (1, n), (2, 1, n)):
            for array in (rng.normal(0, scale, shape), np.round(rng.normal(0, scale, shape))):
                assert_prints_as_torch(array)
                assert_prints_as_torch(array, requires_grad=True)


def test_parameters_print_as_torchs() -> None:
    for numbers in ([1.0, -2.0], [[0.63185], [-0.29721]], list(range(40))):
        theirs = torch.nn.Parameter(torch.tensor(numbers, dtype=torch.float64))
        assert repr(nn.Parameter(numbers)) == repr(theirs)
        assert repr(nn.Parameter(numbers).data) == repr(theirs.data)


def test_results_print_as_torchs_except_the_name_of_grad_fn() -> None:
    def shown(x: Tensor | torch.Tensor) -> list[str]:
        results = [x * 2, (x**2).mean(), x.sum(), x.reshape(3, 1), (x - x).exp()]
        return [repr(r).partition("grad_fn")[0] for r in results]

    numbers = [1.0, 2.5, -3.0]
    mine = shown(tensor(numbers, requires_grad=True))
    assert mine == shown(torch.tensor(numbers, requires_grad=True))
    assert repr(tensor(numbers, requires_grad=True) * 2).endswith("grad_fn=<MulBackward0>)")
    assert repr(tensor([1.0]) * 2) == repr(torch.tensor([1.0]) * 2)
