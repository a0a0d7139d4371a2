"""Recomputes every equation of a picture from nothing but the text of its SVG.

`check(svg)` is a list of findings; an empty one means that somebody with a calculator would find
no line that is off. Kinds of findings:

- off: numbers in an equation do not come to the printed result in its last digit
- wrong: names in a formula do not come to the printed result, even if all numbers were rounded
- operand: a number in an equation is not the number that its name has
- rounded: only because numbers are rounded does a formula come to another last digit, and the
  picture does not say that they are
- unparsed, empty operand, unknown name: a line that cannot be read, or computed
- shape: what is written does not multiply, or is not of the shape that is printed
- disconnected: the picture is in several parts
"""

from __future__ import annotations

import itertools
import re

import numpy as np
from calculator import Approx, ShapeError, UnknownNameError, compute, last_digit, same_digits
from equation_reader import GENERIC, Equation, Finding, Reader
from formula_parser import NUMBER, Tree, names
from printed import MISSING

MOST_TRIED = 300  # of the numbers that names with several can have
SAYS_ROUNDED = re.compile("round|≈|四舍五入|舍入")
# Small print that makes up for it must then stand below every line that needs it
SAYS_EXACT = re.compile("the digits it needs|所需的?位数")
# An optimiser's constants, which an equation shows as numbers, and what it kept from before
CONSTANTS = re.compile(r"(lr|lr_t|lr_decay|[βμαελτγρt][₀-₉]?|.*_old|p|g|new|wd)")


class Checker(Reader):
    """What is wrong with the equations of one picture."""

    def __init__(self, svg: str, constants: dict[str, float] | None = None) -> None:
        super().__init__(svg, constants)
        self.rounded: list[Finding] = []
        self._check_parts()
        self._check_stated_shapes()
        for equation in self.unnumbered:
            if tree := self.parsed(equation.formulas[0], equation):
                self._check_shape(tree, equation)
        for equation in self.equations:
            self._check(equation)
            self._check_derivative(equation)
        text = " ".join(map(str, self.picture.captions))
        if SAYS_EXACT.search(text) or not SAYS_ROUNDED.search(text):
            self.findings += self.rounded

    def _check_stated_shapes(self) -> None:
        for key, name, cell in self.stated:
            known = self.shapes.get(name.rstrip("ᵀ"))
            wanted = known[::-1] if known and name.endswith("ᵀ") else known
            if wanted is not None and cell != "×".join(map(str, wanted or (1,))):
                self.report("shape", key, f"{name} {cell}", f"{wanted} by its own card")

    def _check_parts(self) -> None:
        for edge in self.picture.unread_edges:
            self.report("unparsed", "wire", edge, "between which cards?")
        parts = self.picture.parts()
        if len(parts) > 1:
            smallest = sorted(min(parts, key=len))
            self.report("disconnected", smallest[0], f"{len(parts)} parts", smallest[:5])

    def _check(self, equation: Equation) -> None:
        trees = [self.parsed(formula, equation) for formula in equation.formulas]
        numeric = [t for t in trees if t and not list(names(t))]
        symbolic = [t for t in trees if t and t not in numeric]
        if equation.result == [[MISSING]]:
            if numeric:
                self.report("off", equation.card, equation.line, "numbers for what is missing")
            return
        for tree in numeric:
            self.counts["numeric"] += 1
            value = compute(tree, lambda _: Approx(np.nan, 0.0)).centre
            if not same_digits(float(value), equation.result[0][0]):
                self.report("off", equation.card, equation.line, f"comes to {value:.12g}")
        for tree in symbolic:
            self.counts["symbolic"] += 1
            self._check_symbols(tree, equation, numeric)

    def _check_symbols(self, tree: Tree, equation: Equation, numeric: list[Tree]) -> None:
        tree = self._with_slope(tree, equation)
        self._check_shape(tree, equation)
        groupings = _groupings(tree)
        for i, grouping in enumerate(groupings):
            if self._names_hold(grouping, equation, numeric, last=i + 1 == len(groupings)):
                return

    def _with_slope(self, tree: Tree, equation: Equation) -> Tree:
        """f′(z) is of the f that the card has: LeakyReLU(z, 0.1)."""
        if tree[0] != "call" or not tree[1].endswith("′") or len(tree[2]) != 1:
            return tree
        for other in self.equations:
            for formula in other.formulas if other.card == equation.card else ():
                if m := re.fullmatch(rf"{tree[1][:-1]}\(.+, ({NUMBER})\)", formula):
                    return ("call", tree[1], (*tree[2], ("number", m[1])))
        return tree

    def _names_hold(self, tree: Tree, equation: Equation, numeric: list[Tree], last: bool) -> bool:
        """Whether a formula comes to its result; what is wrong with the last is reported."""
        used = list(dict.fromkeys(names(tree)))
        choices = {name: self.candidates(name, equation.card) for name in used}
        unknown = [name for name, found in choices.items() if not found]
        self._check_operands(tree, equation, numeric, choices)
        if numeric and GENERIC.search(equation.line) and equation.card not in self.tables:
            return True  # stands for the products in the line below
        if unknown:
            generic = GENERIC.search(equation.line) if numeric else None
            serious = [
                name
                for name in unknown
                if not CONSTANTS.fullmatch(name) and not (generic and name in generic.groups())
            ]
            if not numeric or serious:
                self.report("unknown name", equation.card, equation.line, ", ".join(unknown))
            return True
        verdicts = set()
        for chosen in itertools.islice(itertools.product(*choices.values()), MOST_TRIED):
            verdicts.add(self._verdict(tree, equation, dict(zip(used, chosen, strict=True))))
            if "exact" in verdicts:
                return True
        if "rounded" not in verdicts and not last:
            return False
        if "rounded" in verdicts:
            self.counts["rounded"] += 1
            if equation.strict:
                self.report("off", equation.card, equation.line, "not in its last digit")
            elif not numeric:
                self.rounded.append(Finding("rounded", equation.card, equation.line))
        elif not verdicts <= {"shape"}:
            self.report("wrong", equation.card, equation.line, f"with the numbers of {used}")
        else:
            self.report("shape", equation.card, equation.line)
        return True

    def _verdict(self, tree: Tree, equation: Equation, values: dict[str, Approx]) -> str:
        cells = [cell for row in equation.result for cell in row]
        try:
            for axis in (None, -1, 0):
                got = compute(tree, lambda name: _look_up(values, name), axis)
                if np.size(got.centre) == len(cells):
                    break
            centre = np.broadcast_to(got.centre, np.broadcast_shapes(got.shape, ())).ravel()
            radius = np.broadcast_to(got.radius, np.shape(got.centre)).ravel()
        except (ShapeError, ValueError):
            return "shape"
        if centre.size != len(cells):
            return "shape"
        if any(not re.fullmatch(rf"[-−]?{NUMBER}", cell) for cell in cells):
            return "exact"  # cut short: nothing to compare
        if all(map(same_digits, centre, cells)):
            return "exact"
        shown = [float(cell.replace("−", "-")) for cell in cells]
        slack = [last_digit(cell) * 0.51 for cell in cells]
        near = abs(centre - shown) <= radius * 1.01 + slack
        return "rounded" if np.all(near | ~np.isfinite(centre)) else "wrong"

    def _check_operands(
        self, tree: Tree, equation: Equation, numeric: list[Tree], choices: dict[str, list[Approx]]
    ) -> None:
        """Where numbers stand as names do in the formula above, each is the number of its name."""
        for other in numeric:
            for name, number in _pairs(tree, other) or ():
                found = choices.get(name)
                if not found or any(x.shape for x in found):
                    continue
                x = float(compute(number, lambda _: Approx(np.nan, 0.0)).centre)
                text = number[1][1] if number[0] == "neg" else number[1]
                unit = last_digit(text) * 0.51 if "." in text else 0.0
                if not any(
                    abs(x - v.centre) <= unit + v.radius * 1.02 or x == v.centre for v in found
                ):
                    self.report("operand", equation.card, equation.line, f"{name} is not {x}")

    def _check_derivative(self, equation: Equation) -> None:
        """∂A/∂B is what a small change of B in the printed formula of A gives."""
        m = re.fullmatch(r"∂(.+)/∂(.+)", equation.names[0] if equation.names else "")
        if equation.role != "loc" or not m or equation.result == [[MISSING]]:
            return
        by = self._head_of(equation.card) if m[2] in ("W", "w") else m[2]
        near = {equation.card} | self.picture.neighbours(equation.card)
        for other in sorted(self.equations, key=lambda e: e.card != equation.card):
            if other.card not in near or m[1] not in other.names or not other.formulas:
                continue
            tree = self.parsed(other.formulas[0], other)
            if not tree or by not in list(names(tree)):
                continue
            choices = {name: self.candidates(name, other.card) for name in names(tree)}
            if all(choices.values()) and not any(x.shape for c in choices.values() for x in c):
                self.counts["derivatives"] += 1
                if not self._slope_agrees(tree, by, choices, equation.result[0][0]):
                    self.report(
                        "wrong", equation.card, equation.line, f"derivative of {other.line}"
                    )
                return

    def _slope_agrees(
        self, tree: Tree, by: str, choices: dict[str, list[Approx]], result: str
    ) -> bool:
        """Whether the slope at one of the numbers that were rounded to the printed ones is it."""
        drawn = np.random.default_rng(0)
        shown = float(result)
        slack = last_digit(result) + 1e-5 * (1 + abs(shown))
        for chosen in itertools.islice(itertools.product(*choices.values()), 20):
            slopes: list[float] = []
            for trial in range(20):
                point = {
                    name: float(x.centre + (drawn.uniform(-1, 1) * x.radius if trial else 0.0))
                    for name, x in zip(choices, chosen, strict=True)
                }
                slopes += _slopes(tree, by, point)
                if np.nanmin(slopes) - slack <= shown <= np.nanmax(slopes) + slack:
                    return True
        return False

    def _head_of(self, key: str) -> str:
        lines = self.picture.cards[key].heading if key in self.picture.cards else []
        return lines[0].bold_words if lines else ""

    def _check_shape(self, tree: Tree, equation: Equation) -> None:
        """What is written multiplies, by the shapes on the cards."""
        if not any(name in self.shapes for name in names(tree)):
            return
        own = self.shapes.get(equation.names[0]) if equation.names else None
        zeros = {}
        for name in names(tree):
            shape = self.shapes.get(name)
            if shape is None:
                found = self.candidates(name, equation.card)
                if not found:
                    return
                shape = found[0].shape
            zeros[name] = Approx(np.zeros(shape), np.zeros(shape))
        self.counts["shapes"] += 1
        try:
            got = compute(tree, lambda name: _look_up(zeros, name)).shape
            for axis in (-1, 0):
                if own is not None and got != own:
                    got = compute(tree, lambda name: _look_up(zeros, name), axis).shape
        except (ShapeError, ValueError) as error:
            self.report("shape", equation.card, equation.line, error)
            return
        if own is not None and got != own:
            self.report("shape", equation.card, equation.line, f"{got} is written, {own} is said")


def check(svg: str) -> list[Finding]:
    """Everything about a picture that does not hold."""
    return Checker(svg).findings


def _groupings(tree: Tree) -> list[Tree]:
    """What a formula with gaps can mean: an operand that is cut short is a card's number.

    A sum of sums is written without brackets, so that each place can be the one that adds.
    """
    if not any(name[0] == "…" for name in names(tree)):
        return [tree]
    terms = _terms(tree)
    if len(terms) == 1:
        return [_whole(tree)]
    return [
        _whole((terms[k][0], _chain(terms[:k]), _chain(terms[k:])))
        for k in reversed(range(1, len(terms)))
    ]


def _terms(tree: Tree) -> list[tuple[str, Tree]]:
    if tree[0] in ("+", "-"):
        return [*_terms(tree[1]), (tree[0], tree[2])]
    return [("+", tree)]


def _chain(terms: list[tuple[str, Tree]]) -> Tree:
    tree = terms[0][1]
    for sign, term in terms[1:]:
        tree = (sign, tree, term)
    return tree


def _whole(tree: Tree) -> Tree:
    """The formula with each operand that is cut short as one gap."""
    gaps = itertools.count(1)

    def whole(operand: Tree) -> Tree:
        cut = any(name[0] == "…" for name in names(operand))
        return ("name", "…" * next(gaps)) if cut else operand

    if tree[0] == "name":
        return tree
    if tree[0] == "call":
        return ("call", tree[1], tuple(whole(t) for t in tree[2]))
    return (tree[0], *(whole(t) for t in tree[1:]))


def _slopes(tree: Tree, by: str, point: dict[str, float]) -> list[float]:
    """The central, right and left difference quotients."""
    h = 1e-6 * max(1.0, abs(point[by]))

    def at(shift: float) -> float:
        moved = {**point, by: point[by] + shift}
        return float(compute(tree, lambda name: Approx(moved[name], 0.0)).centre)

    low, middle, high = at(-h), at(0.0), at(h)
    return [(high - low) / (2 * h), (high - middle) / h, (middle - low) / h]


def _look_up(values: dict[str, Approx], name: str) -> Approx:
    if name not in values:
        raise UnknownNameError(name)
    return values[name]


def _pairs(names: Tree, numbers: Tree) -> list[tuple[str, Tree]] | None:
    """Which number stands where which name does; None if the formulas are built differently."""
    if names[0] == "name" and (
        numbers[0] == "number" or (numbers[0] == "neg" and numbers[1][0] == "number")
    ):
        return [(names[1], numbers)]
    if names[0] == "number":
        return [] if numbers == names else None
    if names[0] != numbers[0] or len(names) != len(numbers):
        return None
    if names[0] == "call":
        if names[1] != numbers[1] or len(names[2]) != len(numbers[2]):
            return None
        inner = zip(names[2], numbers[2], strict=True)
    else:
        inner = zip(names[1:], numbers[1:], strict=True)
    found: list[tuple[str, Tree]] = []
    for a, b in inner:
        pairs = _pairs(a, b)
        if pairs is None:
            return None
        found += pairs
    return found
