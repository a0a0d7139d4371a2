"""The elementary functions of the LLVM backend: how far off, in units in the last place."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from micrograd.compiler.backends.llvm.functions import ELEMENTARY
from micrograd.compiler.backends.llvm.polynomials import exp_rest, fitted, log_rest, tanh_rest
from micrograd.compiler.backends.numpy.execution import load as numpy_backend
from micrograd.compiler.nest.ir import WORK, Affine, Nest, Program, Statement, argument

llvm = pytest.importorskip("micrograd.compiler.backends.llvm")
pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 60, reason="no numbers longer than float64 to compare with"
)

ONE = np.longdouble(1)


def softplus(x: Any) -> Any:
    return np.maximum(x, 0 * ONE) + np.log1p(np.exp(-np.abs(x)))


def sigmoid_slope(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return e / (ONE + e) ** 2


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], float, float, float | None]] = {
    "exp": (np.exp, -746.0, 710.0, None),
    "log": (np.log, 0.0, 1e3, None),
    "tanh": (np.tanh, -20.0, 20.0, None),
    "sigmoid": (lambda x: ONE / (ONE + np.exp(-x)), -745.0, 45.0, None),
    "sigmoid_slope": (sigmoid_slope, -745.0, 745.0, None),
    "softplus": (softplus, -745.0, 745.0, None),
    "pow_static(3)": (lambda x: x**3, -1e100, 1e100, 3.0),
    "pow_static(-2)": (lambda x: ONE / x**2, -1e160, 1e160, -2.0),
    "pow_static(0.5)": (np.sqrt, 0.0, 1e300, 0.5),
    "pow_static(1.5)": (lambda x: x * np.sqrt(x), 0.0, 1e200, 1.5),
    "pow_static(-0.5)": (lambda x: ONE / np.sqrt(x), 0.0, 1e300, -0.5),
    "pow_static(-1.5)": (lambda x: ONE / x / np.sqrt(x), 0.0, 1e205, -1.5),
}


def points(low: float, high: float, dtype: type, count: int = 150_000) -> np.ndarray:
    """Evenly spread ones, and ones of every size, down to the least there is."""
    rng = np.random.default_rng(5)
    limits = np.finfo(dtype)
    high = min(high, float(limits.max) / 4)
    low = max(low, -float(limits.max) / 4)
    sizes = np.exp2(rng.uniform(np.log2(float(limits.smallest_subnormal)), np.log2(high), count))
    signs = rng.choice([-1.0, 1.0], count) if low < 0 else np.ones(count)
    near = rng.uniform(max(low, -4.0), min(high, 4.0), count)
    everywhere = [rng.uniform(low, high, count), near, np.clip(sizes * signs, low, high)]
    return np.concatenate(everywhere).astype(dtype)


def errors(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """In units of the last place of the exact number."""
    dtype = found.dtype
    with np.errstate(over="ignore"):
        unit = np.spacing(np.abs(exact).astype(dtype))
    least = np.finfo(dtype).smallest_subnormal
    unit = np.where(np.isfinite(unit), np.maximum(unit, least), np.finfo(dtype).max)
    same = found == exact.astype(dtype)
    return np.where(same, 0, np.abs(found.astype(np.longdouble) - exact) / unit)


def computed(row: str, x: np.ndarray, static: float | None, load: Any) -> np.ndarray:
    """A row of numbers, by a backend."""
    statement = Statement(row, Affine(WORK, 8, (1,)), (Affine(argument(0), 0, (1,)),), static)
    nest = Nest((len(x),), (statement,))
    program = Program((nest,), np.zeros(len(x) + 8), {argument(0): len(x)}, 0, ())
    executable = load(program, x.dtype.name)
    executable.point(argument(0), x)
    executable.run()
    found: np.ndarray = executable.work[8 : 8 + len(x)]
    return found


@pytest.mark.parametrize(
    ("f", "low", "high", "count"),
    [(exp_rest, -0.35, 0.35, 10), (log_rest, 0.0, 0.0295, 7), (tanh_rest, 0.0, 0.3907, 11)],
)
def test_polynomials_err_less_than_rounding_does(
    f: Callable[[Decimal], Decimal], low: float, high: float, count: int
) -> None:
    """In what they are added to, which is 1 or more times as large as the variable's power."""
    polynomial = fitted(f, low, high, count)
    with localcontext(prec=60):
        for x in map(Decimal, np.linspace(low, high, 200)[1:].tolist()):
            value = Decimal(0)
            for c in polynomial:
                value = value * x + Decimal(c)
            weight = x * x if low else x
            assert abs(value - f(x)) * weight < Decimal(2) ** -53


@pytest.mark.parametrize("backend", [numpy_backend, llvm.load])
def test_erf_for_which_no_back_end_has_code(backend: Any) -> None:
    mpmath = pytest.importorskip("mpmath")
    assert "erf" not in ELEMENTARY
    x = np.concatenate([np.linspace(-7, 7, 999), 10.0 ** np.arange(-300, 3), [-0.0]])
    with mpmath.workdps(40):
        exact = np.array([np.longdouble(mpmath.nstr(mpmath.erf(v), 30)) for v in x.tolist()])
    assert errors(computed("erf", x, None, backend), exact).max() < 1
    edges = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0])
    found = computed("erf", edges, None, backend)
    np.testing.assert_array_equal(found, [np.nan, 1.0, -1.0, 0.0, -0.0])
    assert np.signbit(found[3:]).tolist() == [False, True]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_two_units_in_the_last_place(name: str, dtype: type) -> None:
    function, low, high, static = FUNCTIONS[name]
    x = points(low, high, dtype)
    found = computed(name.partition("(")[0], x, static, llvm.load)
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.longdouble))
        off = errors(found, exact)
    worst = int(np.argmax(off))
    assert off[worst] < 2, f"{off[worst]:.2f} at {x[worst]!r}: {found[worst]!r}"
