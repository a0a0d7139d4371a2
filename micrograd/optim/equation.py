"""An optimiser's rule as equations on paper: what one step made of one number.

`Optimizer.direction` computes; `Optimizer.equations` says the same as the papers have it, by
writing down one equation after the other on a `Paper`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from micrograd.optim.state import ParamGroup, State
from micrograd.text.equations import SYMBOLS, Expression, Quantity, spelled, symbolic
from micrograd.text.words import DIGITS, number

NEW = "new"  # the name of the parameter after the step
OLD = "{}_old"  # that of a number of the state before it


@dataclass(frozen=True)
class Equation:
    """`result = expression`; `state` is the entry of the optimiser's state that it is, or "".

    Later equations have the `result` of earlier ones as a quantity. `meaning` says what it is, in
    English; `words.word` has it in other languages.
    """

    result: Quantity
    expression: Expression
    state: str = ""
    meaning: str = ""

    @property
    def name(self) -> str:
        """What it gives, such as "m" or "new"."""
        return self.result.name

    @property
    def value(self) -> float:
        """What the optimiser really kept, where it keeps it."""
        return self.result.value

    def text(self) -> str:
        """The equation with names: `v = μ × v_old + g`."""
        return f"{self.name} = {_joined(symbolic(self.expression))}"

    def numbers(self, digits: int = DIGITS) -> str:
        """The equation with numbers, as many digits of each as its result needs."""
        result = number(self.value, digits)
        pieces = spelled(self.expression, result, digits)
        return " = ".join(filter(None, (self.name, _joined(pieces), result)))

    def __repr__(self) -> str:
        return f"<Equation: {self.text()}>"


def _joined(pieces: tuple[tuple[str, Any], ...]) -> str:
    return "".join(text for text, _ in pieces)


class Paper:
    """What the equations of a step are written on, and the quantities that they are written with.

    `p` and `g` are the parameter and its gradient, `rate` the learning rate.

    >>> paper = Paper(Quantity("p", 1.0), Quantity("g", 2.0), {}, {"b": 2.0}, {"lr": 0.1})
    >>> b = paper.let("b", 0.9 * paper.old("b") + paper.g, state="b")
    >>> [equation.text() for equation in paper.new(b)]
    ['b = 0.9 × b_old + g', 'new = p − lr × b']
    """

    def __init__(
        self, p: Quantity, g: Quantity, before: State, after: State, options: ParamGroup
    ) -> None:
        self.p = p
        self.g = g
        self._before = before
        self._after = after
        self._options = options
        self._equations: list[Equation] = []
        self.rate = self.chosen("lr", options["lr"])

    def chosen(self, symbol: str, x: float) -> Quantity:
        """A number that the user chose, or a count: printed in full."""
        return Quantity(symbol, float(x), exact=True, source=("chosen", symbol))

    def old(self, symbol: str, state: str = "", default: float = 0.0) -> Quantity:
        """A number of the state before the step."""
        x = float(self._before.get(state or symbol, default))
        return Quantity(OLD.format(symbol), x, source=("before", state or symbol))

    def count(self) -> Quantity:
        """t: how many steps there are with this one."""
        return self.chosen("t", self._after["step"])

    def let(
        self, symbol: str, expression: Expression, meaning: str = "", state: str = ""
    ) -> Quantity:
        """Write down an equation; returns what it gives."""
        value = self._after[state] if state else expression.value
        source = ("after", state) if state else ("equation", expression)
        result = Quantity(symbol, float(value), source=source)
        self._equations.append(Equation(result, expression, state, meaning))
        return result

    def uphill(self) -> Quantity:
        """The gradient, or its opposite where the loss is to be made larger."""
        if not self._options.get("maximize"):
            return self.g
        return self.let("u", -self.g, "uphill, as the loss is to be larger")

    def decayed(self) -> Quantity:
        """The gradient with weight decay, if there is any."""
        decay = self._options["weight_decay"]
        g = self.uphill()
        if not decay:
            return g
        total = g + self.chosen("λ", decay) * self.p
        return self.let("g_λ", total, "gradient with weight decay")

    def new(self, direction: Expression, rate: Quantity | None = None) -> tuple[Equation, ...]:
        """Write down the last equation, a step against the direction; returns all of them."""
        self.let(NEW, self.p - (rate or self.rate) * direction)
        return tuple(self._equations)


def quotient(a: Any, b: Any) -> Expression:
    """The expression a / b."""
    expression: Expression = SYMBOLS.div(a, b)
    return expression


def root(a: Any) -> Expression:
    """√a."""
    expression: Expression = SYMBOLS.sqrt(a)
    return expression


def squared(a: Any) -> Expression:
    """The expression a²."""
    expression: Expression = SYMBOLS.pow_static(a, 2.0)
    return expression
