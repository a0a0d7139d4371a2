"""Every row of the op table against torch float64, NumPy and central differences.

The tests loop over the table and name no op: a new row is tested with no new test code.
"""

from __future__ import annotations

import inspect
import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from micrograd import Tensor, Value, grad, tensor
from micrograd.compiler.backends.numpy.rows import call_of, each
from micrograd.errors import MicrogradError
from micrograd.functions import VALUES, apply
from micrograd.ops import FLOATS, OPS, Op

NAN, INF = math.nan, math.inf
EDGES = (NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 5e-324, 20.0, 21.0)
CASES = [
    pytest.param(row, static, id=f"{row.name}{list(static) or ''}")
    for row in OPS.values()
    for static in ([(k,) for k in row.static_samples] or [()])
]
KINKED = [case for case in CASES if case.values[0].kink is not None]
METHODS = [row.name for row in OPS.values() if row.method and not row.has_static]
every_row = pytest.mark.parametrize(("row", "static"), CASES)
kinked_rows = pytest.mark.parametrize(("row", "static"), KINKED)

Static = tuple[float, ...]
Function = Callable[..., Any]


def as_function(expression: str, static: Static) -> Function:
    """A column of the table as a function of the inputs."""

    def function(*inputs: Any) -> Any:
        names = {f"x{i}": x for i, x in enumerate(inputs)}
        slots = [*names, *(repr(k) for k in static)]
        return eval(expression.format(*slots), {"np": np, "torch": torch, **names})

    return function


def samples(row: Op, n: int = 40, clearance: float = 0.0) -> list[list[float]]:
    """Inputs drawn from the row's domain, at least `clearance` away from its kink."""
    rng = random.Random(row.name)
    found: list[list[float]] = []
    while len(found) < n:
        inputs = [rng.uniform(low, high) for low, high in row.domain]
        kink = row.kink
        if kink is None or abs(kink(*inputs)) > clearance:
            found.append(inputs)
    return found


def ours(row: Op, inputs: Sequence[float], static: Static, g: float) -> tuple[float, list[float]]:
    """Value and gradients through `Value.backward`, with the upstream gradient g."""
    leaves = [Value(x) for x in inputs]
    result = apply(row.name, *leaves, *static)
    if g == 1.0:
        result.backward()
    else:
        result.grad = g
        result._backward()
    return result.data, [v.grad for v in leaves]


def torchs(row: Op, inputs: Sequence[float], static: Static, g: float) -> tuple[float, list[float]]:
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
    result = as_function(row.torch, static)(*leaves)
    if not result.requires_grad:
        return result.item(), [0.0] * len(leaves)
    grads = torch.autograd.grad(
        result, leaves, torch.tensor(g, dtype=torch.float64), allow_unused=True
    )
    return result.item(), [0.0 if d is None else d.item() for d in grads]


def agree(a: float, b: float, rtol: float = 1e-12) -> bool:
    """Nan agrees with nan, an infinity with itself, and the sign of zero does not matter."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= rtol * max(abs(a), abs(b)) < INF


def assert_agree(mine: Any, theirs: Any, where: str, rtol: float = 1e-12) -> None:
    for a, b in zip(np.ravel(mine).tolist(), np.ravel(theirs).tolist(), strict=True):
        assert agree(a, b, rtol), f"{where}: {mine} is not {theirs}"


@every_row
@pytest.mark.parametrize("g", [1.0, -2.5, 1e-3, 1e6])
def test_value_and_gradient_are_torchs(row: Op, static: Static, g: float) -> None:
    for inputs in samples(row):
        (value, grads), (expected, slopes) = (f(row, inputs, static, g) for f in (ours, torchs))
        assert_agree(value, expected, f"{row.name}{inputs}", 0.0 if row.exact else 1e-12)
        assert_agree(grads, slopes, f"gradient of {row.name}{inputs}")


@every_row
def test_value_and_gradient_at_the_edges_are_torchs(row: Op, static: Static) -> None:
    for inputs in itertools.product(EDGES, repeat=row.arity):
        (value, grads), (expected, slopes) = (f(row, inputs, static, 1.0) for f in (ours, torchs))
        assert type(value) is float
        assert_agree(value, expected, f"{row.name}{inputs}", 0.0 if row.exact else 1e-12)
        if row.on_paper is not row.vjp:  # torch computes what is on paper, and loses what is small
            slopes = [a if abs(a - b) < 1e-16 else b for a, b in zip(grads, slopes, strict=True)]
        assert_agree(grads, slopes, f"gradient of {row.name}{inputs}")


def test_what_is_on_paper_is_the_derivative() -> None:
    rows = [row for row in OPS.values() if row.on_paper is not row.vjp]
    assert rows
    for row in rows:
        for inputs in samples(row):
            y = row.f(*inputs)
            mine, shown = (f(FLOATS, 0.75, y, *inputs) for f in (row.vjp, row.on_paper))
            assert_agree(mine, shown, f"{row.name}{inputs}", 1e-13)


def at_the_kink(row: Op) -> list[tuple[float, ...]]:
    pool = sorted({*EDGES[3:], 0.5, -0.5, math.nextafter(20.0, 0.0), math.nextafter(20.0, 30.0)})
    found = [xs for xs in itertools.product(pool, repeat=row.arity) if row.kink(*xs) == 0]
    assert found, "the edges do not hit the kink: add a number that does"
    return found


@kinked_rows
def test_value_and_gradient_at_the_kink_are_torchs(row: Op, static: Static) -> None:
    for inputs, g in itertools.product(at_the_kink(row), (1.0, -3.0)):
        mine, theirs = ours(row, inputs, static, g), torchs(row, inputs, static, g)
        assert_agree(mine[0], theirs[0], f"{row.name}{inputs}")
        assert_agree(mine[1], theirs[1], f"gradient of {row.name}{inputs}")


@kinked_rows
def test_an_infinite_gradient_is_zero_where_it_is_masked(row: Op, static: Static) -> None:
    if static == (0.0,):
        return  # a factor 0 given by the user is no mask: 0 * inf is nan, in torch too
    for inputs, g in itertools.product([*samples(row), *at_the_kink(row)], (INF, -INF)):
        y = row.f(*inputs, *static)
        local = row.vjp(FLOATS, 1.0, y, *inputs, *static)
        grads = row.vjp(FLOATS, g, y, *inputs, *static)
        expected = [0.0 if d == 0 else math.copysign(g, g * d) for d in local]
        assert list(grads) == expected, f"{row.name}{inputs} with g={g}"


def in_numpy(row: Op, static: Static, inputs: np.ndarray) -> np.ndarray:
    """What the statements for a row write."""
    call = call_of(row.name, static)
    out = np.full(inputs.shape[1], 0.5)
    names = {"np": np, "x": inputs, "out": out, "each": each, "inf": INF, "nan": NAN}
    operands = [f"x[{i}]" for i in range(row.arity)]
    for line in call.lines:
        exec(line.format(*operands, out="out", c=list(map(repr, call.constants))), names)
    return out


@every_row
def test_numpy_computes_the_function(row: Op, static: Static) -> None:
    points = samples(row) + [list(xs) for xs in itertools.product(EDGES, repeat=row.arity)]
    with np.errstate(all="ignore"):
        array = in_numpy(row, static, np.array(points).T)
    for inputs, x in zip(points, array.tolist(), strict=True):
        # NumPy's power by a number has short cuts (0.5 is sqrt) that are nan at -inf, not inf; what
        # compiled code makes of an infinity is computed again eagerly, so a nan there is harmless.
        if not (math.isnan(x) and any(map(math.isinf, inputs))):
            rtol = 0.0 if row.exact else 1e-12
            assert_agree(row.f(*inputs, *static), x, f"{row.name}{inputs}", rtol)


@every_row
def test_the_gradient_is_the_central_difference(row: Op, static: Static) -> None:
    eps = 1e-5
    for inputs in samples(row, clearance=10 * eps):
        _, grads = ours(row, inputs, static, 1.0)
        for i, gradient in enumerate(grads):
            above, below = (
                row.f(*[x + step * (i == j) for j, x in enumerate(inputs)], *static)
                for step in (eps, -eps)
            )
            estimate = (above - below) / (2 * eps)
            assert abs(gradient - estimate) <= 1e-6 * max(1.0, abs(estimate)), (
                f"{row.name}{inputs}: derivative {i} is {gradient}, differences give {estimate}"
            )


@every_row
def test_second_derivatives_are_torchs_double_backward(row: Op, static: Static) -> None:
    """The gradient of every first derivative times a weight, so that mixed terms count too."""
    for inputs in samples(row, 12, clearance=1e-3):
        leaves = [Value(x) for x in inputs]
        first = grad(apply(row.name, *leaves, *static) ** 2, leaves, create_graph=True)
        total = sum((w * d for w, d in zip((1.0, -2.0, 3.0), first, strict=False)), Value(0.0))
        mine = [d.data for d in grad(total, leaves)]

        xs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
        result = as_function(row.torch, static)(*xs)
        theirs = [0.0] * len(xs)
        if result.requires_grad:
            slopes = torch.autograd.grad(result**2, xs, create_graph=True, materialize_grads=True)
            weighted = sum(w * d for w, d in zip((1.0, -2.0, 3.0), slopes, strict=False))
            if weighted.requires_grad:
                grads = torch.autograd.grad(weighted, xs, materialize_grads=True)
                theirs = [d.item() for d in grads]
        for a, b in zip(mine, theirs, strict=True):
            assert abs(a - b) <= 1e-12 * max(1.0, abs(a), abs(b)), f"{row.name}{inputs}: {a}, {b}"


@every_row
def test_the_derivative_is_the_same_on_floats_and_on_values(row: Op, static: Static) -> None:
    for inputs in samples(row, 12):
        y = row.f(*inputs, *static)
        floats = row.vjp(FLOATS, 1.5, y, *inputs, *static)
        values = row.vjp(VALUES, Value(1.5), Value(y), *map(Value, inputs), *static)
        assert [float(x) for x in floats] == [float(x) for x in values]


@pytest.mark.parametrize("name", METHODS)
def test_the_method_of_value_is_the_row(name: str) -> None:
    row = OPS[name]
    for inputs in samples(row, 5):
        made = getattr(Value(inputs[0]), name)()
        assert (made.data, made._row, made._op) == (row.f(*inputs), row, row.symbol)


@pytest.mark.parametrize("name", [r.name for r in OPS.values() if r.static and r.method])
def test_the_method_with_a_parameter_has_the_rows_names(name: str) -> None:
    row = OPS[name]
    for kind in (Value, Tensor):
        found = inspect.signature(getattr(kind, name)).parameters
        assert list(found) == ["self", row.static]
        assert found[row.static].default == row.static_default
    for k, x in itertools.product(row.static_samples, (-1.5, 0.0, 2.0)):
        made = getattr(Value(x), name)(**{row.static: k})
        assert (made.data, made._row, made._static) == (row.f(x, k), row, k)
        assert getattr(tensor([x]), name)(k).tolist() == [row.f(x, k)]
        assert getattr(Value(x), name)().data == row.f(x, row.static_default)
    with pytest.raises(MicrogradError, match=f"{row.static} must be a number"):
        getattr(Value(1.0), name)("three")
    with pytest.raises(TypeError, match=f"{name}"):
        getattr(Value(1.0), name)(1.0, 2.0)


@every_row
def test_text_and_latex_show_every_operand(row: Op, static: Static) -> None:
    operands = [f"p{i}" for i in range(row.arity)] + [f"{k:g}" for k in static]
    for text in (row.text(*operands), row.latex(*operands)):
        assert all(operand in text for operand in operands[: row.arity])
    latex = row.latex(*operands)
    assert latex.count("{") == latex.count("}")


def test_an_unknown_op_and_a_wrong_operand_say_so() -> None:
    with pytest.raises(AttributeError, match="no row 'frobnicate'"):
        _ = FLOATS.frobnicate
    with pytest.raises(AttributeError, match="no row 'frobnicate'"):
        _ = VALUES.frobnicate
    for row in OPS.values():
        with pytest.raises(MicrogradError, match="got str: 'three'") as caught:
            apply(row.name, *["three"] * row.arity, *row.static_samples[:1])
        assert isinstance(caught.value, TypeError)
