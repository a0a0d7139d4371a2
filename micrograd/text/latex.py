r"""Equations as LaTeX: with names, or with numbers as `equations.spelled` chooses their digits.

>>> from micrograd.text.equations import Quantity
>>> h, w = Quantity("h1[0]", 0.5), Quantity("W2", -0.25)
>>> latex(w * h), latex(w * h, lambda q: (f"{q.value:.2f}", True))
('W_{2} \\cdot h_{1,0}', '\\left(-0.25\\right) \\cdot 0.50')
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from micrograd.ops import ATOM, LOOSE
from micrograd.text.equations import Applied, Quantity
from micrograd.text.words import exact

Shown = Callable[[Quantity], tuple[str, bool]]  # what stands for a quantity; whether it is a number

_SPECIAL = {c: f"\\{c}" for c in "#$%&_{}"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "…": r"\ldots{}",
}  # fmt: skip
_GREEK = {"μ": r"\mu", "λ": r"\lambda", "β": r"\beta", "ε": r"\varepsilon", "τ": r"\tau",
          "ρ": r"\rho", "γ": r"\gamma", "δ": r"\delta", "α": r"\alpha"}  # fmt: skip
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_DERIVATIVE = re.compile(r"∂([^∂]+)/∂([^∂|]+)(?:\|([^|∂]+))?")
_INDEXED = re.compile(r"([A-Za-z]+|[α-ωΑ-Ω])(\d*)((?:\[\d+(?:,\d+)*\])*)")


def name(said: str) -> str:
    r"""A name as mathematics has it: one letter in italics, its numbers below it.

    >>> name("W1[0]"), name("out"), name("x"), name("m̂"), name("my_rate")
    ('W_{1,0}', '\\mathrm{out}', 'x', '\\hat{m}', '\\text{my\\_rate}')
    """
    if said.endswith("\u0302"):
        return rf"\hat{{{name(said[:-1])}}}"
    if len(said) > 4 and said.endswith("_old"):
        return rf"{name(said[:-4])}^{{\mathrm{{old}}}}"
    derivative = _DERIVATIVE.fullmatch(said)
    if derivative:
        return partial(*derivative.groups())
    found = _INDEXED.fullmatch(said.translate(_SUBSCRIPTS))
    if not found:
        return rf"\text{{{escaped(said)}}}"
    letters, number, brackets = found.groups()
    head = _GREEK.get(letters, letters if len(letters) == 1 else rf"\mathrm{{{letters}}}")
    below = ",".join([*[number] * bool(number), *re.findall(r"\d+", brackets)])
    return f"{head}_{{{below}}}" if below else head


def partial(top: str, below: str, mark: str | None = None) -> str:
    r"""A derivative as a fraction, with a mark where it is not along all paths.

    >>> print(partial("L", "W1[0]"), partial("L", "x", "direct"))
    \frac{\partial L}{\partial W_{1,0}} \left.\frac{\partial L}{\partial x}\right|_{\text{direct}}
    """
    fraction = rf"\frac{{\partial {name(top)}}}{{\partial {name(below)}}}"
    return rf"\left.{fraction}\right|_{{\text{{{escaped(mark)}}}}}" if mark else fraction


def escaped(said: str) -> str:
    """Any text, safe in text mode."""
    return "".join(_SPECIAL.get(c, c) for c in said)


def number(text: str) -> str:
    r"""A printed number.

    >>> number("3.0000e-07"), number("-inf"), number("nan"), number("0.5")
    ('3.0000 \\times 10^{-7}', '-\\infty', '\\mathrm{nan}', '0.5')
    """
    mantissa, _, power = text.partition("e")
    if power:
        return rf"{mantissa} \times 10^{{{int(power)}}}"
    return text.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}").replace("–", r"\text{–}")


def factor(text: str) -> str:
    """A printed number within a product: a negative one in brackets."""
    return bracketed(number(text)) if text.startswith("-") else number(text)


def bracketed(inner: str) -> str:
    """In brackets that are as high as what they hold."""
    return rf"\left({inner}\right)"


def named(q: Quantity) -> tuple[str, bool]:
    """A quantity's name; its number if it has none."""
    return (name(q.name), False) if q.name else (exact(q.value), True)


def latex(expression: Any, shown: Shown = named, need: int = LOOSE) -> str:
    """An expression, in brackets unless it holds together as tightly as needed."""
    if not isinstance(expression, Applied):
        return _leaf(expression, shown, need)
    above = [expression]
    while isinstance(above[-1].operands[0], Applied):  # sums are deep there
        above.append(above[-1].operands[0])
    text, binds = "", ATOM
    for k, part in enumerate(reversed(above)):
        inner = None if k == 0 else (text, binds)
        text, binds = _applied(part, shown, inner), part.op.binds
    return text if binds >= need else bracketed(text)


def _leaf(x: Any, shown: Shown, need: int) -> str:
    said, is_number = shown(x) if isinstance(x, Quantity) else (exact(x), True)
    if is_number:
        return bracketed(number(said)) if said.startswith("-") and need > LOOSE else number(said)
    return said


def _applied(expression: Applied, shown: Shown, first: tuple[str, int] | None) -> str:
    """An operation; `first` is its first operand, and how tightly that binds, if it is written."""
    op = expression.op
    static = () if expression.static is None else (exact(expression.static),)
    holes = [f"\0{i}\0" for i in range(op.arity)]
    parts = re.split("\0(\\d)\0", op.latex(*holes, *static))
    for i in range(1, len(parts), 2):
        k = int(parts[i])
        grouped = parts[i - 1].endswith("{") and re.match(r"\}(?!\^)", parts[i + 1])
        need = LOOSE if grouped else min(op.needs[k], ATOM)
        if k == 0 and first is not None:
            text, binds = first
            parts[i] = text if binds >= need else bracketed(text)
        else:
            parts[i] = latex(expression.operands[k], shown, need)
    return "".join(parts)
