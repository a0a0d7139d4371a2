"""Reading layer graphs back: the formulas on their cards, computed from the printed matrices."""

from __future__ import annotations

import re

import numpy as np
from pictures import SVG, Picture, _content

FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x, k: np.where(x > 0, x, k * x),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sin": np.sin,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "max": np.maximum,
}
COMPARED = {"<": np.less, "≤": np.less_equal, "=": np.equal}
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d[\d,]*(?:\.\d+)?(?:e-?\d+)?)|(?P<word>if|else)\b"
    r"|(?P<name>\[[A-Za-z]\w*(?:; \w+)+\]|[A-Za-zθ_][A-Za-z0-9_]*)"
    r"|(?P<sign>[-()\[\]^√Σ·⊙/+−<≤=,]|[⁰¹²³⁴⁵⁶⁷⁸⁹]+))"
)
OPERAND = re.compile(r"(?P<index>\[[^\]<≤=]*\])?(?P<turned>ᵀ)?(?: \((?P<shape>\d+(?:×\d+)*)\))?")


class LayerPicture(Picture):
    """A layer graph: its formulas, its matrices by name, and what its wires join."""

    def __init__(self, figure):
        super().__init__(figure)
        self.cards = [
            key for key in self.groups if re.fullmatch(r"(op|parameter|input|constant)\d+", key)
        ]
        self.matrices = {}  # by name
        self.gradients = {}
        self.new = {}
        self.formulas = []  # (name, its shape, formula) in order
        self.repeated = []
        for key in self.cards:
            self._read(key)

    def lines(self, key):
        """The lines of a card that are in no band, from top to bottom, each once."""
        inside = {
            t for g in self.groups[key].iter(f"{SVG}g") if (g.get("id") or "").startswith("a_")
            for t in g.iter(f"{SVG}text")
        }  # fmt: skip
        found = {}
        for t in self.groups[key].iter(f"{SVG}text"):
            if t not in inside:
                pieces = t.findall(f"{SVG}tspan") or [t]
                said = "".join(_content(piece) for piece in pieces)
                found.setdefault(float(t.get("y")), []).append(said)
        return ["".join(found[y]).strip() for y in sorted(found)]

    def _read(self, key):
        lines = self.lines(key)
        if not key.startswith("op"):
            name, *rest = lines[0].split("  ")
            shape = next((s for s in rest[::-1] if re.fullmatch(r"\d+(×\d+)*", s.strip())), "")
            self._bands(key, name.strip(), shape.strip())
            return
        number = int(key.removeprefix("op"))
        if "times more" in lines[0] or "times more" in lines[1]:
            self.repeated.append(key)
            said = next(line for line in lines[1:] if "times" not in line)
            name, shape = re.fullmatch(r"(\w+)(?: \(([\d×]+)\))?", said).groups()
            last = [g for g in self.groups if re.fullmatch(r"a_op\d+-0-fwd", g)]
            inner = {g.get("id") for g in self.groups[key].iter(f"{SVG}g")}
            (band,) = [g for g in last if g in inner]
            self._bands(band[2:].removesuffix("-0-fwd"), name, shape or "")
            return
        heads = []
        for line in lines:
            if re.match(r"\w+(?: \([\d×]+\))? = ", line):
                heads.append(line)
            elif line[:1] in "+−" and heads:
                heads[-1] += f" {line}"
        for line in heads:
            name, shape, formula = re.fullmatch(r"(\w+)(?: \(([\d×]+)\))? = (.*)", line).groups()
            self.formulas.append((name, sizes(shape), formula))
            self._bands(f"op{number}", name, shape or "")
            number += 1

    def _bands(self, key, name, shape):
        for store, ids in (
            (self.matrices, ["fwd"]), (self.gradients, ["bwd"]), (self.new, ["upd"])
        ):  # fmt: skip
            found = [g for g in self.groups if re.fullmatch(rf"a_{key}-\d+-{ids[0]}", g)]
            if found:
                numbers = self.numbers(max(found, key=lambda g: int(g.split("-")[1])))
                if len(numbers) == np.prod(sizes(shape), dtype=int):
                    store[name] = np.reshape(numbers, sizes(shape))

    def components(self):
        """The connected parts of the picture, as sets of cards."""
        part = {key: {key} for key in self.cards}
        for wire in (key for key in self.groups if key.startswith("e-")):
            tail, head = wire.split("-")[1:3]
            joined = part[tail] | part[head]
            part |= dict.fromkeys(joined, joined)
        return {frozenset(p) for p in part.values()}


def sizes(shape):
    """(8, 5) for 8×5."""
    return tuple(map(int, shape.split("×"))) if shape else ()


def check(picture, tolerance=1e-7):
    """Assert that every formula multiplies and comes to the matrix below it."""
    assert picture.formulas
    for name, shape, formula in picture.formulas:
        want = picture.matrices[name]
        assert want.shape == shape
        errors = []
        for axis in (None, -1, 0, -2):
            try:
                got = Reader(formula, picture.matrices, axis).value()
            except MismatchError as error:
                errors.append(error)
                continue
            fits = got.shape == want.shape or got.size == want.size == 1
            if fits and np.allclose(got.ravel(), want.ravel(), rtol=tolerance, atol=tolerance):
                break
            errors.append((axis, got.shape))
        else:
            raise AssertionError(f"{name} {shape} = {formula}: {errors}")


class MismatchError(Exception):
    """A formula whose shapes do not fit."""


class Reader:
    """Computes a formula; `axis` is what Σ sums over."""

    def __init__(self, formula, matrices, axis):
        self.text = formula
        self.at = 0
        self.matrices = matrices
        self.axis = axis

    def peek(self):
        match = TOKEN.match(self.text, self.at)
        return (match[0].strip(), match) if match else ("", None)

    def take(self, *wanted):
        said, match = self.peek()
        if match is None or (wanted and said not in wanted):
            raise AssertionError(f"{wanted} expected at {self.text[self.at :]!r} of {self.text!r}")
        self.at = match.end()
        return said, match

    def value(self):
        result = self.choice()
        assert not self.text[self.at :].strip(), f"{self.text[self.at :]!r} left of {self.text!r}"
        return np.asarray(result)

    def choice(self):
        first = self.sum()
        if self.peek()[0] != "if":
            return first
        self.take()
        condition = self.sum()
        self.take("else")
        return np.where(condition, first, self.sum())

    def sum(self):
        total = self.product()
        while self.peek()[0] in ("+", "−"):
            sign, _ = self.take()
            total = joined(np.add if sign == "+" else np.subtract, total, self.product())
        return total

    def product(self):
        result = self.unary()
        while self.peek()[0] in ("·", "⊙", "/"):
            sign, _ = self.take()
            other = self.unary()
            if sign == "·" and np.ndim(result) and np.ndim(other):
                result = joined(np.matmul, result, other)
            else:
                result = joined(np.divide if sign == "/" else np.multiply, result, other)
        return result

    def unary(self):
        said, _ = self.peek()
        if said in ("−", "-"):
            self.take()
            return -np.asarray(self.product())
        if said == "Σ":
            self.take()
            inner = np.asarray(self.unary())
            if self.axis is not None and not -inner.ndim <= self.axis < inner.ndim:
                raise MismatchError("no such axis")
            return inner.sum(self.axis)
        if said == "√":
            self.take()
            return np.sqrt(self.unary())
        result = self.atom()
        while self.peek()[0][:1] in ("^", *SUPERSCRIPTS):
            sign, _ = self.take()
            if sign[0] in SUPERSCRIPTS:
                exponent = float("".join(str(SUPERSCRIPTS.index(c)) for c in sign))
            else:
                minus = self.peek()[0] == "-" and self.take()
                exponent = float(self.take()[0]) * (-1 if minus else 1)
            result = np.power(result, exponent)
        return result

    def atom(self):
        said, match = self.take()
        if match["number"]:
            return np.array(float(said.replace(",", "")))
        if said == "(":
            inner = self.choice()
            self.take(")")
            return inner
        if said == "[":
            first = self.sum()
            sign, _ = self.take("<", "≤", "=")
            answer = COMPARED[sign](first, self.sum()) * 1.0
            self.take("]")
            return answer
        if said in FUNCTIONS and self.text[self.at] == "(" and said not in self.matrices:
            self.take("(")
            arguments = [self.sum()]
            while self.peek()[0] == ",":
                self.take()
                arguments.append(self.sum())
            self.take(")")
            return FUNCTIONS[said](*arguments)
        return self.operand(said)

    def operand(self, name):
        match = OPERAND.match(self.text, self.at)
        self.at = match.end()
        if name in self.matrices:
            array = self.matrices[name]
        else:  # all parameters: θ, or [W1; b1]
            names = [n for n in self.matrices if re.fullmatch(r"[Wb]\d+|v|scale", n)]
            names = re.findall(r"\w+", name) if name.startswith("[") else names
            array = np.concatenate([self.matrices[n].ravel() for n in names])
        index = match["index"]
        if index == "[y]":
            array = array[np.arange(len(array)), self.matrices["y"].astype(int)]
        elif index:
            assert "…" not in index, f"{name}{index} says nothing"
            array = eval(f"array{index}", {"array": array})
        array = array.T if match["turned"] else array
        shape = sizes(match["shape"])
        if [n for n in array.shape if n > 1] != [n for n in shape if n > 1]:
            raise AssertionError(f"{name}{index or ''} is {array.shape}, and {shape} is said")
        return array.reshape(shape)


def joined(f, a, b):
    try:
        return f(a, b)
    except ValueError as error:
        raise MismatchError(f"{np.shape(a)} and {np.shape(b)}: {error}") from None
