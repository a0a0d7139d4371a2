"""What formulas come to, and how far off that can be if their operands were rounded."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from formula_parser import Tree


class ShapeError(ValueError):
    """What is written does not multiply."""


class UnknownNameError(LookupError):
    """Nothing that is printed has that name."""


@dataclass(frozen=True)
class Approx:
    """Numbers, and how far from them the numbers that were rounded to them can be."""

    centre: Any
    radius: Any

    @classmethod
    def printed(cls, text: str) -> Approx:
        """A number with decimals is rounded, a whole one is what it is."""
        x = float(text.replace("−", "-"))
        return cls(np.float64(x), np.float64(last_digit(text) / 2 if "." in text else 0.0))

    @classmethod
    def exactly(cls, text: str) -> Approx:
        return cls(np.float64(text.replace("−", "-")), np.float64(0.0))

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.centre)


def last_digit(text: str) -> float:
    """What one more in the last digit of a printed number would be."""
    mantissa, _, power = text.partition("e")
    return 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))


def same_digits(x: float, text: str) -> bool:
    """Whether a calculator that shows `x` agrees with the printed number in its last digit.

    Half of a last digit may have been rounded either way.
    """
    shown = float(text.replace("−", "-"))
    if not (np.isfinite(x) and np.isfinite(shown)):
        return bool(x == shown or (np.isnan(x) and np.isnan(shown)))
    return bool(abs(x - shown) <= last_digit(text) * (0.5 + 1e-6) + abs(shown) * 1e-14)


def _softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _sigmoid(x: Any) -> Any:
    return np.where(
        x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))
    )


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "ReLU": lambda x: np.maximum(x, 0.0),
    "ReLU′": lambda x: (x > 0) * 1.0,
    "leaky_relu": lambda x, slope=0.01: np.where(x > 0, x, slope * x),
    "LeakyReLU": lambda x, slope=0.01: np.where(x > 0, x, slope * x),
    "LeakyReLU′": lambda x, slope=0.01: np.where(x > 0, 1.0, slope),
    "tanh": np.tanh,
    "Tanh": np.tanh,
    "tanh′": lambda x: 1 - np.tanh(x) ** 2,
    "sigmoid": _sigmoid,
    "Sigmoid": _sigmoid,
    "sigmoid′": lambda x: _sigmoid(x) * (1 - _sigmoid(x)),
    "σ": _sigmoid,
    "σ′": lambda x: _sigmoid(x) * (1 - _sigmoid(x)),
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "Softplus": lambda x: np.logaddexp(x, 0.0),
    "softmax": _softmax,
    "Softmax": _softmax,
    "exp": np.exp,
    "log": np.log,
    "ln": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "√": np.sqrt,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sign": np.sign,
    "max": lambda *x: np.maximum.reduce(np.broadcast_arrays(*x)) if len(x) > 1 else np.max(x[0]),
    "min": lambda *x: np.minimum.reduce(np.broadcast_arrays(*x)) if len(x) > 1 else np.min(x[0]),
    "mean": np.mean,
    "sum": np.sum,
    "select": lambda c, a, b: np.where(c, a, b),
    "<": lambda a, b: (a < b) * 1.0,
    "≤": lambda a, b: (a <= b) * 1.0,
    ">": lambda a, b: (a > b) * 1.0,
    "≥": lambda a, b: (a >= b) * 1.0,
    "=": lambda a, b: (a == b) * 1.0,
    "≠": lambda a, b: (a != b) * 1.0,
}

Resolve = Callable[[str], Approx]


def compute(tree: Tree, resolve: Resolve, axis: int | None = None) -> Approx:
    """What a formula comes to, and how far off that can be if its operands were rounded.

    `axis` is what Σ sums over: None for all.
    """
    with np.errstate(all="ignore"):
        return _compute(tree, resolve, axis)


def _compute(tree: Tree, resolve: Resolve, axis: int | None) -> Approx:
    kind = tree[0]
    if kind == "number":
        return Approx.exactly(tree[1])
    if kind == "name":
        return resolve(tree[1])
    if kind == "call":
        return _called(FUNCTIONS[tree[1]], [_compute(t, resolve, axis) for t in tree[2]])
    operands = [_compute(t, resolve, axis) for t in tree[1:]]
    if kind == "Σ":
        return _sum(operands[0], axis)
    return _OPERATIONS[kind](*operands)


def _called(f: Callable[..., Any], operands: list[Approx]) -> Approx:
    """A function that is monotone within each radius, or nearly: its values at the corners."""
    centre = f(*(x.centre for x in operands))
    off = np.zeros(np.shape(centre))
    for signs in itertools.product((-1, 0, 1), repeat=len(operands)):
        corner = f(*(x.centre + s * x.radius for s, x in zip(signs, operands, strict=True)))
        off = np.fmax(off, np.abs(corner - centre))
    return Approx(centre, np.where(np.isfinite(centre), off, 0.0))


def _broadcast(a: Approx, b: Approx) -> None:
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ShapeError(f"{_by(a.shape)} and {_by(b.shape)}") from None


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "number"


def _add(a: Approx, b: Approx) -> Approx:
    _broadcast(a, b)
    return Approx(a.centre + b.centre, a.radius + b.radius)


def _subtract(a: Approx, b: Approx) -> Approx:
    _broadcast(a, b)
    return Approx(a.centre - b.centre, a.radius + b.radius)


def _multiply(a: Approx, b: Approx) -> Approx:
    _broadcast(a, b)
    radius = abs(a.centre) * b.radius + abs(b.centre) * a.radius + a.radius * b.radius
    return Approx(a.centre * b.centre, radius)


def _dot(a: Approx, b: Approx) -> Approx:
    if not a.shape or not b.shape:
        return _multiply(a, b)
    if a.shape[-1] != b.shape[-2 if len(b.shape) > 1 else 0]:
        raise ShapeError(f"{_by(a.shape)} · {_by(b.shape)}")
    radius = abs(a.centre) @ b.radius + a.radius @ abs(b.centre) + a.radius @ b.radius
    return Approx(a.centre @ b.centre, radius)


def _sum(a: Approx, axis: int | None) -> Approx:
    axis = axis if len(a.shape) > 1 else None
    return Approx(np.sum(a.centre, axis=axis), np.sum(a.radius, axis=axis))


def _divide(a: Approx, b: Approx) -> Approx:
    _broadcast(a, b)
    centre = a.centre / b.centre
    least = np.maximum(abs(b.centre) - b.radius, 0.0)
    grown = a.radius + abs(centre) * b.radius
    return Approx(centre, np.where(grown == 0, 0.0, grown / least))


def _power(a: Approx, b: Approx) -> Approx:
    return _called(np.power, [a, b])


_OPERATIONS: dict[str, Callable[..., Approx]] = {
    "+": _add,
    "-": _subtract,
    "×": _multiply,
    "·": _dot,
    "/": _divide,
    "^": _power,
    "neg": lambda a: Approx(-a.centre, a.radius),
    "ᵀ": lambda a: Approx(np.transpose(a.centre), np.transpose(a.radius)),
}
