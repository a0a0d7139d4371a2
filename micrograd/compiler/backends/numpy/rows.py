"""The op table's NumPy column as calls that write to arrays made beforehand."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from micrograd.ops import OPS

INFIX = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
# What np.power is slow at, within 2 units in the last place; a second function is of the first.
POWERS = {
    1.0: ("positive",),
    2.0: ("square",),
    -1.0: ("reciprocal",),
    -2.0: ("reciprocal", "square"),
}
ROOT = "np.where({x} == -inf, inf, np.sqrt({x} + 0.0))"  # np.power does not except -inf and -0.0

BY_KEYWORD = ("maximum", "minimum")  # where NumPy deprecates the output by place


@dataclass(frozen=True, slots=True)
class Call:
    """Statements that write to `{out}`; `{0}` is the first input, `{c[0]}` the first constant."""

    lines: tuple[str, ...]
    constants: tuple[float, ...] = ()


@cache
def call_of(row: str, static: tuple[float, ...]) -> Call:
    """The NumPy column of a row as a statement."""
    expression = _parsed(row, static)
    name, then = "", list[str]()
    arguments: list[ast.expr] = []
    match expression:
        case ast.Call(ast.Attribute(ast.Name("np"), "power"), [x, _]) if (
            static and static[0] in POWERS
        ):
            (name, *then), arguments = POWERS[static[0]], [x]
        case ast.Call(ast.Attribute(ast.Name("np"), "power"), [x, ast.Constant(0.5)]):
            expression = ast.parse(ROOT.format(x=ast.unparse(x)), mode="eval").body
        case ast.BinOp(ast.Call(ast.Attribute(_, name), arguments), ast.Mult(), _) if is_mask(row):
            pass
        case ast.Call(ast.Attribute(ast.Name("np"), called), given) if _is_ufunc(called):
            name, arguments = called, given
        case ast.BinOp(left, sign, right) if type(sign) in INFIX:
            name, arguments = INFIX[type(sign)], [left, right]
        case ast.UnaryOp(ast.USub(), operand):
            name, arguments = "multiply", [operand, ast.Constant(-1.0)]
    constants: list[float] = []
    if name:
        operands = []
        for argument in arguments:
            if isinstance(argument, ast.Constant):
                operands.append(f"{{c[{len(constants)}]}}")
                constants.append(float(ast.literal_eval(argument)))
            else:
                operands.append(ast.unparse(argument))
        out = "out={out}" if name in BY_KEYWORD else "{out}"  # by place is faster
        text = f"np.{name}({', '.join([*operands, out])})"
    else:
        text = f"{{out}}[...] = {ast.unparse(expression)}"
    for i in range(OPS[row].arity):
        text = text.replace(f"_{i}_", f"{{{i}}}")
    further = [f"np.{function}({{out}}, {{out}})" for function in then]
    return Call((text, *further), tuple(constants))


@cache
def is_mask(row: str) -> bool:
    """True if the column is a comparison times 1.0: what can be kept as booleans."""
    if row not in OPS or OPS[row].has_static:
        return False
    match _parsed(row, ()):
        case ast.BinOp(
            ast.Call(ast.Attribute(ast.Name("np"), name), _), ast.Mult(), ast.Constant(1.0)
        ):
            return _is_ufunc(name) and getattr(np, name).types[0].endswith("?")
    return False


@cache
def is_choice(row: str) -> bool:
    """True if the column takes its second input where the first is not 0, else its third."""
    if row not in OPS or OPS[row].has_static:
        return False
    return ast.unparse(_parsed(row, ())) == "np.where(np.not_equal(_0_, 0.0), _1_, _2_)"


def _parsed(row: str, static: tuple[float, ...]) -> Any:
    names = [f"_{i}_" for i in range(OPS[row].arity)]
    return ast.parse(OPS[row].numpy.format(*names, *map(repr, static)), mode="eval").body


def _is_ufunc(name: str) -> bool:
    return isinstance(getattr(np, name), np.ufunc)
