"""A row's own functions, run on symbols: what they compute, as a tree of C expressions.

`math` is replaced by C's functions of the same names, and every comparison forks the run: it is
made once with the answer yes and once with no.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Undecided(Exception):  # noqa: N818  (no error: the run is forked)
    """A condition that has not been decided on this way."""


@dataclass(frozen=True)
class Branch:
    """What is computed if a condition holds, and if not."""

    condition: str
    yes: Any
    no: Any


_decided: dict[str, bool] = {}


def text(x: Any) -> str:
    """An operand in C."""
    if isinstance(x, Symbol):
        return x.text
    x = float(x)
    if x != x:
        return "(double)NAN"
    if math.isinf(x):
        return "HUGE_VAL" if x > 0 else "(-HUGE_VAL)"
    return repr(x)


class Condition:
    """A comparison; its truth is decided from outside."""

    def __init__(self, condition: str) -> None:
        self.condition = condition

    def __bool__(self) -> bool:
        if self.condition not in _decided:
            raise Undecided(self.condition)
        return _decided[self.condition]


class Symbol:
    """A number that is known as an expression in C only."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expression: str) -> None:
        self.text = expression

    def __neg__(self) -> Symbol:
        return Symbol(f"(-{self.text})")

    def __bool__(self) -> bool:
        return bool(Condition(f"{self.text} != 0.0"))


def _operator(sign: str, made: type, swapped: bool = False) -> Callable[[Any, Any], Any]:
    def method(a: Any, b: Any) -> Any:
        left, right = (b, a) if swapped else (a, b)
        whole = f"{text(left)} {sign} {text(right)}"
        return made(f"({whole})" if made is Symbol else whole)

    return method


for _name, _sign in {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}.items():
    setattr(Symbol, f"__{_name}__", _operator(_sign, Symbol))
    setattr(Symbol, f"__r{_name}__", _operator(_sign, Symbol, swapped=True))
for _name, _sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
    setattr(Symbol, f"__{_name}__", _operator(_sign, Condition))


class _Math:
    """`math`, whose functions C has under the same names."""

    inf, nan = math.inf, math.nan

    def isinf(self, x: Any) -> Condition:
        return Condition(f"isinf({text(x)})")

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        return lambda *args: Symbol(f"{name}({', '.join(map(text, args))})")


class Symbolic:
    """The functions of the op table, on symbols."""

    def __init__(self, table: types.ModuleType) -> None:
        self._math = _Math()
        self._names: dict[str, Any] = {**vars(table), "math": self._math}
        own = {n: f for n, f in vars(table).items() if isinstance(f, types.FunctionType)}
        self._names.update({name: self.of(f) for name, f in own.items()})
        self._rows = table.OPS

    def of(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """The same function on symbols."""
        if isinstance(f, types.BuiltinFunctionType):
            return getattr(self._math, f.__name__)  # type: ignore[no-any-return]
        if not isinstance(f, types.FunctionType):
            raise TypeError(f"{f!r} is no function that can be run on symbols")
        return types.FunctionType(
            f.__code__, self._names, f.__name__, f.__defaults__, f.__closure__
        )

    def __getattr__(self, row: str) -> Callable[..., Any]:
        """A row's function: this is the `m` of the derivatives."""
        return self.of(self._rows[row].f)


def tree(f: Callable[..., Any], *args: Any) -> Any:
    """What `f` returns, in Branches wherever it compares."""
    try:
        return f(*args)
    except Undecided as ask:
        condition = str(ask)
    branches = []
    for answer in (True, False):
        _decided[condition] = answer
        branches.append(tree(f, *args))
        del _decided[condition]
    return Branch(condition, *branches)


def printed(node: Any, leaf: Callable[[Any], str]) -> str:
    """A tree as statements of C."""
    if isinstance(node, Branch):
        yes, no = printed(node.yes, leaf), printed(node.no, leaf)
        return f"if ({node.condition}) {{ {yes} }} else {{ {no} }}"
    return leaf(node)
