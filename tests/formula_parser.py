"""Reads the formulas that pictures print, and knows nothing of the program that printed them.

Numbers, names, + − × · / ^ and superscripts, brackets, |x|, √, Σ, functions by their usual names,
[a < b], and the transposes of matrices.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⋅", "0123456789-.")
NUMBER = r"(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|(?:inf|nan)(?!\w))"
_WORD = "A-Za-zα-ωΑ-ΡΤ-Ω\u3400-\u9fff₀-₉ₐ-ₜ_\u0300-\u036f"
_NAME = rf"(?:(?:\d+\.)+(?=[A-Za-z]))?[{_WORD}](?:[{_WORD}0-9]|\.(?=[\w]))*" + (
    rf"(?:\[[\w,:]*\](?:\.[{_WORD}0-9.]+)?)*"
)
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>(?!(?:\d+\.)+[A-Za-z]){NUMBER})|(?P<derivative>∂²?{_NAME}/∂{_NAME})"
    rf"|(?P<name>{_NAME})|(?P<power>[⁻⁰¹²³⁴⁵⁶⁷⁸⁹][⁰¹²³⁴⁵⁶⁷⁸⁹⋅]*)|(?P<other>\S))"
)
PRINTED_NUMBER = re.compile(rf"[-−]?{NUMBER}")


class FormulaError(ValueError):
    """It is not a formula."""


class EmptyOperandError(FormulaError):
    """An operator has nothing to operate on."""


NAMED = {
    *(
        "ReLU",
        "relu",
        "LeakyReLU",
        "leaky_relu",
        "tanh",
        "Tanh",
        "sigmoid",
        "Sigmoid",
        "σ",
        "softplus",
    ),
    *("ReLU′", "LeakyReLU′", "tanh′", "sigmoid′", "σ′", "Softplus", "softmax", "Softmax"),
    *("exp", "log", "ln", "sin", "cos", "sqrt", "abs", "sign"),
    *("max", "min", "mean", "sum", "select"),
}
Tree = tuple[Any, ...]
_INFIX = {"+": "+", "−": "-", "-": "-", "×": "×", "*": "×", "·": "·", "@": "·", "⊙": "×", "/": "/"}


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = [
            (m.lastgroup or "", m[m.lastgroup or 0]) for m in _TOKEN.finditer(text.strip())
        ]
        self.at = self.gaps = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, text: str | None = None) -> str:
        kind, found = self.peek()
        if text is not None and found != text:
            raise FormulaError(f"{text!r} is missing before {found!r}")
        if kind == "end":
            raise EmptyOperandError("the formula ends where an operand is due")
        self.at += 1
        return found

    def whole(self) -> Tree:
        tree = self.choice()
        if self.peek()[0] != "end":
            raise FormulaError(f"{self.peek()[1]!r} is not part of a formula")
        return tree

    def choice(self) -> Tree:
        first = self.sum()
        if self.peek()[1] != "if":
            return first
        self.take("if")
        condition = self.choice()
        self.take("else")
        return ("call", "select", (condition, first, self.choice()))

    def sum(self) -> Tree:
        left = self.product()
        while self.peek()[1] in ("+", "−", "-"):
            operator = _INFIX[self.take()]
            left = (operator, left, self.product())
        return left

    def product(self) -> Tree:
        left = self.factor()
        while True:
            kind, text = self.peek()
            if text in ("×", "*", "·", "@", "⊙", "/"):
                self.take()
                left = (_INFIX[text], left, self.factor())
            elif text in ("(", "Σ", "√") or (
                kind in ("name", "derivative") and text not in ("if", "else")
            ):
                left = ("×", left, self.factor())  # 2(out − y)
            else:
                return left

    def factor(self) -> Tree:
        if self.peek()[1] in ("-", "−"):
            self.take()
            return ("neg", self.factor())
        if self.peek()[1] == "Σ":
            self.take()
            while self.peek()[0] == "name" and self.peek()[1][0] in "ₐₑₒₓₕₖₗₘₙₚₛₜᵢⱼ":
                self.take()
            return ("Σ", self.product())
        base = self.postfix()
        if self.peek()[1] == "^":
            self.take()
            return ("^", base, self.factor())
        return base

    def postfix(self) -> Tree:
        tree = self.atom()
        while True:
            kind, text = self.peek()
            if kind == "power":
                self.take()
                tree = ("^", tree, ("number", text.translate(SUPERSCRIPTS)))
            elif text == "ᵀ":
                self.take()
                tree = ("ᵀ", tree)
            else:
                return tree

    def atom(self) -> Tree:
        kind, text = self.peek()
        if kind == "number":
            return ("number", self.take())
        if kind in ("name", "derivative"):
            return self.named(self.take())
        if text in ("(", "|", "√", "[", "…"):
            self.take()
            return getattr(
                self, {"(": "round", "|": "bars", "√": "root", "[": "square"}.get(text, "gap")
            )()
        if text in _INFIX or text in (")", "]", ",", "="):
            raise EmptyOperandError(f"there is no operand before {text!r}")
        if not text:
            raise EmptyOperandError("the formula ends where an operand is due")
        raise FormulaError(f"{text!r} is not part of a formula")

    def named(self, name: str) -> Tree:
        prime = ""
        while self.peek()[1] in ("′", "'"):
            prime += "′"
            self.take()
        if self.peek()[1] == "(" and (name + prime) in NAMED:
            self.take("(")
            return ("call", name + prime, self.arguments(")"))
        if name in ("log", "exp") and self.peek()[1] == "Σ":
            return ("call", name, (self.factor(),))
        if prime:
            raise FormulaError(f"{name}{prime} is no function")
        return ("name", name)

    def arguments(self, end: str) -> tuple[Tree, ...]:
        found = [self.choice()]
        while self.peek()[1] == ",":
            self.take()
            found.append(self.choice())
        self.take(end)
        return tuple(found)

    def round(self) -> Tree:
        inner = self.arguments(")")
        if len(inner) > 1:
            raise FormulaError("a list is no formula")
        return inner[0]

    def bars(self) -> Tree:
        inner = self.sum()
        self.take("|")
        return ("call", "abs", (inner,))

    def root(self) -> Tree:
        return ("call", "√", (self.postfix(),))

    def gap(self) -> Tree:
        self.gaps += 1
        return ("name", "…" * self.gaps)

    def square(self) -> Tree:
        left = self.sum()
        relation = self.take()
        if relation not in ("<", "≤", ">", "≥", "=", "≠"):
            raise FormulaError(f"{relation!r} is no comparison")
        right = self.sum()
        self.take("]")
        return ("call", relation, (left, right))


def parse(text: str) -> Tree:
    """The tree of a formula; a FormulaError if it is none."""
    return _Parser(text).whole()


def names(tree: Tree) -> Iterator[str]:
    """The names in a formula, with repeats."""
    if tree[0] == "name":
        yield tree[1]
    elif tree[0] == "call":
        yield from itertools.chain.from_iterable(names(t) for t in tree[2])
    elif tree[0] != "number":
        yield from itertools.chain.from_iterable(names(t) for t in tree[1:] if isinstance(t, tuple))
