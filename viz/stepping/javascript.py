"""The JavaScript of rows of the op table, from the trees that C is printed from, too.

A page has `F`, the value of each row that it needs, and `D`, what each input's adjoint gains.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from micrograd import symbolic
from micrograd.ops import OPS, Op
from micrograd.symbolic import Branch, Symbol, rebound, tree

INPUTS = ("a", "b", "c")
# What JavaScript has under another name, or not as C has it: functions of `helpers.js`.
HELPERS = {"pow": "pow", "erf": "erf", "copysign": "copysign", "isinf": "isinf", "isnan": "isNaN",
           "isfinite": "isFinite", "fabs": "Math.abs", "fmod": "fmod", "exp2": "exp2"}  # fmt: skip
MATH = ("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "exp",
        "expm1", "hypot", "log", "log10", "log1p", "log2", "sin", "sinh", "sqrt", "tan",
        "tanh")  # fmt: skip


class Unprintable(LookupError):  # noqa: N818  (no error: such a page computes nothing again)
    """A function of C that JavaScript has not."""


def functions(rows: Iterable[str]) -> str:
    """The value and the derivative of rows, as two objects of arrow functions.

    >>> print(functions(["mul"]))
    const F = {
    mul: (a, b) => { return (a * b); },
    };
    const D = {
    mul: (g, y, a, b) => { return [(g * b), (g * a)]; },
    };
    """
    names = sorted(set(rows), key=list(OPS).index)
    values = "\n".join(f"{name}: {_value(OPS[name])}," for name in names)
    pulls = "\n".join(f"{name}: {_pull(OPS[name])}," for name in names)
    return f"const F = {{\n{values}\n}};\nconst D = {{\n{pulls}\n}};"


def _value(row: Op) -> str:
    names = _arguments(row)
    body = printed(tree(rebound(row.f), *map(Symbol, names)), lambda y: f"return {text(y)};")
    return f"({', '.join(names)}) => {{ {body} }}"


def _pull(row: Op) -> str:
    names = ["g", "y", *_arguments(row)]
    shares = tree(rebound(row.vjp), symbolic.SymbolicRows(OPS), *map(Symbol, names))
    body = printed(shares, lambda given: f"return [{', '.join(map(text, given))}];")
    return f"({', '.join(names)}) => {{ {body} }}"


def _arguments(row: Op) -> list[str]:
    return [*INPUTS[: row.arity], *["k"] * row.has_static]


def text(x: Any) -> str:
    """A number or condition in JavaScript."""
    if not isinstance(x, Symbol):
        x = float(x)
        if x != x:
            return "NaN"
        if math.isinf(x):
            return "Infinity" if x > 0 else "(-Infinity)"
        return repr(x)
    operands = [text(operand) for operand in x.operands]
    if x.name == symbolic.NEGATION:
        return f"(-{operands[0]})"
    if len(operands) == 2 and not x.name.isidentifier():
        sign = re.sub("^(==|!=)$", r"\1=", x.name)
        whole = f"{operands[0]} {sign} {operands[1]}"
        return whole if x.name in symbolic.CONDITIONS else f"({whole})"
    if not operands:
        return x.name
    if x.name in HELPERS:
        return f"{HELPERS[x.name]}({', '.join(operands)})"
    if x.name not in MATH:
        raise Unprintable(f"JavaScript has no function {x.name}")
    return f"Math.{x.name}({', '.join(operands)})"


def printed(node: Any, leaf: Callable[[Any], str]) -> str:
    """A tree as statements of JavaScript."""
    if isinstance(node, Branch):
        yes, no = printed(node.yes, leaf), printed(node.no, leaf)
        return f"if ({text(node.condition)}) {{ {yes} }} else {{ {no} }}"
    return leaf(node)
