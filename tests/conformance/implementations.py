"""The implementations that run the same programs: value, and gradient by the leaves."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import torch
from programs import apply_to_tensors, float64

import micrograd
from conformance.generator import VALUES, Kind, Program, run
from micrograd import Value
from micrograd.core import python_core
from micrograd.ops import OPS, Arithmetic

Result = tuple[Any, list[Any]]
DIGITS = 60


def eager(program: Program) -> tuple[Value, list[Value]]:
    """The engine, with the gradient as a graph."""
    leaves = [Value(x) for x in program.leaves]
    root = run(program, leaves, list(map(Value, program.numbers)), program.integer, VALUES)
    return root, micrograd.grad(root, leaves, create_graph=True)


def backward(program: Program) -> Result:
    """The engine, by `backward`."""
    leaves = [Value(x) for x in program.leaves]
    root = run(program, leaves, list(map(Value, program.numbers)), program.integer, VALUES)
    root.backward()
    return root.data, [v.grad for v in leaves]


def pure(program: Program) -> Result:
    """The core in Python, for programs of first order."""

    def apply(row: str, *args: Any) -> Any:
        arity = OPS[row].arity
        return python_core.compute(OPS[row], args[:arity], *args[arity:])

    leaves = [python_core.make_leaf(x) for x in program.leaves]
    numbers = [python_core.make_leaf(x) for x in program.numbers]
    root = run(program, leaves, numbers, program.integer, Kind(apply, _none))
    root.backward()
    return root.data, [v.grad for v in leaves]


def _none(y: Any, x: Any) -> Any:
    raise TypeError("a program of first order has no slopes")


def compiled(program: Program, backend: str) -> Result:
    """Array kernels, whose numbers and integer are run-time inputs."""
    leaves = [Value(x) for x in program.leaves]

    def loss(numbers: Any, k: Any) -> Value:
        # Values of the same numbers: adding 0 would make another zero of -0.
        root: Value = run(program, leaves, [n * Value(1.0) for n in numbers], k, VALUES)
        return root

    f = micrograd.compile(loss, parameters=leaves, backend=backend)
    value, gradient = f.value_and_grad(list(program.numbers), program.integer)
    return value, list(map(float, gradient))


# ---- torch -------------------------------------------------------------------------------------


def _torch_slope(y: Any, x: Any) -> Any:
    if not y.requires_grad:
        return float64(0.0)
    (slope,) = torch.autograd.grad(y, [x], create_graph=True, allow_unused=True)
    return float64(0.0) if slope is None else slope


def by_torch(program: Program) -> Result:
    """Torch, float64."""
    leaves = [float64(x).requires_grad_() for x in program.leaves]
    numbers = list(map(float64, program.numbers))
    kind = Kind(apply_to_tensors, _torch_slope)
    root = run(program, leaves, numbers, program.integer, kind)
    if not root.requires_grad:
        return root.item(), [0.0] * len(leaves)
    found = torch.autograd.grad(root, leaves, allow_unused=True)
    return root.item(), [0.0 if g is None else g.item() for g in found]


# ---- mpmath: rows run on numbers of many digits --------------------------------------------------


class _Math:
    """`math`, with mpmath's functions."""

    def __getattr__(self, name: str) -> Any:
        if name in ("inf", "nan", "pi"):
            return mpmath.mpf(getattr(math, name)) if name != "pi" else +mpmath.pi
        return {"pow": mpmath.power}.get(name) or getattr(mpmath, name)


@cache
def precise(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the table with mpmath in the place of `math`."""
    if isinstance(f, types.BuiltinFunctionType):
        found: Callable[..., Any] = getattr(_Math(), f.__name__)
        return found
    names = {**f.__globals__, "math": _Math()}
    for name, given in f.__globals__.items():
        if isinstance(given, types.FunctionType) and given.__globals__ is f.__globals__:
            names[name] = types.FunctionType(given.__code__, names, name, given.__defaults__)
    return types.FunctionType(f.__code__, names, f.__name__, f.__defaults__, f.__closure__)


class Precise(Arithmetic):
    """A number of many digits that knows what it was computed from."""

    def __init__(self, value: Any, row: str = "", inputs: Any = (), static: Any = ()) -> None:
        self.value, self.row, self.inputs, self.static = mpmath.mpf(value), row, inputs, static

    def _applied(self, row: str, *inputs: Any) -> Any:
        return apply_precisely(row, *inputs)


def apply_precisely(row: str, *args: Any) -> Precise:
    """A row on numbers of many digits."""
    op = OPS[row]
    inputs = [x if isinstance(x, Precise) else Precise(x) for x in args[: op.arity]]
    static = args[op.arity :]
    try:
        value = mpmath.mpf(precise(op.f)(*[x.value for x in inputs], *static))
    except (ZeroDivisionError, TypeError):  # infinite or complex: a side that is not chosen
        value = mpmath.nan
    return Precise(value, row, inputs, static)


class _Rows:
    def __getattr__(self, row: str) -> Any:
        return lambda *args: apply_precisely(row, *args)


def precise_gradient(root: Precise, leaves: list[Precise]) -> list[Precise]:
    """Reverse mode, of numbers that can be differentiated again."""
    order: list[Precise] = []
    seen: set[int] = set()
    stack: list[tuple[Precise, bool]] = [(root, False)]
    while stack:
        v, done = stack.pop()
        if done:
            order.append(v)
        elif id(v) not in seen:
            seen.add(id(v))
            stack.append((v, True))
            stack.extend((x, False) for x in v.inputs)
    adjoint: dict[int, Any] = {id(root): Precise(1.0)}
    for v in reversed(order):
        g = adjoint.get(id(v))
        if g is None or not v.row:
            continue
        for x, share in zip(v.inputs, OPS[v.row].vjp(_Rows(), g, v, *v.inputs, *v.static),
                            strict=True):  # fmt: skip
            adjoint[id(x)] = share + adjoint[id(x)] if id(x) in adjoint else share
    found = [adjoint.get(id(v), 0.0) for v in leaves]
    return [g if isinstance(g, Precise) else Precise(g) for g in found]


def by_mpmath(program: Program) -> Result:
    """Rows on numbers of 60 digits; for programs without infinities."""
    with mpmath.workdps(DIGITS):
        leaves = [Precise(x) for x in program.leaves]
        numbers = [Precise(x) for x in program.numbers]
        kind = Kind(apply_precisely, lambda y, x: precise_gradient(y, [x])[0])
        root = run(program, leaves, numbers, program.integer, kind)
        return root.value, [g.value for g in precise_gradient(root, leaves)]
