"""Functions of the op table run on symbols: what they compute, as a tree of operations.

`math` is replaced by a recorder of the same names, and every comparison forks the run: it is made
once with the answer yes and once with no. What writes code, in C, for LLVM or NumPy, reads trees.
Nothing is imported but the standard library, for the native core is generated before it is built.

>>> def f(x):
...     return x if x > 20.0 else math.log1p(math.exp(x))
>>> tree(rebound(f), Symbol("x"))
Branch(condition=(x > 20.0), yes=x, no=log1p(exp(x)))
"""

from __future__ import annotations

import math
import threading
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}
COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
CONDITIONS = (*COMPARISONS.values(), "isinf", "isnan", "isfinite")  # what is true or false
NEGATION = "neg"
# Functions of `math` that C has under the same name.
LIBRARY = frozenset({
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "copysign", "cos", "cosh",
    "erf", "erfc", "exp", "exp2", "expm1", "fabs", "fmod", "hypot", "isfinite", "isinf", "isnan",
    "lgamma", "log", "log10", "log1p", "log2", "nextafter", "pow", "remainder", "sin", "sinh",
    "sqrt", "tan", "tanh",
})  # fmt: skip


class Symbol:
    """A number that is known by name, or as an operation on symbols and plain numbers.

    The operation is a sign, `NEGATION`, or the name of a function in C.
    """

    __slots__ = ("_text", "name", "operands")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str, *operands: Any) -> None:
        self.name = name
        self.operands = [x if isinstance(x, Symbol) else float(x) for x in operands]
        self._text = ""

    def __repr__(self) -> str:
        """What it is, written out: the same for what is computed alike."""
        self._text = self._text or self._written()
        return self._text

    def _written(self) -> str:
        if len(self.operands) == 2 and not self.name.isidentifier():
            return f"({self.operands[0]!r} {self.name} {self.operands[1]!r})"
        return f"{self.name}({', '.join(map(repr, self.operands))})" if self.operands else self.name

    def __neg__(self) -> Symbol:
        return Symbol(NEGATION, self)

    def __bool__(self) -> bool:
        condition = self if self.name in CONDITIONS else Symbol("!=", self, 0.0)
        answer = _answers.known.get(repr(condition))
        if answer is None:
            raise Undecided(condition)
        return answer


def _operator(sign: str, swapped: bool = False) -> Callable[[Symbol, Any], Symbol]:
    def method(a: Symbol, b: Any) -> Symbol:
        return Symbol(sign, b, a) if swapped else Symbol(sign, a, b)

    return method


for _name, _sign in (ARITHMETIC | COMPARISONS).items():
    setattr(Symbol, f"__{_name}__", _operator(_sign))
for _name, _sign in ARITHMETIC.items():
    setattr(Symbol, f"__r{_name}__", _operator(_sign, swapped=True))


@dataclass(frozen=True)
class Branch:
    """What is computed where a condition holds, and where not."""

    condition: Symbol
    yes: Any
    no: Any


class Undecided(Exception):  # noqa: N818  (no error: the run is forked)
    """A condition that has not been decided on this way."""


class _Answers(threading.local):
    def __init__(self) -> None:
        self.known: dict[str, bool] = {}


_answers = _Answers()


def tree(f: Callable[..., Any], *args: Any) -> Any:
    """What `f` returns, in Branches wherever it compares."""
    try:
        return f(*args)
    except Undecided as ask:
        condition: Symbol = ask.args[0]
    key, branches = repr(condition), []
    for answer in (True, False):
        _answers.known[key] = answer
        try:
            branches.append(tree(f, *args))
        finally:
            del _answers.known[key]
    return Branch(condition, *branches)


class _Math:
    """`math`, whose functions record what they are applied to if that is a symbol."""

    def __getattr__(self, name: str) -> Any:
        given = getattr(math, name)

        def function(*args: Any) -> Any:
            if not any(isinstance(x, Symbol) for x in args):
                return given(*args)
            if name not in LIBRARY:
                raise LookupError(f"C has no function {name}: write it with those that it has")
            return Symbol(name, *args)

        return function if callable(given) else given


MATH = _Math()


def rebound(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the recorder in the place of `math`, in itself and in what it calls."""
    if isinstance(f, types.BuiltinFunctionType):
        return getattr(MATH, f.__name__)  # type: ignore[no-any-return]
    if not isinstance(f, types.FunctionType):
        raise TypeError(f"{f!r} is no function that can be run on symbols")
    names: dict[str, Any] = {**f.__globals__, "math": MATH}
    for name, given in f.__globals__.items():
        if isinstance(given, types.FunctionType) and given.__globals__ is f.__globals__:
            names[name] = _with_names(given, names)
        elif isinstance(given, types.BuiltinFunctionType) and given.__module__ == "math":
            names[name] = getattr(MATH, given.__name__)
    return _with_names(f, names)


def _with_names(f: types.FunctionType, names: dict[str, Any]) -> types.FunctionType:
    return types.FunctionType(f.__code__, names, f.__name__, f.__defaults__, f.__closure__)


class SymbolicRows:
    """The functions of a table's rows on symbols: the `m` of derivatives."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table

    def __getattr__(self, row: str) -> Callable[..., Any]:
        return rebound(self._table[row].f)


# ---- as C ----------------------------------------------------------------------------------------


def c_text(x: Any, suffix: str = "") -> str:
    """A number or condition in C; with the suffix "f", of its float.

    >>> c_text(Symbol("exp", Symbol("x") * 0.5)), c_text(Symbol("exp", Symbol("x")), "f")
    ('exp((x * 0.5))', 'expf(x)')
    """
    if not isinstance(x, Symbol):
        return c_number(float(x), suffix)
    operands = [c_text(operand, suffix) for operand in x.operands]
    if x.name == NEGATION:
        return f"(-{operands[0]})"
    if len(operands) == 2 and not x.name.isidentifier():
        whole = f"{operands[0]} {x.name} {operands[1]}"
        return whole if x.name in CONDITIONS else f"({whole})"
    name = x.name if x.name in CONDITIONS else x.name + suffix
    return f"{name}({', '.join(operands)})" if operands else x.name


def c_number(x: float, suffix: str = "") -> str:
    """A number in C, the same to the bit."""
    if x != x:
        return "NAN" if suffix else "(double)NAN"
    if math.isinf(x):
        huge = "HUGE_VALF" if suffix else "HUGE_VAL"
        return huge if x > 0 else f"(-{huge})"
    return repr(x) + suffix


def c_statements(node: Any, leaf: Callable[[Any], str], suffix: str = "") -> str:
    """A tree as statements of C."""
    if isinstance(node, Branch):
        yes, no = (c_statements(x, leaf, suffix) for x in (node.yes, node.no))
        return f"if ({c_text(node.condition, suffix)}) {{ {yes} }} else {{ {no} }}"
    return leaf(node)
